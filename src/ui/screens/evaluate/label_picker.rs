//! Any label for the selected text: type to filter, Enter takes it. Where a text may have several, Enter adds it or takes it away.

use egui::{
    Align2, Area, Color32, Context, Frame, Id, Key, Margin, Modal, Order, Role, ScrollArea, Sense, Stroke, Ui, Vec2,
    WidgetInfo, pos2,
};

use crate::app::{Project, now_millis};
use crate::core::{How, LabelId, Text, TextId, text_edits};
use crate::ui::{
    desk::Desk,
    icons,
    theme::{self, CARD_RADIUS, RADIUS, Weight, font, size, space},
    widgets::{TextField, galley_cut, icon_at, paint_left, say, swatch},
};

/// What is typed, and for which text.
pub(super) struct Picker {
    text: TextId,
    query: String,
    at: usize,
}

impl Picker {
    /// For a text.
    pub fn new(text: TextId) -> Self {
        Picker {
            text,
            query: String::new(),
            at: 0,
        }
    }
}

/// Shows the list while it is open.
pub(super) fn picker_ui(ctx: &Context, desk: &mut Desk, project: &Project) {
    let Some(mut picker) = desk.memory.evaluate.cells.picker.take() else {
        return;
    };
    let Some(text) = project.state.text(picker.text) else {
        return;
    };
    let found = matching(desk, &picker.query);
    let (down, up, enter) = ctx.input_mut(|input| {
        let mut take = |key| input.consume_key(egui::Modifiers::NONE, key);
        (take(Key::ArrowDown), take(Key::ArrowUp), take(Key::Enter))
    });
    let last = found.len().saturating_sub(1);
    picker.at = (picker.at + usize::from(down))
        .saturating_sub(usize::from(up))
        .min(last);
    let (clicked, closed) = draw(ctx, desk, &mut picker, &found, text, project.is_multi(), down || up);
    let chosen = clicked.or(enter.then_some(picker.at)).and_then(|at| found.get(at));
    if let Some((label, _)) = chosen {
        give(desk, project, text, *label);
    }
    let done = closed || (chosen.is_some() && !project.is_multi());
    desk.memory.evaluate.cells.picker = (!done).then_some(picker);
}

/// Sets the label, or adds it or takes it away where there may be several.
fn give(desk: &mut Desk, project: &Project, text: &Text, label: LabelId) {
    let (id, multi, had) = (text.id, project.is_multi(), has(text, label));
    desk.change(move |app| {
        let who = app.settings.who.clone();
        let Some(project) = &mut app.project else { return };
        let (state, now) = (&project.state, now_millis());
        let edit = match (multi, had) {
            (true, true) => text_edits::remove_label(state, &[id], label, &who, now, How::Hand),
            (true, false) => text_edits::add_label(state, &[id], label, &who, now, How::Hand),
            (false, true) => return,
            (false, false) => text_edits::annotate(state, &[id], Some(&[label]), &who, now, How::Hand),
        };
        match edit {
            Ok(edit) => project.apply(edit),
            Err(reason) => app.notify(crate::app::NoticeKind::Warning, reason.to_string()),
        }
    });
}

fn has(text: &Text, label: LabelId) -> bool {
    text.annotation
        .as_ref()
        .is_some_and(|annotation| annotation.labels.contains(&label))
}

/// Labels whose path has every word of the query; those that begin with it first.
fn matching(desk: &Desk, query: &str) -> Vec<(LabelId, (String, Color32))> {
    let query = query.trim().to_lowercase();
    let labels = desk
        .looks
        .iter()
        .map(|(id, look)| (id, (look.path.clone(), look.color)));
    let mut found: Vec<_> = labels
        .filter(|(_, (path, _))| {
            let path = path.to_lowercase();
            query.split_whitespace().all(|word| path.contains(word))
        })
        .collect();
    found.sort_by_key(|(_, (path, _))| !path.to_lowercase().starts_with(&query));
    found
}

