//! Importing files: every format, encodings, mappings, labels, and everything that can be wrong with a file.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use handful::core::{NewText, Split, TaskKind};
use handful::io::import::{self, Batch, IMPORTERS, ImportError, Pick, ReadOptions, ReadReport, SinkError};

fn file(dir: &tempfile::TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn read_path(path: &Path, options: &ReadOptions) -> Result<(Vec<NewText>, ReadReport), ImportError> {
    let mut rows = Vec::new();
    let report = import::read(path, options, &mut |batch| {
        assert!(batch.rows.len() <= import::MAX_BATCH_ROWS);
        assert!(batch.bytes_read <= batch.bytes_total);
        rows.extend(batch.rows);
        Ok(())
    })?;
    assert_eq!(report.n_texts as usize, rows.len());
    assert!(rows.iter().all(|row| !row.body.trim().is_empty()));
    Ok((rows, report))
}

fn read(name: &str, bytes: impl AsRef<[u8]>, options: &ReadOptions) -> (Vec<NewText>, ReadReport) {
    let dir = tempfile::tempdir().unwrap();
    read_path(&file(&dir, name, bytes), options).unwrap()
}

fn bodies(rows: &[NewText]) -> Vec<&str> {
    rows.iter().map(|row| row.body.as_str()).collect()
}

/// `a|b` for two labels, `a > b` for a path, `-` for none of them, empty for unlabelled.
fn labels(row: &NewText) -> String {
    match &row.labels {
        None => String::new(),
        Some(paths) if paths.is_empty() => "-".to_owned(),
        Some(paths) => paths.iter().map(|path| path.join(" > ")).collect::<Vec<_>>().join("|"),
    }
}

fn lines(report: &ReadReport) -> Vec<Option<u64>> {
    report.problems.iter().map(|problem| problem.line).collect()
}

fn multi() -> ReadOptions {
    ReadOptions {
        task: Some(TaskKind::MultiLabel),
        ..ReadOptions::default()
    }
}

#[test]
fn the_same_table_reads_the_same_in_every_format() {
    let cases: &[(&str, &str)] = &[
        (
            "a.csv",
            "id,text,label,split\n1,\"one, two\",x,train\n2,\"three\nfour\",,test\n",
        ),
        (
            "b.csv",
            "id;text;label;split\r\n1;one, two;x;train\r\n2;\"three\nfour\";;test\r\n",
        ),
        (
            "c.tsv",
            "id\ttext\tlabel\tsplit\n1\tone, two\tx\ttrain\n2\t\"three\nfour\"\t\ttest",
        ),
        (
            "d.txt.psv",
            "id|text|label|split\n1|one, two|x|train\n2|\"three\nfour\"||test\n",
        ),
        (
            "e.jsonl",
            "{\"id\":1,\"text\":\"one, two\",\"label\":\"x\",\"split\":\"train\"}\n\n{\"id\":2,\"text\":\"three\\nfour\",\"label\":null,\"split\":\"dev\"}\n",
        ),
        (
            "f.json",
            " [ {\"id\":1,\"text\":\"one, two\",\"label\":\"x\",\"split\":\"train\"},\n {\"id\":2,\"text\":\"three\\nfour\"} ] ",
        ),
        (
            "g.json",
            "{\"id\":[1,2],\"text\":[\"one, two\",\"three\\nfour\"],\"label\":[\"x\",null],\"split\":[\"train\",null]}",
        ),
        (
            "h.json",
            "{\"text\":{\"0\":\"one, two\",\"1\":\"three\\nfour\"},\"label\":{\"0\":\"x\",\"1\":\"\"},\"id\":{\"0\":1,\"1\":2}}",
        ),
        (
            "i.json",
            "{\"version\":1,\"data\":[{\"id\":1,\"text\":\"one, two\",\"label\":\"x\"},{\"id\":2,\"text\":\"three\\nfour\"}]}",
        ),
        (
            "j.json",
            "{\"id\":1,\n\"text\":\"one, two\",\"label\":\"x\"}\n{\"id\":2,\n\"text\":\"three\\nfour\"}",
        ),
    ];
    for (name, content) in cases {
        let (rows, report) = read(name, content, &ReadOptions::default());
        assert_eq!(bodies(&rows), ["one, two", "three\nfour"], "{name}");
        assert_eq!(rows.iter().map(labels).collect::<Vec<_>>(), ["x", ""], "{name}");
        assert_eq!(rows[0].external_id.as_deref(), Some("1"), "{name}");
        assert_eq!(report.n_problems, 0, "{name}: {:?}", report.problems);
        assert_eq!(report.n_labelled, 1, "{name}");
    }
    let (rows, _) = read("a.csv", cases[0].1, &ReadOptions::default());
    assert_eq!(
        rows.iter().map(|row| row.split).collect::<Vec<_>>(),
        [Some(Split::Train), Some(Split::Test)]
    );
}

#[test]
fn plain_text_is_one_text_a_line() {
    let (rows, report) = read(
        "a.txt",
        "first, with a comma\r\n\r\n  indented\nid,text\nlast",
        &ReadOptions::default(),
    );
    assert_eq!(bodies(&rows), ["first, with a comma", "  indented", "id,text", "last"]);
    assert_eq!((report.format.as_str(), report.n_problems), ("txt", 0));
    let (rows, _) = read("old-mac.txt", "one\rtwo\rthree", &ReadOptions::default());
    assert_eq!(bodies(&rows), ["one", "two", "three"]);
}

#[test]
fn a_header_is_told_from_a_first_row() {
    let cases: &[(&str, bool)] = &[
        ("text,label\nhello there,x\n", true),
        (
            "ham,Go until jurong point crazy available only\nspam,Free entry in a weekly competition now\nham,Ok lar joking with you\n",
            false,
        ),
        (
            "Ergebnis,Wortlaut\nja,Der Zug nach Hannover war wieder vierzig Minuten verspaetet\nnein,Das Essen im Speisewagen war ausgezeichnet\n",
            true,
        ),
        ("stars,what\n5,good\n1,bad\n", true),
        ("1,good\n2,bad\n", false),
    ];
    for (content, has_header) in cases {
        let dir = tempfile::tempdir().unwrap();
        let preview = import::preview(&file(&dir, "a.csv", content), &ReadOptions::default()).unwrap();
        assert_eq!(preview.has_header, Some(*has_header), "{content}");
        let n_rows = content.lines().count() - usize::from(*has_header);
        assert_eq!(
            (preview.n_sampled, preview.n_rows_estimated),
            (n_rows, n_rows as u64),
            "{content}"
        );
    }
    let forced = ReadOptions {
        has_header: Some(false),
        text_column: Some("1".into()),
        ..ReadOptions::default()
    };
    let (rows, report) = read("a.csv", "text,label\nhello,x\n", &forced);
    assert_eq!(bodies(&rows), ["text", "hello"]);
    assert_eq!(report.mapping.text_column, "column 1");
}

#[test]
fn the_preview_shows_what_will_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut content = "uid,Review Text,rating,Category,subset\n".to_owned();
    for n in 0..3000 {
        content += &format!(
            "r{n},\"The room, number {}, was fine\",{},{},train\n",
            n % 1500,
            n % 5,
            ["good", "bad", ""][n % 3]
        );
    }
    let path = file(&dir, "reviews.csv", &content);
    let preview = import::preview(&path, &ReadOptions::default()).unwrap();
    assert_eq!(preview.mapping.text_column, "Review Text");
    assert_eq!(preview.mapping.label_columns, ["Category"]);
    assert_eq!(preview.mapping.split_column.as_deref(), Some("subset"));
    assert_eq!(preview.mapping.id_column.as_deref(), Some("uid"));
    assert_eq!(
        (preview.rows.len(), preview.n_sampled, preview.complete),
        (20, 1000, false)
    );
    assert_eq!(preview.rows[0].line, Some(2));
    assert_eq!(
        preview.rows[0].cells,
        ["r0", "The room, number 0, was fine", "0", "good", "train"]
    );
    assert_eq!(preview.rows[2].text.as_ref().map(labels).as_deref(), Some(""));
    assert!(
        (2800..3200).contains(&preview.n_rows_estimated),
        "{}",
        preview.n_rows_estimated
    );
    assert_eq!(preview.n_labelled, 667);
    assert_eq!(
        preview.labels,
        [(vec!["good".to_owned()], 334), (vec!["bad".to_owned()], 333)]
    );
    let category = preview.columns.iter().find(|column| column.name == "Category").unwrap();
    assert_eq!(
        (category.n_filled, category.n_rows, category.n_distinct),
        (667, 1000, 2)
    );
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        content,
        "the file is not touched"
    );
}

