//! A plan comes in.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sweep_shared::ids::SweepId;
use sweep_shared::labels::{Placement, Spot};
use sweep_shared::plan;
use sweep_shared::wire::{self, v1};
use tonic::Status;

use super::{Api, caller};
use crate::access::Principal;
use crate::store::BlobRef;
use crate::submit::{Wish, read};

/// Left for the database, logs and checkpoints.
const RESERVE_BYTES: u64 = 256 << 20;

/// The longest path of the operating systems that there are; and no plan names so many files.
const MOST_PATH: usize = 4096;
const MOST_FILES: usize = 10_000;

/// What a client of ours never sends. The plan's own bounds are the plan's.
fn bound(request: &v1::SubmitRequest) -> Result<(), Status> {
    if request.plan_path.len() > MOST_PATH {
        return Err(Status::invalid_argument(format!("the plan's path has more than {MOST_PATH} bytes")));
    }
    if request.files.len() > MOST_FILES {
        return Err(Status::invalid_argument(format!("the plan comes with more than {MOST_FILES} files")));
    }
    let outside = request.files.iter().find(|file| file.name.len() > MOST_PATH || !plan::is_inside(&file.name));
    match outside {
        Some(file) => {
            let name: String = file.name.chars().take(100).collect();
            Err(Status::invalid_argument(format!("{name:?} is not the name of a file beside the plan, or below it")))
        }
        None => Ok(()),
    }
}

/// What there is to say where the results will hardly fit.
fn narrow(coming: u64, free: u64, home: &Path) -> Option<String> {
    let mb = |bytes: u64| bytes.div_ceil(1_000_000);
    (coming > 0 && coming.saturating_add(RESERVE_BYTES) > free).then(|| {
        format!(
            "the results of this plan are predicted to take {} MB, and {} MB are free in {}: \
             free some space there (`sweep gc --dry-run` shows what could go) before it is full",
            mb(coming),
            free / 1_000_000,
            home.display()
        )
    })
}

/// Stages that are named; there may be many.
const MOST_NAMED: usize = 3;

/// What there is to say where `where` fits no agent that is connected. `wanted`: places with a stage that names each.
fn nowhere(wanted: &BTreeMap<Placement, String>, spots: &[Arc<Spot>]) -> Option<String> {
    let unmet = |(place, _): &(&Placement, &String)| !spots.is_empty() && !spots.iter().any(|spot| place.allows(spot));
    let unmet: Vec<String> = wanted.iter().filter(unmet).map(|(place, stage)| format!("{stage} ({place})")).collect();
    let named = unmet.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join("; ");
    (!unmet.is_empty()).then(|| {
        format!("no agent that is connected is where the plan's `where` wants it: {named}. These jobs wait for one")
    })
}

