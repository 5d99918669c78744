//! `sweep agents`, and what users do with single ones.

mod certificates;
mod devices;
mod drain;
mod invite;
mod launch;
mod logs;
mod revoke;
mod status;
mod stop;
mod upgrade;

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::answer::Agent;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::{format, output, terminal};

const EXAMPLES: &str = "\
Examples:
  sweep agents
  sweep agents drain desk-1a2b3c4d    have it put its work back and leave
  sweep agents invite > join-token    let an agent on another machine join
  sweep agents revoke desk-1a2b3c4d   throw it out, at once";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Bring agents up on other machines
    Launch(launch::Args),
    /// Show how the agents stand that were brought up
    Status(status::Args),
    /// Print what they last said
    Logs(logs::Args),
    /// Have them write checkpoints, put their work back and end
    Stop(stop::Args),
    /// Replace them by this version, or give them changed settings
    Upgrade(upgrade::Args),
    /// Have an agent put its work back and leave
    Drain(drain::Args),
    /// Make a token with which an agent on another machine can join
    Invite(invite::Args),
    /// Throw an agent out: its certificates count no more, at once
    Revoke(revoke::Args),
    /// List the agents' certificates
    Certificates(certificates::Args),
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    match args.command {
        None => list(context).await,
        Some(Command::Launch(args)) => launch::run(context, args).await,
        Some(Command::Status(args)) => status::run(context, args).await,
        Some(Command::Logs(args)) => logs::run(context, args).await,
        Some(Command::Stop(args)) => stop::run(context, args).await,
        Some(Command::Upgrade(args)) => upgrade::run(context, args).await,
        Some(Command::Drain(args)) => drain::run(context, args).await,
        Some(Command::Invite(args)) => invite::run(context, args).await,
        Some(Command::Revoke(args)) => revoke::run(context, args).await,
        Some(Command::Certificates(args)) => certificates::run(context, args).await,
    }
}

async fn list(context: &Context) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let agents = connection.client.agents().await?;
    connection.close().await;
    if context.json {
        output::json(&agents.iter().map(object).collect::<Value>())?;
    } else if agents.is_empty() {
        output::note("the coordinator knows no agents; `sweep agent` starts one");
    } else {
        output::print(&table(&agents))?;
    }
    Ok(Exit::Done)
}

fn object(agent: &Agent) -> Value {
    json!({
        "id": agent.id,
        "host": agent.host,
        "connected": agent.connected,
        "draining": agent.draining,
        "running": agent.running,
        "slots": agent.slots,
        "labels": agent.labels,
        "last_seen_ms": super::status::unix_ms(agent.last_seen),
        "devices": agent.devices,
    })
}

fn table(agents: &[Agent]) -> String {
    let mut table = terminal::table(["agent", "host", "state", "running", "devices"], terminal::width());
    for agent in agents {
        let labels = Some(agent.labels.to_string()).filter(|labels| !labels.is_empty());
        let devices: Vec<String> = agent.devices.iter().flat_map(devices::lines).chain(labels).collect();
        let running = format!("{}/{}", agent.running, agent.slots);
        table.add_row([agent.id.clone(), agent.host.clone(), presence(agent), running, devices.join("\n")]);
    }
    table.trim_fmt()
}

/// Whether it is there, and else for how long not.
pub fn presence(agent: &Agent) -> String {
    if agent.connected {
        return if agent.draining { "draining".to_owned() } else { "connected".to_owned() };
    }
    match agent.last_seen.and_then(|seen| SystemTime::now().duration_since(seen).ok()) {
        Some(away) => format!("away for {}", format::duration(away)),
        None => "away".to_owned(),
    }
}
