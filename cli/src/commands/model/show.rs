//! `sweep model show NAME`.

use serde_json::{Value, json};
use sweep_model::cost::{self, Cost, NodeCost};
use sweep_model::shape::ShapeError;

use super::memory::Question;
use super::source::{Built, Network, find};
use super::{layers, memory};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::{format, output, terminal};

const EXAMPLES: &str = "\
NAME is a network of the zoo (`sweep model list`), a point's folder, a graph.json, or an .onnx file. Nothing is run, and no
weights are made. MACs are those of convolutions, linear layers and attention; FLOPs are twice as many. Memory is what
training and inference keep, without what the device's libraries take for themselves.

Examples:
  sweep model show resnet18
  sweep model show mobilenet_v2 --input 3x96x96 --classes 10 --width 0.5
  sweep model show vit_b_16 --batch 64,128 --precision bf16 --optimizer adamw
  sweep model show resnet50 --freeze '*' --unfreeze 'layer4.*,fc.*'
  sweep model show densenet121 --depth 3          into the blocks
  sweep model show googlenet --layers --memory    every node, with what it keeps
  sweep model show ./model.onnx --json | jq .macs";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The network
    name: String,
    #[command(flatten)]
    built: Built,
    #[command(flatten)]
    memory: memory::Args,
    /// Show memory layer by layer, at the first batch size and precision
    #[arg(long = "memory")]
    by_memory: bool,
    /// How many parts of their names deep layers are shown [default: as fits a screen]
    #[arg(long, conflicts_with = "layers", value_parser = clap::value_parser!(u8).range(1..))]
    depth: Option<u8>,
    /// Show every node
    #[arg(long)]
    layers: bool,
    /// Print the graph itself, a line for each node with all its attributes; with --json as a graph.json
    #[arg(long, conflicts_with_all = ["depth", "layers", "by_memory"])]
    graph: bool,
}

