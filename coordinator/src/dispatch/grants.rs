//! Giving out work.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sweep_shared::ids::Token;

use super::fleet::{Live, Stop};
use super::queue::Bounds;
use super::service::{Broken, Dispatcher};
use super::translate;
use crate::schedule::{self, DeviceView, Preemption, ReadyJob, Snapshot};
use crate::store::read::LiveRow;
use crate::store::{Grant, GrantRequest, Granted, read};

/// What is to be done.
pub(super) struct Plan {
    /// `None`: there is nothing to grant.
    pub grant: Option<Grant>,
    pub give_way: Vec<Preemption>,
}

impl Dispatcher {
    /// Grants until nothing more can be placed, and has others give way to what is more urgent.
    pub(super) async fn schedule(&mut self) -> Result<(), Broken> {
        loop {
            let now = self.look();
            let views = self.fleet.views(now);
            if views.agents.is_empty() || schedule::room(&views.agents) == 0 {
                return Ok(());
            }
            let bounds = Bounds {
                passed_over: self.fleet.passed_over(),
                served: self.served.as_ref(),
                now_ms: self.clock.unix_ms(),
            };
            if !self.queue.is_usable() {
                self.queue.read(&self.store, &views.agents, &bounds).await?;
            }
            self.queue.look_further(&self.store, &views.agents, &bounds, now).await?;
            let plan = self.plan(now);
            for Preemption { job, by } in plan.give_way {
                tracing::info!(%job, %by, "a running job gives way");
                self.fleet.stop(job, Stop::Preempted(by));
            }
            self.give_orders();
            let Some(grant) = plan.grant else { return Ok(()) };
            if !self.grant(grant, now).await? {
                return Ok(());
            }
        }
    }

    /// Decides, without I/O.
    pub(super) fn plan(&mut self, now: Duration) -> Plan {
        let views = self.fleet.views(now);
        let now_ms = self.clock.unix_ms();
        let (mut ready, mut exclusive, mut steal) = (Vec::new(), Vec::new(), Vec::new());
        let served = |token: &Token| {
            self.served
                .as_ref()
                .is_none_or(|served| self.fleet.sweep_of(token.job).is_some_and(|s| served.contains(&s)))
        };
        for (job, token) in self.fleet.stealable(now).into_iter().filter(|(_, token)| served(token)) {
            steal.push(token);
            let list = if self.fleet.is_exclusive(job.job) { &mut exclusive } else { &mut ready };
            list.push(job);
        }
        let mut queued = |list: &mut Vec<ReadyJob>, queue: &mut dyn Iterator<Item = &read::Ready>| {
            for (job, fences) in queue.filter_map(|ready| self.fleet.candidate(ready, now, now_ms)) {
                steal.extend(fences);
                list.push(job);
            }
        };
        queued(&mut ready, &mut self.queue.ordinary());
        queued(&mut exclusive, &mut self.queue.exclusive().iter());
        // What has begun goes on before what has not, and what is more urgent before both.
        ready.sort_by_key(|job| Reverse(job.priority));
        exclusive.sort_by_key(|job| Reverse(job.priority));
        let barred = |job, agent: usize, device: &DeviceView| self.fleet.is_barred(job, &views.names[agent], device);
        let snapshot = Snapshot {
            agents: &views.agents,
            ready: &ready,
            exclusive: &exclusive,
            barred: &barred,
            patience: self.patience,
        };
        let assigned = schedule::assign(&snapshot);
        let give_way = schedule::preempt(&snapshot, &assigned, &views.running);
        let made = assigned.made;
        if made.is_empty() {
            return Plan { grant: None, give_way };
        }
        let request = |made: &schedule::Assignment| GrantRequest {
            job: made.job,
            agent: views.names[made.agent].clone(),
            device: made.device,
            device_index: made.device_index,
            lease: self.luck.lease(),
        };
        let requests: Vec<GrantRequest> = made.iter().map(request).collect();
        self.queue.remove(&made.iter().map(|made| made.job).collect());
        let asked: BTreeSet<_> = requests.iter().map(|request| request.job).collect();
        steal.retain(|token| asked.contains(&token.job));
        Plan { grant: Some(Grant { requests, steal }), give_way }
    }

    /// Records a grant and tells the agents. Whether anything was granted.
    pub(super) async fn grant(&mut self, grant: Grant, now: Duration) -> Result<bool, Broken> {
        let asked = grant.clone();
        let reply = self.write(grant).await?;
        let granted = self.granted(asked, reply, now).await?;
        let any = !granted.is_empty();
        self.send(granted);
        Ok(any)
    }

    /// Notes what is on disk.
    pub(super) async fn granted(
        &mut self,
        asked: Grant,
        granted: Vec<Granted>,
        now: Duration,
    ) -> Result<Vec<Granted>, Broken> {
        let fenced = |token: &Token| granted.iter().any(|grant| grant.token.job == token.job);
        for token in asked.steal.iter().filter(|token| fenced(token)) {
            self.fleet.end(*token);
            self.board.end(*token);
        }
        for grant in &granted {
            self.board.begin(grant.token, grant.sweep);
            self.fleet.granted(live(grant, now));
        }
        if granted.len() < asked.requests.len() {
            // The queue was not what it seemed.
            self.queue.stale();
        }
        if !asked.steal.iter().all(fenced) {
            // Nor what was to be stolen: its job has ended, perhaps by this, or is set aside.
            let rows = read::live(&self.store).await?;
            for token in self.fleet.keep_only(&rows) {
                self.board.end(token);
            }
        }
        Ok(granted)
    }

    pub(super) fn send(&self, granted: Vec<Granted>) {
        for grant in granted {
            let Some(session) = self.fleet.session_of(&grant.request.agent) else { continue };
            self.outboxes.send_message(session, translate::assign(grant));
        }
    }
}

fn live(grant: &Granted, now: Duration) -> Live {
    let attempt = LiveRow {
        token: grant.token,
        sweep: grant.sweep,
        stage: grant.stage.clone(),
        agent: grant.request.agent.clone(),
        device: grant.request.device,
        device_index: grant.request.device_index,
        wants: grant.wants,
        place: Arc::clone(&grant.place),
        memory_bytes: grant.memory_bytes,
        needs: grant.needs,
        outgrown_bytes: grant.outgrown_bytes,
        exclusive: grant.exclusive,
        has_readers: grant.has_readers,
        wanted: true,
        stop: None,
        started: false,
        finishing: false,
        priority: grant.priority,
        preemptible: grant.preemptible,
        max_hours: grant.max_hours,
        spent_s: grant.spent_s,
        held_s: 0.0,
    };
    Live::new(attempt, now)
}
