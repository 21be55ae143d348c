//! What the program has to tell: shown for a moment, kept in a list.

use std::time::Instant;

/// How serious it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Something went as asked.
    Info,
    /// Something deserves a look.
    Warning,
    /// Something failed; the text says what was kept.
    Error,
}

/// One remark.
#[derive(Debug, Clone)]
pub struct Notice {
    /// How serious it is.
    pub kind: NoticeKind,
    /// What happened, what was kept, what to do.
    pub text: String,
    /// When.
    pub at: Instant,
    /// Whether it was seen in the list.
    pub seen: bool,
}

impl Notice {
    /// Made now, not seen.
    pub fn new(kind: NoticeKind, text: impl Into<String>) -> Self {
        Notice {
            kind,
            text: text.into(),
            at: Instant::now(),
            seen: false,
        }
    }
}
