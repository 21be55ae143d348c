//! The labels below the text: chips with their keys. In a tree those below the path so far, with the path above them, and a search over all
//! paths.

use std::rc::Rc;

use egui::{Key, Rect, ScrollArea, Sense, Stroke, Ui, UiBuilder, pos2, vec2};

use super::keys;
use crate::app::Project;
use crate::core::{LabelId, TaskKind};
use crate::ui::{
    desk::Desk,
    icons,
    theme::{self, LabelLook, Weight, font, size, space},
    widgets::{Button, Chip, TextField, galley, icon_at, paint_key_cap, paint_left, path_cut, say, swatch, thousands},
};

/// More chips are not drawn; the search finds the labels they would be of.
const MAX_CHIPS: usize = 120;
/// Rows of what was found that are in view at once.
const MAX_FOUND: usize = 8;
const CHIP_ROW: f32 = 36.0;
const HEAD: f32 = 38.0;
const SEARCH_WIDTH: f32 = 230.0;
const SEARCH_WIDTH_BESIDE_PATH: f32 = 150.0;
const CHOOSE_WIDTH: f32 = 136.0;

/// Shows the chips at the bottom of `area`; returns where they begin.
pub(super) fn chips_ui(ui: &mut Ui, area: Rect, desk: &mut Desk, project: &Project) -> f32 {
    let is_tree = project.state.labels.is_hierarchical();
    let is_finding = desk.memory.annotate.finding.is_some();
    let found = (is_tree && is_finding).then(|| found_paths(desk, project));
    let offered = match is_tree {
        true => project.state.labels.child_ids(project.annotating.at).to_vec(),
        false => found_labels(desk, project),
    };
    let n_more = offered.len().saturating_sub(MAX_CHIPS);
    let drawn = offered.iter().take(MAX_CHIPS);
    let labels: Vec<(LabelId, LabelLook)> = drawn
        .filter_map(|id| Some((*id, desk.looks.get(*id)?.clone())))
        .collect();
    let width = area.width() - 48.0;
    let inside = match &found {
        Some(found) => found.len().clamp(1, MAX_FOUND) as f32 * space::ROW,
        None => {
            let more = if n_more > 0 { CHIP_ROW } else { 0.0 };
            n_rows(ui, &labels, project, width) as f32 * CHIP_ROW - 8.0 + more
        }
    };
    let head = match is_tree {
        true => {
            HEAD + if project.annotating.chosen.is_empty() {
                0.0
            } else {
                CHIP_ROW
            }
        }
        false if desk.looks.len() > 10 || is_finding => HEAD,
        false => 0.0,
    };
    let most = (area.height() * 0.5).max(60.0);
    let height = (inside + head + 32.0).min(most);
    let rect = Rect::from_min_max(pos2(area.left(), area.bottom() - height), area.max);
    ui.painter()
        .hline(rect.x_range(), rect.top() + 0.5, Stroke::new(1.0, theme::of(ui).line));
    let mut child = ui.new_child(
        UiBuilder::new()
            .id_salt("chips")
            .max_rect(rect.shrink2(vec2(24.0, 16.0))),
    );
    child.shrink_clip_rect(rect);
    if is_tree {
        chosen_ui(&mut child, desk, project);
        path_ui(
            &mut child,
            desk,
            project,
            found.as_deref().map(Vec::as_slice).unwrap_or_default(),
        );
    } else if head > 0.0 {
        find_ui(&mut child, desk, &offered, f32::INFINITY);
        child.add_space(4.0);
    }
    match found {
        Some(found) => found_ui(&mut child, desk, &found),
        None => labels_ui(&mut child, desk, project, &labels, n_more, width),
    }
    rect.top()
}