#[test]
fn labels_that_come_late_are_read_or_reported() {
    let mut table = "text,path,label,split\n".to_owned();
    let mut objects = String::new();
    for n in 0..1_500 {
        table += &format!("text {n},,,\n");
        objects += &format!("{{\"text\":\"text {n}\"}}\n");
    }
    let (rows, report) = read("a.csv", format!("{table}last,,x,test\n"), &ReadOptions::default());
    let last = rows.last().unwrap();
    assert_eq!(
        (labels(last).as_str(), last.split, report.n_labelled),
        ("x", Some(Split::Test), 1)
    );
    let (_, report) = read(
        "a.jsonl",
        format!("{objects}{{\"text\":\"last\",\"label\":\"x\",\"mood\":1}}"),
        &ReadOptions::default(),
    );
    assert_eq!((report.n_texts, report.n_problems), (1_501, 1));
    assert!(
        report.problems[0].message.contains("“label” first appears after"),
        "{:?}",
        report.problems
    );
}

#[test]
fn columns_can_be_chosen_and_refused() {
    let content = "id,title,text,label,topic\n7,T1,B1,x,u\n8,T2,B2,y,v\n";
    let options = ReadOptions {
        text_column: Some("Title".into()),
        label_columns: Some(vec!["label".into(), "topic".into()]),
        id_column: Pick::Nothing,
        split: Some(Split::Validation),
        ..ReadOptions::default()
    };
    let (rows, _) = read("a.csv", content, &options);
    assert_eq!(bodies(&rows), ["T1", "T2"]);
    assert_eq!(labels(&rows[0]), "x|u");
    assert_eq!(
        (rows[0].external_id.as_ref(), rows[0].split),
        (None, Some(Split::Validation))
    );
    let none = ReadOptions {
        label_columns: Some(Vec::new()),
        ..ReadOptions::default()
    };
    assert!(read("a.csv", content, &none).0.iter().all(|row| row.labels.is_none()));

    let dir = tempfile::tempdir().unwrap();
    let wrong = ReadOptions {
        text_column: Some("txet".into()),
        ..ReadOptions::default()
    };
    let error = read_path(&file(&dir, "a.csv", content), &wrong).unwrap_err();
    assert!(
        matches!(&error, ImportError::NoSuchColumn { wanted, .. } if wanted == "txet"),
        "{error}"
    );
    assert!(error.to_string().contains("title"), "{error}");
}

