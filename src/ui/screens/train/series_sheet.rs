//! The trials of a series in a sheet: their settings, their figures, the winner, and a way to go on from each.

use egui::{Color32, Context, Sense, Ui, Vec2};

use super::series::{SeriesTable, Trial};
use super::{facts, form};
use crate::app::advice::sentence;
use crate::core::metrics::Metric;
use crate::core::{Run, RunId, RunStatus};
use crate::jobs::JobKind;
use crate::jobs::compare::Spread;
use crate::train::{METHODS, Method};
use crate::ui::{
    desk::{Act, Desk},
    theme::{self, Tokens, Weight, font, size, space},
    widgets::{Button, Column, Sheet, Table, TableRow, Width, in_rect, seconds, wrapped},
};

/// Columns of options at most.
const MOST_OPTIONS: usize = 4;

/// The sheet.
pub struct SeriesSheet {
    series: String,
    /// The chosen row; `None`: the best.
    chosen: Option<RunId>,
}

/// What a column shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    Name,
    Option(usize),
    Steps,
    Figure,
    MacroF1,
    Interval,
    Time,
    Status,
}

impl SeriesSheet {
    /// Of the series with this name.
    pub fn new(series: &str) -> Self {
        SeriesSheet {
            series: series.to_owned(),
            chosen: None,
        }
    }

    /// Shows the sheet; true when it should close.
    pub fn show(&mut self, ctx: &Context, desk: &mut Desk) -> bool {
        let Some(project) = desk.project() else { return true };
        let runs = project.state.runs.iter();
        let runs: Vec<&Run> = runs.filter(|run| run.series == self.series).collect();
        let (Some(table), Some(first)) = (SeriesTable::of(&runs), runs.first()) else {
            return true;
        };
        let method = METHODS.iter().find(|method| first.method == method.id);
        let mut done = false;
        let title = self.series.clone();
        let sheet = Sheet {
            title: &title,
            width: 980.0,
        };
        let closed = sheet.show(ctx, |ui| {
            ui.spacing_mut().item_spacing.y = 8.0;
            let says = says(desk, &table, &runs);
            wrapped(ui, says, font(size::SMALL, Weight::Regular), theme::of(ui).text2);
            let is_chosen = |row: &Trial| Some(row.run) == self.chosen;
            let chosen = table.rows.iter().position(is_chosen).unwrap_or(0);
            if let Some(clicked) = table_ui(ui, &table, method, chosen) {
                self.chosen = table.rows.get(clicked).map(|row| row.run);
            }
            let Some(trial) = table.rows.get(chosen) else { return };
            if let Some(run) = project.state.run(trial.run) {
                done = foot_ui(ui, desk, run, trial);
            }
        });
        closed || done
    }
}

/// How far it is, or what came out, and how to read the figures.
fn says(desk: &Desk, table: &SeriesTable, runs: &[&Run]) -> String {
    let training = desk.project().and_then(|project| project.training.as_ref());
    let is_running = desk.app.running(JobKind::Train).is_some()
        && training.is_some_and(|training| runs.iter().any(|run| run.id == training.run));
    let best = table.rows.first().filter(|row| row.figure.is_some());
    let mut says = match (is_running, best) {
        (true, _) => {
            let n_done = runs.iter().filter(|run| run.status != RunStatus::Training).count();
            let progress = desk.app.progress.iter().find(|(_, kind, _)| *kind == JobKind::Train);
            let total = progress.map_or(0, |(.., progress)| progress.total as usize);
            let series = runs.first().map_or("", |run| run.series.as_str());
            match progress.filter(|(.., progress)| progress.note.starts_with(series)) {
                Some(_) => format!("{n_done} of {total} trainings are done; the others follow."),
                None => format!("{n_done} trainings are done; the last is on its way."),
            }
        }
        (false, Some(best)) if best.is_winner => {
            "The winner is a model: trained with the best settings on all the texts.".to_owned()
        }
        (false, Some(_)) if table.is_level() => {
            "The first two are level. Models of trials are not kept: use the options of one and train.".to_owned()
        }
        (false, Some(best)) => format!(
            "{} is ahead. Models of trials are not kept: use its options and train.",
            best.name
        ),
        (false, None) => "No trial came to a figure.".to_owned(),
    };
    let trial = runs.iter().find(|run| run.is_trial() && run.scored_on.is_some());
    if let Some(kind) = trial.and_then(|run| run.scored_on) {
        says += &format!(" Trials are compared on {} scores", kind.name());
        let winner = runs.iter().find(|run| !run.is_trial()).and_then(|run| run.scored_on);
        says += &match winner.filter(|winner| *winner != kind) {
            Some(winner) => format!(", the winner was measured on {} scores.", winner.name()),
            None => ".".to_owned(),
        };
    }
    if table.rows.iter().any(|row| row.interval.is_some()) {
        says += " In brackets: where macro-F1 would fall with other texts of the same kind, in 95 of 100 cases.";
    }
    says
}

fn columns<'a>(table: &SeriesTable, titles: &'a [String]) -> Vec<(Shows, Column<'a>)> {
    use Width::{Points, Rest};
    let figure = if table.has_seeds { 116.0 } else { 92.0 };
    let mut columns = vec![(Shows::Name, Column::left("Trial", Rest(1.0, 120.0)))];
    let options = titles.iter().take(MOST_OPTIONS).enumerate();
    columns.extend(options.map(|(at, title)| (Shows::Option(at), Column::right(title, Points(118.0)))));
    if table.has_rungs {
        columns.push((Shows::Steps, Column::right("Steps", Points(64.0))));
    }
    columns.push((Shows::Figure, Column::right(table.metric.title, Points(figure))));
    if table.metric.id != "macro_f1" {
        columns.push((Shows::MacroF1, Column::right("Macro-F1", Points(figure))));
    }
    if table.rows.iter().any(|row| row.interval.is_some()) {
        columns.push((Shows::Interval, Column::left("", Points(112.0))));
    }
    columns.push((Shows::Time, Column::right("Time", Points(58.0))));
    columns.push((Shows::Status, Column::left("", Points(92.0))));
    columns
}

