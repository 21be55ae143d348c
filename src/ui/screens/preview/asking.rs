//! What is being tried, and when it is asked: similarity at once, slow engines when typing rests for a moment.

use std::time::{Duration, Instant};

use egui::Context;

use super::engine_choice::{Engines, Listed};
use super::shown::{Filter, Shown, Sort};
use crate::app::zero_shot::{Because, Templates};
use crate::app::{App, PreviewAsk, Project};
use crate::core::{LabelId, TaskKind, TextId};
use crate::jobs::{EngineSpec, ZeroShotRunRequest};
use crate::model::zero_shot::{Descent, LabelText, Language};
use crate::ui::desk::Desk;

/// How long typing rests before a slow engine begins anew.
const REST: Duration = Duration::from_millis(250);

/// A label being tried.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tried {
    pub id: Option<LabelId>,
    pub name: String,
    /// The names of the labels above it, from the top down.
    pub above: Vec<String>,
    /// What goes into templates in place of the name; empty: the name.
    pub words: String,
}

/// What the screen remembers.
pub struct Memory {
    /// The project it remembers this of.
    opening: u64,
    /// The frame in which the screen was last drawn.
    drawn: u64,
    /// Labels being tried; `None`: those of the project.
    pub(super) labels: Option<Vec<Tried>>,
    /// The name being typed, and whether it is to have the keyboard.
    pub(super) adding: String,
    pub(super) focus_adding: bool,
    /// Descriptions of the project's labels stand in place of their names.
    pub(super) descriptions: bool,
    pub(super) templates: Vec<String>,
    /// Where the templates come from; `None` once somebody has changed them here.
    pub(super) because: Option<Because>,
    /// The language of the templates, where it is not that of the texts.
    pub(super) language: Option<Language>,
    /// What the templates were chosen for.
    chosen_for: Option<(u64, Listed, Option<Language>)>,
    /// How labels that form a tree are asked about; `None`: as suits the engine.
    pub(super) descent: Option<Descent>,
    /// Places of templates in the order in which they are shown.
    pub(super) order: Vec<usize>,
    /// The template whose scores are shown; `None`: the mean of all.
    pub(super) chosen: Option<usize>,
    /// The template that is to have the keyboard.
    pub(super) focus_template: Option<usize>,
    /// Templates are ranked as soon as their figures are there.
    ranking: bool,
    /// `None`: as the project's task is.
    pub(super) multi: Option<bool>,
    /// What scores the texts.
    pub(super) engines: Engines,
    pub(super) models_known: bool,
    /// The label whose typical texts are shown.
    pub(super) opened: Option<usize>,
    pub(super) sort: Sort,
    pub(super) filter: Filter,
    pub(super) shown: Option<Shown>,
    /// Texts that were in view when a slow engine was last told.
    pub(super) in_view: Vec<TextId>,
    asked: Option<(PreviewAsk, u64)>,
    waiting: Option<(PreviewAsk, Instant)>,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            opening: 0,
            drawn: 0,
            labels: None,
            adding: String::new(),
            focus_adding: false,
            descriptions: false,
            templates: Vec::new(),
            because: None,
            language: None,
            chosen_for: None,
            descent: None,
            order: Vec::new(),
            chosen: None,
            focus_template: None,
            ranking: false,
            multi: None,
            engines: Engines::default(),
            models_known: false,
            opened: None,
            sort: Sort::InOrder,
            filter: Filter::All,
            shown: None,
            in_view: Vec::new(),
            asked: None,
            waiting: None,
        }
    }
}

/// What the screen asks in this frame, and whether it can be asked.
pub(super) struct Asked {
    pub ask: PreviewAsk,
    /// Why it cannot.
    pub problem: Option<String>,
    /// Whether it was asked; not while typing goes on, nor without a model.
    pub sent: bool,
}

impl Memory {
    /// Forgets what belongs to another project, and looks for models again whenever the screen is entered.
    pub(super) fn enter(&mut self, project: &Project, frame: u64) {
        self.models_known &= frame <= self.drawn + 1;
        self.drawn = frame;
        if self.opening != project.opening {
            let engines = Engines {
                listed: None,
                ..self.engines.clone()
            };
            *self = Memory {
                opening: project.opening,
                drawn: frame,
                engines,
                ..Memory::default()
            };
        }
    }

