//! What a pickle builds: values in one list that refer to each other by number, so that neither a value that occurs a million
//! times nor a list that holds itself costs more than its opcodes.

use super::Problem;
use super::globals::Global;
use crate::state_dict::array::Element;

/// More axes than any tensor of a network has; PyTorch itself allows 64.
const AXES_LIMIT: usize = 8;

/// Number of a value in the [`Heap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(u32);

/// One value. Texts are those of the file.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits, little-endian.
    Long(&'a [u8]),
    Float,
    Text(&'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Storage<'a>),
    Tensor(View<'a>),
    /// A tensor or parameter whose content follows with BUILD, as PyTorch wrote them before 0.2.
    Hollow,
    /// Something that is allowed to be there and that nobody looks at.
    Opaque,
}

/// A run of numbers that lies elsewhere in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storage<'a> {
    pub element: Element,
    pub key: &'a str,
    /// Length of the whole storage.
    pub elements: usize,
    /// Where this view of it begins, in elements; only the old format has views.
    pub start: usize,
}

/// A tensor: how it lies in its storage.
#[derive(Clone, Debug)]
pub struct View<'a> {
    pub storage: Storage<'a>,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

impl Value<'_> {
    /// For messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::None => "None",
            Value::Bool(_) => "a bool",
            Value::Int(_) | Value::Long(_) | Value::Float => "a number",
            Value::Text(_) => "a text",
            Value::Tuple(_) => "a tuple",
            Value::List(_) => "a list",
            Value::Dict(_) => "a dictionary",
            Value::Global(_) => "a class or function",
            Value::Storage(_) => "a storage",
            Value::Tensor(_) | Value::Hollow => "a tensor",
            Value::Opaque => "another object",
        }
    }
}

/// All values of a pickle.
#[derive(Debug, Default)]
pub struct Heap<'a>(Vec<Value<'a>>);

impl<'a> Heap<'a> {
    pub fn add(&mut self, value: Value<'a>) -> Id {
        self.0.push(value);
        // The number of opcodes is limited far below, and each adds at most one value.
        Id((self.0.len() - 1) as u32)
    }

    pub fn get(&self, id: Id) -> &Value<'a> {
        &self.0[id.0 as usize]
    }

    pub fn get_mut(&mut self, id: Id) -> &mut Value<'a> {
        &mut self.0[id.0 as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = &Value<'a>> {
        self.0.iter()
    }

    pub fn text(&self, id: Id) -> Result<&'a str, Problem> {
        match self.get(id) {
            Value::Text(text) => Ok(text),
            other => Err(Problem::Kind { expected: "a text", found: other.kind() }),
        }
    }

    /// A number of elements: an integer that is not negative.
    pub fn count(&self, id: Id) -> Result<usize, Problem> {
        match self.get(id) {
            Value::Int(value) => usize::try_from(*value).map_err(|_| Problem::Negative(*value)),
            other => Err(Problem::Kind { expected: "a number", found: other.kind() }),
        }
    }

    /// A shape or strides.
    pub fn counts(&self, id: Id) -> Result<Vec<usize>, Problem> {
        let items = self.tuple(id)?;
        if items.len() > AXES_LIMIT {
            return Err(Problem::Axes(items.len()));
        }
        items.iter().map(|item| self.count(*item)).collect()
    }

    pub fn tuple(&self, id: Id) -> Result<&[Id], Problem> {
        match self.get(id) {
            Value::Tuple(items) => Ok(items),
            other => Err(Problem::Kind { expected: "a tuple", found: other.kind() }),
        }
    }
}
