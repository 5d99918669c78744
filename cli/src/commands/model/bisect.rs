//! `sweep model bisect NAME`: the first node at which two executions of a network part.
//!
//! libtorch and ONNX Runtime are `sweep-runner`'s: the network is saved into a folder of its own, the runner compares, and what
//! it tells is shown here.

use std::path::{Path, PathBuf};
use std::process::Command;

use comfy_table::CellAlignment;
use sweep_model::state_dict::{self, LoadOptions};
use sweep_model::{Model, randomise};
use sweep_shared::bisect::{BisectComparison, BisectNode, BisectReport};
use sweep_worker::{RUNNER, find_runner};

use super::source::{self, Built};
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::{format, output, terminal};

const EXAMPLES: &str = "\
The engine (libtorch) is compared with the exported file in ONNX Runtime, node by node, and with the values in a dump if there is
one. A network of the zoo has weights drawn from its tensors' names unless a file is given; a point's folder and an .onnx file bring
their own.

Examples:
  sweep model bisect mobilenet_v2
  sweep model bisect resnet18 --weights resnet18.pth --all
  sweep model bisect ./results/s3/pruned --json | jq '.comparisons[].first'
  sweep model bisect vit_b_16 --against dump.safetensors     (docs/zoo.md tells how to write one)";

/// Nodes shown before and behind the first that differs.
const AROUND: usize = 5;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The network: one of the zoo, a point's folder, a graph.json with weights beside it, or an .onnx file
    name: String,
    #[command(flatten)]
    built: Built,
    /// State dict to run it with (.pth or .safetensors)
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    weights: Option<PathBuf>,
    /// Values of nodes, by name, and the `images` that they are for, from another program
    #[arg(long, value_name = "DUMP", value_hint = clap::ValueHint::FilePath)]
    against: Option<PathBuf>,
    /// What the largest difference at a node may be of its largest value
    #[arg(long, default_value_t = 1e-4)]
    tolerance: f64,
    /// Show every node, not only those around the first that differs
    #[arg(long)]
    all: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let folder = tempfile::tempdir()?;
    model(args)?.save(folder.path())?;
    let report = compare(context, args, folder.path())?;
    if context.json {
        output::json(&report)?;
    } else {
        output::print(&text(&report, args.all, terminal::width()))?;
    }
    Ok(Exit::Done)
}

fn model(args: &Args) -> Outcome<Model> {
    let network = source::find(&args.name, &args.built)?;
    let mut model = match network.weights {
        Some(weights) => Model { graph: network.graph, weights },
        None if network.fresh || args.weights.is_some() => randomise::model(network.graph),
        None => {
            let error = Failure::usage(format!("{} has no weights beside it", args.name));
            return Err(error.hint("give a state dict with --weights"));
        }
    };
    if let Some(path) = &args.weights {
        let named = |failure: Failure| failure.context(format!("cannot load {}", path.display())).exit(Exit::Usage);
        let bytes = std::fs::read(path).map_err(|error| named(error.into()))?;
        let file = state_dict::read(&bytes).map_err(|error| named(error.into()))?;
        state_dict::load(&mut model, &file, &LoadOptions::default()).map_err(|error| named(error.into()))?;
    }
    Ok(model)
}

fn compare(context: &Context, args: &Args, folder: &Path) -> Outcome<BisectReport> {
    let runner = context.settings.runner.value.clone().or_else(find_runner);
    let runner = runner.ok_or_else(|| {
        Failure::usage(format!("cannot find {RUNNER}, which runs networks"))
            .hint("put it beside `sweep` or on PATH, or name it in SWEEP_RUNNER; `make build` builds both")
    })?;
    let mut command = Command::new(&runner);
    command.arg("bisect").arg(folder).arg(args.tolerance.to_string()).args(&args.against);
    let starting = |error| Failure::from(error).context(format!("cannot start {}", runner.display()));
    let done = command.output().map_err(starting)?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        let said = if said.trim().is_empty() { done.status.to_string() } else { said.trim().to_owned() };
        return Err(Failure::usage(said).context(format!("cannot compare {}", args.name)));
    }
    Ok(serde_json::from_slice(&done.stdout)?)
}

