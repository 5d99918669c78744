//! What there is to ask, described for programs (OpenAPI 3.1).

use std::sync::LazyLock;

use axum::response::IntoResponse;
use http::header;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::web::Web;
use crate::web::call::{Answer, Call};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "sweep",
        description = "What a coordinator knows: sweeps, jobs, results, agents, events. Read only. Fields are added, never renamed.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        super::sweeps::sweeps,
        super::sweeps::sweep,
        super::sweeps::sweep_jobs,
        super::sweeps::sweep_results,
        super::jobs::job,
        super::agents::agents,
        super::agents::agent,
        super::events::events,
    ),
    security(("token" = []), ("session" = [])),
    modifiers(&Credentials),
)]
struct Description;

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("Of `sweep tokens create --role viewer`, or of a higher role."))
            .build();
        let session = ApiKey::Cookie(ApiKeyValue::with_description("__Host-sweep", "A browser that is signed in."));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        components.add_security_scheme("session", SecurityScheme::ApiKey(session));
    }
}

static DESCRIPTION: LazyLock<String> =
    LazyLock::new(|| Description::openapi().to_pretty_json().expect("it is made of plain values"));

pub(in crate::web) async fn show(_: Web, _: Call) -> Answer {
    Ok(([(header::CONTENT_TYPE, "application/json")], DESCRIPTION.as_str()).into_response())
}
