//! The layers of a network as an outline that fits a screen.
//!
//! Names say how a network is built: `layer1.0.conv1` is part of `layer1.0`. An outline goes as deep as its lines allow, and
//! takes together what lies deeper; a module whose parts are shown is a heading above them.

use std::fmt::Write as _;

use comfy_table::CellAlignment;
use sweep_model::cost::NodeCost;

use crate::{format, terminal};

/// Lines that are shown without being asked for more.
const LINES: usize = 60;

/// Labels are not made shorter than this, whatever the screen.
const LEAST_LABEL: usize = 12;

/// The columns in front of the numbers.
const DESCRIPTION: [&str; 3] = ["layer", "kind", "output"];

/// A line of the outline.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    indent: usize,
    label: String,
    /// What the line stands for; empty for a heading.
    nodes: Vec<NodeCost>,
}

/// Neighbouring nodes that are taken together: the first parts of their names, which they share, and themselves.
struct Group<'a> {
    path: Vec<String>,
    nodes: &'a [NodeCost],
}

/// A column of numbers beside the layers.
pub struct Column<'a> {
    pub title: &'a str,
    /// A node's number; those of nodes that share a line are summed.
    pub of: Box<dyn Fn(&NodeCost) -> u64 + 'a>,
    /// How a sum is written, unless it is 0.
    pub write: fn(f64) -> String,
}

/// Parameters, multiply-accumulates and elements.
pub fn costs() -> Vec<Column<'static>> {
    let column = |title, of: fn(&NodeCost) -> u64| Column { title, of: Box::new(of), write: format::count };
    vec![
        column("params", |node| node.parameters),
        column("MACs", |node| node.macs),
        column("acts", |node| node.activations),
    ]
}

/// The table of layers with these columns, `depth` parts of their names deep, or else as deep as fits a screen.
pub fn table(nodes: &[NodeCost], columns: &[Column], depth: Option<usize>, width: Option<u16>) -> String {
    let depth = depth.unwrap_or_else(|| fitting(nodes)).max(1);
    let lines = outline(nodes, depth);
    let titles = columns.iter().map(|column| column.title);
    let header: Vec<String> = DESCRIPTION.into_iter().chain(titles).map(str::to_owned).collect();
    let mut rows = vec![header];
    rows.extend(lines.iter().map(|line| cells(line, columns)));
    if let Some(width) = width {
        clip_labels(&mut rows, width.into());
    }
    let mut table = terminal::table(rows[0].iter().map(String::as_str), None);
    table.add_rows(&rows[1..]);
    for column in table.column_iter_mut().skip(DESCRIPTION.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt() + &legend(&lines, depth)
}

/// Long names give way, numbers do not. Each column has a space on both sides, and one is between them.
fn clip_labels(rows: &mut [Vec<String>], width: usize) {
    let columns = rows.first().map_or(0, Vec::len);
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0) + 2;
    let room = width.saturating_sub((1..columns).map(|column| widest(column) + 1).sum::<usize>() + 2);
    for row in rows {
        row[0] = format::clip(&row[0], room.max(LEAST_LABEL));
    }
}

fn legend(lines: &[Line], depth: usize) -> String {
    let mut text = String::new();
    if lines.iter().any(|line| line.nodes.iter().any(|node| node.auxiliary)) {
        text.push_str("\n* trained, but not deployed: left out of the totals of MACs and activations.");
    }
    if lines.iter().any(|line| line.nodes.len() > 1) {
        let deeper = depth + 1;
        let _ = write!(text, "\nModules are summed up; `--depth {deeper}` shows their parts, `--layers` every node.");
    }
    text
}

fn cells(line: &Line, columns: &[Column]) -> Vec<String> {
    let mut cells = vec![line.text()];
    let Some(last) = line.nodes.last() else {
        cells.resize(DESCRIPTION.len() + columns.len(), String::new());
        return cells;
    };
    let shape: Vec<String> = last.shape.iter().map(ToString::to_string).collect();
    cells.push(if line.nodes.len() == 1 { last.kind.to_owned() } else { format!("{} nodes", line.nodes.len()) });
    cells.push(shape.join("×"));
    cells.extend(columns.iter().map(|column| match line.nodes.iter().map(&column.of).sum::<u64>() {
        0 => String::new(),
        sum => (column.write)(sum as f64),
    }));
    cells
}

impl Line {
    /// The label as far in as it belongs, with a mark on what is not deployed.
    fn text(&self) -> String {
        let auxiliary = self.nodes.iter().any(|node| node.auxiliary);
        format!("{:indent$}{}{}", "", self.label, if auxiliary { " *" } else { "" }, indent = 2 * self.indent)
    }
}

/// The greatest depth whose outline has no more than [`LINES`].
fn fitting(nodes: &[NodeCost]) -> usize {
    let deepest = nodes.iter().map(|node| node.name.split('.').count()).max().unwrap_or(1);
    (1..=deepest).rev().find(|depth| outline(nodes, *depth).len() <= LINES).unwrap_or(1)
}

