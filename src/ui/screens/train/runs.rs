//! The table of runs, newest first; the trials of a series fold into the best of them.

use std::collections::BTreeSet;

use egui::{Color32, Id, Rect, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2};

use super::outcome::method_title;
use super::{Memory, chosen_run, compare, evaluate, series};
use crate::app::Project;
use crate::core::stale::{Stale, staleness};
use crate::core::{Run, RunId, RunStatus};
use crate::jobs::JobKind;
use crate::ui::{
    desk::Desk,
    icons,
    theme::{self, Tokens, Weight, font, size},
    widgets::{
        Button, Card, Column, Table, TableRow, Width, figure3, galley_cut, icon_at, paint_left, seconds, thousands,
        wrapped,
    },
};

/// The most runs that can be marked.
const MOST_MARKED: usize = 2;

/// A row of the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RunRow<'a> {
    /// The run it shows: of a folded series, the best one.
    pub run: &'a Run,
    /// How many trials its series has; 0 for a run of its own and for the other rows of an open series.
    pub n_trials: usize,
    /// Whether it stands below the head of its series.
    pub nested: bool,
}

/// The rows as they stand, newest first.
pub(super) fn rows<'a>(runs: &'a [Run], open: &BTreeSet<String>) -> Vec<RunRow<'a>> {
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for run in runs.iter().rev() {
        if run.series.is_empty() {
            rows.push(RunRow {
                run,
                n_trials: 0,
                nested: false,
            });
            continue;
        }
        if !seen.insert(run.series.as_str()) {
            continue;
        }
        let trials = || runs.iter().rev().filter(|other| other.series == run.series);
        let Some(best) = series::best(trials()) else {
            continue;
        };
        rows.push(RunRow {
            run: best,
            n_trials: trials().count(),
            nested: false,
        });
        if open.contains(&run.series) {
            let others = trials().filter(|trial| trial.id != best.id);
            rows.extend(others.map(|run| RunRow {
                run,
                n_trials: 0,
                nested: true,
            }));
        }
    }
    rows
}

/// The row that shows a run: its own, else that of its folded series.
pub(super) fn row_of(rows: &[RunRow], run: &Run) -> Option<usize> {
    let own = rows.iter().position(|row| row.run.id == run.id);
    own.or_else(|| {
        rows.iter()
            .position(|row| row.n_trials > 0 && row.run.series == run.series)
    })
}

/// Marks a run for comparing, or takes the mark away; the mark set first gives way to a third.
pub(super) fn mark(memory: &mut Memory, run: RunId) {
    match memory.marked.iter().position(|marked| *marked == run) {
        Some(at) => {
            memory.marked.remove(at);
        }
        None => {
            memory.marked.push(run);
            let n_over = memory.marked.len().saturating_sub(MOST_MARKED);
            memory.marked.drain(..n_over);
        }
    }
}

/// The bootstrap interval of a run's macro-F1, where it was stored with it.
pub(super) fn interval(run: &Run) -> Option<(f64, f64)> {
    let end = |id| run.metrics.get(id).copied();
    end("macro_f1_low").zip(end("macro_f1_high"))
}

/// What a column shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    Mark,
    Name,
    Method,
    Encoder,
    Labels,
    Seed,
    Score,
    Bar,
    MeasuredOn,
    Time,
}

