//! Zero-shot by similarity from the embeddings that are there. What a changed wording leaves as it was is not computed again: sentences keep
//! their embeddings, templates their cosines.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use crate::core::{TextId, Words};
use crate::jobs::EngineKind;
use crate::jobs::embeddings::EmbeddingCache;
use crate::jobs::zero_shot_scores::{Known, Source, ZeroShotRequest, ZeroShotScores};
use crate::model::zero_shot::prototypes::{fitted_temperature, unit};
use crate::model::zero_shot::{
    Answer, Compared, InTree, LabelText, Pile, Question, Rows, TEMPERATURE, TreeAsked, Wording, ZeroShotError,
    scores_in_tree,
};
use crate::model::{Embeddings, Encoder};

/// Sentences whose embeddings are kept; all are forgotten when there are more.
const MOST_SENTENCES: usize = 4_096;

/// Labelled texts that the temperature is fitted on: an even sample where there are more.
const MOST_FITTED: usize = 300;

/// With fewer texts than this the time says more about sentences than about texts.
const LEAST_TIMED: usize = 200;

/// What lasts from request to request.
#[derive(Default)]
pub(super) struct Similar {
    sentences: HashMap<String, Vec<f32>>,
    texts: Option<Texts>,
    compared: Vec<(Key, Arc<Compared>)>,
}

/// The texts with an embedding.
struct Texts {
    ids: Arc<Vec<TextId>>,
    places: Arc<HashMap<TextId, usize>>,
    /// `(n_texts, dim)`, rows of length 1.
    unit: Embeddings,
}

/// What cosines depend on, the texts aside.
#[derive(PartialEq)]
struct Key {
    template: String,
    labels: Vec<LabelText>,
    each_by_itself: bool,
    pile: Pile,
}

impl Similar {
    /// The texts or their embeddings are others now.
    pub(super) fn forget_texts(&mut self) {
        self.texts = None;
        self.compared.clear();
    }

    /// Scores for those of `wanted` that have an embedding.
    ///
    /// # Errors
    /// Whatever the encoder reports on sentences.
    pub(super) fn answer(
        &mut self,
        request: &ZeroShotRequest,
        encoder: &Encoder,
        cache: &EmbeddingCache,
        wanted: &[(TextId, Words)],
    ) -> Result<ZeroShotScores, ZeroShotError> {
        let began = Instant::now();
        let texts = self.texts.get_or_insert_with(|| Texts::gather(cache, wanted));
        let sentences = &mut self.sentences;
        let mut embed = |wanted: &[String]| embed_known(sentences, encoder, wanted);
        let question = &request.question;
        let pile = match request.engine.kind {
            EngineKind::Similarity { pile } => pile,
            _ => Pile::Auto,
        };
        if let Some(in_tree) = &request.in_tree {
            let mut reads_texts = false;
            let answer = scores_in_tree(in_tree, question, texts.ids.len(), &mut |asked| {
                let unit = texts.unit.rows(asked.rows);
                let truth = truth_of(request, texts, in_tree, asked);
                let mut of_templates = Vec::new();
                for template in asked.question.templates() {
                    let wording = Wording::new(asked.question, template, &mut embed)?;
                    let compared = Compared::new(&wording, &unit, asked.question.each_by_itself(), pile);
                    reads_texts |= compared.read_texts();
                    of_templates.push(compared.scores(temperature(asked.question, &compared, &truth)));
                }
                Ok(Answer::new(asked.question, of_templates))
            })?;
            return Ok(made(
                request,
                encoder,
                texts,
                (answer, Vec::new()),
                (reads_texts, began),
            ));
        }
        let mut compared = Vec::with_capacity(question.templates().len());
        for template in question.templates() {
            let key = Key {
                template: template.clone(),
                labels: question.asked().cloned().collect(),
                each_by_itself: question.each_by_itself(),
                pile,
            };
            let known = self.compared.iter().find(|(known, _)| *known == key);
            let of_template = match known {
                Some((_, known)) => known.clone(),
                None => {
                    let wording = Wording::new(question, template, &mut embed)?;
                    Arc::new(Compared::new(&wording, &texts.unit, key.each_by_itself, pile))
                }
            };
            compared.push((key, of_template));
        }
        self.compared = compared;
        let of_templates = || self.compared.iter().map(|(_, compared)| compared);
        let truth = truth(request, texts);
        let scores: Vec<Rows> = of_templates()
            .map(|compared| compared.scores(temperature(question, compared, &truth)))
            .collect();
        let typical = |compared: &Arc<Compared>| spread(question, compared.typical());
        let reads_texts = of_templates().any(|compared| compared.read_texts());
        let typical = if reads_texts {
            of_templates().map(typical).collect()
        } else {
            Vec::new()
        };
        let answer = Answer::new(question, scores);
        Ok(made(request, encoder, texts, (answer, typical), (reads_texts, began)))
    }
}

