//! The curves of a training: losses large, what else is watched small beside them.

use egui::{Rect, Ui};

use super::facts;
use crate::core::run::{LossPoint, WatchedPoint};
use crate::core::{Run, metrics::METRICS};
use crate::ui::{
    theme::{self, Tokens},
    widgets::{LineChart, Series, SmallChart, in_rect, split_right},
};

/// Weight of the newest step in the smoothed curve.
const SMOOTHING: f64 = 0.1;

/// Below this width there is only the large chart.
const WIDE: f32 = 560.0;

/// What there is to draw of one training, as `[step, value]`.
#[derive(Default)]
pub(super) struct Curves<'a> {
    /// The run's name.
    pub name: &'a str,
    /// Loss of each step's batch.
    pub loss: Vec<[f64; 2]>,
    /// The same, smoothed.
    pub smoothed: Vec<[f64; 2]>,
    /// Loss on held-out texts.
    pub held_out: Vec<[f64; 2]>,
    /// The watched metric on held-out texts, and its name.
    pub metric: Vec<[f64; 2]>,
    pub metric_name: String,
    /// The best weights: step and metric.
    pub best: Option<[f64; 2]>,
    /// Of each step; empty for a run of an earlier day.
    pub learning_rate: Vec<[f64; 2]>,
    pub grad_norm: Vec<[f64; 2]>,
    /// Steps there will be; 0 where that is not known.
    pub n_steps: usize,
}

impl<'a> Curves<'a> {
    /// Of a run's history and of what was watched.
    pub(super) fn new(run: Option<&'a Run>, history: &[LossPoint], watched: &[WatchedPoint]) -> Self {
        let loss: Vec<[f64; 2]> = history.iter().map(|point| [point.step as f64, point.loss]).collect();
        let held_out = watched
            .iter()
            .filter_map(|point| Some([point.step as f64, point.loss?]));
        let metric = |point: &WatchedPoint| [point.step as f64, point.metric];
        Curves {
            name: run.map_or("", |run| run.name.as_str()),
            smoothed: smoothed(&loss),
            loss,
            held_out: held_out.collect(),
            metric: watched.iter().map(metric).collect(),
            metric_name: run.map_or_else(String::new, watched_name),
            best: watched.iter().rfind(|point| point.best).map(metric),
            ..Curves::default()
        }
    }

    /// Whether there is anything to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.loss.is_empty() && self.metric.is_empty()
    }

    /// Where the x axes end.
    fn x_end(&self) -> f64 {
        let last = self.loss.iter().chain(&self.metric).map(|point| point[0]);
        last.fold(self.n_steps as f64, f64::max)
    }

    /// Fills what is left of `ui`.
    pub(super) fn show(&self, ui: &mut Ui) {
        let tokens = theme::of(ui);
        let rect = ui.available_rect_before_wrap();
        let small = self.small(tokens);
        if small.is_empty() || rect.width() < WIDE {
            return self.losses_ui(ui, rect, tokens);
        }
        let (left, right) = split_right(rect, (rect.width() * 0.3).max(210.0), 18.0);
        self.losses_ui(ui, left, tokens);
        in_rect(ui, "small charts", right, |ui| {
            ui.spacing_mut().item_spacing.y = 6.0;
            let n = small.len() as f32;
            let height = ((right.height() - 6.0 * (n - 1.0)) / n).clamp(44.0, 220.0);
            for chart in small {
                SmallChart { height, ..chart }.show(ui);
            }
        });
    }

    fn small<'b>(&'b self, tokens: &Tokens) -> Vec<SmallChart<'b>> {
        let chart = |name: &'b str, points: &'b [[f64; 2]], color, from_zero| SmallChart {
            name,
            points,
            color,
            mark: None,
            x_end: self.x_end(),
            from_zero,
            height: 0.0,
        };
        let metric = SmallChart {
            mark: self.best,
            ..chart(&self.metric_name, &self.metric, tokens.wrong, false)
        };
        let rest = [
            chart("Learning rate", &self.learning_rate, tokens.text2, true),
            chart("Gradient norm", &self.grad_norm, tokens.text2, true),
        ];
        let all = std::iter::once(metric).chain(rest);
        all.filter(|chart| !chart.points.is_empty()).collect()
    }

    fn losses_ui(&self, ui: &mut Ui, rect: Rect, tokens: &Tokens) {
        let series = |name, color, points, dots| Series {
            name,
            color,
            points,
            dots,
        };
        let all = [
            series(
                "loss of a batch",
                theme::mix(tokens.panel, tokens.accent, 0.35),
                &*self.loss,
                false,
            ),
            series("smoothed", tokens.accent, &*self.smoothed, false),
            series("on held-out texts", tokens.wrong, &*self.held_out, true),
        ];
        let drawn: Vec<Series> = all.into_iter().filter(|series| !series.points.is_empty()).collect();
        in_rect(ui, "losses", rect, |ui| {
            let chart = LineChart {
                name: &format!("Loss of {}", self.name),
                series: &drawn,
                x_end: Some(self.x_end()),
                x_unit: "step",
                mark: self.best.map(|[step, _]| (step, "best")),
                height: rect.height().max(60.0),
            };
            chart.show(ui);
        });
    }
}

/// What a run's watched metric is called.
pub(super) fn watched_name(run: &Run) -> String {
    let id = run.options.get("watch_metric").and_then(|id| id.as_str());
    let known = id.and_then(|id| METRICS.iter().find(|metric| metric.id == id));
    match (known, id) {
        (Some(metric), _) => format!("{}, held out", metric.title),
        (None, Some(id)) => format!("{}, held out", facts::title(id)),
        (None, None) => "Metric, held out".to_owned(),
    }
}

/// The exponential moving average, without the pull of its start towards zero.
fn smoothed(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let (mut sum, mut weight) = (0.0, 0.0);
    let mut mean = |&[x, y]: &[f64; 2]| {
        sum = sum * (1.0 - SMOOTHING) + y * SMOOTHING;
        weight = weight * (1.0 - SMOOTHING) + SMOOTHING;
        [x, sum / weight]
    };
    points
        .iter()
        .filter(|point| point[1].is_finite())
        .map(&mut mean)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_starts_at_the_first_value_and_follows_slowly() {
        let smooth = smoothed(&[[1.0, 0.5], [2.0, f64::NAN], [3.0, 0.5], [4.0, 0.0]]);
        assert_eq!(smooth.len(), 3);
        assert!((smooth[0][1] - 0.5).abs() < 1e-12 && (smooth[1][1] - 0.5).abs() < 1e-12);
        assert!(smooth[2][1] > 0.25 && smooth[2][1] < 0.5, "{smooth:?}");
    }

    #[test]
    fn the_best_point_is_the_last_that_was_best_so_far() {
        let watched = |step, loss, metric, best| WatchedPoint {
            step,
            loss,
            metric,
            best,
        };
        let points = [
            watched(10, Some(0.7), 0.5, true),
            watched(20, None, 0.8, true),
            watched(30, Some(0.6), 0.7, false),
        ];
        let curves = Curves::new(None, &[], &points);
        assert_eq!(curves.best, Some([20.0, 0.8]));
        assert_eq!(curves.held_out, [[10.0, 0.7], [30.0, 0.6]]);
        assert_eq!(curves.x_end(), 30.0);
        assert!(!curves.is_empty());
    }
}
