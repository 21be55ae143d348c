//! Buttons: one primary per screen, the rest secondary, quiet or dangerous.

use egui::{Color32, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2, Widget, WidgetInfo, pos2};
use lucide_icons::Icon;

use super::{galley, icon_at, key_cap_size, paint_key_cap, paint_left};
use crate::ui::theme::{self, RADIUS, Weight, font, size, space};

/// How much a button asks to be pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The one thing to do here.
    Primary,
    /// Anything else.
    Secondary,
    /// No frame until the pointer is over it.
    Quiet,
    /// Destroys something (undo brings it back).
    Danger,
}

/// A button with a text, and an icon and a key where given.
#[must_use = "add it to a Ui"]
pub struct Button<'a> {
    text: &'a str,
    icon: Option<Icon>,
    kind: Kind,
    key: Option<&'a str>,
    small: bool,
    selected: bool,
    dropdown: bool,
    width: Option<f32>,
    name: Option<&'a str>,
}

impl<'a> Button<'a> {
    /// A button of a kind.
    pub fn new(kind: Kind, text: &'a str) -> Self {
        Button {
            text,
            icon: None,
            kind,
            key: None,
            small: false,
            selected: false,
            dropdown: false,
            width: None,
            name: None,
        }
    }

    /// The one thing to do here.
    pub fn primary(text: &'a str) -> Self {
        Button::new(Kind::Primary, text)
    }

    /// An ordinary button.
    pub fn secondary(text: &'a str) -> Self {
        Button::new(Kind::Secondary, text)
    }

    /// A frameless button.
    pub fn quiet(text: &'a str) -> Self {
        Button::new(Kind::Quiet, text)
    }

    /// A button that destroys something.
    pub fn danger(text: &'a str) -> Self {
        Button::new(Kind::Danger, text)
    }

    /// With an icon before the text.
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// With its key after the text.
    pub fn key(mut self, key: &'a str) -> Self {
        self.key = Some(key);
        self
    }

    /// 26 points high instead of 30.
    pub fn small(mut self) -> Self {
        self.small = true;
        self
    }

    /// Drawn as chosen.
    pub fn selected(mut self, selected: bool) -> Self {
        self.selected = selected;
        self
    }

    /// With an arrow that says it opens a list.
    pub fn dropdown(mut self) -> Self {
        self.dropdown = true;
        self
    }

    /// Of a fixed width, in points.
    pub fn width(mut self, width: f32) -> Self {
        self.width = Some(width);
        self
    }

    /// The accessible name, where the text alone does not say it.
    pub fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }
}