#[test]
fn label_cells_are_lists_or_separated() {
    let cases: &[(&str, &ReadOptions, &[&str])] = &[
        ("text,label\na,x|y\nb,y\nc,\n", &multi(), &["x|y", "y", ""]),
        ("text,label\na,x#y\nb,y\n", &multi(), &["x|y", "y"]),
        ("text,label\na,\"x, y\"\nb,y\nc,z\n", &multi(), &["x|y", "y", "z"]),
        (
            "text,label\na,\"Health, Beauty\"\nb,Garden\n",
            &multi(),
            &["Health, Beauty", "Garden"],
        ),
        ("text,label\na,x|y\nb,y\n", &ReadOptions::default(), &["x|y", "y"]),
        ("text,label\na,Sci/Tech\nb,World\n", &multi(), &["Sci/Tech", "World"]),
        (
            "text,label\na,\"[\"\"x\"\", \"\"y\"\"]\"\nb,[]\nc,\n",
            &ReadOptions::default(),
            &["x|y", "-", ""],
        ),
        (
            "text,label\na,\"['x', \"\"it's\"\"]\"\nb,[not a list\n",
            &ReadOptions::default(),
            &["x|it's", "[not a list"],
        ),
        (
            "text,label\na,x ~ y\nb, y \n",
            &ReadOptions {
                label_separator: Some("~".into()),
                ..ReadOptions::default()
            },
            &["x|y", "y"],
        ),
        (
            "text,joy,anger\na,1,0\nb,0,0\nc,1,1\nd,,\n",
            &ReadOptions {
                label_columns: Some(vec!["joy".into(), "anger".into()]),
                ..ReadOptions::default()
            },
            &["joy", "-", "joy|anger", ""],
        ),
    ];
    for (content, options, expected) in cases {
        let (rows, report) = read("a.csv", content, options);
        assert_eq!(
            rows.iter().map(labels).collect::<Vec<_>>(),
            *expected,
            "{content} {:?}",
            report.problems
        );
    }
    // One string with a bar is one label, unless several are asked for.
    let (rows, _) = read("a.csv", "text,label\na,x|y\n", &ReadOptions::default());
    assert_eq!(rows[0].labels, Some(vec![vec!["x|y".to_owned()]]));
}

#[test]
fn json_labels_distinguish_none_from_unlabelled() {
    let content = r#"{"text":"a","labels":["x","y","x"]}
{"text":"b","labels":[]}
{"text":"c","labels":null}
{"text":"d"}
{"text":"e","labels":""}
{"text":"f","labels":3}
{"text":"g","labels":[" z "]}
{"text":"h","labels":[{"name":"z"}]}
{"text":"i","labels":["x",""]}"#;
    let (rows, report) = read("a.jsonl", content, &ReadOptions::default());
    assert_eq!(
        rows.iter().map(labels).collect::<Vec<_>>(),
        ["x|y", "-", "", "", "", "3", "z", "", ""]
    );
    assert_eq!(lines(&report), [Some(8), Some(9)]);
    let single = ReadOptions {
        task: Some(TaskKind::SingleLabel),
        ..ReadOptions::default()
    };
    let (rows, report) = read("a.jsonl", content, &single);
    assert_eq!(
        rows.iter().map(labels).collect::<Vec<_>>(),
        ["", "", "", "", "", "3", "z", "", ""]
    );
    assert_eq!(lines(&report), [Some(1), Some(8), Some(9)]);
}

