//! What may be done with a sweep, a job or an agent: a page that says what will happen, with a form that does it. The same is done
//! as by `sweep cancel` and its like, and the same people may.

use axum::response::IntoResponse;
use maud::{Markup, html};
use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::states::{JobState, SweepState};

use crate::api::changes::{self, Change};
use crate::store::Target;
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::layout::{Input, input, page, see_other, token};
use crate::web::may;
use crate::web::trouble::Trouble;

/// In the path, on the button, and what it means for a sweep and for a job.
struct Words {
    word: &'static str,
    label: &'static str,
    sweep: &'static str,
    job: &'static str,
    is_grave: bool,
}

const CANCEL: Words = Words {
    word: "cancel",
    label: "Cancel",
    sweep: "What runs is stopped, and what waits will not run. What is finished stays, and a retry takes up the rest again.",
    job: "If it runs it is stopped. Jobs that need its result are skipped. A retry takes it up again.",
    is_grave: true,
};
const RETRY: Words = Words {
    word: "retry",
    label: "Retry",
    sweep: "All jobs that failed, were cancelled, stopped or skipped are tried again, with as many retries as in the beginning.",
    job: "It is tried again, with as many retries as in the beginning, and so are the jobs that were skipped because of it.",
    is_grave: false,
};
const PAUSE: Words = Words {
    word: "pause",
    label: "Pause",
    sweep: "What runs writes a checkpoint and stops; nothing more is begun until you resume it. No work is lost.",
    job: "If it runs it writes a checkpoint and stops; it goes on from there once you resume it. No work is lost.",
    is_grave: false,
};
const RESUME: Words = Words {
    word: "resume",
    label: "Resume",
    sweep: "Its jobs go on from their checkpoints as soon as there is room for them.",
    job: "It goes on from its checkpoint as soon as there is room for it.",
    is_grave: false,
};
const PRIORITY: Words = Words {
    word: "priority",
    label: "Set priority",
    sweep: "Jobs of a higher priority are begun first, and may make running ones of a lower priority give way.",
    job: "It is added to the sweep's. Jobs of a higher priority are begun first, and may make running ones of a lower priority give way.",
    is_grave: false,
};

const ALL: [&Words; 5] = [&CANCEL, &RETRY, &PAUSE, &RESUME, &PRIORITY];

/// Links to what may be done with a sweep in this state, for those who may.
pub fn of_sweep(sweep: SweepId, state: SweepState, paused: bool, has_ended_badly: bool) -> Markup {
    let mut words = Vec::new();
    if state == SweepState::Active {
        words.extend([if paused { &RESUME } else { &PAUSE }, &PRIORITY, &CANCEL]);
    }
    if has_ended_badly {
        words.insert(0, &RETRY);
    }
    links(&format!("/sweeps/{sweep}"), &words)
}

/// The same of a job.
pub fn of_job(job: JobId, state: JobState) -> Markup {
    let words: &[&Words] = match state {
        JobState::Blocked | JobState::Ready | JobState::Running => &[&PAUSE, &PRIORITY, &CANCEL],
        JobState::Paused => &[&RESUME, &CANCEL],
        JobState::Failed | JobState::Cancelled | JobState::Stopped | JobState::Skipped => &[&RETRY],
        JobState::Succeeded => &[],
    };
    links(&format!("/jobs/{job}"), words)
}

fn links(of: &str, words: &[&Words]) -> Markup {
    html! {
        @if !words.is_empty() {
            div.buttons role="group" aria-label="Actions" {
                @for words in words {
                    a.button.small.danger[words.is_grave].second[!words.is_grave] href=(format!("{of}/change/{}", words.word)) { (words.label) }
                }
            }
        }
    }
}

/// What is asked for: of what, and which change.
fn asked(call: &Call) -> Result<(Target, &'static Words), Trouble> {
    let word = call.named("change")?;
    let words = ALL.into_iter().find(|words| words.word == word).ok_or(Trouble::NotFound)?;
    Ok((may::target(&call.place)?.ok_or(Trouble::NotFound)?, words))
}

async fn must_be_allowed(web: &Web, call: &Call) -> Result<(), Trouble> {
    let session = call.session()?;
    if may::change(&web.0.api, session, &call.place).await? {
        return Ok(());
    }
    Err(Trouble::Forbidden(format!(
        "{} may look at this, and its owner and administrators may change it",
        session.user()
    )))
}