/// Draws it; returns which label was clicked, and whether it is to be closed.
fn draw(
    ctx: &Context,
    desk: &Desk,
    picker: &mut Picker,
    found: &[(LabelId, (String, Color32))],
    text: &Text,
    multi: bool,
    moved: bool,
) -> (Option<usize>, bool) {
    let tokens = theme::tokens(ctx.theme());
    let room = ctx.content_rect();
    let frame = Frame::new()
        .fill(tokens.panel)
        .stroke(Stroke::new(1.0, tokens.line))
        .corner_radius(CARD_RADIUS + 2)
        .shadow(ctx.global_style().visuals.window_shadow)
        .inner_margin(Margin::same(8));
    let id = Id::unique("label picker");
    let offset = Vec2::new(0.0, (room.height() * 0.12).min(96.0));
    let area = Area::new(id)
        .kind(egui::UiKind::Modal)
        .order(Order::Foreground)
        .anchor(Align2::CENTER_TOP, offset);
    let modal = Modal::new(id)
        .area(area)
        .frame(frame)
        .backdrop_color(Color32::from_black_alpha(110));
    let mut clicked = None;
    let response = modal.show(ctx, |ui| {
        ui.set_width(420.0_f32.min(room.width() - 32.0));
        let regular = font(size::SMALL, Weight::Regular);
        crate::ui::widgets::cut(
            ui,
            text.line().chars().take(200).collect::<String>(),
            regular.clone(),
            tokens.text2,
        );
        let field = TextField::new("Label")
            .placeholder("Type a label…")
            .icon(icons::SEARCH)
            .id(Id::unique("label picker query"));
        let field = field.show(ui, &mut picker.query);
        if field.changed() {
            picker.at = 0;
        }
        field.request_focus();
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.add_space(6.0);
        ScrollArea::vertical()
            .max_height((room.height() * 0.5).max(120.0))
            .auto_shrink([false, true])
            .show(ui, |ui| {
                for (at, (label, (path, color))) in found.iter().enumerate() {
                    if row(ui, path, *color, has(text, *label), at == picker.at, moved) {
                        clicked = Some(at);
                    }
                }
                if found.is_empty() {
                    let said = match desk.looks.len() {
                        0 => "There are no labels yet.",
                        _ => "No label has that name.",
                    };
                    say(ui, said, font(size::BASE, Weight::Regular), tokens.text2);
                }
            });
        ui.add_space(6.0);
        let help = match multi {
            true => "Enter adds a label or takes it away. Esc closes.",
            false => "Enter gives the text this label. Esc closes.",
        };
        say(ui, help, regular, tokens.text3);
    });
    (clicked, response.should_close())
}

fn row(ui: &mut Ui, path: &str, color: Color32, on: bool, chosen: bool, moved: bool) -> bool {
    let tokens = theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), space::RAIL_ITEM), Sense::click());
    let name = if on {
        format!("{path}, the text has it")
    } else {
        path.to_owned()
    };
    response.widget_info(|| WidgetInfo::selected(Role::MenuItem, true, chosen, &name));
    if chosen {
        let fill = theme::mix(tokens.panel, tokens.accent, 0.14);
        ui.painter().rect_filled(rect, RADIUS, fill);
        if moved {
            response.scroll_to_me(None);
        }
    } else if response.hovered() {
        ui.painter().rect_filled(rect, RADIUS, tokens.raised);
    }
    swatch(ui, pos2(rect.left() + 16.0, rect.center().y), 10.0, color);
    let regular = font(size::BASE, Weight::Regular);
    let text = galley_cut(ui, path, regular, tokens.text, rect.width() - 64.0);
    paint_left(ui.painter(), pos2(rect.left() + 30.0, rect.center().y), text);
    if on {
        icon_at(
            ui.painter(),
            pos2(rect.right() - 18.0, rect.center().y),
            icons::CHECK,
            14.0,
            tokens.text2,
        );
    }
    response.clicked()
}
