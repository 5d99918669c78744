//! The first page: who is signed in, and where everything else is done.

use axum::response::IntoResponse;
use maud::html;

use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::layout::{page, time};

pub async fn show(_: Web, call: Call) -> Answer {
    let session = call.session()?;
    let body = html! {
        h1 { "Signed in" }
        section.card {
            dl {
                dt { "Name" } dd { (session.user()) }
                dt { "Role" } dd { (session.role()) " — " (may(session.role())) }
                dt { "Until" } dd { (time(session.expires_ms())) }
            }
        }
        section.card {
            h2 { "On the command line" }
            p { "Plans are submitted, watched and steered with " code { "sweep" } ":" }
            ul.commands {
                li { code { "sweep submit plan.yaml" } span { "starts a study" } }
                li { code { "sweep watch" } span { "shows how it goes" } }
                li { code { "sweep results" } span { "prints what came out" } }
            }
        }
    };
    Ok(page("Overview", Some(session), &body).into_response())
}

fn may(role: sweep_shared::access::Role) -> &'static str {
    use sweep_shared::access::Role;
    match role {
        Role::Admin => "everything",
        Role::User => "submits sweeps, and changes its own",
        Role::Viewer => "looks on",
        Role::Agent => "fetches jobs",
    }
}
