//! Cards: the panels a screen is laid out in.

use egui::{Frame, Margin, Rect, Role, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, pos2};

use super::{galley, galley_cut, paint_left, paint_right};
use crate::ui::theme::{self, CARD_RADIUS, Weight, font, size};

/// A card: as high as its content, or filling a rectangle.
#[must_use = "call `show` or `show_in`"]
pub struct Card<'a> {
    title: Option<&'a str>,
    aside: String,
    padded: bool,
    chosen: bool,
}

impl<'a> Card<'a> {
    /// A card without a title.
    pub fn new() -> Self {
        Card {
            title: None,
            aside: String::new(),
            padded: true,
            chosen: false,
        }
    }

    /// A card with a title.
    pub fn titled(title: &'a str) -> Self {
        Card {
            title: Some(title),
            ..Card::new()
        }
    }

    /// A remark at the right of the title.
    pub fn aside(mut self, aside: impl Into<String>) -> Self {
        self.aside = aside.into();
        self
    }

    /// Content reaches the card's edges (lists, tables).
    pub fn flush(mut self) -> Self {
        self.padded = false;
        self
    }

    /// Drawn as the chosen one of several.
    pub fn chosen(mut self, chosen: bool) -> Self {
        self.chosen = chosen;
        self
    }

    /// As wide as the space, as high as its content.
    pub fn show<R>(self, ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
        let tokens = theme::of(ui);
        let (fill, line) = self.colors(tokens);
        let margin = if self.padded {
            Margin::symmetric(15, 13)
        } else {
            Margin::ZERO
        };
        let frame = Frame::new()
            .fill(fill)
            .stroke(Stroke::new(1.0, line))
            .corner_radius(CARD_RADIUS)
            .inner_margin(margin);
        frame
            .show(ui, |ui| {
                ui.set_min_width(ui.available_width());
                ui.spacing_mut().item_spacing = egui::vec2(8.0, 8.0);
                self.head(ui);
                add(ui)
            })
            .inner
    }

    /// Fills `rect`; content is clipped to it.
    pub fn show_in<R>(self, ui: &mut Ui, rect: Rect, add: impl FnOnce(&mut Ui) -> R) -> R {
        let tokens = theme::of(ui);
        let (fill, line) = self.colors(tokens);
        ui.painter()
            .rect(rect, CARD_RADIUS, fill, Stroke::new(1.0, line), StrokeKind::Inside);
        let inner = if self.padded {
            rect.shrink2(egui::vec2(16.0, 14.0))
        } else {
            rect.shrink(1.0)
        };
        let salt = (self.title, rect.min.x as i32, rect.min.y as i32);
        let mut child = ui.new_child(UiBuilder::new().id_salt(salt).max_rect(inner));
        child.shrink_clip_rect(rect.shrink(1.0));
        child.spacing_mut().item_spacing = egui::vec2(8.0, 8.0);
        self.head(&mut child);
        add(&mut child)
    }

    fn colors(&self, tokens: &theme::Tokens) -> (egui::Color32, egui::Color32) {
        match self.chosen {
            true => (theme::mix(tokens.panel, tokens.accent, 0.10), tokens.accent),
            false => (tokens.panel, tokens.line),
        }
    }

    fn head(&self, ui: &mut Ui) {
        let Some(title) = self.title else { return };
        match self.padded {
            true => {
                card_head(ui, title, &self.aside);
                ui.add_space(2.0);
            }
            false => {
                ui.scope(|ui| {
                    ui.add_space(12.0);
                    let mut inner = ui.new_child(
                        UiBuilder::new().max_rect(
                            Rect::from_min_size(ui.cursor().min, egui::vec2(ui.available_width(), 18.0))
                                .shrink2(egui::vec2(15.0, 0.0)),
                        ),
                    );
                    card_head(&mut inner, title, &self.aside);
                    ui.add_space(22.0);
                });
            }
        }
    }
}

impl Default for Card<'_> {
    fn default() -> Self {
        Card::new()
    }
}

/// A small heading with a remark at the right edge.
pub fn card_head(ui: &mut Ui, title: &str, aside: &str) {
    let tokens = theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(egui::vec2(ui.available_width(), 18.0), Sense::hover());
    let aside_galley = galley_cut(
        ui,
        aside,
        font(size::SMALL, Weight::Regular),
        tokens.text3,
        rect.width() * 0.6,
    );
    let room = rect.width() - aside_galley.size().x - 8.0;
    let title_galley = galley(ui, title, font(size::SMALL, Weight::SemiBold), tokens.text2);
    let title_galley = match title_galley.size().x > room {
        true => galley_cut(ui, title, font(size::SMALL, Weight::SemiBold), tokens.text2, room),
        false => title_galley,
    };
    paint_left(ui.painter(), rect.left_center(), title_galley);
    paint_right(ui.painter(), pos2(rect.right(), rect.center().y), aside_galley);
    let name = if aside.is_empty() {
        title.to_owned()
    } else {
        format!("{title}: {aside}")
    };
    response.widget_info(|| WidgetInfo::labeled(Role::Heading, true, &name));
}
