//! Its stages, what flows between them, and how far each is.

use maud::html;

use crate::charts::{Flow, Look, Node};
use crate::views::sweeps::SweepDetail;
use crate::web::lists::scroll;
use crate::web::live::Part;
use crate::web::query::Query;

/// More stages than this are no picture; the jobs' filter still names each.
const MOST: usize = 60;

pub fn part(detail: &SweepDetail, query: &Query<'_>) -> Part {
    let stages = &detail.stages;
    let shown = &stages[..stages.len().min(MOST)];
    let place = |name: &str| shown.iter().position(|stage| stage.name == name);
    // Everything is measured: arrows to there would hide all others.
    let reads = |stage: &&crate::views::Stage| stage.kind != "measure";
    let nodes = shown.iter().map(|stage| Node {
        name: stage.name.clone(),
        kind: stage.kind.clone(),
        counts: stage.jobs.iter().map(|(state, jobs)| (state.clone(), u64::from(*jobs))).collect(),
        href: Some(format!("{}#jobs", query.with(&[("stage", &stage.name), ("page", "")]))),
    });
    let edges = shown
        .iter()
        .enumerate()
        .filter(|(_, stage)| reads(stage))
        .flat_map(|(to, stage)| stage.inputs.iter().filter_map(move |input| Some((place(input)?, to))));
    let flow = Flow {
        id: "flow".to_owned(),
        title: format!("Stages of {}", detail.sweep.name),
        nodes: nodes.collect(),
        edges: edges.collect(),
    };
    let html = html! {
        section.card #stages aria-labelledby="stages-head" {
            h2 #stages-head { "Stages" }
            (scroll("Stages", &flow.draw(Look::Page)))
            @if stages.len() > MOST { p.hint { (stages.len() - MOST) " more stages are not drawn." } }
        }
    };
    Part { id: "stages", html }
}
