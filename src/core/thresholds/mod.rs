//! Where to draw the line for each label: what every threshold would give, which is best, and how sure that is.
//!
//! Not here: scores themselves, storing thresholds (an edit of the run), and which texts to choose them on (never the test split).

mod band;
mod curve;
mod objective;
mod sweep;
mod tune;

pub use band::{Band, band};
pub use curve::{Histogram, PrPoint, ThresholdCurve};
pub use objective::{Objective, UnknownObjective};
pub use tune::{Remark, TuneOptions, Tuned, TunedLabel, tune};
