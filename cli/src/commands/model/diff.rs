//! `sweep model diff A B`.

use comfy_table::CellAlignment;
use serde_json::{Value, json};
use sweep_model::cost::{Cost, NodeCost};
use sweep_model::diff::{self, Change, Diff};

use super::source::{Built, Network, find};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::{format, output, terminal};

const EXAMPLES: &str = "\
A and B are networks of the zoo, points' folders, graph.json files or .onnx files; --input, --classes and --width hold for
those of the zoo. Layers are the same if they bear the same name.

Examples:
  sweep model diff resnet18 ./results/s3/pruned
  sweep model diff resnet18 resnet34 --input 64 --classes 10
  sweep model diff before/graph.json after/graph.json --json | jq .macs.ratio";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The first network
    a: String,
    /// The second
    b: String,
    #[command(flatten)]
    built: Built,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let (a, b) = (find(&args.a, &args.built)?, find(&args.b, &args.built)?);
    let diff = diff::diff(&a.graph, &b.graph)?;
    if context.json {
        output::json(&document(&a, &b, &diff))?;
    } else {
        output::print(&text((&args.a, &a), (&args.b, &b), &diff, terminal::width()))?;
    }
    Ok(Exit::Done)
}

/// Scripts rely on it: fields are added, not renamed.
fn document(a: &Network, b: &Network, diff: &Diff) -> Value {
    let network = |network: &Network| json!({ "name": network.graph.name, "input": network.graph.input, "classes": network.graph.classes });
    let node = |node: &NodeCost| json!({ "name": node.name, "kind": node.kind, "shape": node.shape, "parameters": node.parameters, "macs": node.macs });
    let change = |change: &Change| {
        json!({
            "name": change.after.name,
            "attributes": change.attributes,
            "rewired": change.rewired,
            "before": node(&change.before),
            "after": node(&change.after),
        })
    };
    let pair = |before: Option<u64>, after: Option<u64>| {
        let ratio = before.zip(after).and_then(|(before, after)| ratio(before, after));
        json!({ "before": before, "after": after, "ratio": ratio })
    };
    let total = |of: fn(&Cost) -> u64| pair(Some(of(&diff.before)), Some(of(&diff.after)));
    json!({
        "a": network(a),
        "b": network(b),
        "parameters": total(|cost| cost.parameters),
        "nonzero": pair(a.nonzero, b.nonzero),
        "macs": total(|cost| cost.macs),
        "flops": total(Cost::flops),
        "activations": total(|cost| cost.activations),
        "alike": diff.alike,
        "removed": diff.removed.iter().map(node).collect::<Value>(),
        "added": diff.added.iter().map(node).collect::<Value>(),
        "changed": diff.changed.iter().map(change).collect::<Value>(),
    })
}

/// `None` of nothing.
fn ratio(before: u64, after: u64) -> Option<f64> {
    (before > 0).then(|| after as f64 / before as f64)
}

fn text(a: (&str, &Network), b: (&str, &Network), diff: &Diff, width: Option<u16>) -> String {
    let mut parts = vec![format!("{} → {}", described(a), described(b)), totals(a.1, b.1, diff)];
    if diff.is_empty() {
        parts.push("Their layers are the same.".to_owned());
    } else {
        parts.push(layers(diff, width));
        parts.push(summary(diff));
    }
    parts.join("\n\n")
}

/// What was named, and the network's own name where that is another.
fn described((named, network): (&str, &Network)) -> String {
    let own = &network.graph.name;
    if own == named { own.clone() } else { format!("{named} ({own})") }
}