/// The scores with where they come from.
fn made(
    request: &ZeroShotRequest,
    encoder: &Encoder,
    texts: &Texts,
    (answer, typical): (Answer, Vec<Vec<Vec<usize>>>),
    (reads_texts, began): (bool, Instant),
) -> ZeroShotScores {
    let secs = began.elapsed().as_secs_f64();
    let source = Source {
        engine: "similarity",
        model: encoder.name().to_owned(),
        reads_texts,
        texts_per_sec: (secs > 0.0 && texts.ids.len() >= LEAST_TIMED).then(|| texts.ids.len() as f64 / secs),
        remarks: Vec::new(),
    };
    let rows = (texts.ids.clone(), texts.places.clone());
    ZeroShotScores::new(request.clone(), source, rows, answer, typical)
}

impl Texts {
    fn gather(cache: &EmbeddingCache, wanted: &[(TextId, Words)]) -> Texts {
        let mut data = Vec::with_capacity(wanted.len() * cache.dim());
        let mut ids = Vec::with_capacity(wanted.len());
        for (id, _) in wanted {
            if let Some(row) = cache.row(*id) {
                ids.push(*id);
                data.extend_from_slice(row);
            }
        }
        let dim = cache.dim();
        Texts {
            places: Arc::new(ids.iter().enumerate().map(|(at, id)| (*id, at)).collect()),
            ids: Arc::new(ids),
            unit: unit(&Embeddings { dim, data }),
        }
    }
}

/// The typical texts of the labels asked about as those of all labels.
fn spread(question: &Question, asked: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let of = |label| question.asked_at(label).and_then(|at| asked.get(at)).cloned();
    (0..question.labels().len())
        .map(|label| of(label).unwrap_or_default())
        .collect()
}

/// Rows of the texts that train and have one label, with its column.
fn truth(request: &ZeroShotRequest, texts: &Texts) -> Vec<(usize, usize)> {
    let of = |known: &Known| match known.columns.as_slice() {
        [column] if known.trains => Some((*texts.places.get(&known.text)?, *column)),
        _ => None,
    };
    request.known.iter().filter_map(of).collect()
}

/// The same for one question in a tree: the label that stands above the text's own.
fn truth_of(request: &ZeroShotRequest, texts: &Texts, in_tree: &InTree, asked: &TreeAsked<'_>) -> Vec<(usize, usize)> {
    let of = |known: &Known| {
        let is_one = known.trains && in_tree.tree.ends(&known.columns).len() == 1;
        let row = asked
            .rows
            .binary_search(texts.places.get(&known.text)?)
            .ok()
            .filter(|_| is_one)?;
        let label = asked.columns.iter().position(|column| known.columns.contains(column))?;
        Some((row, label))
    };
    request.known.iter().filter_map(of).collect()
}

/// The temperature that the labelled training texts speak for, else the usual one.
fn temperature(question: &Question, compared: &Compared, truth: &[(usize, usize)]) -> f64 {
    if question.each_by_itself() {
        return TEMPERATURE;
    }
    let asked_at = |(row, label): &(usize, usize)| Some((*row, question.asked_at(*label)?));
    let mut truth: Vec<(usize, usize)> = truth.iter().filter_map(asked_at).collect();
    if truth.len() > MOST_FITTED {
        let n = truth.len();
        truth = (0..MOST_FITTED)
            .filter_map(|at| truth.get(at * n / MOST_FITTED).copied())
            .collect();
    }
    fitted_temperature(compared.cosines(), question.asked().len(), &truth).unwrap_or(TEMPERATURE)
}

