//! The model card: what the model is, what it was trained on, how it scored, how to use it.

use std::fmt::Write;

use crate::core::label::PATH_SEPARATOR;
use crate::core::{Run, TaskKind, Walk};

/// Markdown with the front matter model hubs read.
pub(super) fn model_card(run: &Run, pairs: bool) -> String {
    let mut card = String::from(
        "---\nlibrary_name: sentence-transformers\npipeline_tag: text-classification\ntags:\n- handful\n---\n",
    );
    let _ = writeln!(card, "# {}\n", run.name);
    let _ = writeln!(
        card,
        "A {} {} classifier with {} labels, made with Handful {}: {} on the encoder {}.\n",
        run.task.name(),
        if pairs { "text-pair" } else { "text" },
        run.labels.len(),
        env!("CARGO_PKG_VERSION"),
        run.method,
        run.encoder
    );
    write_labels(&mut card, run);
    write_training(&mut card, run);
    let _ = writeln!(
        card,
        "## Use\n\n```sh\nhandful predict . {}\n```\n\n{}The folder also opens as an encoder with sentence-transformers. \
         The head is in `head.json`, what its outputs mean in `handful.json`: {}.\n",
        if pairs { "pairs.csv" } else { "texts.csv" },
        if pairs {
            "Each row has two texts, such as `premise` and `hypothesis`; the encoder reads both as one input. "
        } else {
            ""
        },
        head(run)
    );
    card
}

/// How scores come of an embedding, in words.
fn head(run: &Run) -> &'static str {
    let top_down = run.options.get("tree").and_then(serde_json::Value::as_str) == Some("top-down");
    let fine_tuned_or_logistic = run.options.get("head").and_then(serde_json::Value::as_str) != Some("differentiable");
    match (run.tree(), run.task) {
        (Some(_), _) if top_down && fine_tuned_or_logistic => {
            "under `tree`, a classifier for the top and for each label with others below it (`below`), over its children and perhaps stopping \
             there; a label's score is the product of the probabilities on the path to it"
        }
        (Some(_), TaskKind::SingleLabel) => {
            "under `tree`, one row of coefficients and an intercept per answer, then softmax; a label's score is the sum of its own \
             probability and of all below it"
        }
        (Some(_), TaskKind::MultiLabel) => {
            "under `tree`, one row of coefficients and an intercept per label, then a sigmoid each; no label's score is above that of the label \
             above it"
        }
        (None, TaskKind::SingleLabel) => {
            "one row of coefficients and an intercept per output, applied to the sentence embedding, then softmax (sigmoid where there are two labels)"
        }
        (None, TaskKind::MultiLabel) => {
            "one row of coefficients and an intercept per output, applied to the sentence embedding, then a sigmoid per label"
        }
    }
}

fn write_labels(card: &mut String, run: &Run) {
    card.push_str("## Labels\n\n| label | threshold |\n|---|---|\n");
    for (path, threshold) in run.label_paths.iter().zip(&run.thresholds) {
        let name = path.join(PATH_SEPARATOR).replace('|', "\\|").replace(['\n', '\r'], " ");
        let _ = writeln!(card, "| {name} | {threshold:.3} |");
    }
    let _ = writeln!(card, "\n{}{}{}.\n", in_tree(run), decision(run), tuned(run));
}

/// What a score means in a tree.
fn in_tree(run: &Run) -> String {
    let Some(tree) = run.tree() else { return String::new() };
    format!(
        "The labels form a tree of {} levels. A score is the probability that a text belongs to a label or to one below it, and a threshold holds \
         for everything below its label too. ",
        tree.n_levels()
    )
}

/// How scores become labels, in words.
fn decision(run: &Run) -> &'static str {
    let abstains = run.thresholds.iter().any(|threshold| *threshold > 0.0);
    if run.tree().is_some() {
        return match (run.task, run.walk()) {
            (TaskKind::SingleLabel, Walk::BestPath) => {
                "A text gets the likeliest path, as far down as scores reach their thresholds"
            }
            (TaskKind::SingleLabel, Walk::Greedy) => {
                "A text gets the path that always goes on to the likeliest label below, as far down as scores reach their thresholds"
            }
            (TaskKind::MultiLabel, _) => "A text gets every label whose score reaches its threshold, with all labels above it",
        };
    }
    match (run.task, abstains, run.deciding.at_least_one) {
        (TaskKind::SingleLabel, false, _) => "A text gets the label with the highest score",
        (TaskKind::SingleLabel, true, _) => {
            "A text gets the label with the highest score if that reaches the label's threshold, and no label otherwise"
        }
        (TaskKind::MultiLabel, _, false) => "A text gets every label whose score reaches its threshold, perhaps none",
        (TaskKind::MultiLabel, _, true) => {
            "A text gets every label whose score reaches its threshold; where there is none, the one with the highest score \
             (`at_least_one` in `handful.json`)"
        }
    }
}

fn tuned(run: &Run) -> String {
    match run.deciding.tuned_for {
        Some(objective) => format!(". The thresholds were tuned for `{objective}`"),
        None => String::new(),
    }
}

fn write_training(card: &mut String, run: &Run) {
    let _ = writeln!(
        card,
        "## Training\n\n{} texts, {:.1} s, seed {}. Options: {}.\n",
        run.n_train,
        run.train_secs,
        run.seed,
        run.options
            .iter()
            .map(|(id, value)| format!("`{id}={value}`"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    let Some(kind) = run.scored_on else { return };
    let _ = writeln!(
        card,
        "## Metrics\n\nOn the {} scores.\n\n| metric | value |\n|---|---|",
        kind.name()
    );
    for (name, value) in &run.metrics {
        let _ = writeln!(card, "| {name} | {value:.4} |");
    }
    card.push('\n');
}
