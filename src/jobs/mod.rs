//! Worker threads with cancellation and progress: the only room that joins store, model, train and io.
//!
//! Not here: widgets, printing, argument parsing, and any decision about what to do next: a job does what it was asked and reports.

pub mod checkpoint;
pub mod compare;
mod control;
pub mod embeddings;
pub mod evaluate;
pub mod explain;
pub mod export;
pub mod import;
mod line;
pub mod models;
pub mod predict;
pub mod preview;
pub mod search;
pub mod slices;
pub mod snapshot;
pub mod suggest;
pub mod teacher;
pub mod training;
mod trial;
pub mod tune;
pub mod worker;
pub mod zero_shot_engine;
pub mod zero_shot_labels;
pub mod zero_shot_run;
pub mod zero_shot_scores;
mod zero_shot_scoring;

pub use compare::{CompareRequest, Comparison};
pub use evaluate::Evaluation;
pub use explain::{ExplainEvent, ExplainKey, ExplainRequest, Explainer};
pub use export::ExportReport;
pub use import::ImportReport;
pub use preview::{PreviewEvent, PreviewProgress, PreviewRequest, Previewer};
pub use search::{SearchReport, SearchRequest};
pub use slices::Narrowing;
pub use suggest::{Suggester, SuggesterEvent, Suggestions};
pub use training::TrainRequest;
pub use trial::{DEFAULT_FOLDS, Ended};
pub use tune::{TuneRequest, Tuning};
pub use worker::{JobContext, JobEvent, JobId, JobKind, Jobs, Message, Opened, Outcome, Progress};
pub use zero_shot_engine::{EndpointSpec, EngineKind, EngineSpec, Sending};
pub use zero_shot_labels::LabelsAsked;
pub use zero_shot_run::ZeroShotRunRequest;
pub use zero_shot_scores::{WordingFigures, ZeroShotRequest, ZeroShotScores};
