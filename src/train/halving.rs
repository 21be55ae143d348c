//! Successive halving: every candidate is looked at briefly, the better ones longer, the best in full.
//!
//! Jamieson & Talwalkar, *Non-stochastic Best Arm Identification and Hyperparameter Optimization* (2016). With the share 1/η of candidates
//! kept and η times the budget, every rung costs about the same. Not here: what a candidate is, and how it is judged.

use std::cmp::Ordering;
use std::ops::ControlFlow;

/// Rungs at most: with η = 2 the first look is an eighth of a training, and less says little.
const MAX_RUNGS: usize = 4;

/// One rung of the ladder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rung {
    /// From 1.
    pub number: usize,
    /// Share of a full training, above 0 and up to 1.
    pub share: f64,
    /// Candidates on it.
    pub n_candidates: usize,
}

/// A candidate's figure, `None` where it has none, or the wish to stop.
pub type Judged = ControlFlow<(), Option<f64>>;

/// The rungs for `n` candidates, of which each keeps the best `1/eta`; the last is a full training of at least two where there are two.
/// `eta` below 2: one rung.
pub fn rungs(n: usize, eta: usize) -> Vec<Rung> {
    let mut on_rung = vec![n];
    while let Some(last) = on_rung.last() {
        let kept = last.div_ceil(eta.max(1));
        if eta < 2 || kept < 2 || kept == *last || on_rung.len() == MAX_RUNGS {
            break;
        }
        on_rung.push(kept);
    }
    let n_rungs = on_rung.len();
    let rung = |(at, n_candidates)| Rung {
        number: at + 1,
        share: (eta.max(1) as f64).powi(at as i32 + 1 - n_rungs as i32),
        n_candidates,
    };
    on_rung.into_iter().enumerate().map(rung).collect()
}

/// Runs candidates `0..n` up the rungs and returns the best on the last one, or `None` where none has a figure there.
///
/// `judge` gives a candidate's figure on a rung; one without (it failed, or cannot be measured) goes no further. Of equal figures the
/// earlier candidate's counts as better. `None` too when `judge` breaks.
pub fn climb(rungs: &[Rung], higher_is_better: bool, judge: &mut dyn FnMut(&Rung, usize) -> Judged) -> Option<usize> {
    let n = rungs.first().map_or(0, |rung| rung.n_candidates);
    let mut candidates: Vec<usize> = (0..n).collect();
    for rung in rungs {
        candidates.truncate(rung.n_candidates);
        candidates.sort_unstable();
        let mut judged = Vec::new();
        for candidate in candidates {
            match judge(rung, candidate) {
                ControlFlow::Continue(Some(figure)) if figure.is_finite() => judged.push((candidate, figure)),
                ControlFlow::Continue(_) => {}
                ControlFlow::Break(()) => return None,
            }
        }
        judged.sort_by(|a, b| better_first(a.1, b.1, higher_is_better));
        candidates = judged.into_iter().map(|(candidate, _)| candidate).collect();
    }
    candidates.first().copied()
}

fn better_first(a: f64, b: f64, higher_is_better: bool) -> Ordering {
    if higher_is_better {
        b.total_cmp(&a)
    } else {
        a.total_cmp(&b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder(n: usize, eta: usize) -> Vec<(usize, f64)> {
        let rungs = rungs(n, eta);
        rungs.iter().map(|rung| (rung.n_candidates, rung.share)).collect()
    }

    #[test]
    fn each_rung_keeps_a_part_and_multiplies_the_budget() {
        assert_eq!(ladder(1, 2), [(1, 1.0)]);
        assert_eq!(ladder(2, 2), [(2, 1.0)]);
        assert_eq!(ladder(3, 2), [(3, 0.5), (2, 1.0)]);
        assert_eq!(ladder(8, 2), [(8, 0.25), (4, 0.5), (2, 1.0)]);
        assert_eq!(ladder(9, 3), [(9, 1.0 / 3.0), (3, 1.0)]);
        assert_eq!(ladder(64, 2), [(64, 0.125), (32, 0.25), (16, 0.5), (8, 1.0)]);
        assert_eq!(ladder(5, 1), [(5, 1.0)]);
        assert_eq!(ladder(5, 10), [(5, 1.0)]);
    }

    #[test]
    fn the_best_of_each_rung_go_on_and_the_best_of_the_last_wins() {
        // Candidate 1 shines at first, candidate 6 in the end; 0 is never good.
        let early = [0.1, 0.9, 0.3, 0.8, 0.2, 0.4, 0.7, 0.6];
        let late = [0.99, 0.5, 0.99, 0.6, 0.99, 0.99, 0.9, 0.4];
        for (higher_is_better, sign) in [(true, 1.0), (false, -1.0)] {
            let mut seen = vec![Vec::new(); 3];
            let winner = climb(&rungs(8, 2), higher_is_better, &mut |rung, candidate| {
                seen[rung.number - 1].push(candidate);
                let figures = if rung.share < 0.5 { early } else { late };
                ControlFlow::Continue(Some(sign * figures[candidate]))
            });
            assert_eq!(seen, [vec![0, 1, 2, 3, 4, 5, 6, 7], vec![1, 3, 6, 7], vec![3, 6]]);
            assert_eq!(winner, Some(6));
        }
    }

    #[test]
    fn candidates_without_a_figure_fall_out_and_do_not_end_the_search() {
        let mut n_judged = 0;
        let winner = climb(&rungs(4, 2), true, &mut |_, candidate| {
            n_judged += 1;
            ControlFlow::Continue([None, Some(f64::NAN), Some(0.1), None][candidate])
        });
        assert_eq!((winner, n_judged), (Some(2), 5));
        let none = climb(&rungs(4, 2), true, &mut |_, _| ControlFlow::Continue(None));
        assert_eq!(none, None);
    }

    #[test]
    fn ties_go_to_the_earlier_and_a_break_ends_it() {
        let tie = climb(&rungs(4, 2), true, &mut |_, _| ControlFlow::Continue(Some(0.5)));
        assert_eq!(tie, Some(0));
        let mut n_judged = 0;
        let stopped = climb(&rungs(4, 2), true, &mut |_, _| {
            n_judged += 1;
            if n_judged == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(Some(1.0))
            }
        });
        assert_eq!((stopped, n_judged), (None, 3));
    }
}
