//! The words of prompts.

use super::super::{LabelText, Question};
use super::{Mode, codes};

/// How a text is led in.
pub const LEAD: &str = "\n\nText:";

/// What is asked of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// One of several options, by its code.
    Choose,
    /// Whether a label applies, yes or no.
    Decide,
    /// The name of one label.
    Name,
    /// The names of all labels that apply.
    List,
}

impl Task {
    /// What a question becomes.
    pub fn of(mode: Mode, question: &Question) -> Task {
        match (mode, question.each_by_itself()) {
            (Mode::Letters, false) => Task::Choose,
            (Mode::Letters, true) => Task::Decide,
            (Mode::Generate, false) => Task::Name,
            (Mode::Generate, true) => Task::List,
        }
    }

    /// What comes before all texts. `options` are in the order in which they are shown, with their codes.
    pub fn head(self, options: &[String], codes: &[String]) -> String {
        let lettered = || {
            lines(
                codes
                    .iter()
                    .zip(options)
                    .map(|(code, option)| format!("{code}. {option}")),
            )
        };
        let listed = || lines(options.iter().map(|option| format!("- {option}")));
        let sign = match codes.first().map_or(0, String::len) {
            0 | 1 => "letter",
            _ => "code",
        };
        match self {
            Task::Choose => format!(
                "Which of these categories fits the text best?\n\n{}\n\nReply with the {sign} of the category only.",
                lettered()
            ),
            Task::Decide => "Does the category apply to the text? Reply with yes or no only.".to_owned(),
            Task::Name => format!(
                "Classify the text into one of these categories:\n\n{}\n\nRespond only with the category name.",
                listed()
            ),
            Task::List => format!(
                "Which of these categories apply to the text?\n\n{}\n\nRespond only with the category names, separated by commas, or with \
                 {NONE} where no category applies.",
                listed()
            ),
        }
    }

    /// What comes after a text: what the answer follows. `label` is asked about.
    pub fn tail(self, label: &str) -> String {
        match self {
            Task::Choose => "\nAnswer:".to_owned(),
            Task::Decide => format!("\nCategory: {label}\nAnswer:"),
            Task::Name => "\nCategory:".to_owned(),
            Task::List => "\nCategories:".to_owned(),
        }
    }
}

/// The answer where no label applies.
pub const NONE: &str = "none";
/// A label applies.
pub const YES: &str = "yes";
/// It does not.
pub const NO: &str = "no";

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

/// White space as single spaces: an option is one line.
pub fn in_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The labels that are asked about, as options: the name in the words of a template, then what describes it.
pub fn options(question: &Question, template: &str) -> Vec<String> {
    let option = |label: &LabelText| {
        let described = label.description.as_deref().map(in_line).unwrap_or_default();
        if described.is_empty() || label.name.trim().is_empty() {
            return label.in_words(template, in_line);
        }
        let named = LabelText {
            description: None,
            ..label.clone()
        };
        format!("{}: {described}", named.in_words(template, in_line))
    };
    question.asked().map(option).collect()
}

/// The codes of the options of a task; none where it has no need of them.
pub fn codes_of(task: Task, n: usize) -> Option<Vec<String>> {
    match task {
        Task::Choose => codes::codes(n),
        _ => Some(Vec::new()),
    }
}
