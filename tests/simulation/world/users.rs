//! People: they submit, pause, resume, cancel, retry, prioritise, drain, amend and ask, at any time. What the coordinator
//! answers them must be so.

use std::collections::BTreeMap;

use sweep_coordinator::simulation::{Call, Reply};
use sweep_shared::wire::v1;
use tonic::{Code, Status};

use super::plans::Plan;
use super::{Event, Step, World};
use crate::checks::{Rule, Violation};

/// What users know.
#[derive(Default)]
pub struct Users {
    /// The plans of the sweeps that were acknowledged to them.
    plans: BTreeMap<i64, Plan>,
    submitted: u32,
}

impl Users {
    /// The database is another: sweeps that it does not know are not theirs any more.
    pub fn forget(&mut self) {
        self.plans.clear();
    }
}

/// Sweeps of one seed.
const SWEEPS: u32 = 3;

impl World {
    pub async fn user_calls(&mut self) -> Step {
        if self.calm {
            self.set_free().await?;
            self.plan_in(20_000..=60_000, Event::Call);
            return Ok(());
        }
        self.plan_in(2_000..=40_000, Event::Call);
        if self.office.site.is_none() {
            return Ok(());
        }
        let wish = if self.users.submitted == 0 { 0 } else { self.dice.within(0..=23) };
        match wish {
            0..=3 if self.users.submitted < SWEEPS => self.submit(None).await,
            0..=5 => self.on_target("pause", Call::Pause).await,
            6..=8 => self.on_target("resume", Call::Resume).await,
            9 | 10 => self.on_target("cancel", Call::Cancel).await,
            11..=13 => self.on_target("retry", Call::Retry).await,
            14 | 15 => self.prioritise().await,
            16 => self.drain().await,
            17 | 18 => {
                let known: Vec<i64> = self.users.plans.keys().copied().collect();
                match self.dice.pick(&known) {
                    Some(sweep) => self.submit(Some(sweep)).await,
                    None => Ok(()),
                }
            }
            19..=21 => self.on_target("pause", Call::Pause).await,
            _ => self.explain().await,
        }
    }

    /// Asks, and looks at the answer's kind: a refusal in words is fine, a failure is not.
    async fn ask(&mut self, word: &'static str, call: Call) -> Result<Option<Reply>, Violation> {
        let answer = self.call(call).await?;
        let note = match &answer {
            None => "unanswered",
            Some(Ok(_)) => "done",
            Some(Err(_)) => "refused",
        };
        self.coverage.note("call", format!("{word}: {note}"));
        match answer {
            Some(Err(status)) => {
                self.trace.note(format_args!("{word} is refused: {}", status.message()));
                fair(word, &status)?;
                Ok(None)
            }
            Some(Ok(reply)) => Ok(Some(reply)),
            None => Ok(None),
        }
    }

    async fn submit(&mut self, amend: Option<i64>) -> Step {
        let plan = match amend.and_then(|sweep| self.users.plans.get(&sweep).cloned()) {
            Some(plan) => plan.amended(&mut self.dice),
            None => Plan::draw(&mut self.dice),
        };
        self.users.submitted += 1;
        let request = v1::SubmitRequest {
            plan_yaml: plan.yaml(),
            plan_path: "plan.yaml".to_owned(),
            no_reuse: self.dice.chance(50),
            continue_same: amend.is_none() && self.dice.chance(10),
            amend: amend.unwrap_or(0),
            ..v1::SubmitRequest::default()
        };
        let word = if amend.is_some() { "amend" } else { "submit" };
        self.trace.note(format_args!("{word} {}", request.plan_yaml.replace('\n', " ⏎ ")));
        let Some(Reply::Submitted(reply)) = self.ask(word, Call::Submit(request)).await? else { return Ok(()) };
        self.users.plans.insert(reply.sweep, plan);
        let known = self.checks.seen().sweeps.contains_key(&reply.sweep);
        if known {
            Ok(())
        } else {
            Err(Violation::new(Rule::AcknowledgedIsRecorded, format!("sweep s{}", reply.sweep)))
        }
    }

    /// A sweep or a job, of which there is one.
    fn target(&mut self) -> Option<v1::TargetRequest> {
        if self.dice.chance(25) {
            let sweeps: Vec<i64> = self.checks.seen().sweeps.keys().copied().collect();
            return Some(v1::TargetRequest { sweep: self.dice.pick(&sweeps)?, job: 0 });
        }
        // Half of the time one of which something is going on.
        let busy_only = self.dice.chance(50);
        let busy = |state: &str| matches!(state, "running" | "paused");
        let jobs = self.checks.seen().jobs.iter();
        let jobs: Vec<i64> = jobs.filter(|(_, job)| !busy_only || busy(&job.state)).map(|(id, _)| *id).collect();
        Some(v1::TargetRequest { sweep: 0, job: self.dice.pick(&jobs)? })
    }

