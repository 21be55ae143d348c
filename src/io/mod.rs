//! Files in and out: importers, exporters of annotations.
//!
//! Not here: SQL, tensors, threads, widgets, and deciding what is stored. An importer hands rows to a sink, an exporter writes what it is given.

pub mod export;
pub mod import;
pub mod label_tree;