/// The trials; the index of the row that was clicked.
fn table_ui(ui: &mut Ui, table: &SeriesTable, method: Option<&'static Method>, chosen: usize) -> Option<usize> {
    let title = |id: &String| match method.and_then(|method| method.option(id).ok()) {
        Some(spec) => spec.title.to_owned(),
        None => facts::title(id),
    };
    let titles: Vec<String> = table.options.iter().map(title).collect();
    let (shows, columns): (Vec<Shows>, Vec<Column>) = columns(table, &titles).into_iter().unzip();
    let room = (ui.ctx().content_rect().height() - 260.0).max(120.0);
    let height = (space::ROW * (table.rows.len() + 1) as f32 + 2.0).min(room);
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    let mut clicked = None;
    in_rect(ui, "trials", rect, |ui| {
        Table::new("trials", &columns, table.rows.len()).show(ui, |ui, row| {
            let Some(trial) = table.rows.get(row.index) else { return };
            if row
                .begin(ui, &spoken(trial, table.metric), row.index == chosen)
                .clicked()
            {
                clicked = Some(row.index);
            }
            for (at, shows) in shows.iter().enumerate() {
                cell_ui(ui, row, at, *shows, trial);
            }
        });
    });
    clicked
}

fn cell_ui(ui: &Ui, row: &TableRow, at: usize, shows: Shows, trial: &Trial) {
    let tokens = theme::of(ui);
    let (text, color) = match shows {
        Shows::Name => {
            let strong = font(size::BASE, Weight::SemiBold);
            return row.text(ui, at, &trial.name, strong, tokens.text);
        }
        Shows::Option(option) => (trial.values.get(option).cloned().unwrap_or_default(), tokens.text2),
        Shows::Steps => {
            let share = trial.rung.map_or(1.0, |(_, share)| share);
            (format!("{:.0} %", share * 100.0), tokens.text2)
        }
        Shows::Figure => (figure(trial.figure), tokens.text),
        Shows::MacroF1 => (figure(trial.macro_f1), tokens.text),
        Shows::Interval => {
            let written = trial.interval.map(|(low, high)| format!("[{low:.3}, {high:.3}]"));
            (written.unwrap_or_default(), tokens.text3)
        }
        Shows::Time => (seconds(trial.secs), tokens.text2),
        Shows::Status => status(trial, tokens),
    };
    row.text(ui, at, &text, font(size::BASE, Weight::Regular), color);
}

/// `0.812`, `0.812 ± 0.014`, `–`.
fn figure(spread: Option<Spread>) -> String {
    match spread {
        None => "–".to_owned(),
        Some(Spread { mean, deviation: None }) => format!("{mean:.3}"),
        Some(Spread {
            mean,
            deviation: Some(deviation),
        }) => format!("{mean:.3} ± {deviation:.3}"),
    }
}

fn status(trial: &Trial, tokens: &Tokens) -> (String, Color32) {
    match trial.status {
        RunStatus::Training => ("training".to_owned(), tokens.accent),
        RunStatus::Failed => ("failed".to_owned(), tokens.error),
        RunStatus::Stopped => ("stopped".to_owned(), tokens.warning),
        RunStatus::Interrupted => ("interrupted".to_owned(), tokens.warning),
        RunStatus::Done if trial.is_winner => ("winner".to_owned(), tokens.good),
        RunStatus::Done if trial.n_seeds > 1 => (format!("{} seeds", trial.n_seeds), tokens.text3),
        RunStatus::Done => (String::new(), tokens.text3),
    }
}

/// A row for a screen reader.
fn spoken(trial: &Trial, metric: &Metric) -> String {
    let mut said = format!("{}: {}", trial.name, trial.values.join(", "));
    if trial.figure.is_some() {
        said += &format!(", {} {}", metric.title, figure(trial.figure));
    }
    if let Some((low, high)) = trial.interval {
        said += &format!(", macro F1 between {low:.3} and {high:.3}");
    }
    let (status, _) = status(trial, &theme::DARK);
    if !status.is_empty() {
        said += &format!(", {status}");
    }
    said
}

/// What went wrong with the chosen trial, and what can be done with it; true when the sheet should close.
fn foot_ui(ui: &mut Ui, desk: &mut Desk, run: &Run, trial: &Trial) -> bool {
    let tokens = theme::of(ui);
    if !trial.message.is_empty() {
        let says = sentence(&trial.message);
        wrapped(ui, says, font(size::SMALL, Weight::Regular), tokens.warning);
    }
    let mut done = false;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::S;
        let help = "Fills the form with the settings of the chosen trial, of a short one as they would be in full.";
        let name = format!("Use the options of {}", trial.name);
        if ui
            .add(Button::primary("Use these options").name(&name))
            .on_hover_text(help)
            .clicked()
        {
            form::take_over(desk, run);
            done = true;
        }
        if ui.add(Button::secondary("Show the run")).clicked() {
            let memory = &mut desk.memory.train;
            memory.run = Some(run.id);
            memory.open_series.insert(run.series.clone());
            memory.reveal = true;
            done = true;
        }
    });
    if done {
        desk.act(Act::Go(super::ID));
    }
    done
}