fn labels_ui(
    ui: &mut Ui,
    desk: &mut Desk,
    project: &Project,
    labels: &[(LabelId, LabelLook)],
    n_more: usize,
    width: f32,
) {
    ScrollArea::vertical()
        .id_salt("chips scroll")
        .auto_shrink(false)
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing = vec2(8.0, 8.0);
            ui.horizontal_wrapped(|ui| {
                for (id, look) in labels {
                    let key = look.key.map(|key| key.to_uppercase().to_string());
                    let chip = chip(project, *id, look, key.as_deref(), width);
                    if ui.add(chip).on_hover_text(&look.path).clicked() {
                        keys::press(desk, *id);
                    }
                }
            });
            if n_more > 0 {
                let text = format!("and {} more; / finds them", thousands(n_more));
                say(ui, text, font(size::SMALL, Weight::Regular), theme::of(ui).text3);
            }
        });
}

fn chip<'a>(project: &Project, id: LabelId, look: &'a LabelLook, key: Option<&'a str>, width: f32) -> Chip<'a> {
    let tree = &project.state.labels;
    let is_chosen = project
        .annotating
        .chosen
        .iter()
        .any(|chosen| tree.is_within(*chosen, id));
    Chip::new(&look.name, look.color)
        .key(key)
        .opens(tree.has_children(id))
        .selected(is_chosen)
        .max_width(width)
}

fn n_rows(ui: &Ui, labels: &[(LabelId, LabelLook)], project: &Project, width: f32) -> usize {
    let (mut rows, mut x) = (1, 0.0);
    for (id, look) in labels {
        let key = look.key.map(|key| key.to_uppercase().to_string());
        let chip_width = chip(project, *id, look, key.as_deref(), width).size(ui).x;
        if x > 0.0 && x + chip_width > width {
            rows += 1;
            x = 0.0;
        }
        x += chip_width + 8.0;
    }
    rows
}

/// The labels of a list to show: all, or those that contain what is being typed; with many, the suggested come first.
fn found_labels(desk: &Desk, project: &Project) -> Vec<LabelId> {
    let wanted = desk.memory.annotate.finding.as_deref().unwrap_or("").to_lowercase();
    let is_wanted = |look: &LabelLook| wanted.is_empty() || look.path.to_lowercase().contains(&wanted);
    let found = desk.looks.iter().filter(|(_, look)| is_wanted(look));
    let mut labels: Vec<LabelId> = found.map(|(id, _)| id).collect();
    if desk.looks.len() > 30 && !desk.memory.annotate.blind {
        let ranked = match (&project.suggestions, project.annotating.current) {
            (Some(suggestions), Some(id)) => suggestions.ranked(id),
            _ => Vec::new(),
        };
        let place = |id: LabelId| {
            ranked
                .iter()
                .take(5)
                .position(|(label, _)| *label == id)
                .unwrap_or(usize::MAX)
        };
        labels.sort_by_key(|id| place(*id));
    }
    labels
}

/// Labels whose path holds what is being typed: names that begin with it, names that hold it, then paths. Found anew only when it has changed.
fn found_paths(desk: &mut Desk, project: &Project) -> Rc<Vec<LabelId>> {
    let wanted = desk
        .memory
        .annotate
        .finding
        .as_deref()
        .unwrap_or("")
        .trim()
        .to_lowercase();
    if let Some((known, revision, found)) = &desk.memory.annotate.found
        && *known == wanted
        && *revision == project.revision
    {
        return found.clone();
    }
    let rank = |look: &LabelLook| {
        let name = look.name.to_lowercase();
        if name.starts_with(&wanted) {
            Some(0)
        } else if name.contains(&wanted) {
            Some(1)
        } else {
            look.path.to_lowercase().contains(&wanted).then_some(2)
        }
    };
    let mut found: Vec<(usize, LabelId)> = desk
        .looks
        .iter()
        .filter_map(|(id, look)| Some((rank(look)?, id)))
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    let found: Rc<Vec<LabelId>> = Rc::new(found.into_iter().map(|(_, id)| id).collect());
    desk.memory.annotate.found = Some((wanted, project.revision, found.clone()));
    desk.memory.annotate.found_at = 0;
    found
}

