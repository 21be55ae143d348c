//! Beside the thresholds: precision against recall of the selected label, and the texts that changed side.

use egui::{Rect, Ui, pos2, vec2};

use super::{figures::Figures, thresholds};
use crate::app::Project;
use crate::core::metrics::default_threshold;
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size, space},
    widgets::{
        Card, Column, PrCurve, Table, Width, galley, galley_cut, paint_left, prob_short, split_top, thousands, wrapped,
    },
};

pub(super) fn side_ui(
    ui: &mut Ui,
    rect: Rect,
    desk: &Desk,
    project: &Project,
    figures: &Figures,
    label: usize,
    threshold: f64,
) {
    let Some(curve) = figures.evaluation.curves.get(label) else {
        return;
    };
    let look = figures.look(desk, label);
    let (top, rest) = split_top(rect, 250.0_f32.min(rect.height() * 0.5), space::L);
    let title = format!("{}: precision and recall", look.name);
    Card::titled(&title).show_in(ui, top, |ui| {
        let counts = curve.at(threshold);
        let shown = PrCurve {
            name: &title,
            points: figures.precision_recall(label),
            chosen: (counts.recall(), counts.precision()),
            color: look.color,
            height: ui.available_height(),
        };
        shown.show(ui);
    });
    changed_ui(ui, rest, project, figures, label, threshold);
}

/// The texts the threshold decides otherwise than an untuned one would.
fn changed_ui(ui: &mut Ui, rect: Rect, project: &Project, figures: &Figures, label: usize, threshold: f64) {
    let evaluation = &figures.evaluation;
    let untuned = default_threshold(evaluation.task);
    let rows = evaluation
        .curves
        .get(label)
        .map_or(&[][..], |curve| curve.changed(untuned, threshold));
    let aside = format!("{} since {}", thousands(rows.len()), thresholds::written(untuned));
    Card::titled("Changed side")
        .aside(aside)
        .flush()
        .show_in(ui, rect, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.add_space(8.0);
            if rows.is_empty() {
                egui::Frame::new().inner_margin(15).show(ui, |ui| {
                    let text = "Move the line: the texts it decides otherwise appear here.";
                    wrapped(ui, text, font(size::SMALL, Weight::Regular), theme::of(ui).text2);
                });
                return;
            }
            let columns = [Column::left("", Width::Rest(1.0, 60.0))];
            let mut table = Table::new("changed", &columns, rows.len());
            table.row_height = 53.0;
            table.show(ui, |ui, row| {
                let Some(&at) = rows.get(row.index) else { return };
                let Some(text) = evaluation.ids.get(at).and_then(|id| project.state.text(*id)) else {
                    return;
                };
                let score = evaluation.scores(at).get(label).copied().unwrap_or(f32::NAN);
                let is_true = evaluation.truth.get(at).is_some_and(|labels| labels.contains(&label));
                let right = (f64::from(score) >= threshold) == is_true;
                changed_row(ui, row.rect, &text.line(), right, f64::from(score));
                let said = format!("{}: {}", if right { "now right" } else { "now wrong" }, text.line());
                row_response(ui, row.rect, &said, &text.paragraphs());
            });
        });
}

fn row_response(ui: &Ui, rect: Rect, said: &str, body: &str) {
    let response = ui.interact(rect, ui.scope_id().with("row"), egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ListItem, true, said));
    response.on_hover_text(body.chars().take(1_200).collect::<String>());
}

fn changed_row(ui: &Ui, rect: Rect, body: &str, right: bool, score: f64) {
    let tokens = theme::of(ui);
    ui.painter()
        .hline(rect.x_range(), rect.top() + 0.5, egui::Stroke::new(1.0, tokens.line));
    let left = rect.left() + 16.0;
    let text = galley_cut(
        ui,
        body,
        font(size::BASE, Weight::Regular),
        tokens.text,
        rect.width() - 32.0,
    );
    paint_left(ui.painter(), pos2(left, rect.top() + 18.0), text);
    let (word, color) = if right {
        ("now right", tokens.good)
    } else {
        ("now wrong", tokens.error)
    };
    let y = rect.top() + 37.0;
    thresholds::triangle(ui, pos2(left + 5.0, y), right);
    let small = font(11.5, Weight::Regular);
    let word = galley(ui, word, small.clone(), color);
    let end = left + 14.0 + word.size().x;
    paint_left(ui.painter(), pos2(left + 14.0, y), word);
    let score = galley(ui, prob_short(Some(score)), small, tokens.text3);
    paint_left(ui.painter(), pos2(end, y) + vec2(6.0, 0.0), score);
}
