//! `torch.save` before PyTorch 1.6, and many published files of 2017 to 2020: five pickles in a row (a magic number, the
//! version of the protocol, facts about the machine, the object, and the keys of its storages), then for each storage its
//! number of elements (8 bytes, little-endian) and the elements.

use std::collections::HashMap;

use super::StateDict;
use super::array::Element;
use super::checkpoint;
use super::error::StateDictError;
use super::pickle::{self, Pickled, Problem, Storage, Value};

/// The number that such a file begins with, 0x1950a86a20f9469cfc6c, as the pickle has it.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const VERSION: i64 = 1001;

/// Whether these may be the first bytes of such a file.
pub fn is_pickle(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x80)
}

/// Reads the tensors of the file.
pub fn read(bytes: &[u8]) -> Result<StateDict<'_>, StateDictError> {
    let mut rest = Rest { bytes, at: 0 };
    let magic = rest.pickle()?;
    match magic.heap.get(magic.root) {
        Value::Long(number) if *number == MAGIC => {}
        _ => return Err(StateDictError::ForeignPickle),
    }
    let version = rest.pickle()?;
    match version.heap.get(version.root) {
        Value::Int(VERSION) => {}
        _ => return Err(StateDictError::ForeignPickle),
    }
    if !is_little_endian(&rest.pickle()?) {
        return Err(StateDictError::ByteOrder);
    }
    let object = rest.pickle()?;
    let storages = storages(&mut rest, &elements(&object))?;
    checkpoint::read(&object, |key| {
        storages.get(key).copied().ok_or_else(|| StateDictError::NoEntry { name: key.into() })
    })
}

/// What is not read yet.
struct Rest<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    fn pickle(&mut self) -> Result<Pickled<'a>, StateDictError> {
        let pickled = pickle::read(&self.bytes[self.at..]).map_err(|error| match error {
            StateDictError::Pickle { offset, problem } => StateDictError::Pickle { offset: offset + self.at, problem },
            other => other,
        })?;
        self.at += pickled.length;
        Ok(pickled)
    }

    fn take(&mut self, count: usize, key: &str) -> Result<&'a [u8], StateDictError> {
        let truncated = || StateDictError::Truncated { what: format!("storage {key:?}") };
        let taken = self.bytes[self.at..].get(..count).ok_or_else(truncated)?;
        self.at += count;
        Ok(taken)
    }
}

fn is_little_endian(facts: &Pickled) -> bool {
    let Value::Dict(items) = facts.heap.get(facts.root) else { return true };
    let is_big = |(key, value): &(_, _)| {
        matches!(facts.heap.get(*key), Value::Text("little_endian"))
            && matches!(facts.heap.get(*value), Value::Bool(false))
    };
    !items.iter().any(is_big)
}

/// Type of each storage's numbers, which only the object tells.
fn elements<'a>(object: &Pickled<'a>) -> HashMap<&'a str, Element> {
    let storages = object.heap.iter().filter_map(|value| match value {
        Value::Storage(Storage { key, element, .. }) => Some((*key, *element)),
        _ => None,
    });
    storages.collect()
}

fn storages<'a>(
    rest: &mut Rest<'a>,
    elements: &HashMap<&'a str, Element>,
) -> Result<HashMap<&'a str, &'a [u8]>, StateDictError> {
    let begin = rest.at;
    let keys = rest.pickle()?;
    let damaged = |problem| StateDictError::Pickle { offset: begin, problem };
    let Value::List(items) = keys.heap.get(keys.root) else {
        let found = keys.heap.get(keys.root).kind();
        return Err(damaged(Problem::Kind { expected: "the list of storages", found }));
    };
    let mut storages = HashMap::new();
    for item in items {
        let key = keys.heap.text(*item).map_err(damaged)?;
        let element = elements.get(key).ok_or_else(|| StateDictError::NoEntry { name: key.into() })?;
        let (count, _) = rest.take(8, key)?.split_first_chunk::<8>().ok_or(StateDictError::ForeignPickle)?;
        let bytes = usize::try_from(u64::from_le_bytes(*count)).ok().and_then(|n| n.checked_mul(element.bytes()));
        let bytes = bytes.ok_or_else(|| StateDictError::Truncated { what: format!("storage {key:?}") })?;
        storages.insert(key, rest.take(bytes, key)?);
    }
    Ok(storages)
}
