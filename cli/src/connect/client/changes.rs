//! What users change.

use sweep_shared::wire::v1;

use super::Client;
use crate::answer::Garbage;
use crate::connect::Target;
use crate::exit::Outcome;

impl Client {
    /// How many jobs were cancelled.
    pub async fn cancel(&mut self, target: Target) -> Outcome<u32> {
        Ok(self.sweeps.cancel(request(target)).await?.into_inner().changed)
    }

    /// How many jobs will be tried again.
    pub async fn retry(&mut self, target: Target) -> Outcome<u32> {
        Ok(self.sweeps.retry(request(target)).await?.into_inner().changed)
    }

    /// 0 where it is paused already.
    pub async fn pause(&mut self, target: Target) -> Outcome<u32> {
        Ok(self.sweeps.pause(request(target)).await?.into_inner().changed)
    }

    /// 0 where it is not paused.
    pub async fn resume(&mut self, target: Target) -> Outcome<u32> {
        Ok(self.sweeps.resume(request(target)).await?.into_inner().changed)
    }

    /// How many jobs have another priority now.
    pub async fn set_priority(&mut self, target: Target, priority: i32) -> Outcome<u32> {
        let (sweep, job) = target.numbers();
        let request = v1::PriorityRequest { sweep, job, priority };
        Ok(self.sweeps.set_priority(request).await?.into_inner().changed)
    }

    /// What is not kept any more, and how many files were deleted.
    pub async fn collect_garbage(&mut self, request: v1::GcRequest) -> Outcome<(Vec<Garbage>, u64)> {
        let reply = self.sweeps.collect_garbage(request).await?.into_inner();
        Ok((reply.items.into_iter().map(Garbage::from).collect(), reply.deleted))
    }

    /// Has the agent with this id leave; 0 where it was told before.
    pub async fn drain(&mut self, agent: &str) -> Outcome<u32> {
        let request = v1::DrainRequest { agent: agent.to_owned() };
        Ok(self.sweeps.drain_agent(request).await?.into_inner().changed)
    }
}

fn request(target: Target) -> v1::TargetRequest {
    let (sweep, job) = target.numbers();
    v1::TargetRequest { sweep, job }
}
