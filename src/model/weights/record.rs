//! Where one tensor lies in its file, checked against the file's length before anything is allocated.

use candle_core::DType;
use std::ops::Range;

/// More dimensions than any weight has.
pub(super) const MAX_RANK: usize = 8;

/// What a weight file cannot give.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is cut off or damaged; getting it again helps.
    Incomplete(String),
    /// It asks for something that is not done; another file is needed.
    Refused(String),
}

/// The type of a tensor's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A floating-point type that is converted to f32.
    Float(DType),
    /// Anything else: its name, and the bytes of one number where they are whole.
    Other(String, usize),
}

impl Kind {
    /// Bytes of one number.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Kind::Float(dtype) => dtype.size_in_bytes(),
            Kind::Other(_, bytes) => *bytes,
        }
    }
}

/// One tensor of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub kind: Kind,
    pub shape: Vec<usize>,
    /// Numbers from one place of each dimension to the next, where they are not those of a row-major tensor.
    pub strides: Option<Vec<usize>>,
    /// The bytes of the file from the tensor's first number to its last; within the file.
    pub bytes: Range<usize>,
}

/// A tensor as a view of a storage: some of a storage's numbers in some order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub kind: Kind,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
    /// Where the first number is, counted in numbers.
    pub offset: usize,
}

impl View {
    /// The record of a view of the storage that fills `storage` of the file. A view that reaches beyond the storage, or has more
    /// numbers than it, is an error.
    pub(super) fn within(&self, storage: &Range<usize>) -> Result<Record, String> {
        let room = storage.len() / self.kind.bytes().max(1);
        let beyond = || {
            format!(
                "shape {:?} from number {} does not fit the {room} numbers stored for it",
                self.shape, self.offset
            )
        };
        let n = n_elements(&self.shape).filter(|&n| n <= room).ok_or_else(beyond)?;
        let steps = self.shape.iter().zip(&self.strides);
        let last = steps
            .map(|(&n, &stride)| n.saturating_sub(1).checked_mul(stride))
            .try_fold(0usize, |sum, step| sum.checked_add(step?))
            .ok_or_else(beyond)?;
        let n_spanned = if n == 0 {
            0
        } else {
            last.checked_add(1).ok_or_else(beyond)?
        };
        let end = self.offset.checked_add(n_spanned).filter(|&end| end <= room);
        let end = end.ok_or_else(beyond)?;
        let byte = |number: usize| storage.start + number * self.kind.bytes();
        Ok(Record {
            kind: self.kind.clone(),
            shape: self.shape.clone(),
            strides: (!is_row_major(&self.shape, &self.strides)).then(|| self.strides.clone()),
            bytes: byte(self.offset)..byte(end),
        })
    }
}

/// The number of numbers in a shape, unless it is more than can be counted.
fn n_elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, &dim| n.checked_mul(dim))
}

fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(&n, &stride)| {
        let fits = n <= 1 || stride == expected;
        expected = usize::saturating_mul(expected, n.max(1));
        fits
    })
}

/// Puts the numbers of a strided tensor into row-major order; `bytes` begin at its first number and hold its last.
pub(super) fn in_order(bytes: &[u8], record: &Record, strides: &[usize]) -> Vec<u8> {
    let size = record.kind.bytes();
    let n: usize = record.shape.iter().product();
    let mut ordered = Vec::with_capacity(n * size);
    let mut place = vec![0; record.shape.len()];
    for _ in 0..n {
        let number: usize = place.iter().zip(strides).map(|(i, stride)| i * stride).sum();
        ordered.extend_from_slice(bytes.get(number * size..(number + 1) * size).unwrap_or_default());
        for (i, &n) in place.iter_mut().zip(&record.shape).rev() {
            *i += 1;
            if *i < n {
                break;
            }
            *i = 0;
        }
    }
    ordered
}
