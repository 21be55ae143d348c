//! What the quick model owes to the names of labels, to unlabelled texts, and to its settings: accuracy on test texts, means over splits.
//!
//!     cargo bench --bench ablation -- DATA N SET,SET
//!
//! DATA holds `SET/train.jsonl` and `fewshot/SET/{nN_seedS,test}.jsonl`, one {"text", "label"} a line. Beside each split lies a pile of 1,500
//! training texts without their labels, none of them in the split or the test file. The default encoder, frozen, has to be there.
#![allow(clippy::unwrap_used)] // what cannot be read cannot be measured

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;

use candle_core::Device;
use handful::core::rng;
use handful::model::catalog::{Catalog, DEFAULT_MODEL};
use handful::model::head::pile::{Beside, PileSettings, fit};
use handful::model::head::{Examples, FitSettings, Head};
use handful::model::zero_shot::prototypes::unit;
use handful::model::{Embeddings, Encoder, Targets, label_names};
use rand::seq::SliceRandom;

const PILE: usize = 1_500;

/// How a head comes to be.
enum Variant {
    Plain,
    /// By self-training, with or without names and pile.
    Pile {
        names: bool,
        pile: bool,
        settings: PileSettings,
    },
    /// On the surest half of what prototypes guess: these start at the middles of the labelled texts and move towards the pile.
    Prototypes {
        temperature: f64,
    },
}

fn variants() -> Vec<(String, Variant)> {
    let usual = PileSettings::default;
    let with = |names, pile, settings| Variant::Pile { names, pile, settings };
    let mut all = vec![
        ("labelled texts alone".into(), Variant::Plain),
        ("with names".into(), with(true, false, usual())),
        ("with the pile".into(), with(false, true, usual())),
        ("**with both**".into(), with(true, true, usual())),
    ];
    let mut add = |called: String, settings| all.push((called, with(true, true, settings)));
    for share in [0.3, 0.7, 0.9] {
        add(format!("share {share}"), PileSettings { share, ..usual() });
    }
    for rounds in [1, 2, 8] {
        add(format!("rounds {rounds}"), PileSettings { rounds, ..usual() });
    }
    for c in [1.0, 3.0, 10.0, 30.0] {
        let settings = PileSettings { c: Some(c), ..usual() };
        add(format!("C {c}"), settings);
    }
    for name_weight in [2.0, 12.0] {
        add(
            format!("name weighs {name_weight}"),
            PileSettings { name_weight, ..usual() },
        );
    }
    for labelled_weight in [1.0, 6.0] {
        let settings = PileSettings {
            labelled_weight,
            ..usual()
        };
        add(format!("labelled text weighs {labelled_weight}"), settings);
    }
    for temperature in [0.01, 0.02, 0.05, 0.1] {
        let called = format!("prototypes, temperature {temperature}");
        all.push((called, Variant::Prototypes { temperature }));
    }
    all
}

/// Texts and the columns of their labels.
struct Rows {
    texts: Vec<String>,
    labels: Vec<String>,
}

fn read(path: &Path) -> Rows {
    let written = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows = written
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let (texts, labels) = rows
        .map(|row| {
            (
                row["text"].as_str().unwrap().to_owned(),
                row["label"].to_string().trim_matches('"').to_owned(),
            )
        })
        .unzip();
    Rows { texts, labels }
}

/// Embeds every text once.
struct Embedder {
    encoder: Encoder,
    known: HashMap<String, Vec<f32>>,
}

impl Embedder {
    fn embed(&mut self, texts: &[String]) -> Embeddings {
        let new: HashSet<&str> = texts
            .iter()
            .map(String::as_str)
            .filter(|text| !self.known.contains_key(*text))
            .collect();
        let new: Vec<&str> = new.into_iter().collect();
        let embedded = self.encoder.embed(&new, &mut |_| ControlFlow::Continue(())).unwrap();
        for (at, text) in new.iter().enumerate() {
            self.known
                .insert((*text).to_owned(), embedded.row(at).unwrap().to_vec());
        }
        Embeddings {
            dim: self.encoder.dim(),
            data: texts.iter().flat_map(|text| self.known[text].iter().copied()).collect(),
        }
    }
}

