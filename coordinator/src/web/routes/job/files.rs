//! `/jobs/{job}/file`: what a job made, sent as it lies on the disk.
//!
//! Names and bytes come from runners, which may be anybody's program: a file always goes out as something to be saved, of no type that a
//! browser would open, under a name that is one path component anywhere.

use std::io::{self, Read};

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::header;
use sweep_shared::ids::{ContentHash, JobId};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::artifacts::ArtifactError;
use crate::results::tame;
use crate::store::read;
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::query::encode;
use crate::web::routes::sweep::not_found;
use crate::web::trouble::Trouble;

/// Read at once, and how many pieces may wait for a slow reader.
const PIECE: usize = 64 << 10;
const AHEAD: usize = 4;

/// Where a file of a job is to be had. `point` is empty for files of the job as a whole.
pub fn link(job: &str, point: &str, name: &str) -> String {
    let point = if point.is_empty() { String::new() } else { format!("point={}&", encode(point)) };
    format!("/jobs/{job}/file?{point}name={}", encode(name))
}

pub async fn show(web: Web, call: Call) -> Answer {
    let job = JobId(call.number("job")?);
    let (point, name) = (call.fields.get("point"), call.fields.get("name"));
    let sweep = read::sweep_of_job(&web.0.store, job).await.map_err(not_found)?;
    let hash = read::file_of(&web.0.store, job, point, name).await?.ok_or(Trouble::NotFound)?;
    let hash = ContentHash::try_from(hash).map_err(|_| Trouble::NotFound)?;
    let file = web.0.api.artifacts.open(&hash).await.map_err(|error| match error {
        ArtifactError::Store(error) => Trouble::Later(error.to_string()),
        // Retention takes files away that rows still name.
        _ => Trouble::NotFound,
    })?;
    let bytes = file.metadata().map_err(|_| Trouble::NotFound)?.len();
    let parts = [sweep.to_string(), job.to_string(), point.to_owned()];
    let parts = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    Ok(send(file, Some(bytes), &format!("{parts}-{name}"), "application/octet-stream"))
}

/// Something to be saved under this name.
pub fn send(source: impl Read + Send + 'static, bytes: Option<u64>, name: &str, kind: &'static str) -> Response {
    let (pieces, stream) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || read_on(source, &pieces));
    let disposition = format!("attachment; filename=\"{}\"", tame(name));
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    let mut response = (headers, Body::from_stream(ReceiverStream::new(stream))).into_response();
    if let Some(bytes) = bytes {
        response.headers_mut().insert(header::CONTENT_LENGTH, bytes.into());
    }
    response
}

/// To the end, or until the reader has gone.
fn read_on(mut source: impl Read, pieces: &mpsc::Sender<io::Result<Bytes>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let read = match source.read(&mut piece) {
            Ok(0) => return,
            Ok(read) => {
                piece.truncate(read);
                Ok(Bytes::from(piece))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let last = read.is_err();
        if pieces.blocking_send(read).is_err() || last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_bears_any_name() {
        assert_eq!(link("j1", "s0.50", "model.onnx"), "/jobs/j1/file?point=s0.50&name=model.onnx");
        assert_eq!(link("j1", "", "out/a b&c.txt"), "/jobs/j1/file?name=out%2Fa%20b%26c.txt");
    }
}
