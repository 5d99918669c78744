//! What the seeds came across: each fault and each edge of the state tables, counted.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// Counts by kind (`fault`, `job`, `attempt`, `call`, …) and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<(&'static str, String), u64>);

impl Coverage {
    pub fn note(&mut self, kind: &'static str, name: impl Into<String>) {
        *self.0.entry((kind, name.into())).or_default() += 1;
    }

    pub fn absorb(&mut self, other: Self) {
        for (key, count) in other.0 {
            *self.0.entry(key).or_default() += count;
        }
    }

    pub fn count(&self, kind: &'static str, name: &str) -> u64 {
        self.0.get(&(kind, name.to_owned())).copied().unwrap_or(0)
    }

    pub fn total(&self, kind: &str) -> u64 {
        self.0.iter().filter(|((of, _), _)| *of == kind).map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kind = "";
        for ((of, name), count) in &self.0 {
            if *of != kind {
                kind = of;
                writeln!(f, "{kind}")?;
            }
            writeln!(f, "  {count:>9}  {name}")?;
        }
        Ok(())
    }
}

/// What happened last, and a hash of all that ever did.
pub struct Trace {
    last: std::collections::VecDeque<String>,
    hasher: blake3::Hasher,
    line: String,
    pub steps: u64,
}

/// Steps that a failing seed shows.
const SHOWN: usize = 40;

impl Default for Trace {
    fn default() -> Self {
        Self { last: std::collections::VecDeque::new(), hasher: blake3::Hasher::new(), line: String::new(), steps: 0 }
    }
}

impl Trace {
    /// A step begins.
    pub fn step(&mut self, now_ms: u64, what: &dyn fmt::Debug) {
        self.flush();
        self.steps += 1;
        let _ = write!(self.line, "{:>5} {:>9.3}s {what:?}", self.steps, now_ms as f64 / 1e3);
    }

    /// Something that came of it.
    pub fn note(&mut self, what: fmt::Arguments<'_>) {
        let _ = write!(self.line, "\n{:18}{what}", "");
    }

    fn flush(&mut self) {
        if self.line.is_empty() {
            return;
        }
        self.hasher.update(self.line.as_bytes());
        if std::env::var_os("SWEEP_SIMULATION_TRACE").is_some() {
            eprintln!("{}", self.line);
        }
        if self.last.len() == SHOWN {
            self.last.pop_front();
        }
        self.last.push_back(std::mem::take(&mut self.line));
    }

    /// The last steps.
    pub fn shown(&mut self) -> String {
        self.flush();
        self.last.make_contiguous().join("\n")
    }

    /// Equal for two runs in which the same happened.
    pub fn hash(&mut self) -> String {
        self.flush();
        self.hasher.finalize().to_hex()[..16].to_owned()
    }
}