/// A split with what lies beside it, embedded.
struct Split {
    n_labels: usize,
    labelled: Embeddings,
    targets: Targets,
    names: Embeddings,
    pile: Embeddings,
    test: Embeddings,
    truth: Vec<usize>,
}

impl Split {
    fn new(embedder: &mut Embedder, split: &Rows, test: &Rows, train: &Rows) -> Split {
        let mut names: Vec<String> = Vec::new();
        for label in &split.labels {
            if !names.contains(label) {
                names.push(label.clone());
            }
        }
        let column = |label: &String| names.iter().position(|name| name == label).unwrap();
        let taken: HashSet<&String> = split.texts.iter().chain(&test.texts).collect();
        let mut pile: Vec<String> = train
            .texts
            .iter()
            .filter(|text| !taken.contains(text))
            .cloned()
            .collect();
        pile.shuffle(&mut rng::stream(7, "pile"));
        pile.truncate(PILE);
        Split {
            n_labels: names.len(),
            labelled: embedder.embed(&split.texts),
            targets: Targets::Single(split.labels.iter().map(column).collect()),
            pile: embedder.embed(&pile),
            test: embedder.embed(&test.texts),
            truth: test.labels.iter().map(column).collect(),
            names: label_names::embed(&embedder.encoder, &names).unwrap(),
        }
    }

    fn accuracy(&self, variant: &Variant) -> f64 {
        let examples = Examples::new(&self.labelled, &self.targets, self.n_labels);
        let head = match variant {
            Variant::Plain => Head::fit(examples, &FitSettings::default()).unwrap(),
            Variant::Pile { names, pile, settings } => {
                let nothing = Embeddings {
                    dim: self.pile.dim,
                    data: Vec::new(),
                };
                let beside = Beside {
                    names: names.then_some(&self.names),
                    pile: if *pile { &self.pile } else { &nothing },
                };
                fit(examples, beside, settings).unwrap().head
            }
            Variant::Prototypes { temperature } => self.by_prototypes(*temperature),
        };
        let probabilities = head.predict_proba(&self.test).unwrap();
        let right = probabilities
            .iter()
            .zip(&self.truth)
            .filter(|(row, label)| best(row) == **label);
        right.count() as f64 / self.truth.len() as f64
    }

    fn by_prototypes(&self, temperature: f64) -> Head {
        let Targets::Single(labels) = &self.targets else {
            unreachable!()
        };
        let pile = unit(&self.pile);
        let anchors = self.middles(labels);
        let mut prototypes = anchors.clone();
        for _ in 0..10 {
            let shares = shares(&pile, &prototypes, temperature);
            prototypes = moved(&anchors, &pile, &shares);
        }
        let sure = surest_half(&shares(&pile, &prototypes, temperature), self.n_labels);
        let mut x = self.labelled.clone();
        let (mut targets, mut weights) = (labels.clone(), vec![3.0; labels.len()]);
        for (row, label) in sure {
            x.data.extend(self.pile.row(row).unwrap());
            targets.push(label);
            weights.push(1.0);
        }
        let targets = Targets::Single(targets);
        let examples = Examples::new(&x, &targets, self.n_labels).weighted(&weights);
        Head::fit(examples, &FitSettings::with_c(10.0)).unwrap()
    }

    /// For each label the middle of its texts, with half of its name.
    fn middles(&self, labels: &[usize]) -> Embeddings {
        let (labelled, names) = (unit(&self.labelled), unit(&self.names));
        let mut sums = vec![0f32; self.n_labels * labelled.dim];
        for (row, label) in labels.iter().enumerate() {
            add(&mut sums, *label, labelled.row(row).unwrap(), 1.0);
        }
        let mut middles = unit(&Embeddings {
            dim: labelled.dim,
            data: sums,
        });
        for label in 0..self.n_labels {
            add(&mut middles.data, label, names.row(label).unwrap(), 0.5);
        }
        unit(&middles)
    }
}

/// `(rows, labels)`: a softmax over cosines.
fn shares(texts: &Embeddings, prototypes: &Embeddings, temperature: f64) -> Vec<Vec<f64>> {
    let rows = texts.data.chunks_exact(texts.dim);
    rows.map(|text| {
        let of = |label: &[f32]| text.iter().zip(label).map(|(a, b)| f64::from(a * b)).sum::<f64>() / temperature;
        let logits: Vec<f64> = prototypes.data.chunks_exact(texts.dim).map(of).collect();
        let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|z| (z - most).exp()).sum();
        logits.iter().map(|z| (z - most).exp() / sum).collect()
    })
    .collect()
}

