//! A [`Report`] as text for a terminal, laid out like scikit-learn's `classification_report`.
//!
//! Not here: computing anything. Undefined figures are shown as –.

use std::fmt::Write as _;

use super::TaskKind;
use super::metrics::{Averages, Counts, Imbalance, Interval, METRICS, Metric, PathOutcome, Report};
use super::slices::{SliceBy, SliceReport};

/// How many mixed-up pairs are listed.
const N_CONFUSED: usize = 8;

/// Label names longer than this are cut.
const MAX_NAME: usize = 40;

/// The whole report, lines ended by `\n`: headline figures, a table of labels with averages, and what was mixed up.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    render_headline(report, &mut out);
    out.push('\n');
    render_labels(report, &mut out);
    render_levels(report, &mut out);
    render_confused(report, &mut out);
    for caution in cautions(report) {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\nNote: {caution}");
    }
    out
}

/// A figure with three decimals, or – where it is undefined.
pub fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_string(), |value| format!("{value:.3}"))
}

/// Where the headline misleads, in sentences.
pub fn cautions(report: &Report) -> Vec<String> {
    let mut cautions = Vec::new();
    if let (Some(accuracy), Some(guess)) = (report.accuracy, report.constant_guess_accuracy)
        && report.n_texts > 1
        && accuracy <= guess
    {
        cautions.push(format!(
            "always giving the most frequent answer would be right for {:.1} % of the texts, this model is for {:.1} %.",
            100.0 * guess,
            100.0 * accuracy
        ));
    } else if let (Some(accuracy), Some(macro_f1)) = (report.accuracy, report.macro_.f1)
        && report.task == TaskKind::SingleLabel
        && accuracy - macro_f1 > 0.1
    {
        cautions.push("accuracy is far above macro F1: rare labels do worse than the headline says.".to_string());
    }
    cautions.extend(imbalance(report));
    let unseen: Vec<&str> = report
        .labels
        .iter()
        .filter(|label| label.support == 0)
        .map(|label| label.label.as_str())
        .collect();
    if !unseen.is_empty() && report.n_texts > 0 {
        cautions.push(format!(
            "no text here carries {}: nothing can be said about recall.",
            listed(&unseen)
        ));
    }
    cautions
}

/// How uneven the labels are, and what an answer that ignores the texts would score.
fn imbalance(report: &Report) -> Option<String> {
    let Imbalance {
        most,
        n_most,
        fewest,
        n_fewest,
    } = report.imbalance.as_ref()?;
    let guess = &report.constant_guess;
    let labels = guess.answer.iter().filter_map(|at| report.labels.get(*at));
    let names: Vec<&str> = labels.map(|label| label.label.as_str()).collect();
    let answer = match names.as_slice() {
        [] => "giving no label".to_owned(),
        names => format!("answering {}", listed(names)),
    };
    let accuracy = accuracy_title(report);
    Some(format!(
        "labels are imbalanced: {n_most} texts carry {most}, {n_fewest} {fewest}. Always {answer} would score {} {accuracy} and {} macro F1; \
         judge by macro F1 and by each label's own figures.",
        figure(guess.accuracy),
        figure(guess.macro_f1)
    ))
}

/// What the share of texts that are exactly right is called in this report, in small letters.
pub fn accuracy_title(report: &Report) -> &'static str {
    match report.task {
        _ if report.hierarchy.is_some() => "path accuracy",
        TaskKind::SingleLabel => "accuracy",
        TaskKind::MultiLabel => "subset accuracy",
    }
}

fn listed(names: &[&str]) -> String {
    match names {
        [first, second, _, _, ..] => format!("{first}, {second} and {} more", names.len() - 2),
        few => few.join(", "),
    }
}

/// Named figures that the table of labels shows anyway, or that say the same as another.
fn is_elsewhere(metric: &Metric, task: TaskKind) -> bool {
    let averaged = ["macro_", "micro_", "weighted_", "samples_"].iter().any(|average| {
        let rest = metric.id.strip_prefix(average);
        matches!(rest, Some("precision" | "recall" | "f0_5" | "f2"))
    });
    averaged || task == TaskKind::SingleLabel && matches!(metric.id, "hamming_loss" | "micro_f1" | "micro_jaccard")
}

