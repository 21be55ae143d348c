//! The first screen: the sample, a file of one's own, an empty project, and what was open before.

use egui::{Context, Key, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use super::{Screen, ScreenId};
use crate::app::{Command, sample::Sample};
use crate::jobs::JobKind;
use crate::ui::{
    desk::{Act, Desk},
    icons,
    keymap::{self, KeyHint, hint},
    logo, sheets,
    sheets::{PathPurpose, SheetState},
    theme::{self, CARD_RADIUS, RADIUS, Weight, font, size},
    widgets::{galley, galley_cut, galley_wrapped, paint_key_cap, paint_left, paint_middle, paint_right, say},
};

/// Its id.
pub const ID: ScreenId = ScreenId("welcome");

const KEYS: &[KeyHint] = &[
    hint("Enter", "open the sample"),
    hint("Ctrl O", "open a file"),
    hint("Ctrl N", "empty project"),
    hint("T", "open the sample with a label tree"),
];

pub(super) const SCREEN: Screen = Screen {
    id: ID,
    title: "Welcome",
    icon: icons::OPEN,
    in_rail: false,
    keys: KEYS,
    on_keys,
    ui,
};

/// The doors: title, text, key.
const DOORS: [(&str, &str, &str); 3] = [
    (
        "Open the sample",
        "Support tickets with six labels, several at once, some done.",
        "Enter",
    ),
    (
        "Start from my file",
        "CSV, TSV, JSONL, JSON or TXT. Drop it anywhere on the window.",
        "Ctrl O",
    ),
    ("Empty project", "Choose labels first, add texts later.", "Ctrl N"),
];

/// Points that the line of the other sample takes, with the room above it.
const OTHER_SAMPLE: f32 = 44.0;

fn on_keys(ctx: &Context, desk: &mut Desk) {
    if desk.project().is_none() && keymap::space_is_free(ctx) && keymap::pressed(ctx, Key::Enter) {
        open(desk, 0);
    }
    if desk.project().is_none() && keymap::letters_are_free(ctx) && keymap::typed(ctx).contains(&'t') {
        open_tree(desk);
    }
}

fn open_tree(desk: &mut Desk) {
    if desk.app.running(JobKind::Open).is_none() {
        desk.run(Command::OpenSample {
            folder: sheets::sample_folder(),
            sample: Sample::Products,
        });
    }
}

fn open(desk: &mut Desk, door: usize) {
    if desk.app.running(JobKind::Open).is_some() {
        return;
    }
    desk.act(match door {
        0 => Act::Run(Command::OpenSample {
            folder: sheets::sample_folder(),
            sample: Sample::Tickets,
        }),
        1 => Act::Show(SheetState::path(PathPurpose::Open)),
        _ => Act::Show(SheetState::new_project(None)),
    });
}

fn ui(ui: &mut Ui, desk: &mut Desk) {
    let area = ui.available_rect_before_wrap();
    ui.advance_cursor_after_rect(area);
    let width = 722.0_f32.min(area.width() - 32.0);
    let stacked = width < 600.0;
    let n_recent = desk.app.settings.recent.len().min(6);
    let doors_height = if stacked { 3.0 * 92.0 + 20.0 } else { 156.0 };
    let height = 100.0
        + doors_height
        + OTHER_SAMPLE
        + if n_recent > 0 {
            60.0 + 32.0 * n_recent as f32
        } else {
            0.0
        };
    let top = ((area.height() - height) / 2.0 - 10.0).max(16.0);
    let mut child = ui.new_child(UiBuilder::new().id_salt("welcome").max_rect(area));
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        let left = area.center().x - width / 2.0;
        let origin = pos2(left, ui.cursor().top() + top);
        ui.allocate_rect(Rect::from_min_size(origin, vec2(width, height + 16.0)), Sense::hover());
        title(ui, pos2(area.center().x, origin.y));
        let doors = Rect::from_min_size(origin + vec2(0.0, 100.0), vec2(width, doors_height));
        for (i, rect) in door_rects(doors, stacked).into_iter().enumerate() {
            door(ui, desk, rect, i, stacked);
        }
        let other = Rect::from_min_size(pos2(left, doors.bottom() + 10.0), vec2(width, OTHER_SAMPLE - 10.0));
        other_sample(ui, desk, other);
        let recent = Rect::from_min_size(pos2(left, other.bottom() + 18.0), vec2(width, 400.0));
        recent_ui(ui, desk, recent);
    });
}