/// Three tenths of the anchor, the rest from the texts shared out to each label.
fn moved(anchors: &Embeddings, texts: &Embeddings, shares: &[Vec<f64>]) -> Embeddings {
    let mut centres = vec![0f32; anchors.data.len()];
    for (row, shares) in shares.iter().enumerate() {
        for (label, share) in shares.iter().enumerate() {
            add(&mut centres, label, texts.row(row).unwrap(), *share as f32);
        }
    }
    let centres = unit(&Embeddings {
        dim: texts.dim,
        data: centres,
    });
    let mixed = anchors
        .data
        .iter()
        .zip(&centres.data)
        .map(|(anchor, centre)| 0.3 * anchor + 0.7 * centre);
    unit(&Embeddings {
        dim: texts.dim,
        data: mixed.collect(),
    })
}

/// Row and label, of each label the surest half of the texts nearest to it.
fn surest_half(shares: &[Vec<f64>], n_labels: usize) -> Vec<(usize, usize)> {
    let mut of_label = vec![Vec::new(); n_labels];
    for (row, shares) in shares.iter().enumerate() {
        let row_shares: Vec<f32> = shares.iter().map(|share| *share as f32).collect();
        let label = best(&row_shares);
        of_label[label].push((shares[label], row));
    }
    let half = |(label, mut rows): (usize, Vec<(f64, usize)>)| {
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        rows.truncate(rows.len().div_ceil(2));
        rows.into_iter().map(move |(_, row)| (row, label))
    };
    of_label.into_iter().enumerate().flat_map(half).collect()
}

fn add(to: &mut [f32], label: usize, row: &[f32], weight: f32) {
    let to = &mut to[label * row.len()..(label + 1) * row.len()];
    to.iter_mut().zip(row).for_each(|(to, x)| *to += weight * x);
}

fn best(row: &[f32]) -> usize {
    let most = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    most.map_or(0, |(label, _)| label)
}

fn splits(embedder: &mut Embedder, data: &Path, set: &str, n: usize) -> Vec<Split> {
    let folder = data.join("fewshot").join(set);
    let (test, train) = (
        read(&folder.join("test.jsonl")),
        read(&data.join(set).join("train.jsonl")),
    );
    let files = (0..).map(|seed| folder.join(format!("n{n}_seed{seed}.jsonl")));
    files
        .take_while(|file| file.exists())
        .map(|file| Split::new(embedder, &read(&file), &test, &train))
        .collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [data, n, sets] = &arguments[..] else {
        println!("cargo bench --bench ablation -- DATA N SET,SET");
        return;
    };
    let folder = Catalog::open(None).unwrap().path(DEFAULT_MODEL).unwrap();
    let encoder = Encoder::load(&folder, &Device::Cpu).unwrap();
    let mut embedder = Embedder {
        encoder,
        known: HashMap::new(),
    };
    let sets: Vec<(&str, Vec<Split>)> = sets
        .split(',')
        .map(|set| (set, splits(&mut embedder, Path::new(data), set, n.parse().unwrap())))
        .collect();
    let heads: Vec<String> = sets
        .iter()
        .map(|(set, splits)| format!("{set} ({} splits)", splits.len()))
        .collect();
    println!("| {n} a label | {} | mean |", heads.join(" | "));
    println!("|---{}|---|", "|---".repeat(sets.len()));
    for (called, variant) in variants() {
        let mean = |splits: &Vec<Split>| {
            splits.iter().map(|split| split.accuracy(&variant)).sum::<f64>() / splits.len().max(1) as f64
        };
        let means: Vec<f64> = sets.iter().map(|(_, splits)| mean(splits)).collect();
        let each: Vec<String> = means.iter().map(|mean| format!("{mean:.4}")).collect();
        let all = means.iter().sum::<f64>() / means.len().max(1) as f64;
        println!("| {called} | {} | {all:.4} |", each.join(" | "));
    }
}
