//! Where the line between yes and no is drawn for each label: dragged, typed, tuned; every figure moves along in the same frame.
//!
//! Not here: judging texts anew while the line moves. Figures are looked up in [`crate::core::thresholds::ThresholdCurve`].

use egui::{Context, Key, Rect, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::{figures::Figures, threshold_side};
use crate::app::{Command, Project};
use crate::core::metrics::{Counts, default_threshold, macro_average, micro_average};
use crate::core::thresholds::{Objective, TuneOptions};
use crate::core::{Run, RunId, ScoreKind, TaskKind, text_edits};
use crate::ui::{
    desk::Desk,
    keymap,
    theme::{self, Weight, font, size, space},
    widgets::{
        Button, Card, Chip, Column, Dropdown, NumberField, Table, TableRow, ThresholdHistogram, Width, figure3, galley,
        in_rect, paint_left, paint_right, prob, prob_short, split_right, split_top, thousands, wrapped,
    },
};

/// Points for one label.
const ROW: f32 = 70.0;
/// Points for what stands above the labels.
const HEAD: f32 = 55.0;

/// What thresholds can be tuned for.
const OBJECTIVES: [(&str, Objective); 5] = [
    ("best F1", Objective::F1),
    ("best F2", Objective::FBeta(2.0)),
    ("best F0.5", Objective::FBeta(0.5)),
    ("precision ≥ .90", Objective::PrecisionAtLeast(0.9)),
    ("recall ≥ .90", Objective::RecallAtLeast(0.9)),
];

/// What is remembered.
#[derive(Default)]
pub(super) struct Memory {
    label: usize,
    reveal: bool,
    objective: usize,
    draft: Option<Draft>,
}

/// Thresholds while they are being moved; they become one edit when the hand is lifted.
struct Draft {
    run: RunId,
    thresholds: Vec<f64>,
}

impl Memory {
    /// Selects a label.
    pub fn choose(&mut self, label: usize) {
        self.label = label;
        self.reveal = true;
    }

    fn objective(&self) -> (&'static str, Objective) {
        OBJECTIVES.get(self.objective).copied().unwrap_or(OBJECTIVES[0])
    }

    fn drafted(&self, run: &Run) -> Option<&Draft> {
        self.draft
            .as_ref()
            .filter(|draft| draft.run == run.id && draft.thresholds.len() == run.thresholds.len())
    }

    fn set(&mut self, run: &Run, label: usize, threshold: f64) {
        let mut thresholds = self
            .drafted(run)
            .map_or_else(|| run.thresholds.clone(), |draft| draft.thresholds.clone());
        if let Some(known) = thresholds.get_mut(label) {
            *known = threshold.clamp(0.0, 1.0);
            self.draft = Some(Draft {
                run: run.id,
                thresholds,
            });
        }
    }
}

/// The thresholds as they stand, moved ones included.
fn current<'a>(memory: &'a Memory, run: &'a Run) -> &'a [f64] {
    memory.drafted(run).map_or(&run.thresholds, |draft| &draft.thresholds)
}

fn threshold(desk: &Desk, run: &Run, label: usize) -> f64 {
    current(&desk.memory.evaluate.thresholds, run)
        .get(label)
        .copied()
        .unwrap_or(default_threshold(run.task))
}

/// Makes one edit of what was moved.
pub(super) fn commit(desk: &mut Desk, project: &Project) {
    let Some(draft) = desk.memory.evaluate.thresholds.draft.take() else {
        return;
    };
    if project
        .state
        .run(draft.run)
        .is_some_and(|run| run.thresholds != draft.thresholds)
    {
        desk.edit(text_edits::set_thresholds(&project.state, draft.run, &draft.thresholds));
    }
}

pub(super) fn on_keys(ctx: &Context, desk: &mut Desk, project: &Project, figures: &Figures) {
    if !keymap::letters_are_free(ctx) || figures.evaluation.kind == ScoreKind::Test {
        return;
    }
    let Some(run) = project.state.run(figures.evaluation.run) else {
        return;
    };
    if keymap::typed(ctx).contains(&'t') {
        tune(desk, run);
    }
    if !keymap::space_is_free(ctx) {
        return;
    }
    let memory = &mut desk.memory.evaluate.thresholds;
    let last = figures.n_labels().saturating_sub(1);
    if keymap::pressed(ctx, Key::ArrowDown) {
        memory.choose((memory.label + 1).min(last));
    }
    if keymap::pressed(ctx, Key::ArrowUp) {
        memory.choose(memory.label.saturating_sub(1));
    }
    let (left, right, large) = ctx.input(|input| {
        let presses = |key| input.num_presses(key) as f64;
        (presses(Key::ArrowLeft), presses(Key::ArrowRight), input.modifiers.shift)
    });
    if left != right {
        let label = memory.label.min(last);
        let moved = threshold(desk, run, label) + (right - left) * if large { 0.05 } else { 0.01 };
        desk.memory
            .evaluate
            .thresholds
            .set(run, label, (moved * 100.0).round() / 100.0);
    }
}

fn tune(desk: &mut Desk, run: &Run) {
    let (_, objective) = desk.memory.evaluate.thresholds.objective();
    desk.run(Command::Tune { run: run.id, objective });
}

pub(super) fn thresholds_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project, run: &Run, figures: &Figures) {
    let read_only = figures.evaluation.kind == ScoreKind::Test;
    let wide = rect.width() > 860.0;
    let (left, right) = if wide {
        split_right(rect, 330.0, space::L)
    } else {
        (rect, Rect::NOTHING)
    };
    let memory = &mut desk.memory.evaluate.thresholds;
    memory.label = memory.label.min(figures.n_labels().saturating_sub(1));
    let mut typing = false;
    Card::new().flush().show_in(ui, left, |ui| {
        let area = ui.available_rect_before_wrap();
        let (head, rest) = split_top(area, HEAD, 0.0);
        let notes = notes(desk, project, run, figures);
        let height = notes_height(ui, &notes, rest.width() - 32.0);
        let rows = (figures.n_labels() as f32 * ROW).min(rest.height() - height).max(ROW);
        let (rows, below) = split_top(rest, rows, 0.0);
        in_rect(ui, "rows", rows, |ui| {
            typing = rows_ui(ui, desk, run, figures, read_only)
        });
        in_rect(ui, "notes", below.shrink2(vec2(16.0, 10.0)), |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            for (note, warns) in &notes {
                let tokens = theme::of(ui);
                let color = if *warns { tokens.warning } else { tokens.text2 };
                wrapped(ui, note, font(size::SMALL, Weight::Regular), color);
            }
        });
        // Last, so that its figures are those of the line as it stands now.
        in_rect(ui, "head", head, |ui| head_ui(ui, head, desk, run, figures, read_only));
    });
    if wide {
        let label = desk.memory.evaluate.thresholds.label;
        threshold_side::side_ui(ui, right, desk, project, figures, label, threshold(desk, run, label));
    }
    let held =
        ui.input(|input| input.pointer.any_down() || input.key_down(Key::ArrowLeft) || input.key_down(Key::ArrowRight));
    if !held && !typing {
        commit(desk, project);
    }
}

