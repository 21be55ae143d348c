//! `handful explain`: the words that moved a score.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::json;

use super::classify::shortened;
use super::{Output, progress, project, runs};
use crate::app::{App, Project};
use crate::core::{Text, Words};
use crate::jobs::predict::label_names;
use crate::jobs::training::{ensure_model, run_dir};
use crate::model::{Classifier, Explanation, Input, Target, WordEffect, explain};

/// Words printed for each text; `--json` has all.
const N_SHOWN: usize = 12;

#[derive(Debug, Args)]
pub struct Explain {
    /// The project
    project: PathBuf,
    /// Texts of the project by their id (as in the imported file, or `#12`), or texts in quotes
    #[arg(required = true, value_name = "TEXT_OR_ID")]
    texts: Vec<String>,
    /// Number of the run; the newest otherwise
    #[arg(long)]
    run: Option<i64>,
    /// The label whose score is explained; the one with the highest score otherwise
    #[arg(long)]
    label: Option<String>,
    /// Another label: explain how far the score is above this one's
    #[arg(long, value_name = "LABEL")]
    against: Option<String>,
}

/// A text to explain.
struct Asked {
    id: Option<String>,
    words: Words,
}

impl Explain {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        project::open(app, output, &self.project)?;
        let run = runs::chosen(app, self.run)?;
        let project = app.project()?;
        let asked = self.texts.iter().map(|written| find(project, written));
        let asked = asked.collect::<anyhow::Result<Vec<Asked>>>()?;
        ensure_model(&run)?;
        let dir = run_dir(&project.store, run.id);
        let classifier = Classifier::load(&dir, app.compute())
            .with_context(|| format!("the model of {} cannot be opened; train it again", run.name))?;
        let names = label_names(&classifier);
        let label = self.label.as_deref().map(|name| column(&names, name)).transpose()?;
        let against = self.against.as_deref().map(|name| column(&names, name)).transpose()?;
        let bar = progress::bar(output, asked.len(), "leaving out words");
        let (mut text, mut found) = (String::new(), Vec::new());
        for one in &asked {
            let input = Input::from(&one.words);
            let scores = classifier.predict_proba(&[input], &mut |_| ControlFlow::Continue(()))?;
            let scores = scores.first().map_or(&[][..], Vec::as_slice);
            let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]).then(b.cmp(a)));
            let label = label.or(best).context("the model has no labels")?;
            ensure!(against != Some(label), "a label cannot be explained against itself");
            let target = Target { label, against };
            let explanation = explain(&classifier, input, target, &mut || ControlFlow::Continue(()))?;
            let decided = run.rule(run.tree().as_ref()).decide(scores);
            let name = |label: usize| names.get(label).map_or("", String::as_str);
            let words = explanation.words.iter().map(|word| {
                json!({ "word": written(&one.words, word), "part": word.part, "start": word.start, "end": word.end, "effect": word.effect })
            });
            found.push(json!({
                "id": one.id,
                "text": &*one.words.body,
                "second": one.words.second.as_deref(),
                "labels": decided.iter().map(|label| name(*label)).collect::<Vec<_>>(),
                "label": name(label),
                "against": against.map(name),
                "score": explanation.score,
                "n_words": explanation.n_words,
                "words": words.collect::<Vec<_>>(),
            }));
            text += &described(one, name(label), against.map(name), &explanation);
            bar.inc(1);
        }
        bar.finish_and_clear();
        text += "An estimate, by leaving out one word at a time: what the score would lose without the word.";
        output.result(&json!({ "run": run.id, "name": run.name, "texts": found }), &text)
    }
}

/// A text of the project, or one that was written out.
fn find(project: &Project, written: &str) -> anyhow::Result<Asked> {
    let named = |text: &&Text| {
        text.external_id.as_deref() == Some(written)
            || written
                .strip_prefix('#')
                .is_some_and(|number| number == text.id.to_string())
    };
    if let Some(text) = project.state.texts().find(named) {
        return Ok(Asked {
            id: Some(written.to_owned()),
            words: text.words(),
        });
    }
    if written
        .strip_prefix('#')
        .is_some_and(|number| number.parse::<i64>().is_ok())
    {
        bail!("there is no text {written} in the project");
    }
    ensure!(
        !project.state.has_pairs(),
        "no text has the id {written:?}, and the project's texts are pairs, which cannot be written out here: name them by their id"
    );
    Ok(Asked {
        id: None,
        words: Words {
            body: written.into(),
            second: None,
        },
    })
}

/// The column of a label by its path or its own name.
fn column(names: &[String], written: &str) -> anyhow::Result<usize> {
    let own = |name: &str| name.rsplit('>').next().map(str::trim) == Some(written.trim());
    let found = names.iter().position(|name| name == written.trim());
    let found = found.or_else(|| names.iter().position(|name| own(name)));
    found.with_context(|| format!("the model has no label {written:?}; it has: {}", names.join(", ")))
}

fn written<'a>(words: &'a Words, word: &WordEffect) -> &'a str {
    let part = match word.part {
        0 => Some(&*words.body),
        _ => words.second.as_deref(),
    };
    part.and_then(|part| part.get(word.start..word.end)).unwrap_or_default()
}

fn described(asked: &Asked, label: &str, against: Option<&str>, explanation: &Explanation) -> String {
    let line = crate::core::text::in_line(&asked.words.body, asked.words.second.as_deref());
    let id = asked.id.as_ref().map(|id| format!("{id}  ")).unwrap_or_default();
    let against = against.map(|name| format!(", against {name}")).unwrap_or_default();
    let mut out = format!(
        "{id}{}\n{label} {:.3}{against}\n",
        shortened(&line, 100),
        explanation.score
    );
    for word in explanation.ranked().iter().take(N_SHOWN) {
        let _ = writeln!(out, "  {:+.3}  {}", word.effect, written(&asked.words, word));
    }
    let n_tried = explanation.words.len();
    if n_tried == 0 {
        out += "  there is no word to leave out\n";
    } else if n_tried > N_SHOWN {
        let _ = writeln!(out, "  and {} weaker ones", n_tried - N_SHOWN);
    }
    if explanation.n_words > n_tried {
        let _ = writeln!(
            out,
            "  tried: the {n_tried} words of the passages that moved the score most, of {}",
            explanation.n_words
        );
    }
    out.push('\n');
    out
}