    async fn on_target(&mut self, word: &'static str, call: fn(v1::TargetRequest) -> Call) -> Step {
        let Some(target) = self.target() else { return Ok(()) };
        self.trace.note(format_args!("{word} {target:?}"));
        let done = self.ask(word, call(target)).await?.is_some();
        if done { self.checks.promised(word, target.sweep, target.job) } else { Ok(()) }
    }

    async fn prioritise(&mut self) -> Step {
        let Some(v1::TargetRequest { sweep, job }) = self.target() else { return Ok(()) };
        let priority = self.dice.within(0..=6) as i32 - 3;
        self.ask("priority", Call::SetPriority(v1::PriorityRequest { sweep, job, priority })).await.map(|_| ())
    }

    async fn drain(&mut self) -> Step {
        let host = self.dice.within(0..=self.hosts.len() as u64 - 1) as usize;
        let agent = self.hosts[host].agent_id().to_owned();
        self.ask("drain", Call::Drain(v1::DrainRequest { agent })).await.map(|_| ())
    }

    async fn explain(&mut self) -> Step {
        let jobs: Vec<i64> = self.checks.seen().jobs.keys().copied().collect();
        let Some(job) = self.dice.pick(&jobs) else { return Ok(()) };
        let Some(Reply::Explained(reply)) = self.ask("explain", Call::Explain(v1::ExplainRequest { job })).await?
        else {
            return Ok(());
        };
        let state = reply.job.as_ref().map_or("", |job| job.state.as_str());
        if reply.reasons.is_empty() && reply.next.is_empty() {
            return Err(Violation::new(Rule::NothingStumbles, format!("nothing explains why j{job} is {state}")));
        }
        Ok(())
    }

    /// Once it is calm: what users set aside is taken up again, or nothing could end.
    async fn set_free(&mut self) -> Step {
        if self.checks.seen().sweeps.is_empty() {
            self.submit(None).await?;
        }
        let seen = self.checks.seen();
        let sweeps: Vec<i64> =
            seen.sweeps.iter().filter(|(_, s)| s.paused && s.state == "active").map(|(id, _)| *id).collect();
        let jobs: Vec<i64> = seen.jobs.iter().filter(|(_, job)| job.state == "paused").map(|(id, _)| *id).collect();
        for sweep in sweeps {
            self.ask("resume", Call::Resume(v1::TargetRequest { sweep, job: 0 })).await?;
        }
        for job in jobs {
            self.ask("resume", Call::Resume(v1::TargetRequest { sweep: 0, job })).await?;
        }
        Ok(())
    }

    /// Why what is unfinished is so, in the coordinator's own words.
    pub async fn unfinished(&mut self) -> Violation {
        let open: Vec<i64> =
            self.checks.seen().jobs.iter().filter(|(_, job)| !job.is_terminal()).map(|(id, _)| *id).collect();
        if let (true, Some((_, kept))) = (open.is_empty(), self.checks.seen().live().next()) {
            let rule = if kept.unwanted { Rule::CancelHolds } else { Rule::EverythingEnds };
            return Violation::new(rule, format!("{} is never let go", kept.token()));
        }
        let mut what = String::new();
        for job in open.into_iter().take(3) {
            what.push_str(&format!("j{job} is {}", self.checks.seen().jobs[&job].state));
            match self.call(Call::Explain(v1::ExplainRequest { job })).await {
                Ok(Some(Ok(Reply::Explained(reply)))) => what.push_str(&format!(": {}; ", reply.reasons.join(" "))),
                other => what.push_str(&format!(" ({other:?}); ")),
            }
        }
        Violation::new(Rule::EverythingEnds, format!("hours after the last fault: {what}"))
    }
}

/// Whether users can do something with this refusal.
fn fair(word: &str, status: &Status) -> Step {
    match status.code() {
        Code::InvalidArgument if word == "submit" || word == "amend" => {
            Err(Violation::new(Rule::NothingStumbles, format!("a good plan is refused: {}", status.message())))
        }
        Code::FailedPrecondition | Code::NotFound | Code::InvalidArgument | Code::Unimplemented => Ok(()),
        code => Err(Violation::new(Rule::NothingStumbles, format!("{word} failed ({code:?}): {}", status.message()))),
    }
}