fn text(report: &BisectReport, all: bool, width: Option<u16>) -> String {
    let images = format::plural(report.images, "image");
    let mut parts = vec![format!("{}: the engine, on {images}, to {:e}", report.network, report.tolerance)];
    for comparison in &report.comparisons {
        parts.push(verdict(comparison));
        let shown = shown(comparison, all);
        if !shown.is_empty() {
            parts.push(table(shown, report.tolerance, width));
        }
    }
    parts.join("\n\n")
}

fn verdict(comparison: &BisectComparison) -> String {
    let nodes = format::plural(comparison.nodes.len(), "node");
    match &comparison.first {
        Some(first) => format!("against {}: the first of {nodes} that differs is {first}", comparison.against),
        None => {
            let largest = comparison.nodes.iter().max_by(|a, b| known(a).total_cmp(&known(b)));
            let most = largest.map(|node| format!("; the largest difference is {:.1e}, at {}", known(node), node.name));
            format!("against {}: {nodes} agree{}", comparison.against, most.unwrap_or_default())
        }
    }
}

fn known(node: &BisectNode) -> f64 {
    node.difference.unwrap_or(f64::INFINITY)
}

/// The nodes around the first that differs.
fn shown(comparison: &BisectComparison, all: bool) -> &[BisectNode] {
    let nodes = &comparison.nodes;
    let first = comparison.first.as_ref().and_then(|first| nodes.iter().position(|node| node.name == *first));
    match first {
        _ if all => nodes,
        Some(at) => &nodes[at.saturating_sub(AROUND)..nodes.len().min(at + AROUND + 1)],
        None => &[],
    }
}

fn table(nodes: &[BisectNode], tolerance: f64, width: Option<u16>) -> String {
    let mut table = terminal::table(["node", "kind", "shape", "max|Δ|/max", ""], width);
    for node in nodes {
        let shape: Vec<String> = node.shape.iter().map(ToString::to_string).collect();
        let difference = node.difference.map_or_else(|| "incomparable".to_owned(), |value| format!("{value:.1e}"));
        let mark = if node.differs(tolerance) { "differs" } else { "" };
        table.add_row([&node.name, &node.kind, &shape.join("×"), &difference, mark]);
    }
    if let Some(column) = table.column_mut(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(differences: &[Option<f64>], first: Option<usize>) -> BisectReport {
        let name = |i: usize| format!("layer1.{i}.conv1");
        let node = |(i, difference): (usize, &Option<f64>)| {
            let (kind, shape) = ("conv2d".to_owned(), vec![2, 64, 56, 56]);
            BisectNode { name: name(i), kind, shape, difference: *difference }
        };
        let nodes = differences.iter().enumerate().map(node).collect();
        let comparison = BisectComparison { against: "ONNX Runtime".into(), first: first.map(name), nodes };
        BisectReport { network: "net".into(), images: 2, tolerance: 1e-4, comparisons: vec![comparison] }
    }

    #[test]
    fn nodes_around_the_first_that_differs_are_shown_in_eighty_columns() {
        let mut differences = vec![Some(1e-7); 40];
        differences[20..].fill(Some(0.25));
        differences[22] = None;
        let found = report(&differences, Some(20));
        let text = text(&found, false, Some(80));
        assert!(text.contains("the first of 40 nodes that differs is layer1.20.conv1"), "{text}");
        assert!(text.contains("layer1.15.conv1") && text.contains("layer1.25.conv1"), "{text}");
        assert!(!text.contains("layer1.14.conv1") && !text.contains("layer1.26.conv1"), "{text}");
        assert_eq!(text.matches("differs").count(), 1 + 6, "{text}");
        assert_eq!(text.matches("incomparable").count(), 1, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(super::text(&found, true, Some(80)).matches("2×64×56×56").count(), 40);
    }

    #[test]
    fn where_all_agree_the_largest_difference_is_told() {
        let text = text(&report(&[Some(1e-7), Some(3e-6), Some(2e-7)], None), false, None);
        assert!(text.contains("3 nodes agree; the largest difference is 3.0e-6, at layer1.1.conv1"), "{text}");
        assert!(!text.contains("max|Δ|"), "{text}");
    }
}
