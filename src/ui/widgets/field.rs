//! Fields: text, numbers, choices.

use std::ops::RangeInclusive;

use egui::{
    Align2, DragValue, Frame, Margin, Popup, PopupCloseBehavior, Response, Role, Sense, Stroke, TextEdit, Ui, Vec2,
    Widget, WidgetInfo,
};
use lucide_icons::Icon;

use super::{Button, galley_cut, icon_at, paint_left};
use crate::ui::{
    icons,
    theme::{self, RADIUS, Weight, font, size, space},
};

/// How wide a field is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FieldWidth {
    /// All there is.
    Fill,
    /// So many points.
    Points(f32),
}

/// A line of text to type into; `name` is its accessible name.
#[must_use = "call `show`"]
pub struct TextField<'a> {
    name: &'a str,
    placeholder: &'a str,
    icon: Option<Icon>,
    width: FieldWidth,
    small: bool,
    mono: bool,
    on_window: bool,
    id: Option<egui::Id>,
}

impl<'a> TextField<'a> {
    /// A field over the available width.
    pub fn new(name: &'a str) -> Self {
        TextField {
            name,
            placeholder: "",
            icon: None,
            width: FieldWidth::Fill,
            small: false,
            mono: false,
            on_window: false,
            id: None,
        }
    }

    /// What stands there while it is empty.
    pub fn placeholder(mut self, placeholder: &'a str) -> Self {
        self.placeholder = placeholder;
        self
    }

    /// With an icon in front.
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// Of a fixed width.
    pub fn width(mut self, points: f32) -> Self {
        self.width = FieldWidth::Points(points);
        self
    }

    /// 26 points high instead of 30.
    pub fn small(mut self) -> Self {
        self.small = true;
        self
    }

    /// In the face of commands and paths.
    pub fn mono(mut self) -> Self {
        self.mono = true;
        self
    }

    /// Standing on the window and not on a card: lighter than what is around it.
    pub fn on_window(mut self) -> Self {
        self.on_window = true;
        self
    }

    /// With an id known to the caller, who wants to focus it.
    pub fn id(mut self, id: egui::Id) -> Self {
        self.id = Some(id);
        self
    }

    /// Shows the field; `changed` and `lost_focus` of the response tell what happened.
    pub fn show(self, ui: &mut Ui, text: &mut String) -> Response {
        let tokens = theme::of(ui);
        let height = if self.small {
            space::CONTROL_SMALL
        } else {
            space::CONTROL
        };
        let width = match self.width {
            FieldWidth::Fill => ui.available_width(),
            FieldWidth::Points(points) => points.min(ui.available_width()),
        };
        let points = if self.small { size::SMALL } else { size::BASE };
        let face = if self.mono {
            theme::mono(points)
        } else {
            font(points, Weight::Regular)
        };
        let lead = if self.icon.is_some() { 30 } else { 11 };
        let mut edit = TextEdit::singleline(text)
            .font(face)
            .hint_text(
                egui::RichText::new(self.placeholder)
                    .color(tokens.text3)
                    .font(font(points, Weight::Regular)),
            )
            .margin(Margin {
                left: lead,
                right: 10,
                top: 0,
                bottom: 0,
            })
            .align(Align2::LEFT_CENTER)
            .min_size(Vec2::new(width, height))
            .desired_width(width - f32::from(lead) - 12.0);
        if self.on_window {
            edit = edit.background_color(tokens.panel);
        }
        if let Some(id) = self.id {
            edit = edit.id(id);
        }
        let response = ui.add_sized(Vec2::new(width, height), edit).accessible_name(self.name);
        if let Some(icon) = self.icon {
            let at = egui::pos2(response.rect.left() + 17.0, response.rect.center().y);
            icon_at(ui.painter(), at, icon, 14.0, tokens.text3);
        }
        response
    }
}

/// Several lines of text to type into.
pub fn text_area(ui: &mut Ui, name: &str, placeholder: &str, text: &mut String, rows: usize) -> Response {
    let tokens = theme::of(ui);
    let edit = TextEdit::multiline(text)
        .font(font(12.5, Weight::Regular))
        .hint_text(egui::RichText::new(placeholder).color(tokens.text3))
        .margin(Margin::symmetric(11, 7))
        .desired_rows(rows)
        .desired_width(ui.available_width());
    ui.add(edit).accessible_name(name)
}

