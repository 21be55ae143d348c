//! The precision of an encoder's matrix products on the CPU.

use super::error::{ModelError, Result};
#[cfg(target_arch = "x86_64")]
use super::ops::bf16;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How factors of matrix products are rounded. Weights, sums and everything else stay in 32 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Not at all: the same figures on every machine, to rounding.
    #[default]
    F32,
    /// To 8 significant bits: faster on processors that have products for it, embeddings with a cosine of 0.9999 and more to the exact
    /// ones.
    Bf16,
}

impl Precision {
    /// Both.
    pub const ALL: [Precision; 2] = [Precision::F32, Precision::Bf16];

    /// As a person writes it.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
        }
    }

    /// Whether this processor can compute in it.
    pub fn is_available(self) -> bool {
        match self {
            Precision::F32 => true,
            #[cfg(target_arch = "x86_64")]
            Precision::Bf16 => bf16::available(),
            #[cfg(not(target_arch = "x86_64"))]
            Precision::Bf16 => false,
        }
    }

    /// An error that says what would help where this processor cannot.
    pub fn check(self) -> Result<Precision> {
        if self.is_available() {
            return Ok(self);
        }
        Err(ModelError::Input(format!(
            "this processor has no {self} products (AVX512-BF16); use --precision f32"
        )))
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(written: &str) -> std::result::Result<Precision, String> {
        Precision::ALL
            .into_iter()
            .find(|precision| precision.name() == written)
            .ok_or_else(|| format!("{written:?} is no precision; there are f32 and bf16"))
    }
}
