//! What tells a job from its stage's others, in words that also work as selectors.

use std::collections::{BTreeMap, BTreeSet};

use super::super::selector::is_role;
use crate::spec::MAIN_POINT;

/// A job's choices as text by axis, then its inputs by role.
pub(super) type Traits = Vec<(String, String)>;

/// The names of traits that differ between jobs.
pub(super) fn varying<'a>(all: impl Iterator<Item = &'a Traits> + Clone) -> BTreeSet<&'a str> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, value) in all.clone().flatten() {
        values.entry(name).or_default().insert(value);
        *counts.entry(name).or_default() += 1;
    }
    let jobs = all.count();
    values.into_iter().filter(|(name, values)| values.len() > 1 || counts[name] < jobs).map(|(name, _)| name).collect()
}

/// `mode=qat input=pruned[s0.50]`: of the traits, those that vary.
pub(super) fn label(traits: &Traits, varying: &BTreeSet<&str>) -> String {
    let parts: Vec<String> = traits
        .iter()
        .filter(|(name, _)| varying.contains(name.as_str()))
        .map(|(name, value)| format!("{name}={}", quoted(value)))
        .collect();
    parts.join(" ")
}

/// `pruned[student[model=kd-conv4] s0.50]`: one point of a job, as its readers' labels name it. An input stands there
/// without its role, which is clear from the stage.
pub(super) fn described(stage: &str, traits: &Traits, varying: &BTreeSet<&str>, point: &str) -> String {
    let shown = traits.iter().filter(|(name, _)| varying.contains(name.as_str()));
    let mut parts: Vec<String> = shown
        .map(|(name, value)| if is_role(name) { value.clone() } else { format!("{name}={}", quoted(value)) })
        .collect();
    if point != MAIN_POINT {
        parts.push(point.to_owned());
    }
    if parts.is_empty() { stage.to_owned() } else { format!("{stage}[{}]", parts.join(" ")) }
}

/// Values with spaces would fall apart in a label.
fn quoted(value: &str) -> String {
    if value.contains(' ') && !value.contains('[') { format!("{value:?}") } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits(pairs: &[(&str, &str)]) -> Traits {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn only_what_differs_is_said() {
        let all = [traits(&[("model", "a"), ("epochs", "3")]), traits(&[("model", "b"), ("epochs", "3")])];
        let varying = varying(all.iter());
        assert_eq!(label(&all[0], &varying), "model=a");
        assert_eq!(described("student", &all[1], &varying, "main"), "student[model=b]");
    }

    #[test]
    fn a_choice_that_some_jobs_lack_is_said() {
        let all = [traits(&[("a", "1")]), traits(&[("a", "1"), ("b", "2")])];
        let varying = varying(all.iter());
        assert_eq!((label(&all[0], &varying), label(&all[1], &varying)), (String::new(), "b=2".to_owned()));
    }

    #[test]
    fn a_point_stands_last() {
        let all = [traits(&[("input", "teacher")]), traits(&[("input", "student[model=b]")])];
        let varying = varying(all.iter());
        assert_eq!(described("pruned", &all[1], &varying, "s0.50"), "pruned[student[model=b] s0.50]");
        assert_eq!(described("pruned", &all[1], &BTreeSet::new(), "s0.50"), "pruned[s0.50]");
    }
}
