//! `sweep agents status --slurm`.

use serde_json::{Value, json};

use super::fleet::{Fleet, Seen};
use super::login::Login;
use super::queue::Allocation;
use super::spec::Spec;
use crate::answer::Agent;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::{output, terminal};

pub async fn status(context: &Context, text: &str, only: &[String]) -> Outcome {
    let spec: Spec = text.parse()?;
    let login = Login::of(&spec);
    let fleet = Fleet::find(&spec, &login).await?;
    let mut connection = Connection::live_or_inside(context).await?;
    let seen = fleet.look(&mut connection).await;
    connection.close().await;
    let mut seen = seen?;
    seen.allocations.retain(|allocation| only.is_empty() || only.contains(&allocation.id));
    if context.json {
        output::json(&seen.allocations.iter().map(|allocation| object(allocation, &seen)).collect::<Value>())?;
    } else if seen.allocations.is_empty() {
        output::note(&format!("Slurm has no allocation of {}", spec.name));
    } else {
        output::print(&table(&seen, terminal::width()))?;
    }
    Ok(Exit::Done)
}

fn object(allocation: &Allocation, seen: &Seen) -> Value {
    let agent = seen.agent(&allocation.id);
    json!({
        "allocation": allocation.id,
        "state": allocation.state,
        "reason": allocation.reason,
        "node": allocation.node,
        "left": allocation.left,
        "agent": seen.ids.get(&allocation.id),
        "connected": agent.is_some_and(|agent| agent.connected),
        "running": agent.map_or(0, |agent| agent.running),
    })
}

fn table(seen: &Seen, width: Option<u16>) -> String {
    let mut columns = [
        ("allocation", Vec::new()),
        ("Slurm", Vec::new()),
        ("node", Vec::new()),
        ("time left", Vec::new()),
        ("agent", Vec::new()),
        ("coordinator", Vec::new()),
    ];
    for allocation in &seen.allocations {
        let slurm = match allocation.reason.as_str() {
            "" => allocation.state.to_lowercase(),
            reason => format!("{} ({reason})", allocation.state.to_lowercase()),
        };
        let left = if allocation.is_running() { allocation.left.clone() } else { String::new() };
        let id = seen.ids.get(&allocation.id).cloned().unwrap_or_default();
        let said = says(allocation, seen.agent(&allocation.id));
        let cells = [allocation.id.clone(), slurm, allocation.node.clone(), left, id, said];
        columns.iter_mut().zip(cells).for_each(|((_, column), cell)| column.push(cell));
    }
    terminal::columns(columns.into(), width).trim_fmt()
}

fn says(allocation: &Allocation, agent: Option<&Agent>) -> String {
    match agent {
        Some(agent) if agent.connected && agent.draining => {
            format!("draining, {} of {} busy", agent.running, agent.slots)
        }
        Some(agent) if agent.connected => format!("connected, {} of {} busy", agent.running, agent.slots),
        Some(_) if allocation.is_waiting() => "away until it runs again".to_owned(),
        Some(_) => "away".to_owned(),
        None if allocation.is_running() => "has not joined yet".to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allocation(id: &str, state: &str, reason: &str, node: &str) -> Allocation {
        Allocation {
            id: id.to_owned(),
            stays: false,
            state: state.to_owned(),
            reason: reason.to_owned(),
            node: node.to_owned(),
            left: "7:59:00".to_owned(),
        }
    }

    #[test]
    fn what_slurm_and_the_coordinator_say_stands_in_one_line() {
        let agent = Agent {
            id: "n1-7_1".to_owned(),
            host: "n1".to_owned(),
            connected: true,
            devices: Vec::new(),
            running: 1,
            slots: 2,
            last_seen: None,
            draining: false,
            labels: Default::default(),
        };
        let away = Agent { id: "n2-7_2".to_owned(), connected: false, ..agent.clone() };
        let seen = Seen {
            allocations: vec![
                allocation("7_1", "RUNNING", "", "n1"),
                allocation("7_2", "PENDING", "BeginTime", ""),
                allocation("7_3", "RUNNING", "", "n3"),
                allocation("7_4", "PENDING", "Resources", ""),
            ],
            ids: [("7_1", "n1-7_1"), ("7_2", "n2-7_2")].map(|(a, b)| (a.to_owned(), b.to_owned())).into(),
            agents: vec![agent, away],
        };
        let table = table(&seen, None);
        let lines: Vec<String> =
            table.lines().skip(2).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "7_1 running n1 7:59:00 n1-7_1 connected, 1 of 2 busy",
                "7_2 pending (BeginTime) n2-7_2 away until it runs again",
                "7_3 running n3 7:59:00 has not joined yet",
                "7_4 pending (Resources)",
            ],
            "{table}"
        );
    }
}
