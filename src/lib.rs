//! Handful: label a handful of texts, train a classifier, tune it, export it. See `docs/ARCHITECTURE.md`.

pub mod app;
pub mod cli;
pub mod core;
pub mod io;
pub mod jobs;
pub mod model;
pub mod store;
pub mod train;
#[cfg(feature = "gui")]
pub mod ui;
