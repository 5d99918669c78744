//! What programs read: the same views as the pages show, as JSON, under `/api/v1`. Fields are added, never renamed or removed.
//!
//! Whoever has a token of the role viewer or one above may, and so may a browser that is signed in. Nothing is changed here: that
//! is what the command line and gRPC are for. Errors are problem details (RFC 9457, `problem`); what there is to ask is
//! described at `/api/v1/openapi.json` (`openapi`), and a test holds the description equal to the routes and to real answers.

mod agents;
mod events;
mod jobs;
pub mod openapi;
pub mod problem;
mod sweeps;

pub(super) use agents::{agent, agents};
pub(super) use events::events;
pub(super) use jobs::job;
pub(super) use sweeps::{sweep, sweep_jobs, sweep_results, sweeps};

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::call::Call;
use super::trouble::Trouble;

fn answer<T: Serialize>(value: T) -> Response {
    Json(value).into_response()
}

/// A whole number in the query; the default where it is missing.
fn number(call: &Call, name: &str, default: u32, most: u32) -> Result<u32, Trouble> {
    match call.fields.get(name) {
        "" => Ok(default),
        text => match text.parse() {
            Ok(number) if number <= most => Ok(number),
            _ => Err(Trouble::BadQuestion(format!("{name} must be a whole number up to {most}, and is {text:?}"))),
        },
    }
}
