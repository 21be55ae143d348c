//! A row a label: its scores as a histogram with the line to move, its figures beside it; searched and sorted.

use egui::{Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::{figures::Figures, threshold_head::triangle};
use crate::core::Run;
use crate::core::metrics::Counts;
use crate::core::thresholds::{FEW_POSITIVES, Goal, Scope};
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size},
    widgets::{
        Chip, Column, NumberField, Table, TableRow, ThresholdHistogram, Width, galley, galley_cut, in_rect, paint_left,
        paint_right, prob, prob_short, thousands,
    },
};

/// Points for one label.
pub(super) const ROW: f32 = 70.0;

/// Texts for the answers of a single-label task, which have one line.
const ALL: &str = "all labels";

/// What the rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    /// As the labels of the project.
    #[default]
    Labels,
    Name,
    MostPositives,
    FewestPositives,
    HighestF1,
    LowestF1,
    /// The largest change of F1 since untuned, up or down.
    Change,
}

impl Order {
    pub const ALL: [(Order, &'static str); 7] = [
        (Order::Labels, "label order"),
        (Order::Name, "name"),
        (Order::MostPositives, "most positives"),
        (Order::FewestPositives, "fewest positives"),
        (Order::HighestF1, "highest F1"),
        (Order::LowestF1, "lowest F1"),
        (Order::Change, "largest change of F1"),
    ];

    pub fn title(self) -> &'static str {
        Order::ALL
            .iter()
            .find(|(order, _)| *order == self)
            .map_or("", |(_, title)| title)
    }
}

/// The rows on show, top to bottom: the line of all answers where there is one, and the labels found. Figures are those of the last
/// finished move, so that a row never runs away from the hand that drags its line.
pub(super) fn shown(desk: &Desk, figures: &Figures) -> Vec<Option<usize>> {
    let memory = &desk.memory.evaluate.thresholds;
    let wanted = memory.search.trim().to_lowercase();
    let found = |label: &usize| wanted.is_empty() || figures.look(desk, *label).path.to_lowercase().contains(&wanted);
    let mut labels: Vec<usize> = (0..figures.n_labels()).filter(found).collect();
    let positives = |label: &usize| figures.curve(Some(*label)).map_or(0, |curve| curve.n_positives());
    let f1 = |label: usize| figures.evaluation.live.counts(label).f1().unwrap_or(-1.0);
    let change = |label: usize| f1_change(figures, label, figures.evaluation.live.counts(label)).map_or(0.0, f64::abs);
    match memory.order {
        Order::Labels => {}
        Order::Name => labels.sort_by_cached_key(|label| figures.look(desk, *label).path.to_lowercase()),
        Order::MostPositives => labels.sort_by_key(|label| std::cmp::Reverse(positives(label))),
        Order::FewestPositives => labels.sort_by_key(positives),
        Order::HighestF1 => labels.sort_by(|a, b| f1(*b).total_cmp(&f1(*a))),
        Order::LowestF1 => labels.sort_by(|a, b| f1(*a).total_cmp(&f1(*b))),
        Order::Change => labels.sort_by(|a, b| change(*b).total_cmp(&change(*a))),
    }
    let answers = (figures.evaluation.answers.is_some() && wanted.is_empty()).then_some(None);
    answers.into_iter().chain(labels.into_iter().map(Some)).collect()
}

/// F1 now less F1 at the untuned thresholds.
fn f1_change(figures: &Figures, label: usize, counts: Counts) -> Option<f64> {
    let untuned = figures.evaluation.untuned_counts.get(label)?.f1();
    Some(counts.f1().unwrap_or(0.0) - untuned.unwrap_or(0.0))
}

/// Selects the row before or after.
pub(super) fn step(desk: &mut Desk, figures: &Figures, steps: i32) {
    let shown = shown(desk, figures);
    let memory = &mut desk.memory.evaluate.thresholds;
    let selected = memory.selected(figures);
    let at = shown.iter().position(|row| *row == selected);
    let next = match at {
        Some(at) => at
            .saturating_add_signed(steps as isize)
            .min(shown.len().saturating_sub(1)),
        None => 0,
    };
    if let Some(row) = shown.get(next) {
        memory.select(*row);
        memory.reveal = true;
    }
}

