//! The sentences around the labels, side by side: each with how good its scores look, one of them chosen to be shown.

use egui::{Ui, Vec2, vec2};

use super::asking::Asked;
use crate::app::Project;
use crate::app::zero_shot::Because;
use crate::jobs::WordingFigures;
use crate::model::zero_shot::Language;
use crate::ui::{
    desk::Desk,
    icons,
    theme::{self, Weight, font, size, space},
    widgets::{
        Button, Card, Dropdown, TextField, galley, icon_button, menu_item, paint_right, prob_short, radio, segmented,
        wrapped,
    },
};

/// Points for a figure and for the button that takes a template away.
const FIGURE: f32 = 56.0;
const REMOVE: f32 = 26.0;

pub(super) fn templates_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, asked: &Asked) {
    let (app, together) = (desk.app, desk.memory.preview.learns_together());
    Card::titled("Templates").aside("{} is the label").show(ui, |ui| {
        let tokens = theme::of(ui);
        language_ui(ui, desk);
        let order = desk.memory.preview.order.clone();
        for at in order {
            template_ui(ui, desk, project, at);
        }
        if asked.ask.templates.len() > 1 && !together {
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
                         A single template gets the others of its language beside it.";
            let about = match together {
                true => "This engine learns from all templates together; `handful zero-shot --compare-templates` tries them one by one.",
                false => about,
            };
            if ui.add_enabled(!together, compare).on_hover_text(about).clicked() {
                memory.compare(app);
            }
        });
        if memory.is_ranking() {
            wrapped(ui, "Ranked as soon as all are scored.", font(size::SMALL, Weight::Regular), tokens.text3);
        }
        keep_ui(ui, desk, project);
        let memory = &mut desk.memory.preview;
        if let Some(chosen) = segmented(ui, &["one label", "several"], usize::from(asked.ask.multi)) {
            memory.multi = Some(chosen == 1);
        }
    });
}

/// In which language the sentences are, and why these.
fn language_ui(ui: &mut Ui, desk: &mut Desk) {
    let memory = &mut desk.memory.preview;
    let shown = memory.language.map_or("As the texts", Language::name);
    ui.horizontal(|ui| {
        let mut picked = None;
        Dropdown::new("Language of the templates", shown)
            .small()
            .show(ui, |ui| {
                if menu_item(ui, "As the texts", memory.language.is_none()).clicked() {
                    picked = Some(None);
                }
                for language in Language::ALL {
                    if menu_item(ui, language.name(), memory.language == Some(language)).clicked() {
                        picked = Some(Some(language));
                    }
                }
            });
        if let Some(language) = picked {
            memory.speak(language);
        }
    });
    if let Some(because) = memory.because.filter(|because| !matches!(because, Because::Asked(_))) {
        let words = because.words();
        let mut letters = words.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string());
        let sentence = format!("{}{}.", first.unwrap_or_default(), letters.as_str());
        wrapped(ui, sentence, font(size::SMALL, Weight::Regular), theme::of(ui).text3);
    }
}

/// Keeps the templates for the project, or forgets those kept.
fn keep_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let kept = desk.app.settings.templates_of(project.store.path());
    let templates = desk.memory.preview.templates.clone();
    let is_kept = kept == Some(templates.as_slice());
    let has_kept = kept.is_some();
    ui.horizontal(|ui| {
        let keep = Button::secondary("Keep for this project").small();
        let about = "This project then begins with these templates, here and in `handful zero-shot`.";
        if !is_kept && ui.add(keep).on_hover_text(about).clicked() {
            let memory = &mut desk.memory.preview;
            memory.because = Some(Because::Chosen);
            memory.language = None;
            desk.change(move |app| drop(app.remember_templates(&templates)));
        } else if has_kept {
            let forget = Button::secondary("Forget those kept").small();
            if ui.add(forget).clicked() {
                desk.memory.preview.speak(None);
                desk.change(|app| drop(app.remember_templates(&[])));
            }
        }
    });
}

fn template_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, at: usize) {
    let memory = &mut desk.memory.preview;
    let (several, together) = (memory.templates.len() > 1, memory.learns_together());
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
        if several && !together {
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
            if response.changed() {
                memory.because = None;
            }
            if memory.focus_template == Some(at) {
                memory.focus_template = None;
                response.request_focus();
            }
        }
        figure_ui(ui, figures.filter(|_| !together));
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
