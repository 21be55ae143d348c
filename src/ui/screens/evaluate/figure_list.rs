//! Every named figure of a report, with its interval.

use egui::{Rect, Ui, pos2};

use super::overview::help;
use crate::core::metrics::{Interval, METRICS, Metric, Report};
use crate::ui::{
    theme::{self, Weight, font, size, space},
    widgets::{Column, Table, TableRow, Width, figure3, in_rect, split_top, thousands, wrapped},
};

/// Points for the remark below the list.
const FOOT: f32 = 26.0;

/// All named figures of the task.
pub(super) fn figures_ui(ui: &mut Ui, report: &Report) {
    let metrics: Vec<&Metric> = METRICS
        .iter()
        .filter(|metric| metric.is_in(report) && !metric.is_repeated_in(report))
        .collect();
    let area = ui.available_rect_before_wrap();
    let foot = if report.intervals.is_some() { FOOT } else { 0.0 };
    let rows = ((area.height() - foot) / space::ROW).floor().max(2.0);
    let (list, below) = split_top(area, rows * space::ROW, 0.0);
    let bar = if area.width() < 340.0 { 0.0 } else { 46.0 };
    let columns = [
        Column::left("Figure", Width::Rest(1.0, 90.0)),
        Column::right("Value", Width::Points(54.0)),
        Column::right("95 % interval", Width::Points(98.0)),
        Column::left("", Width::Points(bar)),
    ];
    in_rect(ui, "figures", list, |ui| {
        Table::new("figures", &columns, metrics.len()).show(ui, |ui, row| {
            if let Some(metric) = metrics.get(row.index) {
                figure_ui(ui, row, report, metric);
            }
        });
    });
    if let Some(intervals) = &report.intervals {
        in_rect(ui, "resamples", below.shrink2(egui::vec2(16.0, 5.0)), |ui| {
            let text = format!(
                "Intervals from {} resamples of the texts.",
                thousands(intervals.n_resamples)
            );
            wrapped(ui, text, font(size::TINY, Weight::Regular), theme::of(ui).text3);
        });
    }
}

fn figure_ui(ui: &mut Ui, row: &mut TableRow, report: &Report, metric: &Metric) {
    let tokens = theme::of(ui);
    let value = (metric.value)(report);
    let interval = report.intervals.as_ref().and_then(|intervals| intervals.of(metric));
    let figure = value.map_or_else(|| "–".to_owned(), figure3);
    let range = interval.map_or_else(String::new, |Interval { low, high }| {
        format!("{} to {}", figure3(low), figure3(high))
    });
    let said = match range.as_str() {
        "" => format!("{}: {figure}", metric.title),
        range => format!("{}: {figure}, {range}", metric.title),
    };
    row.begin(ui, &said, false).on_hover_text(help(metric, interval));
    let regular = font(size::BASE, Weight::Regular);
    let ink = if value.is_some() { tokens.text } else { tokens.text3 };
    row.text(ui, 0, metric.title, regular.clone(), tokens.text2);
    row.text(ui, 1, &figure, font(size::BASE, Weight::Medium), ink);
    row.text(ui, 2, &range, font(size::SMALL, Weight::Regular), tokens.text3);
    let within = |value: f64| (0.0..=1.0).contains(&value);
    if let (Some(value), Some(interval)) = (
        value.filter(|value| within(*value)),
        interval.filter(|i| within(i.high)),
    ) {
        whisker_ui(ui, row.cell(3), value, interval);
    }
}

/// Where a figure lies between 0 and 1, and its interval.
pub(super) fn whisker_ui(ui: &Ui, cell: Rect, value: f64, Interval { low, high }: Interval) {
    if cell.width() < 20.0 {
        return;
    }
    let tokens = theme::of(ui);
    let x = |share: f64| cell.left() + cell.width() * share.clamp(0.0, 1.0) as f32;
    let y = cell.center().y;
    let bar =
        |from: f32, to: f32, half: f32| Rect::from_min_max(pos2(from, y - half), pos2(to.max(from + 1.0), y + half));
    let painter = ui.painter();
    painter.rect_filled(bar(cell.left(), cell.right(), 1.5), 1.5, tokens.track);
    painter.rect_filled(
        bar(x(low), x(high), 3.0),
        2.0,
        theme::mix(tokens.panel, tokens.accent, 0.45),
    );
    painter.circle_filled(pos2(x(value), y), 3.0, tokens.accent);
}
