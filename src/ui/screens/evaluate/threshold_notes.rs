//! What to know about the lines, below them.

use egui::Ui;

use super::figures::Figures;
use crate::app::Project;
use crate::core::thresholds::{FEW_POSITIVES, Goal, Scope};
use crate::core::{Run, ScoreKind, TaskKind};
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size},
    widgets::{thousands, wrapped},
};

/// A sentence or two.
pub(super) struct Note {
    text: String,
    warns: bool,
}

fn note(text: impl Into<String>) -> Note {
    Note {
        text: text.into(),
        warns: false,
    }
}

fn warning(text: impl Into<String>) -> Note {
    Note {
        text: text.into(),
        warns: true,
    }
}

pub(super) fn notes(desk: &Desk, project: &Project, run: &Run, figures: &Figures) -> Vec<Note> {
    let mut notes = Vec::new();
    let evaluation = &figures.evaluation;
    let memory = &desk.memory.evaluate.thresholds;
    if evaluation.kind == ScoreKind::Test {
        notes.push(warning(
            "Only to look at: thresholds are never chosen on the test split, or its figures would no longer say how the model does on \
             new texts. Choose the other scores at the right to move them.",
        ));
    }
    if evaluation.tree.is_some() {
        notes.push(note(
            "The threshold of a label also holds for all labels below it: a text goes down as far as its scores reach the thresholds.",
        ));
    } else if evaluation.task == TaskKind::SingleLabel {
        notes.push(note(
            "The best label of a text counts only where its score reaches the label's threshold; otherwise the text gets no label. The \
             first line moves all thresholds together.",
        ));
        let differ = memory.current(run).windows(2).any(|pair| pair.first() != pair.last());
        if differ {
            notes.push(note("The thresholds differ: the first line shows the lowest."));
        }
    }
    if memory.at_least_one(run) {
        notes.push(note(format!(
            "{} reach no threshold and get their best label; lines alone do not decide for them.",
            n_texts(memory.live(figures).n_below_all())
        )));
    } else if evaluation.task == TaskKind::MultiLabel {
        let n = memory.live(figures).n_below_all();
        if n > 0 {
            notes.push(note(format!("{} reach no threshold and get no label.", n_texts(n))));
        }
    }
    if evaluation.kind != ScoreKind::Test {
        notes.extend(of_tuning(desk, project, run, figures));
    }
    notes
}

fn n_texts(n: usize) -> String {
    match n {
        1 => "1 text".to_owned(),
        n => format!("{} texts", thousands(n)),
    }
}

fn of_tuning(desk: &Desk, project: &Project, run: &Run, figures: &Figures) -> Vec<Note> {
    let mut notes = Vec::new();
    let evaluation = &figures.evaluation;
    let objective = desk.memory.evaluate.thresholds.objective(run);
    let each = objective.scope() == Scope::EachLabel;
    let known = |label| figures.known_band(label, objective.goal()).flatten().is_some();
    let banded = match objective.goal() {
        Goal::AccuracyAtLeast(_) => known(None),
        _ => each && (0..figures.n_labels()).any(|label| known(Some(label))),
    };
    if banded {
        notes.push(note(
            "The shaded band is where the best threshold falls in 90 % of resamples.",
        ));
    }
    let few = |label: &usize| {
        evaluation
            .curves
            .get(*label)
            .is_some_and(|curve| curve.n_positives() < FEW_POSITIVES)
    };
    let rare = (0..figures.n_labels()).filter(|label| each && few(label));
    let rare: Vec<&str> = rare.map(|label| figures.look(desk, label).name).collect();
    if let Some(names) = named(&rare) {
        let (have, them) = if rare.len() == 1 {
            ("has", "its threshold")
        } else {
            ("have", "their thresholds")
        };
        notes.push(warning(format!(
            "{names} {have} fewer than {FEW_POSITIVES} positives: tuning pulls {them} towards the common one."
        )));
    }
    let tuning = project.tuning.as_ref();
    let Some(tuning) = tuning.filter(|t| t.run == run.id && t.thresholds == run.thresholds) else {
        return notes;
    };
    if tuning.missed {
        notes.push(warning(
            "No common threshold reaches the condition; this one comes nearest.",
        ));
    }
    let missed = (tuning.labels.iter()).filter(|row| row.remarks.iter().any(|remark| remark.contains("condition")));
    let missed: Vec<&str> = missed.map(|row| row.label.as_str()).collect();
    if let Some(names) = named(&missed) {
        notes.push(warning(format!("No threshold reaches the condition for {names}.")));
    }
    notes
}

/// `a`, `a and b`, `a, b, c and 2 more`; `None` without names.
fn named(names: &[&str]) -> Option<String> {
    let (last, before) = names.split_last()?;
    match before.len() {
        0 => Some((*last).to_owned()),
        1..=3 => Some(format!("{} and {last}", before.join(", "))),
        n => Some(format!("{} and {} more", before.get(..3)?.join(", "), n - 2)),
    }
}

/// Points the notes take in this width.
pub(super) fn height(ui: &Ui, notes: &[Note], width: f32) -> f32 {
    let high = |note: &Note| {
        let face = font(size::SMALL, Weight::Regular);
        let ink = egui::Color32::WHITE;
        ui.painter().layout(note.text.clone(), face, ink, width).size().y + 4.0
    };
    notes.iter().map(high).sum::<f32>() + 20.0
}

pub(super) fn notes_ui(ui: &mut Ui, notes: &[Note]) {
    ui.spacing_mut().item_spacing.y = 4.0;
    for note in notes {
        let tokens = theme::of(ui);
        let color = if note.warns { tokens.warning } else { tokens.text2 };
        wrapped(ui, &note.text, font(size::SMALL, Weight::Regular), color);
    }
}
