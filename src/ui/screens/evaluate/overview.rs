//! All figures of a run: the headline and where it misleads, then labels, slices, levels and every figure in tables.

use egui::{Color32, Rect, Ui, vec2};

use super::{figure_list, figures::Figures, filter, label_table, slice_table, tree_card};
use crate::core::metrics::{Interval, METRICS, Metric, Report};
use crate::core::slices::SliceName;
use crate::core::{Run, ScoreKind, TaskKind, report::cautions};
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size, space},
    widgets::{Card, figure3, galley, in_rect, split_right, split_top, stat, tabs, thousands, wrapped},
};

/// The method that leaves the encoder as it is, so that its out-of-fold scores are honest.
const FROZEN: &str = "probe";

const SINGLE: &[&str] = &[
    "accuracy",
    "macro_f1",
    "balanced_accuracy",
    "macro_average_precision",
    "hierarchical_f1",
    "calibration_error",
    "constant_guess_accuracy",
    "constant_guess_macro_f1",
];
const MULTI: &[&str] = &[
    "subset_accuracy",
    "macro_f1",
    "micro_f1",
    "hamming_loss",
    "macro_average_precision",
    "hierarchical_f1",
    "constant_guess_accuracy",
    "constant_guess_macro_f1",
];

const TREE: &[&str] = &[
    "path_accuracy",
    "leaf_macro_f1",
    "coarse_accuracy",
    "hierarchical_f1",
    "mean_tree_distance",
    "macro_f1",
    "calibration_error",
    "constant_guess_accuracy",
];

/// From this width on, all figures stand beside the tables.
const WIDE: f32 = 1000.0;
/// Points for all figures where they stand beside the tables.
const FIGURES: f32 = 400.0;
/// Points between two headline figures.
const GAP: f32 = 28.0;
/// Points for a headline figure at least.
const STAT: f32 = 92.0;

/// Which table is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum View {
    #[default]
    Labels,
    Slices,
    Tree,
    Figures,
}

impl View {
    fn title(self) -> &'static str {
        match self {
            View::Labels => "Labels",
            View::Slices => "Slices",
            View::Tree => "Tree",
            View::Figures => "All figures",
        }
    }
}

pub(super) fn overview_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, run: &Run, figures: &Figures) {
    let report = &figures.evaluation.report;
    let measured = measured(
        run,
        figures.evaluation.kind,
        report.n_texts,
        desk.memory.evaluate.filter.only(),
    );
    let mut remarks = cautions(report);
    remarks.extend(figures.evaluation.remark.clone());
    let head = 84.0 + sentences_height(ui, rect.width() - 32.0, report, &measured, &remarks);
    let (top, rest) = split_top(rect, head.min(rect.height() * 0.6), space::L);
    Card::new().show_in(ui, top, |ui| {
        headline_ui(ui, report);
        ui.add_space(8.0);
        ui.spacing_mut().item_spacing.y = 4.0;
        let tokens = theme::of(ui);
        let small = font(size::SMALL, Weight::Regular);
        wrapped(ui, measured, small.clone(), tokens.text2);
        for remark in &remarks {
            wrapped(ui, sentence(remark), small.clone(), tokens.warning);
        }
    });
    let mut views = vec![View::Labels];
    if !figures.evaluation.slices.is_empty() {
        views.push(View::Slices);
    }
    if rest.width() < WIDE {
        if report.hierarchy.is_some() {
            views.push(View::Tree);
        }
        views.push(View::Figures);
        return tables_ui(ui, rest, desk, figures, &views);
    }
    let (left, mut right) = split_right(rest, FIGURES, space::L);
    if let Some(hierarchy) = &report.hierarchy {
        let height = tree_card::height(hierarchy).min(right.height() * 0.6);
        let (tree, below) = split_top(right, height, space::L);
        tree_card::card_ui(ui, tree, hierarchy);
        right = below;
    }
    Card::new()
        .flush()
        .show_in(ui, right, |ui| figure_list::figures_ui(ui, report));
    let labels = label_table::height(report);
    if labels > left.height() * 0.5 || views.len() < 2 {
        return tables_ui(ui, left, desk, figures, &views);
    }
    // Few labels leave room for the other tables below them.
    let (above, below) = split_top(left, labels, space::L);
    Card::new()
        .flush()
        .show_in(ui, above, |ui| label_table::labels_ui(ui, desk, figures));
    tables_ui(ui, below, desk, figures, views.get(1..).unwrap_or_default());
}

