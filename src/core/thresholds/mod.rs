//! Choosing decision thresholds: what every threshold would give, what is best for an objective, and how sure that is.
//!
//! Not here: evaluation at given thresholds ([`super::metrics`]), and which scores to choose on (never those of test texts).

mod band;
mod bits;
mod common;
mod coverage;
mod curve;
mod goal;
mod live;
mod objective;
mod sweep;
mod tune;

pub use band::{Band, band};
pub use coverage::CoveragePoint;
pub use curve::{Histogram, PrPoint, RocPoint, ThresholdCurve, answers, curve, curves};
pub use goal::Goal;
pub use live::{Headline, Live};
pub use objective::{Average, Objective, Scope, UnknownObjective};
pub use tune::{FEW_POSITIVES, Remark, TuneOptions, Tuned, TunedLabel, tune};
