//! The queue: which texts come next, in which order.

use egui::{Popup, Rect, Stroke, Ui, pos2, vec2};

use crate::app::Project;
use crate::core::queue::QueueOrder;
use crate::core::{LabelId, TextId};
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size},
    widgets::{
        Card, Column, Table, TableRow, Width, galley, galley_cut, icon_at, menu_item, paint_left, paint_right,
        path_cut, prob, say, text_cut, thousands,
    },
};

pub(super) fn queue_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project) {
    Card::new().flush().show_in(ui, rect, |ui| {
        head_ui(ui, desk, project);
        let queue = &project.annotating.queue;
        if queue.is_empty() {
            let text = match project.state.n_texts() - project.state.n_annotated() {
                0 => "Every text has a label.",
                _ if project.annotating.within.is_some() => {
                    "No text is suggested or labelled in this branch. Choose another one, or the whole tree."
                }
                _ => "Nothing left in this order. Choose another one to see the skipped texts again.",
            };
            egui::Frame::new().inner_margin(14).show(ui, |ui| {
                crate::ui::widgets::wrapped(ui, text, font(size::BASE, Weight::Regular), theme::of(ui).text2);
            });
            return;
        }
        let current = project.annotating.current;
        let at = current.and_then(|id| queue.iter().position(|other| *other == id));
        let columns = [Column::left("", Width::Rest(1.0, 100.0))];
        let mut table = Table::new("queue", &columns, queue.len());
        table.row_height = 53.0;
        if desk.memory.annotate.revealed != current {
            desk.memory.annotate.revealed = current;
            table.reveal = at;
        }
        table.show(ui, |ui, row| {
            if let Some(id) = queue.get(row.index) {
                row_ui(ui, row, desk, project, *id, current == Some(*id));
            }
        });
    });
}

fn head_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    ui.spacing_mut().item_spacing.y = 0.0;
    let tokens = theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 42.0), egui::Sense::click());
    let mut title = order_title(project.annotating.order, desk);
    if let Some(branch) = project.annotating.within.and_then(|id| desk.looks.get(id)) {
        title = format!("{title} in {}", branch.name);
    }
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Queue order: {title}")));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, 7, tokens.raised);
    }
    let left = galley(
        ui,
        format!("{} left", thousands(project.annotating.n_open(&project.state))),
        font(size::BASE, Weight::Regular),
        tokens.text3,
    );
    let room = rect.width() - left.size().x - 54.0;
    let name = galley_cut(ui, &title, font(size::BASE, Weight::SemiBold), tokens.text, room);
    let end = rect.left() + 14.0 + name.size().x;
    paint_left(ui.painter(), pos2(rect.left() + 14.0, rect.center().y), name);
    icon_at(
        ui.painter(),
        pos2(end + 11.0, rect.center().y),
        crate::ui::icons::DOWN,
        13.0,
        tokens.text3,
    );
    paint_right(ui.painter(), pos2(rect.right() - 14.0, rect.center().y), left);
    ui.painter()
        .hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, tokens.line));
    Popup::menu(&response).accessible_name("Queue order").show(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.set_min_width(220.0);
        order_menu(ui, desk, project);
    });
}

fn order_menu(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let now = project.annotating.order;
    let choose = |ui: &mut Ui, desk: &mut Desk, order: QueueOrder, on: bool| {
        if menu_item(ui, &order_title(order, desk), on).clicked() {
            desk.change_project(move |project, _| project.set_order(order));
        }
    };
    choose(ui, desk, QueueOrder::InOrder, now == QueueOrder::InOrder);
    let seed = project.revision;
    choose(ui, desk, QueueOrder::Random(seed), matches!(now, QueueOrder::Random(_)));
    choose(ui, desk, QueueOrder::MostUncertain, now == QueueOrder::MostUncertain);
    let is_tree = project.state.labels.is_hierarchical();
    if is_tree {
        let order = QueueOrder::LeastSureInTree;
        choose(ui, desk, order, now == order);
    }
    scores_menu(ui, desk, project);
    let tokens = theme::of(ui);
    let small = font(size::SMALL, Weight::Regular);
    if is_tree {
        ui.add_space(6.0);
        say(ui, "Within", small.clone(), tokens.text3);
        branches_menu(ui, desk, project);
    }
    ui.add_space(6.0);
    say(ui, "Likely to be", small, tokens.text3);
    let labels: Vec<_> = desk.looks.iter().map(|(id, _)| id).collect();
    let on = match now {
        QueueOrder::Likely(label) => Some(label),
        _ => None,
    };
    if let Some(label) = labels_menu(ui, desk, "likely", &labels, on) {
        desk.change_project(move |project, _| project.set_order(QueueOrder::Likely(label)));
    }
}

