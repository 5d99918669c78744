//! A plan comes in.

use sweep_shared::ids::SweepId;
use sweep_shared::wire::{self, v1};
use tonic::Status;

use super::Api;
use crate::store::BlobRef;
use crate::submit::{Wish, read};

/// Makes a sweep of it, continues one, or amends one.
pub async fn submit(api: &Api, request: v1::SubmitRequest, actor: String) -> Result<v1::SubmitReply, Status> {
    let files = wire::files(request.files).map_err(|error| Status::invalid_argument(error.to_string()))?;
    let files: Vec<BlobRef> = files.into_iter().filter_map(BlobRef::from_file).collect();
    let missing: Vec<&str> =
        files.iter().filter(|file| !api.artifacts.stat(&file.hash).0).map(|file| file.name.as_str()).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Err(Status::failed_precondition(format!("these files of the plan were not uploaded: {missing}")));
    }
    let wish = Wish {
        plan_yaml: request.plan_yaml,
        plan_path: request.plan_path,
        files,
        reuse: !request.no_reuse,
        continue_same: request.continue_same,
        amend: (request.amend > 0).then_some(SweepId(request.amend)),
        retry_failed: request.retry_failed,
        actor,
    };
    // A plan may come to 100 000 jobs: long enough to be kept off the threads that serve others.
    let artifacts = api.artifacts.clone();
    let command = tokio::task::spawn_blocking(move || read(wish, |hash| artifacts.path(hash)))
        .await
        .map_err(|error| Status::internal(format!("reading the plan did not end: {error}")))?
        .map_err(|errors| Status::invalid_argument(errors.to_string()))?;
    let made = api.store.write(command).await?;
    api.dispatch.serve(made.sweep).await;
    Ok(v1::SubmitReply {
        sweep: made.sweep.0,
        created: made.created,
        jobs: made.jobs,
        reused: made.reused,
        kept: made.kept,
        added: made.added,
        dropped: made.dropped,
    })
}
