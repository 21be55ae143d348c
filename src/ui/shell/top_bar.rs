//! The top bar: which project, how far it is labelled, every command, the machine.

use egui::{Align, Frame, Layout, Margin, Panel, Popup, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2};

use super::device_menu::device_ui;
use crate::app::Command;
use crate::ui::{
    desk::{Act, Desk},
    icons, logo,
    sheets::{PathPurpose, SheetState},
    theme::{self, RADIUS, Weight, font, size, space},
    widgets::{
        Button, galley, icon_at, icon_button, key_cap_size, menu_item, paint_key_cap, paint_left, progress_bar, say,
        thousands,
    },
};

/// Shows the top bar.
pub fn top_bar(ui: &mut Ui, desk: &mut Desk) {
    let tokens = theme::of(ui);
    let frame = Frame::new().fill(tokens.panel).inner_margin(Margin::symmetric(16, 0));
    let panel = Panel::top("top bar")
        .exact_size(44.0)
        .resizable(false)
        .show_separator_line(false)
        .frame(frame);
    let shown = panel.show(ui, |ui| {
        let width = ui.available_width();
        ui.horizontal_centered(|ui| {
            ui.spacing_mut().item_spacing.x = space::L;
            brand(ui);
            if desk.project().is_some() {
                project_ui(ui, desk, width);
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.spacing_mut().item_spacing.x = 12.0;
                if icon_button(ui, icons::THEME, "Switch between dark and light").clicked() {
                    desk.act(Act::Theme);
                }
                if width > 800.0 {
                    device_ui(ui, desk);
                }
                commands_button(ui, desk, width > 560.0);
            });
        });
    });
    let edge = shown.response.rect;
    ui.painter()
        .hline(edge.x_range(), edge.bottom() - 0.5, Stroke::new(1.0, tokens.line));
}

fn brand(ui: &mut Ui) {
    let tokens = theme::of(ui);
    let text = galley(ui, "Handful", font(size::HEADING, Weight::Bold), tokens.text);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(text.size().x + 15.0, 24.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, "Handful"));
    logo::paint(ui, pos2(rect.left() + 6.0, rect.center().y), 17.0, tokens.accent);
    paint_left(ui.painter(), pos2(rect.left() + 15.0, rect.center().y), text);
}

fn project_ui(ui: &mut Ui, desk: &mut Desk, width: f32) {
    let tokens = theme::of(ui);
    let Some(project) = desk.project() else { return };
    let name = project.name();
    let name = name.strip_suffix(".handful").unwrap_or(&name);
    let response = project_button(ui, name, width);
    Popup::menu(&response).accessible_name("Project").show(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.set_min_width(220.0);
        let mut choose = |ui: &mut Ui, title: &str, act: Act| {
            if menu_item(ui, title, false).clicked() {
                desk.act(act);
            }
        };
        choose(ui, "Import a file…", Act::Show(SheetState::path(PathPurpose::Import)));
        choose(
            ui,
            "Open another project…",
            Act::Show(SheetState::path(PathPurpose::Open)),
        );
        choose(ui, "New project…", Act::Show(SheetState::new_project(None)));
        choose(ui, "Close", Act::Run(Command::Close));
    });
    if width > 720.0 {
        say(
            ui,
            project.state.task.name(),
            font(size::BASE, Weight::Regular),
            tokens.text3,
        );
    }
    let (done, all) = (project.state.n_annotated(), project.state.n_texts());
    let share = if all == 0 { 0.0 } else { done as f32 / all as f32 };
    if width > 900.0 {
        progress_bar(ui, "Labelled texts", share, 160.0, 6.0);
    }
    if width > 620.0 {
        let text = format!("{} of {} labelled", thousands(done), thousands(all));
        say(ui, text, font(size::BASE, Weight::Regular), tokens.text2);
    }
}

fn project_button(ui: &mut Ui, name: &str, width: f32) -> egui::Response {
    let tokens = theme::of(ui);
    let text = crate::ui::widgets::galley_cut(ui, name, font(size::BASE, Weight::SemiBold), tokens.text, width * 0.22);
    let (rect, response) =
        ui.allocate_exact_size(Vec2::new(text.size().x + 20.0, space::CONTROL_SMALL), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Project: {name}")));
    if response.hovered() || response.has_focus() {
        ui.painter()
            .rect_filled(rect.expand2(Vec2::new(6.0, 0.0)), RADIUS, tokens.raised);
    }
    let end = rect.left() + text.size().x;
    paint_left(ui.painter(), rect.left_center(), text);
    icon_at(
        ui.painter(),
        pos2(end + 12.0, rect.center().y),
        icons::DOWN,
        13.0,
        tokens.text2,
    );
    response
}

fn commands_button(ui: &mut Ui, desk: &mut Desk, wide: bool) {
    let tokens = theme::of(ui);
    if !wide {
        if ui
            .add(Button::secondary("").icon(icons::SEARCH).small().name("Commands"))
            .clicked()
        {
            desk.act(Act::Palette);
        }
        return;
    }
    let text = galley(ui, "Commands", font(size::BASE, Weight::Regular), tokens.text3);
    let cap = key_cap_size(ui, "Ctrl K").x;
    let (rect, response) =
        ui.allocate_exact_size(Vec2::new(text.size().x + cap + 32.0, space::CONTROL), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Commands"));
    let fill = if response.hovered() || response.has_focus() {
        tokens.track
    } else {
        tokens.raised
    };
    ui.painter().rect(
        rect,
        RADIUS,
        fill,
        Stroke::new(1.0, tokens.line),
        egui::StrokeKind::Inside,
    );
    let end = rect.left() + 12.0 + text.size().x;
    paint_left(ui.painter(), pos2(rect.left() + 12.0, rect.center().y), text);
    paint_key_cap(ui, pos2(end + 8.0, rect.center().y), "Ctrl K", false);
    if response.clicked() {
        desk.act(Act::Palette);
    }
}