/// A button that opens a list to choose from.
#[must_use = "call `show`"]
pub struct Dropdown<'a> {
    name: &'a str,
    shown: &'a str,
    small: bool,
    quiet: bool,
    width: Option<f32>,
}

impl<'a> Dropdown<'a> {
    /// `name` says what is chosen, `shown` what is chosen now.
    pub fn new(name: &'a str, shown: &'a str) -> Self {
        Dropdown {
            name,
            shown,
            small: false,
            quiet: false,
            width: None,
        }
    }

    /// 26 points high instead of 30.
    pub fn small(mut self) -> Self {
        self.small = true;
        self
    }

    /// Without a frame.
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Of a fixed width.
    pub fn width(mut self, points: f32) -> Self {
        self.width = Some(points);
        self
    }

    /// Shows it with a list of choices; returns the index of the one just chosen.
    pub fn choose<S: AsRef<str>>(self, ui: &mut Ui, choices: &[S]) -> Option<usize> {
        let shown = self.shown.to_owned();
        let mut chosen = None;
        self.show(ui, |ui| {
            for (i, choice) in choices.iter().enumerate() {
                if menu_item(ui, choice.as_ref(), choice.as_ref() == shown).clicked() {
                    chosen = Some(i);
                }
            }
        });
        chosen
    }

    /// Shows it with whatever the list holds.
    pub fn show(self, ui: &mut Ui, add: impl FnOnce(&mut Ui)) -> Response {
        let name = format!("{}: {}", self.name, self.shown);
        let kind = if self.quiet {
            super::Kind::Quiet
        } else {
            super::Kind::Secondary
        };
        let mut button = Button::new(kind, self.shown).dropdown().name(&name);
        if self.small {
            button = button.small();
        }
        if let Some(width) = self.width {
            button = button.width(width);
        }
        let response = ui.add(button);
        let width = response.rect.width().max(140.0);
        Popup::menu(&response)
            .accessible_name(self.name)
            .close_behavior(PopupCloseBehavior::CloseOnClick)
            .show(|ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                ui.set_min_width(width);
                ui.set_max_width(width.max(280.0));
                egui::ScrollArea::vertical().max_height(360.0).show(ui, add);
            });
        response
    }
}

/// One line of a list to choose from.
pub fn menu_item(ui: &mut Ui, text: &str, chosen: bool) -> Response {
    let tokens = theme::of(ui);
    let wanted = super::galley(ui, text, font(size::BASE, Weight::Regular), tokens.text)
        .size()
        .x
        + 44.0;
    let width = ui.available_width().min(wanted.max(ui.min_size().x).max(140.0));
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, space::ROW), Sense::click());
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::MenuItemRadio, enabled, chosen, text));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, RADIUS, tokens.track);
    }
    if chosen {
        icon_at(
            ui.painter(),
            egui::pos2(rect.left() + 13.0, rect.center().y),
            icons::CHECK,
            13.0,
            tokens.accent,
        );
    }
    let color = if enabled { tokens.text } else { tokens.text3 };
    let text = galley_cut(ui, text, font(size::BASE, Weight::Regular), color, rect.width() - 34.0);
    paint_left(ui.painter(), egui::pos2(rect.left() + 26.0, rect.center().y), text);
    response
}

/// `n` lines of a list, of which only those in view are laid out; inside the list of a [`Dropdown`].
pub fn menu_rows(ui: &mut Ui, n: usize, mut row: impl FnMut(&mut Ui, usize)) {
    let pitch = space::ROW + ui.spacing().item_spacing.y;
    let (top, clip) = (ui.cursor().top(), ui.clip_rect());
    let first = (((clip.top() - top) / pitch).floor().max(0.0) as usize).min(n);
    let last = (((clip.bottom() - top) / pitch).ceil().max(0.0) as usize).clamp(first, n);
    let leave = |ui: &mut Ui, n: usize| {
        if n > 0 {
            ui.allocate_exact_size(
                Vec2::new(1.0, n as f32 * pitch - ui.spacing().item_spacing.y),
                Sense::hover(),
            );
        }
    };
    leave(ui, first);
    (first..last).for_each(|at| row(ui, at));
    leave(ui, n - last);
}

/// A number to type, or to change by dragging or with the arrow keys.
#[must_use = "add it to a Ui"]
pub struct NumberField<'a> {
    name: &'a str,
    value: &'a mut f64,
    range: RangeInclusive<f64>,
    integer: bool,
    decimals: Option<usize>,
    speed: f64,
    suffix: &'a str,
    width: f32,
}

