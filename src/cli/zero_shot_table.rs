//! Zero-shot scores in a terminal and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::classify::shortened;
use super::zero_shot_asked::Asked;
use crate::core::text::in_line;
use crate::model::zero_shot::Answer;

pub fn named<'a>(labels: &'a [String], row: Option<&Vec<f32>>) -> BTreeMap<&'a str, f32> {
    let names = labels.iter().map(String::as_str);
    names.zip(row.into_iter().flatten().copied()).collect()
}

/// The scores of one text in the words of each template; empty where there is only one.
pub fn by_template<'a>(labels: &'a [String], answer: &Answer, text: usize) -> Vec<BTreeMap<&'a str, f32>> {
    let of_template = |rows: &Vec<Vec<f32>>| named(labels, rows.get(text));
    answer.by_template.iter().map(of_template).collect()
}

/// A line a text with its three best labels; in a tree, of those that can be a whole answer.
pub fn table(asked: &Asked, labels: &[String], answer: &Answer) -> String {
    let mut table = String::new();
    let is_answer = |at: &usize| {
        asked
            .in_tree
            .as_ref()
            .is_none_or(|of| of.answers.get(*at) == Some(&true))
    };
    for ((id, words), row) in asked.texts.iter().zip(&answer.scores) {
        // Equal scores stay in the order of the labels, and a label that is there twice is shown once.
        let first = |at: &usize| labels.iter().position(|label| *label == labels[*at]) == Some(*at);
        let mut ranked: Vec<(&str, f32)> = (0..labels.len().min(row.len()))
            .filter(|at| first(at) && is_answer(at))
            .map(|at| (labels[at].as_str(), row[at]))
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let best: Vec<String> = ranked
            .iter()
            .take(3)
            .map(|(name, score)| format!("{name} {score:.2}"))
            .collect();
        let text = shortened(&in_line(&words.body, words.second.as_deref()), 58);
        let _ = writeln!(table, "{id:<14} {text:<60} {}", best.join("  "));
    }
    table
}
