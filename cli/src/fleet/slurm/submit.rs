//! Handing a batch script to Slurm, and what its refusals mean.

use super::login::{Login, words};
use crate::exit::{Failure, Outcome};

/// Submits a script; Slurm's number for it.
pub async fn submit(login: &Login, script: &str) -> Outcome<String> {
    let output = login.output(&["sbatch", "--parsable"], script.as_bytes()).await?;
    if output.status.success() {
        // With several clusters: `17;cluster`.
        let said = String::from_utf8_lossy(&output.stdout);
        return Ok(said.trim().split(';').next().unwrap_or_default().to_owned());
    }
    let said = words(&output);
    Err(Failure::usage(format!("Slurm refuses: {}", short(&said))).hint(remedy(login, &said).await))
}

/// Without the program's name in front of each line.
fn short(said: &str) -> String {
    let lines = said.lines().map(|line| line.trim_start_matches("sbatch: ").trim_start_matches("error: "));
    lines.collect::<Vec<_>>().join("; ")
}

async fn remedy(login: &Login, said: &str) -> String {
    let said = said.to_lowercase();
    let about = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if about(&["invalid partition"]) {
        let known = login.run(&["sinfo", "--noheader", "--format", "%R"], b"").await.unwrap_or_default();
        let known: Vec<&str> = known.lines().map(str::trim).filter(|name| !name.is_empty()).collect();
        return format!("partition= is one of {} (`sinfo`)", known.join(", "));
    }
    let remedy = if about(&["invalid node name"]) {
        "nodelist= and exclude= name nodes that there are: `sinfo --Node`"
    } else if about(&["generic resource", "gres", "gpu"]) {
        "gres= says what a partition's nodes have: `sinfo --format '%P %G'`"
    } else if about(&["account"]) {
        "account= is one that you may charge: `sacctmgr show associations user=$USER format=account,partition,qos`"
    } else if about(&["qos"]) {
        "qos= is one that you may use: `sacctmgr show associations user=$USER format=account,partition,qos`"
    } else if about(&["time limit", "timelimit"]) {
        "time= is at most the partition's: `sinfo --format '%P %l'`"
    } else if about(&["array"]) {
        "count=, or max=, is at most Slurm's MaxArraySize less one (`scontrol show config`)"
    } else if about(&["node configuration", "cpu count", "memory"]) {
        "no node has all that: `sinfo --format '%P %c %m %G'` shows cores, memory and GPUs"
    } else if about(&["unable to contact", "connection refused"]) {
        "Slurm's controller does not answer: `scontrol ping`; try again later"
    } else {
        "with --print the script is shown and not submitted; `sbatch` says the same of it"
    };
    remedy.to_owned()
}
