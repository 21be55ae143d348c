//! Above the thresholds: what to tune for, what else decides, and the figures over all labels as they stand.

use egui::{Rect, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::{figures::Figures, threshold_rows::Order, thresholds::tune};
use crate::app::{Command, Project};
use crate::core::metrics::default_threshold;
use crate::core::thresholds::{Average, Goal, Headline, Objective, Scope};
use crate::core::{Run, TaskKind};
use crate::ui::{
    desk::Desk,
    icons,
    theme::{self, Weight, font, size, space},
    widgets::{
        Button, Dropdown, NumberField, TextField, figure3, galley, icon_button, in_rect, paint_left, prob_short,
        split_top, switch, thousands,
    },
};

/// Points for the objective and the figures.
const FIRST: f32 = 55.0;
/// Points for what else can be done.
const SECOND: f32 = 40.0;
/// With more labels than this they can be searched and sorted.
const FEW_LABELS: usize = 6;

/// Points for everything above the rows.
pub(super) fn height(figures: &Figures, read_only: bool) -> f32 {
    let choices = if read_only { 0.0 } else { SECOND };
    FIRST + choices + if figures.n_labels() > FEW_LABELS { SECOND } else { 0.0 }
}

/// Kinds of goals as the list shows them, each with the numbers it begins with.
const GOALS: [(&str, Goal); 7] = [
    ("best F1", Goal::F1),
    ("best Fβ, β", Goal::FBeta(2.0)),
    ("precision ≥", Goal::PrecisionAtLeast(0.9)),
    ("recall ≥", Goal::RecallAtLeast(0.9)),
    (
        "least cost",
        Goal::Cost {
            false_positive: 1.0,
            false_negative: 5.0,
        },
    ),
    ("share as labelled", Goal::Prior),
    ("accuracy ≥", Goal::AccuracyAtLeast(0.95)),
];

const SCOPES: [(&str, Scope); 3] = [
    ("each label", Scope::EachLabel),
    ("one for all, macro", Scope::Common(Average::Macro)),
    ("one for all, micro", Scope::Common(Average::Micro)),
];

fn same_kind(a: Goal, b: Goal) -> bool {
    std::mem::discriminant(&a) == std::mem::discriminant(&b)
}

pub(super) fn head_ui(
    ui: &mut Ui,
    rect: Rect,
    desk: &mut Desk,
    project: &Project,
    run: &Run,
    figures: &Figures,
    read_only: bool,
) {
    let line = Stroke::new(1.0, theme::of(ui).line);
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, line);
    let (first, rest) = split_top(rect, FIRST, 0.0);
    let mut left_end = rect.left() + 16.0;
    if !read_only {
        left_end = row_ui(ui, "objective", first, |ui| {
            objective_ui(ui, rect.width(), desk, run, figures.evaluation.tree.is_some())
        });
    }
    let room = Rect::from_min_max(pos2(left_end + 8.0, first.top()), first.max - vec2(16.0, 0.0));
    let now = desk.memory.evaluate.thresholds.live(figures).headline();
    summary_ui(ui, room, &now, &figures.evaluation.untuned, run.task);
    let (second, third) = split_top(rest, if read_only { 0.0 } else { SECOND }, 0.0);
    if !read_only {
        let end = row_ui(ui, "actions", second.translate(vec2(0.0, -6.0)), |ui| {
            actions_ui(ui, desk, project, run, figures)
        });
        let room = Rect::from_min_max(pos2(end + 8.0, second.top() - 6.0), second.max - vec2(16.0, 6.0));
        more_ui(ui, room, &now, &figures.evaluation.untuned, run.task);
    }
    if figures.n_labels() > FEW_LABELS {
        row_ui(ui, "find", third.translate(vec2(0.0, -6.0)), |ui| {
            find_ui(ui, desk, figures)
        });
    }
}

/// Things side by side in the middle of a strip; where they end.
fn row_ui(ui: &mut Ui, salt: &str, rect: Rect, add: impl FnOnce(&mut Ui)) -> f32 {
    let inner = Rect::from_min_max(
        pos2(rect.left() + 14.0, rect.center().y - space::CONTROL / 2.0 - 2.0),
        pos2(rect.right(), rect.center().y + space::CONTROL / 2.0 + 4.0),
    );
    in_rect(ui, salt, inner, |ui| {
        ui.add_space(2.0);
        ui.horizontal(|ui| {
            ui.add_space(2.0);
            ui.spacing_mut().item_spacing.x = 8.0;
            add(ui);
            ui.min_rect().right()
        })
        .inner
    })
}

