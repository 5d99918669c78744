//! `sweep model list` and `sweep model show NAME`: the networks a plan can name, and what they cost.

use comfy_table::CellAlignment;
use serde_json::{Value, json};
use sweep_model::cost::{self, Cost};
use sweep_model::zoo::{self, ENTRIES, ZooOptions};
use sweep_model::{Graph, init};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::{format, output, terminal};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the networks that a plan can name
    List,
    /// Show one network: parameters, multiply-accumulates, layers
    Show(Show),
}

#[derive(Debug, clap::Args)]
pub struct Show {
    /// Its name, as plans write it
    name: String,
    /// Height and width of the images
    #[arg(long, default_value_t = 32)]
    size: usize,
    /// Number of classes
    #[arg(long, default_value_t = 10)]
    classes: usize,
}

pub fn run(context: &Context, command: Command) -> Outcome {
    match command {
        Command::List => list(context),
        Command::Show(args) => show(context, &args),
    }
}

fn list(context: &Context) -> Outcome {
    if context.json {
        let entry = |entry: &zoo::Entry| json!({ "name": entry.name, "description": entry.description });
        output::json(&ENTRIES.iter().map(entry).collect::<Value>())?;
    } else {
        let lines: Vec<String> =
            ENTRIES.iter().map(|entry| format!("{:<16} {}", entry.name, entry.description)).collect();
        output::print(&lines.join("\n"))?;
    }
    Ok(Exit::Done)
}

fn show(context: &Context, args: &Show) -> Outcome {
    let options = ZooOptions::new([3, args.size, args.size], args.classes);
    let graph = zoo::build(&args.name, &options).map_err(|error| {
        Failure::from(error).exit(Exit::Usage).hint("`sweep model list` prints the networks there are")
    })?;
    let cost = cost::count(&graph)?;
    if context.json {
        output::json(&document(graph, &cost))?;
    } else {
        output::print(&text(&graph, &cost))?;
    }
    Ok(Exit::Done)
}

/// Scripts rely on it: fields are added, not renamed. `nonzero` is that of the network as initialised with seed 0.
fn document(graph: Graph, cost: &Cost) -> Value {
    let (name, input, classes) = (graph.name.clone(), graph.input, graph.classes);
    let nonzero = cost::nonzero_parameters(&init::model(graph, 0));
    let node = |node: &cost::NodeCost| json!({ "name": node.name, "kind": node.kind, "shape": node.shape, "parameters": node.parameters, "macs": node.macs });
    json!({
        "name": name,
        "input": input,
        "classes": classes,
        "parameters": { "total": cost.parameters, "trainable": cost.parameters_trainable, "nonzero": nonzero },
        "macs": cost.macs,
        "activations": cost.activations,
        "nodes": cost.nodes.iter().map(node).collect::<Value>(),
    })
}

fn text(graph: &Graph, cost: &Cost) -> String {
    let mut table = terminal::table(["layer", "kind", "output", "params", "MACs"], terminal::width());
    for node in &cost.nodes {
        let number = |n: u64| if n == 0 { String::new() } else { format::count(n as f64) };
        table.add_row([
            node.name.clone(),
            node.kind.to_owned(),
            shape(node),
            number(node.parameters),
            number(node.macs),
        ]);
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let [channels, height, width] = graph.input;
    format!(
        "{}: images of {channels}×{height}×{width}, {} classes\n{} parameters, {} MACs per image\n\n{}",
        graph.name,
        graph.classes,
        format::count(cost.parameters as f64),
        format::count(cost.macs as f64),
        table.trim_fmt(),
    )
}

/// `64×32×32`.
fn shape(node: &cost::NodeCost) -> String {
    let axes: Vec<String> = node.shape.iter().map(ToString::to_string).collect();
    axes.join("×")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_counts_as_the_table_of_layers_does() {
        let graph = zoo::build("small-cnn", &ZooOptions::default()).unwrap();
        let cost = cost::count(&graph).unwrap();
        let document = document(graph, &cost);
        let layers = document["nodes"].as_array().unwrap();
        let sum: u64 = layers.iter().map(|layer| layer["parameters"].as_u64().unwrap()).sum();
        assert_eq!(document["parameters"]["total"].as_u64().unwrap(), sum);
        assert!(document["parameters"]["nonzero"].as_u64().unwrap() <= sum);
        assert_eq!(document["input"], json!([3, 32, 32]));
    }
}
