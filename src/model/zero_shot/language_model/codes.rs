//! What options are called in a prompt: letters, and beyond 26 of them a letter and a digit in turn.
//!
//! All codes of a question are equally long, so that none begins another. Letters and digits take turns because tokenizers keep them apart:
//! "B7" is read as it is answered, token by token, where of "BG" nobody knows whether it is one token or two.

/// The most options that have a code.
pub const MAX_OPTIONS: usize = 26 * 10 * 26;

/// A code for each of `n` options; `None` for more than [`MAX_OPTIONS`].
pub fn codes(n: usize) -> Option<Vec<String>> {
    let bases: &[usize] = match n {
        0..=26 => &[26],
        27..=260 => &[26, 10],
        261..=MAX_OPTIONS => &[26, 10, 26],
        _ => return None,
    };
    Some((0..n).map(|at| code(at, bases)).collect())
}

fn code(mut at: usize, bases: &[usize]) -> String {
    let mut signs = Vec::new();
    for base in bases.iter().rev() {
        let first = if *base == 10 { b'0' } else { b'A' };
        signs.push(char::from(first + (at % base) as u8));
        at /= base;
    }
    signs.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_different_and_equally_long() {
        let named = |n: usize| codes(n).unwrap();
        assert_eq!(named(3), ["A", "B", "C"]);
        assert_eq!(named(26)[25], "Z");
        assert_eq!(named(27)[..2], ["A0", "A1"]);
        assert_eq!(named(27)[26], "C6");
        for n in [1, 26, 27, 30, 260, 261, MAX_OPTIONS] {
            let all = named(n);
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), n);
            assert!(all.iter().all(|code| code.len() == all[0].len()), "{n}");
        }
        assert!(codes(MAX_OPTIONS + 1).is_none());
    }
}
