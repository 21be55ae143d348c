//! What the name of a label says, as an encoder takes it.

use std::ops::ControlFlow;

use super::{Embeddings, Encoder, ModelError};

/// The sentences a name is put into; their embeddings are averaged, so that no wording decides.
const TEMPLATES: [&str; 4] = [
    "{}",
    "This text is about {}.",
    "This is an example of {}.",
    "The topic is {}.",
];

/// A label's name as words: `card_arrival` and `CardArrival?` become "card arrival" and "Card Arrival?".
pub fn as_words(name: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    for letter in name.chars() {
        let new_word = letter.is_uppercase() && before.is_lowercase();
        if new_word && !words.ends_with(' ') {
            words.push(' ');
        }
        words.push(if matches!(letter, '_' | '-' | '/') { ' ' } else { letter });
        before = letter;
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One row per name: the mean of the embeddings of sentences about it.
///
/// # Errors
/// Whatever the encoder reports.
pub fn embed(encoder: &Encoder, names: &[String]) -> Result<Embeddings, ModelError> {
    let sentences: Vec<String> = names
        .iter()
        .map(|name| as_words(name))
        .flat_map(|name| TEMPLATES.map(|template| template.replace("{}", &name)))
        .collect();
    let sentences: Vec<&str> = sentences.iter().map(String::as_str).collect();
    let embedded = encoder.embed(&sentences, &mut |_| ControlFlow::Continue(()))?;
    let dim = embedded.dim;
    let mut data = vec![0f32; names.len() * dim];
    for (sentence, row) in embedded.data.chunks_exact(dim.max(1)).enumerate() {
        let name = sentence / TEMPLATES.len();
        for (sum, x) in data[name * dim..(name + 1) * dim].iter_mut().zip(row) {
            *sum += x / TEMPLATES.len() as f32;
        }
    }
    Ok(Embeddings { dim, data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::tiny_encoder;

    #[test]
    fn names_become_words() {
        for (name, words) in [
            ("card_arrival", "card arrival"),
            ("Sci/Tech", "Sci Tech"),
            ("CardArrival?", "Card Arrival?"),
            ("  two  words ", "two words"),
            ("USA", "USA"),
            ("", ""),
        ] {
            assert_eq!(as_words(name), words);
        }
    }

    #[test]
    fn a_row_per_name() {
        let encoder = tiny_encoder(3);
        let rows = embed(&encoder, &["goal".to_owned(), "market".to_owned()]).unwrap();
        assert_eq!((rows.len(), rows.dim), (2, encoder.dim()));
        assert_ne!(rows.row(0), rows.row(1));
        let alone = embed(&encoder, &["market".to_owned()]).unwrap();
        let (a, b) = (rows.row(1).unwrap(), alone.row(0).unwrap());
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6));
        assert!(embed(&encoder, &[]).unwrap().is_empty());
    }
}
