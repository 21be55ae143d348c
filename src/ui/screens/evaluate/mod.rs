//! How good a run is: its figures, what it mixes up, and where the line is drawn for each label.
//!
//! Not here: computing figures. They come from [`crate::jobs::Evaluation`], which a job gathers; what moves while a threshold is
//! dragged is looked up in its curves.

mod branches;
mod cell;
mod cell_texts;
mod cell_words;
mod confusion;
mod figure_list;
mod figures;
mod filter;
mod heat_table;
mod label_picker;
mod label_table;
mod matrix;
mod outcomes;
mod overview;
mod shown;
mod slice_table;
mod table_head;
mod table_keys;
mod table_names;
mod threshold_head;
mod threshold_notes;
mod threshold_rows;
mod threshold_side;
mod thresholds;
mod tree_card;
mod word_marks;

use std::path::PathBuf;
use std::rc::Rc;

use egui::{Align, Context, Layout, Rect, Ui};

use super::{Screen, ScreenId};
use crate::app::Project;
use crate::core::{Run, RunId, ScoreKind};
use crate::ui::{
    desk::{Act, Desk},
    icons,
    keymap::{KeyHint, hint},
    theme::{self, Weight, font, size, space},
    widgets::{Card, Dropdown, SortArrow, empty_state, in_rect, screen_rect, split_top, tabs, wrapped},
};
use figures::Figures;
use shown::Scores;

/// Its id.
pub const ID: ScreenId = ScreenId("evaluate");

const KEYS: &[KeyHint] = &[
    hint("↑ ↓", "the text or label before or after"),
    hint("Shift ← ↑ ↓ →", "confusion: the cell beside the chosen one"),
    hint("Enter  Backspace", "confusion of a tree: down into the label, up again"),
    hint("+  −  0", "confusion: larger cells, smaller ones, all of the table"),
    hint("K", "confusion: keep the label as it is"),
    hint("X", "confusion: take over the model's answer"),
    hint("L", "confusion: give another label"),
    hint("F", "confusion: flag"),
    hint("C", "confusion: copy the text"),
    hint("W", "confusion: mark the words that moved the score, or not"),
    hint("← →", "thresholds: move the line; with Shift in larger steps"),
    hint("T", "thresholds: tune all"),
];

pub(super) const SCREEN: Screen = Screen {
    id: ID,
    title: "Evaluate",
    icon: icons::EVALUATE,
    in_rail: true,
    keys: KEYS,
    on_keys,
    ui,
};

/// What of a run is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    /// All figures.
    #[default]
    Overview,
    /// What was taken for what.
    Confusion,
    /// The line between yes and no, by label.
    Thresholds,
}

impl Tab {
    /// All tabs, left to right.
    pub const ALL: [Tab; 3] = [Tab::Overview, Tab::Confusion, Tab::Thresholds];

    fn title(self) -> &'static str {
        match self {
            Tab::Overview => "Overview",
            Tab::Confusion => "Confusion",
            Tab::Thresholds => "Thresholds",
        }
    }
}

/// What the screen remembers.
#[derive(Default)]
pub struct Memory {
    tab: Tab,
    /// The run a person chose; the newest finished one otherwise.
    run: Option<RunId>,
    /// The scores chosen on Overview and Confusion.
    reported: Option<ScoreKind>,
    /// Thresholds are looked at on the test split.
    tested: bool,
    /// The project all this belongs to.
    project: PathBuf,
    requests: shown::Requests,
    figures: Option<Rc<Figures>>,
    sorted: Option<SortArrow>,
    filter: filter::Memory,
    view: overview::View,
    table: matrix::Memory,
    cells: cell_texts::Memory,
    thresholds: thresholds::Memory,
}

impl Memory {
    /// Shows a run the next time the screen is drawn.
    pub fn show(&mut self, run: RunId, tab: Tab) {
        self.run = Some(run);
        self.tab = tab;
    }

    /// Shows a tab.
    pub fn show_tab(&mut self, tab: Tab) {
        self.tab = tab;
    }
}

fn on_keys(ctx: &Context, desk: &mut Desk) {
    let Some(project) = desk.project() else { return };
    let Some(figures) = desk.memory.evaluate.figures.clone() else {
        return;
    };
    if desk.memory.evaluate.project != project.store.path() {
        return;
    }
    match desk.memory.evaluate.tab {
        Tab::Overview => {}
        Tab::Confusion => confusion::on_keys(ctx, desk, project, &figures),
        Tab::Thresholds => thresholds::on_keys(ctx, desk, project, &figures),
    }
}

