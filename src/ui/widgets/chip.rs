//! Key caps, colour swatches and label chips.

use egui::{Color32, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2, Widget, WidgetInfo, pos2};

use super::{galley, galley_cut, icon_at, paint_left, paint_middle, say};
use crate::ui::{
    icons,
    theme::{self, Weight, font, size},
};

/// The size a key cap takes.
pub fn key_cap_size(ui: &Ui, key: &str) -> Vec2 {
    let text = galley(ui, key, font(size::TINY, Weight::Regular), Color32::WHITE);
    Vec2::new((text.size().x + 10.0).max(18.0), 18.0)
}

/// Paints a key cap with the middle of its left edge at `at`; returns its width.
pub fn paint_key_cap(ui: &Ui, at: Pos2, key: &str, on_accent: bool) -> f32 {
    let tokens = theme::of(ui);
    let (text, line, fill) = match on_accent {
        true => (Color32::WHITE, Color32::from_white_alpha(110), Color32::TRANSPARENT),
        false => (tokens.text3, tokens.line, tokens.raised),
    };
    let size = key_cap_size(ui, key);
    let rect = Rect::from_min_size(pos2(at.x, at.y - size.y / 2.0), size);
    ui.painter()
        .rect(rect, 4, fill, Stroke::new(1.0, line), StrokeKind::Inside);
    paint_middle(
        ui.painter(),
        rect.center(),
        galley(ui, key, font(theme::size::TINY, Weight::Regular), text),
    );
    size.x
}

/// A key cap on its own.
pub fn key_cap(ui: &mut Ui, key: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(key_cap_size(ui, key), Sense::hover());
    paint_key_cap(ui, rect.left_center(), key, false);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, key));
    response
}

/// A key cap and what it does.
pub fn key_hint(ui: &mut Ui, key: &str, does: &str) {
    ui.spacing_mut().item_spacing.x = 5.0;
    key_cap(ui, key);
    say(ui, does, font(size::SMALL, Weight::Regular), theme::of(ui).text3);
    ui.add_space(9.0);
}

/// The square of colour before a label's name, with its middle at `at`.
pub fn swatch(ui: &Ui, at: Pos2, side: f32, color: Color32) {
    ui.painter()
        .rect_filled(Rect::from_center_size(at, Vec2::splat(side)), side * 0.33, color);
}

/// A label: its colour, its name, the key that sets it, a cross where it can be taken away.
#[must_use = "add it to a Ui"]
pub struct Chip<'a> {
    name: &'a str,
    color: Option<Color32>,
    key: Option<&'a str>,
    selected: bool,
    small: bool,
    closable: bool,
    opens: bool,
    clickable: bool,
    max_width: f32,
}

impl<'a> Chip<'a> {
    /// A chip of full size that can be pressed.
    pub fn new(name: &'a str, color: Color32) -> Self {
        Chip {
            name,
            color: Some(color),
            key: None,
            selected: false,
            small: false,
            closable: false,
            opens: false,
            clickable: true,
            max_width: 260.0,
        }
    }

    /// A chip without a colour: a filter, a word.
    pub fn plain(name: &'a str) -> Self {
        Chip {
            color: None,
            ..Chip::new(name, Color32::TRANSPARENT)
        }
    }

    /// With the key that sets it.
    pub fn key(mut self, key: Option<&'a str>) -> Self {
        self.key = key;
        self
    }

    /// Drawn as chosen.
    pub fn selected(mut self, selected: bool) -> Self {
        self.selected = selected;
        self
    }

    /// 20 points high instead of 28.
    pub fn small(mut self) -> Self {
        self.small = true;
        self
    }

    /// With a cross; pressing it anywhere means "take away".
    pub fn closable(mut self) -> Self {
        self.closable = true;
        self
    }

    /// With a mark that more comes below it; pressing it leads there.
    pub fn opens(mut self, opens: bool) -> Self {
        self.opens = opens;
        self
    }

    /// Only shown, not pressed.
    pub fn shown(mut self) -> Self {
        self.clickable = false;
        self
    }

    /// Cuts the name so that the chip is no wider.
    pub fn max_width(mut self, max_width: f32) -> Self {
        self.max_width = max_width;
        self
    }

