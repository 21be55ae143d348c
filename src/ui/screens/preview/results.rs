//! What comes back: each text with its scores, and how well they agree with the labels there are.

use std::sync::Arc;

use egui::{Rect, Ui, pos2, vec2};

use super::{Wording, wording};
use crate::app::Project;
use crate::core::metrics::{DecisionRule, ScoreMatrix, count_per_label, macro_average};
use crate::core::{TaskKind, Text};
use crate::jobs::ZeroShotScores;
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size},
    widgets::{
        Card, Column, Table, TableRow, Width, galley, galley_cut, paint_bar, paint_left, paint_right, prob, prob_short,
        text_cut, thousands, wrapped,
    },
};

/// Labels shown for each text; the best ones where there are more.
const N_BARS: usize = 6;

/// Two best scores nearer than this make a text unsure.
const UNSURE: f32 = 0.15;

/// Points for one bar.
const BAR_HEIGHT: f32 = 13.0;

/// Macro-F1 of the scores on the texts people have labelled, for one set of scores and one state of the project.
pub(super) struct Agreement {
    scores: Arc<ZeroShotScores>,
    revision: u64,
    macro_f1: Option<f64>,
    n_labelled: usize,
}

pub(super) fn results_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project, wording: &Wording) {
    let scores = match &project.zero_shot {
        Some(Ok(scores)) => scores.clone(),
        other => {
            let text = match other {
                Some(Err(reason)) => reason.clone(),
                _ if project.suggestions_missing.is_some() && project.embedded.0 == 0 => {
                    project.suggestions_missing.clone().unwrap_or_default()
                }
                _ => "Reading the texts. Scores appear as they are computed.".to_owned(),
            };
            Card::titled("Scores").show_in(ui, rect, |ui| {
                wrapped(ui, text, font(size::BASE, Weight::Regular), theme::of(ui).text2);
            });
            return;
        }
    };
    let head = headline(desk, project, &scores);
    let texts: Vec<&Text> = project
        .state
        .texts()
        .filter(|text| scores.scores(text.id).is_some())
        .collect();
    let request = &scores.request;
    let current =
        request.labels == wording.labels && request.template == wording.template && request.multi == wording.multi;
    let aside = if current { "" } else { "an earlier wording" };
    Card::titled(&head).aside(aside).flush().show_in(ui, rect, |ui| {
        let columns = [Column::left("", Width::Rest(1.0, 200.0))];
        let mut table = Table::new("zero-shot", &columns, texts.len());
        let n_bars = scores.request.labels.len().min(N_BARS);
        table.row_height = (n_bars as f32 * BAR_HEIGHT + 20.0).max(56.0);
        table.show(ui, |ui, row| {
            if let Some(text) = texts.get(row.index) {
                row_ui(ui, row, desk, text, &scores);
            }
        });
    });
}

fn headline(desk: &mut Desk, project: &Project, scores: &Arc<ZeroShotScores>) -> String {
    let known = desk.memory.preview.agreement.as_ref();
    if known.is_none_or(|known| !Arc::ptr_eq(&known.scores, scores) || known.revision != project.revision) {
        desk.memory.preview.agreement = Some(agreement(project, scores));
    }
    let mut head = format!(
        "{} of {} scored",
        thousands(scores.n_scored),
        thousands(project.state.n_texts())
    );
    if let Some(agreement) = &desk.memory.preview.agreement
        && agreement.n_labelled > 0
    {
        head += &format!(
            " · macro-F1 {} on {} labelled",
            prob(agreement.macro_f1),
            thousands(agreement.n_labelled)
        );
    }
    head
}

