//! Inputs as plans write them: a stage, and in brackets which of its jobs and points are meant.
//!
//! `pruned` means every point of every job of that stage, `pruned[s0.50]` one point of each, `student[model=kd-conv4]` the
//! jobs with that choice, `pruned[student, s0.50]` those whose own input came from the stage `student`. Labels of jobs are
//! written in the same way, so what a table shows can be used as a selector.

use super::source::At;

/// A reference to a stage's points.
#[derive(Debug, Clone)]
pub(super) struct Selector {
    pub at: At,
    /// The plan field that holds it, for messages.
    pub field: String,
    pub stage: String,
    pub items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    /// `model=kd-conv4`
    Choice { axis: String, value: String },
    /// `s0.50`, or the name of an input's stage.
    Word(String),
}

/// What a selector is matched against: one point of one job.
pub(super) struct Candidate<'a> {
    pub point: &'a str,
    /// The job's choices as text, and its inputs by role as labels write them.
    pub traits: &'a [(String, String)],
}

impl Selector {
    /// `None` where brackets do not match or the name is missing.
    pub fn parse(text: &str, at: At, field: &str) -> Option<Self> {
        let (stage, inside) = match text.trim().split_once('[') {
            Some((stage, rest)) => (stage, rest.strip_suffix(']')?),
            None => (text.trim(), ""),
        };
        let items = split(inside)?.into_iter().map(item).collect();
        (!stage.is_empty() && !stage.contains(|c: char| c.is_whitespace() || "[],=".contains(c))).then(|| Self {
            at,
            field: field.to_owned(),
            stage: stage.to_owned(),
            items,
        })
    }

    /// Choices of different axes must all hold, of the same axis one; of the points named one, of the inputs named one.
    pub fn matches(&self, candidate: &Candidate<'_>) -> bool {
        let points = candidate_words(&self.items, is_point);
        let inputs = candidate_words(&self.items, |w| !is_point(w));
        let axes_hold = self.items.iter().all(|item| {
            match item {
            Item::Choice { axis, .. } => self.items.iter().any(|other| {
                matches!(other, Item::Choice { axis: a, value } if a == axis && has_trait(candidate, axis, value))
            }),
            Item::Word(_) => true,
        }
        });
        axes_hold
            && (points.is_empty() || points.iter().any(|p| same_point(p, candidate.point)))
            && (inputs.is_empty() || inputs.iter().any(|i| is_input(candidate, i)))
    }
}

fn candidate_words<'a>(items: &'a [Item], wanted: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let word = |item: &'a Item| if let Item::Word(word) = item { Some(word.as_str()) } else { None };
    items.iter().filter_map(word).filter(|w| wanted(w)).collect()
}

/// Point names are `main` and `s0.50`.
pub(super) fn is_point(word: &str) -> bool {
    word == crate::spec::MAIN_POINT || sparsity(word).is_some()
}

fn sparsity(word: &str) -> Option<f64> {
    word.strip_prefix('s')?.parse().ok()
}

fn same_point(wanted: &str, name: &str) -> bool {
    wanted == name || sparsity(wanted).is_some() && sparsity(wanted) == sparsity(name)
}

fn has_trait(candidate: &Candidate<'_>, axis: &str, value: &str) -> bool {
    let holds =
        |name: &str, other: &str| name == axis && (equal(value, other) || is_role(name) && covers(value, other));
    candidate.traits.iter().any(|(name, other)| holds(name, other))
}

/// Equal as text or as numbers.
fn equal(a: &str, b: &str) -> bool {
    a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}

/// Whether a point that labels call `shown` is one of those that `wanted` means: `student[temperature=4]` covers
/// `student[model=kd-conv4 temperature=4]`.
fn covers(wanted: &str, shown: &str) -> bool {
    let parse = |text| Selector::parse(text, At::START, "");
    let (Some(wanted), Some(shown)) = (parse(wanted), parse(shown)) else { return false };
    let among = |item: &Item| {
        shown.items.iter().any(|other| match (item, other) {
            (Item::Choice { axis, value }, Item::Choice { axis: a, value: v }) => axis == a && equal(value, v),
            (Item::Word(word), Item::Word(other)) => same_point(word, other) || covers(word, other),
            _ => false,
        })
    };
    wanted.stage == shown.stage && wanted.items.iter().all(among)
}

fn is_input(candidate: &Candidate<'_>, word: &str) -> bool {
    candidate.traits.iter().any(|(name, value)| is_role(name) && covers(word, value))
}

/// Names under which a job's inputs stand among its traits.
pub(super) fn is_role(name: &str) -> bool {
    matches!(name, "input" | "teacher")
}

fn item(text: &str) -> Item {
    // Only a `=` before any bracket belongs to this item.
    match text.split_once('=') {
        Some((axis, value)) if !axis.contains('[') => {
            Item::Choice { axis: axis.trim().to_owned(), value: value.trim().trim_matches('"').to_owned() }
        }
        _ => Item::Word(text.to_owned()),
    }
}

/// Splits at commas and spaces that stand outside brackets and quotes. `None` where those do not match.
fn split(text: &str) -> Option<Vec<&str>> {
    let (mut parts, mut depth, mut start, mut quoted) = (Vec::new(), 0_usize, 0, false);
    for (i, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '[' => depth += 1,
            ']' => depth = depth.checked_sub(1)?,
            ',' | ' ' if depth == 0 => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    (depth == 0 && !quoted).then(|| parts.into_iter().map(str::trim).filter(|p| !p.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(text: &str, point: &str, traits: &[(&str, &str)]) -> bool {
        let traits: Vec<_> = traits.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Selector::parse(text, At::START, "input").unwrap().matches(&Candidate { point, traits: &traits })
    }

    #[test]
    fn a_bare_stage_takes_everything() {
        assert!(selects("pruned", "s0.50", &[("input", "base")]));
    }

    #[test]
    fn points_and_choices_narrow() {
        assert!(selects("pruned[s0.5]", "s0.50", &[]));
        assert!(!selects("pruned[s0.50]", "s0.77", &[]));
        assert!(selects("pruned[s0.50, s0.77]", "s0.77", &[]));
        let kd = [("model", "kd-conv4"), ("temperature", "2")];
        assert!(selects("student[model=kd-conv4, temperature=2.0]", "main", &kd));
        assert!(!selects("student[model=kd-conv4 temperature=4]", "main", &kd));
        assert!(selects("student[temperature=4 temperature=2]", "main", &kd));
        assert!(selects("train[say=\"a, b\"]", "main", &[("say", "a, b")]));
    }

    #[test]
    fn inputs_are_named_as_labels_write_them() {
        let traits = [("input", "student[model=kd-conv4 temperature=2]")];
        assert!(selects("pruned[student]", "s0.50", &traits));
        assert!(selects("pruned[input=student s0.50]", "s0.50", &traits));
        assert!(selects("pruned[student[model=kd-conv4 temperature=2] s0.50]", "s0.50", &traits));
        assert!(selects("pruned[student[temperature=2]]", "s0.50", &traits));
        assert!(selects("pruned[input=student[temperature=2.0]]", "s0.50", &traits));
        assert!(!selects("pruned[student[temperature=4]]", "s0.50", &traits));
        assert!(!selects("pruned[teacher]", "s0.50", &traits));
    }

    #[test]
    fn malformed_ones_are_refused() {
        for text in ["", "a[", "a]b", "a[b]]", "[x]", "a b", "a[[x]"] {
            assert!(Selector::parse(text, At::START, "input").is_none(), "{text}");
        }
    }
}
