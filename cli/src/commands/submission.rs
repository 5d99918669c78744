//! How a plan reaches a coordinator: its files first, then its text.

use sweep_shared::ids::SweepId;
use sweep_shared::wire::v1;

use crate::connect::{Client, Submitted};
use crate::exit::Outcome;
use crate::plan_files::PlanFile;

/// How equal work is treated.
#[derive(Debug, Clone, Copy, Default)]
pub struct Choice {
    /// Do everything anew, whatever earlier sweeps did.
    pub no_reuse: bool,
    /// Join the newest sweep of the same plan.
    pub continue_same: bool,
    /// Give that sweep's failed jobs another attempt.
    pub retry_failed: bool,
    /// Change this sweep to the plan instead of making another.
    pub amend: Option<SweepId>,
}

/// Uploads what the plan's commands need and submits it.
pub async fn submit(client: &mut Client, plan: &PlanFile, choice: Choice) -> Outcome<Submitted> {
    for file in &plan.files {
        client.upload(&file.path, &file.hash).await?;
    }
    let files = plan.files.iter().map(|file| v1::File {
        name: file.name.clone(),
        hash: file.hash.to_string(),
        size_bytes: file.size_bytes,
    });
    let request = v1::SubmitRequest {
        plan_yaml: plan.text.clone(),
        plan_path: plan.path.clone(),
        no_reuse: choice.no_reuse,
        continue_same: choice.continue_same,
        retry_failed: choice.retry_failed,
        files: files.collect(),
        amend: choice.amend.map_or(0, |sweep| sweep.0),
    };
    client.submit(request).await
}
