//! Encoders, heads, embedding: everything that turns texts into numbers.
//!
//! Not here: SQL, widgets, project files, training loops.

pub mod embeddings;
pub mod head;

pub use embeddings::Embeddings;
pub use head::{HeadError, LogisticHead, Targets};
