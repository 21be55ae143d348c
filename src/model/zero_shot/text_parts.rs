//! Where a long text can be taken apart: between its sentences.

/// What ends a sentence when white space follows.
const ENDS: [char; 4] = ['.', '!', '?', '…'];

/// What ends a sentence whatever follows.
const FULL_WIDTH_ENDS: [char; 3] = ['。', '！', '？'];

/// What may stand between the end of a sentence and what follows.
const CLOSING: [char; 8] = ['"', '\'', ')', ']', '”', '’', '»', '」'];

/// The sentences of a text in order; put together they are the text without white space around it. White space between two of them belongs to
/// the second. A full stop counts as an end where white space follows, even after an abbreviation: what is taken apart there is put together
/// again where it fits. A line end is an end too.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let text = text.trim();
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let (is_line_end, is_full_width) = (letter == '\n', FULL_WIDTH_ENDS.contains(&letter));
        let mut end = at;
        if !is_line_end {
            if !is_full_width && !ENDS.contains(&letter) {
                continue;
            }
            end += letter.len_utf8();
            while let Some((at, more)) = letters.next_if(|(_, next)| belongs_to_end(*next)) {
                end = at + more.len_utf8();
            }
        }
        let white_follows = text[end..].starts_with(char::is_whitespace);
        if (is_full_width || white_follows) && end < text.len() && !text[start..end].trim().is_empty() {
            sentences.push(&text[start..end]);
            start = end;
        }
    }
    if start < text.len() {
        sentences.push(&text[start..]);
    }
    sentences
}

fn belongs_to_end(letter: char) -> bool {
    CLOSING.contains(&letter) || ENDS.contains(&letter) || FULL_WIDTH_ENDS.contains(&letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_come_apart_between_sentences() {
        for (text, expected) in [
            ("One. Two! Three?", vec!["One.", " Two!", " Three?"]),
            ("(Really?!) Yes… he said.", vec!["(Really?!)", " Yes…", " he said."]),
            (
                "Version 2.0 is out\n\n- a list",
                vec!["Version 2.0 is out", "\n\n- a list"],
            ),
            ("天気です。明日は？はい", vec!["天気です。", "明日は？", "はい"]),
            ("  no end  ", vec!["no end"]),
            ("", vec![]),
        ] {
            assert_eq!(sentences(text), expected);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "[a-c .!?…。\n\"'é]{0,40}") {
            let parts = sentences(&text);
            prop_assert_eq!(parts.concat(), text.trim());
            prop_assert!(parts.iter().all(|part| !part.trim().is_empty()));
        }
    }
}