/// The paths the text has, or will have when it is saved.
fn chosen_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    if project.annotating.chosen.is_empty() {
        return;
    }
    let is_multi = project.state.task == TaskKind::MultiLabel;
    let row = Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), 28.0));
    let mut line = ui.new_child(UiBuilder::new().id_salt("chosen").max_rect(row));
    ScrollArea::horizontal()
        .id_salt("chosen scroll")
        .auto_shrink(false)
        .show(&mut line, |ui| {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 8.0;
                for id in &project.annotating.chosen {
                    let Some(look) = desk.looks.get(*id) else { continue };
                    let chip = Chip::new(&look.path, look.color).selected(true).max_width(row.width());
                    if is_multi {
                        if ui.add(chip.closable()).clicked() {
                            keys::choose(desk, *id);
                        }
                    } else {
                        ui.add(chip.shown());
                    }
                }
            });
        });
    ui.advance_cursor_after_rect(Rect::from_min_size(row.min, vec2(row.width(), CHIP_ROW)));
}

/// The path so far, each name a way back to it; what chooses it as it stands; the search.
fn path_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, found: &[LabelId]) {
    let row = Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), 30.0));
    let search_width = match project.annotating.at {
        Some(_) => SEARCH_WIDTH_BESIDE_PATH,
        None => SEARCH_WIDTH,
    };
    let right = Rect::from_min_max(pos2(row.right() - search_width, row.top()), row.max);
    let mut search = ui.new_child(UiBuilder::new().id_salt("search").max_rect(right));
    find_ui(&mut search, desk, found, right.width());
    let mut left = Rect::from_min_max(row.min, pos2(right.left() - 12.0, row.bottom()));
    if let Some(at) = project.annotating.at {
        let here = Rect::from_min_max(pos2(left.right() - CHOOSE_WIDTH, row.top()), left.max);
        left.max.x = here.left() - 8.0;
        let whole = desk.looks.get(at).map_or("", |look| look.path.as_str());
        let button = Button::secondary("Choose this").small().key("Enter");
        let mut place = ui.new_child(UiBuilder::new().id_salt("choose").max_rect(here));
        if place.add(button.name(&format!("Choose {whole}"))).clicked() {
            keys::choose(desk, at);
        }
    }
    let mut line = ui.new_child(UiBuilder::new().id_salt("path").max_rect(left));
    line.shrink_clip_rect(left.expand(3.0));
    ScrollArea::horizontal()
        .id_salt("path scroll")
        .auto_shrink(false)
        .stick_to_right(true)
        .scroll_bar_visibility(egui::scroll_area::ScrollBarVisibility::AlwaysHidden)
        .show(&mut line, |ui| {
            // Names are whole, however many there are; the end of the path is in view.
            ui.set_max_width(4_000.0);
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 2.0;
                steps_ui(ui, desk, project);
            });
        });
    ui.advance_cursor_after_rect(Rect::from_min_size(row.min, vec2(row.width(), HEAD)));
}

fn steps_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let Some(at) = project.annotating.at else {
        let text = "Choose a branch, then go on below it";
        say(ui, text, font(size::SMALL, Weight::Regular), theme::of(ui).text3);
        return;
    };
    if ui
        .add(Button::quiet("All").small().name("Up to all branches"))
        .clicked()
    {
        keys::go_to(desk, None);
    }
    let path = project.state.labels.ancestry(at);
    for label in path.iter().rev() {
        let (rect, _) = ui.allocate_exact_size(vec2(12.0, 26.0), Sense::hover());
        icon_at(ui.painter(), rect.center(), icons::RIGHT, 12.0, theme::of(ui).text3);
        let name = short(&label.name);
        let step = Button::quiet(&name).small().selected(label.id == at);
        if ui.add(step.name(&format!("Up to {}", label.name))).clicked() {
            keys::go_to(desk, Some(label.id));
        }
    }
}

