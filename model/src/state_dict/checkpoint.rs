//! From what a PyTorch pickle stands for to named tensors: a state dict, or a checkpoint that holds one beside other things.

use std::collections::BTreeMap;

use super::StateDict;
use super::array::{Array, ArrayProblem};
use super::error::StateDictError;
use super::pickle::{Heap, Id, Pickled, Storage, Value, View};

/// Under which of its keys a checkpoint keeps the network: PyTorch's tutorials and ImageNet example, torchvision's reference
/// scripts, Lightning, timm.
const WRAPPERS: [&str; 8] =
    ["state_dict", "model_state_dict", "model", "model_state", "net", "network", "weights", "params"];

/// A dictionary's keys and values.
type Items = [(Id, Id)];

/// Named tensors of the pickle; `storage` finds the bytes under a key, and is asked once for each.
pub fn read<'a>(
    pickled: &Pickled<'a>,
    storage: impl Fn(&str) -> Result<&'a [u8], StateDictError>,
) -> Result<StateDict<'a>, StateDictError> {
    let (items, wrapper) = find_state_dict(&pickled.heap, pickled.root)?;
    let mut tensors = BTreeMap::new();
    let mut known: BTreeMap<&str, &[u8]> = BTreeMap::new();
    for (name, view) in views(&pickled.heap, items) {
        let key = view.storage.key;
        let bytes = match known.get(key) {
            Some(bytes) => bytes,
            None => {
                let bytes = storage(key)?;
                known.insert(key, bytes);
                bytes
            }
        };
        tensors.insert(name.to_owned(), array(name, view, bytes)?);
    }
    Ok(StateDict { tensors, wrapper })
}

fn array<'a>(name: &str, view: &View, bytes: &'a [u8]) -> Result<Array<'a>, StateDictError> {
    let Storage { key, element, elements, start } = view.storage;
    if elements.checked_mul(element.bytes()).is_none_or(|needed| needed > bytes.len()) {
        return Err(StateDictError::Truncated { what: format!("storage {key:?}") });
    }
    let problem = |problem| StateDictError::Tensor { name: name.into(), problem };
    let offset = start.checked_add(view.offset).ok_or(problem(ArrayProblem::Overflow))?;
    Array::new(element, bytes, offset, view.shape.clone(), view.strides.clone()).map_err(problem)
}

/// The dictionary of tensors, and the key that it lies under if it is not the whole.
fn find_state_dict<'h>(heap: &'h Heap, root: Id) -> Result<(&'h Items, Option<String>), StateDictError> {
    let Value::Dict(top) = heap.get(root) else {
        return Err(StateDictError::NotAStateDict { found: heap.get(root).kind().into() });
    };
    if views(heap, top).next().is_some() || top.is_empty() {
        return Ok((top, None));
    }
    for wrapper in WRAPPERS {
        if let Some(inner) = entry(heap, top, wrapper)
            && views(heap, inner).next().is_some()
        {
            return Ok((inner, Some(wrapper.into())));
        }
    }
    let keys: Vec<_> = texts(heap, top).map(|(key, _)| format!("{key:?}")).take(8).collect();
    Err(StateDictError::NotAStateDict { found: format!("a dictionary without tensors (keys: {})", keys.join(", ")) })
}

fn entry<'h>(heap: &'h Heap, items: &'h Items, wanted: &str) -> Option<&'h Items> {
    let (_, value) = texts(heap, items).filter(|(key, _)| *key == wanted).last()?;
    match heap.get(value) {
        Value::Dict(inner) => Some(inner),
        _ => None,
    }
}

fn texts<'h, 'a>(heap: &'h Heap<'a>, items: &'h Items) -> impl Iterator<Item = (&'a str, Id)> + 'h {
    items.iter().filter_map(|(key, value)| heap.text(*key).ok().map(|key| (key, *value)))
}

/// The tensors among the entries. Others (`_extra_state`, an epoch's number) are of no use to a network.
fn views<'h, 'a>(heap: &'h Heap<'a>, items: &'h Items) -> impl Iterator<Item = (&'a str, &'h View<'a>)> {
    texts(heap, items).filter_map(|(key, value)| match heap.get(value) {
        Value::Tensor(view) => Some((key, view)),
        _ => None,
    })
}
