//! `handful queue`: which texts to label next.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::classify::shortened;
use super::{Output, project::open};
use crate::app::{App, command};
use crate::core::number::thousands;
use crate::core::queue::QueueOrder;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Order {
    /// As imported
    InOrder,
    /// Shuffled by --seed
    Random,
    /// Where the suggestion is least sure
    MostUncertain,
    /// Where the suggestion is least sure at one step down the label tree
    LeastSureInTree,
    /// Where --label is likeliest
    Likely,
}

#[derive(Debug, Args)]
pub struct Queue {
    /// The project
    project: PathBuf,
    /// How it is ordered
    #[arg(long, value_enum, default_value = "in-order")]
    order: Order,
    /// With --order likely: the label
    #[arg(long, required_if_eq("order", "likely"))]
    label: Option<String>,
    /// Only texts suggested in this branch of the tree, and those labelled there, such as `Home > Kitchen`
    #[arg(long, value_name = "PATH")]
    within: Option<String>,
    /// How many texts to show
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// With --order random: the seed
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

impl Queue {
    pub fn run(self, app: &mut App, output: &Output) -> anyhow::Result<()> {
        open(app, output, &self.project)?;
        let find = |app: &App, written: &str| anyhow::Ok(command::find_label(app.project()?, written)?.id);
        let within = self.within.as_deref().map(|written| find(app, written)).transpose()?;
        let order = match (self.order, &self.label) {
            (Order::InOrder, _) => QueueOrder::InOrder,
            (Order::Random, _) => QueueOrder::Random(self.seed),
            (Order::MostUncertain, _) => QueueOrder::MostUncertain,
            (Order::LeastSureInTree, _) => QueueOrder::LeastSureInTree,
            (Order::Likely, Some(label)) => QueueOrder::Likely(find(app, label)?),
            (Order::Likely, None) => bail!("--order likely needs --label"),
        };
        if order.needs_scores() || within.is_some() {
            suggest(app)?;
        }
        let project = app.project_mut()?;
        project.annotating.within = within;
        project.set_order(order);
        let (project, state) = (&*project, &project.state);
        let mut text = format!(
            "{} of {} texts, {}{}\n",
            thousands(project.annotating.queue.len()),
            thousands(state.n_texts()),
            order.name(),
            within.map_or(String::new(), |branch| format!(
                ", within {}",
                state.labels.path_string(branch)
            )),
        );
        let mut rows = Vec::new();
        for id in project.annotating.queue.iter().take(self.limit) {
            let Some(shown) = state.text(*id) else { continue };
            let suggested = project.best_suggestion(*id);
            let doubt = project.doubt(*id).filter(|_| state.labels.is_hierarchical());
            let labelled: Option<Vec<String>> = shown.annotation.as_ref().map(|annotation| {
                annotation
                    .labels
                    .iter()
                    .map(|label| state.labels.path_string(*label))
                    .collect()
            });
            let _ = write!(text, "#{:<5} {:<52}", id.0, shortened(&shown.line(), 50));
            if let Some((label, score)) = suggested {
                let _ = write!(text, " {}? {score:.2}", state.labels.path_string(label));
            }
            if let Some(labelled) = &labelled {
                let _ = write!(text, "  labelled {}", labelled.join(", "));
            }
            if let Some(doubt) = doubt.filter(|_| order == QueueOrder::LeastSureInTree) {
                let place = doubt.below.map_or("at the top".to_owned(), |label| {
                    format!("below {}", state.labels.path_string(label))
                });
                let _ = write!(text, "  least sure {place} ({:.2})", doubt.unsure);
            }
            text.push('\n');
            rows.push(json!({
                "id": shown.external_id,
                "number": id,
                "text": shown.line(),
                "labels": labelled,
                "suggested": suggested.map(|(label, score)| json!({"path": state.labels.path(label), "score": score})),
                "least_sure": doubt.map(|doubt| json!({
                    "below": doubt.below.map(|label| state.labels.path(label)),
                    "unsure": doubt.unsure,
                })),
            }));
        }
        let result = json!({
            "order": order.name(),
            "within": within.map(|branch| state.labels.path(branch)),
            "n_texts": project.annotating.queue.len(),
            "texts": rows,
        });
        output.result(&result, &text)
    }
}

/// Waits until the quick model has scored every text.
fn suggest(app: &mut App) -> anyhow::Result<()> {
    const PAUSE: Duration = Duration::from_millis(20);
    app.start_suggestions()?;
    loop {
        app.poll(PAUSE);
        let project = app.project()?;
        let n_texts = project.state.n_texts();
        let scored = project
            .suggestions
            .as_ref()
            .is_some_and(|suggestions| suggestions.rows.scores.len() >= n_texts);
        if scored {
            return Ok(());
        }
        if let Some(reason) = &project.suggestions_missing {
            bail!("this order needs suggestions, and there are none: {reason}");
        }
        ensure!(n_texts > 0, "the project has no texts yet");
        std::thread::sleep(PAUSE);
    }
}
