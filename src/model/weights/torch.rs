//! Where the tensors of a file written by `torch.save` lie: a zip of a pickle and the numbers of each storage, or, from before 2020, five
//! pickles followed by the numbers.
//!
//! Torch stores without compression, so the numbers lie in the file as they are and nothing is unpacked. The layout: `torch/serialization.py`.

use super::pickle::{Pickle, Storage, Value};
use super::record::{Fault, Record};
use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::ops::Range;
use zip::{CompressionMethod, ZipArchive};

/// The pickle of a model of a thousand tensors has some 200 kB.
const MAX_PICKLE_BYTES: usize = 16 << 20;

const ZIP_START: &[u8] = b"PK\x03\x04";

/// The first of the old layout's pickles.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
const OLD_VERSION: i128 = 1001;

pub(super) fn records(map: &[u8]) -> Result<BTreeMap<String, Record>, Fault> {
    if map.starts_with(ZIP_START) {
        in_zip(map)
    } else if map.first() == Some(&0x80) {
        in_sequence(map)
    } else {
        Err(Fault::Incomplete("it is no file written by torch.save".to_owned()))
    }
}

fn in_zip(map: &[u8]) -> Result<BTreeMap<String, Record>, Fault> {
    let unusable = |error: zip::result::ZipError| Fault::Incomplete(format!("it is cut off or no zip file: {error}"));
    let mut archive = ZipArchive::new(Cursor::new(map)).map_err(unusable)?;
    let mut entries = HashMap::with_capacity(archive.len());
    for i in 0..archive.len() {
        let entry = archive.by_index_raw(i).map_err(unusable)?;
        let range = entry.data_start().and_then(|start| {
            let (start, size) = (usize::try_from(start).ok()?, usize::try_from(entry.size()).ok()?);
            Some(start..start.checked_add(size)?)
        });
        let name = entry.name().map_err(unusable)?.into_owned();
        let is_plain = entry.compression() == CompressionMethod::Stored && !entry.encrypted();
        match range.filter(|range| range.end <= map.len()) {
            Some(range) if is_plain => entries.insert(name, range),
            Some(_) => {
                return Err(Fault::Refused(format!(
                    "{name:?} in it is compressed, which torch never does"
                )));
            }
            None => return Err(Fault::Incomplete(format!("{name:?} in it is cut off"))),
        };
    }
    let root = root(&entries)?;
    let entry = |name: &str| entries.get(&format!("{root}{name}"));
    let bytes = |range: &Range<usize>| map.get(range.clone()).unwrap_or_default();
    if entry("byteorder").is_some_and(|range| bytes(range) != b"little") {
        return Err(Fault::Refused("its numbers are big-endian".to_owned()));
    }
    let pickled = entry("data.pkl").map(bytes).unwrap_or_default();
    if pickled.len() > MAX_PICKLE_BYTES {
        return Err(Fault::Refused(format!("its pickle has {} bytes", pickled.len())));
    }
    let (pickle, _) = Pickle::read(pickled)?;
    let storage = |storage: &Storage| entry(&format!("data/{}", storage.key)).cloned();
    tensors(&pickle, storage)
}

/// The folder within the zip that holds everything, with a slash at its end.
fn root(entries: &HashMap<String, Range<usize>>) -> Result<&str, Fault> {
    let mut roots = entries.keys().filter_map(|name| name.strip_suffix("data.pkl"));
    match (roots.next(), roots.next()) {
        (Some(root), None) if root.is_empty() || root.ends_with('/') => Ok(root),
        (Some(_), _) => Err(Fault::Refused("it holds more than one pickle".to_owned())),
        (None, _) => Err(Fault::Incomplete("it is a zip file without a data.pkl".to_owned())),
    }
}