#[test]
fn paths_come_as_lists_or_strings() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "a.jsonl",
            r#"{"text":"a","path":["Home","Kitchen"]}"#,
            &["Home > Kitchen"],
        ),
        (
            "a.jsonl",
            r#"{"text":"a","path":[["Home","Kitchen"],["Sale"]]}"#,
            &["Home > Kitchen|Sale"],
        ),
        (
            "a.jsonl",
            r#"{"text":"a","path":["Home > Kitchen","Sale > Now"]}"#,
            &["Home > Kitchen|Sale > Now"],
        ),
        (
            "a.jsonl",
            "{\"text\":\"a\",\"path\":\"Home > TV/Audio\"}\n{\"text\":\"b\",\"path\":\"TV/Audio\"}",
            &["Home > TV/Audio", "TV/Audio"],
        ),
        (
            "a.csv",
            "text,path\na,Home/Kitchen/Knives\nb,Home\nc,\n",
            &["Home > Kitchen > Knives", "Home", ""],
        ),
        (
            "a.csv",
            "text,path\na,\"[[\"\"Home\"\",\"\"Kitchen\"\"]]\"\nb,[]\n",
            &["Home > Kitchen", "-"],
        ),
    ];
    for (name, content, expected) in cases {
        let (rows, report) = read(name, content, &ReadOptions::default());
        assert_eq!(rows.iter().map(labels).collect::<Vec<_>>(), *expected, "{content}");
        assert_eq!(
            rows[0].labels.as_ref().unwrap()[0].len(),
            expected[0].split('|').next().unwrap().split(" > ").count()
        );
        assert_eq!(report.n_problems, 0, "{content} {:?}", report.problems);
    }
    let deep = format!(r#"{{"text":"a","path":{:?}}}"#, vec!["x"; 17]);
    let (rows, report) = read(
        "a.jsonl",
        format!("{deep}\n{{\"text\":\"b\",\"path\":[\"x\",\"\"]}}"),
        &ReadOptions::default(),
    );
    assert_eq!(
        (rows.iter().map(labels).collect::<Vec<_>>(), lines(&report)),
        (vec![String::new(); 2], vec![Some(1), Some(2)])
    );
}

#[test]
fn columns_of_levels_are_paths_that_may_end_early() {
    let content = "text,level 1,level 2,level 3\na,Home,Kitchen,Knives\nb,Home,Kitchen,\nc,,,\nd,Home,,Knives\n";
    let (rows, report) = read("t.csv", content, &ReadOptions::default());
    assert_eq!(report.mapping.level_columns, ["level 1", "level 2", "level 3"]);
    let found: Vec<String> = rows.iter().map(labels).collect();
    assert_eq!(found, ["Home > Kitchen > Knives", "Home > Kitchen", "", ""]);
    assert_eq!(lines(&report), [Some(5)]);
    assert!(
        report.problems[0].message.starts_with("level 2 is blank"),
        "{:?}",
        report.problems
    );
    let options = ReadOptions {
        level_columns: Some(vec!["fine".into(), "coarse".into()]),
        ..ReadOptions::default()
    };
    let (rows, _) = read("t.csv", "text,coarse,fine\na,x,y\n", &options);
    assert_eq!(labels(&rows[0]), "y > x", "in the order given");
    // A path column says it all; one column that counts is no tree.
    let (_, report) = read(
        "t.csv",
        "text,path,level1,level2\na,A > B,x,y\n",
        &ReadOptions::default(),
    );
    assert!(report.mapping.level_columns.is_empty());
    let (_, report) = read("t.csv", "text,label,level1\na,A,x\n", &ReadOptions::default());
    assert_eq!(
        (report.mapping.label_columns.len(), report.mapping.level_columns.len()),
        (1, 0)
    );
}

