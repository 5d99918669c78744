//! What users ask for, through the code that answers their clients.

use sweep_shared::wire::v1;
use sweep_shared::wire::v1::sweeps_server::Sweeps as _;
use tonic::{Request, Status};

use crate::access::Principal;
use crate::api::Api;

/// A user's call.
#[derive(Debug, Clone)]
pub enum Call {
    Submit(v1::SubmitRequest),
    Cancel(v1::TargetRequest),
    Retry(v1::TargetRequest),
    Pause(v1::TargetRequest),
    Resume(v1::TargetRequest),
    SetPriority(v1::PriorityRequest),
    Drain(v1::DrainRequest),
    Explain(v1::ExplainRequest),
}

/// The answer.
#[derive(Debug, Clone)]
pub enum Reply {
    Submitted(v1::SubmitReply),
    /// How many jobs, or agents, this changed.
    Changed(u32),
    Explained(v1::ExplainReply),
}

pub(super) async fn perform(api: Api, call: Call) -> Result<Reply, Status> {
    let changed = |reply: tonic::Response<v1::ChangeReply>| Reply::Changed(reply.into_inner().changed);
    match call {
        Call::Submit(request) => Ok(Reply::Submitted(api.submit(asked(request)).await?.into_inner())),
        Call::Explain(request) => Ok(Reply::Explained(api.explain(asked(request)).await?.into_inner())),
        Call::Cancel(request) => api.cancel(asked(request)).await.map(changed),
        Call::Retry(request) => api.retry(asked(request)).await.map(changed),
        Call::Pause(request) => api.pause(asked(request)).await.map(changed),
        Call::Resume(request) => api.resume(asked(request)).await.map(changed),
        Call::SetPriority(request) => api.set_priority(asked(request)).await.map(changed),
        Call::Drain(request) => api.drain_agent(asked(request)).await.map(changed),
    }
}

/// As the gate hands it on: made by whoever owns the home.
fn asked<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Principal::home("user"));
    request
}