fn ui(ui: &mut Ui, desk: &mut Desk) {
    let Some(project) = desk.project() else { return };
    if desk.memory.evaluate.project != project.store.path() {
        let tab = desk.memory.evaluate.tab;
        desk.memory.evaluate = Memory {
            tab,
            project: project.store.path().to_owned(),
            ..Memory::default()
        };
    }
    let Some(run) = shown::run(&desk.memory.evaluate, project) else {
        return nothing_ui(ui, desk, project);
    };
    let kinds = shown::kinds(&mut desk.memory.evaluate, project, run);
    let kind = shown::kind(&desk.memory.evaluate, run, &kinds);
    let rect = screen_rect(ui);
    let narrow = rect.width() < 560.0;
    let (top, rest) = split_top(rect, if narrow { 66.0 } else { space::CONTROL }, space::L);
    top_ui(ui, top, narrow, desk, project, run, kind, &kinds);
    if desk.memory.evaluate.tab != Tab::Thresholds {
        thresholds::commit(desk, project);
    }
    let scores = shown::scores(desk, project, run, kind);
    if desk.memory.evaluate.filter.is_busy() {
        ui.ctx().request_repaint_after(std::time::Duration::from_millis(50));
    }
    match scores {
        Scores::Ready(figures) => match desk.memory.evaluate.tab {
            Tab::Overview => overview::overview_ui(ui, rest, desk, run, &figures),
            Tab::Confusion => confusion::confusion_ui(ui, rest, desk, project, &figures),
            Tab::Thresholds => thresholds::thresholds_ui(ui, rest, desk, project, run, &figures),
        },
        Scores::Waiting => {
            ui.ctx().request_repaint_after(std::time::Duration::from_millis(50));
            remark_ui(ui, rest, "Gathering scores.");
        }
        Scores::Refused => {
            let text = match kind {
                ScoreKind::OutOfFold => format!(
                    "There are no out-of-fold scores of {}. They need at least two training texts of each label. Choose other scores at the right, \
                     or put labelled texts into the test split.",
                    run.name
                ),
                _ => format!(
                    "There are no {} scores of {}. The list of messages says why; training the run again makes them.",
                    kind.name(),
                    run.name
                ),
            };
            remark_ui(ui, rest, &text);
        }
    }
}

fn nothing_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let (title, text, button) = match &project.training {
        Some(_) => (
            "No finished run yet",
            "A run is being trained. Its figures appear here when it ends.",
            "Watch it",
        ),
        None => (
            "No finished run yet",
            "Train a model; how good it is then stands here.",
            "Train",
        ),
    };
    if empty_state(ui, icons::EVALUATE, title, text, button) {
        desk.act(Act::Go(super::train::ID));
    }
}

fn remark_ui(ui: &mut Ui, rect: Rect, text: &str) {
    Card::new().show_in(ui, rect, |ui| {
        wrapped(ui, text, font(size::BASE, Weight::Regular), theme::of(ui).text2);
    });
}

#[allow(clippy::too_many_arguments)]
fn top_ui(
    ui: &mut Ui,
    rect: Rect,
    narrow: bool,
    desk: &mut Desk,
    project: &Project,
    run: &Run,
    kind: ScoreKind,
    kinds: &[ScoreKind],
) {
    let titles: Vec<&str> = Tab::ALL.iter().map(|tab| tab.title()).collect();
    let now = Tab::ALL
        .iter()
        .position(|tab| *tab == desk.memory.evaluate.tab)
        .unwrap_or(0);
    in_rect(ui, "tabs", rect.expand(2.0), |ui| {
        ui.add_space(2.0);
        ui.horizontal(|ui| {
            ui.add_space(2.0);
            if let Some(tab) = tabs(ui, &titles, now).and_then(|at| Tab::ALL.get(at)) {
                desk.memory.evaluate.tab = *tab;
            }
        });
    });
    let right = match narrow {
        true => Rect::from_min_max(egui::pos2(rect.left(), rect.bottom() - space::CONTROL), rect.max),
        false => Rect::from_min_max(egui::pos2(rect.left() + 300.0, rect.top()), rect.max),
    };
    in_rect(ui, "choices", right.expand(2.0), |ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(2.0);
            let names: Vec<&str> = kinds.iter().map(|kind| shown::title(*kind)).collect();
            let scores = Dropdown::new("Scores", shown::title(kind)).choose(ui, &names);
            if let Some(kind) = scores.and_then(|at| kinds.get(at)) {
                shown::choose_kind(&mut desk.memory.evaluate, *kind);
            }
            let runs: Vec<&Run> = shown::finished(project).collect();
            let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
            if let Some(run) = Dropdown::new("Run", &run.name)
                .choose(ui, &names)
                .and_then(|at| runs.get(at))
            {
                desk.memory.evaluate.run = Some(run.id);
            }
            if let Some(evaluation) = project.evaluations.get(&(run.id, kind))
                && desk.memory.evaluate.tab != Tab::Thresholds
            {
                filter::choice_ui(ui, desk, evaluation);
            }
        });
    });
}
