//! Design tokens, dark and light, and how they reach egui's own style. No layout here.

mod fonts;
mod label_colors;

pub use fonts::{Weight, font, icon_font, install_fonts, mono};
pub use label_colors::{LabelLook, LabelLooks, PATH_KEYS, color_at};

use egui::{Color32, CornerRadius, Margin, Shadow, Stroke, TextStyle, Theme, Vec2, style::WidgetVisuals};

/// Text sizes, in points.
pub mod size {
    /// Most text.
    pub const BASE: f32 = 13.0;
    /// Captions, column heads, remarks.
    pub const SMALL: f32 = 12.0;
    /// Key caps and axis labels.
    pub const TINY: f32 = 11.0;
    /// Titles of cards that are choices.
    pub const HEADING: f32 = 15.0;
    /// A screen's or a label's own name.
    pub const TITLE: f32 = 20.0;
    /// The text being labelled.
    pub const READING: f32 = 21.0;
    /// Line height of the text being labelled, as a multiple of its size.
    pub const READING_LINE: f32 = 1.6;
}

/// Distances, in points.
pub mod space {
    /// Between things that belong together.
    pub const XS: f32 = 4.0;
    /// Between controls in a row.
    pub const S: f32 = 8.0;
    /// Between groups in a card.
    pub const M: f32 = 12.0;
    /// Between cards, and around a screen.
    pub const L: f32 = 16.0;
    /// Around large things.
    pub const XL: f32 = 24.0;
    /// Height of a table row.
    pub const ROW: f32 = 28.0;
    /// Height of a button or a field.
    pub const CONTROL: f32 = 30.0;
    /// Height of a small button or field.
    pub const CONTROL_SMALL: f32 = 26.0;
    /// Height of an item of the rail.
    pub const RAIL_ITEM: f32 = 34.0;
}

/// Corner radius of controls, in points.
pub const RADIUS: u8 = 6;
/// Corner radius of cards, in points.
pub const CARD_RADIUS: u8 = 8;

/// The colours of one theme.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tokens {
    /// Behind everything.
    pub window: Color32,
    /// Bars and cards.
    pub panel: Color32,
    /// Buttons, fields, chips.
    pub raised: Color32,
    /// Pressed things and the track of a bar.
    pub track: Color32,
    /// Hairlines.
    pub line: Color32,
    /// Text.
    pub text: Color32,
    /// Text of second importance.
    pub text2: Color32,
    /// Text of third importance; still readable (contrast at least 4.5 on a panel).
    pub text3: Color32,
    /// The one accent: selection, focus, curves.
    pub accent: Color32,
    /// The accent where white text stands on it.
    pub accent_fill: Color32,
    /// Behind what is selected; laid over whatever is there.
    pub accent_tint: Color32,
    /// Good.
    pub good: Color32,
    /// A warning.
    pub warning: Color32,
    /// An error, and buttons that destroy.
    pub error: Color32,
    /// A wrong cell of the confusion matrix.
    pub wrong: Color32,
}

const fn hex(rgb: u32) -> Color32 {
    Color32::from_rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
}

/// The colours of the dark theme.
pub const DARK: Tokens = Tokens {
    window: hex(0x0F1116),
    panel: hex(0x15181F),
    raised: hex(0x1C2029),
    track: hex(0x262C38),
    line: hex(0x272D39),
    text: hex(0xE9ECF1),
    text2: hex(0xA8B0C0),
    text3: hex(0x7D879B),
    accent: hex(0x6C8CFF),
    accent_fill: hex(0x4C6BEA),
    accent_tint: Color32::from_rgba_premultiplied(14, 18, 33, 33),
    good: hex(0x4FB985),
    warning: hex(0xE0A840),
    error: hex(0xE8686E),
    wrong: hex(0xF2994A),
};

/// The colours of the light theme.
pub const LIGHT: Tokens = Tokens {
    window: hex(0xF4F5F8),
    panel: hex(0xFFFFFF),
    raised: hex(0xF1F3F7),
    track: hex(0xE5E9F0),
    line: hex(0xDFE3EA),
    text: hex(0x1B1F27),
    text2: hex(0x535C6C),
    text3: hex(0x687182),
    accent: hex(0x3E63DD),
    accent_fill: hex(0x3E63DD),
    accent_tint: Color32::from_rgba_premultiplied(6, 9, 20, 23),
    good: hex(0x23784F),
    warning: hex(0x8A5F06),
    error: hex(0xC9373F),
    wrong: hex(0xE07B1F),
};

/// The tokens of a theme.
pub fn tokens(theme: Theme) -> &'static Tokens {
    match theme {
        Theme::Dark => &DARK,
        Theme::Light => &LIGHT,
    }
}

/// The tokens in use where `ui` is.
pub fn of(ui: &egui::Ui) -> &'static Tokens {
    if ui.visuals().dark_mode { &DARK } else { &LIGHT }
}

/// `top` at `opacity` (0..=1) over an opaque `bottom`.
pub fn mix(bottom: Color32, top: Color32, opacity: f32) -> Color32 {
    let blend = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * opacity).round() as u8;
    Color32::from_rgb(
        blend(bottom.r(), top.r()),
        blend(bottom.g(), top.g()),
        blend(bottom.b(), top.b()),
    )
}

