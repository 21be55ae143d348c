//! Settings with a name, to be compared: as a person writes them, or all that a method can do about labels of very different size.

use super::Method;
use crate::model::head::TreeMethod;
use crate::train::{OptionSpec, Options, Range, TrainError};

/// Options that treat imbalance: any word but the default, or only words that say so.
const TREATMENTS: [(&str, Option<&str>); 3] = [("class_weight", None), ("loss", Some("focal")), ("sampling", None)];

/// Settings with a name, to be compared with others.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// As shown beside its figures.
    pub name: String,
    /// Its settings.
    pub options: Options,
}

/// `base` without any treatment, as `plain`, and with each treatment the method has.
///
/// # Errors
/// A method that has none.
pub fn imbalance_variants(base: &Options) -> Result<Vec<Variant>, TrainError> {
    let method: &'static Method = base.method();
    let mut plain = base.clone();
    let mut variants = Vec::new();
    for (spec, words) in treatments(method.options) {
        plain.set(spec.id, spec.default)?;
        variants.extend(words.into_iter().map(|word| (spec.id, word)));
    }
    if variants.is_empty() {
        return Err(TrainError::BadSearch(format!(
            "{} has no treatment of imbalance to compare; name your own variants, or take another method",
            method.id
        )));
    }
    let mut named = vec![Variant {
        name: "plain".into(),
        options: plain.clone(),
    }];
    for (id, word) in variants {
        let mut options = plain.clone();
        options.set_written(id, word)?;
        let name = format!("{id}={word}");
        named.push(Variant { name, options });
    }
    Ok(named)
}

/// `base` with each way of learning labels that form a tree, under its name.
///
/// # Errors
/// A method that has none.
pub fn tree_variants(base: &Options) -> Result<Vec<Variant>, TrainError> {
    if base.method().option("tree").is_err() {
        return Err(TrainError::BadSearch(format!(
            "{} has no ways of learning a tree to compare; name your own variants, or take another method",
            base.method().id
        )));
    }
    let variant = |name: &&str| {
        let mut options = base.clone();
        options.set_written("tree", name)?;
        Ok(Variant {
            name: (*name).to_owned(),
            options,
        })
    };
    TreeMethod::NAMES.iter().map(variant).collect()
}

/// The options that treat imbalance, with the words that do.
fn treatments(options: &'static [OptionSpec]) -> Vec<(&'static OptionSpec, Vec<&'static str>)> {
    let mut found = Vec::new();
    for (id, only) in TREATMENTS {
        let Some(spec) = options.iter().find(|spec| spec.id == id) else {
            continue;
        };
        let Range::Choice(words) = spec.range else { continue };
        let plain = spec.range.written(spec.default);
        let wanted = |word: &&&str| **word != plain && only.is_none_or(|only| word.contains(only));
        let words: Vec<&str> = words.iter().filter(wanted).copied().collect();
        if !words.is_empty() {
            found.push((spec, words));
        }
    }
    found
}

/// A variant as a person wrote it: `name: option=value, option=value`, or without a name, on top of `base`.
///
/// # Errors
/// A setting without `=`; those of [`Options::set_written`].
pub fn parse_variant(base: &Options, written: &str) -> Result<Variant, TrainError> {
    let (name, settings) = match written.split_once(':') {
        Some((name, settings)) => (name.trim(), settings),
        None => ("", written),
    };
    let mut options = base.clone();
    let settings = settings.split(',').map(str::trim).filter(|setting| !setting.is_empty());
    for setting in settings.clone() {
        let Some((id, value)) = setting.split_once('=') else {
            return Err(TrainError::BadSearch(format!(
                "{setting:?} in the variant {written:?} is no setting; write `name: option=value, option=value`"
            )));
        };
        options.set_written(id.trim(), value)?;
    }
    let name = match name {
        "" => settings.collect::<Vec<_>>().join(", "),
        name => name.to_owned(),
    };
    if name.is_empty() {
        return Err(TrainError::BadSearch("a variant needs a name or a setting".into()));
    }
    Ok(Variant { name, options })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{METHODS, method};

    const fn choice(id: &'static str, words: &'static [&'static str]) -> OptionSpec {
        OptionSpec {
            id,
            title: "",
            unit: "",
            range: Range::Choice(words),
            default: 0.0,
            help: "",
            advanced: false,
        }
    }

    static OPTIONS: [OptionSpec; 3] = [
        choice("sampling", &["shuffled", "oversampling", "balanced"]),
        choice("class_weight", &["none", "balanced"]),
        choice("loss", &["cross-entropy", "focal", "hinge"]),
    ];

    #[test]
    fn treatments_are_found_in_the_table() {
        let found = treatments(&OPTIONS);
        let found: Vec<(&str, Vec<&str>)> = found.into_iter().map(|(spec, words)| (spec.id, words)).collect();
        assert_eq!(
            found,
            [
                ("class_weight", vec!["balanced"]),
                ("loss", vec!["focal"]),
                ("sampling", vec!["oversampling", "balanced"])
            ]
        );
    }

    #[test]
    fn every_method_has_treatments_or_says_that_it_has_none() {
        for method in METHODS {
            let n_words: usize = treatments(method.options).iter().map(|(_, words)| words.len()).sum();
            match imbalance_variants(&Options::defaults(method)) {
                Ok(variants) => {
                    assert_eq!(variants.len(), 1 + n_words);
                    assert_eq!(variants[0].options, Options::defaults(method));
                    assert!(
                        variants[1..]
                            .iter()
                            .all(|variant| variant.options != variants[0].options)
                    );
                }
                Err(error) => {
                    assert_eq!(n_words, 0);
                    assert!(error.to_string().contains(method.id), "{error}");
                }
            }
        }
    }

    #[test]
    fn variants_are_read_as_they_are_written() {
        let base = method("setfit").unwrap().parse(&[("batch_size", "4")]).unwrap();
        let variant = parse_variant(&base, "fast: num_iterations=5, c = 2").unwrap();
        assert_eq!(
            (variant.name.as_str(), variant.options.whole("num_iterations")),
            ("fast", 5)
        );
        assert_eq!(
            (variant.options.whole("batch_size"), variant.options.get("c")),
            (4, 2.0)
        );
        assert_eq!(parse_variant(&base, "c=3").unwrap().name, "c=3");
        assert_eq!(parse_variant(&base, "as it is:").unwrap().options, base);
        for (written, message) in [
            ("a: c", "\"c\" in the variant"),
            ("a: batch_size=0", "batch_size must be"),
            ("speed=1", "no option \"speed\""),
            ("", "a name or a setting"),
        ] {
            let error = parse_variant(&base, written).unwrap_err().to_string();
            assert!(error.contains(message), "{written}: {error}");
        }
    }
}
