//! What the labels so far allow, which method and options fit them, and why: rules one can read, for the window and the command line alike.
//!
//! The figures behind them are in `docs/accuracy.md`.

use super::Project;
use super::command::check_trainable;
use crate::core::number::thousands;
use crate::core::{ColumnTree, Run, TaskKind};
use crate::jobs::snapshot::Snapshot;
use crate::train::{METHODS, Method, OptionSpec};

/// Below this many texts of the middling label, tuning an encoder has too little to go by.
const FEW: usize = 4;

/// Up to this many texts of the middling label, SetFit is clearly ahead.
const MANY: usize = 64;

/// Above this many texts of the middling label, pairs cost more than they teach.
const VERY_MANY: usize = 500;

/// Up to this many texts of the middling label, unlabelled texts add the most; measured with eight.
const FEW_WITHOUT_PILE: usize = 16;

/// From this many times as many texts of the largest label as of the smallest, the rare ones need help.
const IMBALANCE: usize = 5;

/// How labels that form a tree are learnt, and why. Measured on clinc150 (10 > 150, eight texts a label), probes without unlabelled texts.
const IN_TREE: &str = "shared";
const WHY_IN_TREE: &str = "The labels form a tree. Learning whole paths by one classifier (Tree: shared) keeps to the right branch as often as a flat list or a little more often, and more often than going from the top down by a classifier for each branch. Which is best here, a comparison says.";

/// What can be trained on, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// Labelled texts that train.
    pub n_train: usize,
    /// Texts without a label that methods may learn from.
    pub n_unlabelled: usize,
    /// Id of the recommended method.
    pub method: &'static str,
    /// The rule that chose it, in a sentence or two.
    pub why: String,
    /// What else this data asks for.
    pub notes: Vec<Note>,
    /// Options of the recommended method that differ from the usual ones.
    pub settings: Vec<Setting>,
    /// What keeps every method from training.
    missing: Option<String>,
    /// Texts of the most frequent label.
    most: usize,
}

/// One remark, and where it leads.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// A sentence.
    pub says: String,
    /// The screen that helps.
    pub leads: Option<Lead>,
}

/// A screen that helps with what a note says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lead {
    /// Zero-shot scores, for which nothing needs to be labelled.
    Preview,
    /// Thresholds, once there is a run.
    Thresholds,
    /// A comparison of what the method can do about rare labels.
    Treatments,
    /// A comparison of the ways to learn a tree.
    Tree,
    /// More texts.
    Data,
}

/// An option and the value to give it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// The option.
    pub spec: &'static OptionSpec,
    /// The value to give it.
    pub value: f64,
}

impl Setting {
    /// `class_weight=balanced`, as on the command line.
    pub fn written(&self) -> String {
        format!("{}={}", self.spec.id, self.spec.range.written(self.value))
    }

    /// `Class weights balanced`.
    pub fn text(&self) -> String {
        format!("{} {}", self.spec.title, self.spec.range.written(self.value))
    }
}

/// How many texts of each label train.
#[derive(Default)]
struct Counted {
    /// Ascending, with the labels' names.
    labels: Vec<(usize, String)>,
}

impl Counted {
    fn new(snapshot: &Snapshot) -> Self {
        let mut counts = vec![0; snapshot.labels.len()];
        for label in snapshot.train.labels.iter().flatten() {
            counts[*label] += 1;
        }
        let name = |path: &Vec<String>| path.last().cloned().unwrap_or_default();
        let named = counts.into_iter().zip(snapshot.label_paths.iter().map(name));
        // Columns without texts are labels above those that have some.
        let mut labels: Vec<_> = named.filter(|(n, _)| *n > 0).collect();
        labels.sort_by_key(|(n, _)| *n);
        Counted { labels }
    }

    fn numbers(&self) -> Vec<usize> {
        self.labels.iter().map(|(n, _)| *n).collect()
    }
}