impl<'a> NumberField<'a> {
    /// A field for numbers in `range`.
    pub fn new(name: &'a str, value: &'a mut f64, range: RangeInclusive<f64>) -> Self {
        let speed = ((range.end() - range.start()) / 400.0).clamp(1e-9, 1.0);
        NumberField {
            name,
            value,
            range,
            integer: false,
            decimals: None,
            speed,
            suffix: "",
            width: 128.0,
        }
    }

    /// For whole numbers.
    pub fn integer(mut self) -> Self {
        self.integer = true;
        self.speed = 1.0;
        self
    }

    /// Shows so many decimals, two at least; what is typed is taken as it is.
    pub fn decimals(mut self, decimals: usize) -> Self {
        self.decimals = Some(decimals);
        self
    }

    /// The change per dragged point.
    pub fn speed(mut self, speed: f64) -> Self {
        self.speed = speed;
        self
    }

    /// The unit after the number.
    pub fn suffix(mut self, suffix: &'a str) -> Self {
        self.suffix = suffix;
        self
    }

    /// Points for the field.
    pub fn width(mut self, width: f32) -> Self {
        self.width = width;
        self
    }
}

impl Widget for NumberField<'_> {
    fn ui(self, ui: &mut Ui) -> Response {
        let (integer, decimals) = (self.integer, self.decimals);
        let mut drag = DragValue::new(self.value)
            .range(self.range)
            .speed(self.speed)
            .custom_formatter(move |value, _| match decimals {
                Some(decimals) => fixed(value, decimals),
                None => plain(value, integer),
            });
        if !self.suffix.is_empty() {
            drag = drag.suffix(self.suffix);
        }
        if integer {
            drag = drag.fixed_decimals(0);
        }
        let name = self.name;
        ui.scope(|ui| {
            ui.spacing_mut().interact_size.y = space::CONTROL_SMALL;
            ui.add_sized(Vec2::new(self.width, space::CONTROL_SMALL), drag)
                .accessible_name(name)
        })
        .inner
    }
}

fn plain(value: f64, integer: bool) -> String {
    match integer || (value.fract() == 0.0 && value.abs() >= 1.0) {
        true => format!("{value:.0}"),
        false if value != 0.0 && value.abs() < 0.001 => format!("{value:e}"),
        false => format!("{}", (value * 1e6).round() / 1e6),
    }
}

/// `0.50`, `0.463`: at most so many decimals, zeros beyond the second left out.
fn fixed(value: f64, decimals: usize) -> String {
    let mut text = format!("{value:.decimals$}");
    let least = text.find('.').map_or(text.len(), |at| at + 3);
    while text.len() > least && text.ends_with('0') {
        text.pop();
    }
    text
}

/// A frame that looks like a field, for things that are not text: a search bar with chips in it.
pub fn field_frame(ui: &Ui) -> Frame {
    let tokens = theme::of(ui);
    Frame::new()
        .fill(tokens.panel)
        .stroke(Stroke::new(1.0, tokens.line))
        .corner_radius(RADIUS)
        .inner_margin(Margin::symmetric(10, 0))
}

/// A switch with its name at the right of it.
pub fn checkbox(ui: &mut Ui, name: &str, on: &mut bool) -> Response {
    let tokens = theme::of(ui);
    let text = super::galley(ui, name, font(size::BASE, Weight::Regular), tokens.text);
    let (rect, mut response) = ui.allocate_exact_size(Vec2::new(24.0 + text.size().x, 22.0), Sense::click());
    if response.clicked() {
        *on = !*on;
        response.mark_changed();
    }
    let (enabled, checked) = (ui.is_enabled(), *on);
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, enabled, checked, name));
    let square = egui::Rect::from_center_size(egui::pos2(rect.left() + 8.0, rect.center().y), Vec2::splat(16.0));
    let (fill, line) = if *on {
        (tokens.accent_fill, tokens.accent_fill)
    } else {
        (tokens.raised, tokens.text3)
    };
    ui.painter()
        .rect(square, 4, fill, Stroke::new(1.0, line), egui::StrokeKind::Inside);
    if *on {
        let icon = icons::CHECK.unicode();
        ui.painter().text(
            square.center(),
            Align2::CENTER_CENTER,
            icon,
            theme::icon_font(12.0),
            egui::Color32::WHITE,
        );
    }
    super::button::focus_ring(ui, square, &response);
    paint_left(ui.painter(), egui::pos2(rect.left() + 24.0, rect.center().y), text);
    response
}