/// What to show in which column, and the least width of the table at which it is there.
fn columns() -> [(Shows, Column<'static>, f32); 10] {
    use Width::{Points, Rest};
    [
        (Shows::Mark, Column::left("", Points(28.0)), 420.0),
        (Shows::Name, Column::left("Run", Rest(1.5, 112.0)), 0.0),
        (Shows::Method, Column::left("Method", Points(80.0)), 500.0),
        (Shows::Encoder, Column::left("Encoder", Rest(1.1, 104.0)), 740.0),
        (Shows::Labels, Column::right("Labels", Points(56.0)), 560.0),
        (Shows::Seed, Column::right("Seed", Points(42.0)), 660.0),
        (Shows::Score, Column::right("Macro-F1", Points(76.0)), 0.0),
        (Shows::Bar, Column::left("", Rest(0.65, 56.0)), 600.0),
        (Shows::MeasuredOn, Column::left("Measured on", Points(100.0)), 380.0),
        (Shows::Time, Column::right("Time", Points(58.0)), 420.0),
    ]
}

pub(super) fn runs_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project) {
    let runs = &project.state.runs;
    Card::titled("Runs").flush().show_in(ui, rect, |ui| {
        if runs.is_empty() {
            let tokens = theme::of(ui);
            egui::Frame::new().inner_margin(15).show(ui, |ui| {
                let text = "No runs yet. Each training adds one; all of them stay comparable.";
                wrapped(ui, text, font(size::BASE, Weight::Regular), tokens.text2);
            });
            return;
        }
        compare_ui(ui, rect, desk);
        let (shows, columns): (Vec<Shows>, Vec<Column>) = columns()
            .into_iter()
            .filter(|(.., least)| rect.width() >= *least)
            .map(|(shows, column, _)| (shows, column))
            .unzip();
        let rows = rows(runs, &desk.memory.train.open_series);
        let chosen = chosen_run(desk, project).and_then(|run| row_of(&rows, run));
        let reveal = desk.memory.train.reveal;
        desk.memory.train.reveal = false;
        let mut table = Table::new("runs", &columns, rows.len());
        table.reveal = chosen.filter(|_| reveal);
        table.show(ui, |ui, row| {
            if let Some(shown) = rows.get(row.index) {
                row_ui(ui, row, &shows, desk, project, shown, chosen == Some(row.index));
            }
        });
    });
}

/// The button at the right of the card's title.
fn compare_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk) {
    let marked = desk.memory.train.marked.len();
    if compare::pair(desk).is_none() {
        return;
    }
    let text = match marked {
        0 => "Compare with the run before",
        1 => "Compare with the marked run",
        _ => "Compare the two",
    };
    let at = Rect::from_min_size(pos2(rect.right() - 300.0, rect.top() + 8.0), Vec2::new(288.0, 26.0));
    let layout = egui::Layout::right_to_left(egui::Align::Center);
    let mut right = ui.new_child(egui::UiBuilder::new().id_salt("compare").max_rect(at).layout(layout));
    let help = "Mark up to two runs by the boxes at the left, or with M.";
    if right
        .add(Button::quiet(text).small().key("C"))
        .on_hover_text(help)
        .clicked()
    {
        compare::open(desk);
    }
}

fn row_ui(
    ui: &mut Ui,
    row: &TableRow,
    shows: &[Shows],
    desk: &mut Desk,
    project: &Project,
    shown: &RunRow,
    chosen: bool,
) {
    let run = shown.run;
    let response = row.begin(ui, &spoken(shown), chosen);
    if response.clicked() {
        desk.memory.train.run = Some(run.id);
        if shown.n_trials > 0 {
            let on_arrow = response.interact_pointer_pos().is_some_and(|at| {
                let name = shows.iter().position(|shows| *shows == Shows::Name);
                name.is_some_and(|name| at.x < row.cell(name).left() + 18.0 && at.x >= row.cell(name).left() - 8.0)
            });
            if on_arrow {
                toggle_series(&mut desk.memory.train, &run.series);
            }
        }
    }
    if response.double_clicked() {
        evaluate(desk, run);
    }
    for (at, shows) in shows.iter().enumerate() {
        match shows {
            Shows::Mark => mark_ui(ui, row.cell(at), desk, run),
            Shows::Name => name_ui(ui, row, at, desk, shown),
            Shows::Bar => bar_ui(ui, row.cell(at), run),
            _ => cell_ui(ui, row, at, *shows, desk, project, run),
        }
    }
}