fn agreement(project: &Project, scores: &Arc<ZeroShotScores>) -> Agreement {
    let columns: Vec<_> = scores
        .request
        .labels
        .iter()
        .map(|name| {
            project
                .state
                .labels
                .iter()
                .find(|label| label.name == *name)
                .map(|label| label.id)
        })
        .collect();
    let task = if scores.request.multi {
        TaskKind::MultiLabel
    } else {
        TaskKind::SingleLabel
    };
    let (mut truth, mut rows) = (Vec::new(), Vec::new());
    for text in project.state.texts() {
        let (Some(annotation), Some(row)) = (&text.annotation, scores.scores(text.id)) else {
            continue;
        };
        let true_columns: Vec<usize> = (0..columns.len())
            .filter(|at| columns[*at].is_some_and(|id| annotation.labels.contains(&id)))
            .collect();
        if task == TaskKind::MultiLabel || true_columns.len() == 1 {
            truth.push(true_columns);
            rows.push(row);
        }
    }
    let n_labelled = truth.len();
    let macro_f1 = ScoreMatrix::from_rows(columns.len(), rows).ok().and_then(|matrix| {
        let decided = DecisionRule::new(task, &[]).decide_all(&matrix);
        macro_average(task, &count_per_label(&truth, &decided, columns.len())).f1
    });
    Agreement {
        scores: scores.clone(),
        revision: project.revision,
        macro_f1,
        n_labelled,
    }
}

fn row_ui(ui: &mut Ui, row: &mut TableRow, desk: &Desk, text: &Text, scores: &ZeroShotScores) {
    let tokens = theme::of(ui);
    let values = scores.scores(text.id).unwrap_or_default();
    let mut ranked: Vec<usize> = (0..values.len()).collect();
    ranked.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
    let labels = &scores.request.labels;
    let verdict = verdict(labels, values, &ranked, scores.request.multi);
    row.begin(ui, &format!("{}: {verdict}", text.line()), false);

    let bars_width = (row.rect.width() * 0.36).clamp(120.0, 290.0);
    let left = row.rect.left() + 16.0;
    let room = row.rect.width() - bars_width - 56.0;
    let body = text_cut(ui, text, font(size::BASE, Weight::Regular), tokens.text, room);
    paint_left(ui.painter(), pos2(left, row.rect.top() + 20.0), body);
    let small = font(size::SMALL, Weight::Regular);
    paint_left(
        ui.painter(),
        pos2(left, row.rect.top() + 40.0),
        galley_cut(ui, &verdict, small, tokens.text3, room),
    );

    // Few labels stand in their own order, so that a colour keeps its place; of many, the best are shown.
    let shown: Vec<usize> = if values.len() <= N_BARS {
        (0..values.len()).collect()
    } else {
        ranked[..N_BARS].to_vec()
    };
    let right = row.rect.right() - 16.0;
    let top = row.rect.center().y - shown.len() as f32 * BAR_HEIGHT / 2.0;
    for (place, at) in shown.into_iter().enumerate() {
        let y = top + (place as f32 + 0.5) * BAR_HEIGHT;
        let bar = Rect::from_min_size(pos2(right - bars_width, y - 2.5), vec2(bars_width - 32.0, 5.0));
        paint_bar(ui, bar, values[at], wording::color(desk, &labels[at], at));
        let figure = prob_short(Some(f64::from(values[at])));
        paint_right(
            ui.painter(),
            pos2(right, y),
            galley(ui, figure, font(11.0, Weight::Regular), tokens.text3),
        );
    }
}

/// The best label, or those above one half, and whether that is doubtful.
fn verdict(labels: &[String], values: &[f32], ranked: &[usize], multi: bool) -> String {
    let name = |at: &usize| labels.get(*at).cloned().unwrap_or_default();
    if multi {
        let above: Vec<String> = ranked
            .iter()
            .filter(|at| values[**at] >= 0.5)
            .take(N_BARS)
            .map(name)
            .collect();
        return if above.is_empty() {
            "none".to_owned()
        } else {
            above.join(" · ")
        };
    }
    let best = ranked.first().map(name).unwrap_or_default();
    match ranked {
        [first, second, ..] if values[*first] - values[*second] < UNSURE => format!("{best} · unsure"),
        _ => best,
    }
}
