//! What a label is taken to mean: its most typical texts, and other words for it where they went astray.

use egui::{Rect, ScrollArea, Ui, Vec2, pos2};

use super::asking::Asked;
use super::labels_card::{color, tried};
use super::shown::{Filter, truth};
use crate::app::Project;
use crate::core::Text;
use crate::jobs::ZeroShotScores;
use crate::ui::{
    desk::Desk,
    icons,
    theme::{self, Weight, font, size},
    widgets::{
        Button, Card, TextField, cut, galley, icon_button, paint_left, paint_right, prob_short, swatch, text_cut,
        wrapped,
    },
};

/// Points for a text.
const ROW: f32 = 22.0;

pub(super) fn meaning_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project, asked: &Asked, label: usize) {
    let Some((id, tried)) = asked.ask.labels.get(label) else {
        return;
    };
    let scores = project.previewing.scores.as_ref();
    // The columns of scores are those of this frame only where the labels are the same.
    let scores = scores.filter(|scores| scores.name(label) == tried.name);
    Card::new().show_in(ui, rect, |ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        let tokens = theme::of(ui);
        ui.horizontal(|ui| {
            let (at, _) = ui.allocate_exact_size(Vec2::new(12.0, 22.0), egui::Sense::hover());
            swatch(ui, at.center(), 9.0, color(desk, *id, label));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if icon_button(ui, icons::CLOSE, "Close the texts of the label").clicked() {
                    desk.memory.preview.opened = None;
                }
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    let title = title(scores.map(std::sync::Arc::as_ref), &tried.name);
                    cut(ui, title, font(size::BASE, Weight::SemiBold), tokens.text);
                });
            });
        });
        words_ui(ui, desk, asked, label);
        let Some(scores) = scores else {
            wrapped(ui, "Not scored yet.", font(size::SMALL, Weight::Regular), tokens.text2);
            return;
        };
        let typical = scores.typical(desk.memory.preview.chosen, label);
        if typical.is_empty() {
            let text = "No text is nearer to this label than to all others. Other words may find some.";
            wrapped(ui, text, font(size::SMALL, Weight::Regular), tokens.warning);
        }
        ScrollArea::vertical()
            .id_salt("typical")
            .auto_shrink(false)
            .show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                for text in typical.iter().filter_map(|id| project.state.text(*id)) {
                    text_ui(ui, desk, scores, text, label);
                }
            });
    });
}

fn title(scores: Option<&ZeroShotScores>, name: &str) -> String {
    match scores {
        Some(scores) if !scores.source.reads_texts => format!("Texts most like {name}"),
        _ => format!("What Handful takes {name} to mean"),
    }
}

/// Words in place of the name, and the ways out.
fn words_ui(ui: &mut Ui, desk: &mut Desk, asked: &Asked, label: usize) {
    ui.horizontal(|ui| {
        let mut labels = tried(asked);
        let n_labels = labels.len();
        let Some(tried) = labels.get_mut(label) else { return };
        let (before, placeholder) = (tried.words.clone(), format!("other words for {}", tried.name));
        let width = (ui.available_width() - 184.0).max(120.0);
        let field = TextField::new("Words in place of the name")
            .placeholder(&placeholder)
            .small()
            .width(width);
        field.show(ui, &mut tried.words);
        let memory = &mut desk.memory.preview;
        if tried.words != before {
            memory.labels = Some(labels);
        }
        let only = Button::secondary("Its texts")
            .small()
            .name("List the texts that get this label");
        if ui.add(only).clicked() {
            memory.filter = Filter::Label(label);
        }
        let leave = Button::secondary("Leave out")
            .small()
            .name("Leave the label out of this try");
        if n_labels > 1 && ui.add(leave).clicked() {
            let mut labels = self::tried(asked);
            labels.remove(label);
            memory.labels = Some(labels);
            memory.opened = None;
            memory.filter = Filter::All;
        }
    });
}

fn text_ui(ui: &mut Ui, desk: &Desk, scores: &ZeroShotScores, text: &Text, label: usize) {
    let tokens = theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), ROW), egui::Sense::hover());
    let score = scores
        .scores(desk.memory.preview.chosen, text.id)
        .and_then(|row| row.get(label).copied());
    let figure = prob_short(score.map(f64::from));
    let astray = truth(scores, text).filter(|truth| !truth.contains(&label));
    let astray = astray.and_then(|truth| truth.first().map(|at| format!("labelled {}", scores.name(*at))));
    let name = format!("{} {figure} {}", text.line(), astray.as_deref().unwrap_or_default());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, name.trim()));
    let small = font(size::SMALL, Weight::Regular);
    let figure = galley(ui, figure, small.clone(), tokens.text3);
    let mut right = rect.right() - 34.0;
    paint_right(ui.painter(), rect.right_center(), figure);
    if let Some(astray) = astray {
        let remark = galley(ui, astray, small, tokens.warning);
        right -= remark.size().x + 10.0;
        paint_left(ui.painter(), pos2(right + 10.0, rect.center().y), remark);
    }
    let body = text_cut(ui, text, font(12.5, Weight::Regular), tokens.text, right - rect.left());
    paint_left(ui.painter(), rect.left_center(), body);
    response.on_hover_text(text.line().chars().take(600).collect::<String>());
}
