//! Encoders, their differentiable operations, tokenising, embedding, heads and the folders they live in, on candle.
//!
//! Not here: SQL, widgets, project files, training loops, optimisers. Nothing here runs a pickle. Two folders ask the network:
//! `catalog` fetches a named model into the cache, `zero_shot::endpoint` asks the server it is given.
//!
//! An [`Encoder`] is one folder on disk: tokenizer, transformer, pooling. It turns texts into rows of numbers, either for use
//! ([`Encoder::embed`]) or for training ([`Encoder::forward`], then [`Encoder::backward`]).

pub mod architecture;
pub mod batch;
pub mod bundle;
pub mod catalog;
pub mod compute;
mod depth;
pub mod device;
pub mod embed;
pub mod embeddings;
pub mod encoder;
#[cfg(test)]
mod encoder_tests;
pub mod error;
pub mod explain;
pub mod gradients;
pub mod head;
pub mod input;
pub mod label_names;
pub mod language_model;
pub mod lora;
#[cfg(test)]
mod lora_tests;
#[cfg(test)]
mod malformed_tests;
mod network;
pub mod ops;
pub mod parameters;
pub mod pooling;
pub mod precision;
#[cfg(test)]
mod prompt_tests;
pub mod prompts;
pub mod save;
pub mod sentence_transformer;
pub mod sequence_classifier;
#[cfg(test)]
pub mod testing;
pub mod tiny;
pub mod tokenize;
pub mod weights;
pub mod zero_shot;

pub use batch::Tokens;
pub use bundle::Classifier;
pub use compute::Compute;
pub use device::{DeviceChoice, DeviceError, DeviceInfo};
pub use embeddings::Embeddings;
pub use encoder::Encoder;
pub use error::ModelError;
pub use explain::{Explanation, Target, WordEffect, explain};
pub use head::{Head, HeadError, LogisticHead, Targets};
pub use input::Input;
pub use lora::{Lora, LoraTargets};
pub use ops::dropout::Dropout;
pub use precision::Precision;
pub use sequence_classifier::SequenceClassifier;
