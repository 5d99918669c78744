//! `sweep agents drain AGENT`.

use serde_json::json;

use crate::answer::Agent;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::{format, output};

const EXAMPLES: &str = "\
Its jobs write a checkpoint, stop and go back to the queue, which spends no retry; other agents take them \
over. Then the agent ends. An agent that is away is told when it comes back. To use the machine again, \
start `sweep agent` there again.

Examples:
  sweep agents drain desk-1a2b3c4d
  sweep agents drain desk             the only agent on that host";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The agent's id (`sweep agents` lists them), its beginning, or its host
    agent: String,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let agents = connection.client.agents().await?;
    let outcome = match find(&agents, &args.agent) {
        Ok(agent) => connection.client.drain(&agent.id).await.map(|changed| (agent, changed)),
        Err(failure) => Err(failure),
    };
    connection.close().await;
    let (agent, changed) = outcome?;
    if context.json {
        output::json(&json!({ "agent": agent.id, "changed": changed, "connected": agent.connected }))?;
    } else {
        output::print(&said(agent, changed))?;
    }
    Ok(Exit::Done)
}

/// The agent that is meant: by id, by the only id that begins so, or by the only host of that name.
fn find<'a>(agents: &'a [Agent], name: &str) -> Outcome<&'a Agent> {
    if let Some(agent) = agents.iter().find(|agent| agent.id == name) {
        return Ok(agent);
    }
    let on_host: Vec<&Agent> = agents.iter().filter(|agent| agent.host == name).collect();
    let alike: Vec<&Agent> = agents.iter().filter(|agent| agent.id.starts_with(name)).collect();
    match (on_host.as_slice(), alike.as_slice()) {
        ([agent], _) | ([], [agent]) => Ok(agent),
        ([], []) => Err(unknown(agents, name)),
        ([], several) | (several, _) => {
            Err(Failure::usage(format!("{name:?} can mean {}", ids(several))).hint("give more of the id"))
        }
    }
}

fn unknown(agents: &[Agent], name: &str) -> Failure {
    let failure = Failure::usage(format!("no agent is called {name:?}"));
    if agents.is_empty() {
        return failure.hint("the coordinator knows no agents; `sweep agent` starts one");
    }
    failure.hint(format!("there is {}; `sweep agents` tells more", ids(&agents.iter().collect::<Vec<_>>())))
}

/// Agents that are named; `sweep agents` has them all.
const NAMED: usize = 5;

fn ids(agents: &[&Agent]) -> String {
    let mut names: Vec<String> = agents.iter().take(NAMED).map(|agent| agent.id.clone()).collect();
    if agents.len() > NAMED {
        names.push(format!("{} more", agents.len() - NAMED));
    }
    let last = names.pop().unwrap_or_default();
    if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) }
}

fn said(agent: &Agent, changed: u32) -> String {
    let id = &agent.id;
    if changed == 0 {
        return format!("{id}: it was told already");
    }
    if !agent.connected {
        return format!("{id}: it is away; it will be told to leave when it comes back");
    }
    let work = match agent.running {
        0 => "it runs nothing".to_owned(),
        1 => "its job writes a checkpoint, stops and goes back to the queue".to_owned(),
        n => format!("its {} write a checkpoint, stop and go back to the queue", format::plural(n as usize, "job")),
    };
    format!("{id}: it gets no more work; {work}, then it leaves")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(id: &str, host: &str) -> Agent {
        Agent {
            id: id.into(),
            host: host.into(),
            connected: true,
            devices: Vec::new(),
            running: 0,
            slots: 1,
            labels: Default::default(),
            last_seen: None,
            draining: false,
        }
    }

    #[test]
    fn an_agent_is_found_by_what_is_enough_to_tell_it() {
        let agents = [agent("desk-1a2b", "desk"), agent("desk-1c3d", "desk"), agent("box-77", "box")];
        let id = |name: &str| find(&agents, name).unwrap().id.clone();
        assert_eq!((id("desk-1a2b").as_str(), id("desk-1c").as_str()), ("desk-1a2b", "desk-1c3d"));
        assert_eq!((id("box").as_str(), id("b").as_str()), ("box-77", "box-77"));
        for name in ["desk", "desk-1"] {
            let refused = find(&agents, name).unwrap_err().text();
            assert!(refused.contains("desk-1a2b and desk-1c3d") && refused.contains("more of the id"), "{refused}");
        }
        let refused = find(&agents, "lap").unwrap_err().text();
        assert!(refused.contains("\"lap\"") && refused.contains("desk-1a2b, desk-1c3d and box-77"), "{refused}");
        assert!(find(&[], "lap").unwrap_err().text().contains("sweep agent"));
    }

    #[test]
    fn what_happens_to_its_work_is_said() {
        let one = Agent { running: 1, ..agent("a", "a") };
        assert!(said(&one, 1).contains("its job writes a checkpoint"));
        let two = Agent { running: 2, ..one.clone() };
        assert!(said(&two, 1).contains("its 2 jobs write a checkpoint"));
        assert!(said(&Agent { connected: false, ..one }, 1).contains("when it comes back"));
        assert_eq!(said(&agent("a", "a"), 0), "a: it was told already");
    }
}
