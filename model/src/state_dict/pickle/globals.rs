//! The classes and functions that a state dict may name, and what each of them would have made. None of them is run: this
//! program has no Python. What is not in [`find`] is refused by name.

use super::Problem;
use super::value::{Heap, Id, Value, View};
use crate::state_dict::array::Element;

/// An allowed class or function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Global {
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `torch._utils._rebuild_tensor(storage, offset, size, stride)` and, with two or three arguments more that concern
    /// autograd only, `_rebuild_tensor_v2`.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter(tensor, requires_grad, hooks)`.
    RebuildParameter,
    /// `torch.Size(numbers)`.
    Size,
    /// `torch.FloatStorage` and the like.
    Storage(Element),
    /// `torch.FloatTensor` and the like, or `torch.nn.parameter.Parameter`: made empty and filled by BUILD.
    Hollow,
    /// Beside a checkpoint's tensors, and of no interest: `torch.device`, `torch.float32`, `argparse.Namespace`.
    Opaque,
}

/// The allow-list.
pub fn find(module: &str, name: &str) -> Option<Global> {
    Some(match (module, name) {
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Global::RebuildParameter,
        ("torch.nn.parameter", "Parameter") => Global::Hollow,
        ("torch", "Size") => Global::Size,
        ("torch", "device") | ("argparse", "Namespace") | ("_codecs", "encode") => Global::Opaque,
        ("torch", dtype) if DTYPES.contains(&dtype) => Global::Opaque,
        ("torch" | "torch.cuda", class) => {
            if let Some(kind) = class.strip_suffix("Storage") {
                Global::Storage(element(kind)?)
            } else {
                element(class.strip_suffix("Tensor")?)?;
                Global::Hollow
            }
        }
        _ => return None,
    })
}

/// `torch.float32` and its like, which lie in optimizers' states.
const DTYPES: [&str; 10] =
    ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"];

fn element(kind: &str) -> Option<Element> {
    Some(match kind {
        "Double" => Element::F64,
        "Float" => Element::F32,
        "Half" => Element::F16,
        "BFloat16" => Element::Bf16,
        "Long" => Element::I64,
        "Int" => Element::I32,
        "Short" => Element::I16,
        "Char" => Element::I8,
        "Byte" => Element::U8,
        "Bool" => Element::Bool,
        _ => return None,
    })
}

/// What a call comes to.
pub enum Called<'a> {
    New(Value<'a>),
    /// One of the arguments.
    Same(Id),
}

/// Of how many arguments [`call`] wants to know.
pub const ARGUMENTS: usize = 4;

/// What the global would have made of the arguments.
pub fn call<'a>(global: Global, arguments: &[Id], heap: &mut Heap<'a>) -> Result<Called<'a>, Problem> {
    let made = match (global, arguments) {
        (Global::OrderedDict, []) => Value::Dict(Vec::new()),
        (Global::OrderedDict, [items]) => Value::Dict(pairs(*items, heap)?),
        (Global::RebuildTensor, [storage, offset, size, stride, ..]) => {
            Value::Tensor(view([*storage, *offset, *size, *stride], heap)?)
        }
        (Global::RebuildParameter | Global::Size, [first, ..]) => return Ok(Called::Same(*first)),
        (Global::Hollow, [tensor, ..]) if matches!(heap.get(*tensor), Value::Tensor(_)) => {
            return Ok(Called::Same(*tensor));
        }
        (Global::Hollow, []) => Value::Hollow,
        (Global::Opaque, _) => Value::Opaque,
        _ => return Err(Problem::Arguments),
    };
    Ok(Called::New(made))
}

/// What BUILD makes of a hollow tensor's state: `(storage, offset, size, stride)` for a tensor; for a parameter five values of
/// which the first is the tensor.
pub fn fill<'a>(state: Id, heap: &Heap<'a>) -> Result<Value<'a>, Problem> {
    match heap.tuple(state)? {
        [storage, offset, size, stride] => Ok(Value::Tensor(view([*storage, *offset, *size, *stride], heap)?)),
        [data, _, _, _, _] => match heap.get(*data) {
            tensor @ Value::Tensor(_) => Ok(tensor.clone()),
            other => Err(Problem::Kind { expected: "a tensor", found: other.kind() }),
        },
        _ => Err(Problem::Arguments),
    }
}

fn view<'a>([storage, offset, size, stride]: [Id; 4], heap: &Heap<'a>) -> Result<View<'a>, Problem> {
    let Value::Storage(storage) = heap.get(storage) else {
        return Err(Problem::Kind { expected: "a storage", found: heap.get(storage).kind() });
    };
    let (offset, shape, strides) = (heap.count(offset)?, heap.counts(size)?, heap.counts(stride)?);
    Ok(View { storage: *storage, offset, shape, strides })
}

/// Python 2 wrote an ordered dictionary as a list of pairs. The list is used up: it belongs to this one call, and a file that
/// passes it to many must not multiply it.
fn pairs(items: Id, heap: &mut Heap) -> Result<Vec<(Id, Id)>, Problem> {
    let items = match heap.get_mut(items) {
        Value::List(items) => std::mem::take(items),
        other => return Err(Problem::Kind { expected: "a list", found: other.kind() }),
    };
    let pair = |item: &Id| match heap.get(*item) {
        Value::Tuple(pair) | Value::List(pair) if pair.len() == 2 => Ok((pair[0], pair[1])),
        other => Err(Problem::Kind { expected: "a pair", found: other.kind() }),
    };
    items.iter().map(pair).collect()
}
