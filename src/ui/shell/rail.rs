//! The rail: the screens in the order of the work.

use egui::{Frame, Margin, Panel, Rect, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2};

use crate::ui::{
    desk::{Act, Desk},
    screens::{SCREENS, Screen, ScreenId},
    theme::{self, RADIUS, Weight, font, size, space},
    widgets::{galley, icon_at, key_cap_size, paint_key_cap, paint_left},
};

/// Below this window width only icons are shown.
const NARROW: f32 = 960.0;

/// Shows the rail at the left of the window.
pub fn rail(ui: &mut Ui, desk: &mut Desk, current: ScreenId) {
    let tokens = theme::of(ui);
    let narrow = ui.available_width() < NARROW;
    let width = if narrow { 52.0 } else { 172.0 };
    let frame = Frame::new().fill(tokens.panel).inner_margin(Margin::symmetric(8, 12));
    let panel = Panel::left("rail")
        .exact_size(width)
        .resizable(false)
        .show_separator_line(false)
        .frame(frame);
    let shown = panel.show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        let in_rail: Vec<&Screen> = SCREENS.iter().filter(|screen| screen.in_rail).collect();
        let Some((last, first)) = in_rail.split_last() else {
            return;
        };
        for (i, screen) in first.iter().enumerate() {
            item(ui, desk, screen, i + 1, current, narrow);
        }
        let gap = ui.available_height() - space::RAIL_ITEM;
        if gap > 0.0 {
            ui.add_space(gap - 2.0);
        }
        item(ui, desk, last, in_rail.len(), current, narrow);
    });
    let edge = shown.response.rect;
    ui.painter()
        .vline(edge.right() - 0.5, edge.y_range(), Stroke::new(1.0, tokens.line));
}

fn item(ui: &mut Ui, desk: &mut Desk, screen: &Screen, digit: usize, current: ScreenId, narrow: bool) {
    let tokens = theme::of(ui);
    let on = screen.id == current;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), space::RAIL_ITEM), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Tab, true, on, screen.title));
    if on {
        ui.painter()
            .rect_filled(rect, RADIUS, theme::mix(tokens.panel, tokens.accent, 0.13));
    } else if response.hovered() {
        ui.painter().rect_filled(rect, RADIUS, tokens.raised);
    }
    if response.has_focus() {
        ui.painter()
            .rect_stroke(rect, RADIUS, Stroke::new(2.0, tokens.accent), egui::StrokeKind::Inside);
    }
    let x = if narrow { rect.center().x } else { rect.left() + 18.0 };
    icon_at(
        ui.painter(),
        pos2(x, rect.center().y),
        screen.icon,
        16.0,
        if on { tokens.accent } else { tokens.text2 },
    );
    if !narrow {
        let (weight, color) = if on {
            (Weight::SemiBold, tokens.text)
        } else {
            (Weight::Regular, tokens.text2)
        };
        paint_left(
            ui.painter(),
            pos2(rect.left() + 36.0, rect.center().y),
            galley(ui, screen.title, font(size::BASE, weight), color),
        );
        let digit = digit.to_string();
        let width = key_cap_size(ui, &digit).x;
        paint_key_cap(ui, pos2(rect.right() - 10.0 - width, rect.center().y), &digit, false);
    }
    let response = if narrow {
        response.on_hover_text(format!("{}  Ctrl {digit}", screen.title))
    } else {
        response
    };
    if response.clicked() {
        desk.act(Act::Go(screen.id));
    }
    paint_badge(ui, desk, screen, rect, narrow);
}

/// A dot on Train while a model is being trained elsewhere.
fn paint_badge(ui: &Ui, desk: &Desk, screen: &Screen, rect: Rect, narrow: bool) {
    let training = desk.project().is_some_and(|project| project.training.is_some());
    if training && screen.id == crate::ui::screens::train::ID {
        let x = if narrow { rect.right() - 8.0 } else { rect.left() + 27.0 };
        ui.painter()
            .circle_filled(pos2(x, rect.top() + 9.0), 3.0, theme::of(ui).accent);
    }
}