fn objective_ui(ui: &mut Ui, width: f32, desk: &mut Desk, run: &Run, in_tree: bool) {
    let objective = desk.memory.evaluate.thresholds.objective(run);
    let goals: Vec<(&str, Goal)> = (GOALS.into_iter())
        .filter(|(_, goal)| run.task == TaskKind::SingleLabel && !in_tree || !matches!(goal, Goal::AccuracyAtLeast(_)))
        .collect();
    let has_two = matches!(objective.goal(), Goal::Cost { .. });
    if width > if has_two { 760.0 } else { 660.0 } {
        let text = galley(ui, "Tune for", font(size::BASE, Weight::Regular), theme::of(ui).text2);
        let (at, _) = ui.allocate_exact_size(vec2(text.size().x, space::CONTROL), Sense::hover());
        paint_left(ui.painter(), at.left_center(), text);
    }
    let title = goals.iter().find(|(_, goal)| same_kind(*goal, objective.goal()));
    let titles: Vec<&str> = goals.iter().map(|(title, _)| *title).collect();
    let mut goal = objective.goal();
    if let Some((_, chosen)) = Dropdown::new("Tune for", title.map_or("best F1", |(title, _)| title))
        .choose(ui, &titles)
        .and_then(|at| goals.get(at))
        .filter(|(_, chosen)| !same_kind(*chosen, goal))
    {
        goal = *chosen;
    }
    goal_values_ui(ui, &mut goal);
    if goal != objective.goal() {
        desk.memory.evaluate.thresholds.objective = Some(Objective::new(goal, objective.scope()));
    }
    if ui
        .add(Button::primary("Tune all"))
        .on_hover_text("Chooses the best threshold of every label. T")
        .clicked()
    {
        tune(desk, run, None);
    }
}

/// The numbers of a goal, to type.
fn goal_values_ui(ui: &mut Ui, goal: &mut Goal) {
    let share = |ui: &mut Ui, name: &str, value: &mut f64| {
        ui.add(
            NumberField::new(name, value, 0.0..=1.0)
                .decimals(3)
                .speed(0.002)
                .width(52.0),
        );
    };
    match goal {
        Goal::F1 | Goal::Prior => {}
        Goal::FBeta(beta) => {
            let field = NumberField::new("Beta: how much more recall weighs", beta, 0.05..=20.0);
            ui.add(field.speed(0.02).width(52.0));
        }
        Goal::PrecisionAtLeast(least) => share(ui, "Least precision", least),
        Goal::RecallAtLeast(least) => share(ui, "Least recall", least),
        Goal::AccuracyAtLeast(least) => share(ui, "Least accuracy of the answers", least),
        Goal::Cost {
            false_positive,
            false_negative,
        } => {
            let field = NumberField::new("Cost of a false positive", false_positive, 0.0..=1000.0);
            ui.add(field.speed(0.05).suffix(" FP").width(54.0))
                .on_hover_text("What a label too many costs");
            // Both at zero would leave nothing to choose.
            let least = if *false_positive > 0.0 { 0.0 } else { 0.01 };
            let field = NumberField::new("Cost of a false negative", false_negative, least..=1000.0);
            ui.add(field.speed(0.05).suffix(" FN").width(54.0))
                .on_hover_text("What a missing label costs");
        }
    }
}

