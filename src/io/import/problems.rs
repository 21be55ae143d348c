//! Collecting problems: all counted, the first listed.

use super::MAX_LISTED_PROBLEMS;
use crate::core::Problem;

/// Problems met so far.
#[derive(Debug, Default)]
pub struct Problems {
    count: u64,
    listed: Vec<Problem>,
}

impl Problems {
    /// Adds one.
    pub fn add(&mut self, line: Option<u64>, message: impl Into<String>) {
        self.count += 1;
        if self.listed.len() < MAX_LISTED_PROBLEMS {
            self.listed.push(Problem {
                line,
                message: message.into(),
            });
        }
    }

    /// Counts problems that are not listed one by one.
    pub fn count_more(&mut self, n: u64) {
        self.count += n;
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The count and the list, by line.
    pub fn finish(mut self) -> (u64, Vec<Problem>) {
        self.listed.sort_by_key(|problem| problem.line);
        (self.count, self.listed)
    }
}
