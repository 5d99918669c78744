//! The stages of a plan, what flows from each to which, and how far each is.

use std::collections::BTreeMap;

use maud::{Markup, html};
use sweep_shared::words::squeeze;

use super::n;
use super::plane::{Look, picture};

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    pub kind: String,
    /// Its jobs by state.
    pub counts: BTreeMap<String, u64>,
    /// Where it leads.
    pub href: Option<String>,
}

/// Stages in the plan's order, and from which to which results go.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Unique in its page.
    pub id: String,
    pub title: String,
    pub nodes: Vec<Node>,
    pub edges: Vec<(usize, usize)>,
}

const BOX: (f64, f64) = (150.0, 64.0);
const GAP: (f64, f64) = (46.0, 18.0);
const EDGE: f64 = 8.0;
/// In which states jobs stand side by side in a bar, from the left.
const ORDER: &[&str] =
    &["succeeded", "stopped", "running", "ready", "paused", "blocked", "failed", "skipped", "cancelled"];

impl Flow {
    pub fn draw(&self, look: Look) -> Markup {
        let columns = self.columns();
        let mut filled: Vec<usize> = Vec::new();
        let mut places = Vec::with_capacity(self.nodes.len());
        for &column in &columns {
            filled.resize(filled.len().max(column + 1), 0);
            let (x, y) = (column as f64 * (BOX.0 + GAP.0), filled[column] as f64 * (BOX.1 + GAP.1));
            places.push((EDGE + x, EDGE + y));
            filled[column] += 1;
        }
        let rows = filled.iter().max().copied().unwrap_or(0) as f64;
        let width = 2.0 * EDGE + filled.len() as f64 * (BOX.0 + GAP.0) - GAP.0;
        let height = 2.0 * EDGE + rows * (BOX.1 + GAP.1) - GAP.1;
        let inside = html! {
            g.edges { @for &(from, to) in &self.edges { @if from < places.len() && to < places.len() { path d=(curve(places[from], places[to])) {} } } }
            @for (node, place) in self.nodes.iter().zip(&places) { (stage(node, *place, look)) }
        };
        picture(&self.id, look, (width.max(EDGE), height.max(EDGE)), (&self.title, &self.words()), &inside)
    }

    /// Each stage stands one column behind the last of those that it reads.
    fn columns(&self) -> Vec<usize> {
        let mut columns = vec![0; self.nodes.len()];
        // A plan has no circles; whatever else is handed in ends after as many rounds as there are stages.
        for _ in 0..self.nodes.len() {
            for &(from, to) in &self.edges {
                if let (Some(&before), Some(column)) = (columns.get(from), columns.get(to).copied())
                    && column <= before
                    && before + 1 < self.nodes.len()
                {
                    columns[to] = before + 1;
                }
            }
        }
        columns
    }

    fn words(&self) -> String {
        let said = self.nodes.iter().map(|node| {
            let counts = ORDER.iter().filter_map(|state| Some(format!("{} {state}", node.counts.get(*state)?)));
            format!("{}: {}", node.name, counts.collect::<Vec<_>>().join(", "))
        });
        said.collect::<Vec<_>>().join("; ")
    }
}

fn curve(from: (f64, f64), to: (f64, f64)) -> String {
    let (x, y) = (from.0 + BOX.0, from.1 + BOX.1 / 2.0);
    let (to_x, to_y) = (to.0, to.1 + BOX.1 / 2.0);
    let bend = (to_x - x) / 2.0;
    format!("M{} {}C{} {} {} {} {} {}", n(x), n(y), n(x + bend), n(y), n(to_x - bend), n(to_y), n(to_x), n(to_y))
}

fn stage(node: &Node, (x, y): (f64, f64), look: Look) -> Markup {
    let all: u64 = node.counts.values().sum();
    let done: u64 = ["succeeded", "stopped"].iter().filter_map(|state| node.counts.get(*state)).sum();
    let failed = node.counts.get("failed").copied().unwrap_or_default();
    let mut from = 0.0;
    let parts = ORDER.iter().filter_map(|state| {
        let share = *node.counts.get(*state)? as f64 / all.max(1) as f64 * (BOX.0 - 20.0);
        let part = (*state, from, share);
        from += share;
        Some(part)
    });
    let inside = html! {
        rect.stage x=(n(x)) y=(n(y)) width=(n(BOX.0)) height=(n(BOX.1)) rx="8" {}
        text.name x=(n(x + 10.0)) y=(n(y + 20.0)) { (squeeze(&node.name, 18)) }
        text.soft x=(n(x + 10.0)) y=(n(y + 38.0)) { (done) " of " (all) @if failed > 0 { ", " (failed) " failed" } }
        @for (state, from, share) in parts {
            rect class=(format!("state-{state}")) x=(n(x + 10.0 + from)) y=(n(y + 47.0)) width=(n(share)) height="8" {}
        }
    };
    match (&node.href, look) {
        (Some(href), Look::Page) => html! {
            a.node href=(href) aria-label=(format!("Stage {} ({}): {done} of {all} done, {failed} failed", node.name, node.kind)) { (inside) }
        },
        _ => inside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(names: &[&str], edges: &[(usize, usize)]) -> Flow {
        let counts = BTreeMap::from([("succeeded".to_owned(), 3), ("failed".to_owned(), 1)]);
        let node = |name: &&str| Node {
            name: (*name).to_owned(),
            kind: "train".to_owned(),
            counts: counts.clone(),
            href: Some("/s".to_owned()),
        };
        Flow {
            id: "f".to_owned(),
            title: "Stages".to_owned(),
            nodes: names.iter().map(node).collect(),
            edges: edges.to_vec(),
        }
    }

    #[test]
    fn stages_stand_behind_what_they_read() {
        let flow = flow(&["base", "student", "pruned", "int8"], &[(0, 1), (1, 2), (0, 3), (1, 3), (2, 3)]);
        assert_eq!(flow.columns(), [0, 1, 2, 3]);
        let svg = flow.draw(Look::Page).into_string();
        assert_eq!((svg.matches("<a class=\"node\"").count(), svg.matches("<path").count()), (4, 5));
        assert!(svg.contains("3 of 4, 1 failed") && svg.contains("base: 3 succeeded, 1 failed; student"), "{svg}");
    }

    #[test]
    fn what_is_no_plan_draws_all_the_same() {
        assert_eq!(flow(&["a", "b"], &[(0, 1), (1, 0), (7, 1), (0, 9)]).columns().len(), 2);
        assert!(!flow(&["a", "b"], &[(0, 1), (1, 0), (7, 1)]).draw(Look::Page).into_string().is_empty());
        assert!(!flow(&[], &[]).draw(Look::Alone).into_string().is_empty());
    }
}