/// A row for each sentence; the encoder reads only those it has not read before.
fn embed_known(
    known: &mut HashMap<String, Vec<f32>>,
    encoder: &Encoder,
    sentences: &[String],
) -> Result<Embeddings, ZeroShotError> {
    if known.len() + sentences.len() > MOST_SENTENCES {
        known.clear();
    }
    let unknown: Vec<&str> = sentences
        .iter()
        .filter(|sentence| !known.contains_key(*sentence))
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        let rows = encoder.embed(&unknown, &mut |_| ControlFlow::Continue(()))?;
        for (at, sentence) in unknown.iter().enumerate() {
            known.insert((*sentence).to_owned(), rows.row(at).unwrap_or_default().to_vec());
        }
    }
    let rows = sentences.iter().filter_map(|sentence| known.get(sentence));
    Ok(Embeddings {
        dim: encoder.dim(),
        data: rows.flatten().copied().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::LabelId;
    use crate::jobs::EngineSpec;
    use crate::model::Precision;
    use crate::model::testing::tiny_encoder;

    struct Bench {
        encoder: Encoder,
        cache: EmbeddingCache,
        texts: Vec<(TextId, Words)>,
        _folder: tempfile::TempDir,
    }

    /// `n` texts whose embeddings are as random as `row` makes them.
    fn bench(n: usize, mut row: impl FnMut(usize, usize) -> f32) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let encoder = tiny_encoder(1);
        let dim = encoder.dim();
        let mut cache = EmbeddingCache::open(folder.path(), folder.path(), dim, Precision::F32);
        let ids: Vec<TextId> = (1..=n as i64).map(TextId).collect();
        let data: Vec<f32> = (0..n)
            .flat_map(|text| (0..dim).map(move |at| (text, at)))
            .map(|(text, at)| row(text, at))
            .collect();
        cache.extend(&ids, &data);
        let words = Words {
            body: "a text".into(),
            second: None,
        };
        let texts = ids.into_iter().map(|id| (id, words.clone())).collect();
        Bench {
            encoder,
            cache,
            texts,
            _folder: folder,
        }
    }

    fn noise(text: usize, at: usize) -> f32 {
        ((text * 31 + at * 17) as f32 * 0.37).sin()
    }

    fn request(labels: &[&str], templates: &[&str], known: Vec<Known>) -> ZeroShotRequest {
        ZeroShotRequest {
            engine: EngineSpec::new(EngineKind::Similarity { pile: Pile::Auto }),
            in_tree: None,
            question: Question::about(labels, templates.iter().copied(), false).unwrap(),
            ids: (0..labels.len()).map(|at| Some(LabelId(at as i64))).collect(),
            known: Arc::new(known),
            generation: 1,
        }
    }

    #[test]
    fn what_stays_the_same_is_not_computed_again() {
        let bench = bench(240, noise);
        let mut similar = Similar::default();
        let ask = |similar: &mut Similar, labels: &[&str], templates: &[&str]| {
            let request = request(labels, templates, Vec::new());
            similar
                .answer(&request, &bench.encoder, &bench.cache, &bench.texts)
                .unwrap()
        };
        let first = ask(&mut similar, &["cat", "team"], &["the {}", "a {}"]);
        let (n_sentences, kept) = (similar.sentences.len(), similar.compared[0].1.clone());
        assert_eq!((n_sentences, first.n_scored()), (6, 240));
        assert!(first.source.reads_texts);
        let second = ask(&mut similar, &["cat", "team"], &["the {}", "one {}"]);
        assert!(Arc::ptr_eq(&kept, &similar.compared[0].1));
        assert_eq!(similar.sentences.len(), n_sentences + 3);
        let text = TextId(9);
        assert_eq!(first.scores(Some(0), text), second.scores(Some(0), text));
        assert_ne!(first.scores(Some(1), text), second.scores(Some(1), text));
        ask(&mut similar, &["cat", "market"], &["the {}"]);
        assert_eq!(similar.sentences.len(), n_sentences + 4);
        // The same as without anything kept.
        let fresh = ask(&mut Similar::default(), &["cat", "team"], &["the {}", "one {}"]);
        assert_eq!(fresh.scores(None, text), second.scores(None, text));
        assert_eq!(second.typical(Some(1), 0).len(), 10);
    }

    #[test]
    fn texts_that_are_gone_neither_count_nor_move_anything() {
        let bench = bench(260, noise);
        let request = request(&["cat", "team"], &["{}"], Vec::new());
        let mut similar = Similar::default();
        let answer = |similar: &mut Similar, texts: &[(TextId, Words)]| {
            similar.answer(&request, &bench.encoder, &bench.cache, texts).unwrap()
        };
        assert_eq!(answer(&mut similar, &bench.texts).n_scored(), 260);
        similar.forget_texts();
        let few = answer(&mut similar, &bench.texts[..150]);
        assert!(few.n_scored() == 150 && !few.source.reads_texts);
        assert_eq!(few.scores(None, TextId(200)), None);
    }

    #[test]
    fn the_temperature_follows_training_labels_only() {
        let bench = bench(240, noise);
        let known = |trains| -> Vec<Known> {
            let of = |text| Known {
                text: TextId(text),
                columns: vec![(text % 2) as usize],
                trains,
            };
            (1..=40).map(of).collect()
        };
        let sure = |known: Vec<Known>| {
            let request = request(&["cat", "team"], &["{}"], known);
            let mut similar = Similar::default();
            let scores = similar
                .answer(&request, &bench.encoder, &bench.cache, &bench.texts)
                .unwrap();
            scores.overall.confidence.unwrap()
        };
        let usual = sure(Vec::new());
        assert_eq!(sure(known(false)), usual);
        // Labels that have nothing to do with the texts: the scores become less sure.
        assert!(sure(known(true)) < usual - 0.01, "{} {usual}", sure(known(true)));
    }
}
