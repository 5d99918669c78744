//! `sweep config show`.

use serde_json::{Map, Value, json};

use crate::connect::Login;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::output;
use crate::settings::Origin;

const ABOUT: &str = "\
Flags go before SWEEP_* variables, variables before the file, the file before defaults.
The file is sweep.toml in SWEEP_HOME, or the one that SWEEP_CONFIG names:

  listen = \"127.0.0.1:7433\"           # sweep serve            SWEEP_LISTEN
  tls = \"auto\"                       # sweep serve            SWEEP_TLS
  names = [\"desk.example.org\"]       # sweep serve            SWEEP_NAMES
  lease = \"1m\"                       # sweep serve            SWEEP_LEASE
  reconnect_grace = \"15s\"            # sweep serve            SWEEP_RECONNECT_GRACE
  coordinator = \"127.0.0.1:7433\"      # everything else        SWEEP_COORDINATOR
  token_file = \"/etc/sweep/token\"     # for that coordinator   SWEEP_TOKEN_FILE
  join_token_file = \"join-token\"     # sweep agent            SWEEP_JOIN_TOKEN_FILE
  slots = 2                           # sweep agent, local     SWEEP_SLOTS
  patience = \"10m\"                   # sweep agent, local     SWEEP_PATIENCE
  grace = \"2m\"                       # sweep agent, local     SWEEP_GRACE
  secrets = \"/etc/sweep/secrets\"      # sweep agent, local     SWEEP_SECRETS
  datasets = \"/data\"                  # sweep agent, local     SWEEP_DATASETS
  weights_url = \"https://mirror/w\"   # sweep agent, local     SWEEP_WEIGHTS_URL
  runner = \"/opt/sweep/sweep-runner\"  # sweep agent, local     SWEEP_RUNNER

What a coordinator keeps of work that is over, and for how long (`never`: it never goes); `sweep gc` tells more:

  [retention]
  checkpoints = \"7d\"                 # of jobs that did not succeed   SWEEP_RETENTION_CHECKPOINTS
  logs = \"30d\"                       # of jobs that succeeded         SWEEP_RETENTION_LOGS
  points = \"never\"                   # networks and ONNX files        SWEEP_RETENTION_POINTS

What jobs may have of this machine's devices (memory, hours, slots) stands in agent.toml beside it:

  [devices.0]                         # a GPU by its number; also cpu, GPU-8e1c, \"*\"
  memory = \"6 GiB\"                   # for all jobs together; or \"80 %\"
  quiet = [\"Mon-Fri 08:00-18:00\"]   # nothing runs; more in docs/operating.md";

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print every setting, its value, and where it came from
    #[command(after_help = ABOUT)]
    Show,
}

pub fn run(context: &Context, command: Command) -> Outcome {
    let Command::Show = command;
    let mut rows = context.settings.rows();
    let rules = context.settings.home.value.join("agent.toml");
    let login = Login::read(&context.settings.home.value).ok().flatten().map(|login| login.address.url());
    rows.push(("login", login, &Origin::Default));
    rows.push(("agent_rules", rules.exists().then(|| rules.display().to_string()), &Origin::Default));
    if context.json {
        let object: Map<String, Value> = rows
            .into_iter()
            .map(|(name, value, origin)| (name.to_owned(), json!({ "value": value, "origin": origin.to_string() })))
            .collect();
        output::json(&object)?;
        return Ok(Exit::Done);
    }
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let width = rows.iter().map(|(_, value, _)| shown(value).chars().count()).max().unwrap_or(0);
    let lines: Vec<String> =
        rows.iter().map(|(name, value, origin)| format!("{name:<21} {:<width$}  {origin}", shown(value))).collect();
    output::print(&lines.join("\n"))?;
    Ok(Exit::Done)
}
