//! Fetching: what is checked, listed, refused, stopped and done again.

use super::*;

#[test]
fn the_table_is_sound() {
    for model in KNOWN_MODELS {
        assert_eq!(model.weights().unwrap().path, "model.safetensors");
        assert!(
            model
                .files
                .iter()
                .all(|file| manifest::is_inside(file.path) && file.bytes > 0)
        );
        assert!(
            model
                .files
                .iter()
                .all(|file| file.sha256.len() == 64 && file.sha256.chars().all(|c| c.is_ascii_hexdigit()))
        );
        assert!(is_name(model.name) && model.revision.len() == 40);
    }
    assert!(KNOWN_MODELS.iter().any(|model| model.name == DEFAULT_MODEL));
}

#[test]
fn a_fetched_model_is_checked_listed_and_not_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let source = Given::whole();
    let n_asked = Arc::clone(&source.n_asked);
    let catalog = catalog(&dir, vec![Box::new(source)]);
    assert_eq!(catalog.list().unwrap(), []);
    assert!(matches!(catalog.path("tiny"), Err(CatalogError::NotFetched { .. })));
    let mut seen = Vec::new();
    let path = catalog
        .get("tiny", &mut |progress| {
            seen.push(match progress {
                Progress::Source(title) => title.to_owned(),
                Progress::Bytes { .. } => "bytes".to_owned(),
                Progress::Verifying => "verifying".to_owned(),
            });
            ControlFlow::Continue(())
        })
        .unwrap();
    seen.dedup();
    assert_eq!(seen, ["a given folder", "bytes", "verifying", "bytes"]);
    assert_eq!(
        std::fs::read(path.join("1_Pooling/config.json")).unwrap(),
        contents()[3].1
    );
    assert_eq!(catalog.get("someone/tiny", &mut quiet).unwrap(), path);
    assert_eq!(n_asked.load(Ordering::SeqCst), 1);
    assert_eq!(catalog.path("tiny").unwrap(), path);
    assert_eq!(catalog.path(path.to_str().unwrap()).unwrap(), path);
    let entry = catalog.list().unwrap().remove(0);
    assert_eq!(
        (entry.name.as_str(), entry.dim, entry.verified, entry.bytes),
        ("tiny", Some(4), true, tiny().bytes())
    );
    assert_eq!(left(&catalog), ["tiny"]);
}