/// Shows the rows; returns whether a threshold is being typed.
pub(super) fn rows_ui(ui: &mut Ui, desk: &mut Desk, run: &Run, figures: &Figures, read_only: bool) -> bool {
    let shown = shown(desk, figures);
    let columns = [Column::left("", Width::Rest(1.0, 100.0))];
    let mut table = Table::new("thresholds", &columns, shown.len());
    table.row_height = ROW;
    let memory = &mut desk.memory.evaluate.thresholds;
    let selected = memory.selected(figures);
    table.reveal = match std::mem::take(&mut memory.reveal) {
        true => shown.iter().position(|row| *row == selected),
        false => None,
    };
    let mut rows = Rows {
        desk,
        run,
        figures,
        read_only,
        may_work: true,
        typing: false,
    };
    table.show(ui, |ui, row| {
        if let Some(label) = shown.get(row.index) {
            rows.row_ui(ui, row, *label);
        }
    });
    rows.typing
}

struct Rows<'a, 'd> {
    desk: &'a mut Desk<'d>,
    run: &'a Run,
    figures: &'a Figures,
    read_only: bool,
    /// One band is worked out a frame.
    may_work: bool,
    typing: bool,
}

impl Rows<'_, '_> {
    fn row_ui(&mut self, ui: &mut Ui, row: &mut TableRow, label: Option<usize>) {
        let Some(curve) = self.figures.curve(label) else { return };
        let tokens = theme::of(ui);
        let (name, color) = match label {
            Some(label) => self.figures.look(self.desk, label).owned(),
            None => (ALL.to_owned(), tokens.accent),
        };
        let said = match (label, curve.n_positives()) {
            (Some(_), 1) => "1 positive".to_owned(),
            (Some(_), n) => format!("{} positives", thousands(n)),
            (None, n) => format!("{} of {} right", thousands(n), thousands(curve.n())),
        };
        let few = label.is_some() && curve.n_positives() < FEW_POSITIVES;
        let above = self.above(label);
        let memory = &mut self.desk.memory.evaluate.thresholds;
        let (own, effective) = (
            memory.threshold(self.run, label),
            memory.effective(self.figures, self.run, label),
        );
        let said = match effective > own {
            true => format!("{said}, {} from above", prob_short(Some(effective))),
            false => said,
        };
        let selected = memory.selected(self.figures) == label;
        let path = above.iter().map(|above| format!("{above} > ")).collect::<String>();
        if row.begin(ui, &format!("{path}{name}, {said}"), selected).clicked() {
            memory.select(label);
        }
        let rect = row.rect;
        let narrow = rect.width() < 620.0;
        let names = match (narrow, self.figures.evaluation.tree.is_some()) {
            (true, _) => 96.0,
            (false, true) => 190.0,
            (false, false) => 134.0,
        };
        let left = rect.left() + 16.0;
        let chip = match label {
            Some(_) => Chip::new(&name, color),
            None => Chip::plain(&name),
        };
        chip.small()
            .max_width(names - 6.0)
            .paint(ui, pos2(left, rect.top() + if above.is_some() { 29.0 } else { 26.0 }));
        if let Some(above) = &above {
            // The label's own name is on the chip; of a long path its end tells more.
            let tiny = font(size::TINY, Weight::Regular);
            let mut shown = above.clone();
            while galley(ui, &shown, tiny.clone(), tokens.text3).size().x > names - 8.0 && shown.chars().count() > 2 {
                shown = ['…'].into_iter().chain(shown.chars().skip(2)).collect();
            }
            paint_left(
                ui.painter(),
                pos2(left + 1.0, rect.top() + 10.0),
                galley(ui, shown, tiny, tokens.text3),
            );
        }
        let ink = if few { tokens.warning } else { tokens.text3 };
        let text = galley_cut(ui, &said, font(size::SMALL, Weight::Regular), ink, names - 8.0);
        paint_left(
            ui.painter(),
            pos2(left, rect.top() + if above.is_some() { 51.0 } else { 47.0 }),
            text,
        );

        let step = if narrow { 38.0 } else { 43.0 };
        let figures_left = rect.right() - 14.0 - if narrow { 3.0 } else { 4.0 } * step;
        let field = if self.read_only { 0.0 } else { 62.0 };
        let bars = Rect::from_min_max(
            pos2(left + names, rect.top() + 6.0),
            pos2(figures_left - field - 10.0, rect.bottom() - 2.0),
        );
        let field = Rect::from_min_size(
            pos2(figures_left - field - 2.0, rect.center().y - 13.0),
            vec2(field - 4.0, 26.0),
        );
        self.line_ui(ui, bars, field, label, &name);
        let at = Rect::from_min_max(pos2(figures_left, rect.top()), rect.max);
        match label {
            Some(label) => self.figures_ui(ui, at, step, !narrow, label, &name),
            None => self.answers_ui(ui, at, step),
        }
    }

