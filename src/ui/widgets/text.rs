//! Text on screen: laid out, cut or wrapped, and placed by its middle.

use std::sync::Arc;

use egui::{
    Align2, Color32, FontId, Galley, Label, Painter, Pos2, Response, RichText, Ui,
    text::{LayoutJob, TextFormat, TextWrapping},
};
use lucide_icons::Icon;

use crate::core::Text;
use crate::core::text::{PAIR_SEPARATOR, in_line};
use crate::ui::theme;

/// A line of text as a label.
pub fn say(ui: &mut Ui, text: impl Into<String>, font: FontId, color: Color32) -> Response {
    ui.add(Label::new(RichText::new(text).font(font).color(color)).extend())
}

/// A line of text as a label, cut with an ellipsis at the right edge.
pub fn cut(ui: &mut Ui, text: impl Into<String>, font: FontId, color: Color32) -> Response {
    ui.add(Label::new(RichText::new(text).font(font).color(color)).truncate())
}

/// Text as a label, over as many lines as it needs.
pub fn wrapped(ui: &mut Ui, text: impl Into<String>, font: FontId, color: Color32) -> Response {
    ui.add(Label::new(RichText::new(text).font(font).color(color)).wrap())
}

/// One line, laid out.
pub fn galley(ui: &Ui, text: impl Into<String>, font: FontId, color: Color32) -> Arc<Galley> {
    ui.painter().layout_no_wrap(text.into(), font, color)
}

/// One line of at most `max_width` points, cut with an ellipsis. Line breaks become spaces.
pub fn galley_cut(ui: &Ui, text: &str, font: FontId, color: Color32, max_width: f32) -> Arc<Galley> {
    // Far more than fits on a screen: laying out a whole book for one row would cost the frame.
    let line: String = text
        .chars()
        .take(400)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut job = LayoutJob::single_section(line, TextFormat::simple(font, color));
    job.wrap = TextWrapping::truncate_at_width(max_width.max(0.0));
    ui.painter().layout_job(job)
}

/// Between the names of a path on screen.
const BETWEEN_NAMES: &str = " › ";

/// A path as one line of at most `max_width` points; where it is too long names go from its beginning, since its end says most.
pub fn path_cut(ui: &Ui, path: &str, font: FontId, color: Color32, max_width: f32) -> Arc<Galley> {
    let whole = galley(ui, path, font.clone(), color);
    let mut rest = path;
    let mut cut = whole;
    while cut.size().x > max_width {
        let Some((_, after)) = rest.split_once(BETWEEN_NAMES) else {
            return galley_cut(ui, rest, font, color, max_width);
        };
        rest = after;
        cut = galley(ui, format!("…{BETWEEN_NAMES}{rest}"), font.clone(), color);
    }
    cut
}

/// [`galley_cut`] of a text; of a pair both parts, the first cut to about half the room where they are too long together, so that pairs of
/// one premise can be told apart.
pub fn text_cut(ui: &Ui, text: &Text, font: FontId, color: Color32, max_width: f32) -> Arc<Galley> {
    let Some(second) = &text.second else {
        return galley_cut(ui, &text.body, font, color, max_width);
    };
    // A character is about half as wide as its line is high.
    let n_chars = (max_width.max(0.0) * 2.0 / font.size) as usize;
    let n_second = second.chars().take(n_chars).count() + PAIR_SEPARATOR.chars().count();
    let n_first = n_chars.saturating_sub(n_second).max(n_chars / 2);
    let mut first: String = text.body.chars().take(n_first).collect();
    if first.len() < text.body.len() {
        first.push('…');
    }
    galley_cut(ui, &in_line(&first, Some(second)), font, color, max_width)
}

/// Text wrapped at `max_width` points, with a line height in points.
pub fn galley_wrapped(
    ui: &Ui,
    text: impl Into<String>,
    font: FontId,
    color: Color32,
    max_width: f32,
    line_height: f32,
) -> Arc<Galley> {
    let mut format = TextFormat::simple(font, color);
    format.line_height = Some(line_height);
    let mut job = LayoutJob::single_section(text.into(), format);
    job.wrap = TextWrapping::wrap_at_width(max_width.max(1.0));
    ui.painter().layout_job(job)
}

/// Paints with the middle of the left edge at `at`.
pub fn paint_left(painter: &Painter, at: Pos2, galley: Arc<Galley>) {
    let at = Pos2::new(at.x, at.y - galley.size().y / 2.0);
    painter.galley(at, galley, Color32::PLACEHOLDER);
}

/// Paints with the middle at `at`.
pub fn paint_middle(painter: &Painter, at: Pos2, galley: Arc<Galley>) {
    let at = at - galley.size() / 2.0;
    painter.galley(at, galley, Color32::PLACEHOLDER);
}

/// Paints with the middle of the right edge at `at`.
pub fn paint_right(painter: &Painter, at: Pos2, galley: Arc<Galley>) {
    let at = Pos2::new(at.x - galley.size().x, at.y - galley.size().y / 2.0);
    painter.galley(at, galley, Color32::PLACEHOLDER);
}

/// Paints an icon with its middle at `at`.
pub fn icon_at(painter: &Painter, at: Pos2, icon: Icon, points: f32, color: Color32) {
    painter.text(
        at,
        Align2::CENTER_CENTER,
        icon.unicode(),
        theme::icon_font(points),
        color,
    );
}