/// One table of several.
fn tables_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, figures: &Figures, views: &[View]) {
    let report = &figures.evaluation.report;
    let now = views
        .iter()
        .position(|view| *view == desk.memory.evaluate.view)
        .unwrap_or(0);
    let titles: Vec<&str> = views.iter().map(|view| view.title()).collect();
    Card::new().flush().show_in(ui, rect, |ui| {
        let (head, body) = split_top(ui.available_rect_before_wrap(), space::CONTROL + 10.0, 0.0);
        in_rect(ui, "views", head.shrink2(vec2(8.0, 5.0)), |ui| {
            ui.horizontal(|ui| {
                if let Some(view) = tabs(ui, &titles, now).and_then(|at| views.get(at)) {
                    desk.memory.evaluate.view = *view;
                }
            });
        });
        in_rect(ui, "table", body, |ui| match views.get(now) {
            Some(View::Slices) => slice_table::slices_ui(ui, desk, figures),
            Some(View::Tree) => tree_card::tree_ui(ui, report.hierarchy.as_ref()),
            Some(View::Figures) => figure_list::figures_ui(ui, report),
            _ => label_table::labels_ui(ui, desk, figures),
        });
    });
}

/// The headline figures, in order.
fn headline(report: &Report) -> impl Iterator<Item = &'static Metric> {
    let wanted = match report.task {
        _ if report.hierarchy.is_some() => TREE,
        TaskKind::SingleLabel => SINGLE,
        TaskKind::MultiLabel => MULTI,
    };
    let known = |id: &&str| METRICS.iter().find(|metric| metric.id == *id);
    wanted.iter().filter_map(known).filter(|metric| metric.is_in(report))
}

/// They side by side, over as many lines as they need.
fn headline_ui(ui: &mut Ui, report: &Report) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(GAP, 6.0);
        for metric in headline(report) {
            metric_ui(ui, report, metric);
        }
    });
}

/// How many lines they need in `width` points.
fn headline_lines(ui: &Ui, width: f32, report: &Report) -> usize {
    let (mut lines, mut x) = (1, 0.0);
    for metric in headline(report) {
        let title = galley(ui, metric.title, font(size::SMALL, Weight::Regular), Color32::WHITE);
        let needed = title.size().x.max(STAT);
        if x > 0.0 && x + needed > width {
            (lines, x) = (lines + 1, 0.0);
        }
        x += needed + GAP;
    }
    lines
}

/// One named figure, with its interval where there is one.
pub(super) fn metric_ui(ui: &mut Ui, report: &Report, metric: &Metric) {
    let interval = report.intervals.as_ref().and_then(|intervals| intervals.of(metric));
    let figure = (metric.value)(report).map_or_else(|| "–".to_owned(), figure3);
    let remark = interval.map_or_else(String::new, |interval| format!("± {}", figure3(half(interval))));
    stat(ui, metric.title, &figure, &remark).on_hover_text(help(metric, interval));
}

/// What a figure says, and how far to believe it.
pub(super) fn help(metric: &Metric, interval: Option<Interval>) -> String {
    match interval {
        Some(Interval { low, high }) => format!(
            "{} With other texts of the same kind it would fall between {} and {} in 95 of 100 cases.",
            metric.help,
            figure3(low),
            figure3(high)
        ),
        None => metric.help.to_owned(),
    }
}

fn half(interval: Interval) -> f64 {
    (interval.high - interval.low) / 2.0
}

fn sentences_height(ui: &Ui, width: f32, report: &Report, measured: &str, remarks: &[String]) -> f32 {
    let small = font(size::SMALL, Weight::Regular);
    let sentences = std::iter::once(measured).chain(remarks.iter().map(String::as_str));
    let high = |text: &str| {
        let galley = ui
            .painter()
            .layout(text.to_owned(), small.clone(), Color32::WHITE, width);
        galley.size().y + 5.0
    };
    let lines = headline_lines(ui, width, report);
    sentences.map(high).sum::<f32>() + (lines - 1) as f32 * 52.0
}

/// What the figures were measured on, and how far to believe them.
fn measured(run: &Run, kind: ScoreKind, n_texts: usize, only: Option<&SliceName>) -> String {
    let texts = match n_texts {
        1 => "1 text".to_owned(),
        n => format!("{} texts", thousands(n)),
    };
    let narrowed = only.map_or_else(String::new, |name| format!("Only texts with {}. ", filter::title(name)));
    let sentence = match kind {
        ScoreKind::Test => format!("Measured on {texts} of the test split, which nothing was chosen on."),
        ScoreKind::Validation => format!(
            "Measured on {texts} of the validation split. Thresholds are chosen on it, so figures at tuned thresholds flatter a little."
        ),
        ScoreKind::OutOfFold if run.method == FROZEN => {
            format!("Measured on {texts} that train, each scored by a head that had not seen it.")
        }
        ScoreKind::OutOfFold => format!(
            "Measured on {texts} that train, each scored by a head that had not seen it. The encoder had seen all of them, so these \
             figures flatter: only a test split shows how the model does on new texts."
        ),
    };
    narrowed + &sentence
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + chars.as_str())
        .unwrap_or_default()
}
