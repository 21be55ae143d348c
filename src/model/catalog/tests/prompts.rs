//! Prompts of models that were added or fetched.

use super::*;

#[test]
fn a_prompt_is_given_when_a_model_is_added_and_set_later_and_the_model_still_verifies() {
    let (dir, catalog) = empty();
    let given = dir.path().join("given");
    write_model(&given, &contents());
    let before = std::fs::read_dir(&given).unwrap().count();
    let entry = catalog.add(&given, Some("mine"), Some("query: "), &mut quiet).unwrap();
    assert_eq!((entry.prompt.as_deref(), entry.verified), (Some("query: "), true));
    assert_eq!(std::fs::read_dir(&given).unwrap().count(), before);
    for text in ["topic: ", "", "Instruct: sort\nQuery: "] {
        catalog.set_prompt("mine", text, &mut quiet).unwrap();
        assert_eq!(catalog.prompt("mine").unwrap(), text);
        let listed = catalog.list().unwrap().remove(0);
        assert_eq!(listed.prompt.as_deref().unwrap_or_default(), text);
        assert!(listed.verified);
        assert_eq!(catalog.verify(&mut quiet).unwrap()[0].faults, Vec::<String>::new());
    }
    let hidden =
        |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().to_string_lossy().starts_with('.');
    assert!(!std::fs::read_dir(&entry.path).unwrap().any(hidden));

    std::fs::remove_file(entry.path.join(MANIFEST)).unwrap();
    catalog.set_prompt("mine", "a: ", &mut quiet).unwrap();
    assert_eq!(catalog.prompt("mine").unwrap(), "a: ");
}

#[test]
fn a_prompt_that_follows_from_a_folders_name_survives_another_name() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, Vec::new());
    let given = dir.path().join("multilingual-e5-small");
    write_model(&given, &contents());
    for name in ["small", "e5-small"] {
        let entry = catalog.add(&given, Some(name), None, &mut quiet).unwrap();
        assert_eq!(
            (entry.prompt.as_deref(), entry.verified),
            (Some("query: "), true),
            "{name}"
        );
    }
    let plain = dir.path().join("plain");
    write_model(&plain, &contents());
    let entry = catalog.add(&plain, Some("e5-named"), None, &mut quiet).unwrap();
    assert_eq!(entry.prompt, None);
}

#[test]
fn the_prompt_of_a_pinned_model_or_of_none_is_not_set() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&dir, vec![Box::new(Given::whole())]);
    let path = catalog.get("tiny", &mut quiet).unwrap();
    assert_eq!(catalog.prompt("tiny").unwrap(), "");
    for name in ["tiny", "someone/tiny"] {
        let error = catalog.set_prompt(name, "query: ", &mut quiet).unwrap_err();
        assert!(matches!(error, CatalogError::Pinned { .. }), "{error}");
    }
    let again = dir.path().join("again");
    write_model(&again, &contents());
    std::fs::remove_dir_all(&path).unwrap();
    let error = catalog
        .add(&again, Some("tiny"), Some("query: "), &mut quiet)
        .unwrap_err();
    assert!(
        matches!(error, CatalogError::Pinned { .. }) && !path.exists(),
        "{error}"
    );

    let folder = again.to_str().unwrap();
    let refused = |name: &str, text: &str| catalog.set_prompt(name, text, &mut quiet).unwrap_err();
    assert!(matches!(refused(folder, "query: "), CatalogError::Unknown { .. }));
    assert!(matches!(refused("nothing", "query: "), CatalogError::Unknown { .. }));
    assert!(matches!(
        refused("nothing", &"x".repeat(2001)),
        CatalogError::Prompt { .. }
    ));
    assert!(matches!(refused("nothing", "a\0b"), CatalogError::Prompt { .. }));
    assert!(!again.join("config_sentence_transformers.json").exists());
}
