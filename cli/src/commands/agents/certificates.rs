//! `sweep agents certificates`.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::answer::Certificate;
use crate::commands::status::unix_ms;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::moment::Zone;
use crate::{output, terminal};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Those that expired or were revoked, too
    #[arg(long)]
    all: bool,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let certificates = connection.client.certificates().await;
    connection.close().await;
    let now = SystemTime::now();
    let counts = |row: &Certificate| row.revoked.is_none() && row.expires.is_some_and(|at| at > now);
    let certificates: Vec<Certificate> = certificates?.into_iter().filter(|row| args.all || counts(row)).collect();
    if context.json {
        output::json(&certificates.iter().map(object).collect::<Value>())?;
    } else if certificates.is_empty() {
        output::note("no agent has a certificate; `sweep agents invite` lets one join");
    } else {
        output::print(&table(&certificates, &Zone::here()))?;
    }
    Ok(Exit::Done)
}

fn object(row: &Certificate) -> Value {
    json!({
        "agent": row.agent,
        "host": row.host,
        "issued_ms": unix_ms(row.issued),
        "expires_ms": unix_ms(row.expires),
        "revoked_ms": unix_ms(row.revoked),
    })
}

fn table(certificates: &[Certificate], zone: &Zone) -> String {
    let mut table = terminal::table(["agent", "host", "issued", "expires", "revoked"], terminal::width());
    let shown = |at: Option<SystemTime>| at.map(|at| zone.full(at)).unwrap_or_default();
    for row in certificates {
        table.add_row([row.agent.clone(), row.host.clone(), shown(row.issued), shown(row.expires), shown(row.revoked)]);
    }
    table.trim_fmt()
}
