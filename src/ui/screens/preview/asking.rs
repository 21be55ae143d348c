//! What is being tried, and when it is asked: similarity at once, slow engines when typing rests for a moment.

use std::time::{Duration, Instant};

use egui::Context;

use super::shown::{Filter, Shown, Sort};
use crate::app::{PreviewAsk, Project};
use crate::core::{LabelId, TaskKind, TextId};
use crate::jobs::{EngineChoice, PreviewEngine};
use crate::model::zero_shot::{DEFAULT_TEMPLATE, LabelText, Pile};
use crate::ui::desk::Desk;

/// How long typing rests before a slow engine begins anew.
const REST: Duration = Duration::from_millis(250);

/// Wordings that are compared where there is only one.
const USUAL: [&str; 4] = [DEFAULT_TEMPLATE, "{}", "The topic is {}.", "This is an example of {}."];

/// The engines, as they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EngineKind {
    Reading,
    Names,
    Entailment,
}

/// A label being tried.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tried {
    pub id: Option<LabelId>,
    pub name: String,
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
    /// `None`: similarity, which reads the texts where there are enough.
    pub(super) engine: Option<EngineKind>,
    /// The model of entailment, and the one being typed.
    pub(super) entailment: String,
    pub(super) typed_model: String,
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
            templates: vec![DEFAULT_TEMPLATE.to_owned()],
            order: vec![0],
            chosen: None,
            focus_template: None,
            ranking: false,
            multi: None,
            engine: None,
            entailment: String::new(),
            typed_model: String::new(),
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
            let (entailment, typed_model) = (self.entailment.clone(), self.typed_model.clone());
            *self = Memory {
                opening: project.opening,
                drawn: frame,
                entailment,
                typed_model,
                ..Memory::default()
            };
        }
    }

    /// The labels being tried.
    pub(super) fn tried(&self, project: &Project) -> Vec<Tried> {
        if let Some(labels) = &self.labels {
            return labels.clone();
        }
        let labels = project.state.labels.in_order().into_iter();
        let tried = |(_, label): (_, &crate::core::Label)| Tried {
            id: Some(label.id),
            name: label.name.clone(),
            words: match self.descriptions {
                true => label.description.clone(),
                false => String::new(),
            },
        };
        labels.map(tried).collect()
    }

    /// The engine that is chosen, or that is the default for so many texts.
    pub(super) fn engine_kind(&self, n_texts: usize) -> EngineKind {
        self.engine.unwrap_or(match Pile::Auto.reads(n_texts) {
            true => EngineKind::Reading,
            false => EngineKind::Names,
        })
    }

    pub(super) fn is_multi(&self, project: &Project) -> bool {
        self.multi.unwrap_or(project.state.task == TaskKind::MultiLabel)
    }

    /// Puts a template below the others and gives it the keyboard.
    pub(super) fn add_template(&mut self) {
        self.templates.push("{}".to_owned());
        self.order.push(self.templates.len() - 1);
        self.focus_template = Some(self.templates.len() - 1);
    }

    pub(super) fn remove_template(&mut self, at: usize) {
        if self.templates.len() < 2 || at >= self.templates.len() {
            return;
        }
        self.templates.remove(at);
        self.order = (0..self.templates.len()).collect();
        self.chosen = None;
    }

    /// Ranks the templates; a single one gets the usual ones beside it.
    pub(super) fn compare(&mut self) {
        if self.templates.len() == 1 {
            let more = USUAL
                .iter()
                .filter(|usual| self.templates.iter().all(|known| known != *usual));
            let more: Vec<String> = more.map(|usual| (*usual).to_owned()).collect();
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

    fn ask(&self, project: &Project) -> PreviewAsk {
        let choice = EngineChoice::Entailment {
            model: self.entailment.clone(),
        };
        let engine = match self.engine {
            None => PreviewEngine::Similarity(Pile::Auto),
            Some(EngineKind::Reading) => PreviewEngine::Similarity(Pile::On),
            Some(EngineKind::Names) => PreviewEngine::Similarity(Pile::Off),
            Some(EngineKind::Entailment) => PreviewEngine::Slow(choice),
        };
        let label = |tried: Tried| {
            let description = Some(tried.words).filter(|words| !words.trim().is_empty());
            let text = LabelText {
                description,
                ..LabelText::named(tried.name)
            };
            (tried.id, text)
        };
        PreviewAsk {
            engine,
            labels: self.tried(project).into_iter().map(label).collect(),
            templates: self.templates.clone(),
            multi: self.is_multi(project),
        }
    }

    /// Whether this may be asked now; else it waits until typing rests.
    fn may_ask(&mut self, ctx: &Context, ask: &PreviewAsk) -> bool {
        let typing = |(before, _): &(PreviewAsk, u64)| before.engine == ask.engine && before != ask;
        if !matches!(ask.engine, PreviewEngine::Slow(_)) || !self.asked.as_ref().is_some_and(typing) {
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
    let memory = &mut desk.memory.preview;
    memory.rank(project);
    let ask = memory.ask(project);
    let problem = ask.question().err();
    let has_model = memory.engine != Some(EngineKind::Entailment) || !memory.entailment.is_empty();
    let now = (ask, project.revision);
    if memory.asked.as_ref() == Some(&now) {
        memory.waiting = None;
        return Asked {
            ask: now.0,
            problem,
            sent: true,
        };
    }
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