fn render_headline(report: &Report, out: &mut String) {
    let known = METRICS.iter().filter(|metric| metric.is_in(report));
    let shown: Vec<_> = known
        .filter(|metric| !is_elsewhere(metric, report.task) && !metric.is_repeated_in(report))
        .collect();
    let titles = shown.iter().map(|metric| metric.title.chars().count());
    let width = titles.max().unwrap_or(0).max("Texts".len());
    let spread = report.intervals.as_ref().map_or_else(String::new, |intervals| {
        let percent = 100.0 * intervals.level;
        format!("  {percent:.0} % interval, {} resamples", intervals.n_resamples)
    });
    let _ = writeln!(out, "{:<width$}  {:>7}{spread}", "Texts", report.n_texts);
    for metric in shown {
        let interval = report.intervals.as_ref().and_then(|intervals| intervals.of(metric));
        let spread = interval.map_or(String::new(), |i| format!("  {:.3} to {:.3}", i.low, i.high));
        let _ = writeln!(
            out,
            "{:<width$}  {:>7}{spread}",
            metric.title,
            figure((metric.value)(report))
        );
    }
}

fn render_levels(report: &Report, out: &mut String) {
    let Some(hierarchy) = &report.hierarchy else { return };
    let _ = writeln!(
        out,
        "\nLevel  labels  texts  accuracy  precision  recall      f1  (macro)"
    );
    for level in &hierarchy.levels {
        let [accuracy, precision, recall, f1] = [
            level.accuracy,
            level.macro_.precision,
            level.macro_.recall,
            level.macro_.f1,
        ]
        .map(figure);
        let _ = writeln!(
            out,
            "{:<5}  {:>6}  {:>5}  {accuracy:>8}  {precision:>9}  {recall:>6}  {f1:>6}",
            level.level, level.n_labels, level.n_texts
        );
    }
    out.push_str("\nPaths\n");
    for outcome in PathOutcome::ALL {
        let (n, share) = (hierarchy.errors.of(outcome), hierarchy.errors.share(outcome));
        let percent = share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share));
        let _ = writeln!(out, "{:<24}  {n:>6}  {percent:>7}  {}", outcome.title(), outcome.help());
    }
}