pub async fn show(web: Web, call: Call) -> Answer {
    let (target, words) = asked(&call)?;
    must_be_allowed(&web, &call).await?;
    Ok(ask(&call, target, words, None).into_response())
}

fn ask(call: &Call, target: Target, words: &Words, wrong: Option<&str>) -> impl IntoResponse {
    let (named, meaning) = match target {
        Target::Sweep(sweep) => (format!("sweep {sweep}"), words.sweep),
        Target::Job(job) => (format!("job {job}"), words.job),
    };
    let question =
        if words.word == PRIORITY.word { format!("Priority of {named}") } else { format!("{} {named}?", words.label) };
    let back = path(target);
    let body = html! {
        h1 { (question) }
        form.card method="post" action=(format!("{back}/change/{}", words.word)) {
            @if let Some(session) = &call.session { (token(&session.ticket.form_token())) }
            p { (meaning) }
            @if words.word == PRIORITY.word {
                (input(&Input { id: "priority", name: "priority", label: "Priority", kind: "number", complete: "off",
                    hint: "A whole number; 0 is usual, negative ones come last.", error: wrong, longest: 11, ..Default::default() }))
            }
            div.buttons {
                button.danger[words.is_grave] type="submit" { (words.label) " " (named) }
                a href=(back) { "Leave it as it is" }
            }
        }
    };
    page(&question, call.session.as_ref(), &body)
}

fn path(target: Target) -> String {
    match target {
        Target::Sweep(sweep) => format!("/sweeps/{sweep}"),
        Target::Job(job) => format!("/jobs/{job}"),
    }
}

pub async fn submit(web: Web, call: Call) -> Answer {
    let (target, words) = asked(&call)?;
    let change = match words.word {
        "cancel" => Change::Cancel,
        "retry" => Change::Retry,
        "pause" => Change::Pause,
        "resume" => Change::Resume,
        _ => match call.fields.get("priority").trim().parse() {
            Ok(priority) => Change::Priority(priority),
            Err(_) => {
                must_be_allowed(&web, &call).await?;
                let wrong = "This is not a whole number that a priority may be.";
                return Ok(
                    (http::StatusCode::UNPROCESSABLE_ENTITY, ask(&call, target, words, Some(wrong))).into_response()
                );
            }
        },
    };
    let changed = changes::change(&web.0.api, call.session()?.principal(), target, change).await?;
    Ok(see_other(&format!("{}?done={}-{changed}", path(target), words.word)))
}

pub async fn ask_drain(_: Web, call: Call) -> Answer {
    let agent = call.named("agent")?;
    let session = call.session()?;
    let question = format!("Drain {agent}?");
    let body = html! {
        h1 { (question) }
        form.card method="post" action=(format!("{}/drain", super::agents::path(agent))) {
            (token(&session.ticket.form_token()))
            p { "Its jobs write checkpoints and go on elsewhere, it is given no more, and then it ends. To have it back, start it again on its machine." }
            div.buttons {
                button.danger type="submit" { "Drain " (agent) }
                a href=(super::agents::path(agent)) { "Leave it as it is" }
            }
        }
    };
    Ok(page(&question, Some(session), &body).into_response())
}

pub async fn drain(web: Web, call: Call) -> Answer {
    let agent = call.named("agent")?.to_owned();
    let told = changes::drain_agent(&web.0.api, call.session()?.principal(), agent.clone()).await?;
    Ok(see_other(&format!("{}?done=drain-{}", super::agents::path(&agent), u32::from(told))))
}

/// What a page says after a form of these: `done=cancel-12`. `None`: it is none of ours.
pub fn done(text: &str) -> Option<String> {
    let (word, count) = text.split_once('-')?;
    let count: u32 = count.parse().ok()?;
    let jobs = match count {
        0 => return Some("Nothing had to be changed.".to_owned()),
        1 => "1 job".to_owned(),
        count => format!("{count} jobs"),
    };
    let was_were = if count == 1 { "is" } else { "are" };
    Some(match word {
        "cancel" => format!("{jobs} {was_were} cancelled."),
        "retry" => format!("{jobs} {was_were} tried again."),
        "pause" => format!("{jobs} {was_were} paused."),
        "resume" => format!("{jobs} may go on."),
        "priority" => format!("{jobs} {was_were} given the new priority."),
        "drain" => "The agent is told to finish and leave.".to_owned(),
        _ => return None,
    })
}
