//! What jobs told and took.

use sweep_shared::ids::JobId;
use sweep_shared::wire::v1;

use super::Client;
use crate::answer::{EpochEnd, Pace};
use crate::exit::Outcome;

impl Client {
    /// The ends of a job's epochs, in their order.
    pub async fn curves(&mut self, job: JobId) -> Outcome<Vec<EpochEnd>> {
        let reply = self.sweeps.curves(v1::CurvesRequest { job: job.0 }).await?.into_inner();
        reply.points.into_iter().map(EpochEnd::try_from).collect()
    }

    /// How long work has taken there, the newest first.
    pub async fn paces(&mut self) -> Outcome<Vec<Pace>> {
        let reply = self.sweeps.paces(v1::PacesRequest {}).await?.into_inner();
        reply.paces.into_iter().map(Pace::try_from).collect()
    }
}