fn head_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, run: &Run, figures: &Figures, read_only: bool) {
    let tokens = theme::of(ui);
    ui.painter()
        .hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, tokens.line));
    let mut left_end = rect.left() + 16.0;
    if !read_only {
        let inner = Rect::from_min_max(pos2(left_end, rect.top() + 12.0), rect.max);
        in_rect(ui, "choices", inner.expand2(vec2(2.0, 2.0)), |ui| {
            ui.add_space(2.0);
            ui.horizontal(|ui| {
                ui.add_space(2.0);
                ui.spacing_mut().item_spacing.x = 10.0;
                choices_ui(ui, rect.width(), desk, run);
                left_end = ui.min_rect().right();
            });
        });
    }
    let room = Rect::from_min_max(pos2(left_end + 8.0, rect.top()), rect.max - vec2(16.0, 0.0));
    summary_ui(ui, room, desk, run, figures);
}

fn choices_ui(ui: &mut Ui, width: f32, desk: &mut Desk, run: &Run) {
    if width > 660.0 {
        let text = galley(ui, "Tune for", font(size::BASE, Weight::Regular), theme::of(ui).text2);
        let (at, _) = ui.allocate_exact_size(vec2(text.size().x, space::CONTROL), Sense::hover());
        paint_left(ui.painter(), at.left_center(), text);
    }
    let (title, _) = desk.memory.evaluate.thresholds.objective();
    if let Some(at) = Dropdown::new("Tune for", title).choose(ui, &OBJECTIVES.map(|(title, _)| title)) {
        desk.memory.evaluate.thresholds.objective = at;
    }
    if ui
        .add(Button::primary("Tune all"))
        .on_hover_text("Chooses the best threshold of every label. T")
        .clicked()
    {
        tune(desk, run);
    }
    let untuned = default_threshold(run.task);
    let reset = match run.task {
        TaskKind::MultiLabel => "Reset to .50",
        TaskKind::SingleLabel => "Reset",
    };
    let is_reset = run.thresholds.iter().all(|threshold| *threshold == untuned);
    let button = ui.add_enabled(!is_reset, Button::secondary(reset));
    if button.on_hover_text("Undo brings the thresholds back.").clicked() {
        desk.memory.evaluate.thresholds.draft = Some(Draft {
            run: run.id,
            thresholds: vec![untuned; run.thresholds.len()],
        });
    }
}

