//! Pure values and rules: ids, texts, the label tree, annotations, edits and their inverses, metrics, thresholds, sampling.
//!
//! Not here: files, SQL, tensors, threads, clocks, widgets. Everything in this room is deterministic and testable without any of them.

pub mod annotation;
pub mod column_tree;
pub mod edit;
pub mod edit_error;
pub mod ids;
pub mod incoming;
pub mod label;
pub mod label_edits;
pub mod metrics;
pub mod number;
pub mod outline;
pub mod queue;
pub mod report;
pub mod rng;
pub mod run;
pub mod score_tree;
pub mod slices;
pub mod stale;
pub mod state;
pub mod text;
pub mod text_edits;
pub mod thresholds;

pub use annotation::{Annotation, How};
pub use column_tree::{ColumnTree, Walk};
pub use edit::{Change, Edit};
pub use edit_error::EditError;
pub use ids::{EditId, ImportId, LabelId, RunId, TextId};
pub use incoming::{NewText, Problem};
pub use label::{Label, LabelTree};
pub use run::{Run, RunStatus, ScoreKind};
pub use score_tree::ScoreTree;
pub use state::ProjectState;
pub use text::{Split, TaskKind, Text, Words};
