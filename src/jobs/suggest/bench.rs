//! The inside of the suggestion thread: its texts, its embeddings, and the order in which it works.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvError, TryRecvError};

use super::quick::Quick;
use super::similar::Similar;
use super::{Labelled, Request, SuggesterEvent, Suggestions};
use crate::core::{TextId, Words, queue};
use crate::jobs::embeddings::EmbeddingCache;
use crate::jobs::models::{encoder_dir, load_encoder};
use crate::jobs::zero_shot_scores::ZeroShotRequest;
use crate::model::catalog::Catalog;
use crate::model::{Compute, Embeddings, Encoder, Input};

/// Texts embedded between two looks at the requests: well under a tenth of a second.
const CHUNK: usize = 16;

/// How often growing results are shown while the pile is being embedded.
const REFRESH: Duration = Duration::from_millis(700);

pub(super) struct Bench {
    catalog: Arc<Catalog>,
    encoder_name: String,
    compute: Compute,
    files_dir: PathBuf,
    inbox: Receiver<Request>,
    report: Box<dyn Fn(SuggesterEvent) + Send>,
    ready: Option<(Encoder, EmbeddingCache)>,
    texts: Vec<(TextId, Words)>,
    next_text: usize,
    labelled: Option<Labelled>,
    zero_shot: Option<ZeroShotRequest>,
    refit_due: bool,
    zero_shot_due: bool,
    quick: Quick,
    similar: Similar,
    /// Whether the last refit gave a head.
    fitted: bool,
    refreshed: Instant,
    /// Whether texts were embedded that nothing on screen knows yet.
    unshown: bool,
}

impl Bench {
    pub(super) fn new(
        catalog: Arc<Catalog>,
        encoder_name: String,
        compute: Compute,
        files_dir: PathBuf,
        inbox: Receiver<Request>,
        report: Box<dyn Fn(SuggesterEvent) + Send>,
    ) -> Self {
        Bench {
            catalog,
            encoder_name,
            compute,
            files_dir,
            inbox,
            report,
            ready: None,
            texts: Vec::new(),
            next_text: 0,
            labelled: None,
            zero_shot: None,
            refit_due: false,
            zero_shot_due: false,
            quick: Quick::default(),
            similar: Similar::default(),
            fitted: false,
            refreshed: Instant::now(),
            unshown: false,
        }
    }

    pub(super) fn fail(&self, reason: String) {
        (self.report)(SuggesterEvent::Failed(reason));
    }

    /// Works until the handle is dropped: requests first, then refits, then the next few texts of the pile.
    pub(super) fn serve(&mut self) {
        while self.take_requests().is_continue() {
            if let Err(error) = self.work() {
                self.fail(format!("{error:#}"));
                self.next_text = self.texts.len();
                self.refit_due = false;
                self.zero_shot_due = false;
                self.fitted = false;
            }
        }
        if let Some((_, cache)) = &mut self.ready {
            let _ = cache.save();
        }
    }

    fn idle(&self) -> bool {
        self.next_text >= self.texts.len() && !self.refit_due && !self.zero_shot_due && !self.verdict_is_due()
    }

    /// Whether the labelled texts should be asked about the pile; not where there was nothing to fit on.
    fn verdict_is_due(&self) -> bool {
        let labelled = self.labelled.as_ref().filter(|_| self.fitted);
        labelled.is_some_and(|labelled| self.quick.verdict_is_due(labelled))
    }

    /// Drains the requests; waits for one when there is nothing to do. `Break` when nobody asks any more.
    fn take_requests(&mut self) -> ControlFlow<()> {
        if self.idle() {
            match self.inbox.recv() {
                Ok(request) => self.accept(request),
                Err(RecvError) => return ControlFlow::Break(()),
            }
        }
        loop {
            match self.inbox.try_recv() {
                Ok(request) => self.accept(request),
                Err(TryRecvError::Empty) => return ControlFlow::Continue(()),
                Err(TryRecvError::Disconnected) => return ControlFlow::Break(()),
            }
        }
    }

    fn accept(&mut self, request: Request) {
        match request {
            Request::Texts(texts) => {
                self.texts = texts;
                self.next_text = 0;
                self.similar.forget_texts();
                self.zero_shot_due = self.zero_shot.is_some();
            }
            Request::Labelled(labelled) => {
                self.labelled = Some(labelled);
                self.refit_due = true;
            }
            Request::ZeroShot(request) => {
                self.zero_shot = Some(request);
                self.zero_shot_due = true;
            }
        }
    }

    fn work(&mut self) -> anyhow::Result<()> {
        if self.ready.is_none() {
            let dir = encoder_dir(&self.catalog, &self.encoder_name)?;
            let encoder = load_encoder(&self.catalog, &self.encoder_name, self.compute)?;
            let cache = EmbeddingCache::open(&self.files_dir, &dir, encoder.dim(), self.compute.precision);
            self.ready = Some((encoder, cache));
        }
        if std::mem::take(&mut self.zero_shot_due) {
            self.score_zero_shot()?;
        }
        if std::mem::take(&mut self.refit_due) {
            self.refit()?;
        } else {
            self.ask_about_pile()?;
        }
        self.embed_some()
    }