/// The figures over all labels, with what moving the lines has changed.
fn summary_ui(ui: &mut Ui, rect: Rect, desk: &Desk, run: &Run, figures: &Figures) {
    let tokens = theme::of(ui);
    let memory = &desk.memory.evaluate.thresholds;
    let now = Summary::at(figures, current(memory, run));
    let moving = memory.drafted(run).is_some();
    let (before, since) = match moving {
        true => (Summary::at(figures, &run.thresholds), "since the line was last set"),
        false => {
            let untuned = vec![default_threshold(run.task); run.thresholds.len()];
            (Summary::at(figures, &untuned), "against untuned thresholds")
        }
    };
    let difference = now
        .macro_f1
        .zip(before.macro_f1)
        .map(|(now, before)| now - before)
        .filter(|d| d.abs() >= 0.0005);
    let small = font(size::SMALL, Weight::Regular);
    let strong = font(size::SMALL, Weight::SemiBold);
    let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), figure3);
    let mut said = format!(
        "macro-F1 {}, micro {}, Hamming {}",
        shown(now.macro_f1),
        shown(now.micro_f1),
        shown(now.hamming)
    );
    let mut parts = vec![
        (galley(ui, "macro-F1", small.clone(), tokens.text2), 5.0),
        (galley(ui, shown(now.macro_f1), strong.clone(), tokens.text), 5.0),
    ];
    let up = difference.map(|d| d > 0.0);
    let mark = parts.len();
    if let Some(difference) = difference {
        let color = if difference > 0.0 { tokens.good } else { tokens.error };
        let sign = if difference > 0.0 { "plus" } else { "minus" };
        said += &format!("; macro-F1 {sign} {} {since}", figure3(difference.abs()));
        parts.push((galley(ui, figure3(difference.abs()), small.clone(), color), 0.0));
    }
    for (name, value) in [("micro", now.micro_f1), ("Hamming", now.hamming)] {
        if let Some(last) = parts.last_mut() {
            last.1 = 12.0;
        }
        parts.push((galley(ui, name, small.clone(), tokens.text2), 5.0));
        parts.push((galley(ui, shown(value), strong.clone(), tokens.text), 0.0));
    }
    let arrow = if up.is_some() { 13.0 } else { 0.0 };
    let width: f32 = parts.iter().map(|(text, gap)| text.size().x + gap).sum::<f32>() + arrow;
    let area = Rect::from_min_max(pos2((rect.right() - width).max(rect.left()), rect.top()), rect.max);
    let response = ui.interact(area, ui.scope_id().with("summary"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &said));
    response.on_hover_text(&said);
    let mut x = area.left();
    for (i, (text, gap)) in parts.into_iter().enumerate() {
        if let Some(up) = up.filter(|_| i == mark) {
            triangle(ui, pos2(x + 5.0, area.center().y), up);
            x += arrow;
        }
        let wide = text.size().x;
        paint_left(ui.painter(), pos2(x, area.center().y), text);
        x += wide + gap;
    }
}

/// Better, pointing up, or worse, pointing down.
pub(super) fn triangle(ui: &Ui, at: egui::Pos2, up: bool) {
    let tokens = theme::of(ui);
    let (color, y) = if up { (tokens.good, -1.0) } else { (tokens.error, 1.0) };
    let points = vec![
        at + vec2(0.0, 4.0 * y),
        at + vec2(4.5, -3.5 * y),
        at + vec2(-4.5, -3.5 * y),
    ];
    ui.painter().add(Shape::convex_polygon(points, color, Stroke::NONE));
}

struct Summary {
    macro_f1: Option<f64>,
    micro_f1: Option<f64>,
    hamming: Option<f64>,
}

impl Summary {
    /// At these thresholds. O(labels · log texts).
    fn at(figures: &Figures, thresholds: &[f64]) -> Self {
        let evaluation = &figures.evaluation;
        let curves = evaluation.curves.iter().zip(thresholds);
        let counts: Vec<Counts> = curves.map(|(curve, threshold)| curve.at(*threshold)).collect();
        let all: Counts = counts.iter().copied().sum();
        let n_texts = evaluation.ids.len();
        let hamming = match evaluation.task {
            TaskKind::MultiLabel => (all.n() > 0).then(|| (all.fp + all.fn_) as f64 / all.n() as f64),
            TaskKind::SingleLabel => (n_texts > 0).then(|| 1.0 - all.tp as f64 / n_texts as f64),
        };
        Summary {
            macro_f1: macro_average(evaluation.task, &counts).f1,
            micro_f1: micro_average(&counts).f1,
            hamming,
        }
    }
}

