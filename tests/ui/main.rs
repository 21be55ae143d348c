//! The window without a display, driven by keys and by accessible names.
#![cfg(feature = "gui")]
#![allow(clippy::unwrap_used)] // a test that cannot be set up has failed

mod confusion;
mod devices;
mod evaluate;
mod evaluate_trees;
mod import;
mod keyboard;
mod models;
mod pairs;
mod preview_engines;
mod preview_export;
mod screens;
mod series;
mod support;
mod train;
mod trees;
