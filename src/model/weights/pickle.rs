//! A pickle read as data: the few instructions that `torch.save` writes for a dictionary of tensors, and no others.
//!
//! Nothing is imported, called or built. A global name is looked up in a short list, and a name that is not in it, like an instruction
//! that is not known, ends the reading. Values refer to each other by place, so that one used a thousand times is there once and none is
//! nested: memory grows with the length of the pickle, whatever it says. Instructions: Python's `Lib/pickletools.py`; what they are used
//! for: `torch/serialization.py` and `torch/_utils.py`.

use super::record::{Fault, Kind, MAX_RANK, View};
use candle_core::DType;
use std::collections::HashMap;

/// A model of a thousand tensors has some ten thousand values.
pub(super) const MAX_VALUES: usize = 1 << 20;

/// Storages are called "0", "1", …, in old files by an address.
const MAX_KEY_BYTES: usize = 64;

/// The place of a value in [`Pickle::values`].
pub(super) type Place = usize;

/// What a pickle of weights may hold.
#[derive(Debug)]
pub(super) enum Value {
    /// Known by name only.
    Global(Global),
    /// A whole number; torch's own numbers have up to 77 bits.
    Int(i128),
    Bool(bool),
    Text(String),
    Tuple(Vec<Place>),
    List(Vec<Place>),
    Dict(Vec<(Place, Place)>),
    /// Numbers that lie elsewhere in the file.
    Storage(Storage),
    /// A view of a storage, which is the value at the place.
    Tensor(Place, View),
    /// None, or a floating-point number.
    Nothing,
}

/// The numbers that tensors are views of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    pub key: String,
    pub kind: Kind,
    pub n_elements: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Kind),
}

impl Global {
    fn find(module: &str, name: &str) -> Option<Global> {
        let kind = match (module, name) {
            ("collections", "OrderedDict") => return Some(Global::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => return Some(Global::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => return Some(Global::RebuildParameter),
            ("torch", "FloatStorage") => Kind::Float(DType::F32),
            ("torch", "HalfStorage") => Kind::Float(DType::F16),
            ("torch", "BFloat16Storage") => Kind::Float(DType::BF16),
            ("torch", "DoubleStorage") => Kind::Float(DType::F64),
            ("torch", "BoolStorage" | "ByteStorage" | "CharStorage") => Kind::Other(name.to_owned(), 1),
            ("torch", "ShortStorage") => Kind::Other(name.to_owned(), 2),
            ("torch", "IntStorage") => Kind::Other(name.to_owned(), 4),
            ("torch", "LongStorage") => Kind::Other(name.to_owned(), 8),
            _ => return None,
        };
        Some(Global::Storage(kind))
    }
}

/// A pickle that was read to its end.
pub(super) struct Pickle {
    values: Vec<Value>,
    top: Place,
}

impl Pickle {
    /// Reads the pickle at the beginning of `bytes`, and says how many bytes it takes.
    pub(super) fn read(bytes: &[u8]) -> Result<(Pickle, usize), Fault> {
        let mut reader = Reader {
            bytes,
            at: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        let top = loop {
            if let Some(top) = reader.step()? {
                break top;
            }
        };
        let pickle = Pickle {
            values: reader.values,
            top,
        };
        Ok((pickle, reader.at))
    }

    /// What the pickle is.
    pub(super) fn top(&self) -> &Value {
        self.get(self.top)
    }

    /// A value within the pickle.
    pub(super) fn get(&self, place: Place) -> &Value {
        self.values.get(place).unwrap_or(&Value::Nothing)
    }

    /// All storages that are mentioned, in the order they are.
    pub(super) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.values.iter().filter_map(|value| match value {
            Value::Storage(storage) => Some(storage),
            _ => None,
        })
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Place>,
    /// Heights of the stack where a mark was set.
    marks: Vec<usize>,
    memo: HashMap<u32, Place>,
}

impl Reader<'_> {
    /// Follows one instruction; the last one gives what the pickle is.
    fn step(&mut self) -> Result<Option<Place>, Fault> {
        let [instruction] = self.take()?;
        match instruction {
            0x80 => drop(self.take::<1>()?),
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.push(Value::Nothing)?,
            b'G' => {
                self.take::<8>()?;
                self.push(Value::Nothing)?;
            }
            0x88 => self.push(Value::Bool(true))?,
            0x89 => self.push(Value::Bool(false))?,
            b'K' => {
                let number = u8::from_le_bytes(self.take()?);
                self.push(Value::Int(number.into()))?;
            }
            b'M' => {
                let number = u16::from_le_bytes(self.take()?);
                self.push(Value::Int(number.into()))?;
            }
            b'J' => {
                let number = i32::from_le_bytes(self.take()?);
                self.push(Value::Int(number.into()))?;
            }
            0x8a => self.long()?,
            b'X' => self.text()?,
            b'c' => self.global()?,
            b']' => self.push(Value::List(Vec::new()))?,
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b')' => self.push(Value::Tuple(Vec::new()))?,
            0x85..=0x87 => self.short_tuple(usize::from(instruction - 0x84))?,
            b't' => {
                let members = self.pop_to_mark()?;
                self.push(Value::Tuple(members))?;
            }
            b'q' => {
                let [key] = self.take()?;
                self.memo.insert(key.into(), self.last()?);
            }
            b'r' => {
                let key = u32::from_le_bytes(self.take()?);
                self.memo.insert(key, self.last()?);
            }
            b'h' => {
                let [key] = self.take()?;
                self.recall(key.into())?;
            }
            b'j' => {
                let key = u32::from_le_bytes(self.take()?);
                self.recall(key)?;
            }
            b'a' => {
                let member = self.pop()?;
                self.append(vec![member])?;
            }
            b'e' => {
                let members = self.pop_to_mark()?;
                self.append(members)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(vec![key, value])?;
            }
            b'u' => {
                let members = self.pop_to_mark()?;
                self.set(members)?;
            }
            b'Q' => self.storage()?,
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            other => {
                return Err(refused(format!("the pickle has the instruction {other:#04x}")));
            }
        }
        Ok(None)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        let bytes = *bytes.ok_or_else(cut_off)?;
        self.at += N;
        Ok(bytes)
    }

    fn take_slice(&mut self, n: usize) -> Result<&[u8], Fault> {
        let end = self.at.checked_add(n).ok_or_else(cut_off)?;
        let bytes = self.bytes.get(self.at..end).ok_or_else(cut_off)?;
        self.at = end;
        Ok(bytes)
    }

    fn push(&mut self, value: Value) -> Result<(), Fault> {
        if self.values.len() >= MAX_VALUES {
            return Err(refused(format!("the pickle has more than {MAX_VALUES} values")));
        }
        self.stack.push(self.values.len());
        self.values.push(value);
        Ok(())
    }

    /// Takes the top of the stack, never from below a mark.
    fn pop(&mut self) -> Result<Place, Fault> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(damaged());
        }
        self.stack.pop().ok_or_else(damaged)
    }

