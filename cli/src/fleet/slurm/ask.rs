//! What else can be asked of a fleet: what it says, to end, to begin anew.

use serde_json::{Value, json};

use super::fleet::Fleet;
use super::login::Login;
use super::queue::Allocation;
use super::spec::Spec;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::format::plural;
use crate::output;

/// Of each allocation, unless one is named.
const LINES: u32 = 20;
const LINES_OF_ONE: u32 = 1000;

pub async fn logs(context: &Context, text: &str, only: &[String]) -> Outcome {
    let spec: Spec = text.parse()?;
    let login = Login::of(&spec);
    let fleet = Fleet::find(&spec, &login).await?;
    let known = fleet.folder.logs().await?;
    let unknown = only.iter().find(|id| !known.contains(id));
    if let Some(unknown) = unknown {
        return Err(Failure::usage(format!("no allocation {unknown} of {} has said anything", spec.name))
            .hint(format!("{} has logs of {}", fleet.folder.path, listed(&known))));
    }
    let wanted: Vec<String> = match only {
        // Of those that Slurm still has; of all that ever were there would be no end.
        [] => fleet
            .allocations()
            .await?
            .into_iter()
            .map(|allocation| allocation.id)
            .filter(|id| known.contains(id))
            .collect(),
        some => some.to_vec(),
    };
    let wanted = if wanted.is_empty() { known.last().cloned().into_iter().collect() } else { wanted };
    let lines = if only.is_empty() { LINES } else { LINES_OF_ONE };
    let mut documents = Vec::new();
    for id in &wanted {
        let said = fleet.folder.log(id, lines).await?;
        if context.json {
            documents.push(json!({ "allocation": id, "log": said }));
        } else if only.len() == 1 {
            output::print(&said)?;
        } else {
            output::print(&format!("--- {id} ---\n{said}"))?;
        }
    }
    if context.json {
        output::json(&documents)?;
    } else if wanted.is_empty() {
        output::note(&format!("no allocation of {} has said anything yet", spec.name));
    }
    Ok(Exit::Done)
}

/// Those that wait are taken back; those that run write checkpoints and leave.
pub async fn stop(context: &Context, text: &str, only: &[String]) -> Outcome {
    let spec: Spec = text.parse()?;
    let login = Login::of(&spec);
    let fleet = Fleet::find(&spec, &login).await?;
    let meant = meant(fleet.allocations().await?, &spec, only)?;
    let (running, waiting): (Vec<_>, Vec<_>) = meant.into_iter().partition(Allocation::is_running);
    // Of those that are just ending nothing more is wanted.
    let waiting: Vec<_> = waiting.into_iter().filter(Allocation::is_waiting).collect();
    cancel(&fleet, &[], &waiting).await?;
    cancel(&fleet, &["--batch", "--signal=USR2"], &running).await?;
    if context.json {
        output::json(&json!({ "told": ids(&running), "taken_back": ids(&waiting) }))?;
    } else {
        output::print(&format!(
            "{}: {} to write checkpoints and leave, {} back from Slurm's queue",
            spec.name,
            told(&running),
            if waiting.is_empty() {
                "none taken".to_owned()
            } else {
                format!("{} taken", plural(waiting.len(), "allocation"))
            }
        ))?;
    }
    Ok(Exit::Done)
}

/// Those that run go back to the queue, as at the time limit: the next turn begins with the program as it is then.
pub async fn upgrade(context: &Context, text: &str, only: &[String]) -> Outcome {
    let spec: Spec = text.parse()?;
    let login = Login::of(&spec);
    let fleet = Fleet::find(&spec, &login).await?;
    let meant = meant(fleet.allocations().await?, &spec, only)?;
    let running: Vec<_> = meant.into_iter().filter(Allocation::is_running).collect();
    cancel(&fleet, &["--batch", "--signal=USR1"], &running).await?;
    if context.json {
        output::json(&json!({ "told": ids(&running) }))?;
    } else {
        output::print(&format!(
            "{}: {} to write checkpoints and go back to Slurm's queue; each starts again with the program that lies there then",
            spec.name,
            told(&running)
        ))?;
    }
    Ok(Exit::Done)
}

async fn cancel(fleet: &Fleet<'_>, how: &[&str], allocations: &[Allocation]) -> Outcome<()> {
    if allocations.is_empty() {
        return Ok(());
    }
    let mut argv = vec!["scancel"];
    argv.extend(how);
    argv.extend(allocations.iter().map(|allocation| allocation.id.as_str()));
    fleet.login.run(&argv, b"").await.map(drop)
}

fn meant(allocations: Vec<Allocation>, spec: &Spec, only: &[String]) -> Outcome<Vec<Allocation>> {
    if let Some(unknown) = only.iter().find(|id| !allocations.iter().any(|allocation| allocation.id == **id)) {
        let known: Vec<String> = allocations.iter().map(|allocation| allocation.id.clone()).collect();
        return Err(Failure::usage(format!("Slurm has no allocation {unknown} of {}", spec.name))
            .hint(format!("it has {}", listed(&known))));
    }
    Ok(allocations.into_iter().filter(|allocation| only.is_empty() || only.contains(&allocation.id)).collect())
}

fn listed(known: &[String]) -> String {
    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
}

fn told(running: &[Allocation]) -> String {
    if running.is_empty() {
        "none runs that could be told".to_owned()
    } else {
        format!("{} told", plural(running.len(), "allocation"))
    }
}

fn ids(allocations: &[Allocation]) -> Value {
    allocations.iter().map(|allocation| allocation.id.clone()).collect()
}
