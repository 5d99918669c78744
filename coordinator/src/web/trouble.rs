//! Why a request is not answered as it would like to be, and the page that says so.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use maud::html;
use sweep_shared::access::Role;
use sweep_shared::words::capital;

use super::api::problem::Problem;
use super::layout;
use crate::access::Refusal;
use crate::api::changes::Unchanged;
use crate::store::StoreError;

#[derive(Debug)]
pub enum Trouble {
    /// Nobody is signed in.
    SignIn {
        path: String,
    },
    /// Nobody is signed in, and a form was sent.
    SignedOut,
    Role {
        has: Role,
        needs: Role,
    },
    /// Somebody else's, in words.
    Forbidden(String),
    /// Nothing comes of it at present, in words.
    Later(String),
    /// The form is no page's of ours.
    Foreign(String),
    /// The form was made for another session, or long ago.
    Stale,
    Large {
        bytes: usize,
    },
    Slow,
    NoForm,
    BadForm(String),
    /// Of what was asked in an address, in words.
    BadQuestion(String),
    /// A program showed nothing that stands.
    Unshown(Refusal),
    /// A program showed something that is none of a person's.
    NoPerson,
    Wait(Duration),
    /// Too much to do at present.
    Busy,
    Store(StoreError),
    NotFound,
    /// Refused in words.
    Refused(String),
    /// This program's own mistake; the log says which.
    Internal,
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Unchanged> for Trouble {
    fn from(why: Unchanged) -> Self {
        match why {
            Unchanged::Foreign { .. } => Self::Forbidden(why.to_string()),
            Unchanged::Slow => Self::Later(why.to_string()),
            Unchanged::Store(error) => Self::Store(error),
        }
    }
}

impl From<super::password::Busy> for Trouble {
    fn from(_: super::password::Busy) -> Self {
        Self::Busy
    }
}

/// What a page says of it.
struct Words {
    status: StatusCode,
    title: &'static str,
    text: String,
}

impl Trouble {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::SignIn { .. } => StatusCode::SEE_OTHER,
            Self::SignedOut | Self::Unshown(_) => StatusCode::UNAUTHORIZED,
            Self::Role { .. } | Self::Forbidden(_) | Self::NoPerson | Self::Foreign(_) | Self::Stale => {
                StatusCode::FORBIDDEN
            }
            Self::Large { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::NoForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BadForm(_) | Self::BadQuestion(_) => StatusCode::BAD_REQUEST,
            Self::Wait(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::Later(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Refused(_) => StatusCode::CONFLICT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Store(error) => match error {
                StoreError::Refused(_) => StatusCode::CONFLICT,
                StoreError::Unknown(_) => StatusCode::NOT_FOUND,
                StoreError::Unwritable(_) | StoreError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
                StoreError::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    fn words(&self) -> Words {
        let (title, text) = match self {
            Self::SignIn { .. } | Self::SignedOut => {
                ("You are signed out", "Your session is over. Sign in again; what you sent was not carried out.".to_owned())
            }
            Self::Role { has, needs } => {
                ("Not for you", format!("This needs the role {needs}, and you are signed in as {has}. An administrator can change that."))
            }
            Self::BadQuestion(why) => ("Not understood", sentence(why)),
            Self::Unshown(why) => ("Who are you?", sentence(&why.to_string())),
            Self::NoPerson => ("Not for you", "This is for people and their programs: a token of the role viewer, or of a higher one.".to_owned()),
            Self::Forbidden(why) => ("Not for you", sentence(why)),
            Self::Later(why) => ("Not now", sentence(why)),
            Self::Foreign(what) => {
                ("Refused", format!("{} Nothing was changed.", sentence(what)))
            }
            Self::Stale => (
                "That form is too old",
                "It was made for another session, or your browser did not send its cookie. Nothing was changed; open the page again and try once more.".to_owned(),
            ),
            Self::Large { bytes } => ("Too large", format!("Forms may have {bytes} bytes here, and this one has more.")),
            Self::Slow => ("Too slow", "The form did not arrive in time. Try again.".to_owned()),
            Self::NoForm => ("Not a form", "Only forms (application/x-www-form-urlencoded) may be sent here.".to_owned()),
            Self::BadForm(why) => ("Not understood", format!("This is not a form of ours: {why}.")),
            Self::Wait(left) => {
                ("Too many tries", format!("Too many tries failed. The next one counts in {}.", seconds_in_words(*left)))
            }
            Self::Busy => ("Busy", "Too many people sign in at this moment. Try again in a few seconds.".to_owned()),
            Self::NotFound => ("Not found", "There is no such page here.".to_owned()),
            Self::Refused(why) => ("That did not work", sentence(why)),
            Self::Internal => ("That did not work", "The coordinator made a mistake; its log says more.".to_owned()),
            Self::Store(error) => match error {
                StoreError::Refused(why) => ("That did not work", sentence(why)),
                StoreError::Unknown(what) => ("Not found", format!("{} does not exist.", sentence(what).trim_end_matches('.'))),
                StoreError::Unwritable(_) => (
                    "Nothing can be recorded",
                    "The coordinator cannot write to its disk at present, so nothing was changed. Its log says why.".to_owned(),
                ),
                StoreError::Stopping => ("Stopping", "The coordinator is stopping. Try again once it is back.".to_owned()),
                StoreError::Database(_) => ("That did not work", "The database failed; the coordinator's log says more.".to_owned()),
            },
        };
        Words { status: self.status(), title, text }
    }
}

impl Trouble {
    /// For programs.
    pub fn into_problem(self) -> Response {
        self.note();
        let after = self.after();
        let unshown = matches!(self, Self::Unshown(_));
        let Words { status, title, text } = self.words();
        let problem = Problem { kind: "about:blank", title: title.to_owned(), status: status.as_u16(), detail: text };
        let mut response = problem.into_response();
        if unshown {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"sweep\""));
        }
        wait(response, after)
    }

    /// What our own log should say of it.
    fn note(&self) {
        if let Self::Store(error @ (StoreError::Database(_) | StoreError::Unwritable(_))) = self {
            tracing::warn!(%error, "a page could not be answered");
        }
    }

    /// When to try again.
    fn after(&self) -> Option<Duration> {
        match self {
            Self::Wait(left) => Some(*left),
            Self::Busy => Some(Duration::from_secs(2)),
            _ => None,
        }
    }
}

fn wait(mut response: Response, after: Option<Duration>) -> Response {
    if let Some(after) = after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
    }
    response
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        if let Self::SignIn { path } = &self {
            return layout::see_other(&sign_in_path(path));
        }
        self.note();
        let after = self.after();
        let Words { status, title, text } = self.words();
        let body = html! {
            h1 { (title) }
            p { (text) }
            p { @if matches!(self, Self::SignedOut) { a.button href="/sign-in" { "Sign in" } } @else { a href="/" { "Back to the overview" } } }
        };
        wait((status, layout::page(title, None, &body)).into_response(), after)
    }
}

/// Where to sign in, and where to go from there.
pub fn sign_in_path(next: &str) -> String {
    if next == "/" || !super::fields::is_local(next) {
        return "/sign-in".to_owned();
    }
    let next = next.replace('%', "%25").replace('&', "%26").replace('+', "%2B").replace('=', "%3D").replace('?', "%3F");
    format!("/sign-in?next={next}")
}

/// Rounded up: whoever comes back after so many may try.
pub fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

pub fn seconds_in_words(time: Duration) -> String {
    match whole_seconds(time) {
        1 => "a second".to_owned(),
        seconds @ ..=90 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds.div_ceil(60)),
    }
}

/// With a capital and a full stop.
pub fn sentence(text: &str) -> String {
    format!("{}.", capital(text.trim_end_matches('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_must_sign_in_comes_back_to_where_they_were() {
        assert_eq!(sign_in_path("/"), "/sign-in");
        assert_eq!(sign_in_path("/sweeps/3?a=1&b=2"), "/sign-in?next=/sweeps/3%3Fa%3D1%26b%3D2");
        assert_eq!(sign_in_path("//evil.example"), "/sign-in");
    }

    #[test]
    fn waits_are_never_told_too_short() {
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(seconds_in_words(Duration::from_secs(1)), "a second");
        assert_eq!(seconds_in_words(Duration::from_secs(61)), "61 seconds");
        assert_eq!(seconds_in_words(Duration::from_secs(301)), "6 minutes");
    }

    #[test]
    fn what_failed_inside_is_not_shown_outside() {
        let error = StoreError::Database(std::sync::Arc::new(sqlx::Error::Protocol("secret detail".to_owned())));
        let trouble = Trouble::from(error);
        assert_eq!(trouble.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!trouble.words().text.contains("secret detail"));
    }
}
