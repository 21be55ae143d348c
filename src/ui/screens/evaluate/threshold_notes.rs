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
    if evaluation.task == TaskKind::SingleLabel {
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
    let rare: Vec<(usize, usize)> = (evaluation.curves.iter().map(|curve| curve.n_positives()).enumerate())
        .filter(|(_, n)| each && *n < FEW_POSITIVES)
        .collect();
    for (label, n) in rare.iter().take(2) {
        let name = figures.look(desk, *label).name;
        let positives = if *n == 1 { "positive" } else { "positives" };
        notes.push(warning(format!(
            "{name} has {n} {positives}: tuning pulls its threshold towards the common one."
        )));
    }
    match rare.len() {
        0..=2 => {}
        3 => notes.push(warning("So it is with 1 more label.")),
        n => notes.push(warning(format!("So it is with {} more labels.", n - 2))),
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
    let names: Vec<&str> = missed.map(|row| row.label.as_str()).collect();
    match names.len() {
        0 => {}
        1..=4 => notes.push(warning(format!(
            "No threshold reaches the condition for {}.",
            names.join(", ")
        ))),
        n => notes.push(warning(format!(
            "No threshold reaches the condition for {} and {} more labels.",
            names[..3].join(", "),
            n - 3
        ))),
    }
    notes
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
