//! Ctrl+K: every command by name, with its key.

use egui::{
    Align2, Area, Color32, Context, Frame, Id, Key, Margin, Modal, Order, Role, ScrollArea, Sense, Stroke, Vec2,
    WidgetInfo, pos2,
};

use super::{
    desk::{Act, Desk},
    icons,
    screens::{SCREENS, train::series_sheet::SeriesSheet},
    sheets::{self, PathPurpose, SheetState},
    shell,
    theme::{self, CARD_RADIUS, RADIUS, Weight, font, size, space},
    widgets::{TextField, galley_cut, key_cap_size, paint_key_cap, paint_left},
};
use crate::app::sample::Sample;
use crate::app::{App, Command};
use crate::core::LabelId;
use crate::core::queue::QueueOrder;
use crate::jobs::JobKind;

/// A line of the palette.
pub struct Entry {
    /// What it does: "Go to Train".
    pub title: String,
    /// Its key, where it has one.
    pub key: String,
    make: Box<dyn Fn() -> Act>,
}

/// The palette's state.
#[derive(Default)]
pub struct Palette {
    open: bool,
    query: String,
    chosen: usize,
}

impl Palette {
    /// Opens it, or closes it.
    pub fn toggle(&mut self) {
        *self = Palette {
            open: !self.open,
            ..Palette::default()
        };
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Shows it while it is open; a chosen entry is put on the desk.
    pub fn show(&mut self, ctx: &Context, desk: &mut Desk) {
        if !self.open {
            return;
        }
        let found = matching(entries(desk), &self.query);
        let (down, up, enter) = ctx.input_mut(|input| {
            let mut take = |key| input.consume_key(egui::Modifiers::NONE, key);
            (take(Key::ArrowDown), take(Key::ArrowUp), take(Key::Enter))
        });
        let last = found.len().saturating_sub(1);
        self.chosen = (self.chosen + usize::from(down))
            .saturating_sub(usize::from(up))
            .min(last);
        let moved = down || up;
        let clicked = self.draw(ctx, &found, moved);
        let run = clicked.or_else(|| enter.then_some(self.chosen));
        if let Some(entry) = run.and_then(|at| found.get(at)) {
            desk.act((entry.make)());
            self.open = false;
        }
    }

    fn draw(&mut self, ctx: &Context, found: &[Entry], moved: bool) -> Option<usize> {
        let tokens = theme::tokens(ctx.theme());
        let width = 560.0_f32.min(ctx.content_rect().width() - 32.0);
        let frame = Frame::new()
            .fill(tokens.panel)
            .stroke(Stroke::new(1.0, tokens.line))
            .corner_radius(CARD_RADIUS + 2)
            .shadow(ctx.global_style().visuals.window_shadow)
            .inner_margin(Margin::same(8));
        let id = Id::unique("palette");
        let area = Area::new(id).kind(egui::UiKind::Modal).order(Order::Foreground).anchor(
            Align2::CENTER_TOP,
            Vec2::new(0.0, (ctx.content_rect().height() * 0.12).min(96.0)),
        );
        let mut clicked = None;
        let modal = Modal::new(id)
            .area(area)
            .frame(frame)
            .backdrop_color(Color32::from_black_alpha(110));
        let response = modal.show(ctx, |ui| {
            ui.set_width(width);
            let field_id = Id::unique("palette query");
            let field = TextField::new("Command")
                .placeholder("Type a command…")
                .icon(icons::SEARCH)
                .id(field_id);
            let response = field.show(ui, &mut self.query);
            if response.changed() {
                self.chosen = 0;
            }
            response.request_focus();
            ui.add_space(6.0);
            ui.spacing_mut().item_spacing.y = 0.0;
            let height = (ui.ctx().content_rect().height() * 0.55).max(120.0);
            ScrollArea::vertical()
                .max_height(height)
                .auto_shrink([false, true])
                .show(ui, |ui| {
                    for (i, entry) in found.iter().enumerate() {
                        if row(ui, entry, i == self.chosen, moved) {
                            clicked = Some(i);
                        }
                    }
                    if found.is_empty() {
                        super::widgets::say(
                            ui,
                            "No command has that name.",
                            font(size::BASE, Weight::Regular),
                            tokens.text2,
                        );
                    }
                });
        });
        if response.should_close() {
            self.open = false;
        }
        clicked
    }
}

fn row(ui: &mut egui::Ui, entry: &Entry, chosen: bool, moved: bool) -> bool {
    let tokens = theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), space::RAIL_ITEM), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::MenuItem, true, chosen, &entry.title));
    if chosen {
        ui.painter()
            .rect_filled(rect, RADIUS, theme::mix(tokens.panel, tokens.accent, 0.14));
        if moved {
            response.scroll_to_me(None);
        }
    } else if response.hovered() {
        ui.painter().rect_filled(rect, RADIUS, tokens.raised);
    }
    let key_width = if entry.key.is_empty() {
        0.0
    } else {
        key_cap_size(ui, &entry.key).x
    };
    let text = galley_cut(
        ui,
        &entry.title,
        font(size::BASE, Weight::Regular),
        tokens.text,
        rect.width() - key_width - 40.0,
    );
    paint_left(ui.painter(), pos2(rect.left() + 12.0, rect.center().y), text);
    if !entry.key.is_empty() {
        paint_key_cap(
            ui,
            pos2(rect.right() - 12.0 - key_width, rect.center().y),
            &entry.key,
            false,
        );
    }
    response.clicked()
}

