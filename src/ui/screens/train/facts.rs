//! What there is to know of a run besides its figures, as names and values a person reads.

use serde_json::Value;

use crate::core::run::GOES_BY;
use crate::core::{Run, metrics::METRICS};
use crate::train::METHODS;
use crate::ui::widgets::{figure3, thousands};

/// Findings by what they mean; others are shown by their own name.
const TITLES: &[(&str, &str)] = &[
    ("c", "Head strength C"),
    ("watch_metric", "Watched"),
    ("kept_step", "Weights of step"),
    ("pile_texts", "Unlabelled texts used"),
    ("n_unlabelled", "Unlabelled texts used"),
    ("templates", "Label names"),
    ("templates_loss_with", "Loss with label names"),
    ("templates_loss_without", "Loss without label names"),
    ("left_out", "Left out by"),
    ("n_texts_learnt", "Texts learnt from"),
    ("goes_by", "Decided by"),
    ("share_of_steps", "Share of the steps"),
    ("no_out_of_fold_scores", "No out-of-fold scores"),
];

/// Items of a list that are written out.
const MOST_ITEMS: usize = 6;

/// A name and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fact {
    pub name: String,
    pub value: String,
}

/// What the method found, where it was trained, and the options that are not as usual.
pub(super) fn facts(run: &Run) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            facts.push(Fact {
                name: name.to_owned(),
                value,
            });
        }
    };
    for (id, value) in &run.findings {
        let figure = METRICS
            .iter()
            .find(|metric| ["watch_metric", GOES_BY].contains(&id.as_str()) && value.as_str() == Some(metric.id));
        add(
            &title(id),
            figure.map_or_else(|| text(value), |metric| metric.title.to_owned()),
        );
    }
    add("Device", run.device.clone());
    add("Precision", run.precision.clone());
    for (name, value) in unusual_options(run) {
        add(&name, value);
    }
    facts
}

/// Every option of the run, by title.
pub(super) fn options(run: &Run) -> Vec<(String, String)> {
    let method = METHODS.iter().find(|method| method.id == run.method);
    let titled = |id: &String| match method.and_then(|method| method.option(id).ok()) {
        Some(spec) => spec.title.to_owned(),
        None => title(id),
    };
    run.options
        .iter()
        .map(|(id, value)| (titled(id), text(value)))
        .collect()
}

/// Options of the run that differ from what is usual today, by title.
fn unusual_options(run: &Run) -> Vec<(String, String)> {
    let Some(method) = METHODS.iter().find(|method| method.id == run.method) else {
        return options(run);
    };
    let specs = method.options.iter();
    let differs = specs.filter_map(|spec| {
        let value = run.options.get(spec.id)?;
        let usual = match value.as_f64() {
            Some(number) => number == spec.default,
            None => value.as_str() == Some(&spec.range.written(spec.default)),
        };
        (!usual).then(|| (spec.title.to_owned(), text(value)))
    });
    differs.collect()
}

/// An option's or a finding's name as a person reads it.
pub(super) fn title(id: &str) -> String {
    if let Some((_, title)) = TITLES.iter().find(|(known, _)| *known == id) {
        return (*title).to_owned();
    }
    let words = id.replace('_', " ");
    let mut letters = words.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A value as a person reads it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => thousands(whole as usize),
            (None, Some(real)) => decimal(real),
            (None, None) => number.to_string(),
        },
        Value::Array(items) => {
            let shown: Vec<String> = items.iter().take(MOST_ITEMS).map(text).collect();
            let rest = items.len().saturating_sub(MOST_ITEMS);
            match rest {
                0 => shown.join(", "),
                n => format!("{} and {n} more", shown.join(", ")),
            }
        }
        Value::Object(items) => {
            let shown = items
                .iter()
                .take(MOST_ITEMS)
                .map(|(name, value)| format!("{name} {}", text(value)));
            shown.collect::<Vec<_>>().join(", ")
        }
    }
}

/// `0.25`, `5e-5`, `2`.
fn decimal(value: f64) -> String {
    match value.abs() {
        v if v != 0.0 && v < 0.001 => format!("{value:e}"),
        v if v.fract() == 0.0 && v < 1e9 => format!("{value:.0}"),
        v if v >= 100.0 => figure3(value),
        _ => format!("{}", (value * 1e4).round() / 1e4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_read_as_people_write_them() {
        for (value, expected) in [
            (json!(12_345), "12,345"),
            (json!(5e-5), "5e-5"),
            (json!(0.123_456), "0.1235"),
            (json!(1.0), "1"),
            (json!(true), "yes"),
            (json!(["a", 2]), "a, 2"),
            (json!([1, 2, 3, 4, 5, 6, 7, 8]), "1, 2, 3, 4, 5, 6 and 2 more"),
            (json!({"a": 1}), "a 1"),
            (json!(null), ""),
        ] {
            assert_eq!(text(&value), expected, "{value}");
        }
        assert_eq!(title("best_step"), "Best step");
        assert_eq!(title("some_new_thing"), "Some new thing");
    }
}
