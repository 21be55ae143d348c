//! Metadata of a GGUF file, by key. Numbers come in any type; what is missing or of another kind is an error that names the key.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::reader::Reader;
use crate::model::error::{ModelError, Result};

/// A value as far as it is used: numbers are as wide as there are.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Integer(i128),
    /// A number.
    Float(f64),
    /// Yes or no.
    Flag(bool),
    /// Text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// Several numbers.
    Numbers(Vec<f32>),
}

/// A vocabulary has up to some 300,000 tokens, and as many merges.
const MAX_LENGTH: u64 = 1 << 21;

const STRING: u32 = 8;
const ARRAY: u32 = 9;

type Read<T> = std::result::Result<T, String>;

impl Value {
    /// The next value with its type before it.
    pub fn read(reader: &mut Reader<'_>) -> Read<Value> {
        let kind = reader.u32()?;
        match kind {
            STRING => Ok(Value::Text(reader.string()?)),
            ARRAY => Value::list(reader),
            kind => number(reader, kind),
        }
    }

    fn list(reader: &mut Reader<'_>) -> Read<Value> {
        let (kind, n) = (reader.u32()?, reader.u64()?);
        // No element takes less than a byte: the list never grows beyond the file.
        if n > MAX_LENGTH || !reader.has(n) {
            return Err(format!("it claims a list of {n} values"));
        }
        match kind {
            STRING => (0..n).map(|_| reader.string()).collect::<Read<_>>().map(Value::Texts),
            ARRAY => Err("it holds lists of lists".into()),
            kind => {
                let mut numbers = Vec::new();
                for _ in 0..n {
                    numbers.push(match number(reader, kind)? {
                        Value::Integer(number) => number as f32,
                        Value::Float(number) => number as f32,
                        Value::Flag(flag) => f32::from(u8::from(flag)),
                        _ => return Err("it holds a list of an unknown type".into()),
                    });
                }
                Ok(Value::Numbers(numbers))
            }
        }
    }
}

fn number(reader: &mut Reader<'_>, kind: u32) -> Read<Value> {
    Ok(match kind {
        0 => Value::Integer(reader.array::<1>()?[0].into()),
        1 => Value::Integer(i8::from_le_bytes(reader.array()?).into()),
        2 => Value::Integer(u16::from_le_bytes(reader.array()?).into()),
        3 => Value::Integer(i16::from_le_bytes(reader.array()?).into()),
        4 => Value::Integer(reader.u32()?.into()),
        5 => Value::Integer(i32::from_le_bytes(reader.array()?).into()),
        6 => Value::Float(f32::from_le_bytes(reader.array()?).into()),
        7 => Value::Flag(reader.array::<1>()?[0] != 0),
        10 => Value::Integer(reader.u64()?.into()),
        11 => Value::Integer(i64::from_le_bytes(reader.array()?).into()),
        12 => Value::Float(f64::from_le_bytes(reader.array()?)),
        kind => return Err(format!("it holds a value of the unknown type {kind}")),
    })
}

/// All of a file.
#[derive(Debug, Clone)]
pub struct Metadata {
    values: HashMap<String, Value>,
    path: PathBuf,
}

impl Metadata {
    /// Of the file at `path`.
    pub fn new(values: HashMap<String, Value>, path: &Path) -> Metadata {
        Metadata {
            values,
            path: path.to_path_buf(),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn other(&self, key: &str, expected: &str) -> ModelError {
        ModelError::config(&self.path, format!("{key} is not {expected}"))
    }

    fn missing(&self, key: &str) -> ModelError {
        ModelError::config(&self.path, format!("the metadata lacks {key}"))
    }

    /// A number from 0.
    pub fn find_number(&self, key: &str) -> Result<Option<u64>> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Integer(number)) => match u64::try_from(*number) {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(self.other(key, "a number from 0")),
            },
            // One number for each layer, all the same.
            Some(Value::Numbers(numbers)) => match numbers.as_slice() {
                [first, rest @ ..] if *first >= 0.0 && rest.iter().all(|number| number == first) => {
                    Ok(Some(*first as u64))
                }
                _ => Err(self.other(key, "one number for all layers")),
            },
            Some(_) => Err(self.other(key, "a number from 0")),
        }
    }

    /// A number from 0, `otherwise` where there is none.
    pub fn number_or(&self, key: &str, otherwise: u64) -> Result<u64> {
        Ok(self.find_number(key)?.unwrap_or(otherwise))
    }

    /// A size from 1 up to `most`.
    pub fn find_size(&self, key: &str, most: usize) -> Result<Option<usize>> {
        let Some(number) = self.find_number(key)? else {
            return Ok(None);
        };
        match usize::try_from(number) {
            Ok(size) if (1..=most).contains(&size) => Ok(Some(size)),
            _ => Err(self.other(key, &format!("between 1 and {most}, but {number}"))),
        }
    }

    /// A size that has to be there.
    pub fn size(&self, key: &str, most: usize) -> Result<usize> {
        self.find_size(key, most)?.ok_or_else(|| self.missing(key))
    }

    /// A finite number.
    pub fn find_float(&self, key: &str) -> Result<Option<f64>> {
        let float = match self.values.get(key) {
            None => return Ok(None),
            Some(Value::Float(number)) => *number,
            Some(Value::Integer(number)) => *number as f64,
            Some(_) => f64::NAN,
        };
        if float.is_finite() {
            Ok(Some(float))
        } else {
            Err(self.other(key, "a finite number"))
        }
    }

    /// A finite number above 0, `otherwise` where there is none.
    pub fn positive_or(&self, key: &str, otherwise: f64) -> Result<f64> {
        match self.find_float(key)? {
            None => Ok(otherwise),
            Some(number) if number > 0.0 => Ok(number),
            Some(number) => Err(self.other(key, &format!("above 0, but {number}"))),
        }
    }

    /// Yes or no.
    pub fn find_flag(&self, key: &str) -> Result<Option<bool>> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Flag(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.other(key, "true or false")),
        }
    }

    /// A text.
    pub fn find_text(&self, key: &str) -> Result<Option<&str>> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.other(key, "a text")),
        }
    }

    /// A text that has to be there.
    pub fn text(&self, key: &str) -> Result<&str> {
        self.find_text(key)?.ok_or_else(|| self.missing(key))
    }

    /// A list of texts.
    pub fn find_texts(&self, key: &str) -> Result<Option<&[String]>> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Texts(texts)) => Ok(Some(texts)),
            Some(_) => Err(self.other(key, "a list of texts")),
        }
    }

    /// A list of numbers or of flags.
    pub fn find_numbers(&self, key: &str) -> Result<Option<&[f32]>> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Numbers(numbers)) => Ok(Some(numbers)),
            Some(_) => Err(self.other(key, "a list of numbers")),
        }
    }

    /// Whether there is a list under this key.
    pub fn is_list(&self, key: &str) -> bool {
        matches!(self.values.get(key), Some(Value::Numbers(_)))
    }
}