fn totals(a: &Network, b: &Network, diff: &Diff) -> String {
    let mut table = terminal::table(["", "before", "after", "ratio"], None);
    let mut row = |what: &str, before: u64, after: u64| {
        let ratio = ratio(before, after).map_or_else(String::new, |ratio| format!("×{}", format::significant(ratio)));
        table.add_row([what.to_owned(), format::count(before as f64), format::count(after as f64), ratio]);
    };
    row("parameters", diff.before.parameters, diff.after.parameters);
    if let (Some(before), Some(after)) = (a.nonzero, b.nonzero) {
        row("not zero", before, after);
    }
    row("MACs", diff.before.macs, diff.after.macs);
    row("activations", diff.before.activations, diff.after.activations);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

/// The layers with parameters or MACs that came, went or changed.
fn layers(diff: &Diff, width: Option<u16>) -> String {
    let mut table = terminal::table(["layer", "change", "params", "MACs"], width);
    for change in diff.changed.iter().filter(|change| counts(&change.before) || counts(&change.after)) {
        table.add_row([
            change.after.name.clone(),
            described_change(change),
            span(change.before.parameters, change.after.parameters),
            span(change.before.macs, change.after.macs),
        ]);
    }
    for (nodes, what) in [(&diff.removed, "removed"), (&diff.added, "added")] {
        for node in nodes.iter().filter(|node| counts(node)) {
            let [parameters, macs] = [node.parameters, node.macs].map(|n| format::count(n as f64));
            table.add_row([node.name.clone(), format!("{what}: {}", node.kind), parameters, macs]);
        }
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

fn counts(node: &NodeCost) -> bool {
    node.parameters > 0 || node.macs > 0
}

fn described_change(change: &Change) -> String {
    let mut words = change.attributes.clone();
    if change.rewired {
        words.push("reads others".to_owned());
    }
    if words.is_empty() {
        words.push(format!("output {} → {}", shape(&change.before), shape(&change.after)));
    }
    words.join(", ")
}

fn shape(node: &NodeCost) -> String {
    let axes: Vec<String> = node.shape.iter().map(ToString::to_string).collect();
    axes.join("×")
}

/// `2.36 M → 1.18 M`; a number that stayed as it was once.
fn span(before: u64, after: u64) -> String {
    let [old, new] = [before, after].map(|n| format::count(n as f64));
    if before == after { new } else { format!("{old} → {new}") }
}

fn summary(diff: &Diff) -> String {
    let nodes = diff.changed.iter().map(|change| &change.after).chain(&diff.removed).chain(&diff.added);
    let silent = nodes.filter(|node| !counts(node)).count();
    let mut text = format!(
        "{} changed, {} removed, {} added, {} alike.",
        format::plural(diff.changed.len(), "node"),
        diff.removed.len(),
        diff.added.len(),
        diff.alike
    );
    if silent > 0 {
        text.push_str(&format!(" {} without parameters or MACs are not listed.", format::plural(silent, "node")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_model::Op;

    fn network(graph: sweep_model::Graph) -> Network {
        Network { graph, nonzero: None, weights: None, fresh: false }
    }

    fn tiny() -> sweep_model::Graph {
        find("tiny-cnn", &Built::default()).unwrap().graph
    }

    /// Half the classes.
    fn smaller() -> sweep_model::Graph {
        let mut graph = tiny();
        graph.classes = 5;
        let Op::Linear(fc) = &mut graph.node_mut("fc").unwrap().op else { panic!("fc is a linear layer") };
        fc.out_features = 5;
        graph
    }

    fn compared(a: sweep_model::Graph, b: sweep_model::Graph) -> (Network, Network, Diff) {
        let diff = diff::diff(&a, &b).unwrap();
        (network(a), network(b), diff)
    }

    #[test]
    fn the_text_tells_totals_with_ratios_and_each_changed_layer() {
        let (a, b, diff) = compared(tiny(), smaller());
        let text = text(("tiny-cnn", &a), ("pruned/graph.json", &b), &diff, Some(80));
        for words in [
            "tiny-cnn → pruned/graph.json (tiny-cnn)",
            "out 10 → 5",
            "250 → 125",
            "240 → 120",
            "1 node changed, 0 removed, 0 added, 14 alike.",
        ] {
            assert!(text.contains(words), "{words} is missing in\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn the_document_has_before_after_and_ratio() {
        let (a, b, diff) = compared(tiny(), smaller());
        let document = document(&a, &b, &diff);
        let macs = &document["macs"];
        assert_eq!(macs["before"].as_u64().unwrap() - macs["after"].as_u64().unwrap(), 120);
        assert!((macs["ratio"].as_f64().unwrap() - diff.after.macs as f64 / diff.before.macs as f64).abs() < 1e-12);
        assert_eq!(document["changed"][0]["name"], "fc");
        assert_eq!(document["changed"][0]["attributes"], json!(["out 10 → 5"]));
        assert_eq!((&document["removed"], &document["alike"]), (&json!([]), &json!(14)));
        assert_eq!(document["nonzero"]["ratio"], Value::Null);
    }

    #[test]
    fn networks_that_are_the_same_are_called_so() {
        let (a, b, diff) = compared(tiny(), tiny());
        assert!(text(("tiny-cnn", &a), ("tiny-cnn", &b), &diff, None).ends_with("Their layers are the same."));
    }
}
