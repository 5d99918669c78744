//! `sweep config show`.

use serde_json::{Map, Value, json};

use crate::connect::Login;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::settings::{Origin, catalogue, mistakes};
use crate::{output, paint, terminal};

const RULES: &str = "\
Flags go before SWEEP_* variables, variables before the file, the file before \
defaults. The file is sweep.toml in SWEEP_HOME, or the one that SWEEP_CONFIG \
names; paths in it are relative to it. All that it may say:
";

const MORE: &str = "
What jobs may have of this machine's devices (memory, hours, slots) stands in \
agent.toml beside it; docs/operating.md has all of it:

  [devices.0]                         # a GPU by its number; cpu, GPU-8e1c, \"*\"
  memory = \"6 GiB\"                   # for all jobs together; or \"80 %\"
  quiet = [\"Mon-Fri 08:00-18:00\"]   # nothing runs

Examples:
  sweep config show
  sweep config show slots lease
  sweep config show --json | jq -r .datasets.value";

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print settings, their values, and where each came from
    #[command(after_help = format!("{RULES}\n{}{MORE}", catalogue::as_file()))]
    Show(Show),
}

#[derive(Debug, clap::Args)]
pub struct Show {
    /// Only these, like slots or retention.logs [default: all]
    #[arg(value_name = "SETTING")]
    names: Vec<String>,
}

/// What jobs may have of this machine: a file of its own, which is there or not.
const RULES_FILE: &str = "agent_rules";

pub fn run(context: &Context, command: Command) -> Outcome {
    let Command::Show(Show { names }) = command;
    let mut rows = context.settings.rows();
    let rules = context.settings.home.value.join("agent.toml");
    let login = Login::read(&context.settings.home.value).ok().flatten().map(|login| login.address.url());
    rows.push(("login", login, &Origin::Default));
    rows.push((RULES_FILE, rules.exists().then(|| rules.display().to_string()), &Origin::Default));
    let known: Vec<&str> = rows.iter().map(|row| row.0).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(mistakes::of_name(unknown, &known));
    }
    rows.retain(|row| names.is_empty() || names.iter().any(|name| name == row.0));
    if context.json {
        let object: Map<String, Value> = rows
            .into_iter()
            .map(|(name, value, origin)| (name.to_owned(), json!({ "value": value, "origin": origin.to_string() })))
            .collect();
        output::json(&object)?;
        return Ok(Exit::Done);
    }
    let mut table = terminal::table(["setting", "value", "from"], terminal::width());
    for (name, value, origin) in rows {
        // What is not set is told in brackets.
        let usual = || catalogue::all().find(|setting| setting.name == name).map_or("none", |setting| setting.default);
        table.add_row([name.to_owned(), value.unwrap_or_else(|| format!("({})", usual())), origin.to_string()]);
    }
    output::print(&paint::out().table(&table.trim_fmt()))?;
    Ok(Exit::Done)
}
