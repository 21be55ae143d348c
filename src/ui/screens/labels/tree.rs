//! The tree itself: rows that open, are renamed in place, and are dragged to another place.

use egui::{DragAndDrop, Key, Rect, Role, ScrollArea, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use crate::app::Project;
use crate::core::{Label, LabelId, label_edits};
use crate::ui::{
    desk::Desk,
    icons,
    theme::{self, LabelLook, Weight, font, size, space},
    widgets::{Card, TextField, galley, galley_cut, icon_at, paint_bar, paint_left, paint_right, swatch, thousands},
};

const ROW: f32 = space::RAIL_ITEM;
const INDENT: f32 = 26.0;

/// What is being dragged.
struct Dragged(LabelId);

/// Where a dragged label would go.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Before,
    Into,
    After,
}

/// The rows on show: with their depth, without those below closed labels; while something is searched, all that match.
pub(super) fn visible(desk: &Desk, project: &Project) -> Vec<(usize, LabelId)> {
    let memory = &desk.memory.labels;
    let query = memory.query.trim().to_lowercase();
    let mut hidden_below: Option<usize> = None;
    let mut out = Vec::new();
    for (depth, label) in project.state.labels.in_order() {
        if !query.is_empty() {
            if desk
                .looks
                .get(label.id)
                .is_some_and(|look| look.path.to_lowercase().contains(&query))
            {
                out.push((depth, label.id));
            }
            continue;
        }
        if hidden_below.is_some_and(|closed| depth > closed) {
            continue;
        }
        hidden_below = memory.closed.contains(&label.id).then_some(depth);
        out.push((depth, label.id));
    }
    out
}

pub(super) fn tree_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project) {
    Card::new().flush().show_in(ui, rect, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.add_space(8.0);
        new_label_ui(ui, desk, project);
        let rows = visible(desk, project);
        let most = desk.memory.labels.counts.values().copied().max().unwrap_or(0).max(1) as f32;
        ScrollArea::vertical()
            .id_salt("tree")
            .auto_shrink(false)
            .show_rows(ui, ROW, rows.len(), |ui, range| {
                reveal(ui, desk, &rows, range.start);
                for (depth, id) in rows.iter().skip(range.start).take(range.len()) {
                    let (Some(label), Some(look)) = (project.state.labels.get(*id), desk.looks.get(*id)) else {
                        continue;
                    };
                    row_ui(ui, desk, project, label, &look.clone(), *depth, most);
                }
            });
    });
}

/// Brings the chosen row into view when a key has chosen it. `first`: the row at the top of `ui`.
fn reveal(ui: &Ui, desk: &mut Desk, rows: &[(usize, LabelId)], first: usize) {
    if !std::mem::take(&mut desk.memory.labels.reveal) {
        return;
    }
    let chosen = desk.memory.labels.chosen;
    if let Some(at) = rows.iter().position(|(_, id)| Some(*id) == chosen) {
        let top = ui.max_rect().top() + (at as f32 - first as f32) * ROW;
        let row = Rect::from_min_size(pos2(ui.max_rect().left(), top), vec2(1.0, ROW));
        ui.scroll_to_rect(row, None);
    }
}

fn new_label_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let Some(text) = &mut desk.memory.labels.new_label else {
        return;
    };
    let mut done = None;
    egui::Frame::new()
        .inner_margin(egui::Margin::symmetric(14, 4))
        .show(ui, |ui| {
            let parent = desk
                .memory
                .labels
                .chosen
                .and_then(|id| desk.looks.get(id))
                .map(|look| look.path.clone());
            let placeholder = match parent {
                Some(path) if project.state.labels.is_hierarchical() => {
                    format!("Name; Parent > Child makes a tree (chosen now: {path})")
                }
                _ => "Name; Parent > Child makes a tree".to_owned(),
            };
            let response = TextField::new("New label")
                .placeholder(&placeholder)
                .icon(icons::ADD)
                .show(ui, text);
            if response.lost_focus() {
                done = Some(ui.input(|input| input.key_pressed(Key::Enter)));
            } else if !response.has_focus() {
                response.request_focus();
            }
        });
    let Some(entered) = done else { return };
    let text = desk.memory.labels.new_label.take().unwrap_or_default();
    let paths = crate::ui::sheets::label_paths(&text);
    if entered && !paths.is_empty() {
        desk.edit(label_edits::create_labels(&project.state, &paths));
        // Ready for the next one: labels come in handfuls.
        desk.memory.labels.new_label = Some(String::new());
    }
}

