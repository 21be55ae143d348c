//! The chosen label: its key, colour and description, and what merging or deleting it would do.

use egui::{Rect, ScrollArea, Sense, Ui, UiBuilder, vec2};

use super::Asking;
use crate::app::Project;
use crate::core::{Change, Edit, EditError, Label, LabelId, label_edits};
use crate::ui::{
    desk::Desk,
    icons,
    theme::{self, LabelLook, Weight, color_at, font, size},
    widgets::{Button, Card, Dropdown, menu_item, menu_rows, say, swatch, text_area, thousands, wrapped},
};

/// The description while it is typed.
#[derive(Default)]
pub(super) struct Draft {
    of: Option<LabelId>,
    text: String,
}

/// Keys that can be given by hand.
const KEYS: &str = "1234567890abcdefghijklmnopqrstuvwxyz";

pub(super) fn detail_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project) {
    let mut child = ui.new_child(UiBuilder::new().id_salt("detail").max_rect(rect));
    child.shrink_clip_rect(rect);
    ScrollArea::vertical()
        .id_salt("detail scroll")
        .auto_shrink(false)
        .show(&mut child, |ui| {
            ui.spacing_mut().item_spacing.y = 16.0;
            let chosen = desk.memory.labels.chosen.and_then(|id| project.state.labels.get(id));
            match chosen.and_then(|label| Some((label, desk.looks.get(label.id)?.clone()))) {
                Some((label, look)) => label_ui(ui, desk, project, label, &look),
                None => nothing_chosen_ui(ui, project),
            }
            asking_ui(ui, desk, project);
        });
}

fn nothing_chosen_ui(ui: &mut Ui, project: &Project) {
    let tokens = theme::of(ui);
    Card::titled("Label").show(ui, |ui| {
        let n = project.state.labels.len();
        let text = format!("{} labels. Choose one to change its key, its colour and what belongs to it; double-click renames, dragging moves.", thousands(n));
        wrapped(ui, text, font(size::BASE, Weight::Regular), tokens.text2);
    });
}

fn label_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, label: &Label, look: &LabelLook) {
    let tokens = theme::of(ui);
    Card::titled("Label").show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 4.0;
        if let Some((above, _)) = look.path.rsplit_once(" › ") {
            wrapped(
                ui,
                format!("{above} ›"),
                font(size::SMALL, Weight::Regular),
                tokens.text3,
            );
        }
        wrapped(ui, &label.name, font(size::TITLE, Weight::SemiBold), tokens.text);
        ui.add_space(4.0);
        line(ui, "Key", |ui| key_ui(ui, desk, project, label, look));
        line(ui, "Colour", |ui| color_ui(ui, desk, project, label));
        line(ui, "Id", |ui| {
            say(
                ui,
                format!("{}, never changes", label.id),
                font(size::BASE, Weight::Regular),
                tokens.text,
            );
        });
        description_ui(ui, desk, project, label);
        examples_ui(ui, project, label.id);
        ui.add_space(6.0);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(8.0, 8.0);
            if ui.add(Button::secondary("Rename").key("F2")).clicked() {
                desk.memory.labels.renaming = Some((label.id, label.name.clone()));
            }
            merge_ui(ui, desk, label.id);
            move_ui(ui, desk, project, label);
            if ui.add(Button::danger("Delete")).clicked() {
                desk.memory.labels.asking = Some(Asking::Delete(label.id));
            }
        });
    });
}

fn line(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui)) {
    let tokens = theme::of(ui);
    ui.allocate_ui_with_layout(
        vec2(ui.available_width(), 30.0),
        egui::Layout::left_to_right(egui::Align::Center),
        |ui| {
            ui.set_min_height(30.0);
            say(ui, name, font(size::BASE, Weight::Regular), tokens.text2);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), add);
        },
    );
}