fn actions_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, run: &Run, figures: &Figures) {
    let objective = desk.memory.evaluate.thresholds.objective(run);
    let abstains = matches!(objective.goal(), Goal::AccuracyAtLeast(_));
    if !abstains {
        let title = SCOPES.iter().find(|(_, scope)| *scope == objective.scope());
        let titles = SCOPES.map(|(title, _)| title);
        let choice = Dropdown::new("Thresholds", title.map_or("", |(title, _)| title)).small();
        if let Some((_, scope)) = choice.choose(ui, &titles).and_then(|at| SCOPES.get(at)) {
            desk.memory.evaluate.thresholds.objective = Some(Objective::new(objective.goal(), *scope));
        }
    }
    let label = desk.memory.evaluate.thresholds.selected(figures);
    let may_tune_one = label.is_some() && objective.scope() == Scope::EachLabel;
    let one = ui.add_enabled(may_tune_one, Button::secondary("Tune this").small());
    if one
        .on_hover_text("Chooses the threshold of the selected label; the others stay.")
        .clicked()
    {
        tune(desk, run, label);
    }
    let untuned = default_threshold(run.task);
    let reset = match run.task {
        TaskKind::MultiLabel => "Reset to .50",
        TaskKind::SingleLabel => "Reset",
    };
    let is_reset = run.thresholds.iter().all(|threshold| *threshold == untuned);
    let button = ui.add_enabled(!is_reset, Button::secondary(reset).small());
    if button.on_hover_text("Undo brings the thresholds back.").clicked() {
        desk.memory.evaluate.thresholds.set(run, None, untuned);
    }
    let undo = ui.add_enabled_ui(project.history.undo.is_some(), |ui| {
        icon_button(ui, icons::UNDO, "Undo")
    });
    let title = project.history.undo.as_deref().unwrap_or("Nothing to undo");
    if undo.inner.on_hover_text(title).clicked() {
        desk.run(Command::Undo);
    }
    if run.task == TaskKind::MultiLabel {
        let mut on = desk.memory.evaluate.thresholds.at_least_one(run);
        let help =
            "A text with no label at its threshold gets its best one. Saved with the run, exported with the model.";
        if switch(ui, "At least one label", &mut on).on_hover_text(help).changed() {
            desk.memory.evaluate.thresholds.set_at_least_one(run, on);
        }
        ui.spacing_mut().item_spacing.x = 0.0;
        let text = galley(
            ui,
            "At least one label",
            font(size::SMALL, Weight::Regular),
            theme::of(ui).text2,
        );
        let (at, _) = ui.allocate_exact_size(text.size(), Sense::hover());
        paint_left(ui.painter(), at.left_center(), text);
    }
}

fn find_ui(ui: &mut Ui, desk: &mut Desk, figures: &Figures) {
    let memory = &mut desk.memory.evaluate.thresholds;
    let field = TextField::new("Find a label")
        .placeholder("Find a label")
        .icon(icons::SEARCH);
    field.small().width(200.0).show(ui, &mut memory.search);
    let titles = Order::ALL.map(|(_, title)| title);
    let shown = format!("by {}", memory.order.title());
    let chosen = Dropdown::new("Sort", &shown).small().choose(ui, &titles);
    if let Some((order, _)) = chosen.and_then(|at| Order::ALL.get(at)) {
        memory.order = *order;
        memory.reveal = true;
    }
    let n_labels = figures.n_labels();
    let n_found = super::threshold_rows::shown(desk, figures).iter().flatten().count();
    let text = match n_found == n_labels {
        true => format!("{} labels", thousands(n_labels)),
        false => format!("{} of {} labels", thousands(n_found), thousands(n_labels)),
    };
    crate::ui::widgets::say(ui, text, font(size::SMALL, Weight::Regular), theme::of(ui).text3);
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), figure3)
}

/// The figures over all labels that come first, with what moving the lines has changed.
fn summary_ui(ui: &mut Ui, rect: Rect, now: &Headline, untuned: &Headline, task: TaskKind) {
    let third = match task {
        TaskKind::MultiLabel => ("Hamming", now.hamming_loss, untuned.hamming_loss, false),
        TaskKind::SingleLabel => ("accuracy", now.exact, untuned.exact, true),
    };
    let figures = [
        ("macro-F1", now.macro_f1, untuned.macro_f1, true),
        ("micro", now.micro_f1, untuned.micro_f1, true),
        third,
    ];
    // Only the first says by how much it has changed, where there is room for one.
    let room = rect.width();
    let with_changes = [3, 1, 0]
        .into_iter()
        .find(|n| width(ui, &figures, *n) <= room)
        .unwrap_or(0);
    figures_ui(ui, rect, "summary", &figures, with_changes);
}

/// The figures that come second.
fn more_ui(ui: &mut Ui, rect: Rect, now: &Headline, untuned: &Headline, task: TaskKind) {
    let second = match task {
        TaskKind::MultiLabel => ("exact", now.exact, untuned.exact, true),
        TaskKind::SingleLabel => ("answered", now.coverage, untuned.coverage, true),
    };
    let figures = [("weighted", now.weighted_f1, untuned.weighted_f1, true), second];
    for n in [2, 1] {
        if width(ui, &figures[2 - n..], 0) <= rect.width() {
            let with_changes = if width(ui, &figures[2 - n..], n) <= rect.width() {
                n
            } else {
                0
            };
            return figures_ui(ui, rect, "more", &figures[2 - n..], with_changes);
        }
    }
}

