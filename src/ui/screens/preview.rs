//! Preview: scores by similarity between the texts and label names in a sentence, before anything is trained.
//!
//! What is tried here changes nothing: labels and sentence belong to the screen, scores are never stored.

mod results;
mod wording;

use egui::Ui;

use super::{Screen, ScreenId, no_keys};
use crate::app::Project;
use crate::core::TaskKind;
use crate::model::zero_shot::{self, DEFAULT_TEMPLATE};
use crate::ui::{
    desk::{Act, Desk},
    icons,
    sheets::{PathPurpose, SheetState},
    theme::space,
    widgets::{empty_state, screen_rect, split_left},
};

/// Its id.
pub const ID: ScreenId = ScreenId("preview");

pub(super) const SCREEN: Screen = Screen {
    id: ID,
    title: "Preview",
    icon: icons::PREVIEW,
    in_rail: true,
    keys: &[],
    on_keys: no_keys,
    ui,
};

/// What the screen remembers.
pub struct Memory {
    /// Names being tried; `None`: those of the project.
    labels: Option<Vec<String>>,
    /// The name being typed.
    adding: String,
    template: String,
    /// `None`: as the project's task is.
    multi: Option<bool>,
    /// What was asked last, with the number of texts there were.
    asked: Option<(Wording, usize)>,
    agreement: Option<results::Agreement>,
}

/// One way of asking.
#[derive(Debug, Clone, PartialEq)]
struct Wording {
    labels: Vec<String>,
    template: String,
    multi: bool,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            labels: None,
            adding: String::new(),
            template: DEFAULT_TEMPLATE.to_owned(),
            multi: None,
            asked: None,
            agreement: None,
        }
    }
}

impl Memory {
    fn wording(&self, project: &Project) -> Wording {
        let names = || {
            project
                .state
                .labels
                .in_order()
                .into_iter()
                .map(|(_, label)| label.name.clone())
                .collect()
        };
        Wording {
            labels: self.labels.clone().unwrap_or_else(names),
            template: self.template.clone(),
            multi: self.multi.unwrap_or(project.state.task == TaskKind::MultiLabel),
        }
    }
}

fn ui(ui: &mut Ui, desk: &mut Desk) {
    let Some(project) = desk.project() else { return };
    if project.state.n_texts() == 0 {
        let text = "Import a file, or drop one on the window.";
        if empty_state(ui, icons::DATA, "No texts yet", text, "Import a file") {
            desk.act(Act::Show(SheetState::path(PathPurpose::Import)));
        }
        return;
    }
    let wording = desk.memory.preview.wording(project);
    let problem = zero_shot::sentences(&wording.labels, &wording.template)
        .err()
        .map(|reason| reason.to_string());
    if problem.is_none() {
        ask(desk, project, &wording);
    }
    let (left, right) = split_left(screen_rect(ui), 300.0, space::L);
    wording::wording_ui(ui, left, desk, &wording, problem.as_deref());
    results::results_ui(ui, right, desk, project, &wording);
}

/// Asks the quick model for scores, once for each wording and again when texts have come.
fn ask(desk: &mut Desk, project: &Project, wording: &Wording) {
    let now = (wording.clone(), project.state.n_texts());
    if desk.memory.preview.asked.as_ref() == Some(&now) {
        return;
    }
    desk.memory.preview.asked = Some(now);
    let Wording {
        labels,
        template,
        multi,
    } = wording.clone();
    desk.change_project(move |project, _| project.request_zero_shot(labels, template, multi));
}