#[test]
fn exports_of_label_studio_hold_paths() {
    let task = |id: u32, paths: &str| {
        format!(
            r#"{{"id":{id},"data":{{"text":"text {id}"}},"annotations":[{{"result":[{{"type":"taxonomy","value":{{"taxonomy":{paths}}}}}]}}]}}"#
        )
    };
    let tasks = [
        task(1, r#"[["Home","Kitchen"],["Gifts"]]"#),
        task(2, r#"[["Home"],["Home","Kitchen"]]"#),
        r#"{"id":3,"data":{"text":"text 3"},"annotations":[]}"#.to_owned(),
    ];
    for (name, content) in [
        ("t.json", format!("[{}]", tasks.join(","))),
        ("t.jsonl", tasks.join("\n")),
    ] {
        let (rows, _) = read(name, &content, &multi());
        let found: Vec<String> = rows.iter().map(labels).collect();
        assert_eq!(found, ["Home > Kitchen|Gifts", "Home|Home > Kitchen", ""], "{name}");
        assert_eq!(rows[1].external_id.as_deref(), Some("2"));
        let single = ReadOptions {
            task: Some(TaskKind::SingleLabel),
            ..ReadOptions::default()
        };
        let (rows, report) = read(name, &content, &single);
        assert_eq!(
            labels(&rows[1]),
            "Home > Kitchen",
            "a path beside its own beginning is one answer"
        );
        assert_eq!(report.n_problems, 1, "two answers are one too many");
    }
    let min =
        r#"[{"text":"a","topic":[{"taxonomy":[["Home","Kitchen"]]}]},{"text":"b","topic":{"choices":["x","y"]}}]"#;
    let (rows, _) = read("t.json", min, &multi());
    assert_eq!(labels(&rows[0]), "Home > Kitchen");
    assert_eq!(labels(&rows[1]), "x|y");
}

#[test]
fn encodings_are_found_out_or_chosen() {
    let content = "text,label\nCaffè già pagato perché sì,Città\n";
    let latin1: Vec<u8> = content.chars().map(|c| c as u8).collect();
    let utf16 = |big: bool| {
        content
            .encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect::<Vec<u8>>()
    };
    let with = |mark: &[u8], rest: &[u8]| [mark, rest].concat();
    let late = [
        b"text,label\n".to_vec(),
        b"plain words only,x\n".repeat(40_000),
        latin1[11..].to_vec(),
    ]
    .concat();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (content.into(), "utf-8"),
        (with(b"\xEF\xBB\xBF", content.as_bytes()), "utf-8"),
        (with(b"\xFF\xFE", &utf16(false)), "utf-16le"),
        (with(b"\xFE\xFF", &utf16(true)), "utf-16be"),
        (utf16(false), "utf-16le"),
        (utf16(true), "utf-16be"),
        (latin1.clone(), "windows-1252"),
        (late, "windows-1252"),
    ];
    for (bytes, encoding) in cases {
        let (rows, report) = read("a.csv", &bytes, &ReadOptions::default());
        let last = rows.last().unwrap();
        assert_eq!(
            (last.body.as_str(), labels(last).as_str()),
            ("Caffè già pagato perché sì", "Città"),
            "{encoding}"
        );
        assert_eq!((report.encoding.as_str(), report.n_problems), (encoding, 0));
        assert_eq!(report.mapping.text_column, "text", "the mark is no part of the name");
    }
    for name in ["latin-1", "Latin1", "ISO-8859-1", "cp1252"] {
        let chosen = ReadOptions {
            encoding: Some(name.into()),
            ..ReadOptions::default()
        };
        assert_eq!(
            bodies(&read("a.csv", &latin1, &chosen).0),
            ["Caffè già pagato perché sì"],
            "{name}"
        );
    }
    let russian: &[u8] = b"text\n\xcf\xf0\xe8\xe2\xe5\xf2, \xea\xe0\xea \xf3 \xf2\xe5\xe1\xff \xe4\xe5\xeb\xe0 \xf1\xe5\xe3\xee\xe4\xed\xff\n";
    assert_eq!(
        bodies(
            &read(
                "a.csv",
                russian,
                &ReadOptions {
                    delimiter: Some(';'),
                    ..ReadOptions::default()
                }
            )
            .0
        ),
        ["Привет, как у тебя дела сегодня"]
    );

    let dir = tempfile::tempdir().unwrap();
    let unknown = ReadOptions {
        encoding: Some("utf-9".into()),
        ..ReadOptions::default()
    };
    let error = read_path(&file(&dir, "a.csv", content), &unknown)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("utf-9") && error.contains("utf-16le") && error.contains("latin-1"),
        "{error}"
    );
}

#[test]
fn bytes_outside_the_encoding_are_listed_by_line() {
    let bytes =
        b"text\nperch\xC3\xA9 s\xC3\xAC e cos\xC3\xAC, pi\xC3\xB9 o gi\xC3\xB9, \xC3\xA8 l\xC3\xA0\nbad \xFF\xFE here\nfine\nbad \xC3\n".to_vec();
    let (rows, report) = read("a.csv", bytes, &ReadOptions::default());
    assert_eq!(
        bodies(&rows),
        [
            "perché sì e così, più o giù, è là",
            "bad \u{FFFD}\u{FFFD} here",
            "fine",
            "bad \u{FFFD}"
        ]
    );
    assert_eq!(
        (report.encoding.as_str(), lines(&report)),
        ("utf-8", vec![Some(3), Some(5)])
    );
}

#[test]
fn a_single_column_may_hold_every_delimiter() {
    let (rows, report) = read(
        "a.csv",
        "text\nyes, and no\nwell\nso; what, then\n",
        &ReadOptions::default(),
    );
    assert_eq!(
        (bodies(&rows), report.n_problems),
        (vec!["yes, and no", "well", "so; what, then"], 0)
    );
}

