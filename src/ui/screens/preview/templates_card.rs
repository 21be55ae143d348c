//! The sentences around the labels, side by side: each with how good its scores look, one of them chosen to be shown.

use egui::{Ui, Vec2, vec2};

use super::asking::Asked;
use crate::app::Project;
use crate::jobs::WordingFigures;
use crate::ui::{
    desk::Desk,
    icons,
    theme::{self, Weight, font, size, space},
    widgets::{Button, Card, TextField, galley, icon_button, paint_right, prob_short, radio, segmented, wrapped},
};

/// Points for a figure and for the button that takes a template away.
const FIGURE: f32 = 56.0;
const REMOVE: f32 = 26.0;

pub(super) fn templates_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, asked: &Asked) {
    Card::titled("Templates").aside("{} is the label").show(ui, |ui| {
        let tokens = theme::of(ui);
        let order = desk.memory.preview.order.clone();
        for at in order {
            template_ui(ui, desk, project, at);
        }
        if asked.ask.templates.len() > 1 {
            mean_ui(ui, desk, project, asked);
        }
        if let Some(problem) = &asked.problem {
            wrapped(ui, problem, font(size::SMALL, Weight::Regular), tokens.error);
        }
        let memory = &mut desk.memory.preview;
        ui.horizontal(|ui| {
            let add = Button::secondary("Add").icon(icons::ADD).small().name("Add a template");
            if ui.add(add).clicked() {
                memory.add_template();
            }
            let compare = Button::secondary("Compare wordings").small();
            let about = "Ranks the templates: by F1 on labelled texts outside test, or by how sure the scores are where nothing is labelled. \
                         A single template gets the usual ones beside it.";
            if ui.add(compare).on_hover_text(about).clicked() {
                memory.compare();
            }
        });
        if memory.is_ranking() {
            wrapped(ui, "Ranked as soon as all are scored.", font(size::SMALL, Weight::Regular), tokens.text3);
        }
        if let Some(chosen) = segmented(ui, &["one label", "several"], usize::from(asked.ask.multi)) {
            memory.multi = Some(chosen == 1);
        }
    });
}

fn template_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, at: usize) {
    let memory = &mut desk.memory.preview;
    let several = memory.templates.len() > 1;
    let Some(template) = memory.templates.get(at).cloned() else {
        return;
    };
    let figures = project.previewing.scores.as_ref().and_then(|scores| {
        let place = scores
            .request
            .question
            .templates()
            .iter()
            .position(|known| *known == template)?;
        scores.by_template.get(place).copied()
    });
    let mut removed = false;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        if several {
            let name = format!("Show the scores of template {}", at + 1);
            if radio(ui, &name, memory.chosen == Some(at)).clicked() {
                memory.chosen = Some(at);
            }
        }
        let tail = FIGURE + if several { REMOVE + 8.0 } else { 4.0 };
        let width = ui.available_width() - tail;
        let name = format!("Template {}", at + 1);
        let field = TextField::new(&name).placeholder("This text is about {}.").width(width);
        if let Some(text) = memory.templates.get_mut(at) {
            let response = field.show(ui, text);
            if memory.focus_template == Some(at) {
                memory.focus_template = None;
                response.request_focus();
            }
        }
        figure_ui(ui, figures);
        removed = several && icon_button(ui, icons::CLOSE, &format!("Remove template {}", at + 1)).clicked();
    });
    if removed {
        memory.remove_template(at);
    }
}

fn mean_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, asked: &Asked) {
    let tokens = theme::of(ui);
    let scores = project.previewing.scores.as_ref();
    let scores = scores.filter(|scores| scores.request.question.templates() == asked.ask.templates);
    let figures = scores.map(|scores| scores.overall);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let memory = &mut desk.memory.preview;
        if radio(ui, "Show the mean of all templates", memory.chosen.is_none()).clicked() {
            memory.chosen = None;
        }
        let room = ui.available_width() - FIGURE - REMOVE - 8.0;
        let (rect, _) = ui.allocate_exact_size(vec2(room, space::CONTROL), egui::Sense::hover());
        let text = galley(ui, "Mean of all", font(size::BASE, Weight::Regular), tokens.text2);
        crate::ui::widgets::paint_left(ui.painter(), rect.left_center() + vec2(11.0, 0.0), text);
        figure_ui(ui, figures);
    });
}

/// "F1 .58" where there are labels, else how sure the scores are.
fn figure_ui(ui: &mut Ui, figures: Option<WordingFigures>) {
    let tokens = theme::of(ui);
    let (text, about) = match figures {
        None => ("–".to_owned(), "Not scored yet".to_owned()),
        Some(figures) => match figures.macro_f1 {
            Some(f1) => (
                format!("F1 {}", prob_short(Some(f1))),
                format!("Macro-F1 on {} labelled texts, those of test aside", figures.n_labelled),
            ),
            None => (
                format!("sure {}", prob_short(figures.confidence)),
                "How sure the scores are, on average; nothing is labelled outside test".to_owned(),
            ),
        },
    };
    let (rect, response) = ui.allocate_exact_size(Vec2::new(FIGURE, space::CONTROL), egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &text));
    let text = galley(ui, text, font(size::SMALL, Weight::Regular), tokens.text3);
    paint_right(ui.painter(), rect.right_center(), text);
    response.on_hover_text(about);
}
