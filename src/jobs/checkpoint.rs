//! The state of a run's training on disk: one safetensors file in a folder of its own in the run's folder, weights and moments as its tensors, everything else
//! as JSON in its header. Written beside its place, synced and renamed, so that a crash leaves the old one or the new one.
//!
//! Not here: what a state consists of, and when one is due.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::TrainRequest;
use super::training::run_dir;
use crate::core::{ColumnTree, RunId};
use crate::core::run::{LossPoint, WatchedPoint};
use crate::model::{Encoder, Targets};
use crate::store::Store;
use crate::train::checkpoint::{Array, Numbers};
use crate::train::{Checkpoint, Findings, TrainingSet};

/// The version of the file that is written, and the only one that is read.
const VERSION: u32 = 1;

/// The name of the JSON in the header.
const KEY: &str = "handful";

/// No state is larger (64 GiB): a file beyond was not written here.
const MAX_BYTES: u64 = 64 << 30;

/// A state with what has to be known to go on from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// The training between two steps.
    pub state: Checkpoint,
    /// The rest.
    pub about: About,
}

/// What belongs to a state besides the training itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// What was trained on and how.
    pub fingerprint: Fingerprint,
    /// Seconds of training so far.
    pub train_secs: f64,
    /// The loss curve so far.
    pub history: Vec<LossPoint>,
    /// What was measured on held-out texts so far.
    pub watched: Vec<WatchedPoint>,
    /// What the run said of itself before it was trained.
    pub findings: Findings,
}

/// Hashes of what must be the same for a training to go on, in hexadecimal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    texts: String,
    labels: String,
    options: String,
    encoder: String,
}

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    step: usize,
    values: BTreeMap<String, serde_json::Value>,
    about: About,
}

impl Fingerprint {
    /// Of a training; the encoder as it was loaded. O(texts and weights).
    ///
    /// # Errors
    /// Weights that cannot be fetched from their device.
    pub fn of(set: &TrainingSet, request: &TrainRequest, encoder: &Encoder) -> anyhow::Result<Fingerprint> {
        let held = set.validation.as_ref();
        let held_texts = held.into_iter().flat_map(|held| held.texts.iter().chain(&held.seconds));
        let texts = set.texts.iter().chain(&set.seconds).chain(held_texts);
        // Not of the pile: it may grow where nothing is learnt from it, and where something is, the method's own state knows it.
        let targets = |targets: &Targets| -> Vec<Vec<usize>> {
            (0..targets.len()).map(|text| targets.of(text).to_vec()).collect()
        };
        let labels = (
            &set.label_names,
            set.n_labels,
            targets(&set.targets),
            held.map(|held| targets(&held.targets)),
        );
        let parents = |tree: &ColumnTree| (0..tree.len()).map(|column| tree.parent(column)).collect::<Vec<_>>();
        let labels = match &set.tree {
            None => hash(&labels)?,
            Some(tree) => hash(&(labels, parents(tree)))?,
        };
        let (method, options) = (request.method.id, request.options.to_json());
        let options = (method, options, request.seed, request.compute.precision.to_string());
        let mut weights = Sha256::new();
        for (name, var) in encoder.vars() {
            let numbers: Vec<f32> = var.flatten_all()?.to_vec1()?;
            weights.update(name.as_bytes());
            weights.update(bytes(&numbers, f32::to_le_bytes));
        }
        Ok(Fingerprint {
            texts: hash(&texts.map(|text| &**text).collect::<Vec<&str>>())?,
            labels,
            options: hash(&options)?,
            encoder: hex(weights),
        })
    }

    /// Complains where a training that left `self` cannot go on as `now`.
    ///
    /// # Errors
    /// What has changed.
    pub fn check(&self, now: &Fingerprint) -> anyhow::Result<()> {
        for (then, now, what) in [
            (&self.texts, &now.texts, "the texts to learn from have"),
            (&self.labels, &now.labels, "labels have"),
            (&self.options, &now.options, "its options or their meaning have"),
            (&self.encoder, &now.encoder, "the encoder it started from has"),
        ] {
            ensure!(
                then == now,
                "{what} changed since, so this training cannot go on; its saved state is kept. Take the change back, or train again"
            );
        }
        Ok(())
    }
}

/// Where the state of a run lies.
pub fn path(store: &Store, run: RunId) -> PathBuf {
    run_dir(store, run).join("checkpoint").join("state.safetensors")
}

/// Writes a state in place of an older one, in a folder that nothing else is in. Durable when it returns.
///
/// # Errors
/// When the disk refuses; the older one is there then.
pub fn write(path: &Path, saved: &Saved) -> anyhow::Result<()> {
    let folder = path.parent().context("a state needs a folder")?;
    fs::create_dir_all(folder)?;
    // What a crash left of an earlier one, perhaps under a name of safetensors' choice.
    for entry in fs::read_dir(folder)? {
        let left = entry?.path();
        if left != path {
            fs::remove_file(left)?;
        }
    }
    let header = serde_json::to_string(&Header {
        version: VERSION,
        step: saved.state.step,
        values: saved.state.values.clone(),
        about: saved.about.clone(),
    })?;
    let metadata = HashMap::from([(KEY.to_owned(), header)]);
    let beside = path.with_extension("partial");
    safetensors::serialize_to_file(saved.state.arrays.iter(), Some(metadata), &beside)?;
    File::open(&beside)?.sync_all()?;
    fs::rename(&beside, path)?;
    // Not every system can sync a folder; where it cannot, the rename is as durable as it gets.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Reads a state; `None` where there is none. Whether it fits its training is checked when that goes on.
///
/// # Errors
/// A file that is no state, or damaged.
pub fn read(path: &Path) -> anyhow::Result<Option<Saved>> {
    let size = match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other?.len(),
    };
    ensure!(
        size <= MAX_BYTES,
        "a saved state of {size} bytes is none: {}",
        path.display()
    );
    let saved = parse(&fs::read(path)?);
    let damaged = || {
        format!(
            "the saved state of the training cannot be used; train again: {}",
            path.display()
        )
    };
    saved.with_context(damaged).map(Some)
}

