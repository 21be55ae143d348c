//! How high in an encoder a parameter stands, read from its name.

/// What precedes a layer's number in a name, whatever the architecture.
const BEFORE_NUMBER: [&str; 2] = ["layer", "layers"];

/// What follows the last layer.
const ABOVE: &str = "final_norm.";

/// 0 for the embeddings and what all layers share, 1 to `n_layers` for the layers from below.
pub(super) fn layer_of(parameter: &str, n_layers: usize) -> usize {
    if parameter.starts_with(ABOVE) {
        return n_layers;
    }
    let parts: Vec<&str> = parameter.split('.').collect();
    let number = parts.windows(2).find_map(|pair| match pair {
        [word, number] if BEFORE_NUMBER.contains(word) => number.parse::<usize>().ok(),
        _ => None,
    });
    number.map_or(0, |number| number.saturating_add(1).min(n_layers))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use candle_core::Device;

    use crate::model::Encoder;

    /// The lowest layers stay where the parameters of the layers above move: [`Encoder::forward_from`] knows the layers by their numbers,
    /// not their names.
    #[test]
    fn every_parameter_of_every_architecture_is_in_the_layer_that_uses_it() {
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/encoders");
        let mut n_folders = 0;
        for folder in std::fs::read_dir(folders).unwrap() {
            let folder = folder.unwrap().path();
            let encoder = Encoder::load(&folder, &Device::Cpu).unwrap();
            let tokens = encoder.tokenize(&["some words of a text", "others"]).unwrap();
            let batch: Vec<_> = tokens.iter().collect();
            let n_layers = encoder.n_layers();
            for from in 1..=n_layers {
                let lower = encoder.lower_states(&tokens, from).unwrap();
                let states: Vec<&[f32]> = lower.iter().map(Vec::as_slice).collect();
                let rows = encoder.forward_from(&batch, &states, from, None).unwrap();
                let found = encoder.backward(&rows.sqr().unwrap().sum_all().unwrap()).unwrap();
                for (name, var) in encoder.vars() {
                    let layer = encoder.layer_of(&name);
                    let is_used = found.get(&var).is_some();
                    // What all layers share is used above too; what follows the last layer belongs to it.
                    let expected = layer > from || (layer == n_layers && name.starts_with(super::ABOVE));
                    assert!(
                        is_used == expected || layer == 0,
                        "{}: {name} from {from}",
                        folder.display()
                    );
                }
            }
            for layer in 0..=n_layers {
                assert!(
                    encoder.vars().iter().any(|(name, _)| encoder.layer_of(name) == layer),
                    "{}",
                    folder.display()
                );
            }
            n_folders += 1;
        }
        assert!(n_folders >= 8);
    }
}