fn row_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, label: &Label, look: &LabelLook, depth: usize, most: f32) {
    let tokens = theme::of(ui);
    let id = label.id;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let response = ui.interact(rect, ui.scope_id().with(("label", id.0)), Sense::click_and_drag());
    let on = desk.memory.labels.chosen == Some(id);
    let count = desk.memory.labels.counts.get(&id).copied().unwrap_or(0);
    response.widget_info(|| {
        WidgetInfo::selected(
            Role::TreeItem,
            true,
            on,
            format!("{}, {} texts", look.path, thousands(count)),
        )
    });
    if on {
        ui.painter()
            .rect_filled(rect, 0, theme::mix(tokens.panel, tokens.accent, 0.13));
    } else if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, 0, tokens.raised);
    }
    let left = rect.left() + 14.0 + INDENT * depth as f32;
    caret_ui(ui, desk, project, id, pos2(left + 5.0, rect.center().y));
    swatch(ui, pos2(left + 23.0, rect.center().y), 9.0, look.color);
    let bar_width = if rect.width() > 480.0 { 120.0 } else { 50.0 };
    let bar_left = rect.right() - 16.0 - 34.0 - 14.0 - bar_width;
    if renaming_ui(
        ui,
        desk,
        project,
        id,
        Rect::from_min_max(
            pos2(left + 30.0, rect.top() + 2.0),
            pos2(bar_left - 8.0, rect.bottom() - 2.0),
        ),
    ) {
        let weight = if depth == 0 && project.state.labels.is_hierarchical() {
            Weight::SemiBold
        } else {
            Weight::Regular
        };
        let name = galley_cut(
            ui,
            &label.name,
            font(size::BASE, weight),
            tokens.text,
            bar_left - left - 46.0,
        );
        paint_left(ui.painter(), pos2(left + 37.0, rect.center().y), name);
    }
    let bar = Rect::from_min_size(pos2(bar_left, rect.center().y - 3.0), vec2(bar_width, 6.0));
    paint_bar(ui, bar, count as f32 / most, look.color);
    let figure = galley(ui, thousands(count), font(size::BASE, Weight::Regular), tokens.text2);
    paint_right(ui.painter(), pos2(rect.right() - 16.0, rect.center().y), figure);
    if response.clicked() {
        desk.memory.labels.chosen = Some(id);
        desk.memory.labels.asking = None;
    }
    if response.double_clicked() {
        desk.memory.labels.renaming = Some((id, label.name.clone()));
    }
    drag_ui(ui, desk, project, label, rect, &response);
}

fn caret_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, id: LabelId, at: egui::Pos2) {
    if !project.state.labels.has_children(id) {
        return;
    }
    let tokens = theme::of(ui);
    let closed = desk.memory.labels.closed.contains(&id);
    let rect = Rect::from_center_size(at, egui::Vec2::splat(22.0));
    let response = ui.interact(rect, ui.scope_id().with(("caret", id.0)), Sense::click());
    let name = desk.looks.get(id).map_or("", |look| &look.name);
    response.widget_info(|| {
        WidgetInfo::labeled(
            Role::DisclosureTriangle,
            true,
            format!("{} {name}", if closed { "Open" } else { "Close" }),
        )
    });
    icon_at(
        ui.painter(),
        at,
        if closed { icons::RIGHT } else { icons::DOWN },
        13.0,
        tokens.text3,
    );
    if response.clicked() && !desk.memory.labels.closed.remove(&id) {
        desk.memory.labels.closed.insert(id);
    }
}

/// The name as a field while it is renamed; true when the name is to be painted instead.
fn renaming_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, id: LabelId, rect: Rect) -> bool {
    let Some((_, name)) = desk.memory.labels.renaming.as_mut().filter(|(other, _)| *other == id) else {
        return true;
    };
    let mut child = ui.new_child(egui::UiBuilder::new().id_salt(("rename", id.0)).max_rect(rect));
    let response = TextField::new("Label name").small().show(&mut child, name);
    if response.lost_focus() {
        let keep = !ui.input(|input| input.key_pressed(Key::Escape));
        let name = name.clone();
        desk.memory.labels.renaming = None;
        if keep {
            desk.edit(label_edits::rename_label(&project.state, id, &name));
        }
    } else if !response.has_focus() {
        response.request_focus();
    }
    false
}

fn drag_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, label: &Label, rect: Rect, response: &egui::Response) {
    let tokens = theme::of(ui);
    if response.drag_started() {
        DragAndDrop::set_payload(ui.ctx(), Dragged(label.id));
    }
    let Some(pointer) = ui
        .input(|input| input.pointer.interact_pos())
        .filter(|at| rect.contains(*at))
    else {
        return;
    };
    let Some(dragged) = DragAndDrop::payload::<Dragged>(ui.ctx()).filter(|dragged| dragged.0 != label.id) else {
        return;
    };
    let place = match (pointer.y - rect.top()) / rect.height() {
        y if y < 0.28 => Place::Before,
        y if y > 0.72 => Place::After,
        _ => Place::Into,
    };
    match place {
        Place::Into => {
            ui.painter().rect_stroke(
                rect.shrink(1.0),
                4,
                Stroke::new(1.5, tokens.accent),
                egui::StrokeKind::Inside,
            );
        }
        _ => {
            let y = if place == Place::Before {
                rect.top()
            } else {
                rect.bottom()
            };
            ui.painter()
                .hline(rect.shrink(10.0).x_range(), y, Stroke::new(2.0, tokens.accent));
        }
    }
    if ui.input(|input| input.pointer.any_released()) {
        DragAndDrop::clear_payload(ui.ctx());
        drop_at(desk, project, dragged.0, label, place);
    }
}

fn drop_at(desk: &mut Desk, project: &Project, dragged: LabelId, target: &Label, place: Place) {
    let tree = &project.state.labels;
    let (parent, index) = match place {
        Place::Into => (
            Some(target.id),
            tree.children(Some(target.id))
                .iter()
                .filter(|other| other.id != dragged)
                .count(),
        ),
        _ => {
            let siblings = tree.children(target.parent);
            let at = siblings
                .iter()
                .filter(|other| other.id != dragged)
                .position(|other| other.id == target.id)
                .unwrap_or(0);
            (target.parent, at + usize::from(place == Place::After))
        }
    };
    desk.memory.labels.chosen = Some(dragged);
    desk.edit(label_edits::move_label(&project.state, dragged, parent, index));
}