impl Args {
    fn depth(&self) -> Option<usize> {
        if self.layers { Some(usize::MAX - 1) } else { self.depth.map(usize::from) }
    }
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let network = find(&args.name, &args.built)?;
    let graph = &network.graph;
    match (args.graph, context.json) {
        (true, false) => output::print(&graph.to_string())?,
        (true, true) => output::print(&graph.to_json())?,
        (false, as_json) => {
            let question = Question::new(&args.memory, graph)?;
            let mut cost = cost::count(graph)?;
            cost.parameters_trainable -= question.frozen_parameters();
            if as_json {
                output::json(&document(&network, &cost, &question)?)?;
            } else {
                output::print(&text(args, &network, &cost, &question, terminal::width())?)?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Scripts rely on it: fields are added, not renamed.
fn document(network: &Network, cost: &Cost, question: &Question) -> Result<Value, ShapeError> {
    let graph = &network.graph;
    let mut memory = memory::by_node(question)?;
    let mut node = |node: &NodeCost| {
        json!({
            "name": node.name,
            "kind": node.kind,
            "shape": node.shape,
            "parameters": node.parameters,
            "macs": node.macs,
            "flops": node.flops(),
            "activations": node.activations,
            "auxiliary": node.auxiliary,
            "memory": memory.remove(&node.name).unwrap_or_default(),
        })
    };
    let nodes: Value = cost.nodes.iter().map(&mut node).collect();
    Ok(json!({
        "name": graph.name,
        "input": graph.input,
        "classes": graph.classes,
        "parameters": {
            "total": cost.parameters,
            "trainable": cost.parameters_trainable,
            "nonzero": network.nonzero,
            "auxiliary": cost.parameters_auxiliary,
        },
        "macs": cost.macs,
        "flops": cost.flops(),
        "activations": cost.activations,
        "memory": memory::totals(question)?,
        "nodes": nodes,
    }))
}

fn text(
    args: &Args,
    network: &Network,
    cost: &Cost,
    question: &Question,
    width: Option<u16>,
) -> Result<String, ShapeError> {
    let columns = if args.by_memory { memory::columns(question)? } else { layers::costs() };
    let mut parts = vec![totals(network, cost), layers::table(&cost.nodes, &columns, args.depth(), width)];
    if args.by_memory {
        parts.push(memory::legend(question));
    }
    parts.push(memory::table(question)?);
    Ok(parts.join("\n\n"))
}

fn totals(network: &Network, cost: &Cost) -> String {
    let graph = &network.graph;
    let [channels, height, width] = graph.input;
    let mut lines = vec![format!("{}: images of {channels}×{height}×{width}, {} classes", graph.name, graph.classes)];
    let mut line = |number: u64, what: String| lines.push(format!("  {:>7} {what}", format::count(number as f64)));
    line(cost.parameters, format!("parameters ({})", cost.parameters));
    if cost.parameters_trainable != cost.parameters {
        line(cost.parameters_trainable, "of them trainable".to_owned());
    }
    match network.nonzero.map(|nonzero| cost.parameters.saturating_sub(nonzero)) {
        Some(0) | None => {}
        Some(zeros) if network.fresh => line(zeros, "of them begin at zero".to_owned()),
        Some(zeros) => line(zeros, "of them are zero".to_owned()),
    }
    if cost.parameters_auxiliary > 0 {
        line(cost.parameters_auxiliary, "of them in auxiliary classifiers, which are not deployed".to_owned());
    }
    line(cost.macs, format!("MACs per image, or {} FLOPs", format::count(cost.flops() as f64)));
    line(cost.activations, "activations per image: elements of all layers' outputs".to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// As the command line would be read.
    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &[&str]) -> Args {
        Line::try_parse_from(["show"].iter().chain(line)).unwrap().args
    }

    fn found(args: &Args) -> (Network, Cost) {
        let network = find(&args.name, &args.built).unwrap();
        let cost = cost::count(&network.graph).unwrap();
        (network, cost)
    }

    fn json_of(line: &[&str]) -> Value {
        let args = args(line);
        let (network, mut cost) = found(&args);
        let question = Question::new(&args.memory, &network.graph).unwrap();
        cost.parameters_trainable -= question.frozen_parameters();
        document(&network, &cost, &question).unwrap()
    }

    fn text_of(line: &[&str]) -> String {
        let args = args(line);
        let (network, cost) = found(&args);
        let question = Question::new(&args.memory, &network.graph).unwrap();
        text(&args, &network, &cost, &question, Some(80)).unwrap()
    }

    #[test]
    fn the_document_counts_as_the_table_of_layers_does() {
        let document = json_of(&["googlenet"]);
        let nodes = document["nodes"].as_array().unwrap();
        let sum = |what: &str, auxiliary: bool| -> u64 {
            let nodes = nodes.iter().filter(|node| node["auxiliary"] == auxiliary);
            nodes.map(|node| node[what].as_u64().unwrap()).sum()
        };
        let parameters = &document["parameters"];
        assert_eq!(parameters["total"], sum("parameters", false) + sum("parameters", true));
        assert_eq!(parameters["auxiliary"], sum("parameters", true));
        assert_eq!(parameters["total"], parameters["trainable"]);
        assert!(parameters["nonzero"].as_u64().unwrap() < parameters["total"].as_u64().unwrap());
        assert_eq!((&document["macs"], &document["flops"]), (&json!(sum("macs", false)), &json!(sum("flops", false))));
        assert_eq!(document["input"], json!([3, 224, 224]));
    }

    #[test]
    fn memory_is_told_for_each_batch_and_precision_and_adds_up_over_the_layers() {
        let document = json_of(&["resnet18", "--batch", "4,8", "--optimizer", "adamw"]);
        let memory = document["memory"].as_array().unwrap();
        let which: Vec<_> =
            memory.iter().map(|m| (m["batch"].as_u64().unwrap(), m["precision"].as_str().unwrap())).collect();
        assert_eq!(which, [(4, "fp32"), (4, "bf16"), (8, "fp32"), (8, "bf16")]);
        for (index, total) in memory.iter().enumerate() {
            for (part, of_node) in [
                ("weights_bytes", "weights_bytes"),
                ("optimizer_bytes", "optimizer_bytes"),
                ("best_epoch_bytes", "best_epoch_bytes"),
                ("activations_bytes", "training_activations_bytes"),
            ] {
                let nodes = document["nodes"].as_array().unwrap().iter();
                let sum: u64 = nodes.map(|node| node["memory"][index][of_node].as_u64().unwrap()).sum();
                assert_eq!(total["training"][part], sum, "{part} {total}");
            }
        }
        assert_eq!(memory[0]["training"]["optimizer_bytes"], 8 * 11_689_512);
    }

    #[test]
    fn frozen_parameters_are_not_trainable_and_need_less_memory() {
        let (whole, head) = (json_of(&["resnet18"]), json_of(&["resnet18", "--freeze", "*", "--unfreeze", "fc.*"]));
        assert_eq!(head["parameters"]["trainable"], 512 * 1000 + 1000);
        assert_eq!(head["parameters"]["total"], whole["parameters"]["total"]);
        let training = |document: &Value, part: &str| document["memory"][0]["training"][part].as_u64().unwrap();
        assert_eq!(training(&head, "gradients_bytes"), 4 * (512 * 1000 + 1000));
        assert!(training(&head, "activations_bytes") * 100 < training(&whole, "activations_bytes"));
        let idle = args(&["resnet18", "--freeze", "layer5.*"]);
        let refused = Question::new(&idle.memory, &found(&idle).0.graph).err().unwrap();
        assert!(refused.exit == Exit::Usage && refused.text().contains("layer5.*"), "{}", refused.text());
    }

    #[test]
    fn the_text_fits_eighty_columns_and_tells_totals_layers_and_memory() {
        let text = text_of(&["googlenet"]);
        for word in
            ["parameters (13004888)", "6.38 M of them in auxiliary", "1.50 G MACs", "inception4a", "training bf16"]
        {
            assert!(text.contains(word), "{word} is missing in\n{text}");
        }
        let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{wide:?}");
    }

    #[test]
    fn layers_can_be_shown_by_their_memory() {
        let text = text_of(&["tiny-cnn", "--memory", "--batch", "10"]);
        let conv1 = text.lines().find(|line| line.trim_start().starts_with("conv1")).unwrap();
        // 216 weights with copy, gradient and momentum, in 4 bytes each; 8×32×32 values of ten images in 4 bytes.
        assert!(conv1.contains("3.46 KB") && conv1.matches("328 KB").count() == 2, "{conv1}");
        assert!(text.contains("batch 10 in fp32") && text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            vec!["resnet18", "--batch", "0"],
            vec!["resnet18", "--precision", "fp8"],
            vec!["resnet18", "--depth", "0"],
            vec!["resnet18", "--depth", "2", "--layers"],
            vec!["resnet18", "--input", "large"],
            vec!["resnet18", "--unfreeze", "fc.*"],
        ] {
            assert!(Line::try_parse_from(["show"].iter().chain(&line)).is_err(), "{line:?}");
        }
    }
}
