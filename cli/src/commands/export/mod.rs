//! `sweep export JOB[/POINT]`: a point's network as files for other programs. `choice` finds the point; here its files are
//! fetched through the coordinator, wherever that runs, and written under the names that the user gives.

mod choice;

use std::path::{Path, PathBuf};

use serde_json::json;
use sweep_model::{Model, model, state_dict};

use crate::answer::Point;
use crate::connect::{Client, Connection, Target};
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::signals::Signals;
use crate::{format, naming, output, whole_file};

use choice::PointName;

const EXAMPLES: &str = "\
The state dict bears torchvision's names, batch norm and auxiliary classifiers included, for
`module.load_state_dict(safetensors.torch.load_file(FILE), strict=True)`. A point without batch norm or with fewer channels \
needs a module of its shape. Quantizers are left out; the ONNX file of a quantized point holds its integers.

Examples:
  sweep export j3 --safetensors resnet18.safetensors
  sweep export j7/s0.50 --onnx half.onnx               a job with several points: one of them
  sweep export j7/s0.50 --onnx half.onnx --force       replace the file";

/// What clap would write is wider than a screen.
const USAGE: &str = "sweep export [OPTIONS] <JOB[/POINT]> [--safetensors FILE] [--onnx FILE]";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = USAGE)]
#[group(id = "files", required = true, multiple = true, args = ["safetensors", "onnx"])]
pub struct Args {
    /// The job (j7, or its stage), and which of its points where it has several (j7/s0.50)
    #[arg(value_name = "JOB[/POINT]")]
    which: PointName,
    /// Write the state dict for PyTorch here
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    safetensors: Option<PathBuf>,
    /// Write the deployed ONNX file here
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    onnx: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
}

impl Args {
    /// What to write where.
    fn targets(&self) -> impl Iterator<Item = (Kind, &Path)> {
        let wanted = [(Kind::Safetensors, &self.safetensors), (Kind::Onnx, &self.onnx)];
        wanted.into_iter().filter_map(|(kind, path)| Some((kind, path.as_deref()?)))
    }

    fn check(&self) -> Outcome<()> {
        if self.safetensors.is_some() && self.safetensors == self.onnx {
            return Err(Failure::usage("--safetensors and --onnx name the same file"));
        }
        self.targets().try_for_each(|(_, path)| whole_file::check(path, self.force))
    }
}

/// A form of a network that is given away.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Safetensors,
    Onnx,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Onnx => "onnx",
        }
    }
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    args.check()?;
    let mut connection = Connection::live_or_inside(context).await?;
    let mut signals = Signals::listen()?;
    let fetched = tokio::select! {
        fetched = fetch(&mut connection.client, &args) => fetched.map(Some),
        () = signals.next() => Ok(None),
    };
    connection.close().await;
    let Some((point, contents)) = fetched? else { return Ok(Exit::Interrupted) };
    for (_, path, bytes) in &contents {
        whole_file::write(path, bytes, args.force)?;
    }
    if context.json {
        output::json(&document(&point, &contents))?;
    } else {
        contents.iter().try_for_each(|(kind, path, bytes)| output::print(&said(&point, *kind, path, bytes)))?;
    }
    Ok(Exit::Done)
}

/// What is to be written where.
type Contents<'a> = Vec<(Kind, &'a Path, Vec<u8>)>;

/// The point, and the contents of its files: all of them, before the first is written.
async fn fetch<'a>(client: &mut Client, args: &'a Args) -> Outcome<(Point, Contents<'a>)> {
    let job = naming::job(client, &args.which.job).await?;
    let (sweep, _) = client.look(Some(Target::Job(job)), false).await?;
    let (_, points) = client.results(Some(sweep.id)).await?;
    let point = choice::choose(&points, job, args.which.point.as_deref())?.clone();
    let mut contents = Vec::new();
    for (kind, path) in args.targets() {
        let bytes = match kind {
            Kind::Safetensors => state_dict(client, &point).await?,
            Kind::Onnx => client.download(choice::file(&point, "model.onnx")?).await?,
        };
        contents.push((kind, path, bytes));
    }
    Ok((point, contents))
}

async fn state_dict(client: &mut Client, point: &Point) -> Outcome<Vec<u8>> {
    let graph = client.download(choice::file(point, model::GRAPH_FILE)?).await?;
    let weights = client.download(choice::file(point, model::WEIGHTS_FILE)?).await?;
    let doing = || format!("cannot read the network of {}/{}", point.job, point.point);
    let model = Model::from_bytes(&graph, &weights).map_err(|error| Failure::from(error).context(doing()))?;
    state_dict::to_safetensors(&model).map_err(|error| Failure::from(error).context(doing()))
}

fn said(point: &Point, kind: Kind, path: &Path, bytes: &[u8]) -> String {
    let what = match kind {
        Kind::Safetensors => "state dict",
        Kind::Onnx => "ONNX file",
    };
    let size = format::bytes(bytes.len() as f64);
    format!("{}: the {what} of {}/{} ({}), {size}", path.display(), point.job, point.point, point.stage)
}

fn document(point: &Point, contents: &Contents) -> serde_json::Value {
    let files = contents.iter().map(|(kind, path, bytes)| {
        json!({ "kind": kind.name(), "path": path.display().to_string(), "size_bytes": bytes.len() })
    });
    json!({
        "job": point.job.to_string(),
        "stage": point.stage,
        "point": point.point,
        "files": files.collect::<Vec<_>>(),
    })
}
