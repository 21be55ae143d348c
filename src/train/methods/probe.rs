//! The options of the quick probe.

use super::Method;
use super::shared::{FOLDS, HEAD_C};
use crate::train::probe;

pub(super) const PROBE: Method = Method {
    id: "probe",
    title: "Quick probe",
    summary: "Logistic regression on the encoder's embeddings as they are: seconds, good for a first look.",
    needs_teacher: false,
    options: &[HEAD_C, FOLDS],
    run: probe::run,
};