#[test]
fn what_is_wrong_with_a_row_is_listed_by_line_and_the_rest_is_imported() {
    let options = ReadOptions::default();
    let cases: &[(&str, &str, &[&str], &[u64])] = &[
        // A quoted line end counts as a line, so later numbers stay right.
        (
            "a.csv",
            "text,label\n\"one\n\nmore\",x\n,y\nlast,z\n",
            &["one\n\nmore", "last"],
            &[5],
        ),
        (
            "a.csv",
            "text,label\r\n\"one\r\nmore\",x\r\n,y\r\nlast,z\r\n",
            &["one\r\nmore", "last"],
            &[4],
        ),
        (
            "a.csv",
            "text,label\na,x\nb, with a comma,x\nc,x\nonly\n",
            &["a", "c", "only"],
            &[3, 5],
        ),
        ("a.csv", "text,label\na,x,\nb,x,,\n", &["a", "b"], &[]),
        (
            "a.csv",
            "text,label\na,x\n\"lone,x\nb,x\n\"c\",x\nd,x\n",
            &["a", "\"lone", "b", "c", "d"],
            &[3],
        ),
        (
            "a.csv",
            "text,label\na,x\nb,x\n\"never closed,x\nc,x\n",
            &["a", "b", "\"never closed", "c"],
            &[4],
        ),
        (
            "a.csv",
            "text,label\n5\" screen,x\n\"say \"\"hi\"\"\",x\n\"odd\" end,x\n",
            &["5\" screen", "say \"hi\"", "odd end"],
            &[],
        ),
        ("a.csv", "text,label,label\na,x,y\n", &["a"], &[1]),
        ("a.csv", "text,split\na,train\nb,holdout\n", &["a", "b"], &[3]),
        ("a.csv", "text,label\na\0b,x\n\0,y\n", &["ab"], &[2, 3, 3]),
        (
            "a.jsonl",
            "{\"text\":\"a\"}\n{\"text\":\"b\"\n\n[1]\n{\"text\":\"\"}\nnonsense\n{\"text\":[1]}\n\"c\"",
            &["a", "c"],
            &[2, 4, 5, 6, 7],
        ),
        (
            "a.json",
            "[{\"text\":\"a\"},\n{\"text\":\"b\",},\n{\"text\":\"broken},\n{\"text\":\"c\"},\n12,\n{\"text\":\"d\"}\n",
            &["a", "c", "d"],
            &[2, 3, 5, 7],
        ),
        ("a.json", "[{\"text\":\"a\"},\n{\"text\":\"cut off", &["a"], &[2, 2]),
        ("a.json", "[{\"text\":\"a\"}]\nmore", &["a"], &[2]),
        ("a.json", "[{\"text\":\"a\"}, }, {\"text\":\"b\"}]", &["a", "b"], &[1]),
    ];
    for (name, content, expected, wrong) in cases {
        let (rows, report) = read(name, content, &options);
        assert_eq!(bodies(&rows), *expected, "{content:?} {:?}", report.problems);
        let wrong: Vec<_> = wrong.iter().copied().map(Some).collect();
        assert_eq!(lines(&report), wrong, "{content:?} {:?}", report.problems);
        assert_eq!(report.n_problems as usize, wrong.len(), "{content:?}");
    }
}

#[test]
fn a_cell_of_more_than_ten_megabytes_is_skipped_and_named() {
    let big = "x ".repeat(5_000_001);
    let fits = "y".repeat(9_999_999);
    let cases = [
        ("a.csv", format!("text,label\na,x\n\"{big}\",x\n{fits},x\nb,x\n")),
        ("a.txt", format!("a\n\n{big}\n{fits}\nb\n")),
        (
            "a.jsonl",
            format!("{{\"text\":\"a\"}}\n\n{{\"text\":\"{big}\"}}\n{{\"text\":\"{fits}\"}}\n{{\"text\":\"b\"}}\n"),
        ),
        (
            "a.json",
            format!("[{{\"text\":\"a\"}},\n\n{{\"text\":\"{big}\"}},\n{{\"text\":\"{fits}\"}},\n{{\"text\":\"b\"}}]\n"),
        ),
    ];
    for (name, content) in cases {
        let (rows, report) = read(name, content, &ReadOptions::default());
        assert_eq!(
            rows.iter().map(|row| row.body.len()).collect::<Vec<_>>(),
            [1, 9_999_999, 1],
            "{name}"
        );
        assert_eq!(
            (lines(&report), report.n_skipped),
            (vec![Some(3)], 1),
            "{name} {:?}",
            report.problems
        );
        assert!(
            report.problems[0].message.contains("10 MB"),
            "{}",
            report.problems[0].message
        );
    }
}

#[test]
fn all_problems_are_counted_and_a_thousand_listed() {
    let mut content = "text,label\n".to_owned();
    content += &",x\n".repeat(2_500);
    content += "last,x\n";
    let (rows, report) = read(
        "a.csv",
        content,
        &ReadOptions {
            text_column: Some("text".into()),
            ..ReadOptions::default()
        },
    );
    assert_eq!(
        (rows.len(), report.n_problems, report.problems.len(), report.n_skipped),
        (1, 2_500, 1_000, 2_500)
    );
}