fn key_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, label: &Label, look: &LabelLook) {
    let shown = match (label.key, look.key) {
        (Some(key), _) => key.to_uppercase().to_string(),
        (None, Some(key)) => format!("{} (by place)", key.to_uppercase()),
        (None, None) => "none left".to_owned(),
    };
    let mut choices = vec!["by place".to_owned()];
    choices.extend(KEYS.chars().map(|key| key.to_uppercase().to_string()));
    if let Some(at) = Dropdown::new("Key", &shown).small().choose(ui, &choices) {
        let key = at.checked_sub(1).and_then(|at| KEYS.chars().nth(at));
        desk.edit(label_edits::set_label_key(&project.state, label.id, key));
    }
}

fn color_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, label: &Label) {
    let tokens = theme::of(ui);
    let shown = match (label.color, label.parent) {
        (Some(_), _) => "chosen",
        (None, Some(_)) => "as parent",
        (None, None) => "by place",
    };
    Dropdown::new("Colour", shown).small().show(ui, |ui| {
        let mut chosen = None;
        if menu_item(
            ui,
            if label.parent.is_some() {
                "as parent"
            } else {
                "by place"
            },
            label.color.is_none(),
        )
        .clicked()
        {
            chosen = Some(None);
        }
        for row in 0..3 {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 2.0;
                for index in row * 6..row * 6 + 6 {
                    let color = color_at(index);
                    let (rect, response) = ui.allocate_exact_size(egui::Vec2::splat(26.0), Sense::click());
                    response.widget_info(|| {
                        egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Colour {}", index + 1))
                    });
                    if response.hovered() || response.has_focus() {
                        ui.painter().rect_filled(rect, 5, tokens.track);
                    }
                    swatch(ui, rect.center(), 14.0, color);
                    if response.clicked() {
                        chosen = Some(Some([color.r(), color.g(), color.b()]));
                        ui.close();
                    }
                }
            });
        }
        if let Some(color) = chosen {
            desk.edit(label_edits::set_label_color(&project.state, label.id, color));
        }
    });
}

fn description_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, label: &Label) {
    let tokens = theme::of(ui);
    say(ui, "Description", font(size::BASE, Weight::Regular), tokens.text2);
    let draft = &mut desk.memory.labels.detail;
    if draft.of != Some(label.id) {
        *draft = Draft {
            of: Some(label.id),
            text: label.description.clone(),
        };
    }
    let response = text_area(
        ui,
        "Description",
        "What belongs here and what does not",
        &mut draft.text,
        3,
    );
    if response.lost_focus() && draft.text.trim() != label.description {
        let text = draft.text.trim().to_owned();
        desk.edit(label_edits::set_label_description(&project.state, label.id, &text));
    } else if !response.has_focus() && !response.lost_focus() && draft.text != label.description {
        // An undo, or an edit that was refused.
        draft.text.clone_from(&label.description);
    }
}

/// Two texts that carry the label.
fn examples_ui(ui: &mut Ui, project: &Project, id: LabelId) {
    let tokens = theme::of(ui);
    let has = |text: &&crate::core::Text| {
        text.annotation
            .as_ref()
            .is_some_and(|annotation| annotation.labels.contains(&id))
    };
    let mut examples = project.state.texts().filter(has).take(2).peekable();
    if examples.peek().is_none() {
        return;
    }
    ui.add_space(4.0);
    say(ui, "Examples", font(size::BASE, Weight::Regular), tokens.text2);
    for text in examples {
        let line = text.line();
        let body: String = line.chars().take(140).collect();
        let more = if body.len() < line.len() { "…" } else { "" };
        wrapped(
            ui,
            format!("{body}{more}"),
            font(size::SMALL, Weight::Regular),
            tokens.text,
        );
    }
}

fn merge_ui(ui: &mut Ui, desk: &mut Desk, id: LabelId) {
    let mut into = None;
    Dropdown::new("Merge", "Merge into…").show(ui, |ui| {
        let others: Vec<(LabelId, &LabelLook)> = desk.looks.iter().filter(|(other, _)| *other != id).collect();
        menu_rows(ui, others.len(), |ui, at| {
            if let Some((other, look)) = others.get(at)
                && menu_item(ui, &look.path, false).clicked()
            {
                into = Some(*other);
            }
        });
    });
    if let Some(into) = into {
        desk.memory.labels.asking = Some(Asking::Merge(id, into));
    }
}

