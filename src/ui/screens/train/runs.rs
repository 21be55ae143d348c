//! The table of runs, newest first.

use egui::{Color32, Rect, Sense, Ui, pos2};

use super::{chosen_run, evaluate};
use crate::app::Project;
use crate::core::{Run, RunStatus};
use crate::jobs::JobKind;
use crate::train::METHODS;
use crate::ui::{
    desk::Desk,
    theme::{self, Tokens, Weight, font, size},
    widgets::{Card, Column, Table, TableRow, Width, paint_bar, seconds, thousands, wrapped},
};

/// What a column shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    Name,
    Method,
    Encoder,
    Labels,
    Score,
    Bar,
    MeasuredOn,
    Time,
    Status,
}

/// What to show in which column, and the least width of the table at which it is there.
fn columns() -> [(Shows, Column<'static>, f32); 9] {
    use Width::{Points, Rest};
    [
        (Shows::Name, Column::left("Run", Rest(1.0, 84.0)), 0.0),
        (Shows::Method, Column::left("Method", Points(92.0)), 420.0),
        (Shows::Encoder, Column::left("Encoder", Rest(2.0, 130.0)), 640.0),
        (Shows::Labels, Column::right("Labels", Points(70.0)), 560.0),
        (Shows::Score, Column::right("Macro-F1", Points(84.0)), 0.0),
        (Shows::Bar, Column::left("", Points(70.0)), 720.0),
        (Shows::MeasuredOn, Column::left("Measured on", Points(100.0)), 560.0),
        (Shows::Time, Column::right("Time", Points(64.0)), 420.0),
        (Shows::Status, Column::left("", Points(84.0)), 0.0),
    ]
}

pub(super) fn runs_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project) {
    let n_runs = project.state.runs.len();
    let aside = match n_runs {
        0 => "",
        _ => "double-click evaluates",
    };
    Card::titled("Runs").aside(aside).flush().show_in(ui, rect, |ui| {
        if n_runs == 0 {
            let tokens = theme::of(ui);
            egui::Frame::new().inner_margin(15).show(ui, |ui| {
                let text = "No runs yet. Each training adds one; all of them stay comparable.";
                wrapped(ui, text, font(size::BASE, Weight::Regular), tokens.text2);
            });
            return;
        }
        let chosen = chosen_run(desk, project).map(|run| run.id);
        let (shows, columns): (Vec<Shows>, Vec<Column>) = columns()
            .into_iter()
            .filter(|(.., least)| rect.width() >= *least)
            .map(|(shows, column, _)| (shows, column))
            .unzip();
        Table::new("runs", &columns, n_runs).show(ui, |ui, row| {
            let Some(run) = project.state.runs.get(n_runs - 1 - row.index) else {
                return;
            };
            let response = row.begin(ui, &spoken(run), chosen == Some(run.id));
            if response.clicked() {
                desk.memory.train.run = Some(run.id);
            }
            if response.double_clicked() {
                evaluate(desk, run);
            }
            for (at, shows) in shows.iter().enumerate() {
                cell_ui(ui, row, at, *shows, desk, project, run);
            }
        });
    });
}

fn cell_ui(ui: &mut Ui, row: &TableRow, at: usize, shows: Shows, desk: &Desk, project: &Project, run: &Run) {
    let tokens = theme::of(ui);
    let base = |weight| font(size::BASE, weight);
    let macro_f1 = run.metrics.get("macro_f1").copied();
    let (text, weight, color): (String, Weight, Color32) = match shows {
        Shows::Name => (run.name.clone(), Weight::SemiBold, tokens.text),
        Shows::Method => (method_title(run).to_owned(), Weight::Regular, tokens.text2),
        Shows::Encoder => (run.encoder.clone(), Weight::Regular, tokens.text2),
        Shows::Labels => (thousands(run.n_train), Weight::Regular, tokens.text),
        Shows::Score => {
            let text = macro_f1.map_or_else(|| "–".to_owned(), |f1| format!("{f1:.3}"));
            (text, Weight::Regular, tokens.text)
        }
        Shows::Bar => {
            if let Some(f1) = macro_f1 {
                let cell = row.cell(at);
                let (left, right, y) = (cell.left(), cell.right(), cell.center().y);
                let bar = Rect::from_min_max(pos2(left, y - 2.5), pos2(right, y + 2.5));
                paint_bar(ui, bar, f1 as f32, tokens.accent);
            }
            return;
        }
        Shows::MeasuredOn => {
            let kind = run.scored_on.map_or("", |kind| kind.name());
            (kind.to_owned(), Weight::Regular, tokens.text2)
        }
        Shows::Time => (seconds(secs(desk, project, run)), Weight::Regular, tokens.text2),
        Shows::Status => {
            let (text, color) = status(run, tokens);
            if !run.message.is_empty() {
                let sense = ui.interact(row.cell(at), ui.scope_id().with("status"), Sense::hover());
                sense.on_hover_text(&run.message);
            }
            (text.to_owned(), Weight::Regular, color)
        }
    };
    row.text(ui, at, &text, base(weight), color);
}

fn method_title(run: &Run) -> &str {
    METHODS
        .iter()
        .find(|method| method.id == run.method)
        .map_or(run.method.as_str(), |method| method.title)
}

/// Seconds a run took, or has been taking.
fn secs(desk: &Desk, project: &Project, run: &Run) -> f64 {
    let training = project.training.as_ref().filter(|training| training.run == run.id);
    match training.filter(|_| desk.app.running(JobKind::Train).is_some()) {
        Some(training) => training.started.elapsed().as_secs_f64(),
        None => run.train_secs,
    }
}

fn status(run: &Run, tokens: &Tokens) -> (&'static str, Color32) {
    match run.status {
        RunStatus::Training => ("training", tokens.accent),
        RunStatus::Done => ("done", tokens.text3),
        RunStatus::Stopped => ("stopped", tokens.warning),
        RunStatus::Failed => ("failed", tokens.error),
        RunStatus::Interrupted => ("interrupted", tokens.warning),
    }
}

/// The row for a screen reader.
fn spoken(run: &Run) -> String {
    let score = run
        .metrics
        .get("macro_f1")
        .map_or_else(String::new, |f1| format!(", macro F1 {f1:.3}"));
    let (status, _) = status(run, &theme::DARK);
    format!("{}, {} labels{score}, {status}", run.name, run.n_train)
}
