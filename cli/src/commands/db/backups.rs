//! `sweep db backups [URL]`.

use jiff::Timestamp;
use serde_json::{Value, json};
use sweep_coordinator::bucket::Object;
use sweep_coordinator::upkeep::backups;

use super::failure;
use super::place::{Named, named, open};
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::{format, output};

const EXAMPLES: &str = "\
Examples:
  sweep db backups                       beside artifacts that are in a bucket
  sweep db backups s3://lab/backups";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The place in a bucket [default: backups/ beside artifacts that are in a bucket]
    #[arg(value_name = "URL")]
    at: Option<String>,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let Named::Bucket { url, object: None } = named(args.at.as_deref(), &context.settings.artifacts.kept_in()?)? else {
        return Err(Failure::usage("backups are listed of a place in a bucket").hint("name it: s3://BUCKET/PREFIX"));
    };
    let bucket = open(context, &url)?;
    let found = backups(&bucket).await.map_err(failure)?;
    if context.json {
        let documents: Vec<Value> = found.iter().map(|object| document(&url, object)).collect();
        output::json(&json!(documents))?;
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        output::note(&format!("there are no backups in {url}"));
    }
    for Object { name, size_bytes, changed_ms } in &found {
        output::print(&format!("{}  {}  {url}/{name}", time(*changed_ms), format::bytes(*size_bytes as f64)))?;
    }
    Ok(Exit::Done)
}

fn document(url: &str, object: &Object) -> Value {
    let Object { name, size_bytes, changed_ms } = object;
    json!({ "url": format!("{url}/{name}"), "size_bytes": size_bytes, "made": time(*changed_ms) })
}

fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| "?".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
