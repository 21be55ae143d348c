//! The search field with its filters, and what can be done with what it finds.

use egui::{Id, Key, Popup, Rect, Ui, UiBuilder, pos2, vec2};

use super::bulk;
use crate::app::Project;
use crate::core::Split;
use crate::ui::{
    desk::{Act, Desk},
    filter::{self, Term, Test},
    icons,
    sheets::{PathPurpose, SheetState},
    theme::{self, Weight, font, size, space},
    widgets::{Button, Chip, TextField, galley, menu_item, paint_right, say, thousands},
};

pub(super) fn search_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project) {
    let selected = desk.memory.data.selected.len();
    let mut child = ui.new_child(UiBuilder::new().id_salt("search bar").max_rect(rect));
    child.spacing_mut().item_spacing.x = 8.0;
    child.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
        if selected > 0 {
            bulk::buttons_ui(ui, desk, project);
        } else if ui.add(Button::primary("Import…").icon(icons::ADD)).clicked() {
            desk.act(Act::Show(SheetState::path(PathPurpose::Import)));
        }
        filter_menu(ui, desk);
        let room = ui.available_rect_before_wrap();
        field_ui(ui, room, desk, project);
    });
}

/// The field: what was typed, the filters in it as chips, how many texts were found.
fn field_ui(ui: &mut Ui, room: Rect, desk: &mut Desk, project: &Project) {
    let tokens = theme::of(ui);
    let id = Id::unique("data search");
    let found = format!(
        "{} of {}",
        thousands(desk.memory.data.rows.len()),
        thousands(project.state.n_texts())
    );
    let mut query = std::mem::take(&mut desk.memory.data.query);
    let mut child = ui.new_child(
        UiBuilder::new()
            .id_salt("search")
            .max_rect(room)
            .layout(egui::Layout::left_to_right(egui::Align::Center)),
    );
    let field = TextField::new("Search texts")
        .placeholder("Search, or label: split: has: score<")
        .icon(icons::SEARCH)
        .on_window()
        .id(id);
    let response = field.show(&mut child, &mut query);
    if std::mem::take(&mut desk.memory.data.focus_search) {
        response.request_focus();
    }
    if response.has_focus() && ui.input(|input| input.key_pressed(Key::Escape)) {
        query.clear();
    }
    desk.memory.data.query = query;
    if room.width() > 260.0 {
        let text = galley(ui, found, font(size::BASE, Weight::Regular), tokens.text3);
        paint_right(ui.painter(), pos2(room.right() - 12.0, room.center().y), text);
    }
    ui.advance_cursor_after_rect(room);
}

/// The filters of the query as chips under the search field; pressing one takes it away.
pub(super) fn chips_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let terms: Vec<Term> = filter::parse(&desk.memory.data.query, project);
    let filters: Vec<&Term> = terms
        .iter()
        .filter(|term| !matches!(term.test, Test::Word(_)))
        .collect();
    if filters.is_empty() {
        return;
    }
    ui.add_space(7.0);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(6.0, 4.0);
        ui.add_space(10.0);
        for term in filters {
            let unknown = term.test == Test::Label(None);
            let name = if unknown {
                format!("{} (no such label)", term.written)
            } else {
                term.written.clone()
            };
            if ui.add(Chip::plain(&name).small().closable()).clicked() {
                desk.memory.data.query = filter::without(&desk.memory.data.query, &term.written);
            }
        }
    });
    ui.add_space(space::XS);
}

fn filter_menu(ui: &mut Ui, desk: &mut Desk) {
    let response = ui.add(Button::secondary("Filter").dropdown());
    Popup::menu(&response).accessible_name("Filter").show(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.set_min_width(210.0);
        let tokens = theme::of(ui);
        let mut add = None;
        let mut offer = |ui: &mut Ui, title: &str, filter: String| {
            if menu_item(ui, title, false).clicked() {
                add = Some(filter);
            }
        };
        offer(ui, "Without a label", "-has:label".into());
        offer(ui, "Flagged", "has:flag".into());
        offer(ui, "With a note", "has:note".into());
        offer(ui, "Suggestion below 0.7", "score<0.7".into());
        for split in Split::ALL {
            offer(ui, &format!("In {}", split.name()), format!("split:{}", split.name()));
        }
        offer(ui, "In no split", "split:none".into());
        say(ui, "With label", font(size::SMALL, Weight::Regular), tokens.text3);
        egui::ScrollArea::vertical().max_height(200.0).show(ui, |ui| {
            for (_, look) in desk.looks.iter() {
                offer(ui, &look.path, filter::label_filter(&look.path.replace(" › ", " > ")));
            }
        });
        if let Some(filter) = add {
            let query = &mut desk.memory.data.query;
            if !query.is_empty() && !query.ends_with(' ') {
                query.push(' ');
            }
            query.push_str(&filter);
        }
    });
}
