//! A sweep by its id or its plan's name.

use std::str::FromStr;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::plan::nearest;

use super::listed;
use crate::answer::Sweep;
use crate::exit::{Failure, Outcome};

/// `s3`, `3`, or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SweepName {
    Id(SweepId),
    Name(String),
}

impl FromStr for SweepName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = text.parse::<SweepId>() {
            return Ok(Self::Id(id));
        }
        if text.starts_with('j') && text.parse::<JobId>().is_ok() {
            return Err(format!("{text} is a job; a sweep is meant here, like s3"));
        }
        if text.trim().is_empty() {
            Err("it is empty; sweeps look like s3".to_owned())
        } else {
            Ok(Self::Name(text.to_owned()))
        }
    }
}

/// Candidates that are named.
const NAMED: usize = 5;

/// The sweep of this name, or of the only name that begins so; of several that bear it, the latest. `sweeps`: the newest first.
pub fn choose(sweeps: &[Sweep], name: &str) -> Outcome<SweepId> {
    if let Some(sweep) = sweeps.iter().find(|sweep| sweep.name == name) {
        return Ok(sweep.id);
    }
    let alike: Vec<&Sweep> = sweeps.iter().filter(|sweep| sweep.name.starts_with(name)).collect();
    let Some(first) = alike.first() else { return Err(unknown(sweeps, name)) };
    if alike.iter().all(|sweep| sweep.name == first.name) {
        return Ok(first.id);
    }
    let mut names: Vec<String> = Vec::new();
    for sweep in &alike {
        if !names.iter().any(|named| named.ends_with(&format!(" {}", sweep.name))) {
            names.push(format!("{} {}", sweep.id, sweep.name));
        }
    }
    Err(Failure::usage(format!("{name:?} can mean {}", listed(names, NAMED))).hint("give more of the name, or the id"))
}

fn unknown(sweeps: &[Sweep], name: &str) -> Failure {
    let failure = Failure::usage(format!("no sweep is called {name:?}"));
    match nearest(name, sweeps.iter().map(|sweep| sweep.name.as_str())) {
        Some(near) => failure.hint(format!("did you mean {near}? `sweep list` shows all")),
        None => failure.hint("`sweep list` shows the sweeps; ids look like s3 (a sweep) and j17 (a job)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::tests_sweep;

    fn sweeps() -> Vec<Sweep> {
        let of = |id, name: &str| Sweep { id: SweepId(id), name: name.into(), ..tests_sweep() };
        vec![of(4, "cifar-prune"), of(3, "cifar-kd"), of(2, "tiny"), of(1, "cifar-kd")]
    }

    #[test]
    fn a_name_or_the_only_beginning_means_the_latest_that_bears_it() {
        let id = |name| choose(&sweeps(), name).unwrap();
        assert_eq!(
            (id("tiny"), id("t"), id("cifar-kd"), id("cifar-k")),
            (SweepId(2), SweepId(2), SweepId(3), SweepId(3))
        );
    }

    #[test]
    fn what_is_ambiguous_names_the_candidates_and_what_is_unknown_the_nearest() {
        let several = choose(&sweeps(), "cifar").unwrap_err();
        assert!(several.text().contains("\"cifar\" can mean s4 cifar-prune and s3 cifar-kd"), "{}", several.text());
        let unknown = choose(&sweeps(), "tinny").unwrap_err();
        assert!(unknown.text().contains("did you mean tiny?"), "{}", unknown.text());
        let nothing = choose(&sweeps(), "x9").unwrap_err().text();
        assert!(nothing.contains("no sweep is called \"x9\"") && nothing.contains("s3"), "{nothing}");
    }

    #[test]
    fn ids_are_understood_at_once() {
        assert_eq!("s3".parse(), Ok(SweepName::Id(SweepId(3))));
        assert_eq!("3".parse(), Ok(SweepName::Id(SweepId(3))));
        assert_eq!("study".parse(), Ok(SweepName::Name("study".into())));
        assert_eq!("jolly".parse(), Ok(SweepName::Name("jolly".into())));
        assert!("j3".parse::<SweepName>().unwrap_err().contains("j3 is a job"));
        assert!(" ".parse::<SweepName>().is_err());
    }
}