impl Advice {
    /// For the project as it is. O(texts): keep it until the project changes.
    pub fn of(project: &Project) -> Self {
        let state = &project.state;
        let snapshot = Snapshot::take(state);
        let counted = Counted::new(&snapshot);
        let numbers = counted.numbers();
        let (method, why) = recommend(&numbers);
        let n_unlabelled = snapshot.pile.len();
        let mut asked: Vec<(&str, &str)> = Vec::new();
        let mut notes = Vec::new();
        if numbers.is_empty() {
            notes.push(Note {
                says: "Until then, the preview scores texts by the names of labels alone.".to_owned(),
                leads: Some(Lead::Preview),
            });
        }
        notes.extend(unlabelled(find(method), &numbers, n_unlabelled));
        if let Some(says) = imbalance(&counted) {
            asked.extend(weighting(find(method), state.task));
            let several = state.task == TaskKind::MultiLabel;
            let says = match several {
                true => format!("{says} After training, tune the thresholds: a rare label seldom reaches .50."),
                false => says,
            };
            let leads = match several && project.state.runs.iter().any(Run::has_model) {
                true => Lead::Thresholds,
                false => Lead::Treatments,
            };
            let leads = Some(leads);
            notes.push(Note { says, leads });
        }
        if ColumnTree::from_paths(&snapshot.label_paths).is_some() {
            asked.push(("tree", IN_TREE));
            notes.push(Note {
                says: WHY_IN_TREE.to_owned(),
                leads: Some(Lead::Tree),
            });
        } else if state.labels.is_hierarchical() {
            let says = "The labels form a tree, but none with training texts stands below another yet.";
            notes.push(Note {
                says: says.to_owned(),
                leads: None,
            });
        }
        let missing = check_trainable(project, &snapshot)
            .err()
            .map(|reason| sentence(&reason.to_string()))
            .or_else(|| constant(state.task, &numbers, snapshot.train.len()));
        Advice {
            n_train: snapshot.train.len(),
            n_unlabelled,
            method,
            why,
            notes,
            settings: asked
                .iter()
                .filter_map(|(id, value)| setting(find(method), id, value))
                .collect(),
            missing,
            most: numbers.last().copied().unwrap_or(0),
        }
    }

    /// What keeps this method from training.
    pub fn missing(&self, method: &str) -> Option<&str> {
        const ALONE: &str =
            "No two texts share a label yet. Label at least two texts of one label, or train the quick probe.";
        match &self.missing {
            Some(reason) => Some(reason),
            None if method == "setfit" && self.most < 2 => Some(ALONE),
            None => None,
        }
    }
}

fn find(method: &str) -> &'static Method {
    METHODS.iter().find(|known| known.id == method).unwrap_or(&METHODS[0])
}

/// The option with this value, where the method has both and the value is not the usual one.
fn setting(method: &'static Method, id: &str, value: &str) -> Option<Setting> {
    let spec = method.option(id).ok()?;
    let value = method.parse(&[(id, value)]).ok()?.get(id);
    (value != spec.default).then_some(Setting { spec, value })
}

fn middling(counts: &[usize]) -> usize {
    counts.get(counts.len() / 2).copied().unwrap_or(0)
}

/// The method for labels with these numbers of texts, ascending, and why.
fn recommend(counts: &[usize]) -> (&'static str, String) {
    let (Some(least), Some(most)) = (counts.first(), counts.last()) else {
        return (
            "setfit",
            "Nothing is labelled yet. About eight texts of each label are enough to begin with.".to_owned(),
        );
    };
    let range = match least == most {
        true if *most == 1 => "1 text".to_owned(),
        true => format!("{} texts", thousands(*most)),
        false => format!("{} to {} texts", thousands(*least), thousands(*most)),
    };
    let have = format!("You have {range} per label");
    match middling(counts) {
        n if n < FEW => (
            "probe",
            format!("{have}: too few to tune an encoder on. From about eight, SetFit does better."),
        ),
        n if n <= MANY => ("setfit", format!("{have}: SetFit does best in this range.")),
        n if n <= VERY_MANY => ("setfit", format!("{have}: SetFit still gains from pairs.")),
        _ => (
            "finetune",
            format!("{have}: enough to learn the labels directly, without pairs."),
        ),
    }
}

/// What unlabelled texts can do for a method that learns from them; nothing where labels are many or there are none.
fn unlabelled(method: &Method, counts: &[usize], n: usize) -> Option<Note> {
    let few = !counts.is_empty() && middling(counts) <= FEW_WITHOUT_PILE;
    if !few || method.option("pile").is_err() {
        return None;
    }
    Some(match n {
        0 => Note {
            says: "Import some hundred texts without labels too: where labels are few, the model learns a good deal from them.".to_owned(),
            leads: Some(Lead::Data),
        },
        1 => return None,
        n => Note {
            says: format!(
                "{} texts without labels teach too, unless your labels speak against it (Unlabelled texts: auto).",
                thousands(n)
            ),
            leads: None,
        },
    })
}