/// Magic number, version, system, tensors, keys of the storages; then each storage as its number of elements and its numbers.
fn in_sequence(map: &[u8]) -> Result<BTreeMap<String, Record>, Fault> {
    let mut at = 0;
    let mut next = || {
        let end = map.len().min(at + MAX_PICKLE_BYTES);
        let (pickle, n) = Pickle::read(map.get(at..end).unwrap_or_default())?;
        at += n;
        Ok(pickle)
    };
    let (magic, version, system) = (next()?, next()?, next()?);
    let is_torch = |pickle: &Pickle, number: i128| matches!(pickle.top(), Value::Int(found) if *found == number);
    if !is_torch(&magic, MAGIC) || !is_torch(&version, OLD_VERSION) {
        return Err(Fault::Refused("it is a pickle, but none of torch".to_owned()));
    }
    if !is_little_endian(&system) {
        return Err(Fault::Refused("its numbers are big-endian".to_owned()));
    }
    let (pickle, keys) = (next()?, next()?);
    let Value::List(keys_in_order) = keys.top() else {
        return Err(Fault::Incomplete("its list of storages is damaged".to_owned()));
    };
    let known: HashMap<&str, &Storage> = pickle
        .storages()
        .map(|storage| (storage.key.as_str(), storage))
        .collect();
    let mut places = HashMap::new();
    for &key in keys_in_order {
        let storage = match keys.get(key) {
            Value::Text(key) => known.get(key.as_str()),
            _ => None,
        };
        let storage = storage.ok_or_else(|| Fault::Incomplete("its list of storages is damaged".to_owned()))?;
        let range = stored(map, at, storage)?;
        at = range.end;
        places.insert(storage.key.as_str(), range);
    }
    if at != map.len() {
        let n_more = map.len() - at;
        return Err(Fault::Incomplete(format!(
            "it is longer than its tensors by {n_more} bytes"
        )));
    }
    tensors(&pickle, |storage| places.get(storage.key.as_str()).cloned())
}

fn is_little_endian(system: &Pickle) -> bool {
    let Value::Dict(facts) = system.top() else {
        return false;
    };
    facts.iter().any(|(key, value)| {
        let is_key = matches!(system.get(*key), Value::Text(key) if key == "little_endian");
        is_key && matches!(system.get(*value), Value::Bool(true))
    })
}

/// The place of a storage that begins at `at` with its number of elements.
fn stored(map: &[u8], at: usize, storage: &Storage) -> Result<Range<usize>, Fault> {
    let cut_off = || Fault::Incomplete(format!("it is cut off in the numbers of storage {:?}", storage.key));
    let n = map
        .get(at..)
        .and_then(|rest| rest.first_chunk::<8>())
        .ok_or_else(cut_off)?;
    if u64::from_le_bytes(*n) != storage.n_elements as u64 {
        return Err(Fault::Incomplete(format!(
            "storage {:?} has another length than its pickle says",
            storage.key
        )));
    }
    let end = storage
        .n_elements
        .checked_mul(storage.kind.bytes())
        .and_then(|n_bytes| n_bytes.checked_add(at + 8))
        .filter(|&end| end <= map.len());
    Ok(at + 8..end.ok_or_else(cut_off)?)
}

/// The tensors of a dictionary by name. What else it holds is left out.
fn tensors(
    pickle: &Pickle,
    place: impl Fn(&Storage) -> Option<Range<usize>>,
) -> Result<BTreeMap<String, Record>, Fault> {
    let Value::Dict(members) = pickle.top() else {
        return Err(Fault::Refused(
            "it holds something else than tensors by name".to_owned(),
        ));
    };
    let mut records = BTreeMap::new();
    for (name, value) in members {
        let (Value::Text(name), Value::Tensor(storage, view)) = (pickle.get(*name), pickle.get(*value)) else {
            continue;
        };
        let Value::Storage(storage) = pickle.get(*storage) else {
            continue;
        };
        let range = place(storage).ok_or_else(|| Fault::Incomplete(format!("the numbers of {name} are missing")))?;
        if storage.n_elements.checked_mul(storage.kind.bytes()) != Some(range.len()) {
            return Err(Fault::Incomplete(format!(
                "the storage of {name} has {} bytes where {} numbers are listed",
                range.len(),
                storage.n_elements
            )));
        }
        let record = view
            .within(&range)
            .map_err(|reason| Fault::Incomplete(format!("{name}: {reason}")))?;
        records.insert(name.clone(), record);
    }
    if records.is_empty() {
        let reason =
            "it holds no tensors by name at its top; it may be a checkpoint of training with the weights further in";
        return Err(Fault::Refused(reason.to_owned()));
    }
    Ok(records)
}
