//! What lies over a screen or stands in for it: sheets, toasts, empty states.

use egui::{Align2, Area, Color32, Context, Frame, Id, Margin, Modal, Order, Response, Stroke, Ui, Vec2, vec2};
use lucide_icons::Icon;

use super::{Button, icon_at, icon_button, say, wrapped};
use crate::ui::{
    icons,
    theme::{self, CARD_RADIUS, Weight, font, size},
};

/// A sheet over the window; Escape or a click beside it closes it.
#[must_use = "call `show`"]
pub struct Sheet<'a> {
    /// Its title, and its name for a screen reader.
    pub title: &'a str,
    /// Its width in points; narrower where the window is.
    pub width: f32,
}

impl Sheet<'_> {
    /// Shows it; returns true when it should close.
    pub fn show(self, ctx: &Context, add: impl FnOnce(&mut Ui)) -> bool {
        let room = ctx.content_rect();
        let width = self.width.min(room.width() - 32.0);
        let tokens = theme::tokens(ctx.theme());
        let frame = Frame::new()
            .fill(tokens.panel)
            .stroke(Stroke::new(1.0, tokens.line))
            .corner_radius(CARD_RADIUS + 2)
            .shadow(ctx.global_style().visuals.window_shadow)
            .inner_margin(Margin::same(20));
        let modal = Modal::new(Id::unique(("sheet", self.title)))
            .frame(frame)
            .backdrop_color(Color32::from_black_alpha(130));
        let mut close = false;
        let response = modal.show(ctx, |ui| {
            ui.set_width(width - 40.0);
            ui.set_max_height(room.height() - 72.0);
            ui.horizontal(|ui| {
                say(ui, self.title, font(size::HEADING, Weight::SemiBold), tokens.text);
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    close = icon_button(ui, icons::CLOSE, "Close").clicked();
                });
            });
            ui.add_space(4.0);
            add(ui);
        });
        close || response.should_close()
    }
}

/// A screen that has nothing to show: what is missing, and the one button that fixes it. True when it was pressed.
pub fn empty_state(ui: &mut Ui, icon: Icon, title: &str, text: &str, button: &str) -> bool {
    let tokens = theme::of(ui);
    let area = ui.available_rect_before_wrap();
    let width = area.width().min(380.0);
    let rect = egui::Rect::from_center_size(area.center(), vec2(width, 190.0_f32.min(area.height())));
    let mut child = ui.new_child(egui::UiBuilder::new().id_salt("empty").max_rect(rect));
    let mut pressed = false;
    child.vertical_centered(|ui| {
        let (at, _) = ui.allocate_exact_size(Vec2::splat(44.0), egui::Sense::hover());
        ui.painter().circle_filled(at.center(), 22.0, tokens.raised);
        icon_at(ui.painter(), at.center(), icon, 20.0, tokens.text2);
        ui.add_space(4.0);
        say(ui, title, font(size::HEADING, Weight::SemiBold), tokens.text);
        wrapped(ui, text, font(size::BASE, Weight::Regular), tokens.text2);
        ui.add_space(6.0);
        if !button.is_empty() {
            pressed = ui.add(Button::primary(button)).clicked();
        }
    });
    pressed
}

/// A message at the lower right, `above` points over the window's lower edge. True when it was dismissed.
pub fn toast(ctx: &Context, salt: u64, above: f32, icon: Icon, color: Color32, text: &str) -> (Response, bool) {
    let tokens = theme::tokens(ctx.theme());
    let frame = Frame::new()
        .fill(tokens.raised)
        .stroke(Stroke::new(1.0, tokens.line))
        .corner_radius(CARD_RADIUS)
        .shadow(ctx.global_style().visuals.popup_shadow)
        .inner_margin(Margin::symmetric(12, 9));
    let area = Area::new(Id::unique(("toast", salt)))
        .order(Order::Foreground)
        .anchor(Align2::RIGHT_BOTTOM, vec2(-16.0, -above));
    let mut dismissed = false;
    let response = area.show(ctx, |ui| {
        frame.show(ui, |ui| {
            ui.set_max_width(420.0);
            ui.horizontal_top(|ui| {
                let (at, _) = ui.allocate_exact_size(Vec2::new(18.0, 20.0), egui::Sense::hover());
                icon_at(ui.painter(), at.center(), icon, 15.0, color);
                ui.allocate_ui(vec2(350.0, 20.0), |ui| {
                    wrapped(ui, text, font(size::BASE, Weight::Regular), tokens.text)
                });
                dismissed = icon_button(ui, icons::CLOSE, "Dismiss").clicked();
            });
        });
    });
    (response.response, dismissed)
}