/// Shows a row a label; returns whether a threshold is being typed.
fn rows_ui(ui: &mut Ui, desk: &mut Desk, run: &Run, figures: &Figures, read_only: bool) -> bool {
    let columns = [Column::left("", Width::Rest(1.0, 100.0))];
    let mut table = Table::new("thresholds", &columns, figures.n_labels());
    table.row_height = ROW;
    let memory = &mut desk.memory.evaluate.thresholds;
    table.reveal = std::mem::take(&mut memory.reveal).then_some(memory.label);
    let mut typing = false;
    let mut may_work = true;
    table.show(ui, |ui, row| {
        typing |= row_ui(ui, row, desk, run, figures, read_only, &mut may_work);
    });
    typing
}

fn row_ui(
    ui: &mut Ui,
    row: &mut TableRow,
    desk: &mut Desk,
    run: &Run,
    figures: &Figures,
    read_only: bool,
    may_work: &mut bool,
) -> bool {
    let label = row.index;
    let Some(curve) = figures.evaluation.curves.get(label) else {
        return false;
    };
    let tokens = theme::of(ui);
    let (name, color) = figures.look(desk, label).owned();
    let positives = match curve.n_positives() {
        1 => "1 positive".to_owned(),
        n => format!("{} positives", thousands(n)),
    };
    let selected = desk.memory.evaluate.thresholds.label == label;
    if row.begin(ui, &format!("{name}, {positives}"), selected).clicked() {
        desk.memory.evaluate.thresholds.label = label;
    }
    let rect = row.rect;
    let names = if rect.width() < 620.0 { 96.0 } else { 134.0 };
    let left = rect.left() + 16.0;
    let chip = Chip::new(&name, color).small().max_width(names - 6.0);
    chip.paint(ui, pos2(left, rect.top() + 26.0));
    let few = curve.n_positives() < TuneOptions::default().few_positives;
    let ink = if few { tokens.warning } else { tokens.text3 };
    let text = galley(ui, positives, font(size::SMALL, Weight::Regular), ink);
    paint_left(ui.painter(), pos2(left, rect.top() + 47.0), text);

    let step = if rect.width() < 620.0 { 38.0 } else { 46.0 };
    let figures_left = rect.right() - 14.0 - 3.0 * step;
    let field = if read_only { 0.0 } else { 62.0 };
    let mut threshold = threshold(desk, run, label);
    let before = threshold;
    let bars = Rect::from_min_max(
        pos2(left + names, rect.top() + 6.0),
        pos2(figures_left - field - 10.0, rect.bottom() - 2.0),
    );
    let moved = histogram_ui(
        ui,
        bars,
        desk,
        figures,
        label,
        &name,
        read_only,
        &mut threshold,
        may_work,
    );
    let mut typing = false;
    let mut focused = moved;
    if !read_only {
        let at = Rect::from_min_size(
            pos2(figures_left - field - 2.0, rect.center().y - 13.0),
            vec2(field - 4.0, 26.0),
        );
        in_rect(ui, "field", at, |ui| {
            let said = format!("{name} threshold, typed");
            let field = NumberField::new(&said, &mut threshold, 0.0..=1.0)
                .decimals(3)
                .speed(0.002)
                .width(at.width());
            let response = ui.add(field);
            typing = response.has_focus();
            focused |= response.has_focus() || response.dragged();
        });
    }
    if focused {
        desk.memory.evaluate.thresholds.label = label;
    }
    if threshold != before {
        desk.memory.evaluate.thresholds.set(run, label, threshold);
    }
    prf_ui(
        ui,
        Rect::from_min_max(pos2(figures_left, rect.top()), rect.max),
        step,
        &name,
        curve.at(threshold),
    );
    typing
}