#[test]
fn what_cannot_be_imported_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str, bytes: &[u8]| read_path(&file(&dir, name, bytes), &ReadOptions::default()).unwrap_err();
    for (name, content) in [
        ("a.csv", ""),
        ("b.csv", " \r\n\n"),
        ("c.csv", "text,label\n"),
        ("d.json", "[]"),
        ("e.txt", "\n\n"),
        ("f.jsonl", "\u{FEFF}"),
    ] {
        let error = at(name, content.as_bytes());
        assert!(matches!(error, ImportError::Empty { .. }), "{name}: {error}");
        assert!(error.to_string().contains("nothing to import"));
    }
    let missing = read_path(&dir.path().join("missing.csv"), &ReadOptions::default()).unwrap_err();
    assert!(matches!(missing, ImportError::Missing { .. }), "{missing}");
    let folder = import::preview(dir.path(), &ReadOptions::default()).unwrap_err();
    assert!(
        matches!(folder, ImportError::NotAFile { what: "a folder", .. }),
        "{folder}"
    );
    assert!(matches!(at("a.xlsx", b"PK\x03\x04rest"), ImportError::NotText { .. }));
    assert!(matches!(
        at("a.csv", &[0, 1, 2, 3, 7, 200, 0, 8, 14, 0, 0, 3, 5, 9, 4, 0, 255, 1, 2]),
        ImportError::NotText { .. }
    ));
    assert!(matches!(at("a.json", b"{\"a\": 1}"), ImportError::JsonShape { .. }));
    assert!(matches!(
        at("a.json", b"{\"text\": [\"a\"], \"label\": []}"),
        ImportError::JsonShape { .. }
    ));
    assert!(matches!(at("b.json", b"hello"), ImportError::JsonShape { .. }));
    let path = file(&dir, "a.csv", "text\nhello\n");
    let format = ReadOptions {
        format: Some("docx".into()),
        ..ReadOptions::default()
    };
    assert!(
        read_path(&path, &format)
            .unwrap_err()
            .to_string()
            .contains("csv, jsonl, json, txt")
    );
    let delimiter = ReadOptions {
        delimiter: Some('"'),
        ..ReadOptions::default()
    };
    assert!(matches!(
        read_path(&path, &delimiter).unwrap_err(),
        ImportError::BadDelimiter { .. }
    ));
}

#[test]
fn a_file_without_one_good_row_lists_its_problems() {
    let (rows, report) = read("a.jsonl", "nonsense\n{\n", &ReadOptions::default());
    assert_eq!((rows.len(), lines(&report)), (0, vec![Some(1), Some(2)]));
}

#[test]
fn batches_are_bounded_report_progress_and_can_be_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "a.txt", "a line of text\n".repeat(2_500));
    let mut sizes = Vec::new();
    let mut read = Vec::new();
    import::read(&path, &ReadOptions::default(), &mut |batch: Batch| {
        sizes.push(batch.rows.len());
        read.push(batch.bytes_read);
        Ok(())
    })
    .unwrap();
    assert_eq!(sizes, [1000, 1000, 500]);
    assert_eq!(read, [15_000, 30_000, 37_500]);
    let mut n = 0;
    let stopped = import::read(&path, &ReadOptions::default(), &mut |_| {
        n += 1;
        if n == 2 { Err(SinkError::Cancelled) } else { Ok(()) }
    });
    assert!(matches!(stopped.unwrap_err(), ImportError::Cancelled { n_texts: 2000 }));
    let failed = import::read(&path, &ReadOptions::default(), &mut |_| {
        Err(SinkError::Failed("disk full".into()))
    })
    .unwrap_err();
    assert!(failed.to_string().contains("disk full"), "{failed}");
}

#[test]
fn every_importer_survives_the_malformed_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import");
    let mut n = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        for format in IMPORTERS
            .iter()
            .map(|importer| Some(importer.id.to_owned()))
            .chain([None])
        {
            let options = ReadOptions {
                format,
                ..ReadOptions::default()
            };
            let seen = import::preview(&path, &options);
            let all = read_path(&path, &options);
            assert_eq!(seen.is_ok(), all.is_ok(), "{} {options:?}", path.display());
            if let (Ok(seen), Ok((rows, report))) = (seen, all) {
                let previewed: Vec<_> = seen.rows.into_iter().filter_map(|row| row.text).collect();
                assert_eq!(
                    previewed,
                    rows.into_iter().take(previewed.len()).collect::<Vec<_>>(),
                    "{}",
                    path.display()
                );
                assert_eq!(seen.n_problems, report.n_problems, "{} {options:?}", path.display());
            }
            n += 1;
        }
    }
    assert!(n >= 5 * 10, "{n}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_an_importer_panic(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400),
        text in "[\\[\\]{}\",:;|\t\n\r\\\\a0é\u{0}' >/#-]{0,300}",
        format in 0..5_usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let options = ReadOptions { format: IMPORTERS.get(format).map(|importer| importer.id.to_owned()), ..multi() };
        for content in [bytes.as_slice(), text.as_bytes()] {
            let path = file(&dir, "any.csv", content);
            let n_lines = 1 + content.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64 + content.len() as u64 / 2;
            if let Ok((_, report)) = read_path(&path, &options) {
                proptest::prop_assert!(report.problems.iter().filter_map(|problem| problem.line).all(|line| line >= 1 && line <= n_lines));
            }
            let _ = import::preview(&path, &options);
        }
    }

    #[test]
    fn any_cells_written_as_csv_are_read_back(cells in proptest::collection::vec(("[ -~\n\r\"é,;]{0,40}", "[a-z]{1,5}"), 1..30)) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["text", "label"]).unwrap();
        for (text, label) in &cells {
            writer.write_record([text, label]).unwrap();
        }
        let (rows, _) = read("a.csv", writer.into_inner().unwrap(), &ReadOptions {
            text_column: Some("text".into()), label_columns: Some(vec!["label".into()]), delimiter: Some(','), has_header: Some(true),
            encoding: Some("utf-8".into()), ..ReadOptions::default()
        });
        let expected: Vec<_> = cells.iter().filter(|(text, _)| !text.trim().is_empty()).map(|(text, label)| (text.clone(), label.clone())).collect();
        let got: Vec<_> = rows.iter().map(|row| (row.body.clone(), labels(row))).collect();
        proptest::prop_assert_eq!(got, expected);
    }
}