    /// Embeds the next chunk of the pile, and refreshes what is shown now and then.
    fn embed_some(&mut self) -> anyhow::Result<()> {
        let Some((encoder, cache)) = &mut self.ready else {
            return Ok(());
        };
        let before = cache.ids().len();
        let mut chunk = Vec::with_capacity(CHUNK);
        while chunk.len() < CHUNK && self.next_text < self.texts.len() {
            let (id, words) = &self.texts[self.next_text];
            if cache.row(*id).is_none() {
                chunk.push((*id, words.clone()));
            }
            self.next_text += 1;
        }
        embed(encoder, cache, &chunk)?;
        let finished = self.next_text >= self.texts.len();
        let grown = cache.ids().len() > before;
        self.unshown |= grown;
        if finished {
            cache.save()?;
        }
        if finished && grown {
            self.quick.ask_again();
        }
        if self.unshown && (finished || self.refreshed.elapsed() >= REFRESH) {
            self.unshown = false;
            self.refreshed = Instant::now();
            self.similar.forget_texts();
            (self.report)(SuggesterEvent::Embedded {
                done: self.next_text,
                total: self.texts.len(),
            });
            self.refit_due = self.labelled.is_some();
            self.zero_shot_due = self.zero_shot.is_some();
        }
        Ok(())
    }

    fn refit(&mut self) -> anyhow::Result<()> {
        let (Some((encoder, cache)), Some(labelled)) = (&mut self.ready, &self.labelled) else {
            return Ok(());
        };
        let started = Instant::now();
        let words: std::collections::HashMap<TextId, &Words> =
            self.texts.iter().map(|(id, words)| (*id, words)).collect();
        let missing: Vec<(TextId, Words)> = labelled
            .texts
            .iter()
            .filter(|(id, _)| cache.row(*id).is_none())
            .filter_map(|(id, _)| words.get(id).map(|words| (*id, (*words).clone())))
            .collect();
        // Many are read in chunks, so that what is asked meanwhile is answered.
        let first = missing.get(..CHUNK).unwrap_or(&missing);
        embed(encoder, cache, first)?;
        self.unshown |= !missing.is_empty();
        if first.len() < missing.len() {
            self.refit_due = true;
            return Ok(());
        }

        let material = self.quick.gather(labelled, encoder, cache)?;
        let refitted = match self.quick.refit(&material) {
            Ok(refitted) => refitted,
            Err(reason) => {
                self.fitted = false;
                (self.report)(SuggesterEvent::NothingToFit(reason.to_string()));
                return Ok(());
            }
        };
        let scores = refitted.head.predict_proba(&Embeddings {
            dim: cache.dim(),
            data: cache.data().to_vec(),
        })?;
        self.fitted = true;
        (self.report)(SuggesterEvent::Suggested(Arc::new(Suggestions {
            n_train: material.n_texts(),
            from_pile: refitted.from_pile,
            took_secs: started.elapsed().as_secs_f64(),
            at: Instant::now(),
            rows: queue::Suggestions {
                labels: labelled.labels.clone(),
                scores: cache.ids().iter().copied().zip(scores).collect(),
            },
        })));
        Ok(())
    }

    /// Asks the labelled texts whether the pile helps, when there is nothing more urgent.
    fn ask_about_pile(&mut self) -> anyhow::Result<()> {
        if !self.verdict_is_due() {
            return Ok(());
        }
        if let (Some((encoder, cache)), Some(labelled)) = (&self.ready, &self.labelled) {
            let material = self.quick.gather(labelled, encoder, cache)?;
            self.refit_due = self.quick.ask(&material)?;
        }
        Ok(())
    }

    fn score_zero_shot(&mut self) -> anyhow::Result<()> {
        let (Some((encoder, cache)), Some(request)) = (&self.ready, &self.zero_shot) else {
            return Ok(());
        };
        match self.similar.answer(request, encoder, cache, &self.texts) {
            Ok(scores) => {
                let scores = Arc::new(scores);
                (self.report)(SuggesterEvent::ZeroShot(scores.clone()));
                if self.inbox.is_empty() && scores.overall.macro_f1.is_some() {
                    scores.find_interval();
                    (self.report)(SuggesterEvent::ZeroShot(scores));
                }
            }
            Err(reason) => {
                (self.report)(SuggesterEvent::ZeroShotRefused(reason.to_string()));
                self.zero_shot = None;
            }
        }
        Ok(())
    }
}

fn embed(encoder: &Encoder, cache: &mut EmbeddingCache, texts: &[(TextId, Words)]) -> anyhow::Result<()> {
    if texts.is_empty() {
        return Ok(());
    }
    let inputs: Vec<Input<'_>> = texts.iter().map(|(_, words)| words.into()).collect();
    let rows = encoder.embed(&inputs, &mut |_| ControlFlow::Continue(()))?;
    let ids: Vec<TextId> = texts.iter().map(|(id, _)| *id).collect();
    cache.extend(&ids, &rows.data);
    Ok(())
}
