//! Searches that are worth a try without thinking: values by method, in the form `--try` takes.

use super::Method;
use crate::train::TrainError;

/// A named grid of one method.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// On the command line; never changes.
    pub id: &'static str,
    /// Which method it is for.
    pub method: &'static str,
    /// Options with the values to try.
    pub tries: &'static [(&'static str, &'static str)],
}

/// Every preset; each method has a `quick` one.
pub static PRESETS: &[Preset] = &[
    Preset {
        id: "quick",
        method: "probe",
        tries: &[("c", "0.1,1,10,100")],
    },
    Preset {
        id: "quick",
        method: "setfit",
        tries: &[("learning_rate", "2e-5,5e-5,1e-4"), ("num_iterations", "10,20")],
    },
    Preset {
        id: "quick",
        method: "finetune",
        tries: &[("learning_rate", "2e-5,5e-5,1e-4"), ("num_epochs", "3,8")],
    },
    Preset {
        id: "wide",
        method: "setfit",
        tries: &[
            ("learning_rate", "1e-5,2e-5,5e-5,1e-4"),
            ("num_iterations", "5,10,20,40"),
            ("batch_size", "8,16,32"),
        ],
    },
    Preset {
        id: "wide",
        method: "finetune",
        tries: &[
            ("learning_rate", "1e-5,2e-5,5e-5,1e-4"),
            ("num_epochs", "2,4,8,16"),
            ("batch_size", "8,16,32"),
        ],
    },
];

/// A method's preset.
///
/// # Errors
/// When there is none; the message lists those of the method.
pub fn preset(method: &Method, id: &str) -> Result<&'static Preset, TrainError> {
    let of_method = || PRESETS.iter().filter(|preset| preset.method == method.id);
    of_method().find(|preset| preset.id == id).ok_or_else(|| {
        let known: Vec<&str> = of_method().map(|preset| preset.id).collect();
        let known = known.join(", ");
        TrainError::BadSearch(format!("{} has no preset {id:?}; it has {known}", method.id))
    })
}

/// The presets with what they try, as text for a terminal.
pub fn presets_help() -> String {
    let mut help = String::from("Presets:\n");
    for Preset { id, method, tries } in PRESETS {
        let tries: Vec<String> = tries
            .iter()
            .map(|(option, values)| format!("{option}={values}"))
            .collect();
        help += &format!("  {:<18} {}\n", format!("{id} of {method}"), tries.join("  "));
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{Grid, METHODS, method};

    #[test]
    fn every_preset_is_a_grid_and_every_method_that_can_be_searched_has_a_quick_one() {
        for id in METHODS.iter().filter(|method| !method.needs_teacher) {
            assert!(preset(id, "quick").is_ok(), "{}", id.id);
        }
        for entry in PRESETS {
            Grid::parse(method(entry.method).unwrap(), entry.tries).unwrap();
        }
        let error = preset(method("probe").unwrap(), "slow").unwrap_err().to_string();
        assert!(error.contains("probe has no preset \"slow\"; it has quick"), "{error}");
        assert!(presets_help().contains("quick of setfit"));
    }
}
