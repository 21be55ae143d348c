//! Beside the thresholds: the curve of the selected line with the point it picks, and the texts that changed side.

use egui::{Rect, Ui, pos2, vec2};

use super::{
    figures::Figures,
    threshold_head::{triangle, written},
};
use crate::app::Project;
use crate::core::Run;
use crate::core::metrics::default_threshold;
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size, space},
    widgets::{
        Card, Column, ShareCurve, Table, Width, figure3, galley, galley_cut, paint_left, prob_short, segmented,
        split_top, thousands, wrapped,
    },
};

pub(super) fn side_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project, run: &Run, figures: &Figures) {
    let label = desk.memory.evaluate.thresholds.selected(figures);
    let (top, rest) = split_top(rect, 296.0_f32.min(rect.height() * 0.55), space::L);
    match label {
        Some(label) => curve_ui(ui, top, desk, run, figures, label),
        None => coverage_ui(ui, top, desk, figures),
    }
    let threshold = desk.memory.evaluate.thresholds.effective(figures, run, label);
    changed_ui(ui, rest, project, figures, label, threshold);
}

/// Precision and recall, or ROC.
fn curve_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, run: &Run, figures: &Figures, label: usize) {
    let Some(curve) = figures.curve(Some(label)) else {
        return;
    };
    let (name, color) = figures.look(desk, label).owned();
    let memory = &mut desk.memory.evaluate.thresholds;
    let counts = curve.at(memory.effective(figures, run, Some(label)));
    let report = figures.evaluation.report.labels.get(label);
    let (title, area) = match memory.roc {
        false => (
            "precision and recall",
            report.and_then(|report| report.average_precision),
        ),
        true => ("ROC", report.and_then(|report| report.roc_auc)),
    };
    let title = format!("{name}: {title}");
    let area_name = if memory.roc { "AUC" } else { "AP" };
    let aside = area.map_or(String::new(), |area| format!("{area_name} {}", figure3(area)));
    Card::titled(&title).aside(aside).show_in(ui, rect, |ui| {
        let choice = segmented(ui, &["Precision and recall", "ROC"], usize::from(memory.roc));
        if let Some(at) = choice {
            memory.roc = at == 1;
        }
        ui.add_space(6.0);
        let n_negatives = curve.n() - curve.n_positives();
        let false_positive_rate = (n_negatives > 0).then(|| counts.fp as f64 / n_negatives as f64);
        let shown = ShareCurve {
            name: &title,
            axes: if memory.roc {
                ["false positive rate", "recall"]
            } else {
                ["recall", "precision"]
            },
            points: if memory.roc {
                figures.roc(label)
            } else {
                figures.precision_recall(label)
            },
            chosen: match memory.roc {
                true => (false_positive_rate, counts.recall()),
                false => (counts.recall(), counts.precision()),
            },
            diagonal: memory.roc,
            color,
            height: ui.available_height(),
        };
        shown.show(ui);
    });
}

/// How accurate the answers are, by how many there are.
fn coverage_ui(ui: &mut Ui, rect: Rect, desk: &Desk, figures: &Figures) {
    let title = "Accuracy of the answers by coverage";
    let aurc = figures.evaluation.answers.as_ref().and_then(|answers| answers.aurc());
    let aside = aurc.map_or(String::new(), |aurc| format!("AURC {}", figure3(aurc)));
    Card::titled(title).aside(aside).show_in(ui, rect, |ui| {
        let headline = desk.memory.evaluate.thresholds.live(figures).headline();
        let shown = ShareCurve {
            name: title,
            axes: ["coverage", "accuracy"],
            points: figures.coverage(),
            chosen: (headline.coverage, headline.answered_accuracy),
            diagonal: false,
            color: theme::of(ui).accent,
            height: ui.available_height(),
        };
        let help = "AURC: the area under the share of wrong answers by coverage; less is better.";
        shown.show(ui).on_hover_text(help);
    });
}

/// The texts the threshold decides otherwise than an untuned one would.
fn changed_ui(ui: &mut Ui, rect: Rect, project: &Project, figures: &Figures, label: Option<usize>, threshold: f64) {
    let evaluation = &figures.evaluation;
    let untuned = default_threshold(evaluation.task);
    let rows = figures
        .curve(label)
        .map_or(&[][..], |curve| curve.changed(untuned, threshold));
    let aside = format!("{} since {}", thousands(rows.len()), written(untuned));
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
                let Some(at) = rows.get(row.index).map(|row| *row as usize) else {
                    return;
                };
                let Some(text) = evaluation.ids.get(at).and_then(|id| project.state.text(*id)) else {
                    return;
                };
                let scores = evaluation.scores(at);
                let truth = evaluation.truth.get(at).map_or(&[][..], Vec::as_slice);
                let (score, right, word) = match label {
                    Some(label) => {
                        let score = scores.get(label).copied().unwrap_or(f32::NAN);
                        let right = (f64::from(score) >= threshold) == truth.contains(&label);
                        (score, right, if right { "now right" } else { "now wrong" })
                    }
                    None => {
                        let best = crate::core::metrics::highest(scores);
                        let was_right = best.is_some_and(|(label, _)| truth.contains(&label));
                        let word = if was_right {
                            "not answered, was right"
                        } else {
                            "not answered, was wrong"
                        };
                        (best.map_or(f32::NAN, |(_, score)| score), !was_right, word)
                    }
                };
                changed_row(ui, row.rect, &text.line(), right, word, f64::from(score));
                row_response(ui, row.rect, &format!("{word}: {}", text.line()), &text.paragraphs());
            });
        });
}

fn row_response(ui: &Ui, rect: Rect, said: &str, body: &str) {
    let response = ui.interact(rect, ui.scope_id().with("row"), egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ListItem, true, said));
    response.on_hover_text(body.chars().take(1_200).collect::<String>());
}

fn changed_row(ui: &Ui, rect: Rect, body: &str, right: bool, word: &str, score: f64) {
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
    let color = if right { tokens.good } else { tokens.error };
    let y = rect.top() + 37.0;
    triangle(ui, pos2(left + 5.0, y), right);
    let small = font(11.5, Weight::Regular);
    let word = galley(ui, word, small.clone(), color);
    let end = left + 14.0 + word.size().x;
    paint_left(ui.painter(), pos2(left + 14.0, y), word);
    let score = galley(ui, prob_short(Some(score)), small, tokens.text3);
    paint_left(ui.painter(), pos2(end, y) + vec2(6.0, 0.0), score);
}
