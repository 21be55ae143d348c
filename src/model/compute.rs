//! Where and how exactly encoders compute: what a person chooses once for everything.

use std::path::Path;

use super::device::DeviceChoice;
use super::error::Result;
use super::{Encoder, Precision, SequenceClassifier};

/// A device, and the precision of products on the CPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compute {
    /// Where.
    pub device: DeviceChoice,
    /// How exactly; counts on the CPU only.
    pub precision: Precision,
}

impl Compute {
    /// The CPU, exactly.
    pub const EXACT: Compute = Compute {
        device: DeviceChoice::Cpu,
        precision: Precision::F32,
    };

    /// An error where this machine cannot.
    ///
    /// # Errors
    /// Those of [`DeviceChoice::resolve`], and a precision that the processor lacks.
    pub fn check(self) -> Result<()> {
        self.device.resolve()?;
        self.precision.check()?;
        Ok(())
    }

    /// Opens the device and loads the encoder of `dir` on it. Call it on the thread that will compute.
    ///
    /// # Errors
    /// Those of [`DeviceChoice::open`] and [`Encoder::load`].
    pub fn load(self, dir: &Path) -> Result<Encoder> {
        Encoder::load(dir, &self.device.open()?)?.with_precision(self.precision)
    }

    /// The same for a classifier that transformers saved.
    ///
    /// # Errors
    /// Those of [`DeviceChoice::open`] and [`SequenceClassifier::load`].
    pub fn load_classifier(self, dir: &Path) -> Result<SequenceClassifier> {
        SequenceClassifier::load(dir, &self.device.open()?)?.with_precision(self.precision)
    }
}
