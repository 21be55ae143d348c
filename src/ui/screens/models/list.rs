//! The models on this machine, read when a screen is entered and after a model came, never every frame.

use egui::Context;

use crate::app::App;
use crate::jobs::JobKind;
use crate::model::catalog::{KnownModel, ModelEntry};
use crate::ui::screens::ScreenId;

/// What the catalog last said.
#[derive(Default)]
pub struct ModelList {
    /// By name.
    pub entries: Vec<ModelEntry>,
    /// Why there is no list.
    pub problem: String,
    seen: Option<(ScreenId, u64)>,
    was_busy: bool,
}

impl ModelList {
    /// Reads the catalog again where something may have changed. Call it in every frame of a screen that shows models.
    pub fn refresh(&mut self, ctx: &Context, app: &App, screen: ScreenId) {
        let frame = ctx.cumulative_frame_nr();
        let entered = self
            .seen
            .is_none_or(|(last, at)| last != screen || frame > at.saturating_add(1));
        let busy = app.running(JobKind::GetModel).is_some();
        if entered || (self.was_busy && !busy) {
            match app.catalog.list() {
                Ok(entries) => (self.entries, self.problem) = (entries, String::new()),
                Err(reason) => self.problem = reason.to_string(),
            }
        }
        self.seen = Some((screen, frame));
        self.was_busy = busy;
    }

    /// Whether a model is here.
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name)
    }

    /// Models that could be fetched and are not here.
    pub fn missing<'a>(&self, app: &'a App) -> Vec<&'a KnownModel> {
        app.catalog
            .known()
            .iter()
            .filter(|known| !self.has(known.name))
            .collect()
    }

    /// The encoder to work with: `wanted` where it is here, else `usual`, else any.
    pub fn choose<'a>(&'a self, wanted: Option<&str>, usual: &str) -> Option<&'a str> {
        let find = |name: &str| self.entries.iter().find(|entry| entry.name == name);
        wanted
            .and_then(find)
            .or_else(|| find(usual))
            .or(self.entries.first())
            .map(|entry| entry.name.as_str())
    }
}
