//! The table of character replacements in a SentencePiece model, checked before it is used. The library that looks characters up in it trusts
//! it, and a table made to mislead would end the program in the middle of a text.
//!
//! The table is the length of a trie in bytes (u32), the trie as a double array of u32 units (darts-clone), and the replacements, each
//! ended by a zero byte; all little-endian. A unit holds its label in bits 0–7 and 31, "has a value" in bit 8, and in bits 9–30 the distance to
//! its children; a value is a place in the replacements.

use tokenizers::normalizers::Precompiled;

/// Children are addressed by a byte, so units come in blocks of this many.
const BLOCK: usize = 256;

/// The normaliser that `table` describes, or what is wrong with the table.
pub(super) fn normalizer(table: &[u8]) -> Result<Precompiled, String> {
    check(table).map_err(|reason| format!("the table of character replacements is broken: {reason}"))?;
    Precompiled::from(table).map_err(|error| error.to_string())
}

fn check(table: &[u8]) -> Result<(), String> {
    let (length, rest) = table.split_first_chunk::<4>().ok_or("it is cut off")?;
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 || !length.is_multiple_of(4 * BLOCK) {
        return Err(format!("a trie of {length} bytes is not in blocks of {}", 4 * BLOCK));
    }
    let (trie, replacements) = rest.split_at_checked(length).ok_or("it is cut off")?;
    let replacements = std::str::from_utf8(replacements).map_err(|error| error.to_string())?;
    let units: Vec<u32> = trie
        .chunks_exact(4)
        .map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]]))
        .collect();
    for (at, &unit) in units.iter().enumerate() {
        // A unit with bit 31 is a value and has no children, except that the first one is always taken for a parent.
        if unit >> 31 == 1 && at > 0 {
            continue;
        }
        let children = at ^ ((unit as usize >> 10) << ((unit & 1 << 9) >> 6));
        if children | (BLOCK - 1) >= units.len() {
            return Err(format!("unit {at} points outside"));
        }
        if unit >> 8 & 1 == 1 {
            let value = (units[children] & !(1 << 31)) as usize;
            if !replacements.is_char_boundary(value) {
                return Err(format!("unit {at} replaces by nothing that is there"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenizers::{NormalizedString, Normalizer};

    /// The table that replaces `a` by `é` and nothing else.
    fn table() -> (Vec<u32>, &'static [u8]) {
        let mut units = vec![0u32; BLOCK];
        let children = 128;
        units[0] = (children as u32) << 10;
        let child = children ^ b'a' as usize;
        let value = 64;
        units[child] = u32::from(b'a') | 1 << 8 | ((child ^ value) as u32) << 10;
        units[value] = 1 << 31 | 2;
        (units, "x\0é\0".as_bytes())
    }

    fn bytes(units: &[u32], replacements: &[u8]) -> Vec<u8> {
        let mut bytes = (units.len() as u32 * 4).to_le_bytes().to_vec();
        bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        bytes.extend(replacements);
        bytes
    }

    #[test]
    fn a_sound_table_replaces() {
        let (units, replacements) = table();
        let normalizer = normalizer(&bytes(&units, replacements)).unwrap();
        let mut text = NormalizedString::from("banana \u{0} ÿ 東");
        normalizer.normalize(&mut text).unwrap();
        assert_eq!(text.get(), "bénéné \u{0} ÿ 東");
    }

    #[test]
    fn tables_that_lead_outside_are_refused() {
        let (units, replacements) = table();
        let whole = bytes(&units, replacements);
        for keep in [0, 3, 4, 100, 4 + 4 * BLOCK - 1] {
            let reason = normalizer(&whole[..keep]).unwrap_err();
            assert!(reason.contains("cut off"), "{keep}: {reason}");
        }
        let changed = |at: usize, unit: u32| {
            let mut units = units.clone();
            units[at] = unit;
            normalizer(&bytes(&units, replacements)).unwrap_err()
        };
        assert!(changed(0, 5000 << 10).contains("points outside"));
        assert!(changed(7, 1 << 9 | 1 << 10).contains("points outside"));
        assert!(changed(64, 1 << 31 | 3).contains("replaces by nothing"));
        assert!(changed(64, 1 << 31 | 6).contains("replaces by nothing"));
        assert!(normalizer(&bytes(&[], replacements)).unwrap_err().contains("blocks"));
        assert!(normalizer(&u32::MAX.to_le_bytes()).unwrap_err().contains("blocks"));
        assert!(normalizer(&bytes(&units, &[0xFF])).unwrap_err().contains("utf-8"));
    }
}