/// Every command that makes sense now.
pub fn entries(desk: &Desk) -> Vec<Entry> {
    let mut out = Vec::new();
    let mut add = |title: &str, key: &str, make: Box<dyn Fn() -> Act>| {
        out.push(Entry {
            title: title.to_owned(),
            key: key.to_owned(),
            make,
        });
    };
    if let Some(project) = desk.project() {
        for (i, screen) in SCREENS.iter().filter(|screen| screen.in_rail).enumerate() {
            let id = screen.id;
            add(
                &format!("Go to {}", screen.title),
                &format!("Ctrl {}", i + 1),
                Box::new(move || Act::Go(id)),
            );
        }
        if let Some(what) = &project.history.undo {
            add(&format!("Undo: {what}"), "Ctrl Z", Box::new(|| Act::Run(Command::Undo)));
        }
        if let Some(what) = &project.history.redo {
            add(
                &format!("Redo: {what}"),
                "Ctrl Shift Z",
                Box::new(|| Act::Run(Command::Redo)),
            );
        }
        add(
            "Import a file…",
            "",
            Box::new(|| Act::Show(SheetState::path(PathPurpose::Import))),
        );
        if project.state.n_texts() > 0 && desk.app.running(JobKind::Train).is_none() {
            add("Search options…", "", Box::new(|| Act::Show(SheetState::search())));
            add(
                "Compare settings, such as treatments of imbalance…",
                "",
                Box::new(|| Act::Show(SheetState::treatments())),
            );
        }
        if let Some(run) = project.state.runs.iter().rev().find(|run| !run.series.is_empty()) {
            let series = run.series.clone();
            add(
                &format!("All trials of {series}"),
                "",
                Box::new(move || Act::Show(SheetState::Series(SeriesSheet::new(&series)))),
            );
        }
        if let (Some(job), Some(training)) = (desk.app.running(JobKind::Train), &project.training) {
            let (title, command) = match training.paused {
                true => ("Go on: training", Command::Resume(job)),
                false => ("Pause: training", Command::Pause(job)),
            };
            add(title, "", Box::new(move || Act::Run(command.clone())));
        }
        add(
            "Labels from a file…",
            "",
            Box::new(|| Act::Show(SheetState::path(PathPurpose::Labels))),
        );
        add("Close the project", "", Box::new(|| Act::Run(Command::Close)));
        for (job, kind, _) in &desk.app.progress {
            let job = *job;
            add(
                &format!("Stop: {}", sheets::job_title(*kind)),
                "",
                Box::new(move || Act::Run(Command::Stop(job))),
            );
        }
    }
    add(
        "Open a project or a file…",
        "Ctrl O",
        Box::new(|| Act::Show(SheetState::path(PathPurpose::Open))),
    );
    add(
        "New project…",
        "Ctrl N",
        Box::new(|| Act::Show(SheetState::new_project(None))),
    );
    for (title, sample) in [
        ("Open the sample project", Sample::Tickets),
        ("Open the sample project with a label tree", Sample::Products),
    ] {
        let folder = sheets::sample_folder();
        let open = move || {
            Act::Run(Command::OpenSample {
                folder: folder.clone(),
                sample,
            })
        };
        add(title, "", Box::new(open));
    }
    for path in desk.app.settings.recent.iter().take(6) {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let path = path.clone();
        add(
            &format!("Open {name}"),
            "",
            Box::new(move || Act::Run(Command::Open(path.clone()))),
        );
    }
    for (choice, title) in shell::compute_choices(desk.app) {
        let compute = move || Act::Change(Box::new(move |app: &mut App| app.compute_on(choice)));
        add(&format!("Device: {title}"), "", Box::new(compute));
    }
    add("Switch between dark and light", "", Box::new(|| Act::Theme));
    add("Larger text", "Ctrl +", Box::new(|| Act::Zoom(1.1)));
    add("Smaller text", "Ctrl -", Box::new(|| Act::Zoom(1.0 / 1.1)));
    add("Normal text size", "Ctrl 0", Box::new(|| Act::Zoom(0.0)));
    add("Keys of this screen", "?", Box::new(|| Act::Help));
    out.extend(queue_entries(desk));
    out
}