/// A figure: name, now, untuned, whether more is better.
type Shown<'a> = (&'a str, Option<f64>, Option<f64>, bool);

fn change((_, now, untuned, _): &Shown) -> Option<f64> {
    let difference = now.zip(*untuned).map(|(now, untuned)| now - untuned);
    difference.filter(|difference| difference.abs() >= 0.0005)
}

/// Points that figures take, the first `n_changes` with their change.
fn width(ui: &Ui, figures: &[Shown], n_changes: usize) -> f32 {
    let ink = theme::of(ui).text;
    let wide = |text: String, weight: Weight| galley(ui, text, font(size::SMALL, weight), ink).size().x;
    let one = |(at, figure): (usize, &Shown)| {
        let change = change(figure).filter(|_| at < n_changes);
        let change = change.map_or(0.0, |change| 18.0 + wide(figure3(change.abs()), Weight::Regular));
        wide(figure.0.to_owned(), Weight::Regular) + 5.0 + wide(shown(figure.1), Weight::SemiBold) + change
    };
    figures.iter().enumerate().map(one).sum::<f32>() + 12.0 * figures.len().saturating_sub(1) as f32
}

/// Figures at the right of a strip, the first `n_changes` with their change since untuned; a screen reader hears all of them.
fn figures_ui(ui: &mut Ui, rect: Rect, salt: &str, figures: &[Shown], n_changes: usize) {
    let tokens = theme::of(ui);
    let heard: Vec<String> = figures
        .iter()
        .map(|figure| match change(figure) {
            Some(change) => format!("{} {} ({change:+.3} since untuned)", figure.0, shown(figure.1)),
            None => format!("{} {}", figure.0, shown(figure.1)),
        })
        .collect();
    let heard = heard.join(", ");
    let left = (rect.right() - width(ui, figures, n_changes)).max(rect.left());
    let area = Rect::from_min_max(pos2(left, rect.top()), rect.max);
    let response = ui.interact(area, ui.scope_id().with(salt), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &heard));
    response.on_hover_text(&heard);
    let (mut x, y) = (area.left(), area.center().y);
    for (at, figure) in figures.iter().enumerate() {
        let mut write = |text: String, weight: Weight, ink, gap: f32| {
            let text = galley(ui, text, font(size::SMALL, weight), ink);
            let start = x;
            x += text.size().x + gap;
            paint_left(ui.painter(), pos2(start, y), text);
        };
        write(figure.0.to_owned(), Weight::Regular, tokens.text2, 5.0);
        write(shown(figure.1), Weight::SemiBold, tokens.text, 0.0);
        if let Some(change) = change(figure).filter(|_| at < n_changes) {
            let better = (change > 0.0) == figure.3;
            arrow(ui, pos2(x + 11.0, y), change > 0.0, better);
            x += 18.0;
            let ink = if better { tokens.good } else { tokens.error };
            let text = galley(ui, figure3(change.abs()), font(size::SMALL, Weight::Regular), ink);
            let start = x;
            x += text.size().x;
            paint_left(ui.painter(), pos2(start, y), text);
        }
        x += 12.0;
    }
}

/// Better, pointing up, or worse, pointing down.
pub(super) fn triangle(ui: &Ui, at: egui::Pos2, up: bool) {
    arrow(ui, at, up, up);
}

fn arrow(ui: &Ui, at: egui::Pos2, up: bool, good: bool) {
    let tokens = theme::of(ui);
    let color = if good { tokens.good } else { tokens.error };
    let y = if up { -1.0 } else { 1.0 };
    let points = vec![
        at + vec2(0.0, 4.0 * y),
        at + vec2(4.5, -3.5 * y),
        at + vec2(-4.5, -3.5 * y),
    ];
    ui.painter().add(Shape::convex_polygon(points, color, Stroke::NONE));
}

/// A threshold as titles write it: `.50`.
pub(super) fn written(threshold: f64) -> String {
    if threshold == 0.0 {
        "0".to_owned()
    } else {
        prob_short(Some(threshold))
    }
}