/// Removes the state of a run that needs it no more, with the folder it has to itself.
pub fn remove(path: &Path) {
    // What cannot be removed takes room, nothing more: the run is done.
    if let Some(folder) = path.parent() {
        let _ = fs::remove_dir_all(folder);
    }
}

fn parse(file: &[u8]) -> anyhow::Result<Saved> {
    let (_, metadata) = SafeTensors::read_metadata(file)?;
    let header = metadata.metadata().as_ref().and_then(|values| values.get(KEY));
    let header: Header = serde_json::from_str(header.context("it has no header of Handful")?)?;
    if header.version != VERSION {
        bail!("it has version {}, and only {VERSION} is known", header.version);
    }
    let mut arrays = BTreeMap::new();
    for (name, view) in SafeTensors::deserialize(file)?.iter() {
        let (words, rest) = view.data().as_chunks::<4>();
        ensure!(rest.is_empty(), "{name} is cut off");
        let numbers = match view.dtype() {
            Dtype::F32 => Numbers::F32(words.iter().map(|word| f32::from_le_bytes(*word)).collect()),
            Dtype::U32 => Numbers::U32(words.iter().map(|word| u32::from_le_bytes(*word)).collect()),
            other => bail!("{name} holds numbers of type {other:?}"),
        };
        let shape = view.shape().to_vec();
        arrays.insert(name.to_owned(), Array { shape, numbers });
    }
    Ok(Saved {
        state: Checkpoint {
            step: header.step,
            values: header.values,
            arrays,
        },
        about: header.about,
    })
}

impl View for &Array {
    fn dtype(&self) -> Dtype {
        match self.numbers {
            Numbers::F32(_) => Dtype::F32,
            Numbers::U32(_) => Dtype::U32,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(match &self.numbers {
            Numbers::F32(numbers) => bytes(numbers, f32::to_le_bytes),
            Numbers::U32(numbers) => bytes(numbers, u32::to_le_bytes),
        })
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * 4
    }
}

fn bytes<T: Copy>(numbers: &[T], of_number: fn(T) -> [u8; 4]) -> Vec<u8> {
    numbers.iter().flat_map(|number| of_number(*number)).collect()
}

fn hash(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(hex(Sha256::new().chain_update(serde_json::to_vec(value)?)))
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(step: usize) -> Saved {
        let mut state = Checkpoint::after(step);
        state.put("sampler", &(u64::MAX, [0.1, 1e-300])).unwrap();
        let numbers = Numbers::F32(vec![1.5, -0.0, f32::MIN_POSITIVE, 3.0, f32::MAX, 1e-40]);
        let shape = vec![2, 3];
        state.arrays.insert("weights.0".into(), Array { shape, numbers });
        let numbers = Numbers::U32(vec![7, u32::MAX]);
        let shape = vec![2];
        state.arrays.insert("optimiser.0.rows".into(), Array { shape, numbers });
        let about = About {
            train_secs: 0.1 + 0.2,
            history: vec![LossPoint { step, loss: 1.0 / 3.0 }],
            ..About::default()
        };
        Saved { state, about }
    }

    #[test]
    fn a_state_comes_back_to_the_bit_and_replaces_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint/state.safetensors");
        assert_eq!(read(&path).unwrap(), None);
        for step in [3, 4] {
            write(&path, &saved(step)).unwrap();
            assert_eq!(read(&path).unwrap(), Some(saved(step)));
        }
        // What a crash left of the next one is no harm.
        for name in ["state.partial", ".tmp66c9JO"] {
            fs::write(path.with_file_name(name), "half").unwrap();
        }
        assert_eq!(read(&path).unwrap(), Some(saved(4)));
        write(&path, &saved(5)).unwrap();
        assert_eq!(read(&path).unwrap(), Some(saved(5)));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        remove(&path);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_state_of_another_version_or_cut_off_anywhere_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint.safetensors");
        write(&path, &saved(3)).unwrap();
        let whole = fs::read(&path).unwrap();
        for n in (0..whole.len()).step_by(7) {
            fs::write(&path, &whole[..n]).unwrap();
            assert!(read(&path).is_err(), "{n} of {} bytes", whole.len());
        }
        let newer = whole.windows(7).position(|bytes| bytes == b"version").unwrap();
        let mut newer_file = whole.clone();
        let digit = newer + whole[newer..].iter().position(|byte| *byte == b'1').unwrap();
        newer_file[digit] = b'2';
        fs::write(&path, newer_file).unwrap();
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(error.contains("version 2"), "{error}");
    }

    #[test]
    fn a_changed_part_is_named() {
        let then = Fingerprint {
            texts: "a".into(),
            labels: "b".into(),
            options: "c".into(),
            encoder: "d".into(),
        };
        assert!(then.check(&then).is_ok());
        type Change = fn(&mut Fingerprint);
        let changes: [(Change, &str); 4] = [
            (|now| now.texts.clear(), "texts to learn from have changed"),
            (|now| now.labels.clear(), "labels have changed"),
            (|now| now.options.clear(), "options"),
            (|now| now.encoder.clear(), "encoder"),
        ];
        for (change, said) in changes {
            let mut now = then.clone();
            change(&mut now);
            let error = then.check(&now).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