    fn last(&self) -> Result<Place, Fault> {
        self.stack.last().copied().ok_or_else(damaged)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Place>, Fault> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or_else(damaged)?))
    }

    fn recall(&mut self, key: u32) -> Result<(), Fault> {
        // Nothing new: the stack is bounded by the length of the pickle.
        let place = self.memo.get(&key).copied().ok_or_else(damaged)?;
        self.stack.push(place);
        Ok(())
    }

    /// A number of up to 16 bytes, little-endian and signed.
    fn long(&mut self) -> Result<(), Fault> {
        let [n] = self.take()?;
        let bytes = self.take_slice(n.into())?;
        if bytes.len() > 16 {
            return Err(refused(format!("the pickle has a number of {n} bytes")));
        }
        let is_negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut whole = [if is_negative { 0xFF } else { 0 }; 16];
        whole[..bytes.len()].copy_from_slice(bytes);
        self.push(Value::Int(i128::from_le_bytes(whole)))
    }

    fn text(&mut self) -> Result<(), Fault> {
        let n = u32::from_le_bytes(self.take()?);
        let bytes = self.take_slice(n as usize)?.to_vec();
        self.push(Value::Text(String::from_utf8(bytes).map_err(|_| damaged())?))
    }

    /// Two lines: a module and a name in it.
    fn global(&mut self) -> Result<(), Fault> {
        let (module, name) = (self.line()?, self.line()?);
        match Global::find(&module, &name) {
            Some(global) => self.push(Value::Global(global)),
            None => Err(refused(format!("the pickle asks for {module}.{name}"))),
        }
    }

    fn line(&mut self) -> Result<String, Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest
            .iter()
            .take(200)
            .position(|&byte| byte == b'\n')
            .ok_or_else(damaged)?;
        let line = self.take_slice(end + 1)?;
        Ok(String::from_utf8_lossy(line).trim_end().escape_debug().to_string())
    }

    fn short_tuple(&mut self, n: usize) -> Result<(), Fault> {
        let mut members = (0..n).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        members.reverse();
        self.push(Value::Tuple(members))
    }

    fn append(&mut self, members: Vec<Place>) -> Result<(), Fault> {
        let list = self.last()?;
        match self.values.get_mut(list) {
            Some(Value::List(list)) => list.extend(members),
            _ => return Err(damaged()),
        }
        Ok(())
    }

    /// Adds keys and values, which alternate.
    fn set(&mut self, members: Vec<Place>) -> Result<(), Fault> {
        let dict = self.last()?;
        let (pairs, rest) = members.as_chunks::<2>();
        match self.values.get_mut(dict) {
            Some(Value::Dict(dict)) if rest.is_empty() => dict.extend(pairs.iter().map(|[key, value]| (*key, *value))),
            _ => return Err(damaged()),
        }
        Ok(())
    }

    /// What pickles call a persistent id; in torch's a storage: `("storage", type, key, device, number of elements)`, in old files
    /// followed by a view, which was never used.
    fn storage(&mut self) -> Result<(), Fault> {
        let id = self.pop()?;
        let storage = self
            .read_storage(self.tuple(id)?)?
            .ok_or_else(|| refused("the pickle refers to something that is no storage of numbers".to_owned()))?;
        self.push(Value::Storage(storage))
    }

    fn read_storage(&self, id: &[Place]) -> Result<Option<Storage>, Fault> {
        let (&[word, class, key, _, n], view) = match id.split_first_chunk::<5>() {
            Some((members, [])) => (members, None),
            Some((members, [view])) => (members, Some(*view)),
            _ => return Ok(None),
        };
        let (Value::Text(word), Value::Global(Global::Storage(kind)), Value::Text(key)) =
            (self.get(word), self.get(class), self.get(key))
        else {
            return Ok(None);
        };
        let is_whole = view.is_none_or(|view| matches!(self.get(view), Value::Nothing));
        if word != "storage" || key.len() > MAX_KEY_BYTES || !is_whole {
            return Ok(None);
        }
        Ok(Some(Storage {
            key: key.clone(),
            kind: kind.clone(),
            n_elements: size(self.get(n))?,
        }))
    }

    fn reduce(&mut self) -> Result<(), Fault> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let value = match (self.get(callable), self.tuple(arguments)?) {
            (Value::Global(Global::OrderedDict), []) => Value::Dict(Vec::new()),
            (Value::Global(Global::RebuildTensor), [storage, offset, shape, strides, ..]) => {
                self.tensor(*storage, *offset, *shape, *strides)?
            }
            (Value::Global(Global::RebuildParameter), [tensor, ..]) => match self.get(*tensor) {
                Value::Tensor(storage, view) => Value::Tensor(*storage, view.clone()),
                _ => return Err(damaged()),
            },
            (Value::Global(_), _) => return Err(damaged()),
            _ => return Err(refused("the pickle calls something that is no name".to_owned())),
        };
        self.push(value)
    }

    fn tensor(&self, place: Place, offset: Place, shape: Place, strides: Place) -> Result<Value, Fault> {
        let Value::Storage(storage) = self.get(place) else {
            return Err(damaged());
        };
        let sizes = |place: Place| -> Result<Vec<usize>, Fault> {
            let members = self.tuple(place)?;
            if members.len() > MAX_RANK {
                return Err(refused(format!("a tensor has {} dimensions", members.len())));
            }
            members.iter().map(|&place| size(self.get(place))).collect()
        };
        let view = View {
            kind: storage.kind.clone(),
            shape: sizes(shape)?,
            strides: sizes(strides)?,
            offset: size(self.get(offset))?,
        };
        if view.shape.len() != view.strides.len() {
            return Err(damaged());
        }
        Ok(Value::Tensor(place, view))
    }

    /// Attributes of a dictionary, which torch uses for version numbers, are left out; nothing else has any.
    fn build(&mut self) -> Result<(), Fault> {
        self.pop()?;
        match self.get(self.last()?) {
            Value::Dict(_) => Ok(()),
            _ => Err(refused(
                "the pickle sets attributes of something that is no dictionary".to_owned(),
            )),
        }
    }

    fn get(&self, place: Place) -> &Value {
        self.values.get(place).unwrap_or(&Value::Nothing)
    }

    fn tuple(&self, place: Place) -> Result<&[Place], Fault> {
        match self.get(place) {
            Value::Tuple(members) => Ok(members),
            _ => Err(damaged()),
        }
    }
}

fn size(value: &Value) -> Result<usize, Fault> {
    match value {
        Value::Int(number) => usize::try_from(*number).map_err(|_| damaged()),
        _ => Err(damaged()),
    }
}

fn refused(what: String) -> Fault {
    Fault::Refused(format!("{what}, which weights do not need; nothing of it was run"))
}

fn cut_off() -> Fault {
    Fault::Incomplete("its pickle is cut off".to_owned())
}

fn damaged() -> Fault {
    Fault::Incomplete("its pickle is damaged".to_owned())
}
