//! Having an agent end: it writes checkpoints, puts its work back, and leaves.

use std::time::Duration;

use super::remote::{Input, Remote};
use super::script::Script;
use super::trouble::Trouble;
use crate::format;

/// How long an agent may take to stop in good order: its grace for jobs, and uploads on a slow line.
const PATIENCE: Duration = Duration::from_mins(10);

/// Whether it ran. `now`: it kills what it runs, and uploads nothing more.
pub async fn agent(remote: &Remote<'_>, now: bool) -> Result<bool, Trouble> {
    let place = remote.host.settings.home.as_deref().unwrap_or_default();
    let script = Script::new(include_str!("scripts/stop.sh"), place)
        .with("now", if now { "yes" } else { "no" })
        .with("patience", &PATIENCE.as_secs().to_string());
    let answer = remote.run(&script, Input::Text("")).await?;
    if answer.get("still").is_some() {
        return Err(Trouble::new(format!("its agent has not ended within {}", format::duration(PATIENCE)))
            .remedy("it goes on stopping; `sweep agents stop --now` has it kill what it runs"));
    }
    Ok(answer.get("was") == Some("running"))
}