/// Makes a sweep of it, continues one, or amends one.
pub async fn submit(api: &Api, request: v1::SubmitRequest, caller: &Principal) -> Result<v1::SubmitReply, Status> {
    let amend = (request.amend > 0).then_some(SweepId(request.amend));
    if let Some(sweep) = amend {
        caller::owns(api, caller, sweep.into()).await?;
    }
    bound(&request)?;
    let files = wire::files(request.files).map_err(|error| Status::invalid_argument(error.to_string()))?;
    let files: Vec<BlobRef> = files.into_iter().filter_map(BlobRef::from_file).collect();
    let mut missing = Vec::new();
    for file in &files {
        match api.artifacts.find(&file.hash).await {
            (true, _) => drop(api.artifacts.local(&file.hash).await?),
            (false, _) => missing.push(file.name.as_str()),
        }
    }
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Err(Status::failed_precondition(format!("these files of the plan were not uploaded: {missing}")));
    }
    let wish = Wish {
        plan_yaml: request.plan_yaml,
        plan_path: request.plan_path,
        files,
        reuse: !request.no_reuse,
        continue_same: request.continue_same,
        amend,
        retry_failed: request.retry_failed,
        actor: caller.name.clone(),
        own_only: !caller.may_change(""),
    };
    // A plan may come to 100 000 jobs: long enough to be kept off the threads that serve others.
    let artifacts = api.artifacts.clone();
    let (command, kept) = tokio::task::spawn_blocking(move || read(wish, |hash| artifacts.path(hash)))
        .await
        .map_err(|error| Status::internal(format!("reading the plan did not end: {error}")))?
        .map_err(|errors| Status::invalid_argument(errors.to_string()))?;
    if let Some(address) = api.notices.rules.forbidden(&command.notify) {
        return Err(Status::invalid_argument(format!(
            "the plan's `notify` names {address}, and this coordinator's sweep.toml (notify.allow) does not let plans do that"
        )));
    }
    let doubts = api.notices.doubts(&command.notify);
    let placed = command.jobs.iter().filter(|job| !job.place.is_empty());
    // Of many jobs few places: each is read once.
    let wanted: BTreeMap<&str, &str> = placed.map(|job| (job.place.as_str(), job.stage.as_str())).collect();
    let strange = if wanted.is_empty() {
        None
    } else {
        let wanted = wanted.into_iter().map(|(place, stage)| (Placement::of_text(place), stage.to_owned())).collect();
        let here = api.dispatch.agents().await?.into_iter().filter(|agent| agent.connected);
        nowhere(&wanted, &here.flat_map(|agent| agent.spots).collect::<Vec<_>>())
    };
    let made = api.store.write(command).await?;
    api.dispatch.serve(made.sweep).await;
    // What is taken over is here already.
    let coming = kept / u64::from(made.jobs.max(1)) * u64::from(made.jobs.saturating_sub(made.reused));
    let warning = match crate::store::free_bytes(api.home.root()) {
        Some(free) if made.created => narrow(coming, free, api.home.root()),
        _ => None,
    };
    Ok(v1::SubmitReply {
        warning: warning.into_iter().chain(doubts).chain(strange).collect::<Vec<_>>().join("\nwarning: "),
        sweep: made.sweep.0,
        created: made.created,
        jobs: made.jobs,
        reused: made.reused,
        kept: made.kept,
        added: made.added,
        dropped: made.dropped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_outside_the_plans_folder_are_refused_and_so_is_too_much_of_anything() {
        let with = |names: &[&str]| {
            let files = names.iter().map(|name| v1::File { name: (*name).to_owned(), ..Default::default() }).collect();
            bound(&v1::SubmitRequest { files, ..Default::default() })
        };
        assert!(with(&["train.py", "data/labels.csv"]).is_ok());
        let long = "x".repeat(MOST_PATH + 1);
        for name in ["../train.py", "/etc/passwd", "a/../../b", "", "./a", "a//b", "a/", long.as_str()] {
            assert!(with(&["train.py", name]).is_err(), "{name}");
        }
        assert!(with(&vec!["a"; MOST_FILES + 1]).is_err());
        let plan_path = "x".repeat(MOST_PATH + 1);
        assert!(bound(&v1::SubmitRequest { plan_path, ..Default::default() }).is_err());
    }

    #[test]
    fn places_where_nobody_is_are_told_and_nothing_where_nobody_is_at_all() {
        let wanted = |names: &[&str]| {
            let place =
                |name: &&str| (Placement([((*name).to_owned(), ["x".to_owned()].into())].into()), "base".to_owned());
            names.iter().map(place).collect::<BTreeMap<_, _>>()
        };
        let spots = [Arc::new(Spot { host: "x".to_owned(), ..Spot::default() })];
        assert_eq!(nowhere(&wanted(&["room"]), &[]), None);
        assert_eq!(nowhere(&wanted(&["host"]), &spots), None);
        let said = nowhere(&wanted(&["host", "room", "a", "b", "c"]), &spots).unwrap();
        assert!(said.contains("base (room: x)") || said.contains("base (a: x); base (b: x); base (c: x)."), "{said}");
    }

    #[test]
    fn a_plan_whose_results_will_not_fit_is_warned_of() {
        let (home, mb) = (Path::new("/h"), 1_000_000);
        assert_eq!(narrow(100 * mb, 1000 * mb, home), None);
        assert_eq!(narrow(0, 0, home), None, "nothing is known of commands");
        let said = narrow(900 * mb, 1000 * mb, home).unwrap();
        assert!(
            said.contains("900 MB") && said.contains("1000 MB are free in /h") && said.contains("sweep gc"),
            "{said}"
        );
    }
}
