//! One text with its scores as bars, what they decide, and what somebody has labelled it.

use egui::{Color32, Rect, Ui, pos2, vec2};

use super::labels_card::color;
use super::results::{BAR_HEIGHT, N_BARS};
use super::shown::truth;
use crate::core::Text;
use crate::jobs::ZeroShotScores;
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size},
    widgets::{TableRow, galley, galley_cut, paint_bar, paint_left, paint_right, prob_short, text_cut},
};

/// Two best scores nearer than this make a text unsure.
const UNSURE: f32 = 0.15;

/// Share of the width for the name of a label before its bar, and points for the figure behind it.
const NAME: f32 = 0.3;
const FIGURE: f32 = 32.0;

/// Draws a row; whether it was pressed. `scored`: whose scores they are, and whether they answer what is asked now.
pub(super) fn row_ui(
    ui: &mut Ui,
    row: &mut TableRow,
    desk: &Desk,
    text: &Text,
    scored: Option<(&ZeroShotScores, &[f32], bool)>,
) -> bool {
    let tokens = theme::of(ui);
    let verdict = scored.map_or_else(
        || "not scored yet".to_owned(),
        |(scores, values, _)| verdict(scores, values),
    );
    let labelled = scored
        .and_then(|(scores, ..)| labelled(scores, text))
        .unwrap_or_default();
    let response = row.begin(ui, &format!("{}: {verdict}{labelled}", text.line()), false);
    let pressed = response.on_hover_text("Shows the text in Annotate").clicked();

    let bars_width = (row.rect.width() * 0.42).clamp(150.0, 480.0);
    let left = row.rect.left() + 16.0;
    let room = row.rect.width() - bars_width - 56.0;
    let body = text_cut(ui, text, font(size::BASE, Weight::Regular), tokens.text, room);
    paint_left(ui.painter(), pos2(left, row.rect.top() + 20.0), body);
    let small = font(size::SMALL, Weight::Regular);
    let below = galley_cut(ui, &format!("{verdict}{labelled}"), small, tokens.text3, room);
    paint_left(ui.painter(), pos2(left, row.rect.top() + 40.0), below);
    if let Some((scores, values, current)) = scored {
        let right = row.rect.right() - 16.0;
        let area = Rect::from_x_y_ranges((right - bars_width)..=right, row.rect.y_range());
        bars_ui(ui, area, desk, scores, values, current);
    }
    pressed
}

fn bars_ui(ui: &Ui, area: Rect, desk: &Desk, scores: &ZeroShotScores, values: &[f32], current: bool) {
    let tokens = theme::of(ui);
    // Of a tree the likeliest whole answers are shown. Few labels stand in their own order, so that a label keeps its place; of many, the best are shown.
    let shown: Vec<usize> = if let Some(in_tree) = &scores.request.in_tree {
        let is_answer = |at: &usize| in_tree.answers.get(*at) == Some(&true);
        ranked(values).into_iter().filter(is_answer).take(N_BARS).collect()
    } else if values.len() <= N_BARS {
        (0..values.len()).collect()
    } else {
        ranked(values).into_iter().take(N_BARS).collect()
    };
    let faint = |color: Color32| {
        if current {
            color
        } else {
            theme::mix(tokens.panel, color, 0.35)
        }
    };
    let small = font(11.0, Weight::Regular);
    let top = area.center().y - shown.len() as f32 * BAR_HEIGHT / 2.0;
    let name_width = if area.width() > 220.0 { area.width() * NAME } else { 0.0 };
    for (place, at) in shown.into_iter().enumerate() {
        let y = top + (place as f32 + 0.5) * BAR_HEIGHT;
        if name_width > 0.0 {
            let name = galley_cut(
                ui,
                scores.name(at),
                small.clone(),
                faint(tokens.text3),
                name_width - 8.0,
            );
            paint_left(ui.painter(), pos2(area.left(), y), name);
        }
        let width = area.width() - name_width - FIGURE;
        let bar = Rect::from_min_size(pos2(area.left() + name_width, y - 2.5), vec2(width, 5.0));
        let id = scores.request.ids.get(at).copied().flatten();
        paint_bar(ui, bar, values[at], faint(color(desk, id, at)));
        let figure = galley(
            ui,
            prob_short(Some(f64::from(values[at]))),
            small.clone(),
            faint(tokens.text3),
        );
        paint_right(ui.painter(), pos2(area.right(), y), figure);
    }
}

fn ranked(values: &[f32]) -> Vec<usize> {
    let mut ranked: Vec<usize> = (0..values.len()).collect();
    ranked.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
    ranked
}

/// The best label, or those above one half, and whether that is doubtful.
fn verdict(scores: &ZeroShotScores, values: &[f32]) -> String {
    if let Some(tree) = scores.tree() {
        let path = |end: &usize| {
            let names: Vec<&str> = tree.path(*end).into_iter().map(|at| scores.name(at)).collect();
            names.join(" > ")
        };
        let ends: Vec<String> = scores.decided_ends(values).iter().take(N_BARS).map(path).collect();
        return if ends.is_empty() {
            "none".to_owned()
        } else {
            ends.join(" · ")
        };
    }
    let ranked = ranked(values);
    if scores.request.question.multi() {
        let above = ranked.iter().filter(|at| values[**at] >= 0.5).take(N_BARS);
        let above: Vec<&str> = above.map(|at| scores.name(*at)).collect();
        return if above.is_empty() {
            "none".to_owned()
        } else {
            above.join(" · ")
        };
    }
    match ranked.as_slice() {
        [first, second, ..] if values[*first] - values[*second] < UNSURE => format!("{} · unsure", scores.name(*first)),
        [first, ..] => scores.name(*first).to_owned(),
        [] => String::new(),
    }
}

/// " · labelled sports", where somebody has labelled it otherwise than the scores say; " · as labelled" where not.
fn labelled(scores: &ZeroShotScores, text: &Text) -> Option<String> {
    let truth = truth(scores, text)?;
    let same = scores
        .scores(None, text.id)
        .is_some_and(|values| scores.decided(values) == truth);
    if same {
        return Some(" · as labelled".to_owned());
    }
    let ends = scores.tree().map_or_else(|| truth.clone(), |tree| tree.ends(&truth));
    let names: Vec<&str> = ends.iter().map(|at| scores.name(*at)).collect();
    Some(match names.is_empty() {
        true => " · labelled none".to_owned(),
        false => format!(" · labelled {}", names.join(", ")),
    })
}
