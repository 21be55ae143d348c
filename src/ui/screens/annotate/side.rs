//! Beside the text: what the quick model suggests, what belongs to each label, how far the work is.

use std::collections::HashMap;
use std::rc::Rc;

use egui::{Rect, ScrollArea, Ui, UiBuilder};

use super::{keys, paths, zero_shot};
use crate::app::Project;
use crate::core::LabelId;
use crate::core::queue::QueueOrder;
use crate::ui::{
    desk::{Act, Desk},
    screens,
    theme::{self, Weight, font, size},
    widgets::{BarRow, Button, Card, bar_row, prob, prob_short, progress_bar, say, thousands, wrapped},
};

pub(super) fn side_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project) {
    let mut child = ui.new_child(UiBuilder::new().id_salt("side").max_rect(rect));
    child.shrink_clip_rect(rect);
    ScrollArea::vertical()
        .id_salt("side scroll")
        .auto_shrink(false)
        .show(&mut child, |ui| {
            ui.spacing_mut().item_spacing.y = 16.0;
            suggested_ui(ui, desk, project);
            zero_shot::zero_shot_ui(ui, desk, project);
            if desk.memory.annotate.guide {
                guide_ui(ui, desk, project);
            }
            progress_ui(ui, desk, project);
        });
}

fn suggested_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let tokens = theme::of(ui);
    let aside = match &project.suggestions {
        Some(suggestions) if !desk.memory.annotate.blind => {
            let labelled = thousands(suggestions.n_train);
            match suggestions.from_pile.filter(|pile| pile.n_texts > 0) {
                Some(pile) => format!("{labelled} + {} from pile", thousands(pile.n_texts)),
                None => format!("probe on {labelled} texts"),
            }
        }
        _ => String::new(),
    };
    Card::titled("Suggested").aside(aside).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let small = font(size::SMALL, Weight::Regular);
        if desk.memory.annotate.blind {
            wrapped(ui, "Hidden. R shows suggestions again.", small, tokens.text2);
            return;
        }
        let ranked = match (&project.suggestions, project.annotating.current) {
            (Some(suggestions), Some(id)) => project.answers(&suggestions.rows, id),
            _ => Vec::new(),
        };
        if ranked.is_empty() {
            missing_ui(ui, desk, project);
            return;
        }
        ranked_ui(ui, desk, project, ranked, true);
        doubt_ui(ui, desk, project);
    });
}

/// Where in the tree the scores are least sure about the text, while the queue asks for that.
fn doubt_ui(ui: &mut Ui, desk: &Desk, project: &Project) {
    let is_asked = project.annotating.order == QueueOrder::LeastSureInTree;
    let doubt = project
        .annotating
        .current
        .filter(|_| is_asked)
        .and_then(|id| project.doubt(id));
    let Some(doubt) = doubt else { return };
    let place = match doubt.below.and_then(|label| desk.looks.get(label)) {
        Some(look) => format!("below {}", look.path),
        None => "between the branches at the top".to_owned(),
    };
    ui.add_space(6.0);
    let text = format!("Least sure {place}: {} of 1.", prob(Some(f64::from(doubt.unsure))));
    wrapped(ui, text, font(size::SMALL, Weight::Regular), theme::of(ui).text3);
}

/// The best of ranked labels as bars that can be pressed; in a tree whole paths, which have keys where these scores are `first` to be accepted.
pub(super) fn ranked_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, ranked: Vec<(LabelId, f32)>, first: bool) {
    if project.state.labels.is_hierarchical() {
        paths::paths_ui(ui, desk, ranked, first);
        return;
    }
    for (label, probability) in ranked.into_iter().take(8) {
        let Some(look) = desk.looks.get(label) else { continue };
        let row = BarRow {
            name: &look.name,
            name_width: 100.0,
            share: probability,
            color: look.color,
            figure: &prob_short(Some(f64::from(probability))),
            figure_width: 26.0,
            height: 26.0,
        };
        if bar_row(ui, &row).on_hover_text(&look.path).clicked() {
            keys::press(desk, label);
        }
    }
}

/// Says why there are no suggestions, and offers what helps.
fn missing_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let tokens = theme::of(ui);
    let small = font(size::SMALL, Weight::Regular);
    if desk.app.catalog.path(&desk.app.settings.encoder).is_err() {
        wrapped(
            ui,
            format!(
                "Suggestions need {}, which is not on this machine yet.",
                desk.app.settings.encoder
            ),
            small,
            tokens.text2,
        );
        ui.add_space(8.0);
        if ui.add(Button::secondary("Get the model").small()).clicked() {
            desk.act(Act::Go(screens::models::ID));
        }
        return;
    }
    let (done, total) = project.embedded;
    let text = match &project.suggestions_missing {
        Some(reason) => reason.clone(),
        None if project.suggestions.is_some() || done < total => {
            format!("Reading texts: {} of {}.", thousands(done), thousands(total))
        }
        None => "They appear once two labels have a text.".to_owned(),
    };
    wrapped(ui, text, small, tokens.text2);
}

