//! `sweep notify list`.

use serde_json::{Value, json};

use crate::answer::Notice;
use crate::commands::status::unix_ms;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::moment::Zone;
use crate::{output, terminal};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only what still waits
    #[arg(long)]
    waiting: bool,
    /// How many of the newest
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let notices = connection.client.notices(args.limit, args.waiting).await;
    connection.close().await;
    let notices = notices?;
    if context.json {
        output::json(&notices.iter().map(object).collect::<Value>())?;
    } else if notices.is_empty() && args.waiting {
        output::note("nothing waits");
    } else if notices.is_empty() {
        output::note("nobody was told anything yet; `sweep notify test` tries whether it would arrive");
    } else {
        output::print(&table(&notices, &Zone::here()))?;
    }
    Ok(Exit::Done)
}

fn table(notices: &[Notice], zone: &Zone) -> String {
    let mut table = terminal::table(["id", "when", "what", "to", "state"], terminal::width());
    for notice in notices {
        let when = notice.at.map_or_else(String::new, |at| zone.full(at));
        let to = format!("{} {}", notice.channel, notice.address);
        table.add_row([number(notice).to_owned(), when, what(notice), to, state(notice, zone)]);
    }
    table.trim_fmt()
}

/// `n42`: the rest of the id is the same for all of a database.
fn number(notice: &Notice) -> &str {
    notice.id.split('@').next().unwrap_or_default()
}

fn what(notice: &Notice) -> String {
    if !notice.title.is_empty() {
        return notice.title.clone();
    }
    let of = notice.sweep.map_or_else(String::new, |sweep| format!(" {sweep}"));
    format!("{}{of}", notice.occasion.replace('_', " "))
}

fn state(notice: &Notice, zone: &Zone) -> String {
    let changed = notice.changed.map_or_else(String::new, |at| zone.full(at));
    let answer = if notice.answer.is_empty() { String::new() } else { format!(": {}", notice.answer) };
    match (notice.state.as_str(), notice.into) {
        ("sent", _) => format!("sent {changed}"),
        ("failed", _) => format!("failed {changed}{answer}"),
        ("folded", Some(into)) => format!("told with n{into}"),
        ("folded", None) => "told with another".to_owned(),
        ("queued", _) => {
            let next = notice.not_before.map_or_else(String::new, |at| zone.full(at));
            match notice.tries {
                0 => format!("waits until {next}"),
                1 => format!("tried once, again {next}{answer}"),
                n => format!("tried {n} times, again {next}{answer}"),
            }
        }
        (other, _) => other.to_owned(),
    }
}

fn object(notice: &Notice) -> Value {
    json!({
        "id": notice.id,
        "channel": notice.channel,
        "address": notice.address,
        "occasion": notice.occasion,
        "title": notice.title,
        "sweep": notice.sweep.map(|sweep| sweep.to_string()),
        "at_ms": unix_ms(notice.at),
        "state": notice.state,
        "tries": notice.tries,
        "not_before_ms": unix_ms(notice.not_before),
        "changed_ms": unix_ms(notice.changed),
        "answer": notice.answer,
        "into": notice.into.map(|into| format!("n{into}")),
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_became_of_a_notice_is_said() {
        let at = Some(SystemTime::UNIX_EPOCH);
        let notice = |state: &str, tries| Notice {
            id: "n4@abc".to_owned(),
            channel: "email".to_owned(),
            address: "me@x.example".to_owned(),
            occasion: "job_failed".to_owned(),
            title: String::new(),
            sweep: Some(sweep_shared::ids::SweepId(3)),
            at,
            state: state.to_owned(),
            tries,
            not_before: at,
            changed: at,
            answer: "451 busy".to_owned(),
            into: Some(5),
        };
        let said = |state: &str, tries| self::state(&notice(state, tries), &Zone::here());
        assert_eq!((number(&notice("sent", 1)), what(&notice("sent", 1)).as_str()), ("n4", "job failed s3"));
        assert!(said("sent", 1).starts_with("sent ") && !said("sent", 1).contains("451"));
        assert!(said("queued", 0).starts_with("waits until "));
        assert!(said("queued", 2).starts_with("tried 2 times, again ") && said("queued", 2).ends_with(": 451 busy"));
        assert!(said("failed", 2).ends_with(": 451 busy"));
        assert_eq!(said("folded", 0), "told with n5");
    }
}
