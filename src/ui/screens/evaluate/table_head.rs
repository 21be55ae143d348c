//! Above a table of the Confusion tab: what is counted, as what, in which order, and how large its cells are.

use egui::{Align, Layout, Rect, Ui, vec2};

use super::{
    branches,
    figures::Figures,
    heat_table::View,
    matrix::{Shares, ZOOM_STEP, zoom_by},
};
use crate::core::TaskKind;
use crate::core::metrics::LabelOrder;
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size, space},
    widgets::{Button, Dropdown, in_rect, say, split_top},
};

/// Points for all lines; a tree has one more, for the way down to what is on show.
pub(super) fn height(view: View) -> f32 {
    let way = if matches!(view, View::Branch(_)) { WAY } else { 0.0 };
    2.0 * space::CONTROL_SMALL + 8.0 + way
}

/// Points for the way down.
const WAY: f32 = space::CONTROL_SMALL + 4.0;

const SHARES: [(Shares, &str, &str); 3] = [
    (Shares::Counts, "counts", "Texts"),
    (Shares::Rows, "rows", "Shares of the texts that truly have the label"),
    (
        Shares::Columns,
        "columns",
        "Shares of the texts that have the label of the column",
    ),
];

/// How an order is offered.
fn title(order: LabelOrder) -> &'static str {
    match order {
        LabelOrder::Project => "in project order",
        LabelOrder::Confused => "mixed-up labels together",
        LabelOrder::Support => "most texts first",
        LabelOrder::Recall => "least found first",
        LabelOrder::Name => "by name",
    }
}

/// Shows all lines; `view` is the one on show.
pub(super) fn head_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, figures: &Figures, view: View) {
    let rect = match view {
        View::Branch(under) => {
            let (way, rest) = split_top(rect, space::CONTROL_SMALL, 4.0);
            in_line(ui, "way", way, false, |ui| branches::way_ui(ui, desk, figures, under));
            rest
        }
        _ => rect,
    };
    let (first, second) = split_top(rect, space::CONTROL_SMALL, 4.0);
    let (second, _) = split_top(second, space::CONTROL_SMALL, 0.0);
    let left = in_line(ui, "what", first, false, |ui| match figures.evaluation.report.task {
        TaskKind::SingleLabel => {
            let face = font(size::SMALL, Weight::SemiBold);
            say(ui, "True label ↓  predicted →", face, theme::of(ui).text2);
        }
        TaskKind::MultiLabel => {
            let choices: &[View] = match &figures.evaluation.tree {
                Some(_) => &View::OF_TREE,
                None => &View::OF_MULTI,
            };
            for choice in choices.iter().copied() {
                let (name, help) = choice.title();
                let button = Button::quiet(name).small().selected(choice.is_like(view));
                if ui.add(button).on_hover_text(help).clicked() {
                    desk.memory.evaluate.table.view = Some(choice);
                }
            }
        }
    });
    let order = in_line(ui, "order", second, false, |ui| {
        let orders = LabelOrder::ALL;
        let memory = &mut desk.memory.evaluate.table;
        let names = orders.map(title);
        let chosen = Dropdown::new("Order of labels", title(memory.order)).small();
        if let Some(order) = chosen.choose(ui, &names).and_then(|at| orders.get(at)) {
            memory.order = *order;
            memory.reveal = true;
        }
    });
    if view == View::Outcomes {
        return;
    }
    in_line(ui, "shares", right_of(first, left), true, |ui| {
        for (shares, name, help) in SHARES.into_iter().rev() {
            let on = desk.memory.evaluate.table.shares == shares;
            let button = Button::quiet(name).small().selected(on);
            if ui.add(button).on_hover_text(help).clicked() {
                desk.memory.evaluate.table.shares = shares;
            }
        }
    });
    in_line(ui, "zoom", right_of(second, order), true, |ui| {
        let memory = &mut desk.memory.evaluate.table;
        let fit = Button::quiet("fit").small().selected(memory.zoom.is_none());
        if ui
            .add(fit.name("Fit the table"))
            .on_hover_text("All of the table (0)")
            .clicked()
        {
            memory.zoom = None;
        }
        for (sign, name, help, factor) in [
            (
                "+",
                "Larger cells",
                "Larger cells (+, or Ctrl and the wheel)",
                ZOOM_STEP,
            ),
            (
                "−",
                "Smaller cells",
                "Smaller cells (−, or Ctrl and the wheel)",
                1.0 / ZOOM_STEP,
            ),
        ] {
            if ui
                .add(Button::quiet(sign).small().name(name))
                .on_hover_text(help)
                .clicked()
            {
                zoom_by(memory, factor);
            }
        }
    });
}

/// Things side by side in a line; returns how wide they are.
fn in_line(ui: &mut Ui, salt: &str, rect: Rect, from_right: bool, add: impl FnOnce(&mut Ui)) -> f32 {
    let layout = match from_right {
        true => Layout::right_to_left(Align::Center),
        false => Layout::left_to_right(Align::Center),
    };
    in_rect(ui, salt, rect.expand(2.0), |ui| {
        let inner = ui.with_layout(layout, |ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            ui.add_space(2.0);
            add(ui);
            ui.min_rect().width()
        });
        inner.inner
    })
}

fn right_of(line: Rect, taken: f32) -> Rect {
    let min = line.min + vec2(taken.min(line.width()), 0.0);
    Rect::from_min_max(min, line.max)
}
