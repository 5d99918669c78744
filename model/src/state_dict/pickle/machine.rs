//! The stack machine.

use std::collections::HashMap;

use super::globals::{self, Called, Global};
use super::opcode as op;
use super::value::{Heap, Id, Storage, Value};
use super::{OPCODE_LIMIT, Pickled, Problem};

/// A pickle while it is read.
pub struct Machine<'a> {
    bytes: &'a [u8],
    /// How many of them are behind.
    at: usize,
    heap: Heap<'a>,
    stack: Vec<Id>,
    /// Heights of the stack at the open MARKs.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, heap: Heap::default(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() }
    }

    /// Runs to STOP. An error comes with the position of the opcode.
    pub fn run(mut self) -> Result<Pickled<'a>, (usize, Problem)> {
        for _ in 0..OPCODE_LIMIT {
            let begin = self.at;
            let code = self.byte().map_err(|problem| (begin, problem))?;
            if code == op::STOP {
                let root = self.pop().map_err(|problem| (begin, problem))?;
                return Ok(Pickled { heap: self.heap, root, length: self.at });
            }
            self.step(code).map_err(|problem| (begin, problem))?;
        }
        Err((self.at, Problem::Endless))
    }

    fn step(&mut self, code: u8) -> Result<(), Problem> {
        if let Some(value) = self.literal(code)? {
            self.push(value);
            return Ok(());
        }
        match code {
            op::PROTO => self.take(1).map(drop),
            op::FRAME => self.take(8).map(drop),
            op::BINGET | op::LONG_BINGET | op::BINPUT | op::LONG_BINPUT | op::MEMOIZE => self.remember(code),
            op::GLOBAL | op::STACK_GLOBAL | op::REDUCE | op::NEWOBJ | op::BUILD | op::BINPERSID => self.object(code),
            _ => self.collect(code),
        }
    }

    /// Opcodes that stand for a value of their own.
    fn literal(&mut self, code: u8) -> Result<Option<Value<'a>>, Problem> {
        Ok(Some(match code {
            op::NONE => Value::None,
            op::NEWTRUE => Value::Bool(true),
            op::NEWFALSE => Value::Bool(false),
            op::BININT => Value::Int(i64::from(i32::from_le_bytes(self.array()?))),
            op::BININT1 => Value::Int(i64::from(self.byte()?)),
            op::BININT2 => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            op::LONG1 => {
                let length = self.byte()?;
                long(self.take(usize::from(length))?)
            }
            op::BINFLOAT => {
                self.take(8)?;
                Value::Float
            }
            op::SHORT_BINUNICODE | op::BINUNICODE | op::BINUNICODE8 => {
                let length = self.length(code)?;
                Value::Text(std::str::from_utf8(self.take(length)?).map_err(|_| Problem::Text)?)
            }
            // Python 2's texts; bytes in UTF-8 are what names are made of.
            op::SHORT_BINSTRING | op::BINSTRING | op::SHORT_BINBYTES | op::BINBYTES | op::BINBYTES8 => {
                let length = self.length(code)?;
                std::str::from_utf8(self.take(length)?).map_or(Value::Opaque, Value::Text)
            }
            op::EMPTY_TUPLE => Value::Tuple(Vec::new()),
            op::EMPTY_LIST => Value::List(Vec::new()),
            op::EMPTY_DICT => Value::Dict(Vec::new()),
            op::EMPTY_SET => Value::Opaque,
            _ => return Ok(None),
        }))
    }

    /// The length in front of a text, as wide as the opcode has it.
    fn length(&mut self, code: u8) -> Result<usize, Problem> {
        let length = match code {
            op::SHORT_BINUNICODE | op::SHORT_BINSTRING | op::SHORT_BINBYTES => u64::from(self.byte()?),
            op::BINUNICODE8 | op::BINBYTES8 => u64::from_le_bytes(self.array()?),
            _ => u64::from(u32::from_le_bytes(self.array()?)),
        };
        usize::try_from(length).map_err(|_| Problem::Truncated)
    }

    fn remember(&mut self, code: u8) -> Result<(), Problem> {
        let entry = match code {
            op::MEMOIZE => self.memo.len() as u32,
            op::BINGET | op::BINPUT => u32::from(self.byte()?),
            _ => u32::from_le_bytes(self.array()?),
        };
        if matches!(code, op::BINGET | op::LONG_BINGET) {
            let id = *self.memo.get(&entry).ok_or(Problem::Memo(entry))?;
            self.stack.push(id);
        } else {
            let top = self.top()?;
            self.memo.insert(entry, top);
        }
        Ok(())
    }

    /// Opcodes that gather what lies on the stack.
    fn collect(&mut self, code: u8) -> Result<(), Problem> {
        match code {
            op::MARK => self.marks.push(self.stack.len()),
            op::POP => drop(self.pop()?),
            op::POP_MARK => drop(self.pop_mark()?),
            op::TUPLE => {
                let items = self.pop_mark()?;
                self.push(Value::Tuple(items));
            }
            op::TUPLE1 | op::TUPLE2 | op::TUPLE3 => {
                let items = self.pop_many(usize::from(code - op::TUPLE1) + 1)?;
                self.push(Value::Tuple(items));
            }
            op::APPEND => {
                let item = self.pop()?;
                self.extend(&[item])?;
            }
            op::APPENDS | op::ADDITEMS => {
                let items = self.pop_mark()?;
                self.extend(&items)?;
            }
            op::SETITEM => {
                let pair = self.pop_many(2)?;
                self.set_items(&pair)?;
            }
            op::SETITEMS => {
                let pairs = self.pop_mark()?;
                self.set_items(&pairs)?;
            }
            other => return Err(Problem::Opcode(other)),
        }
        Ok(())
    }

    fn extend(&mut self, items: &[Id]) -> Result<(), Problem> {
        let top = self.top()?;
        match self.heap.get_mut(top) {
            Value::List(list) => list.extend_from_slice(items),
            Value::Opaque => {}
            other => return Err(Problem::Kind { expected: "a list", found: other.kind() }),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), Problem> {
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(Problem::Underflow);
        }
        let top = self.top()?;
        match self.heap.get_mut(top) {
            Value::Dict(dict) => dict.extend(pairs.iter().map(|[key, value]| (*key, *value))),
            Value::Opaque => {}
            other => return Err(Problem::Kind { expected: "a dictionary", found: other.kind() }),
        }
        Ok(())
    }

    /// Opcodes that would import and call in Python.
    fn object(&mut self, code: u8) -> Result<(), Problem> {
        match code {
            op::GLOBAL => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)
            }
            op::STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                self.global(self.heap.text(module)?, self.heap.text(name)?)
            }
            op::BUILD => self.build(),
            op::BINPERSID => {
                let id = self.pop()?;
                let storage = self.persistent(id)?;
                self.push(Value::Storage(storage));
                Ok(())
            }
            _ => self.call(),
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), Problem> {
        let found = globals::find(module, name).ok_or_else(|| Problem::Global(format!("{module}.{name}")))?;
        self.push(Value::Global(found));
        Ok(())
    }

    /// REDUCE and NEWOBJ: a callable and a tuple of arguments.
    fn call(&mut self) -> Result<(), Problem> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let Value::Global(global) = *self.heap.get(callable) else {
            return Err(Problem::Kind { expected: "a class or function", found: self.heap.get(callable).kind() });
        };
        // A few, so that a long tuple that is passed a million times is not copied a million times.
        let arguments: Vec<Id> = self.heap.tuple(arguments)?.iter().take(globals::ARGUMENTS).copied().collect();
        match globals::call(global, &arguments, &mut self.heap)? {
            Called::New(value) => self.push(value),
            Called::Same(id) => self.stack.push(id),
        }
        Ok(())
    }

    /// Fills a hollow tensor. What others get (an ordered dictionary's `_metadata`) is of no interest.
    fn build(&mut self) -> Result<(), Problem> {
        let (state, object) = (self.pop()?, self.top()?);
        match self.heap.get(object) {
            Value::Hollow => *self.heap.get_mut(object) = globals::fill(state, &self.heap)?,
            Value::Dict(_) | Value::Tensor(_) | Value::Opaque => {}
            other => return Err(Problem::Kind { expected: "an object", found: other.kind() }),
        }
        Ok(())
    }

    /// `("storage", type, key, location, elements)`, in the old format with `None` or `(key, offset, elements)` of a view of it.
    fn persistent(&self, id: Id) -> Result<Storage<'a>, Problem> {
        let ([tag, class, key, _, elements], rest) =
            self.heap.tuple(id)?.split_first_chunk::<5>().ok_or(Problem::Arguments)?;
        let Value::Global(Global::Storage(element)) = self.heap.get(*class) else {
            return Err(Problem::Kind { expected: "a type of storage", found: self.heap.get(*class).kind() });
        };
        if self.heap.text(*tag)? != "storage" {
            return Err(Problem::Arguments);
        }
        let start = match rest.first().map(|view| self.heap.get(*view)) {
            Some(Value::Tuple(view)) if view.len() == 3 => self.heap.count(view[1])?,
            _ => 0,
        };
        Ok(Storage { element: *element, key: self.heap.text(*key)?, elements: self.heap.count(*elements)?, start })
    }

    fn push(&mut self, value: Value<'a>) {
        let id = self.heap.add(value);
        self.stack.push(id);
    }

    /// Values below an open MARK belong to whoever set it.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, Problem> {
        self.stack.get(self.floor()..).and_then(<[Id]>::last).copied().ok_or(Problem::Underflow)
    }

    fn pop(&mut self) -> Result<Id, Problem> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, Problem> {
        let first = self.stack.len().checked_sub(count).filter(|first| *first >= self.floor());
        Ok(self.stack.split_off(first.ok_or(Problem::Underflow)?))
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, Problem> {
        let mark = self.marks.pop().ok_or(Problem::Underflow)?;
        Ok(self.stack.split_off(mark))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Problem> {
        let taken = self.bytes[self.at..].get(..count).ok_or(Problem::Truncated)?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        self.take(N)?.try_into().map_err(|_| Problem::Truncated)
    }

    fn byte(&mut self) -> Result<u8, Problem> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Up to the end of the line, which is skipped.
    fn line(&mut self) -> Result<&'a str, Problem> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or(Problem::Truncated)?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| Problem::Text)
    }
}

/// A two's complement integer, little-endian, of any length.
fn long(bytes: &[u8]) -> Value<'_> {
    if bytes.len() > 8 {
        return Value::Long(bytes);
    }
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut wide = if negative { [0xff; 8] } else { [0; 8] };
    wide[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(wide))
}