fn guide_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let tokens = theme::of(ui);
    Card::titled("What belongs where").show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 3.0;
        let mut any = false;
        let at = project.annotating.at;
        for (id, look) in desk
            .looks
            .iter()
            .filter(|(id, look)| look.parent == at || Some(*id) == at)
        {
            let Some(label) = project
                .state
                .labels
                .get(id)
                .filter(|label| !label.description.is_empty())
            else {
                continue;
            };
            any = true;
            say(ui, &look.name, font(size::SMALL, Weight::SemiBold), tokens.text);
            wrapped(ui, &label.description, font(size::SMALL, Weight::Regular), tokens.text2);
        }
        if !any {
            wrapped(
                ui,
                "No label offered here has a description yet. The Labels screen is where to write them.",
                font(size::SMALL, Weight::Regular),
                tokens.text2,
            );
        }
    });
}

fn progress_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let tokens = theme::of(ui);
    let (done, all) = (project.state.n_annotated(), project.state.n_texts());
    let aside = format!("{} in this session", thousands(project.annotating.n_session));
    Card::titled("Progress").aside(aside).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 4.0;
        ui.horizontal(|ui| {
            say(ui, thousands(done), font(26.0, Weight::SemiBold), tokens.text);
            say(
                ui,
                format!("of {}", thousands(all)),
                font(size::BASE, Weight::Regular),
                tokens.text3,
            );
        });
        let share = if all == 0 { 0.0 } else { done as f32 / all as f32 };
        progress_bar(ui, "Labelled texts", share, ui.available_width(), 6.0);
        ui.add_space(6.0);
        ui.spacing_mut().item_spacing.y = 0.0;
        let counts = counts(desk, project);
        let most = counts.values().copied().max().unwrap_or(0).max(1) as f32;
        for (id, look) in desk.looks.iter().filter(|(_, look)| look.depth == 0).take(10) {
            let n = counts.get(&id).copied().unwrap_or(0);
            let row = BarRow {
                name: &look.name,
                name_width: 100.0,
                share: n as f32 / most,
                color: look.color,
                figure: &thousands(n),
                figure_width: 30.0,
                height: 24.0,
            };
            bar_row(ui, &row);
        }
        remarks_ui(ui, desk, project, &counts);
    });
}

/// [`label_counts`], counted anew only when the project has changed.
fn counts(desk: &mut Desk, project: &Project) -> Rc<HashMap<LabelId, usize>> {
    let memory = &mut desk.memory.annotate;
    let now = Some((project.store.path().to_path_buf(), project.revision));
    if memory.counts_of != now {
        memory.counts = Rc::new(label_counts(project));
        memory.counts_of = now;
    }
    memory.counts.clone()
}

/// Texts per label, those of labels below included.
pub fn label_counts(project: &Project) -> HashMap<LabelId, usize> {
    let mut counts = HashMap::new();
    for annotation in project.state.texts().filter_map(|text| text.annotation.as_ref()) {
        let mut seen: Vec<LabelId> = Vec::new();
        for above in annotation
            .labels
            .iter()
            .flat_map(|label| project.state.labels.ancestry(*label))
        {
            if !seen.contains(&above.id) {
                seen.push(above.id);
                *counts.entry(above.id).or_insert(0) += 1;
            }
        }
    }
    counts
}

fn remarks_ui(ui: &mut Ui, desk: &Desk, project: &Project, counts: &HashMap<LabelId, usize>) {
    ui.add_space(6.0);
    ui.spacing_mut().item_spacing.y = 4.0;
    let tokens = theme::of(ui);
    let small = font(size::SMALL, Weight::Regular);
    let fewest = desk
        .looks
        .iter()
        .min_by_key(|(id, _)| counts.get(id).copied().unwrap_or(0));
    if let Some((id, look)) = fewest {
        let n = counts.get(&id).copied().unwrap_or(0);
        if n < 8 {
            wrapped(
                ui,
                format!("{} has {n}; eight of each label are enough to train.", look.name),
                small.clone(),
                tokens.warning,
            );
        }
    }
    let scored = project
        .state
        .runs
        .iter()
        .rev()
        .find(|run| run.metrics.contains_key("macro_f1"));
    if let Some((run, kind)) = scored.and_then(|run| Some((run, run.scored_on?))) {
        let f1 = prob(run.metrics.get("macro_f1").copied());
        wrapped(
            ui,
            format!(
                "{}: macro-F1 {f1} on {} {} scores.",
                run.name,
                run_size(run, kind),
                kind.name()
            ),
            small,
            tokens.text2,
        );
    }
}

fn run_size(run: &crate::core::Run, kind: crate::core::ScoreKind) -> usize {
    match kind {
        crate::core::ScoreKind::OutOfFold => run.n_train,
        crate::core::ScoreKind::Validation => run.n_validation,
        crate::core::ScoreKind::Test => run.n_test,
    }
}
