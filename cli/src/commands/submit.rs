//! `sweep submit PLAN`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sweep_shared::ids::SweepId;

use super::submission::{Choice, submit};
use super::waiting::{self, Waits};
use super::watch::watch;
use crate::connect::{Client, Connection, Submitted, Target};
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::naming::{self, SweepName};
use crate::{format, output, plan_files};

const EXAMPLES: &str = "\
The coordinator must be running (`sweep serve`); agents (`sweep agent`) may come later.

With --amend, jobs that both plans have stay as they are, finished or running; jobs that only the new plan \
has are added; those that it no longer has are cancelled, and count no more.

Examples:
  sweep submit plan.yaml              hand it over and return
  sweep submit plan.yaml --watch      and watch it to the end
  sweep submit plan.yaml --wait       for scripts: wait, and end as it ended
  sweep submit - < plan.yaml
  sweep submit plan.yaml --amend      change the running sweep of that name to the plan
  sweep submit plan.yaml --amend s3";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The plan (YAML); - reads standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    plan: PathBuf,
    /// Watch it until it is over, then print its results
    #[arg(long, short, conflicts_with = "wait")]
    watch: bool,
    #[command(flatten)]
    waits: Waits,
    /// Do all of its work anew, even where an earlier sweep did the same
    #[arg(long)]
    no_reuse: bool,
    /// Change a sweep to this plan instead of making another [without a value: the latest of the same name]
    #[arg(long, value_name = "SWEEP", num_args = 0..=1, default_missing_value = "", value_parser = amended)]
    amend: Option<Amended>,
}

/// Which sweep is to be changed to the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Amended {
    /// The latest that bears the plan's name.
    OfSameName,
    Sweep(SweepName),
}

/// `--amend` takes a sweep, and is easily given the plan.
fn amended(text: &str) -> Result<Amended, String> {
    if text.is_empty() {
        return Ok(Amended::OfSameName);
    }
    let is_plan = Path::new(text).extension().is_some_and(|end| end == "yaml" || end == "yml");
    if is_plan || text.contains('/') || text == "-" {
        return Err(format!("{text:?} looks like a plan; write it before --amend: sweep submit {text} --amend"));
    }
    text.parse().map(Amended::Sweep)
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let plan = plan_files::read(&args.plan)?;
    let mut connection = Connection::live(context).await?;
    let amend = match args.amend {
        None => None,
        Some(Amended::Sweep(name)) => naming::sweep(&mut connection.client, Some(&name)).await?,
        Some(Amended::OfSameName) => Some(of_same_name(&mut connection.client, &plan.plan.name).await?),
    };
    let choice = Choice { no_reuse: args.no_reuse, amend, ..Choice::default() };
    let submitted = submit(&mut connection.client, &plan, choice).await?;
    tell(context, &submitted, amend.is_some(), args.watch || args.waits.wait)?;
    if !connection.client.agents().await?.iter().any(|agent| agent.connected) {
        output::note("no agent is connected yet, so nothing runs; start one with `sweep agent`");
    }
    if args.watch {
        return watch(context, &mut connection, submitted.sweep).await;
    }
    if args.waits.wait {
        return waiting::wait(context, &mut connection, Target::Sweep(submitted.sweep), args.waits.timeout).await;
    }
    Ok(Exit::Done)
}

/// Sweeps that are looked through for one of the plan's name.
const RECENT: u32 = 1000;

/// The latest sweep that bears the plan's name.
async fn of_same_name(client: &mut Client, name: &str) -> Outcome<SweepId> {
    let sweeps = client.list(RECENT).await?;
    if let Some(sweep) = sweeps.iter().find(|sweep| sweep.name == name) {
        return Ok(sweep.id);
    }
    let failure = Failure::usage(format!("no sweep is called {name:?}, so there is nothing to amend"));
    Err(match sweeps.first() {
        Some(latest) => failure.hint(format!(
            "name the sweep that is meant (the latest is {}, {:?}): --amend {}",
            latest.id, latest.name, latest.id
        )),
        None => failure.hint("without --amend the plan becomes a sweep of its own"),
    })
}

fn tell(context: &Context, submitted: &Submitted, amended: bool, watched: bool) -> std::io::Result<()> {
    match (context.json, watched) {
        // The one document will be how it ended.
        (true, true) => Ok(()),
        (true, false) => output::json(&object(submitted, amended)),
        (false, _) => output::print(&said(submitted, amended, watched)),
    }
}

fn object(submitted: &Submitted, amended: bool) -> Value {
    let Submitted { sweep, created, jobs, reused, kept, added, dropped } = submitted;
    let mut object = json!({ "sweep": sweep.to_string(), "created": created, "jobs": jobs, "reused": reused });
    if amended {
        object["kept"] = json!(kept);
        object["added"] = json!(added);
        object["dropped"] = json!(dropped);
    }
    object
}

fn said(submitted: &Submitted, amended: bool, watched: bool) -> String {
    let Submitted { sweep, jobs, reused, kept, added, dropped, .. } = submitted;
    let next = if watched { String::new() } else { format!("\nsweep watch {sweep}") };
    let reused = if *reused > 0 { format!(", {reused} of them done already in earlier sweeps") } else { String::new() };
    if !amended {
        return format!("{sweep}: {}{reused}{next}", format::plural(*jobs as usize, "job"));
    }
    let kept = format::plural(*kept as usize, "job");
    format!("{sweep} amended: {kept} kept, {added} added{reused}, {dropped} dropped{next}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amendment_says_what_it_came_to() {
        let submitted =
            Submitted { sweep: SweepId(3), created: false, jobs: 8, reused: 1, kept: 5, added: 3, dropped: 2 };
        assert_eq!(
            said(&submitted, true, false),
            "s3 amended: 5 jobs kept, 3 added, 1 of them done already in earlier sweeps, 2 dropped\nsweep watch s3"
        );
        assert_eq!(object(&submitted, true)["dropped"], 2);
        assert!(object(&submitted, false).get("dropped").is_none());
    }

    #[test]
    fn a_plan_behind_amend_is_told_apart_from_a_misspelt_id() {
        assert_eq!(amended("s3").unwrap(), Amended::Sweep(SweepName::Id(SweepId(3))));
        assert_eq!(amended("").unwrap(), Amended::OfSameName);
        assert!(amended("plan.yaml").unwrap_err().contains("sweep submit plan.yaml --amend"));
        assert_eq!(amended("cifar.v2").unwrap(), Amended::Sweep(SweepName::Name("cifar.v2".into())));
        assert!(amended("j3").unwrap_err().contains("j3 is a job"));
    }
}
