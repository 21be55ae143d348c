//! The window without a display, driven by keys and by accessible names.
#![cfg(feature = "gui")]

mod import;
mod keyboard;
mod screens;
mod support;
