//! A cell of a heat map.

use egui::{Color32, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use super::{galley, paint_middle};
use crate::ui::theme::{self, RADIUS, Weight, font, size};

/// What a heat-map cell shows.
#[derive(Debug, Clone)]
pub struct HeatCell<'a> {
    /// Read aloud: "Business taken for Sci/Tech: 68".
    pub name: &'a str,
    /// The large figure.
    pub figure: &'a str,
    /// The small one below; left out where there is no room.
    pub remark: &'a str,
    /// 0..=1: how strong the colour is.
    pub heat: f32,
    /// The colour at full heat.
    pub color: Color32,
    /// Drawn with a ring.
    pub chosen: bool,
    /// Whether Tab leads to it; not where the table around it has the keyboard as a whole.
    pub focusable: bool,
}

/// The colour of a cell: `heat` (0..=1) of `color` over `panel`.
pub fn heat_fill(panel: Color32, color: Color32, heat: f32) -> Color32 {
    let heat = if heat.is_finite() { heat.clamp(0.0, 1.0) } else { 0.0 };
    theme::mix(panel, color, 0.10 + 0.86 * heat.sqrt())
}

/// Shows a cell in `rect`; clicking chooses it.
pub fn heat_cell(ui: &mut Ui, rect: Rect, cell: &HeatCell) -> Response {
    let tokens = theme::of(ui);
    let sense = if cell.focusable { Sense::click() } else { Sense::CLICK };
    let response = ui.interact(rect, ui.scope_id().with(("heat", cell.name)), sense);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, cell.chosen, cell.name));
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let fill = heat_fill(tokens.panel, cell.color, cell.heat);
    ui.painter()
        .rect_filled(rect, RADIUS.min((rect.height() / 5.0) as u8), fill);
    let on_light = theme::contrast(fill, Color32::WHITE) < 3.2;
    let ink = if on_light {
        Color32::from_rgb(0x14, 0x17, 0x1E)
    } else {
        Color32::from_rgb(0xF2, 0xF4, 0xF8)
    };
    let large = rect.height() >= 40.0 && rect.width() >= 44.0;
    let points = if rect.height() >= 56.0 { 17.0 } else { size::BASE };
    let figure = galley(ui, cell.figure, font(points, Weight::SemiBold), ink);
    if figure.size().x <= rect.width() - 2.0 && figure.size().y <= rect.height() {
        let up = if large { 8.0 } else { 0.0 };
        paint_middle(ui.painter(), rect.center() - vec2(0.0, up), figure);
    }
    if large {
        let faint = theme::mix(fill, ink, 0.78);
        paint_middle(
            ui.painter(),
            rect.center() + vec2(0.0, if rect.height() >= 56.0 { 13.0 } else { 9.0 }),
            galley(ui, cell.remark, font(size::TINY, Weight::Regular), faint),
        );
    }
    if cell.chosen {
        ui.painter().rect_stroke(
            rect.expand(1.5),
            RADIUS + 1,
            Stroke::new(2.0, tokens.text),
            StrokeKind::Inside,
        );
    } else if response.hovered() || response.has_focus() {
        ui.painter()
            .rect_stroke(rect, RADIUS, Stroke::new(1.5, tokens.text2), StrokeKind::Inside);
    }
    response.on_hover_text(cell.name)
}