/// Both parts of each row, and what else the report says of the columns.
fn pairs_of(name: &str, bytes: &str, options: &ReadOptions) -> Vec<(String, Option<String>)> {
    let (rows, _) = read(name, bytes, options);
    rows.into_iter().map(|row| (row.body, row.second)).collect()
}

#[test]
fn pairs_of_texts_are_found_by_their_columns_names_in_every_format() {
    let pair = [("it rains".to_owned(), Some("the street is wet".to_owned()))];
    for (first, second) in [
        ("premise", "hypothesis"),
        ("Sentence1", "Sentence2"),
        ("text", "text_pair"),
        ("question", "passage"),
        ("question 1", "Question2"),
    ] {
        let found = first != "question 1";
        let csv = format!("id,{second},{first},label\n1,the street is wet,it rains,yes\n");
        let json = format!("{{\"{first}\": \"it rains\", \"{second}\": \"the street is wet\", \"label\": \"yes\"}}");
        for (name, bytes) in [
            ("a.csv", csv.clone()),
            ("a.tsv", csv.replace(',', "\t")),
            ("a.jsonl", format!("{json}\n")),
            ("a.json", format!("[{json}]")),
        ] {
            let read = pairs_of(name, &bytes, &ReadOptions::default());
            assert_eq!(read == pair, found, "{name}: {read:?}");
        }
    }
}

#[test]
fn the_column_of_the_second_text_can_be_chosen_and_refused() {
    let csv = "premise,hypothesis,other\nit rains,the street is wet,the sun shines\n";
    let options = |text: Option<&str>, second: Pick| ReadOptions {
        text_column: text.map(str::to_owned),
        second_column: second,
        ..ReadOptions::default()
    };
    let column = |name: &str| Pick::Column(name.to_owned());
    for (options, first, second) in [
        (options(None, Pick::Guess), "it rains", Some("the street is wet")),
        (
            options(Some("premise"), Pick::Guess),
            "it rains",
            Some("the street is wet"),
        ),
        (options(Some("hypothesis"), Pick::Guess), "the street is wet", None),
        (options(Some("premise"), Pick::Nothing), "it rains", None),
        (
            options(None, column("hypothesis")),
            "it rains",
            Some("the street is wet"),
        ),
        (
            options(Some("premise"), column("other")),
            "it rains",
            Some("the sun shines"),
        ),
        (options(Some("3"), column("1")), "the sun shines", Some("it rains")),
    ] {
        let expected = (first.to_owned(), second.map(str::to_owned));
        assert_eq!(pairs_of("a.csv", csv, &options), [expected], "{options:?}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "a.csv", csv);
    for (options, said) in [
        (
            options(Some("premise"), column("premise")),
            "cannot be both texts of a pair",
        ),
        (options(None, column("nothing")), "nothing"),
    ] {
        let error = read_path(&path, &options).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_pair_without_a_second_text_is_skipped_and_said() {
    let csv = "premise,hypothesis\nit rains,the street is wet\nit rains,\n,the sun shines\n";
    let (rows, report) = read("a.csv", csv, &ReadOptions::default());
    assert_eq!((rows.len(), report.n_skipped), (1, 2));
    assert_eq!(lines(&report), [Some(3), Some(4)]);
    let said: Vec<&str> = report.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert!(
        said[0].contains("second text is empty") && said[1].contains("the text is empty"),
        "{said:?}"
    );
    // A second text of which the first thousand rows know nothing.
    let mut late = "{\"premise\": \"it rains\"}\n".repeat(1_200);
    late.push_str("{\"premise\": \"it snows\", \"hypothesis\": \"it is cold\"}\n");
    let (_, report) = read("late.jsonl", late, &ReadOptions::default());
    let said = &report.problems.last().unwrap().message;
    assert!(said.contains("“hypothesis” first appears"), "{said}");
}
