//! Whether the coordinator works, for those who watch over services: nothing that a stranger may not know.

use axum::response::IntoResponse;
use http::{StatusCode, header};

use crate::web::Web;
use crate::web::call::{Answer, Call};

pub async fn show(web: Web, _: Call) -> Answer {
    let (status, text) = match web.0.store.halt() {
        None => (StatusCode::OK, "ok\n"),
        Some(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "nothing can be recorded at present; the coordinator's log says why\n")
        }
    };
    Ok((status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
