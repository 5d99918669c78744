//! Which classes a point takes for which, from its `evaluation.json`.

use maud::{Markup, html};
use sweep_shared::ids::ContentHash;

use crate::api::Api;
use crate::charts::{Heat, Look};
use crate::views::job::{JobDetail, Point};
use crate::web::lists::scroll;
use crate::web::query::Query;

/// As the runner writes it. What else is in the file is of no interest here.
#[derive(serde::Deserialize)]
struct Evaluation {
    #[serde(default)]
    classes: Vec<String>,
    confusion_matrix: Vec<Vec<u64>>,
}

const FILE: &str = "evaluation.json";
/// A matrix of a thousand classes has a million numbers; a larger file is none of ours.
const LARGEST: u64 = 8 << 20;
/// Pairs in the table.
const WORST: usize = 10;

/// The point that is asked for, or the first that has one.
pub async fn of(api: &Api, detail: &JobDetail, query: &Query<'_>) -> Option<(String, Heat)> {
    let wanted = query.get("point");
    let has = |point: &&Point| point.files.iter().any(|file| file.name == FILE);
    let named = |point: &&Point| has(point) && point.name == wanted;
    let point = detail.points.iter().find(named).or_else(|| detail.points.iter().find(has))?;
    let file = point.files.iter().find(|file| file.name == FILE).filter(|file| file.size_bytes <= LARGEST)?;
    // A file that is gone or away, or of another program, has nothing to show.
    let path = api.artifacts.local(&ContentHash::try_from(file.hash.clone()).ok()?).await.ok()?;
    let text = tokio::fs::read(path).await.ok()?;
    let read: Evaluation = serde_json::from_slice(&text).ok()?;
    let numbered = || (0..read.confusion_matrix.len()).map(|class| class.to_string()).collect();
    let classes = if read.classes.len() == read.confusion_matrix.len() { read.classes } else { numbered() };
    let title = format!("Confusion of {}", point.name);
    Some((point.name.clone(), Heat { id: "confusion".to_owned(), title, classes, counts: read.confusion_matrix }))
}

pub fn figure((point, heat): &(String, Heat), several: bool) -> Markup {
    let worst = heat.worst(WORST);
    let table = html! {
        table {
            caption { "Most often confused" }
            thead { tr { th scope="col" { "Class" } th scope="col" { "Taken for" } th scope="col" class="number" { "Images" } } }
            tbody { @for pair in &worst { tr { th scope="row" { (pair.truth) } td { (pair.taken_for) } td.number { (pair.count) " of " (pair.of) } } } }
        }
    };
    html! {
        h3 { "Confusion" @if several { " of " (point) } }
        div.figures {
            @if let Some(svg) = heat.draw(Look::Page) { div.figure { (svg) } }
            @else { p.hint { (heat.classes.len()) " classes: too many to be drawn." } }
            @if !worst.is_empty() { (scroll("Most often confused", &table)) }
        }
    }
}
