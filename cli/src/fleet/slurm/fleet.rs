//! A fleet as it stands: Slurm's queue, the coordinator's agents and work, and the folder that joins the two.

use std::collections::{BTreeMap, BTreeSet};

use sweep_shared::states::JobState;

use super::folder::Folder;
use super::login::Login;
use super::queue::{self, Allocation};
use super::size::There;
use super::spec::Spec;
use crate::answer::{Agent, Sweep};
use crate::connect::Connection;
use crate::exit::Outcome;

/// Sweeps that are looked through for work: the newest of which there may be more that nobody remembers.
const SWEEPS: u32 = 1000;

pub struct Fleet<'a> {
    pub spec: &'a Spec,
    pub login: &'a Login,
    pub folder: Folder<'a>,
}

/// What was seen at one time.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub allocations: Vec<Allocation>,
    /// The agents' ids, by allocation.
    pub ids: BTreeMap<String, String>,
    pub agents: Vec<Agent>,
}

impl<'a> Fleet<'a> {
    pub async fn find(spec: &'a Spec, login: &'a Login) -> Outcome<Self> {
        Ok(Self { spec, login, folder: Folder::find(login, spec).await? })
    }

    pub async fn allocations(&self) -> Outcome<Vec<Allocation>> {
        queue::allocations(self.login, &self.spec.name).await
    }

    pub async fn look(&self, connection: &mut Connection) -> Outcome<Seen> {
        Ok(Seen {
            allocations: self.allocations().await?,
            ids: self.folder.agents().await?,
            agents: connection.client.agents().await?,
        })
    }

    /// What there is, for the decision how many more there are to be.
    pub async fn there(&self, seen: &Seen, connection: &mut Connection) -> Outcome<There> {
        Ok(there(seen, &connection.client.list(SWEEPS).await?))
    }
}

impl Seen {
    /// What the coordinator says of an allocation's agent.
    pub fn agent(&self, allocation: &str) -> Option<&Agent> {
        let id = self.ids.get(allocation)?;
        self.agents.iter().find(|agent| agent.id == *id)
    }
}

fn there(seen: &Seen, sweeps: &[Sweep]) -> There {
    let active = sweeps.iter().filter(|sweep| !sweep.is_over() && !sweep.paused);
    let ready: usize = active.map(|sweep| sweep.count(JobState::Ready)).sum();
    // What others run is theirs.
    let ours: BTreeSet<&String> =
        seen.allocations.iter().filter_map(|allocation| seen.ids.get(&allocation.id)).collect();
    let running: u32 = seen.agents.iter().filter(|agent| ours.contains(&agent.id)).map(|agent| agent.running).sum();
    There {
        allocations: seen.allocations.len() as u32,
        stay: seen.allocations.iter().filter(|allocation| allocation.stays).count() as u32,
        jobs: u32::try_from(ready).unwrap_or(u32::MAX).saturating_add(running),
    }
}
