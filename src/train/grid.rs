//! What a search tries: values for some options, and the settings that come of them. Also shorter trainings, for a first look at each.
//!
//! Not here: which settings win (`halving`), and any training.

use rand::seq::SliceRandom;

use super::{Method, Options, Range, TrainError};
use crate::core::rng;

/// Combinations that are listed at most; there are minutes of training behind each.
const MAX_COMBINATIONS: usize = 10_000;

/// Options that say how texts are scored, not how a model is made.
const NOT_TRIED: [&str; 2] = ["folds", "fold_by"];

/// Options that the length of a training is proportional to, in the order in which they are shortened.
const LENGTHS: [&str; 2] = ["num_iterations", "num_epochs"];

/// The option that ends a training after so many steps; 0 for never.
const LIMIT: &str = "max_steps";

/// Values to try, by option.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    method: &'static Method,
    /// Ids with distinct values.
    axes: Vec<(&'static str, Vec<f64>)>,
}

impl Grid {
    /// From `(option, values)` pairs as a person wrote them, the values separated by commas.
    ///
    /// # Errors
    /// An option the method lacks, or that is given twice; values out of range; a grid with fewer than two combinations or too many.
    pub fn parse<S: AsRef<str>>(method: &'static Method, tries: &[(S, S)]) -> Result<Grid, TrainError> {
        let mut axes: Vec<(&'static str, Vec<f64>)> = Vec::new();
        for (id, values) in tries {
            let spec = method.option(id.as_ref())?;
            if NOT_TRIED.contains(&spec.id) {
                let id = spec.id;
                return Err(bad(format!(
                    "{id} says how texts are scored: set it, there is nothing to try"
                )));
            }
            if axes.iter().any(|(known, _)| *known == spec.id) {
                return Err(bad(format!("the values of {} to try are given twice", spec.id)));
            }
            let mut distinct = Vec::new();
            for written in values.as_ref().split(',') {
                let value = method.parse(&[(spec.id, written)])?.get(spec.id);
                if !distinct.contains(&value) {
                    distinct.push(value);
                }
            }
            axes.push((spec.id, distinct));
        }
        let grid = Grid { method, axes };
        match grid.n_combinations() {
            Some(0 | 1) => Err(bad(
                "there is nothing to compare: give at least two values of an option".into(),
            )),
            Some(n) if n <= MAX_COMBINATIONS => Ok(grid),
            _ => Err(bad(format!(
                "there are more than {MAX_COMBINATIONS} combinations; give fewer values"
            ))),
        }
    }

    /// The options that are tried, in the order they were given.
    pub fn options(&self) -> impl Iterator<Item = &'static str> {
        self.axes.iter().map(|(id, _)| *id)
    }

    /// Every combination on top of `base`, the last option changing fastest; `at_most` of them drawn from `seed` where there are more.
    ///
    /// # Errors
    /// Where `base` belongs to another method.
    pub fn settings(&self, base: &Options, at_most: Option<usize>, seed: u64) -> Result<Vec<Options>, TrainError> {
        base.check_for(self.method)?;
        let mut all = vec![base.clone()];
        for (id, values) in &self.axes {
            let mut next = Vec::with_capacity(all.len() * values.len());
            for options in &all {
                for value in values {
                    let mut options = options.clone();
                    options.set(id, *value)?;
                    next.push(options);
                }
            }
            all = next;
        }
        let Some(n) = at_most.filter(|n| *n < all.len()) else {
            return Ok(all);
        };
        let mut drawn: Vec<usize> = (0..all.len()).collect();
        drawn.shuffle(&mut rng::stream(seed, "search"));
        drawn.truncate(n);
        drawn.sort_unstable();
        Ok(drawn.into_iter().filter_map(|at| all.get(at).cloned()).collect())
    }

    fn n_combinations(&self) -> Option<usize> {
        self.axes
            .iter()
            .try_fold(1usize, |n, (_, values)| n.checked_mul(values.len()))
    }
}

/// Whether [`shortened`] can shorten a method's training.
pub fn can_be_shortened(method: &Method) -> bool {
    LENGTHS.iter().any(|id| method.option(id).is_ok())
}

/// The same settings for about a `share` (0 to 1) of the steps: fewer iterations, then fewer epochs, at least one of each. The learning
/// rate rises and falls within the shorter training.
pub fn shortened(options: &Options, share: f64) -> Options {
    let mut short = options.clone();
    let mut left = share;
    for id in LENGTHS {
        let Ok(spec) = options.method().option(id) else {
            continue;
        };
        let full = options.get(id);
        let value = match spec.range {
            Range::Whole { min, .. } => (full * left).ceil().max(f64::from(min)).min(full),
            Range::Real { min, .. } => (full * left).max(min).min(full),
            Range::Choice(_) => continue,
        };
        if short.set(id, value).is_ok() && value > 0.0 {
            left = (left * full / value).min(1.0);
        }
    }
    let limit = options.get(LIMIT);
    if limit > 0.0 {
        // Present, and a share of at least one step is within its range.
        let _ = short.set(LIMIT, (limit * share).ceil().max(1.0));
    }
    short
}

