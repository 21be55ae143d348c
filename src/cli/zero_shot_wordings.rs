//! `handful zero-shot --compare-templates`: which wording does best.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::time::Instant;

use serde_json::json;

use super::table::table;
use super::zero_shot::rate;
use super::zero_shot_asked::Asked;
use super::{Output, progress};
use crate::core::report::figure;
use crate::jobs::{EngineKind, EngineSpec};
use crate::model::Input;
use crate::model::zero_shot::{Answer, Engine, Question, rank_templates};

/// Scores the texts in the words of every template of the question and shows the templates, best first.
pub fn compare(
    output: &Output,
    engine: &mut dyn Engine,
    spec: &EngineSpec,
    question: &Question,
    asked: &Asked,
) -> anyhow::Result<()> {
    let inputs: Vec<Input<'_>> = asked.texts.iter().map(|(_, words)| words.into()).collect();
    let began = Instant::now();
    // An engine that learns from all templates at once is asked about one at a time.
    let questions = match &spec.kind {
        EngineKind::TemplatedSetFit { .. } => one_by_one(question)?,
        _ => vec![question.clone()],
    };
    let mut by_template = Vec::new();
    for question in &questions {
        let bar = progress::bar(output, inputs.len(), "scoring");
        let answer = engine.score(&inputs, question, &mut |progress| {
            bar.set_position((progress.fraction() * progress.n_texts as f64) as u64);
            bar.set_message(rate(progress));
            ControlFlow::Continue(())
        })?;
        bar.finish_and_clear();
        match answer.by_template.is_empty() {
            true => by_template.push(answer.scores),
            false => by_template.extend(answer.by_template),
        }
    }
    let answer = Answer {
        scores: Vec::new(),
        by_template,
    };
    let (answer, known) = in_tree(asked, answer);
    let ranked = rank_templates(question, &answer, &known);
    let by = match asked.known.is_empty() {
        true => "confidence",
        false => "macro_f1",
    };
    let rows: Vec<Vec<String>> = ranked
        .iter()
        .map(|wording| {
            vec![
                wording.template.clone(),
                figure(wording.macro_f1),
                figure(Some(wording.confidence)),
                figure(Some(wording.margin)),
            ]
        })
        .collect();
    let mut text = table(&["template", "macro_f1", "confidence", "margin"], &rows);
    let (secs, n_labelled) = (began.elapsed().as_secs_f64(), asked.known.len());
    let basis = match n_labelled {
        0 => "no text is labelled, so the surest wording comes first".to_owned(),
        n => format!("ranked on {n} labelled texts, test texts aside"),
    };
    let _ = writeln!(
        text,
        "\n{} texts, {} with {}, {secs:.1} s; {basis}",
        inputs.len(),
        engine.name(),
        engine.model()
    );
    output.result(
        &json!({
            "engine": engine.name(), "model": engine.model(), "ranked_by": by, "n_labelled": n_labelled, "n_texts": inputs.len(),
            "secs": secs, "templates": ranked,
        }),
        &text,
    )
}

/// In a tree: with one path a text, how likely each label is the whole answer, which the truth is compared with; with several, the truth
/// with all that stands above it.
fn in_tree(asked: &Asked, mut answer: Answer) -> (Answer, Vec<(usize, Vec<usize>)>) {
    let mut known = asked.known.clone();
    let Some(tree) = asked.in_tree.as_ref().map(|in_tree| &in_tree.tree) else {
        return (answer, known);
    };
    if asked.multi {
        known
            .iter_mut()
            .for_each(|(_, columns)| *columns = tree.closed(columns));
    } else {
        let rows = answer.by_template.iter_mut().flatten();
        rows.for_each(|row| *row = tree.own(row));
    }
    (answer, known)
}

fn one_by_one(question: &Question) -> anyhow::Result<Vec<Question>> {
    let alone = |template: &String| {
        Ok(Question::new(
            question.labels().to_vec(),
            [template.as_str()],
            question.multi(),
        )?)
    };
    question.templates().iter().map(alone).collect()
}
