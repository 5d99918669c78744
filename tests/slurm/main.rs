//! A real Slurm: Debian's controller and node daemons in a network of their own, two nodes, and agents that `sweep agents launch
//! --slurm` brings up there.
//!
//! This takes root, and the packages of scripts/need-slurm.sh. Each story says whether it ran or was skipped; where CI runs as
//! root a skip is a failure. Stories wait for what processes say, never for a time; how soon Slurm looks at time limits and gives
//! places again is Slurm's own pace.

mod cluster;
mod ends;
mod follow;
mod lab;
mod limit;
#[allow(dead_code, reason = "the stories about networks need more of it")]
#[path = "../network/lines.rs"]
mod lines;
mod needs;
#[allow(dead_code, reason = "the stories about networks need more of it")]
#[path = "../network/process.rs"]
mod process;
mod refusals;
#[path = "../network/runners.rs"]
mod runners;
mod via;