/// The branches the queue can be restricted to.
fn branches_menu(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let within = project.annotating.within;
    if menu_item(ui, "The whole tree", within.is_none()).clicked() {
        desk.change_project(|project, _| project.set_within(None));
    }
    let tree = &project.state.labels;
    let branches: Vec<LabelId> = desk
        .looks
        .iter()
        .map(|(id, _)| id)
        .filter(|id| tree.has_children(*id))
        .collect();
    if let Some(branch) = labels_menu(ui, desk, "within", &branches, within) {
        desk.change_project(move |project, _| project.set_within(Some(branch)));
    }
}

/// Labels to choose one from, by their paths; only those in view are laid out.
fn labels_menu(ui: &mut Ui, desk: &Desk, salt: &str, labels: &[LabelId], on: Option<LabelId>) -> Option<LabelId> {
    let mut chosen = None;
    egui::ScrollArea::vertical().id_salt(salt).max_height(150.0).show_rows(
        ui,
        crate::ui::theme::space::ROW,
        labels.len(),
        |ui, range| {
            for label in labels.iter().skip(range.start).take(range.len()) {
                let path = desk.looks.get(*label).map_or("", |look| look.path.as_str());
                if menu_item(ui, path, on == Some(*label)).clicked() {
                    chosen = Some(*label);
                }
            }
        },
    );
    chosen
}

/// Whose scores order the queue, where there are two.
fn scores_menu(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let previewing = &project.previewing;
    if previewing.in_use().is_none() || project.suggestions.is_none() {
        return;
    }
    let tokens = theme::of(ui);
    say(ui, "By the scores of", font(size::SMALL, Weight::Regular), tokens.text3);
    for (title, on) in [("the quick model", false), ("zero-shot", true)] {
        if menu_item(ui, title, previewing.orders_queue == on).clicked() {
            desk.change_project(move |project, _| project.order_by_zero_shot(on));
        }
    }
}

fn order_title(order: QueueOrder, desk: &Desk) -> String {
    match order {
        QueueOrder::InOrder => "In order".into(),
        QueueOrder::Random(_) => "Random".into(),
        QueueOrder::MostUncertain => "Most uncertain".into(),
        QueueOrder::LeastSureInTree => "Least sure in the tree".into(),
        QueueOrder::Likely(label) => {
            format!(
                "Likely {}",
                desk.looks
                    .get(label)
                    .map_or("a deleted label", |look| look.name.as_str())
            )
        }
    }
}

fn row_ui(ui: &mut Ui, row: &mut TableRow, desk: &mut Desk, project: &Project, id: TextId, on: bool) {
    let Some(text) = project.state.text(id) else { return };
    let tokens = theme::of(ui);
    if row.begin(ui, &text.line(), on).clicked() {
        desk.change_project(move |project, _| project.annotating.show(&project.state, Some(id)));
    }
    if on {
        let bar = Rect::from_min_size(row.rect.min, vec2(3.0, row.rect.height()));
        ui.painter().rect_filled(bar, 0, tokens.accent);
    }
    let (left, right) = (row.rect.left() + 16.0, row.rect.right() - 14.0);
    let suggested = project.best_suggestion(id).filter(|_| !desk.memory.annotate.blind);
    let body = text_cut(ui, text, font(size::BASE, Weight::Regular), tokens.text, right - left);
    let y = if suggested.is_some() {
        row.rect.top() + 18.0
    } else {
        row.rect.center().y
    };
    paint_left(ui.painter(), pos2(left, y), body);
    let Some((label, probability)) = suggested else { return };
    let small = font(11.5, Weight::Regular);
    let figure = galley(ui, prob(Some(f64::from(probability))), small.clone(), tokens.text3);
    let name = desk
        .looks
        .get(label)
        .map_or(String::new(), |look| format!("{}?", look.path));
    let name = path_cut(ui, &name, small, tokens.text3, right - left - figure.size().x - 10.0);
    paint_left(ui.painter(), pos2(left, row.rect.top() + 36.0), name);
    paint_right(ui.painter(), pos2(right, row.rect.top() + 36.0), figure);
}
