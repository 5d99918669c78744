//! What came out of a sweep: the best rows as a table, and the plot of all of them.

use sweep_shared::ids::SweepId;
use sweep_shared::metrics::{self, ACCURACY, SIZE_ONNX_BYTES};
use sweep_shared::results::{Better, Group, Measured, Quantity, Value, fold, front, title};

use super::super::Table;
use crate::charts::{self, Axis, Pareto, Spot, pareto};
use crate::results::{Point, merge};
use crate::store::read;
use crate::store::{Store, StoreError};

/// Rows of the table: what a telephone's screen has room for.
const ROWS: usize = 8;

/// What a digest says of results.
#[derive(Default)]
pub struct Best {
    pub table: Option<Table>,
    pub plot: Option<String>,
    /// The best value of the first column, and whose it is: `93.12 %`, `pruned input=base [s0.48]`.
    pub top: Option<(String, String)>,
    /// The same as a number, with its metric's name.
    pub value: Option<(String, f64)>,
}

pub async fn best(store: &Store, sweep: SweepId, name: &str) -> Result<Best, StoreError> {
    let rows = read::points_of(store, sweep).await?;
    let points = merge(rows, Vec::new());
    let name = name.to_owned();
    // A large sweep has tens of thousands of points; the front of those is no matter of a moment.
    let found = tokio::task::spawn_blocking(move || of_points(&points, &name));
    Ok(found.await.unwrap_or_default())
}

fn of_points(points: &[Point], name: &str) -> Best {
    let groups = fold(points);
    let Some(columns) = Columns::of(&groups) else { return Best::default() };
    let order = columns.order(&groups);
    let head = std::iter::once(String::new()).chain(columns.all().map(|column| column.title.clone()));
    let rows = order.iter().take(ROWS).map(|&at| {
        let cells = columns.all().map(|column| cell(&groups[at], column));
        std::iter::once(named(&groups[at])).chain(cells).collect()
    });
    let first = &columns.good;
    let value = |at: &usize| groups[*at].metrics.get(&first.name).map(|value| value.mean);
    let top = order.iter().filter(|at| value(at).is_some()).max_by(|a, b| {
        let (a, b) = (value(a).unwrap_or_default(), value(b).unwrap_or_default());
        if first.better == Better::More { a.total_cmp(&b) } else { b.total_cmp(&a) }
    });
    Best {
        table: Some(Table { head: head.collect(), rows: rows.collect() }),
        plot: columns.plot(&groups, name),
        top: top.and_then(|at| Some((first.unit.write(value(at)?), named(&groups[*at])))),
        value: top.and_then(|at| Some((first.name.clone(), value(at)?))),
    }
}

fn named(group: &Group<'_, Point>) -> String {
    let point = group.points[0];
    title(point.stage(), point.label(), point.point())
}

/// `93.12 % ± 0.21`; `–` where there is none.
fn cell(group: &Group<'_, Point>, column: &Quantity) -> String {
    let Some(Value { mean, deviation }) = group.metrics.get(&column.name) else { return "–".to_owned() };
    let written = column.unit.write(*mean);
    deviation.map_or(written.clone(), |deviation| format!("{written} ± {}", column.unit.spread(deviation)))
}

/// What is shown of each row.
struct Columns {
    /// Of two rows, what makes one better.
    good: Quantity,
    /// And what it costs, where that was measured.
    cost: Option<Quantity>,
    latency: Option<Quantity>,
}

impl Columns {
    /// Of what was measured; `None`: nothing that could be compared.
    fn of(groups: &[Group<'_, Point>]) -> Option<Self> {
        let has = |name: &str| groups.iter().any(|group| group.metrics.contains_key(name));
        let first = |names: &[&str]| names.iter().find(|name| has(name)).map(|name| Quantity::of(name));
        let good = first(&[ACCURACY, metrics::VAL_ACCURACY, metrics::MACRO_F1]).or_else(|| {
            // Commands have metrics of their own: the first by name, where there is any.
            let own = groups.iter().flat_map(|group| group.metrics.keys()).find(|name| !is_effort(name));
            own.map(|name| Quantity::of(name))
        })?;
        let cost = first(&[SIZE_ONNX_BYTES, metrics::SIZE_FP32_BYTES, metrics::PARAMETERS]);
        let one = metrics::latency_ms(1);
        let any = groups.iter().flat_map(|group| group.metrics.keys()).find(|name| name.starts_with("latency_ms_b"));
        let latency = if has(&one) { Some(&one) } else { any };
        Some(Self { good, cost, latency: latency.map(|name| Quantity::of(name)) })
    }

    fn all(&self) -> impl Iterator<Item = &Quantity> {
        [Some(&self.good), self.cost.as_ref(), self.latency.as_ref()].into_iter().flatten()
    }

    /// Those on the front first, the best of them first; then the others, the best first.
    fn order(&self, groups: &[Group<'_, Point>]) -> Vec<usize> {
        let of = |at: usize, column: &Quantity| groups[at].metrics.get(&column.name).map(|value| value.mean);
        let places: Vec<Option<(f64, f64)>> = (0..groups.len())
            .map(|at| Some((of(at, &self.good)?, self.cost.as_ref().map_or(Some(0.0), |cost| of(at, cost))?)))
            .collect();
        let cost = self.cost.as_ref().map_or(Better::Less, |cost| cost.better);
        let on_front = front(&places, (self.good.better, cost));
        let mut order: Vec<usize> = (0..groups.len()).filter(|&at| of(at, &self.good).is_some()).collect();
        let toward = |at: usize| {
            let value = of(at, &self.good).unwrap_or_default();
            if self.good.better == Better::More { -value } else { value }
        };
        order.sort_by(|&a, &b| on_front[b].cmp(&on_front[a]).then(toward(a).total_cmp(&toward(b))));
        order
    }

    /// `None` where fewer than two points would be on it.
    fn plot(&self, groups: &[Group<'_, Point>], name: &str) -> Option<String> {
        let cost = self.cost.as_ref()?;
        let mut stages: Vec<String> = Vec::new();
        let mut spots = Vec::new();
        for group in groups {
            let value = |column: &Quantity| group.metrics.get(&column.name).map(|value| value.mean);
            let (Some(x), Some(y)) = (value(cost), value(&self.good)) else { continue };
            let at = charts::group(&mut stages, group.points[0].stage());
            let values = format!("{}, {}", cell(group, &self.good), cell(group, cost));
            spots.push(Spot { name: named(group), x, y, values, group: at, href: None });
        }
        (spots.len() > 1).then(|| {
            let title = format!("{name}: {} against {}", self.good.title, cost.title);
            let (x, y) = (Axis::of(&cost.name), Axis::of(&self.good.name));
            pareto(&Pareto { id: "pareto".to_owned(), title, x, y, spots, groups: stages })
        })
    }
}

/// What a run took, which says nothing of what came out.
fn is_effort(name: &str) -> bool {
    name.ends_with("_s") || name.ends_with("_j") || name.ends_with("memory_bytes") || name == metrics::MICRO_BATCHES
}
