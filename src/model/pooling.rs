//! From the states of a text's tokens to one vector, as sentence-transformers' `Pooling` does it.

use super::error::{ModelError, Result};
use serde_json::{Map, Value, json};
use std::path::Path;

/// How token states become one vector. Every kind is a weighted sum of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pooling {
    /// The mean of all tokens.
    #[default]
    Mean,
    /// The first token.
    Cls,
    /// The sum of all tokens over the square root of their number.
    MeanSqrt,
    /// The mean, token `i` counting `i + 1` times.
    WeightedMean,
    /// The last token.
    Last,
}

/// The key of each kind in `1_Pooling/config.json`.
const KEYS: [(&str, Pooling); 5] = [
    ("pooling_mode_cls_token", Pooling::Cls),
    ("pooling_mode_mean_tokens", Pooling::Mean),
    ("pooling_mode_mean_sqrt_len_tokens", Pooling::MeanSqrt),
    ("pooling_mode_weightedmean_tokens", Pooling::WeightedMean),
    ("pooling_mode_lasttoken", Pooling::Last),
];

impl Pooling {
    /// Reads `1_Pooling/config.json`: the keys `pooling_mode_*`, or the newer single `pooling_mode`.
    pub fn from_config(config: &Value, path: &Path) -> Result<Pooling> {
        let unsupported = |what: String| ModelError::Unsupported {
            what,
            supported: "one of mean, cls, mean_sqrt_len_tokens, weightedmean and lasttoken is".into(),
            path: path.to_path_buf(),
        };
        if let Some(mode) = config.get("pooling_mode").and_then(Value::as_str) {
            return match mode {
                "mean" => Ok(Pooling::Mean),
                "cls" => Ok(Pooling::Cls),
                "mean_sqrt_len_tokens" => Ok(Pooling::MeanSqrt),
                "weightedmean" => Ok(Pooling::WeightedMean),
                "lasttoken" => Ok(Pooling::Last),
                other => Err(unsupported(format!(
                    "pooling \"{}\"",
                    other.chars().take(60).collect::<String>()
                ))),
            };
        }
        let on = |key: &str| config.get(key).and_then(Value::as_bool).unwrap_or(false);
        if on("pooling_mode_max_tokens") {
            return Err(unsupported("pooling by maximum".into()));
        }
        let chosen: Vec<Pooling> = KEYS
            .iter()
            .filter(|(key, _)| on(key))
            .map(|(_, pooling)| *pooling)
            .collect();
        match chosen.as_slice() {
            [one] => Ok(*one),
            [] if KEYS.iter().all(|(key, _)| config.get(key).is_none()) => Ok(Pooling::Mean),
            [] => Err(unsupported("pooling with every mode switched off".into())),
            _ => Err(unsupported("more than one pooling at once".into())),
        }
    }

    /// What `1_Pooling/config.json` says for this kind and `dim` columns, and whether the tokens of a prompt count.
    pub fn to_config(self, dim: usize, include_prompt: bool) -> Value {
        let mut config = Map::new();
        config.insert("word_embedding_dimension".into(), json!(dim));
        for (key, pooling) in KEYS {
            config.insert(key.into(), json!(pooling == self));
        }
        config.insert("pooling_mode_max_tokens".into(), json!(false));
        config.insert("include_prompt".into(), json!(include_prompt));
        Value::Object(config)
    }

    /// The weight of every row of texts that start at `starts`. The first `n_prompt` rows of each text are left out, as sentence-transformers
    /// masks the tokens of a prompt: their weight is 0, and the first token is the first one after them.
    pub(crate) fn weights(self, starts: &[usize], n_prompt: usize) -> Vec<f32> {
        let mut weights = Vec::with_capacity(starts.last().copied().unwrap_or(0));
        for rows in starts.windows(2) {
            let n = rows[1] - rows[0];
            let skipped = n_prompt.min(n);
            let n_counted = (n - skipped) as f32;
            // The place of a token stays what it is with its prompt.
            let sum_of_places = (n * (n + 1) / 2 - skipped * (skipped + 1) / 2) as f32;
            weights.extend((0..n).map(|i| match self {
                _ if i < skipped => 0.0,
                Pooling::Mean => 1.0 / n_counted,
                Pooling::Cls => f32::from(i == skipped),
                Pooling::MeanSqrt => 1.0 / n_counted.sqrt(),
                Pooling::WeightedMean => (i + 1) as f32 / sum_of_places,
                Pooling::Last => f32::from(i + 1 == n),
            }));
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_every_kind() {
        let starts = [0, 1, 4];
        let table = [
            (Pooling::Mean, vec![1.0, 1. / 3., 1. / 3., 1. / 3.]),
            (Pooling::Cls, vec![1.0, 1.0, 0.0, 0.0]),
            (Pooling::MeanSqrt, vec![1.0, 0.577_350_26, 0.577_350_26, 0.577_350_26]),
            (Pooling::WeightedMean, vec![1.0, 1. / 6., 2. / 6., 3. / 6.]),
            (Pooling::Last, vec![1.0, 0.0, 0.0, 1.0]),
        ];
        for (pooling, expected) in table {
            assert_eq!(pooling.weights(&starts, 0), expected, "{pooling:?}");
        }
    }

    #[test]
    fn the_rows_of_a_prompt_are_left_out() {
        let starts = [0, 2, 6];
        let table = [
            (Pooling::Mean, vec![0.0, 0.0, 0.0, 0.0, 0.5, 0.5]),
            (Pooling::Cls, vec![0.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
            (Pooling::MeanSqrt, vec![0.0, 0.0, 0.0, 0.0, 0.707_106_77, 0.707_106_77]),
            (Pooling::WeightedMean, vec![0.0, 0.0, 0.0, 0.0, 3. / 7., 4. / 7.]),
            (Pooling::Last, vec![0.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
        ];
        for (pooling, expected) in table {
            assert_eq!(pooling.weights(&starts, 2), expected, "{pooling:?}");
        }
    }

    #[test]
    fn configs_round_trip_and_refuse_what_is_not_supported() {
        let path = Path::new("1_Pooling/config.json");
        for (_, pooling) in KEYS {
            assert_eq!(
                Pooling::from_config(&pooling.to_config(8, true), path).unwrap(),
                pooling
            );
        }
        assert_eq!(
            Pooling::from_config(&json!({"pooling_mode": "cls"}), path).unwrap(),
            Pooling::Cls
        );
        assert_eq!(Pooling::from_config(&json!({}), path).unwrap(), Pooling::Mean);
        let refused = [
            (json!({"pooling_mode_max_tokens": true}), "maximum"),
            (
                json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}),
                "more than one",
            ),
            (json!({"pooling_mode_mean_tokens": false}), "switched off"),
            (json!({"pooling_mode": "attention"}), "attention"),
        ];
        for (config, expected) in refused {
            let message = Pooling::from_config(&config, path).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("1_Pooling"), "{message}");
        }
    }
}