    /// Takes the templates that suit the engine and the texts, until somebody changes one.
    pub(super) fn follow(&mut self, app: &App, project: &Project) {
        let listed = self.engines.listed(project.state.n_texts());
        let now = (project.revision, listed, self.language);
        let untouched = self.because.is_some() || self.templates.is_empty();
        if !untouched || self.chosen_for == Some(now) {
            return;
        }
        self.chosen_for = Some(now);
        let Templates { sentences, because } = app.zero_shot_templates_in(&self.engines.kind(), self.language);
        self.because = Some(because);
        if self.templates != sentences {
            self.order = (0..sentences.len()).collect();
            self.templates = sentences;
            self.chosen = None;
        }
    }

    /// The templates of a language, in place of those that are there; `None` for that of the texts.
    pub(super) fn speak(&mut self, language: Option<Language>) {
        self.language = language;
        self.because = None;
        self.chosen_for = None;
        self.templates.clear();
    }

    /// Whether the engine learns from all templates together.
    pub(super) fn learns_together(&self) -> bool {
        self.engines.listed == Some(Listed::SetFit)
    }

    /// The labels being tried.
    pub(super) fn tried(&self, project: &Project) -> Vec<Tried> {
        if let Some(labels) = &self.labels {
            return labels.clone();
        }
        let labels = project.state.labels.in_order().into_iter();
        let tried = |(_, label): (_, &crate::core::Label)| Tried {
            above: above(project, label.id),
            id: Some(label.id),
            name: label.name.clone(),
            words: match self.descriptions {
                true => label.description.clone(),
                false => String::new(),
            },
        };
        labels.map(tried).collect()
    }

    pub(super) fn is_multi(&self, project: &Project) -> bool {
        self.multi.unwrap_or(project.state.task == TaskKind::MultiLabel)
    }

    /// Puts a template below the others and gives it the keyboard.
    pub(super) fn add_template(&mut self) {
        self.because = None;
        self.templates.push("{}".to_owned());
        self.order.push(self.templates.len() - 1);
        self.focus_template = Some(self.templates.len() - 1);
    }

    pub(super) fn remove_template(&mut self, at: usize) {
        if self.templates.len() < 2 || at >= self.templates.len() {
            return;
        }
        self.because = None;
        self.templates.remove(at);
        self.order = (0..self.templates.len()).collect();
        self.chosen = None;
    }

    /// Ranks the templates; a single one gets the others of the language beside it.
    pub(super) fn compare(&mut self, app: &App) {
        if self.learns_together() {
            return;
        }
        if self.templates.len() == 1 {
            let language = self.language.or_else(|| app.zero_shot_language());
            let usual = self
                .engines
                .kind()
                .every_template(language.unwrap_or(Language::English));
            let more = usual.into_iter().filter(|usual| !self.templates.contains(usual));
            let more: Vec<String> = more.collect();
            self.because = None;
            self.templates.extend(more);
            self.order = (0..self.templates.len()).collect();
        }
        self.ranking = true;
    }

    /// Asks again in the next frame, as after a stop.
    pub(super) fn ask_again(&mut self) {
        self.asked = None;
    }

    pub(super) fn is_ranking(&self) -> bool {
        self.ranking
    }