    /// The path to the label above, in a tree.
    fn above(&self, label: Option<usize>) -> Option<String> {
        let parent = self.figures.evaluation.tree.as_ref()?.parent(label?)?;
        Some(self.figures.look(self.desk, parent).path.to_owned())
    }

    /// The histogram with its line, and the threshold to type.
    fn line_ui(&mut self, ui: &mut Ui, bars: Rect, field: Rect, label: Option<usize>, name: &str) {
        let before = self.desk.memory.evaluate.thresholds.threshold(self.run, label);
        let mut threshold = before;
        let mut focused = self.histogram_ui(ui, bars, label, name, &mut threshold);
        if !self.read_only {
            // A little wider and higher than the field, whose frame would be cut off otherwise.
            in_rect(ui, "field", field.expand2(vec2(2.0, 4.0)), |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                ui.add_space(4.0);
                let said = format!("{name} threshold, typed");
                let number = NumberField::new(&said, &mut threshold, 0.0..=1.0);
                let number = number.decimals(3).speed(0.002).width(field.width());
                let response = ui
                    .horizontal(|ui| {
                        ui.spacing_mut().item_spacing.x = 0.0;
                        ui.add_space(2.0);
                        ui.add(number)
                    })
                    .inner;
                self.typing |= response.has_focus();
                focused |= response.has_focus() || response.dragged();
            });
        }
        let memory = &mut self.desk.memory.evaluate.thresholds;
        if focused {
            memory.select(label);
        }
        if threshold != before {
            memory.set(self.run, label, threshold);
            memory.follow(&self.figures.evaluation, self.run);
        }
    }

    /// The histogram with its line; returns whether a person is at it.
    fn histogram_ui(&mut self, ui: &mut Ui, rect: Rect, label: Option<usize>, name: &str, threshold: &mut f64) -> bool {
        let Some(histogram) = self.figures.histogram(label) else {
            return false;
        };
        let said = format!("{name} threshold");
        let shown = ThresholdHistogram {
            name: &said,
            negatives: &histogram.negatives,
            positives: &histogram.positives,
            color: match label {
                Some(label) => self.figures.look(self.desk, label).color,
                None => theme::of(ui).good,
            },
            band: self.band(ui, label).filter(|_| !self.read_only),
            read_only: self.read_only,
            size: rect.size(),
        };
        in_rect(ui, "histogram", rect, |ui| {
            let response = shown.show(ui, threshold);
            response.has_focus() || response.dragged()
        })
    }

    /// Where the best threshold falls in resamples: worked out here for a label of its own or all answers, else as tuning found it.
    fn band(&mut self, ui: &Ui, label: Option<usize>) -> Option<(f64, f64)> {
        let objective = self.desk.memory.evaluate.thresholds.objective(self.run);
        let goal = objective.goal();
        let here = match (label, objective.scope(), goal) {
            (Some(_), Scope::EachLabel, _) | (None, _, Goal::AccuracyAtLeast(_)) => true,
            (Some(_), Scope::Common(_), _) | (None, ..) => false,
        };
        if !here {
            let tuning = self.desk.project()?.tuning.as_ref();
            let tuning = tuning.filter(|tuning| tuning.run == self.run.id && tuning.objective == objective)?;
            let band = tuning.labels.first()?.band?;
            return Some((band.low, band.high));
        }
        let known = self.figures.known_band(label, goal);
        if known.is_none() {
            if std::mem::take(&mut self.may_work) {
                self.figures.work_out_band(label, goal);
            }
            ui.ctx().request_repaint();
        }
        known.flatten().map(|band| (band.low, band.high))
    }

    fn figures_ui(&self, ui: &Ui, rect: Rect, step: f32, with_change: bool, label: usize, name: &str) {
        let tokens = theme::of(ui);
        let counts = self.desk.memory.evaluate.thresholds.counts(self.figures, label);
        let all = [("P", counts.precision()), ("R", counts.recall()), ("F1", counts.f1())];
        let change = f1_change(self.figures, label, counts).filter(|change| change.abs() >= 0.005);
        let errors = format!("{} right · {} extra · {} missed", counts.tp, counts.fp, counts.fn_);
        let response = ui.interact(rect, ui.scope_id().with("figures"), Sense::hover());
        let said = format!(
            "{name}: precision {}, recall {}, F1 {}{}; true positives {}, false positives {}, false negatives {}",
            prob(counts.precision()),
            prob(counts.recall()),
            prob(counts.f1()),
            change.map_or(String::new(), |change| format!(", {change:+.2} since untuned")),
            counts.tp,
            counts.fp,
            counts.fn_
        );
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &said));
        response.on_hover_text(&said);
        for (i, (title, value)) in all.into_iter().enumerate() {
            figure_ui(ui, rect, step * (i + 1) as f32, title, &prob(value));
        }
        if let Some(change) = change.filter(|_| with_change) {
            let color = if change > 0.0 { tokens.good } else { tokens.error };
            let text = galley(
                ui,
                prob_short(Some(change.abs())),
                font(size::SMALL, Weight::Regular),
                color,
            );
            let x = rect.left() + step * 4.0;
            triangle(ui, pos2(x - text.size().x - 8.0, rect.top() + 36.0), change > 0.0);
            paint_right(ui.painter(), pos2(x, rect.top() + 36.0), text);
        }
        let text = galley(ui, errors, font(size::TINY, Weight::Regular), tokens.text3);
        let right = rect.left() + step * if with_change { 4.0 } else { 3.0 };
        paint_right(ui.painter(), pos2(right, rect.top() + 58.0), text);
    }

    /// How much is answered, and how right the answers are.
    fn answers_ui(&self, ui: &Ui, rect: Rect, step: f32) {
        let tokens = theme::of(ui);
        let headline = self.desk.memory.evaluate.thresholds.live(self.figures).headline();
        let response = ui.interact(rect, ui.scope_id().with("figures"), Sense::hover());
        let said = format!(
            "{ALL}: {} of the texts are answered, {} of the answers are right, {} texts are not answered",
            prob(headline.coverage),
            prob(headline.answered_accuracy),
            headline.n_without
        );
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &said));
        response.on_hover_text(&said);
        figure_ui(ui, rect, step * 1.45, "answered", &prob(headline.coverage));
        figure_ui(ui, rect, step * 2.95, "accuracy", &prob(headline.answered_accuracy));
        let text = format!("{} not answered", thousands(headline.n_without));
        let text = galley(ui, text, font(size::TINY, Weight::Regular), tokens.text3);
        paint_right(ui.painter(), pos2(rect.left() + step * 2.95, rect.top() + 58.0), text);
    }
}

fn figure_ui(ui: &Ui, rect: Rect, right: f32, title: &str, value: &str) {
    let tokens = theme::of(ui);
    let title = galley(ui, title, font(size::SMALL, Weight::Regular), tokens.text3);
    let value = galley(ui, value, font(size::BASE, Weight::Regular), tokens.text);
    paint_right(ui.painter(), pos2(rect.left() + right, rect.top() + 18.0), title);
    paint_right(ui.painter(), pos2(rect.left() + right, rect.top() + 37.0), value);
}
