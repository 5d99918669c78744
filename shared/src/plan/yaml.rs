//! From text to the tree, with bounds, and with the YAML reader's complaints in a plan author's words.

use serde_saphyr::{MessageFormatter, NonFiniteFloatPolicy, Options, UserMessageFormatter};

use super::error::{PlanError, PlanErrors};
use super::source::{At, Sort, Source};
use super::tree::{Node, Value, place};

/// A longer text is not a plan that somebody wrote.
const MAX_BYTES: usize = 4 << 20;
/// Values that aliases may stand for, all together.
const MAX_ALIASED: usize = 20_000;
const MAX_DEPTH: usize = 32;
const MAX_VALUES: usize = 400_000;

/// Reads the text into a tree whose root is a map.
pub(crate) fn tree(source: &Source) -> Result<Node, PlanErrors> {
    if source.text.len() > MAX_BYTES {
        let message = format!("{} has {} bytes; {MAX_BYTES} are the limit", source.sort.name(), source.text.len());
        return Err(PlanError::new(source, At::START, "", message).into());
    }
    let node = serde_saphyr::from_str_with_options::<Node>(&source.text, options())
        .map_err(|e| PlanErrors::from(explain(source, &e)))?;
    match node.value {
        Value::Map(_) => Ok(node),
        Value::Null => Err(PlanError::new(source, At::START, "", format!("{} is empty", source.sort.name()))
            .help(source.sort.smallest())
            .into()),
        _ => {
            let message = format!("expected a map of `{}` and more, found {}", source.sort.field(), node.kind());
            Err(PlanError::new(source, node.at, "", message).help(source.sort.smallest()).into())
        }
    }
}

impl Sort {
    fn name(self) -> &'static str {
        match self {
            Self::Plan => "the plan",
            Self::Hosts => "the file of hosts",
        }
    }

    /// That no such file can do without.
    fn field(self) -> &'static str {
        match self {
            Self::Plan => "stages",
            Self::Hosts => "hosts",
        }
    }

    fn smallest(self) -> &'static str {
        match self {
            Self::Plan => {
                "the smallest plan:  data: synthetic  and, on the next line,  stages: { base: { train: { model: small-cnn } } }"
            }
            Self::Hosts => "the smallest one:  hosts: [desk-2]",
        }
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_VALUES,
            max_events: 2 * MAX_VALUES,
            max_documents: 2,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_ALIASED },
        // `on`, `yes` and `no` are words, as in YAML 1.2.
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    }
}

fn explain(source: &Source, error: &serde_saphyr::Error) -> PlanError {
    use serde_saphyr::Error;
    let error = match error.without_snippet() {
        Error::AliasError { error, .. } => error.as_ref(),
        other => other,
    };
    let at = error.location().map_or(At::START, |l| At { width: 1, ..place(l) });
    let new = |message: String| PlanError::new(source, at, "", message);
    match error {
        Error::AliasReplayLimitExceeded { .. } | Error::AliasExpansionLimitExceeded { .. } => {
            new(format!("aliases stand for more than {MAX_ALIASED} values in all"))
                .help("an alias (`*name`) copies what its anchor (`&name`) holds, and aliases of aliases multiply")
        }
        Error::Budget { .. } => {
            new(format!("{} is too large or too deeply nested: {}", source.sort.name(), said(error)))
        }
        Error::DuplicateMappingKey { key, .. } => {
            let message = key
                .as_ref()
                .map_or("this field stands here twice".to_owned(), |key| format!("`{key}` stands here twice"));
            new(message).help(match source.sort {
                Sort::Plan => "a field may be written once; for several values of one parameter use `matrix`",
                Sort::Hosts => "a field may be written once",
            })
        }
        Error::MultipleDocuments { .. } => new("this is to be one YAML document, and `---` begins another".to_owned()),
        Error::UnknownAnchor { .. } => new("this alias has no anchor (`&name`) before it".to_owned()),
        _ => hints(source, at).into_iter().fold(new(format!("not valid YAML: {}", said(error))), PlanError::help),
    }
}

fn said(error: &serde_saphyr::Error) -> String {
    UserMessageFormatter.format_message(error).into_owned()
}

/// What usually lies behind a complaint about this line.
fn hints(source: &Source, at: At) -> Vec<&'static str> {
    let line = source.line(at.line);
    let before: String = line.chars().take(at.column as usize).collect();
    let indent = &line[..line.len() - line.trim_start().len()];
    let mut hints = Vec::new();
    if indent.contains('\t') {
        hints.push("the line begins with a tab; YAML is indented with spaces");
    }
    let word = |text: &str| text.ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
    if source.sort == Sort::Hosts {
        if before.trim_end().strip_suffix('[').is_some_and(word) {
            hints.push("inside [ ] and { } a range of hosts is put in quotes: \"gpu[01-20]\"");
        }
    } else if before.contains("${") {
        hints.push("inside [ ] and { } a text with `${…}` is put in quotes: \"${seed}\"");
    } else if before.trim_end().strip_suffix('[').is_some_and(word) {
        hints.push("inside [ ] and { } a selector is put in quotes: \"pruned[s0.50]\"");
    }
    hints
}