/// The sample with a label tree, in one line below the doors.
fn other_sample(ui: &mut Ui, desk: &mut Desk, rect: Rect) {
    let tokens = theme::of(ui);
    let response = ui.interact(rect, ui.scope_id().with("other sample"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Open the sample with a label tree"));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, RADIUS, tokens.raised);
    }
    let text = "Or a sample with labels in a tree: products, such as Home › Kitchen › Knives.";
    let room = rect.width() - 60.0;
    let text = galley_cut(ui, text, font(size::BASE, Weight::Regular), tokens.text2, room);
    paint_left(ui.painter(), pos2(rect.left() + 21.0, rect.center().y), text);
    paint_key_cap(ui, pos2(rect.right() - 36.0, rect.center().y), "T", false);
    if response.clicked() {
        open_tree(desk);
    }
}

fn title(ui: &mut Ui, at: egui::Pos2) {
    let tokens = theme::of(ui);
    let name = galley(ui, "Handful", font(34.0, Weight::SemiBold), tokens.text);
    let width = name.size().x + 34.0;
    let left = at.x - width / 2.0;
    logo::paint(ui, pos2(left + 14.0, at.y + 22.0), 40.0, tokens.accent);
    paint_left(ui.painter(), pos2(left + 34.0, at.y + 22.0), name);
    let line = "Label a handful of texts. Get a classifier you trust.";
    paint_middle(
        ui.painter(),
        at + vec2(0.0, 62.0),
        galley(ui, line, font(16.0, Weight::Regular), tokens.text2),
    );
}

fn door_rects(area: Rect, stacked: bool) -> Vec<Rect> {
    if !stacked {
        return crate::ui::widgets::columns(area, 3, 16.0);
    }
    (0..3)
        .map(|i| Rect::from_min_size(area.min + vec2(0.0, 102.0 * i as f32), vec2(area.width(), 92.0)))
        .collect()
}

fn door(ui: &mut Ui, desk: &mut Desk, rect: Rect, i: usize, stacked: bool) {
    let tokens = theme::of(ui);
    let (title, text, key) = DOORS[i];
    let response = ui.interact(rect, ui.scope_id().with(("door", i)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, title));
    let first = i == 0;
    let (fill, line) = match (first, response.hovered() || response.has_focus()) {
        (true, hovered) => (
            theme::mix(tokens.panel, tokens.accent, if hovered { 0.16 } else { 0.10 }),
            tokens.accent,
        ),
        (false, true) => (tokens.raised, tokens.text3),
        (false, false) => (tokens.panel, tokens.line),
    };
    ui.painter()
        .rect(rect, CARD_RADIUS, fill, Stroke::new(1.0, line), StrokeKind::Inside);
    let at = rect.min + vec2(21.0, if stacked { 20.0 } else { 31.0 });
    paint_left(
        ui.painter(),
        at,
        galley(ui, title, font(size::HEADING, Weight::SemiBold), tokens.text),
    );
    let width = rect.width() - 42.0;
    let text = galley_wrapped(ui, text, font(size::BASE, Weight::Regular), tokens.text2, width, 18.0);
    ui.painter().galley(at + vec2(0.0, 15.0), text, tokens.text2);
    let cap = if stacked {
        pos2(rect.right() - 76.0, at.y)
    } else {
        pos2(at.x, rect.bottom() - 29.0)
    };
    paint_key_cap(ui, cap, key, false);
    if response.clicked() {
        open(desk, i);
    }
}

fn recent_ui(ui: &mut Ui, desk: &mut Desk, area: Rect) {
    let recent = &desk.app.settings.recent;
    if recent.is_empty() {
        return;
    }
    let tokens = theme::of(ui);
    let mut head = ui.new_child(UiBuilder::new().max_rect(area));
    say(&mut head, "Recent", font(size::SMALL, Weight::SemiBold), tokens.text2);
    let top = area.top() + 27.0;
    let mut chosen = None;
    for (i, path) in recent.iter().take(6).enumerate() {
        let row = Rect::from_min_size(pos2(area.left(), top + 32.0 * i as f32), vec2(area.width(), 32.0));
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let folder = path
            .parent()
            .map(|folder| folder.display().to_string())
            .unwrap_or_default();
        let response = ui.interact(row, ui.scope_id().with(("recent", i)), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Open {name} in {folder}")));
        ui.painter()
            .hline(row.x_range(), row.top() + 0.5, Stroke::new(1.0, tokens.line));
        if response.hovered() || response.has_focus() {
            ui.painter()
                .rect_filled(row.expand2(vec2(8.0, -1.0)), RADIUS, tokens.raised);
        }
        let name = galley_cut(
            ui,
            &name,
            font(size::BASE, Weight::SemiBold),
            tokens.text,
            row.width() * 0.5,
        );
        let room = row.width() - name.size().x - 24.0;
        paint_left(ui.painter(), row.left_center(), name);
        let folder = galley_cut(ui, &folder, font(size::BASE, Weight::Regular), tokens.text3, room);
        paint_right(ui.painter(), row.right_center(), folder);
        if response.clicked() {
            chosen = Some(path.clone());
        }
    }
    if let Some(path) = chosen {
        desk.run(Command::Open(path));
    }
}
