//! One sweep from its submission to its end, and what is done to it on the way.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value};
use sweep_tests::{PATIENCE, text, workspace_root};

use crate::blows::{AGENTS, Planned};
use crate::cluster::{Cluster, MARK, agent_name};
use crate::ledger::{self, Attempt, Sightings};
use crate::witness::{self, News, Witness};
use crate::{marks, processes, table};

/// Where nothing is told for so long, the next blow falls all the same: it is more likely to find something that hangs.
const SILENCE: Duration = Duration::from_secs(4);

/// What a run came to.
pub struct Outcome {
    pub table: Vec<Map<String, Value>>,
    pub attempts: Vec<Attempt>,
    /// Things that happened, in the eyes of someone who watches.
    pub lines: u64,
    /// The blows that met somebody.
    pub struck: Vec<Planned>,
}

/// Runs the plan in a folder of its own, and checks everything but the table.
pub fn run(folder: &Path, blows: &[Planned]) -> Result<Outcome, String> {
    let mut cluster = Cluster::start(folder, AGENTS)?;
    let plan = workspace_root().join("tests/plans/chaos.yaml");
    let submitted = cluster.user().arg("submit").arg(plan).output().map_err(|error| error.to_string())?;
    if !submitted.status.success() {
        return Err(format!("sweep submit: {}", text(&submitted)));
    }
    let witness = Witness::start(cluster.user().arg("watch"), &folder.join("logs/watch"));
    let audit = Witness::start(cluster.user().args(["events", "--follow", "--json"]), &folder.join("logs/events"));
    let mut sightings = Sightings::default();
    let struck = strike(&mut cluster, &witness, &mut sightings, blows);
    let over = match &struck {
        Ok(_) => witness.wait(u64::MAX, PATIENCE),
        Err(_) => News::Silence,
    };
    cluster.thaw();
    let ended = (over == News::Over).then(|| witness.finish());
    let struck = struck?;
    let Some((status, lines)) = ended else {
        let status = cluster.ask(&["status"]);
        return Err(format!("it does not come to an end; it stands at {status:#?}"));
    };
    if status.code() != Some(0) {
        return Err(format!("sweep watch ended with {status}:\n{}", lines.join("\n")));
    }
    witness::check_lines(&lines)?;
    let (results, attempts) = close(&mut cluster, folder, &sightings, audit)?;
    marks::check(&folder.join("marks"), &attempts)?;
    Ok(Outcome { table: table::comparable(results), attempts, lines: lines.len() as u64, struck })
}

/// Deals out the blows, as long as there is a sweep to disturb.
fn strike(
    cluster: &mut Cluster,
    witness: &Witness,
    sightings: &mut Sightings,
    blows: &[Planned],
) -> Result<Vec<Planned>, String> {
    let mut struck = Vec::new();
    for planned in blows {
        if witness.wait(witness.count() + planned.after, SILENCE) == News::Over {
            break;
        }
        // A moment between two events, not a wait for one.
        std::thread::sleep(planned.then);
        cluster.check_alive()?;
        if planned.blow.meets_coordinator() {
            sightings.add_if_told(cluster.ask(&["status"])?);
        }
        if cluster.strike(planned.blow)? {
            struck.push(*planned);
        }
    }
    Ok(struck)
}

/// Takes everything down in good order and looks at what is left.
fn close(
    cluster: &mut Cluster,
    folder: &Path,
    sightings: &Sightings,
    audit: Witness,
) -> Result<(Value, Vec<Attempt>), String> {
    cluster.check_alive()?;
    cluster.end_agents()?;
    nothing_is_left(cluster, folder)?;
    let answer = |asked: Option<Value>| asked.ok_or("the coordinator does not answer".to_owned());
    sightings.hold(&answer(cluster.ask(&["status"])?)?)?;
    witness::check_events(&audit.abandon(), &answer(cluster.ask(&["events", "--limit", "100000"])?)?)?;
    let results = answer(cluster.ask(&["results"])?)?;
    cluster.end_coordinator()?;
    Ok((results, ledger::audit(&folder.join("home"))?))
}

/// Neither processes nor folders of attempts.
fn nothing_is_left(cluster: &Cluster, folder: &Path) -> Result<(), String> {
    let runners = cluster.runners();
    let all = processes::bearing(&[&format!("{MARK}={}", folder.display())]);
    if !runners.is_empty() || !all.is_empty() {
        return Err(format!("processes are left behind: attempts {runners:?}, all {all:?}"));
    }
    for n in 0..AGENTS {
        let attempts = folder.join(agent_name(n)).join("agent/attempts");
        let left: Vec<_> = std::fs::read_dir(&attempts).into_iter().flatten().flatten().map(|e| e.path()).collect();
        if !left.is_empty() {
            return Err(format!("folders of attempts are left behind: {left:?}"));
        }
    }
    Ok(())
}
