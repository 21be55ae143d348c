//! What the labels so far allow, and which method fits them: a rule one can read.

use crate::app::Project;
use crate::app::command::check_trainable;
use crate::core::TaskKind;
use crate::jobs::snapshot::Snapshot;
use crate::ui::widgets::thousands;

/// Below this many texts of the middling label, tuning an encoder has too little to go by.
const FEW: usize = 4;

/// Above this many texts of the middling label, SetFit gains from fewer iterations.
const MANY: usize = 64;

/// Above this many texts of the middling label, pairs cost more than they teach.
const VERY_MANY: usize = 500;

/// What can be trained on, and how.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Advice {
    /// Labelled texts that train.
    pub(super) n_train: usize,
    /// Labelled texts the result is measured on: validation and test.
    pub(super) n_held_out: usize,
    /// Id of the recommended method.
    pub(super) method: &'static str,
    /// The rule that chose it, in a sentence or two.
    pub(super) why: String,
    /// What keeps every method from training.
    missing: Option<String>,
    /// Texts of the most frequent label.
    most: usize,
}

impl Advice {
    /// For the project as it is. O(texts): keep it until the project changes.
    pub(super) fn of(project: &Project) -> Self {
        let snapshot = Snapshot::take(&project.state);
        let mut counts = vec![0; snapshot.labels.len()];
        for label in snapshot.train.labels.iter().flatten() {
            counts[*label] += 1;
        }
        counts.sort_unstable();
        let (method, why) = recommend(&counts);
        let missing = check_trainable(project, &snapshot)
            .err()
            .map(|reason| sentence(&reason.to_string()))
            .or_else(|| constant(project.state.task, &counts, snapshot.train.len()));
        Advice {
            n_train: snapshot.train.len(),
            n_held_out: snapshot.validation.len() + snapshot.test.len(),
            method,
            why,
            missing,
            most: counts.last().copied().unwrap_or(0),
        }
    }

    /// What keeps this method from training.
    pub(super) fn missing(&self, method: &str) -> Option<&str> {
        const ALONE: &str =
            "No two texts share a label yet. Label at least two texts of one label, or train the quick probe.";
        match &self.missing {
            Some(reason) => Some(reason),
            None if method == "setfit" && self.most < 2 => Some(ALONE),
            None => None,
        }
    }
}

/// The method for labels with these numbers of texts, ascending, and why.
fn recommend(counts: &[usize]) -> (&'static str, String) {
    let (Some(least), Some(most)) = (counts.first(), counts.last()) else {
        return (
            "setfit",
            "Label about eight texts of each class to begin with.".to_owned(),
        );
    };
    let middling = counts[counts.len() / 2];
    let range = match least == most {
        true if *most == 1 => "1 text".to_owned(),
        true => format!("{} texts", thousands(*most)),
        false => format!("{} to {} texts", thousands(*least), thousands(*most)),
    };
    let have = format!("You have {range} per label");
    match middling {
        n if n < FEW => (
            "probe",
            format!("{have}: too few to tune an encoder on. From about eight, SetFit does better."),
        ),
        n if n <= MANY => ("setfit", format!("{have}: SetFit does best in this range.")),
        n if n <= VERY_MANY => (
            "setfit",
            format!("{have}: SetFit still gains, and fewer iterations are enough."),
        ),
        _ => (
            "finetune",
            format!("{have}: enough to learn the labels directly, without pairs."),
        ),
    }
}

/// In a multi-label project some label must be on some texts and not on others.
fn constant(task: TaskKind, counts: &[usize], n_texts: usize) -> Option<String> {
    let nothing_to_learn = task == TaskKind::MultiLabel && counts.iter().all(|n| *n == 0 || *n == n_texts);
    nothing_to_learn.then(|| "Every text has the same labels. Label texts that differ.".to_owned())
}

/// An error as a sentence of its own: a capital first, a full stop last.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_follows_the_middling_label() {
        for (counts, method, says) in [
            (&[][..], "setfit", "about eight"),
            (&[1, 1, 1], "probe", "You have 1 text per label: too few"),
            (&[1, 3, 9], "probe", "You have 1 to 9 texts per label"),
            (&[2, 8, 88], "setfit", "2 to 88 texts per label: SetFit does best"),
            (&[8, 8], "setfit", "You have 8 texts per label"),
            (
                &[100, 300, 2000],
                "setfit",
                "100 to 2,000 texts per label: SetFit still gains",
            ),
            (&[100, 2000], "finetune", "100 to 2,000 texts per label: enough"),
        ] {
            let (chosen, why) = recommend(counts);
            assert_eq!(chosen, method, "{counts:?}");
            assert!(why.contains(says), "{counts:?}: {why}");
        }
    }

    #[test]
    fn labels_that_never_differ_teach_nothing() {
        assert!(constant(TaskKind::MultiLabel, &[3, 3], 3).is_some());
        assert!(constant(TaskKind::MultiLabel, &[3, 2], 3).is_none());
        assert!(constant(TaskKind::SingleLabel, &[3], 3).is_none());
    }

    #[test]
    fn errors_become_sentences() {
        assert_eq!(sentence("nothing was kept"), "Nothing was kept.");
        assert_eq!(sentence("Ähnlich?"), "Ähnlich?");
    }
}