/// A name cut to what fits a step or a hint.
pub(super) fn short(name: &str) -> String {
    const MAX_CHARS: usize = 22;
    if name.chars().count() <= MAX_CHARS {
        return name.to_owned();
    }
    name.chars().take(MAX_CHARS - 1).chain(['…']).collect()
}

/// The field to search in; Enter goes on with the chosen one of `found`.
fn find_ui(ui: &mut Ui, desk: &mut Desk, found: &[LabelId], width: f32) {
    let asked = desk.memory.annotate.finding.is_some();
    let mut text = desk.memory.annotate.finding.clone().unwrap_or_default();
    let mut field = TextField::new("Find a label")
        .placeholder("/  find a label")
        .icon(icons::SEARCH)
        .small();
    if width.is_finite() {
        field = field.width(width);
    }
    if asked && !found.is_empty() {
        let step = ui.input_mut(|input| {
            let mut pressed = |key| input.consume_key(egui::Modifiers::NONE, key);
            isize::from(pressed(Key::ArrowDown)) - isize::from(pressed(Key::ArrowUp))
        });
        let memory = &mut desk.memory.annotate;
        memory.found_at = memory.found_at.saturating_add_signed(step).min(found.len() - 1);
    }
    let response = field.show(ui, &mut text);
    let enter = ui.input(|input| input.key_pressed(Key::Enter));
    if response.lost_focus() {
        if enter && let Some(id) = found.get(desk.memory.annotate.found_at).or(found.first()) {
            keys::press(desk, *id);
        }
        desk.memory.annotate.finding = None;
        desk.memory.annotate.found_at = 0;
    } else if response.has_focus() {
        desk.memory.annotate.finding = Some(text);
    } else if asked {
        response.request_focus();
    }
}

/// What was found: whole paths, the one that Enter goes on with marked.
fn found_ui(ui: &mut Ui, desk: &mut Desk, found: &[LabelId]) {
    let tokens = theme::of(ui);
    let base = font(size::BASE, Weight::Regular);
    if found.is_empty() {
        say(ui, "No label is called that.", base, tokens.text3);
        return;
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    let marked = desk.memory.annotate.found_at;
    let mut area = ScrollArea::vertical().id_salt("found").auto_shrink(false);
    let top = (marked + 1).saturating_sub(MAX_FOUND) as f32 * space::ROW;
    if ui.input(|input| input.key_down(Key::ArrowDown) || input.key_down(Key::ArrowUp)) {
        area = area.vertical_scroll_offset(top);
    }
    let mut pressed = None;
    area.show_rows(ui, space::ROW, found.len(), |ui, range| {
        for (at, id) in found.iter().enumerate().skip(range.start).take(range.len()) {
            let Some(look) = desk.looks.get(*id) else { continue };
            let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), space::ROW), Sense::click());
            response.widget_info(|| {
                egui::WidgetInfo::selected(egui::Role::Button, true, at == marked, format!("Go to {}", look.path))
            });
            if at == marked || response.hovered() || response.has_focus() {
                ui.painter().rect_filled(rect, 4, tokens.raised);
            }
            swatch(ui, pos2(rect.left() + 12.0, rect.center().y), 9.0, look.color);
            let path = path_cut(ui, &look.path, base.clone(), tokens.text, rect.width() - 100.0);
            paint_left(ui.painter(), pos2(rect.left() + 26.0, rect.center().y), path);
            if at == marked {
                let width = galley(ui, "Enter", font(size::TINY, Weight::Regular), tokens.text3)
                    .size()
                    .x;
                paint_key_cap(ui, pos2(rect.right() - width - 20.0, rect.center().y), "Enter", false);
            }
            // A press takes the keyboard from the field, which closes the list before the click is over.
            if response.is_pointer_button_down_on() || response.clicked() {
                pressed = Some(*id);
            }
        }
    });
    if let Some(id) = pressed {
        desk.memory.annotate.finding = None;
        keys::press(desk, id);
    }
}