/// Installs fonts and both styles. Call once per context.
pub fn install(ctx: &egui::Context) {
    install_fonts(ctx);
    for theme in [Theme::Dark, Theme::Light] {
        ctx.set_style_of(theme, style(theme));
    }
}

fn style(theme: Theme) -> egui::Style {
    let tokens = tokens(theme);
    let mut style = theme.default_style();
    style.text_styles = [
        (TextStyle::Small, font(size::SMALL, Weight::Regular)),
        (TextStyle::Body, font(size::BASE, Weight::Regular)),
        (TextStyle::Button, font(size::BASE, Weight::Regular)),
        (TextStyle::Heading, font(size::HEADING, Weight::SemiBold)),
        (TextStyle::Monospace, mono(12.5)),
    ]
    .into();
    style.animation_time = 0.08;
    style.interaction.tooltip_delay = 0.4;
    style.interaction.selectable_labels = false;
    style.spacing.item_spacing = Vec2::new(space::S, space::S);
    style.spacing.button_padding = Vec2::new(12.0, 6.0);
    style.spacing.interact_size = Vec2::new(40.0, space::CONTROL_SMALL);
    style.spacing.menu_margin = Margin::same(6);
    style.spacing.window_margin = Margin::same(16);
    style.spacing.tooltip_width = 360.0;
    style.spacing.scroll.floating = true;
    style.spacing.scroll.bar_width = 8.0;
    style.spacing.scroll.floating_width = 4.0;
    style.spacing.scroll.floating_allocated_width = 0.0;
    // It fades to one colour, and areas scroll over two.
    style.spacing.scroll.fade.strength = 0.0;
    style.visuals = visuals(theme, tokens);
    style
}

fn visuals(theme: Theme, tokens: &Tokens) -> egui::Visuals {
    let mut visuals = theme.default_visuals();
    let widget = |fill: Color32, stroke: Color32, text: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, stroke),
        corner_radius: CornerRadius::same(RADIUS),
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    };
    visuals.widgets.noninteractive = widget(tokens.panel, tokens.line, tokens.text);
    visuals.widgets.inactive = widget(tokens.raised, tokens.line, tokens.text);
    visuals.widgets.hovered = widget(tokens.track, tokens.line, tokens.text);
    visuals.widgets.active = widget(tokens.track, tokens.accent, tokens.text);
    visuals.widgets.open = widget(tokens.track, tokens.line, tokens.text);
    visuals.selection.bg_fill = mix(tokens.panel, tokens.accent, 0.30);
    visuals.selection.stroke = Stroke::new(1.0, tokens.accent);
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(tokens.text3);
    visuals.hyperlink_color = tokens.accent;
    visuals.faint_bg_color = tokens.raised;
    visuals.extreme_bg_color = tokens.raised;
    visuals.text_edit_bg_color = Some(tokens.raised);
    visuals.code_bg_color = tokens.raised;
    visuals.warn_fg_color = tokens.warning;
    visuals.error_fg_color = tokens.error;
    visuals.window_fill = tokens.panel;
    visuals.window_stroke = Stroke::new(1.0, tokens.line);
    visuals.window_corner_radius = CornerRadius::same(CARD_RADIUS);
    visuals.menu_corner_radius = CornerRadius::same(CARD_RADIUS);
    visuals.panel_fill = tokens.window;
    let shade = if visuals.dark_mode { 120 } else { 36 };
    visuals.popup_shadow = Shadow {
        offset: [0, 6],
        blur: 20,
        spread: 0,
        color: Color32::from_black_alpha(shade),
    };
    visuals.window_shadow = visuals.popup_shadow;
    visuals.text_cursor.stroke = Stroke::new(1.5, tokens.accent);
    visuals
}

/// WCAG contrast ratio of two opaque colours, 1 to 21.
pub fn contrast(a: Color32, b: Color32) -> f64 {
    let luminance = |color: Color32| {
        let channel = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(color.r()) + 0.7152 * channel(color.g()) + 0.0722 * channel(color.b())
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_readable_on_every_surface_it_stands_on() {
        for (name, tokens) in [("dark", &DARK), ("light", &LIGHT)] {
            for (role, color) in [
                ("text", tokens.text),
                ("second", tokens.text2),
                ("third", tokens.text3),
                ("good", tokens.good),
                ("warning", tokens.warning),
                ("error", tokens.error),
            ] {
                for surface in [tokens.panel, tokens.window] {
                    let ratio = contrast(color, surface);
                    assert!(ratio >= 4.5, "{name} {role} on {surface:?}: {ratio:.2}");
                }
            }
            let ratio = contrast(Color32::WHITE, tokens.accent_fill);
            assert!(ratio >= 4.5, "{name} button: {ratio:.2}");
        }
    }

    #[test]
    fn contrast_of_black_and_white_is_21() {
        assert!((contrast(Color32::BLACK, Color32::WHITE) - 21.0).abs() < 1e-9);
    }
}
