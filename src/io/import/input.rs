//! A file as a stream of decoded characters with line numbers and progress.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use encoding_rs::{Decoder, DecoderResult, Encoding};

use super::{ImportError, MAX_LISTED_PROBLEMS, problems::Problems};

/// The least that is read at once; more when a row needs it, so that long rows cost linear time.
const CHUNK_BYTES: usize = 64 * 1024;
const MAX_CHUNK_BYTES: usize = 4 << 20;

/// Decoded text as a window over the file. Everything that is handed out is valid UTF-8.
pub struct Input {
    path: PathBuf,
    file: File,
    decoder: Decoder,
    newline: u8,
    raw: Vec<u8>,
    window: Vec<u8>,
    /// Start of what is not consumed yet.
    start: usize,
    line: u64,
    at_end: bool,
    bytes_raw: u64,
    bytes_decoded: u64,
    bytes_consumed: u64,
    decoded_line: u64,
    bad_lines: Vec<u64>,
    n_bad_unlisted: u64,
}

impl Input {
    /// `newline` is what lines are counted by: `\n`, or `\r` in files that have no `\n`.
    pub fn open(path: &Path, encoding: &'static Encoding, newline: u8) -> Result<Self, ImportError> {
        let file = File::open(path).map_err(|source| ImportError::Io {
            source,
            path: path.to_owned(),
        })?;
        Ok(Input {
            path: path.to_owned(),
            file,
            decoder: encoding.new_decoder_with_bom_removal(),
            newline,
            raw: Vec::new(),
            window: Vec::new(),
            start: 0,
            line: 1,
            at_end: false,
            bytes_raw: 0,
            bytes_decoded: 0,
            bytes_consumed: 0,
            decoded_line: 1,
            bad_lines: Vec::new(),
            n_bad_unlisted: 0,
        })
    }

    /// What is decoded and not consumed.
    pub fn window(&self) -> &[u8] {
        self.window.get(self.start..).unwrap_or_default()
    }

    /// Whether the window reaches the end of the file.
    pub fn at_end(&self) -> bool {
        self.at_end
    }

    /// The line, from 1, at which the window begins.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// What ends a line.
    pub fn newline(&self) -> u8 {
        self.newline
    }

    /// How many bytes of the file are consumed; exact at the end, proportional before.
    pub fn bytes_read(&self) -> u64 {
        if self.bytes_decoded == 0 {
            return self.bytes_raw;
        }
        (self.bytes_raw as u128 * self.bytes_consumed as u128 / self.bytes_decoded as u128) as u64
    }

    /// Size of the file now.
    pub fn bytes_total(&self) -> Result<u64, ImportError> {
        Ok(self.file.metadata().map_err(|source| self.io_error(source))?.len())
    }

    /// Gives up the first `n` bytes of the window.
    pub fn consume(&mut self, n: usize) {
        let n = n.min(self.window().len());
        let newline = self.newline;
        self.line += memchr::memchr_iter(newline, self.window().get(..n).unwrap_or_default()).count() as u64;
        self.bytes_consumed += n as u64;
        self.start += n;
        if self.start > CHUNK_BYTES && self.start * 2 > self.window.len() {
            self.window.drain(..self.start);
            self.start = 0;
        }
    }

    /// Makes the window longer. `false` at the end of the file.
    pub fn more(&mut self) -> Result<bool, ImportError> {
        if self.at_end {
            return Ok(false);
        }
        let size = self.window().len().clamp(CHUNK_BYTES, MAX_CHUNK_BYTES);
        self.raw.resize(size, 0);
        let n = loop {
            match self.file.read(&mut self.raw) {
                Ok(n) => break n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => return Err(self.io_error(source)),
            }
        };
        self.bytes_raw += n as u64;
        self.at_end = n == 0;
        self.decode(n);
        Ok(true)
    }

    fn decode(&mut self, n: usize) {
        let mut from = 0;
        loop {
            let source = self.raw.get(from..n).unwrap_or_default();
            let before = self.window.len();
            let room = self
                .decoder
                .max_utf8_buffer_length_without_replacement(source.len())
                .unwrap_or(4 * source.len() + 16);
            self.window.resize(before + room, 0);
            let target = self.window.get_mut(before..).unwrap_or_default();
            let (result, n_read, n_written) =
                self.decoder
                    .decode_to_utf8_without_replacement(source, target, self.at_end);
            self.window.truncate(before + n_written);
            let newline = self.newline;
            let added = self.window.get(before..).unwrap_or_default();
            self.decoded_line += memchr::memchr_iter(newline, added).count() as u64;
            self.bytes_decoded += n_written as u64;
            from += n_read;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    self.window.extend_from_slice("\u{FFFD}".as_bytes());
                    self.bytes_decoded += 3;
                    self.note_bad_line();
                }
            }
        }
    }

    fn note_bad_line(&mut self) {
        if self.bad_lines.last() == Some(&self.decoded_line) {
            return;
        }
        if self.bad_lines.len() < MAX_LISTED_PROBLEMS {
            self.bad_lines.push(self.decoded_line);
        } else {
            self.n_bad_unlisted += 1;
        }
    }

    /// Moves lines with bytes that are not in the encoding to the problems, as far as they have been consumed.
    pub fn report_bad_bytes(&mut self, problems: &mut Problems) {
        let reached = self.line;
        let all = self.at_end && self.window().is_empty();
        // The last one noted stays known, so that its line is not reported twice.
        let n = self.bad_lines.iter().take_while(|line| all || **line < reached).count();
        for line in self.bad_lines.drain(..n) {
            problems.add(
                Some(line),
                "some bytes are not in the file's encoding; they were read as “\u{FFFD}”",
            );
        }
        if all {
            problems.count_more(std::mem::take(&mut self.n_bad_unlisted));
        }
    }

    /// The next line without its end, `None` at the end of the file. A line of more than `limit` bytes is passed over and comes as `TooLong`.
    pub fn next_line(&mut self, limit: usize) -> Result<Option<Line>, ImportError> {
        let line = self.line;
        let mut searched = 0;
        let mut too_long = false;
        loop {
            let newline = self.newline;
            let window = self.window();
            let found = memchr::memchr(newline, window.get(searched..).unwrap_or_default()).map(|at| at + searched);
            if let Some(end) = found {
                let text = (!too_long && end <= limit).then(|| self.text(end));
                self.consume(end + 1);
                return Ok(Some(Line { line, text }));
            }
            searched = window.len();
            if searched > limit {
                too_long = true;
                self.consume(searched);
                searched = 0;
            }
            if !self.more()? {
                let end = self.window().len();
                if end == 0 && !too_long {
                    return Ok(None);
                }
                let text = (!too_long && end <= limit).then(|| self.text(end));
                self.consume(end);
                return Ok(Some(Line { line, text }));
            }
        }
    }

    fn text(&self, end: usize) -> String {
        let bytes = self.window().get(..end).unwrap_or_default();
        let bytes = if self.newline == b'\n' {
            bytes.strip_suffix(b"\r").unwrap_or(bytes)
        } else {
            bytes
        };
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn io_error(&self, source: std::io::Error) -> ImportError {
        ImportError::Io {
            source,
            path: self.path.clone(),
        }
    }
}

/// One line of a file.
pub struct Line {
    /// From 1.
    pub line: u64,
    /// `None`: longer than the limit.
    pub text: Option<String>,
}
