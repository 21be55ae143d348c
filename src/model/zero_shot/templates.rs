//! Sentences about labels in the language of the texts, and a vote on which language that is.

/// A language with sentences of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Language {
    English,
    Italian,
    German,
    French,
    Spanish,
}

/// Words that texts of a language use whatever they are about, and that the other four hardly use.
const ENGLISH: &[&str] = &[
    "the", "and", "of", "to", "is", "was", "with", "that", "this", "for", "are", "have", "not", "you", "it", "my",
    "what", "from", "they", "would", "there", "how", "we",
];
const ITALIAN: &[&str] = &[
    "il", "gli", "di", "che", "è", "non", "per", "della", "delle", "dei", "degli", "nel", "nella", "sono", "anche",
    "più", "questo", "questa", "ho", "ma", "ed", "dal", "alla",
];
const GERMAN: &[&str] = &[
    "der", "die", "das", "und", "ist", "nicht", "ein", "eine", "einen", "mit", "auf", "für", "ich", "sich", "dem",
    "von", "zu", "auch", "wie", "wurde", "bei", "sind", "wir",
];
const FRENCH: &[&str] = &[
    "le", "les", "des", "est", "et", "une", "dans", "pour", "pas", "qui", "sur", "je", "vous", "nous", "avec", "au",
    "aux", "ce", "cette", "mais", "être", "du", "il",
];
const SPANISH: &[&str] = &[
    "el", "los", "las", "y", "es", "una", "por", "con", "para", "del", "que", "está", "pero", "más", "como", "su",
    "muy", "se", "al", "lo", "mi", "son", "fue",
];

/// At most this many texts vote.
const MOST_TEXTS: usize = 400;

/// Fewer votes than this say nothing.
const LEAST_VOTES: usize = 5;

/// The winner has at least so many times the votes of the next.
const LEAD: f64 = 1.5;

/// The winner's words are at least this share of all words: other languages share single words with these five.
const LEAST_SHARE: f64 = 0.08;

impl Language {
    /// All of them.
    pub const ALL: [Language; 5] = [
        Language::English,
        Language::Italian,
        Language::German,
        Language::French,
        Language::Spanish,
    ];

    /// Its English name.
    pub fn name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::Italian => "Italian",
            Language::German => "German",
            Language::French => "French",
            Language::Spanish => "Spanish",
        }
    }

    /// Sentences for engines that compare a text with what it is about; the first is the default.
    pub fn topics(self) -> &'static [&'static str] {
        match self {
            Language::English => &[
                super::DEFAULT_TEMPLATE,
                "This sentence is about {}.",
                "The topic is {}.",
                "It is a question of {}.",
            ],
            Language::Italian => &[
                "Questo testo parla di {}.",
                "Questa frase riguarda {}.",
                "L'argomento è {}.",
                "Si tratta di {}.",
            ],
            Language::German => &[
                "In diesem Text geht es um {}.",
                "Dieser Satz handelt von {}.",
                "Das Thema ist {}.",
                "Es geht um {}.",
            ],
            Language::French => &[
                "Ce texte parle de {}.",
                "Cette phrase concerne {}.",
                "Le sujet est {}.",
                "Il s'agit de {}.",
            ],
            Language::Spanish => &[
                "Este texto trata de {}.",
                "Esta frase habla de {}.",
                "El tema es {}.",
                "Se trata de {}.",
            ],
        }
    }

    /// Sentences for engines that ask whether a sentence follows from a text; the first is the default.
    pub fn hypotheses(self) -> &'static [&'static str] {
        match self {
            Language::English => &[
                super::entailment::DEFAULT_TEMPLATE,
                "This text is about {}.",
                "The topic is {}.",
            ],
            Language::Italian => &["Questo esempio è {}.", "Questo testo parla di {}.", "L'argomento è {}."],
            Language::German => &[
                "Dieses Beispiel ist {}.",
                "In diesem Text geht es um {}.",
                "Das Thema ist {}.",
            ],
            Language::French => &["Cet exemple est {}.", "Ce texte parle de {}.", "Le sujet est {}."],
            Language::Spanish => &["Este ejemplo es {}.", "Este texto trata de {}.", "El tema es {}."],
        }
    }

    fn words(self) -> &'static [&'static str] {
        match self {
            Language::English => ENGLISH,
            Language::Italian => ITALIAN,
            Language::German => GERMAN,
            Language::French => FRENCH,
            Language::Spanish => SPANISH,
        }
    }
}

/// The language of most of the texts, by their commonest small words; `None` where there are too few of these, or two languages are close:
/// then say so, and take English.
pub fn guess_language<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Language> {
    let mut votes = [0usize; Language::ALL.len()];
    let mut n_words = 0;
    for text in texts.into_iter().take(MOST_TEXTS) {
        let text = text.to_lowercase();
        for word in text
            .split(|letter: char| !letter.is_alphabetic())
            .filter(|word| !word.is_empty())
        {
            n_words += 1;
            for (votes, language) in votes.iter_mut().zip(Language::ALL) {
                *votes += usize::from(language.words().contains(&word));
            }
        }
    }
    let mut ranked: Vec<(usize, Language)> = votes.into_iter().zip(Language::ALL).collect();
    ranked.sort_by_key(|(votes, _)| std::cmp::Reverse(*votes));
    let (best, language) = *ranked.first()?;
    let next = ranked.get(1).map_or(0, |(votes, _)| *votes);
    let clear = best as f64 >= LEAD * next as f64 && best as f64 >= LEAST_SHARE * n_words as f64;
    (best >= LEAST_VOTES && clear).then_some(language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_words_tell_the_language() {
        let texts: [(&[&str], Option<Language>); 8] = [
            (
                &[
                    "The parcel was not there when I came home.",
                    "How do I change the address of my account?",
                ],
                Some(Language::English),
            ),
            (
                &[
                    "Il pacco non è arrivato e nessuno risponde.",
                    "Sono contento della nuova carta, anche per il prezzo.",
                ],
                Some(Language::Italian),
            ),
            (
                &[
                    "Das Paket ist nicht angekommen.",
                    "Ich bin mit der neuen Karte zufrieden und auch mit dem Preis.",
                ],
                Some(Language::German),
            ),
            (
                &[
                    "Le colis est arrivé dans un état affreux.",
                    "Nous avons reçu la carte, mais pas le code pour les achats.",
                ],
                Some(Language::French),
            ),
            (
                &[
                    "El paquete no llegó y nadie contesta.",
                    "La tarjeta es muy buena, pero el precio es más alto que antes.",
                ],
                Some(Language::Spanish),
            ),
            (
                &["Paczka nie przyszła do mnie w tym tygodniu, a nikt nie odpowiada na moje listy"],
                None,
            ),
            (&["refund", "invoice 4711", "login"], None),
            (&[], None),
        ];
        for (texts, language) in texts {
            assert_eq!(guess_language(texts.iter().copied()), language, "{texts:?}");
        }
        let mixed = [
            "The parcel was not there and it is late.",
            "Das Paket ist nicht da und ich bin mit der Post unzufrieden.",
        ];
        assert_eq!(guess_language(mixed), None);
    }

    #[test]
    fn every_template_has_one_place() {
        for language in Language::ALL {
            let all = language.topics().iter().chain(language.hypotheses());
            for template in all {
                assert_eq!(template.matches("{}").count(), 1, "{template}");
            }
            assert!(language.topics().len() >= 3 && language.hypotheses().len() >= 3);
        }
    }
}