/// Slices of one kind as a table, those notably below the whole marked.
pub fn render_slices(by: SliceBy, slices: &[SliceReport], whole: &Report) -> String {
    let mut out = String::new();
    let names: Vec<String> = slices.iter().map(|slice| cut(&slice.title())).collect();
    let head = format!("By {}", by.title().to_lowercase());
    let width = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0)
        .max(head.chars().count());
    let accuracy = accuracy_title(whole);
    let _ = writeln!(out, "{head:<width$}    texts  {accuracy:<21}  macro F1");
    for (slice, name) in slices.iter().zip(names) {
        let mark = match (slice.accuracy_is_below, slice.macro_f1_is_below) {
            (true, true) => "  below the whole",
            (true, false) => "  accuracy below the whole",
            (false, true) => "  macro F1 below the whole",
            (false, false) => "",
        };
        let line = format!(
            "{name:<width$}  {:>7}  {:<21}  {:<21}{mark}",
            slice.n_texts,
            with_interval(slice.accuracy, slice.accuracy_interval),
            with_interval(slice.macro_f1, slice.macro_f1_interval)
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

fn with_interval(value: Option<f64>, interval: Option<Interval>) -> String {
    let spread = interval.map_or(String::new(), |i| format!(" {:.3} to {:.3}", i.low, i.high));
    format!("{}{spread}", figure(value))
}

fn render_labels(report: &Report, out: &mut String) {
    let in_tree = report.hierarchy.is_some();
    let shown = |label: &str| if in_tree { cut_front(label) } else { cut(label) };
    let names = report.labels.iter().map(|label| shown(&label.label).chars().count());
    let width = names.max().unwrap_or(0).max("weighted avg".len());
    let tuned = report.labels.iter().any(|label| label.threshold.is_some());
    let threshold_title = if tuned { "  threshold" } else { "" };
    let _ = writeln!(
        out,
        "{:width$}  precision  recall      f1  support{threshold_title}",
        ""
    );
    for label in &report.labels {
        let threshold = label
            .threshold
            .map_or(String::new(), |threshold| format!("  {threshold:>9.3}"));
        let averages = Averages {
            precision: label.precision,
            recall: label.recall,
            f1: label.f1,
            jaccard: label.jaccard,
        };
        render_row(&shown(&label.label), width, averages, label.support, &threshold, out);
    }
    out.push('\n');
    let all: Counts = report.labels.iter().map(|label| label.counts).sum();
    let samples = (report.task == TaskKind::MultiLabel).then_some(("samples avg", report.samples));
    let averages = [
        ("micro avg", report.micro),
        ("macro avg", report.macro_),
        ("weighted avg", report.weighted),
    ];
    for (name, averages) in averages.into_iter().chain(samples) {
        render_row(name, width, averages, all.support(), "", out);
    }
}

fn render_row(name: &str, width: usize, figures: Averages, support: usize, tail: &str, out: &mut String) {
    let [precision, recall, f1] = [figures.precision, figures.recall, figures.f1].map(figure);
    let _ = writeln!(
        out,
        "{name:<width$}  {precision:>9}  {recall:>6}  {f1:>6}  {support:>7}{tail}"
    );
}

fn render_confused(report: &Report, out: &mut String) {
    let pairs = report
        .confusion
        .iter()
        .flat_map(|confusion| confusion.most_confused(N_CONFUSED));
    let name = |column: usize| {
        report
            .labels
            .get(column)
            .map_or(String::new(), |label| cut(&label.label))
    };
    for (at, pair) in pairs.enumerate() {
        if at == 0 {
            out.push_str("\nMost confused (true label, taken for)\n");
        }
        let _ = writeln!(
            out,
            "{:>7}  {} → {}",
            pair.n_texts,
            name(pair.truth),
            name(pair.decided)
        );
    }
}

/// A path cut at its front, so that its end stays.
fn cut_front(path: &str) -> String {
    let n_chars = path.chars().count();
    match n_chars > MAX_NAME {
        true => ['…']
            .into_iter()
            .chain(path.chars().skip(n_chars + 1 - MAX_NAME))
            .collect(),
        false => path.to_owned(),
    }
}

fn cut(name: &str) -> String {
    if name.chars().count() <= MAX_NAME {
        return name.to_string();
    }
    name.chars().take(MAX_NAME - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::metrics::{Evaluation, ScoreMatrix};

    fn report(task: TaskKind, rows: &[[f32; 3]], truth: &[Vec<usize>]) -> Report {
        let labels = ["billing", "shipping", "account"].map(String::from);
        let scores = ScoreMatrix::from_rows(3, rows).unwrap();
        let thresholds = &[crate::core::metrics::default_threshold(task); 3];
        Evaluation {
            task,
            labels: &labels,
            truth,
            scores: &scores,
            thresholds,
            at_least_one: false,
            tree: None,
            resampling: None,
        }
        .report()
        .unwrap()
    }

    #[test]
    fn a_single_label_report_reads_like_scikit_learns() {
        let rows = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7]];
        let text = render(&report(
            TaskKind::SingleLabel,
            &rows,
            &[vec![0], vec![1], vec![1], vec![1]],
        ));
        // classification_report([0, 1, 1, 1], [0, 1, 0, 2], digits=3)
        let expected = "\
              precision  recall      f1  support
billing           0.500   1.000   0.667        1
shipping          1.000   0.333   0.500        3
account           0.000       –   0.000        0

micro avg         0.500   0.500   0.500        4
macro avg         0.500   0.444   0.389        4
weighted avg      0.875   0.500   0.542        4

Most confused (true label, taken for)
      1  shipping → billing
      1  shipping → account
";
        assert!(text.contains(expected), "{text}");
        assert!(text.starts_with("Texts"), "{text}");
        assert!(text.contains("Accuracy                      0.500\n"), "{text}");
        assert!(
            text.contains("Note: always giving the most frequent answer would be right for 75.0 %"),
            "{text}"
        );
        assert!(text.contains("Note: no text here carries account"), "{text}");
    }

    #[test]
    fn a_multi_label_report_shows_thresholds_and_no_pairs() {
        let rows = [[0.8, 0.6, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]];
        let text = render(&report(TaskKind::MultiLabel, &rows, &[vec![0, 1], vec![1], vec![0, 2]]));
        for part in [
            "Hamming loss",
            "Subset accuracy",
            "Micro F1",
            "Weighted F1",
            "Samples F1",
            "Macro average precision",
            "samples avg",
            "threshold\n",
        ] {
            assert!(text.contains(part), "{part} is missing from\n{text}");
        }
        assert!(
            text.contains("billing           1.000   1.000   1.000        2      0.500\n"),
            "{text}"
        );
        assert!(
            text.contains("account               –   0.000   0.000        1      0.500\n"),
            "{text}"
        );
        assert!(!text.contains("Most confused") && !text.contains("NaN"), "{text}");
    }

    #[test]
    fn long_names_are_cut_and_no_texts_are_no_trouble() {
        assert_eq!(cut(&"ü".repeat(60)).chars().count(), MAX_NAME);
        let text = render(&report(TaskKind::SingleLabel, &[], &[]));
        assert!(
            text.contains('–') && !text.contains("NaN") && !text.contains("Note"),
            "{text}"
        );
    }
}