impl Widget for Button<'_> {
    fn ui(self, ui: &mut Ui) -> Response {
        let tokens = theme::of(ui);
        let strong = self.kind == Kind::Primary || self.selected;
        let points = if self.small { size::SMALL } else { size::BASE };
        let enabled = ui.is_enabled();
        let color = match self.kind {
            Kind::Primary => Color32::WHITE,
            Kind::Danger => tokens.error,
            Kind::Quiet if !self.selected => tokens.text2,
            _ => tokens.text,
        };
        let color = match (enabled, self.kind) {
            (true, _) => color,
            (false, Kind::Primary) => tokens.text2,
            (false, _) => tokens.text3,
        };
        let weight = if strong { Weight::SemiBold } else { Weight::Regular };
        let full = galley(ui, self.text, font(points, weight), color);
        let height = if self.small {
            space::CONTROL_SMALL
        } else {
            space::CONTROL
        };
        let padding = if self.text.is_empty() {
            (height - 16.0) / 2.0
        } else {
            12.0
        };
        let icon_width = self
            .icon
            .map_or(0.0, |_| if self.text.is_empty() { 16.0 } else { 22.0 });
        let key_width = self.key.map_or(0.0, |key| key_cap_size(ui, key).x + 8.0);
        let arrow_width = if self.dropdown { 18.0 } else { 0.0 };
        let wanted = padding * 2.0 + icon_width + full.size().x + key_width + arrow_width;
        let width = self.width.unwrap_or(wanted).min(ui.available_width().max(height));
        let text = match wanted > width + 0.5 {
            true => super::galley_cut(
                ui,
                self.text,
                font(points, weight),
                color,
                width - (wanted - full.size().x),
            ),
            false => full,
        };
        let (rect, response) = ui.allocate_exact_size(Vec2::new(width, height), Sense::click());
        let name = self.name.unwrap_or(self.text);
        response.widget_info(|| match self.selected {
            true => WidgetInfo::selected(Role::Button, enabled, true, name),
            false => WidgetInfo::labeled(Role::Button, enabled, name),
        });
        if !ui.is_rect_visible(rect) {
            return response;
        }
        let (fill, stroke) = self.colors(ui, &response);
        ui.painter()
            .rect(rect, RADIUS, fill, Stroke::new(1.0, stroke), StrokeKind::Inside);
        focus_ring(ui, rect, &response);
        let slack = match self.dropdown {
            true => 0.0,
            false => ((width - padding * 2.0) - (icon_width + text.size().x + key_width)).max(0.0) / 2.0,
        };
        let mut x = rect.left() + padding + slack;
        if let Some(icon) = self.icon {
            icon_at(ui.painter(), pos2(x + 8.0, rect.center().y), icon, 15.0, color);
            x += icon_width;
        }
        let text_width = text.size().x;
        paint_left(ui.painter(), pos2(x, rect.center().y), text);
        if let Some(key) = self.key {
            let on_accent = enabled && self.kind == Kind::Primary;
            paint_key_cap(ui, pos2(x + text_width + 8.0, rect.center().y), key, on_accent);
        }
        if self.dropdown {
            let at = pos2(rect.right() - 15.0, rect.center().y);
            icon_at(ui.painter(), at, crate::ui::icons::DOWN, 13.0, tokens.text2);
        }
        response
    }
}

impl Button<'_> {
    fn colors(&self, ui: &Ui, response: &Response) -> (Color32, Color32) {
        let tokens = theme::of(ui);
        let pressed = response.is_pointer_button_down_on();
        let hovered = response.hovered();
        if !ui.is_enabled() {
            return match self.kind {
                Kind::Primary => (tokens.track, tokens.line),
                Kind::Quiet => (Color32::TRANSPARENT, Color32::TRANSPARENT),
                _ => (tokens.panel, tokens.line),
            };
        }
        if self.selected {
            return (theme::mix(tokens.panel, tokens.accent, 0.13), tokens.accent);
        }
        match self.kind {
            Kind::Primary if pressed => {
                let fill = theme::mix(tokens.accent_fill, Color32::BLACK, 0.15);
                (fill, fill)
            }
            Kind::Primary if hovered => {
                let fill = theme::mix(tokens.accent_fill, Color32::BLACK, 0.07);
                (fill, fill)
            }
            Kind::Primary => (tokens.accent_fill, tokens.accent_fill),
            Kind::Quiet if pressed || hovered => (tokens.raised, Color32::TRANSPARENT),
            Kind::Quiet => (Color32::TRANSPARENT, Color32::TRANSPARENT),
            _ if pressed || hovered => (tokens.track, tokens.line),
            _ => (tokens.raised, tokens.line),
        }
    }
}

/// The ring around what has the keyboard.
pub(super) fn focus_ring(ui: &Ui, rect: egui::Rect, response: &Response) {
    if response.has_focus() {
        let stroke = Stroke::new(2.0, theme::of(ui).accent);
        ui.painter()
            .rect_stroke(rect.expand(2.0), RADIUS + 2, stroke, StrokeKind::Inside);
    }
}

/// A square button with only an icon; `name` is its tooltip and accessible name.
pub fn icon_button(ui: &mut Ui, icon: Icon, name: &str) -> Response {
    let button = Button::quiet("").icon(icon).small().name(name);
    ui.add(button).on_hover_text(name)
}
