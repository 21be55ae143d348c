//! Standard output for people or for machines, never both.

use std::cell::Cell;
use std::io::{IsTerminal, Write};

use serde::Serialize;

/// Where results go.
pub struct Output {
    json: bool,
    told: Cell<bool>,
}

impl Output {
    /// `json`: one JSON object on standard output instead of text.
    pub fn new(json: bool) -> Self {
        Output {
            json,
            told: Cell::new(false),
        }
    }

    /// Whether machines read this.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether progress bars may be drawn.
    pub fn shows_progress(&self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }

    /// A remark for people; goes to standard error so that results can be piped.
    pub fn remark(&self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }

    /// Something people must see whoever reads the result; on standard error.
    pub fn warning(&self, text: &str) {
        eprintln!("{text}");
    }

    /// The result: `text` for people, `value` for machines. A reader that has gone away is no error.
    pub fn result(&self, value: &impl Serialize, text: &str) -> anyhow::Result<()> {
        if self.json {
            self.told.set(true);
            self.print(&serde_json::to_string(value)?)
        } else {
            self.print(text.trim_end())
        }
    }

    /// What went wrong, on standard error; for machines also as JSON on standard output, unless the result is there already.
    pub fn error(&self, error: &anyhow::Error) {
        if self.json && !self.told.get() {
            let _ = self.print(&serde_json::json!({ "error": format!("{error:#}") }).to_string());
        }
        eprintln!("handful: {error:#}");
    }

    fn print(&self, line: &str) -> anyhow::Result<()> {
        match writeln!(std::io::stdout().lock(), "{line}") {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }
}
