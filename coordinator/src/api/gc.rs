//! Letting go of what is not kept.

use std::time::Duration;

use sweep_shared::ids::SweepId;
use sweep_shared::wire::v1;
use tonic::{Request, Response};

use super::{Api, Reply, caller};
use crate::retention::{Order, Retention, Verdict, carry_out};

/// Where files of points are asked for, and neither the call nor the settings say how old they must be.
const POINTS: Duration = Duration::from_hours(30 * 24);

pub async fn collect(api: &Api, request: Request<v1::GcRequest>) -> Reply<v1::GcReply> {
    let actor = caller::of(&request)?.name;
    let request = request.into_inner();
    let sweep = (request.sweep > 0).then_some(SweepId(request.sweep));
    if let Some(sweep) = sweep {
        // An id that is nobody's is refused.
        api.store.sweep(sweep).await?;
    }
    let order = Order { retention: limits(api.retention, &request), sweep, dry_run: request.dry_run, actor };
    let done = carry_out(&api.store, &api.artifacts, &api.home, api.clock.unix_ms(), &order).await?;
    let items = done.verdicts.into_iter().map(item).collect();
    Ok(Response::new(v1::GcReply { items, deleted: done.collected as u64 }))
}

/// The settings' limits, or the one that the caller gives for all.
fn limits(settings: Retention, request: &v1::GcRequest) -> Retention {
    let given = request.older_than_ms.map(Duration::from_millis);
    Retention {
        checkpoints: given.or(settings.checkpoints),
        logs: given.or(settings.logs),
        points: if request.points { given.or(settings.points).or(Some(POINTS)) } else { settings.points },
    }
}

fn item(verdict: Verdict) -> v1::GcItem {
    v1::GcItem {
        sweep: verdict.sweep.0,
        job: verdict.job.0,
        what: verdict.thing.word().to_owned(),
        count: verdict.thing.count() as u32,
        name: verdict.name,
        bytes: verdict.bytes,
        why: verdict.why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_go_only_where_they_are_asked_for() {
        let (day, settings) = (Duration::from_hours(24), Retention::default());
        let asked =
            |older_than_ms, points| limits(settings, &v1::GcRequest { older_than_ms, points, ..Default::default() });
        assert_eq!(asked(None, false), settings);
        assert_eq!(
            asked(Some(0), false),
            Retention { checkpoints: Some(Duration::ZERO), logs: Some(Duration::ZERO), points: None }
        );
        assert_eq!(asked(None, true).points, Some(30 * day));
        assert_eq!(asked(Some(1), true).points, Some(Duration::from_millis(1)));
    }
}