/// The histogram with its line; returns whether a person is at it.
#[allow(clippy::too_many_arguments)]
fn histogram_ui(
    ui: &mut Ui,
    rect: Rect,
    desk: &Desk,
    figures: &Figures,
    label: usize,
    name: &str,
    read_only: bool,
    threshold: &mut f64,
    may_work: &mut bool,
) -> bool {
    let Some(histogram) = figures.histogram(label) else {
        return false;
    };
    let (_, objective) = desk.memory.evaluate.thresholds.objective();
    let band = figures.known_band(label, objective);
    if band.is_none() {
        if std::mem::take(may_work) {
            figures.work_out_band(label, objective);
        }
        ui.ctx().request_repaint();
    }
    let band = band.flatten().filter(|_| !read_only);
    let said = format!("{name} threshold");
    let shown = ThresholdHistogram {
        name: &said,
        negatives: &histogram.negatives,
        positives: &histogram.positives,
        color: figures.look(desk, label).color,
        band: band.map(|band| (band.low, band.high)),
        read_only,
        size: rect.size(),
    };
    in_rect(ui, "histogram", rect, |ui| {
        let response = shown.show(ui, threshold);
        response.has_focus() || response.dragged()
    })
}

fn prf_ui(ui: &mut Ui, rect: Rect, step: f32, name: &str, counts: Counts) {
    let tokens = theme::of(ui);
    let all = [("P", counts.precision()), ("R", counts.recall()), ("F1", counts.f1())];
    let response = ui.interact(rect, ui.scope_id().with("figures"), Sense::hover());
    response.widget_info(|| {
        let said = format!(
            "{name}: precision {}, recall {}, F1 {}",
            prob(counts.precision()),
            prob(counts.recall()),
            prob(counts.f1())
        );
        WidgetInfo::labeled(Role::Label, true, said)
    });
    for (i, (title, value)) in all.into_iter().enumerate() {
        let x = rect.left() + step * (i + 1) as f32;
        let title = galley(ui, title, font(size::SMALL, Weight::Regular), tokens.text3);
        let value = galley(ui, prob(value), font(size::BASE, Weight::Regular), tokens.text);
        paint_right(ui.painter(), pos2(x, rect.top() + 26.0), title);
        paint_right(ui.painter(), pos2(x, rect.top() + 46.0), value);
    }
}

/// What to know about the lines, below them; `true`: it warns.
fn notes(desk: &Desk, project: &Project, run: &Run, figures: &Figures) -> Vec<(String, bool)> {
    let mut notes = Vec::new();
    let evaluation = &figures.evaluation;
    if evaluation.kind == ScoreKind::Test {
        notes.push((
            "Only to look at: thresholds are never chosen on the test split, or its figures would no longer say how the model does on \
             new texts. Choose the other scores at the right to move them."
                .to_owned(),
            true,
        ));
    }
    if evaluation.task == TaskKind::SingleLabel {
        notes.push((
            "The best label of a text counts only where its score reaches the label's threshold; otherwise the text gets no label."
                .to_owned(),
            false,
        ));
    }
    if evaluation.kind == ScoreKind::Test {
        return notes;
    }
    let objective = desk.memory.evaluate.thresholds.objective().1;
    let banded = (0..figures.n_labels()).any(|label| figures.known_band(label, objective).flatten().is_some());
    if banded {
        notes.push((
            "The shaded band is where the best threshold falls in 90 % of resamples.".to_owned(),
            false,
        ));
    }
    let few = TuneOptions::default().few_positives;
    let rare: Vec<(usize, usize)> = (evaluation.curves.iter().map(|curve| curve.n_positives()).enumerate())
        .filter(|(_, n)| *n < few)
        .collect();
    for (label, n) in rare.iter().take(2) {
        let name = figures.look(desk, *label).name;
        notes.push((
            format!("{name} has {n} positives: tuning pulls its threshold towards the common one."),
            true,
        ));
    }
    if rare.len() > 2 {
        notes.push((format!("So it is with {} more labels.", rare.len() - 2), true));
    }
    if let Some(tuning) = project
        .tuning
        .as_ref()
        .filter(|t| t.run == run.id && t.thresholds == run.thresholds)
    {
        let missed = tuning
            .labels
            .iter()
            .filter(|row| row.remarks.iter().any(|remark| remark.contains("condition")));
        let names: Vec<&str> = missed.map(|row| row.label.as_str()).take(4).collect();
        if !names.is_empty() {
            notes.push((
                format!("No threshold reaches the condition for {}.", names.join(", ")),
                true,
            ));
        }
    }
    notes
}

fn notes_height(ui: &Ui, notes: &[(String, bool)], width: f32) -> f32 {
    let high = |text: &String| {
        let face = font(size::SMALL, Weight::Regular);
        ui.painter()
            .layout(text.clone(), face, egui::Color32::WHITE, width)
            .size()
            .y
            + 4.0
    };
    notes.iter().map(|(text, _)| high(text)).sum::<f32>() + 20.0
}

/// A threshold as titles write it: `.50`.
pub(super) fn written(threshold: f64) -> String {
    if threshold == 0.0 {
        "0".to_owned()
    } else {
        prob_short(Some(threshold))
    }
}