fn bad(reason: String) -> TrainError {
    TrainError::BadSearch(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::method;

    fn grid(id: &str, tries: &[(&str, &str)]) -> Result<Grid, TrainError> {
        Grid::parse(method(id).unwrap(), tries)
    }

    #[test]
    fn combinations_come_in_order_on_top_of_the_base() {
        let grid = grid(
            "setfit",
            &[("learning_rate", "2e-5, 5e-5"), ("num_iterations", "5,10,5,20")],
        )
        .unwrap();
        let base = method("setfit").unwrap().parse(&[("batch_size", "4")]).unwrap();
        let settings = grid.settings(&base, None, 0).unwrap();
        let read = |options: &Options| (options.get("learning_rate"), options.whole("num_iterations"));
        let read: Vec<_> = settings.iter().map(read).collect();
        assert_eq!(
            read,
            [(2e-5, 5), (2e-5, 10), (2e-5, 20), (5e-5, 5), (5e-5, 10), (5e-5, 20)]
        );
        assert!(settings.iter().all(|options| options.whole("batch_size") == 4));
        assert_eq!(grid.options().collect::<Vec<_>>(), ["learning_rate", "num_iterations"]);
    }

    #[test]
    fn some_are_drawn_by_the_seed_and_none_twice() {
        let grid = grid("setfit", &[("num_iterations", "1,2,3,4,5,6,7,8,9,10")]).unwrap();
        let base = Options::defaults(method("setfit").unwrap());
        let draw = |n, seed| -> Vec<usize> {
            let settings = grid.settings(&base, Some(n), seed).unwrap();
            settings.iter().map(|options| options.whole("num_iterations")).collect()
        };
        assert_eq!(draw(4, 1), draw(4, 1));
        assert_ne!(draw(4, 1), draw(4, 2));
        let mut drawn = draw(7, 3);
        drawn.dedup();
        assert_eq!(drawn.len(), 7);
        assert_eq!(draw(10, 3), draw(99, 4));
    }

    #[test]
    fn grids_that_make_no_sense_are_refused() {
        let ten = "1,2,3,4,5,6,7,8,9,10";
        let cases: [(&[(&str, &str)], &str); 8] = [
            (&[("epoch", "1,2")], "setfit has no option \"epoch\""),
            (&[("batch_size", "4,1")], "batch_size must be a whole number from 2"),
            (&[("batch_size", "4,,8")], "not \"\""),
            (&[("sampler", "fast,slow")], "one of fast"),
            (&[("batch_size", "4,8"), ("batch_size", "16")], "given twice"),
            (&[("batch_size", "4"), ("c", "1")], "at least two values"),
            (&[("folds", "2,5")], "nothing to try"),
            (
                &[
                    ("num_iterations", ten),
                    ("num_epochs", ten),
                    ("c", ten),
                    ("freeze_layers", ten),
                    ("batch_size", "2,3"),
                ],
                "more than 10000 combinations",
            ),
        ];
        for (tries, message) in cases {
            let error = grid("setfit", tries).unwrap_err().to_string();
            assert!(error.contains(message), "{tries:?}: {error}");
        }
        assert!(grid("setfit", &[]).is_err());
    }

    #[test]
    fn shorter_trainings_take_their_share_of_the_steps() {
        let setfit = |n_iterations: &str, n_epochs: &str, share| {
            let settings = [("num_iterations", n_iterations), ("num_epochs", n_epochs)];
            let short = shortened(&method("setfit").unwrap().parse(&settings).unwrap(), share);
            (short.whole("num_iterations"), short.whole("num_epochs"))
        };
        assert_eq!(setfit("20", "1", 1.0), (20, 1));
        assert_eq!(setfit("20", "1", 0.25), (5, 1));
        assert_eq!(setfit("20", "4", 0.25), (5, 4));
        // what iterations cannot give, epochs do
        assert_eq!(setfit("1", "8", 0.25), (1, 2));
        assert_eq!(setfit("2", "8", 0.25), (1, 4));
        assert_eq!(setfit("1", "1", 0.125), (1, 1));
        let finetune = method("finetune").unwrap();
        let short = shortened(&finetune.parse(&[("num_epochs", "10")]).unwrap(), 0.25);
        assert_eq!(short.get("num_epochs"), 3.0);
        assert_eq!(
            short.get("learning_rate"),
            finetune.parse::<&str>(&[]).unwrap().get("learning_rate")
        );
        assert!(can_be_shortened(finetune) && !can_be_shortened(method("probe").unwrap()));
    }
}