/// Says so where some labels are much rarer than others.
fn imbalance(counted: &Counted) -> Option<String> {
    let ((least, rare), (most, frequent)) = (counted.labels.first()?, counted.labels.last()?);
    let times = most / least.max(&1);
    (times >= IMBALANCE).then(|| format!("{rare} has {} times fewer texts than {frequent}.", thousands(times)))
}

/// The option of the method that makes rare labels count for more: of those that do, the one that suits the task, never two.
fn weighting(method: &'static Method, task: TaskKind) -> Option<(&'static str, &'static str)> {
    let (weights, focal) = (("class_weight", "balanced"), ("loss", "focal"));
    let order = match task {
        TaskKind::SingleLabel => [weights, focal],
        TaskKind::MultiLabel => [focal, weights],
    };
    order
        .into_iter()
        .find(|(id, value)| setting(method, id, value).is_some())
}

/// In a multi-label project some label must be on some texts and not on others.
fn constant(task: TaskKind, counts: &[usize], n_texts: usize) -> Option<String> {
    let nothing_to_learn = task == TaskKind::MultiLabel && counts.iter().all(|n| *n == 0 || *n == n_texts);
    nothing_to_learn.then(|| "Every text has the same labels. Label texts that differ.".to_owned())
}

/// An error as a sentence of its own: a capital first, a full stop last.
pub fn sentence(text: &str) -> String {
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
            (&[8; 77], "setfit", "SetFit does best"),
            (&[3; 77], "probe", "too few to tune"),
            (&[40; 77], "setfit", "SetFit does best"),
        ] {
            let (chosen, why) = recommend(counts);
            assert_eq!(chosen, method, "{counts:?}");
            assert!(why.to_lowercase().contains(&says.to_lowercase()), "{counts:?}: {why}");
        }
    }

    #[test]
    fn unlabelled_texts_are_spoken_of_where_labels_are_few_and_the_method_reads_them() {
        let says =
            |method, counts: &[usize], n| unlabelled(find(method), counts, n).map(|note| (note.says, note.leads));
        let (text, leads) = says("setfit", &[8, 8], 1500).unwrap();
        assert!(
            text.starts_with("1,500 texts without labels teach too") && leads.is_none(),
            "{text}"
        );
        let (text, leads) = says("probe", &[8; 77], 0).unwrap();
        assert!(text.contains("Import") && leads == Some(Lead::Data), "{text}");
        assert_eq!(says("probe", &[100, 200], 1500), None, "labels say it themselves");
        assert_eq!(says("finetune", &[8, 8], 1500), None);
        assert_eq!(says("probe", &[], 1500), None, "nothing is labelled");
    }

    #[test]
    fn rare_labels_are_weighed_in_the_way_that_suits_the_task() {
        for (method, task, expected) in [
            ("finetune", TaskKind::SingleLabel, Some(("class_weight", "balanced"))),
            ("finetune", TaskKind::MultiLabel, Some(("loss", "focal"))),
            ("setfit", TaskKind::MultiLabel, Some(("class_weight", "balanced"))),
        ] {
            assert_eq!(weighting(find(method), task), expected, "{method}");
        }
    }

    #[test]
    fn rare_labels_are_named_from_five_times_on() {
        let counted = |numbers: [usize; 2]| Counted {
            labels: numbers
                .into_iter()
                .zip(["praise", "billing"].map(str::to_owned))
                .collect(),
        };
        assert_eq!(imbalance(&counted([10, 49])), None);
        let says = imbalance(&counted([9, 92])).unwrap();
        assert_eq!(says, "praise has 10 times fewer texts than billing.");
        assert_eq!(imbalance(&Counted::default()), None);
    }

    #[test]
    fn settings_are_options_of_the_method_at_unusual_values() {
        let setfit = find("setfit");
        let found = setting(setfit, "num_iterations", "5").unwrap();
        assert_eq!((found.spec.id, found.value), ("num_iterations", 5.0));
        assert_eq!(found.text(), "Iterations 5");
        assert_eq!(setting(setfit, "num_iterations", "20"), None, "the usual value");
        assert_eq!(setting(setfit, "num_iterations", "many"), None);
        assert_eq!(setting(setfit, "no_such_option", "1"), None);
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
