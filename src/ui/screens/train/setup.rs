//! What to train: the methods, the options, and the button, in a column.

use egui::{Rect, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};

use super::form;
use super::methods::{self, chosen};
use crate::app::advice::Advice;
use crate::app::{Command, Project, TrainSpec};
use crate::jobs::JobKind;
use crate::train::Method;
use crate::ui::{
    desk::{Act, Desk},
    icons, screens,
    sheets::SheetState,
    theme::{self, Weight, font, size, space},
    widgets::{Button, galley_cut, in_rect, paint_middle, thousands, wrapped},
};

pub(super) fn setup_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project, advice: &Advice) {
    let method = chosen(desk, advice);
    in_rect(ui, "setup", rect.expand2(Vec2::new(2.0, 0.0)), |ui| {
        ui.spacing_mut().item_spacing.y = 10.0;
        ScrollArea::vertical()
            .id_salt("setup scroll")
            .auto_shrink([false, true])
            .max_height((rect.height() - foot_height(advice, method)).max(80.0))
            .show(ui, |ui| {
                inset(ui, |ui| {
                    methods::methods_ui(ui, desk, advice);
                    methods::advice_ui(ui, desk, project, advice);
                    form::form_ui(ui, desk, method);
                });
            });
        inset(ui, |ui| train_ui(ui, desk, project, advice, method));
    });
}

/// Keeps the frames of cards clear of the column's edge, where they would be cut.
fn inset(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    egui::Frame::new()
        .inner_margin(egui::Margin::symmetric(2, 1))
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 10.0;
            add(ui);
        });
}

fn foot_height(advice: &Advice, method: &Method) -> f32 {
    space::CONTROL + 12.0 + space::CONTROL_SMALL + 10.0 + if advice.missing(method.id).is_some() { 92.0 } else { 0.0 }
}

fn train_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, advice: &Advice, method: &Method) {
    let tokens = theme::of(ui);
    let running = desk.app.running(JobKind::Train).is_some();
    let missing = advice.missing(method.id);
    let name = project
        .training
        .as_ref()
        .and_then(|training| project.state.run(training.run));
    if running {
        return running_ui(ui, name.map_or("A model", |run| run.name.as_str()));
    }
    let text = match advice.n_train {
        1 => "Train on 1 label".to_owned(),
        n => format!("Train on {} labels", thousands(n)),
    };
    let ready = missing.is_none() && form::encoder(desk).is_some();
    let width = ui.available_width();
    let pressed = ui.horizontal(|ui| {
        let button = Button::primary(&text).key("T").width(width);
        ui.add_enabled(ready, button).clicked()
    });
    if pressed.inner {
        train(desk, advice);
    }
    several_ui(ui, desk, ready);
    if let Some(missing) = missing {
        wrapped(ui, missing, font(size::SMALL, Weight::Regular), tokens.text2);
        if ui
            .add(Button::secondary("Go to Annotate").icon(icons::ANNOTATE).small())
            .clicked()
        {
            desk.act(Act::Go(screens::annotate::ID));
        }
    }
}

/// Beside the one training: ways to several.
fn several_ui(ui: &mut Ui, desk: &mut Desk, ready: bool) {
    let width = (ui.available_width() - space::S) / 2.0;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::S;
        let button = Button::secondary("Search…").name("Search options…").key("O").small().width(width);
        let help = "Tries several values of some options, and trains the best in full.";
        if ui.add_enabled(ready, button).on_hover_text(help).clicked() {
            desk.act(Act::Show(SheetState::search()));
        }
        let button = Button::secondary("Compare…").name("Compare settings…").key("I").small().width(width);
        let help = "Trains the same with different settings, such as treatments of imbalance, and puts the figures side by side.";
        if ui.add_enabled(ready, button).on_hover_text(help).clicked() {
            desk.act(Act::Show(SheetState::treatments()));
        }
    });
}

/// In place of the button: what it waits for.
fn running_ui(ui: &mut Ui, name: &str) {
    let tokens = theme::of(ui);
    let size = Vec2::new(ui.available_width(), space::CONTROL);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let text = format!("{name} is training");
    response.widget_info(|| WidgetInfo::labeled(Role::Status, true, &text));
    let line = Stroke::new(1.0, tokens.line);
    ui.painter()
        .rect(rect, theme::RADIUS, tokens.raised, line, StrokeKind::Inside);
    let text = galley_cut(
        ui,
        &text,
        font(size::BASE, Weight::Medium),
        tokens.text2,
        rect.width() - 16.0,
    );
    paint_middle(ui.painter(), rect.center(), text);
}

/// Asks for a training as it is set up; nothing where something is missing.
pub(super) fn train(desk: &mut Desk, advice: &Advice) {
    let method = chosen(desk, advice);
    let running = desk.app.running(JobKind::Train).is_some();
    let (Some(encoder), None, false) = (form::encoder(desk), advice.missing(method.id), running) else {
        return;
    };
    let teacher = form::teacher(desk).filter(|_| method.needs_teacher);
    let TrainSpec {
        method, seed, options, ..
    } = form::spec(desk, method);
    let command = Command::Train {
        method,
        encoder: Some(encoder),
        seed,
        options,
        teacher,
    };
    // The new run is the one to look at.
    desk.memory.train.run = None;
    desk.run(command);
}