/// Opens a folded series, or folds an open one.
pub(super) fn toggle_series(memory: &mut Memory, series: &str) {
    if !memory.open_series.remove(series) {
        memory.open_series.insert(series.to_owned());
    }
}

fn mark_ui(ui: &mut Ui, cell: Rect, desk: &mut Desk, run: &Run) {
    let tokens = theme::of(ui);
    let on = desk.memory.train.marked.contains(&run.id);
    let square = Rect::from_center_size(pos2(cell.left() + 7.0, cell.center().y), Vec2::splat(14.0));
    let response = ui.interact(square.expand(6.0), ui.scope_id().with("mark"), Sense::click());
    let name = format!("Mark {}", run.name);
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, on, &name));
    let (fill, line) = match on {
        true => (tokens.accent_fill, tokens.accent_fill),
        false if response.hovered() || response.has_focus() => (tokens.raised, tokens.accent),
        false => (tokens.panel, theme::mix(tokens.panel, tokens.text3, 0.7)),
    };
    ui.painter()
        .rect(square, 4, fill, Stroke::new(1.0, line), egui::StrokeKind::Inside);
    if on {
        icon_at(ui.painter(), square.center(), icons::CHECK, 11.0, Color32::WHITE);
    }
    if response.on_hover_text("Mark it for comparing").clicked() {
        mark(&mut desk.memory.train, run.id);
    }
}

fn name_ui(ui: &Ui, row: &TableRow, at: usize, desk: &Desk, shown: &RunRow) {
    let tokens = theme::of(ui);
    let run = shown.run;
    let strong = font(size::BASE, Weight::SemiBold);
    if shown.n_trials == 0 {
        let name = match shown.nested {
            true => format!("      {}", own_name(run)),
            false => run.name.clone(),
        };
        return row.text(ui, at, &name, strong, tokens.text);
    }
    let cell = row.cell(at);
    let open = desk.memory.train.open_series.contains(&run.series);
    let icon = if open { icons::DOWN } else { icons::RIGHT };
    icon_at(
        ui.painter(),
        pos2(cell.left() + 5.0, cell.center().y),
        icon,
        13.0,
        tokens.text2,
    );
    let room = (cell.right() - cell.left() - 16.0).max(0.0);
    let name = galley_cut(ui, &run.series, strong, tokens.text, room);
    let x = cell.left() + 16.0 + name.size().x + 8.0;
    paint_left(ui.painter(), pos2(cell.left() + 16.0, cell.center().y), name);
    let of = format!("{}, best of {}", own_name(run), shown.n_trials);
    let of = galley_cut(
        ui,
        &of,
        font(size::SMALL, Weight::Regular),
        tokens.text3,
        (cell.right() - x).max(0.0),
    );
    paint_left(ui.painter(), pos2(x, cell.center().y), of);
}

/// The name of a run of a series without that of the series.
pub(super) fn own_name(run: &Run) -> &str {
    let own = run.name.strip_prefix(&run.series).unwrap_or(&run.name);
    own.trim_start_matches([' ', '·'])
}

/// The score as a bar, with the bootstrap interval over it.
fn bar_ui(ui: &Ui, cell: Rect, run: &Run) {
    let Some(f1) = run.metrics.get("macro_f1") else { return };
    let tokens = theme::of(ui);
    let y = cell.center().y;
    let bar = Rect::from_min_max(pos2(cell.left(), y - 2.5), pos2(cell.right(), y + 2.5));
    crate::ui::widgets::paint_bar(ui, bar, *f1 as f32, tokens.accent);
    let Some((low, high)) = interval(run) else { return };
    let x = |value: f64| cell.left() + cell.width() * value.clamp(0.0, 1.0) as f32;
    let stroke = Stroke::new(1.5, tokens.text2);
    ui.painter().hline(x(low)..=x(high), y, stroke);
    for end in [low, high] {
        ui.painter().vline(x(end), (y - 4.5)..=(y + 4.5), stroke);
    }
}