#[test]
fn a_source_that_delivers_anything_else_leaves_nothing() {
    let cases: Vec<(Given, &str)> = vec![
        (Given::changed(|files| files[0].1[1000] ^= 1), "SHA-256"),
        (Given::changed(|files| files[0].1.truncate(100_000)), "SHA-256"),
        (
            Given::changed(|files| files[2].1 = b"{ }".to_vec()),
            "tokenizer.json is not the expected file",
        ),
        (
            Given::changed(|files| files.truncate(3)),
            "did not deliver 1_Pooling/config.json",
        ),
        (
            Given {
                then: Err("the line went dead"),
                ..Given::whole()
            },
            "the line went dead",
        ),
    ];
    for (source, reason) in cases {
        let dir = tempfile::tempdir().unwrap();
        let catalog = catalog(&dir, vec![Box::new(source)]);
        let error = catalog.get("tiny", &mut quiet).unwrap_err();
        let CatalogError::AllSourcesFailed { tried, .. } = &error else {
            panic!("{error}")
        };
        assert!(tried.len() == 1 && tried[0].1.contains(reason), "{error}");
        let message = error.to_string();
        assert!(
            message.contains("a given folder") && message.contains("handful models add DIR"),
            "{message}"
        );
        assert_eq!(left(&catalog), Vec::<String>::new(), "{reason}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_a_file_is_not_a_delivery() {
    struct Linking(PathBuf);
    impl Source for Linking {
        fn title(&self, _: &KnownModel) -> String {
            "links".to_owned()
        }
        fn fetch(&self, _: &KnownModel, into: &Path, _: OnProgress<'_>) -> Result<(), SourceError> {
            write_model(into, &contents());
            std::fs::remove_file(into.join("model.safetensors"))?;
            Ok(std::os::unix::fs::symlink(&self.0, into.join("model.safetensors"))?)
        }
    }
    let dir = tempfile::tempdir().unwrap();
    write_model(dir.path(), &contents());
    let catalog = catalog(&dir, vec![Box::new(Linking(dir.path().join("model.safetensors")))]);
    assert!(
        catalog
            .get("tiny", &mut quiet)
            .unwrap_err()
            .to_string()
            .contains("did not deliver model.safetensors")
    );
}

#[test]
fn sources_are_asked_in_order_until_one_delivers() {
    let dir = tempfile::tempdir().unwrap();
    let broken = Given::changed(|files| files[0].1.clear());
    let unneeded = Given::whole();
    let n_unneeded = Arc::clone(&unneeded.n_asked);
    let catalog = catalog(
        &dir,
        vec![Box::new(broken), Box::new(Given::whole()), Box::new(unneeded)],
    );
    catalog.get("tiny", &mut quiet).unwrap();
    assert_eq!(n_unneeded.load(Ordering::SeqCst), 0);
    assert!(
        catalog
            .verify(&mut quiet)
            .unwrap()
            .iter()
            .all(|model| model.faults.is_empty())
    );
}

#[test]
fn stopping_at_any_moment_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, vec![Box::new(Given::whole())]);
    let mut n_moments = 0;
    catalog
        .get("tiny", &mut |_| {
            n_moments += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    std::fs::remove_dir_all(catalog.folder()).unwrap();
    assert!(n_moments >= 8);
    for moment in 0..n_moments {
        let mut n = 0;
        let stopped = catalog.get("tiny", &mut |_| {
            n += 1;
            if n > moment {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert!(matches!(stopped, Err(CatalogError::Cancelled)), "{moment}");
        assert_eq!(left(&catalog), Vec::<String>::new(), "{moment}");
    }
}

#[test]
fn several_at_once_fetch_once() {
    let dir = tempfile::tempdir().unwrap();
    let source = Given::whole();
    let n_asked = Arc::clone(&source.n_asked);
    let catalog = catalog(&dir, vec![Box::new(source)]);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| catalog.get("tiny", &mut quiet).map(|path| path.is_dir())))
            .collect();
        assert!(all.into_iter().all(|one| one.join().unwrap().unwrap()));
    });
    assert_eq!(
        (n_asked.load(Ordering::SeqCst), left(&catalog)),
        (1, vec!["tiny".to_owned()])
    );
}

#[test]
fn what_a_killed_process_left_is_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, vec![Box::new(Given::whole())]);
    write_model(&catalog.folder().join(".tiny~left"), &contents());
    assert_eq!(catalog.list().unwrap(), []);
    catalog.get("tiny", &mut quiet).unwrap();
    assert_eq!(left(&catalog), ["tiny"]);
}

#[test]
fn a_damaged_model_is_noticed_and_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, vec![Box::new(Given::whole())]);
    let weights = catalog.get("tiny", &mut quiet).unwrap().join("model.safetensors");
    let mut bytes = safetensors();
    bytes[5000] ^= 1;
    std::fs::write(&weights, &bytes).unwrap();
    assert_eq!(
        catalog.verify(&mut quiet).unwrap()[0].faults,
        ["model.safetensors has changed"]
    );
    std::fs::write(&weights, &bytes[..9000]).unwrap();
    assert!(!catalog.list().unwrap()[0].verified);
    assert!(matches!(catalog.path("tiny"), Err(CatalogError::NotAModel { .. })));
    catalog.get("tiny", &mut quiet).unwrap();
    assert_eq!(std::fs::read(&weights).unwrap(), safetensors());
}

#[test]
fn a_folder_copied_by_hand_is_taken_in_or_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, Vec::new());
    let folder = catalog.folder().join("tiny");
    write_model(&folder, &contents());
    assert!(!catalog.list().unwrap()[0].verified);
    assert_eq!(catalog.get("tiny", &mut quiet).unwrap(), folder);
    assert!(catalog.list().unwrap()[0].verified);

    std::fs::remove_file(folder.join(MANIFEST)).unwrap();
    let mut other = safetensors();
    other[5000] ^= 1;
    std::fs::write(folder.join("model.safetensors"), &other).unwrap();
    let error = catalog.get("tiny", &mut quiet).unwrap_err();
    assert!(matches!(error, CatalogError::NotTheModel { .. }), "{error}");
    assert_eq!(std::fs::read(folder.join("model.safetensors")).unwrap(), other);
}