/// Which part of a label tree the queue asks about, and in which order.
fn queue_entries(desk: &Desk) -> Vec<Entry> {
    /// More branches are reached through the queue's own menu.
    const MAX_BRANCHES: usize = 200;
    let Some(project) = desk.project().filter(|project| project.state.labels.is_hierarchical()) else {
        return Vec::new();
    };
    let act =
        |change: fn(&mut crate::app::Project, Option<LabelId>), branch: Option<LabelId>| -> Box<dyn Fn() -> Act> {
            Box::new(move || {
                Act::Change(Box::new(move |app: &mut App| {
                    if let Some(project) = &mut app.project {
                        change(project, branch);
                    }
                }))
            })
        };
    let entry = |title: String, make| Entry {
        title,
        key: String::new(),
        make,
    };
    let least_sure = act(|project, _| project.set_order(QueueOrder::LeastSureInTree), None);
    let mut out = vec![entry("Queue: least sure in the tree".to_owned(), least_sure)];
    if project.annotating.within.is_some() {
        out.push(entry(
            "Queue within the whole tree".to_owned(),
            act(|project, _| project.set_within(None), None),
        ));
    }
    let tree = &project.state.labels;
    let branches = desk.looks.iter().filter(|(id, _)| tree.has_children(*id));
    out.extend(branches.take(MAX_BRANCHES).map(|(id, look)| {
        let within = act(|project, branch| project.set_within(branch), Some(id));
        entry(format!("Queue within {}", look.path), within)
    }));
    out
}

/// Entries that have every word of the query, best match first: those that begin with it, then the rest in their order.
fn matching(entries: Vec<Entry>, query: &str) -> Vec<Entry> {
    let query = query.to_lowercase();
    let words: Vec<&str> = query.split_whitespace().collect();
    let mut found: Vec<Entry> = entries
        .into_iter()
        .filter(|entry| {
            let title = entry.title.to_lowercase();
            words.iter().all(|word| title.contains(word))
        })
        .collect();
    let rank = |title: &str| {
        let title = title.to_lowercase();
        let starts = words
            .iter()
            .any(|first| title.split_whitespace().any(|word| word.starts_with(first)));
        (!title.starts_with(query.trim()), !starts)
    };
    found.sort_by_key(|entry| rank(&entry.title));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_match_in_any_order_and_beginnings_come_first() {
        let entry = |title: &str| Entry {
            title: title.into(),
            key: String::new(),
            make: Box::new(|| Act::Help),
        };
        let entries = || {
            vec![
                entry("Go to Data"),
                entry("Stop training"),
                entry("Go to Train"),
                entry("Train again"),
            ]
        };
        let titles = |query| {
            matching(entries(), query)
                .into_iter()
                .map(|e| e.title)
                .collect::<Vec<_>>()
        };
        assert_eq!(titles("train"), ["Train again", "Stop training", "Go to Train"]);
        assert_eq!(titles("data go"), ["Go to Data"]);
        assert_eq!(titles("").len(), 4);
        assert!(titles("nothing").is_empty());
    }
}
