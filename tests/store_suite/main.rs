//! The store through its public face: files, edits, imports, runs, and what a crash leaves.

#![allow(clippy::unwrap_used)] // also outside test functions: everything here is a test

mod crash;
mod edits;
mod files;
mod imports;
mod random_edits;
mod runs;
mod support;
