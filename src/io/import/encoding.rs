//! Finding out how the bytes of a file are to be read as characters.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::ImportError;

/// Offered in menus and named in errors.
pub const ENCODING_EXAMPLES: &[&str] = &[
    "utf-8",
    "utf-16le",
    "utf-16be",
    "latin-1",
    "windows-1252",
    "windows-1251",
    "iso-8859-15",
    "shift_jis",
    "euc-kr",
    "gbk",
    "big5",
];

/// How much is looked at once something other than ASCII turns up.
const WINDOW_BYTES: usize = 256 * 1024;

/// An encoding by any of its usual names.
pub fn by_name(name: &str) -> Result<&'static Encoding, ImportError> {
    let plain = name.trim().to_lowercase();
    let known = match plain.as_str() {
        "latin-1" | "latin_1" | "cp-1252" => Some(WINDOWS_1252),
        "utf_8" | "utf-8-sig" | "utf8-sig" => Some(UTF_8),
        "utf16" | "utf-16-le" | "utf16le" | "utf_16" => Some(UTF_16LE),
        "utf-16-be" | "utf16be" => Some(UTF_16BE),
        other => Encoding::for_label_no_replacement(other.as_bytes()),
    };
    known.ok_or_else(|| ImportError::UnknownEncoding {
        name: name.to_owned(),
        examples: ENCODING_EXAMPLES.join(", "),
    })
}

/// The encoding a file most likely has: by its mark, by the pattern of UTF-16, as UTF-8 where it is that, else by statistics.
///
/// A file that begins with ASCII is searched for the first other byte, so that one late accent does not decide wrongly.
pub fn detect(file: &mut File) -> std::io::Result<&'static Encoding> {
    file.seek(SeekFrom::Start(0))?;
    let head = read_up_to(file, WINDOW_BYTES)?;
    let complete = head.len() < WINDOW_BYTES;
    if let Some((encoding, _)) = Encoding::for_bom(&head) {
        return Ok(encoding);
    }
    if let Some(encoding) = utf16_without_mark(&head) {
        return Ok(encoding);
    }
    if !head.is_ascii() {
        return Ok(by_statistics(&head, complete));
    }
    let mut chunk = head;
    let mut at_end = complete;
    while !at_end {
        chunk = read_up_to(file, WINDOW_BYTES)?;
        at_end = chunk.len() < WINDOW_BYTES;
        if let Some(first) = chunk.iter().position(|byte| !byte.is_ascii()) {
            // Enough after the first other byte to judge by, also when it is the last of its chunk.
            let mut window = chunk.split_off(first);
            if !at_end {
                window.extend(read_up_to(file, WINDOW_BYTES)?);
            }
            return Ok(by_statistics(&window, at_end));
        }
    }
    debug_assert!(chunk.is_ascii());
    Ok(UTF_8)
}

fn read_up_to(file: &mut File, n: usize) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(n);
    file.take(n as u64).read_to_end(&mut out)?;
    Ok(out)
}

/// Western text in UTF-16 has a zero in every other byte; ordinary text has none.
fn utf16_without_mark(head: &[u8]) -> Option<&'static Encoding> {
    let n_pairs = head.len().min(4096) / 2;
    if n_pairs < 2 {
        return None;
    }
    let zeros = |offset: usize| {
        head.iter()
            .skip(offset)
            .step_by(2)
            .take(n_pairs)
            .filter(|byte| **byte == 0)
            .count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    let many = n_pairs * 2 / 5;
    match (even, odd) {
        (even, odd) if odd > many && even <= n_pairs / 20 => Some(UTF_16LE),
        (even, odd) if even > many && odd <= n_pairs / 20 => Some(UTF_16BE),
        _ => None,
    }
}

fn by_statistics(bytes: &[u8], complete: bool) -> &'static Encoding {
    if is_mostly_utf8(bytes, complete) {
        return UTF_8;
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(bytes, complete);
    detector.guess(None, chardetng::Utf8Detection::Deny)
}

/// UTF-8 with a few bad bytes is still UTF-8: legacy text hardly ever forms one valid sequence of several bytes.
fn is_mostly_utf8(bytes: &[u8], complete: bool) -> bool {
    let (mut n_good, mut n_bad) = (0_usize, 0_usize);
    let mut rest = bytes;
    loop {
        let (valid, after) = match std::str::from_utf8(rest) {
            Ok(_) => (rest, None),
            Err(error) => {
                let (valid, tail) = rest.split_at(error.valid_up_to());
                let cut_off = error.error_len().is_none();
                n_bad += usize::from(!cut_off || complete);
                (valid, tail.get(error.error_len().unwrap_or(tail.len())..))
            }
        };
        // Bytes that begin a sequence of several.
        n_good += valid.iter().filter(|byte| **byte >= 0xC0).count();
        match after {
            Some(next) if !next.is_empty() => rest = next,
            _ => break,
        }
    }
    n_bad == 0 || n_good > 2 * n_bad
}