fn cell_ui(ui: &mut Ui, row: &TableRow, at: usize, shows: Shows, desk: &Desk, project: &Project, run: &Run) {
    let tokens = theme::of(ui);
    let (text, color) = match shows {
        Shows::Method => (method_title(run).to_owned(), tokens.text2),
        Shows::Encoder => (run.encoder.clone(), tokens.text2),
        Shows::Labels => (thousands(run.n_train), tokens.text),
        Shows::Seed => (run.seed.to_string(), tokens.text2),
        Shows::Score => {
            let f1 = run.metrics.get("macro_f1");
            (f1.map_or_else(|| "–".to_owned(), |f1| format!("{f1:.3}")), tokens.text)
        }
        Shows::MeasuredOn => match (status(run, tokens), stale(ui, project, run)) {
            ((text, _), Some(_)) => (format!("{text}, stale"), tokens.warning),
            (shown, None) => shown,
        },
        Shows::Time => (seconds(secs(desk, project, run)), tokens.text2),
        Shows::Mark | Shows::Name | Shows::Bar => return,
    };
    row.text(ui, at, &text, font(size::BASE, Weight::Regular), color);
    let remark = match (shows, interval(run)) {
        (Shows::Score, Some((low, high))) => format!(
            "With other texts of the same kind it would fall between {} and {} in 95 of 100 cases.",
            figure3(low),
            figure3(high)
        ),
        (Shows::MeasuredOn, _) => match stale(ui, project, run) {
            Some(stale) => format!("Stale: {stale}. {}", run.message).trim().to_owned(),
            None => run.message.clone(),
        },
        (Shows::Encoder, _) => run.encoder.clone(),
        _ => return,
    };
    if !remark.is_empty() {
        let sense = ui.interact(row.cell(at), ui.scope_id().with(("remark", at)), Sense::hover());
        sense.on_hover_text(remark);
    }
}

/// What has changed of the labels of a run since, worked out once for each state of the project: a run may have thousands of labels.
fn stale(ui: &Ui, project: &Project, run: &Run) -> Option<Stale> {
    let known = Id::unique("stale").with((project.store.path(), project.revision, run.id));
    ui.data_mut(|data| *data.get_temp_mut_or_insert_with(known, || staleness(run, &project.state.labels)))
}

/// Seconds a run took, or has been taking.
fn secs(desk: &Desk, project: &Project, run: &Run) -> f64 {
    let training = project.training.as_ref().filter(|training| training.run == run.id);
    match training.filter(|_| desk.app.running(JobKind::Train).is_some()) {
        Some(training) => run.train_secs + training.started.elapsed().as_secs_f64(),
        None => run.train_secs,
    }
}

/// What a run was measured on, or why it was not.
fn status(run: &Run, tokens: &Tokens) -> (String, Color32) {
    let measured = run.scored_on.map_or("not measured", |kind| kind.name());
    match run.status {
        RunStatus::Training => ("training".to_owned(), tokens.accent),
        RunStatus::Done => (measured.to_owned(), tokens.text2),
        RunStatus::Stopped => (format!("{measured}, stopped"), tokens.warning),
        RunStatus::Failed => ("failed".to_owned(), tokens.error),
        RunStatus::Interrupted => ("interrupted".to_owned(), tokens.warning),
    }
}

/// The row for a screen reader.
fn spoken(shown: &RunRow) -> String {
    let run = shown.run;
    let score = match (run.metrics.get("macro_f1"), interval(run)) {
        (None, _) => String::new(),
        (Some(f1), None) => format!(", macro F1 {f1:.3}"),
        (Some(f1), Some((low, high))) => format!(", macro F1 {f1:.3}, between {low:.3} and {high:.3}"),
    };
    let (status, _) = status(run, &theme::DARK);
    let series = match shown.n_trials {
        0 => String::new(),
        n => format!(", best of {n} in {}", run.series),
    };
    format!("{}, {} labels{score}, {status}{series}", run.name, run.n_train)
}