fn move_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, label: &Label) {
    let mut to = None;
    Dropdown::new("Move", "Move…").show(ui, |ui| {
        if menu_item(ui, "to the top level", label.parent.is_none()).clicked() {
            to = Some(None);
        }
        let outside = |id: &LabelId| !project.state.labels.is_within(*id, label.id);
        let others: Vec<(LabelId, &LabelLook)> = desk.looks.iter().filter(|(id, _)| outside(id)).collect();
        menu_rows(ui, others.len(), |ui, at| {
            if let Some((other, look)) = others.get(at)
                && menu_item(ui, &format!("below {}", look.path), label.parent == Some(*other)).clicked()
            {
                to = Some(Some(*other));
            }
        });
    });
    if let Some(parent) = to.filter(|parent| *parent != label.parent) {
        let last = project.state.labels.children(parent).len();
        desk.edit(label_edits::move_label(&project.state, label.id, parent, last));
    }
}

/// Says what a merge or a deletion will do, and does it when told to.
fn asking_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let Some(asking) = desk.memory.labels.asking else {
        return;
    };
    let name = |id: LabelId| desk.looks.get(id).map_or(String::new(), |look| look.name.clone());
    let (title, verb, gone, edit): (String, &str, LabelId, Result<Edit, EditError>) = match asking {
        Asking::Delete(id) => (
            format!("Delete {}", name(id)),
            "Delete",
            id,
            label_edits::delete_label(&project.state, id),
        ),
        Asking::Merge(from, into) => {
            let title = format!("Merge {} into {}", name(from), name(into));
            (
                title,
                "Merge",
                from,
                label_edits::merge_labels(&project.state, from, into),
            )
        }
    };
    let tokens = theme::of(ui);
    let base = font(size::BASE, Weight::Regular);
    Card::titled(&title).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 4.0;
        match &edit {
            Err(reason) => {
                wrapped(ui, reason.to_string(), base.clone(), tokens.error);
            }
            Ok(edit) => {
                for line in consequences(project, edit, gone, &name(gone)) {
                    wrapped(ui, line, base.clone(), tokens.text);
                }
                wrapped(ui, "Undo brings everything back.", base.clone(), tokens.text3);
            }
        }
        ui.add_space(6.0);
        ui.horizontal(|ui| {
            let button = if verb == "Delete" {
                Button::danger(verb).icon(icons::DELETE)
            } else {
                Button::primary(verb)
            };
            if edit.is_ok() && ui.add(button.name(&format!("{verb} now"))).clicked() {
                desk.memory.labels.asking = None;
                desk.edit(edit);
            }
            if ui.add(Button::secondary("Cancel")).clicked() {
                desk.memory.labels.asking = None;
            }
        });
    });
}

fn consequences(project: &Project, edit: &Edit, gone: LabelId, name: &str) -> Vec<String> {
    let annotations = edit
        .changes
        .iter()
        .filter(|change| matches!(change, Change::Annotation { .. }))
        .count();
    let below = edit
        .changes
        .iter()
        .filter(|change| matches!(change, Change::Label { id, after: None, .. } if *id != gone))
        .count();
    let runs = project
        .state
        .runs
        .iter()
        .filter(|run| run.labels.contains(&gone))
        .count();
    let count = |n: usize, one: &str, many: &str| {
        if n == 1 {
            format!("1 {one}")
        } else {
            format!("{} {many}", thousands(n))
        }
    };
    let mut lines = vec![count(
        annotations,
        "text changes its labels.",
        "texts change their labels.",
    )];
    lines.extend((below > 0).then(|| format!("{} below it with it.", count(below, "label goes", "labels go"))));
    lines.extend((runs > 0).then(|| {
        format!(
            "{} {name} and will still predict it.",
            count(runs, "run knows", "runs know")
        )
    }));
    lines
}
