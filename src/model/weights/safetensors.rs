//! Where the tensors of a safetensors file lie: its header says so, and must account for every byte of the file.

use super::record::{Fault, Kind, Record};
use candle_core::DType;
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use std::collections::BTreeMap;

/// Bytes before the header: its length.
const LENGTH_BYTES: usize = 8;

/// No header is longer; the format's own bound.
const MAX_HEADER_BYTES: usize = 100_000_000;

pub(super) fn records(map: &[u8]) -> Result<BTreeMap<String, Record>, Fault> {
    let (header, start) = read_header(map).map_err(Fault::Incomplete)?;
    let record = |info: &safetensors::tensor::TensorInfo| Record {
        kind: kind(info.dtype),
        shape: info.shape.clone(),
        strides: None,
        bytes: start + info.data_offsets.0..start + info.data_offsets.1,
    };
    let tensors = header.tensors();
    Ok(tensors.into_iter().map(|(name, info)| (name, record(info))).collect())
}

/// The header, and where the numbers start. Reading it checks that the tensors follow each other without a gap, each as long as its
/// shape and type say.
fn read_header(map: &[u8]) -> Result<(Metadata, usize), String> {
    let Some(length) = map.first_chunk::<LENGTH_BYTES>() else {
        return Err(format!("it is cut off after {} bytes", map.len()));
    };
    let length = u64::from_le_bytes(*length);
    let room = (map.len() - LENGTH_BYTES).min(MAX_HEADER_BYTES);
    let Some(length) = usize::try_from(length).ok().filter(|&length| length <= room) else {
        return Err(format!(
            "it is no safetensors file, or cut off: a header of {length} bytes cannot be in its {} bytes",
            map.len()
        ));
    };
    let start = LENGTH_BYTES + length;
    let header: Metadata = serde_json::from_slice(map.get(LENGTH_BYTES..start).unwrap_or_default())
        .map_err(|error| format!("it is no safetensors file: its header cannot be used ({error})"))?;
    let listed = header.tensors().values().map(|info| info.data_offsets.1).max();
    let (listed, there) = (listed.unwrap_or(0), map.len() - start);
    match there.cmp(&listed) {
        std::cmp::Ordering::Equal => Ok((header, start)),
        std::cmp::Ordering::Less => Err(format!(
            "it is cut off: it has {there} bytes of weights where {listed} are listed"
        )),
        std::cmp::Ordering::Greater => Err(format!(
            "it is longer than its header says: it has {there} bytes of weights where {listed} are listed"
        )),
    }
}

fn kind(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::F64 => Kind::Float(DType::F64),
        Dtype::F32 => Kind::Float(DType::F32),
        Dtype::F16 => Kind::Float(DType::F16),
        Dtype::BF16 => Kind::Float(DType::BF16),
        other => Kind::Other(format!("{other:?}"), other.bitsize() / 8),
    }
}
