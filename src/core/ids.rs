//! Ids of stored things, as types that cannot be mixed up.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$meta:meta] $name:ident),*) => {$(
        #[$meta]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

id! {
    /// One text of a project.
    TextId,
    /// One label; never reused after the label is deleted.
    LabelId,
    /// One training run.
    RunId,
    /// One journalled edit.
    EditId,
    /// One import of a file.
    ImportId
}