    fn parts(&self, ui: &Ui) -> (std::sync::Arc<egui::Galley>, Vec2, f32) {
        let tokens = theme::of(ui);
        let weight = if self.selected {
            Weight::SemiBold
        } else {
            Weight::Regular
        };
        let points = if self.small { 11.5 } else { size::BASE };
        let side = if self.small { 7.0 } else { 9.0 };
        let lead = if self.color.is_some() {
            side + if self.small { 5.0 } else { 7.0 }
        } else {
            0.0
        };
        let padding = if self.small { 7.0 } else { 9.0 };
        let tail = self.key.map_or(0.0, |key| key_cap_size(ui, key).x + 7.0)
            + if self.closable { 15.0 } else { 0.0 }
            + if self.opens { 15.0 } else { 0.0 };
        let room = self.max_width - padding * 2.0 - lead - tail;
        let text = galley_cut(ui, self.name, font(points, weight), tokens.text, room);
        let height = if self.small { 20.0 } else { 28.0 };
        let size = Vec2::new(padding * 2.0 + lead + text.size().x + tail, height);
        (text, size, lead)
    }

    /// The size it will take.
    pub fn size(&self, ui: &Ui) -> Vec2 {
        self.parts(ui).1
    }

    /// Paints it with the middle of its left edge at `at`, without sensing anything; returns its width.
    pub fn paint(&self, ui: &Ui, at: Pos2) -> f32 {
        let (_, size, _) = self.parts(ui);
        self.paint_in(ui, Rect::from_min_size(pos2(at.x, at.y - size.y / 2.0), size), false);
        size.x
    }

    fn paint_in(&self, ui: &Ui, rect: Rect, hovered: bool) {
        let tokens = theme::of(ui);
        let (text, _, lead) = self.parts(ui);
        let padding = if self.small { 7.0 } else { 9.0 };
        let line = if self.selected {
            self.color.unwrap_or(tokens.accent)
        } else {
            tokens.line
        };
        let fill = match (self.selected, self.color) {
            (true, Some(color)) => theme::mix(tokens.raised, color, 0.12),
            _ if hovered => tokens.track,
            _ => tokens.raised,
        };
        let stroke = Stroke::new(if self.selected { 1.5 } else { 1.0 }, line);
        ui.painter()
            .rect(rect, rect.height() / 2.0, fill, stroke, StrokeKind::Inside);
        let y = rect.center().y;
        let mut x = rect.left() + padding;
        if let Some(color) = self.color {
            let side = if self.small { 7.0 } else { 9.0 };
            swatch(ui, pos2(x + side / 2.0, y), side, color);
            x += lead;
        }
        let width = text.size().x;
        paint_left(ui.painter(), pos2(x, y), text);
        x += width + 7.0;
        if self.opens {
            icon_at(ui.painter(), pos2(x + 3.0, y), icons::RIGHT, 12.0, tokens.text3);
            x += 15.0;
        }
        if let Some(key) = self.key {
            x += paint_key_cap(ui, pos2(x, y), key, false) + 7.0;
        }
        if self.closable {
            icon_at(ui.painter(), pos2(x + 3.0, y), icons::CLOSE, 11.0, tokens.text3);
        }
    }
}

impl Widget for Chip<'_> {
    fn ui(self, ui: &mut Ui) -> Response {
        let sense = if self.clickable { Sense::click() } else { Sense::hover() };
        let (rect, response) = ui.allocate_exact_size(self.size(ui), sense);
        let enabled = ui.is_enabled();
        response.widget_info(|| match (self.clickable, self.closable) {
            (false, _) => WidgetInfo::labeled(Role::Label, enabled, self.name),
            (true, true) => WidgetInfo::labeled(Role::Button, enabled, format!("Remove {}", self.name)),
            (true, false) if self.opens => {
                WidgetInfo::selected(Role::Button, enabled, self.selected, format!("{}, opens", self.name))
            }
            (true, false) => WidgetInfo::selected(Role::CheckBox, enabled, self.selected, self.name),
        });
        if ui.is_rect_visible(rect) {
            self.paint_in(ui, rect, self.clickable && response.hovered());
            super::button::focus_ring(ui, rect, &response);
        }
        response
    }
}