fn outline(nodes: &[NodeCost], depth: usize) -> Vec<Line> {
    let path = |node: &'_ NodeCost| -> Vec<String> { node.name.split('.').take(depth).map(str::to_owned).collect() };
    let groups: Vec<Group> = nodes
        .chunk_by(|left, right| path(left) == path(right))
        .map(|nodes| Group { path: path(&nodes[0]), nodes })
        .collect();
    let mut lines = Vec::new();
    describe(&groups, 0, 0, &mut lines);
    lines
}

/// Lines for `groups`, whose paths agree in their first `shared` parts.
fn describe(groups: &[Group], shared: usize, indent: usize, lines: &mut Vec<Line>) {
    for run in groups.chunk_by(|left, right| left.path.get(shared) == right.path.get(shared)) {
        match run {
            // A module's own node beside its parts has no part of its name left.
            [only] if only.path.len() <= shared => {
                lines.push(Line {
                    indent,
                    label: only.path.last().cloned().unwrap_or_default(),
                    nodes: only.nodes.to_vec(),
                });
            }
            [only] => {
                lines.push(Line { indent, label: only.path[shared..].join("."), nodes: only.nodes.to_vec() });
            }
            _ => {
                let common = common(run);
                lines.push(Line { indent, label: run[0].path[shared..common].join("."), nodes: Vec::new() });
                describe(run, common, indent + 1, lines);
            }
        }
    }
}

/// Number of parts that all paths of the groups begin with.
fn common(groups: &[Group]) -> usize {
    let [first, others @ ..] = groups else { return 0 };
    let agree = |other: &Group| first.path.iter().zip(&other.path).take_while(|(left, right)| left == right).count();
    others.iter().map(agree).min().unwrap_or(first.path.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_model::cost;
    use sweep_model::zoo::{self, ZooOptions};

    fn node(name: &str, parameters: u64) -> NodeCost {
        let shape = vec![4, 8, 8];
        NodeCost { name: name.into(), kind: "conv2d", shape, parameters, macs: 0, activations: 256, auxiliary: false }
    }

    fn drawn(names: &[&str], depth: usize) -> Vec<String> {
        let nodes: Vec<NodeCost> = names.iter().map(|name| node(name, 1)).collect();
        outline(&nodes, depth).iter().map(|line| format!("{}:{}", line.text(), line.nodes.len())).collect()
    }

    #[test]
    fn modules_with_several_parts_are_headings_and_long_ways_to_one_are_not() {
        let names = ["conv1", "layer1.0.conv1", "layer1.0.bn1", "layer1.1.conv1", "layer1.1.bn1", "a.b.fc"];
        let whole = [
            "conv1:1",
            "layer1:0",
            "  0:0",
            "    conv1:1",
            "    bn1:1",
            "  1:0",
            "    conv1:1",
            "    bn1:1",
            "a.b.fc:1",
        ];
        assert_eq!(drawn(&names, 3), whole);
        assert_eq!(drawn(&names, 2), ["conv1:1", "layer1:0", "  0:2", "  1:2", "a.b:1"]);
        assert_eq!(drawn(&names, 1), ["conv1:1", "layer1:4", "a:1"]);
    }

    #[test]
    fn a_node_with_the_name_of_a_module_is_shown_beside_its_parts() {
        let names = ["block.ln", "block.attention", "block.attention.out"];
        assert_eq!(drawn(&names, 3), ["block:0", "  ln:1", "  attention:0", "    attention:1", "    out:1"]);
    }

    #[test]
    fn what_is_summed_up_loses_nothing() {
        let graph = zoo::build("resnet18", &ZooOptions::new([3, 224, 224], 1000)).unwrap();
        let cost = cost::count(&graph).unwrap();
        for depth in 1..=4 {
            let lines = outline(&cost.nodes, depth);
            let nodes: Vec<&str> = lines.iter().flat_map(|line| &line.nodes).map(|node| node.name.as_str()).collect();
            assert_eq!(nodes, graph.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>());
        }
        assert!(table(&cost.nodes, &costs(), Some(1), None).contains("`--layers`"));
        assert!(!table(&cost.nodes, &costs(), Some(4), None).contains("`--layers`"));
    }

    #[test]
    fn every_network_fits_a_screen_of_eighty_columns() {
        for entry in zoo::ENTRIES {
            let graph = zoo::build(entry.name, &ZooOptions::new(entry.input, 1000)).unwrap();
            let cost = cost::count(&graph).unwrap();
            assert!(outline(&cost.nodes, fitting(&cost.nodes)).len() <= LINES, "{}", entry.name);
            for text in
                [table(&cost.nodes, &costs(), None, Some(80)), table(&cost.nodes, &costs(), Some(usize::MAX), Some(80))]
            {
                let wide = text.lines().find(|line| line.chars().count() > 80);
                assert_eq!(wide, None, "{}", entry.name);
            }
        }
    }

    #[test]
    fn auxiliary_classifiers_are_marked_and_explained() {
        let nodes = [node("fc", 3), NodeCost { auxiliary: true, ..node("aux.fc", 2) }];
        let text = table(&nodes, &costs(), None, None);
        assert!(text.contains("aux.fc *") && text.contains("not deployed"), "{text}");
        assert!(!table(&nodes[..1], &costs(), None, None).contains('*'));
    }
}