    /// What would be kept as a run, as far as it can be: the project's labels, in the words that are tried here.
    ///
    /// # Errors
    /// Why it cannot be kept.
    pub(super) fn run_request(&self, app: &App, project: &Project) -> Result<ZeroShotRunRequest, &'static str> {
        let encoder = app.settings.encoder.as_str();
        let engine = self.engines.spec(encoder).ok_or("Choose a model first.")?;
        if self.labels.is_some() {
            return Err("A run has the project's labels in the project's words: go back to those first.");
        }
        if self.is_multi(project) != (project.state.task == TaskKind::MultiLabel) {
            return Err("A run follows the project's task, and here it is another.");
        }
        if project.state.n_annotated() == 0 {
            return Err("No text has a label yet, so there is nothing to compare scores with.");
        }
        let templates = match self.chosen.and_then(|at| self.templates.get(at)) {
            Some(chosen) => vec![chosen.clone()],
            None => self.templates.clone(),
        };
        Ok(ZeroShotRunRequest {
            descent: self.descent.unwrap_or(engine.kind.usual_descent()),
            engine,
            templates,
            descriptions: self.descriptions,
            key: None,
        })
    }

    fn ask(&self, project: &Project, engine: EngineSpec) -> PreviewAsk {
        let label = |tried: Tried| {
            let description = Some(tried.words).filter(|words| !words.trim().is_empty());
            let text = LabelText {
                description,
                above: tried.above,
                ..LabelText::named(tried.name)
            };
            (tried.id, text)
        };
        PreviewAsk {
            descent: self.descent.unwrap_or(engine.kind.usual_descent()),
            engine,
            labels: self.tried(project).into_iter().map(label).collect(),
            templates: self.templates.clone(),
            multi: self.is_multi(project),
        }
    }

    /// Whether this may be asked now; else it waits until typing rests.
    fn may_ask(&mut self, ctx: &Context, ask: &PreviewAsk) -> bool {
        let typing = |(before, _): &(PreviewAsk, u64)| before.engine == ask.engine && before != ask;
        if ask.engine.is_instant() || !self.asked.as_ref().is_some_and(typing) {
            return true;
        }
        match &self.waiting {
            Some((waiting, since)) if waiting == ask && since.elapsed() >= REST => return true,
            Some((waiting, _)) if waiting == ask => {}
            _ => self.waiting = Some((ask.clone(), Instant::now())),
        }
        ctx.request_repaint_after(REST);
        false
    }

    /// Puts the best template first, once all have figures.
    fn rank(&mut self, project: &Project) {
        let previewing = &project.previewing;
        let Some(scores) = previewing
            .scores
            .as_ref()
            .filter(|scores| previewing.is_current(scores))
        else {
            return;
        };
        if !self.ranking || previewing.progress.is_some() || scores.request.question.templates() != self.templates {
            return;
        }
        self.ranking = false;
        let rank = |at: usize| scores.by_template.get(at).map_or(0.0, |figures| figures.rank());
        self.order.sort_by(|a, b| rank(*b).total_cmp(&rank(*a)).then(a.cmp(b)));
        self.chosen = self.order.first().copied();
    }
}

/// Asks for scores, once for each wording and again when the project has changed.
pub(super) fn ask(ctx: &Context, desk: &mut Desk, project: &Project) -> Asked {
    let (app, memory) = (desk.app, &mut desk.memory.preview);
    memory.follow(app, project);
    memory.rank(project);
    let spec = memory.engines.spec(&app.settings.encoder);
    let has_model = spec.is_some();
    let ask = memory.ask(project, spec.unwrap_or_else(|| EngineSpec::new(memory.engines.kind())));
    let problem = ask.question().err();
    let now = (ask, project.revision);
    if memory.asked.as_ref() == Some(&now) {
        memory.waiting = None;
        return Asked {
            ask: now.0,
            problem,
            sent: true,
        };
    }
    if !has_model && project.previewing.progress.is_some() {
        // What an engine before this one was asked is wanted no longer.
        memory.asked = None;
        desk.change_project(|project, _| project.previewing.stop());
    }
    let memory = &mut desk.memory.preview;
    let sent = problem.is_none() && has_model && memory.may_ask(ctx, &now.0);
    if sent {
        memory.waiting = None;
        memory.asked = Some(now.clone());
        memory.in_view.clear();
        let asked = now.0.clone();
        desk.change(move |app| app.preview(&asked));
    }
    Asked {
        ask: now.0,
        problem,
        sent,
    }
}

/// The names of the labels above one, from the top down.
fn above(project: &Project, id: LabelId) -> Vec<String> {
    let mut path = project.state.labels.path(id);
    path.pop();
    path
}
