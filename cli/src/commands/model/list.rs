//! `sweep model list`.

use comfy_table::CellAlignment;
use serde_json::{Value, json};
use sweep_model::cost::{self, Cost};
use sweep_model::zoo::{self, ENTRIES, Entry, ZooOptions};

use super::source::{CIFAR_CLASSES, IMAGENET_CLASSES, published_classes};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::{format, output, terminal};

pub fn run(context: &Context) -> Outcome {
    let costs = ENTRIES.iter().map(|entry| published(entry).map(|cost| (entry, cost))).collect::<Outcome<Vec<_>>>()?;
    if context.json {
        output::json(&costs.iter().map(|(entry, cost)| object(entry, cost)).collect::<Value>())?;
    } else {
        output::print(&text(&costs))?;
    }
    Ok(Exit::Done)
}

/// What the network costs as it was published.
fn published(entry: &Entry) -> Outcome<Cost> {
    let options = ZooOptions::new(entry.input, published_classes(entry));
    Ok(cost::count(&zoo::build(entry.name, &options)?)?)
}

fn object(entry: &Entry, cost: &Cost) -> Value {
    json!({
        "name": entry.name,
        "family": entry.family,
        "description": entry.description,
        "input": entry.input,
        "classes": published_classes(entry),
        "parameters": cost.parameters,
        "macs": cost.macs,
    })
}

fn text(networks: &[(&Entry, Cost)]) -> String {
    let mut table = terminal::table(["network", "image", "params", "MACs", ""], terminal::width());
    let mut family = "";
    for (entry, cost) in networks {
        if entry.family != family {
            family = entry.family;
            table.add_row([family]);
        }
        table.add_row([
            format!(" {}", entry.name),
            entry.input[2].to_string(),
            format::count(cost.parameters as f64),
            format::count(cost.macs as f64),
            entry.description.to_owned(),
        ]);
    }
    for column in table.column_iter_mut().skip(1).take(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!(
        "{}\n\n\
         image: side of the square images that it was published for. Counted with {IMAGENET_CLASSES}\n\
         classes for those of 224 and more, and with {CIFAR_CLASSES} for smaller ones. MACs are those of one\n\
         image. Auxiliary classifiers are among the parameters, but not deployed.",
        table.trim_fmt()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_once_and_networks_below_them() {
        let networks: Vec<_> = ENTRIES.iter().map(|entry| (entry, published(entry).unwrap())).collect();
        let text = text(&networks);
        let mut families: Vec<&str> = ENTRIES.iter().map(|entry| entry.family).collect();
        families.dedup();
        let headings = text.lines().skip(2).filter(|line| families.contains(&line.trim()));
        assert_eq!(headings.map(str::trim).collect::<Vec<_>>(), families);
        let named = |name: &str| text.lines().filter(|line| line.split_whitespace().next() == Some(name)).count();
        for entry in ENTRIES {
            assert_eq!(named(entry.name), 1, "{}", entry.name);
        }
    }

    #[test]
    fn a_network_is_listed_as_it_was_published() {
        let entry = zoo::entry("resnet18").unwrap();
        let object = object(entry, &published(entry).unwrap());
        assert_eq!(object["parameters"], 11_689_512); // torchvision's
        assert_eq!((&object["input"], &object["classes"]), (&json!([3, 224, 224]), &json!(1000)));
    }
}
