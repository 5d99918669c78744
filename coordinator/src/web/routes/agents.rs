//! The machines: what they have, who uses it, and what they work on.

use maud::{Markup, html};
use sweep_shared::labels::Labels;
use sweep_shared::words::plural;

use crate::api::Api;
use crate::views::agents::{Agent, AgentDevice, AgentJob, agent, agents};
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::layout::time;
use crate::web::live::{self, Asked, Part};
use crate::web::query::encode;
use crate::web::trouble::Trouble;
use crate::web::words::{badge, bar, size, span};

pub async fn show(web: Web, call: Call) -> Answer {
    let asked = Asked::of(&web, &call).await?;
    let parts = parts(web.0.api.clone(), asked).await?;
    let body = html! {
        h1 { "Agents" }
        @for part in &parts { (part.html) }
    };
    Ok(live::page(&call, "Agents", &parts, None, &body))
}

pub async fn parts(api: Api, _: Asked) -> Result<Vec<Part>, Trouble> {
    let agents = agents(&api).await?;
    let now_ms = api.clock.unix_ms();
    let html = html! {
        section #agents aria-label="Agents" {
            p.summary { (summary(&agents)) }
            div.cards { @for agent in &agents { (card(agent, now_ms)) } }
            @if agents.is_empty() { (none_yet()) }
        }
    };
    Ok(vec![Part { id: "agents", html }])
}

pub fn none_yet() -> Markup {
    html! {
        div.card {
            p { "No agent has joined yet. An agent is what runs jobs on a machine with a GPU, or without one." }
            ul.commands {
                li { code { "sweep agents invite" } span { "here: a token to join with" } }
                li { code { "sweep agent --join TOKEN" } span { "there: starts the agent" } }
            }
        }
    }
}

/// `3 of 4 connected · 5 jobs run`.
pub fn summary(agents: &[Agent]) -> String {
    let connected = agents.iter().filter(|agent| agent.connected).count();
    let jobs: usize = agents.iter().map(|agent| agent.jobs.len()).sum();
    format!("{connected} of {} connected, {} running", plural(agents.len(), "agent"), plural(jobs, "job"))
}

pub fn path(agent: &str) -> String {
    format!("/agents/{}", encode(agent))
}

pub fn state(agent: &Agent) -> Markup {
    let (class, word) = match (agent.connected, agent.draining) {
        (true, true) => ("paused", "draining"),
        (true, false) => ("succeeded", "connected"),
        (false, true) => ("skipped", "left"),
        (false, false) if agent.jobs.is_empty() => ("skipped", "away"),
        (false, false) => ("failed", "away"),
    };
    let say = (class == "failed").then(|| format!("Agent {} is away while its jobs are open", agent.id));
    html! { span data-say=[say] { (badge(class, word)) } }
}

/// An agent in few words, as on the overview.
pub fn card(agent: &Agent, now_ms: i64) -> Markup {
    html! {
        article.card.agent id=(format!("agent-{}", key(&agent.id))) {
            header {
                h2 { a href=(path(&agent.id)) { (agent.id) } }
                (state(agent))
                @if agent.host != agent.id { span.hint { "on " (agent.host) } }
                @if !agent.connected { span.hint { "last seen " (time(agent.seen_ms)) } }
                @if !agent.labels.is_empty() { span.hint { (labels(agent)) } }
            }
            @for device in &agent.devices { (device_row(device)) }
            @if !agent.jobs.is_empty() { (job_list(&agent.jobs, now_ms)) }
        }
    }
}

fn labels(agent: &Agent) -> String {
    Labels(agent.labels.clone()).to_string()
}

/// An element's id may hold anything but spaces; a selector's parts are nobody's concern here.
fn key(id: &str) -> String {
    id.chars().map(|c| if c.is_whitespace() { '_' } else { c }).collect()
}

/// Memory as a bar: sweep's jobs, others, free.
pub fn device_row(device: &AgentDevice) -> Markup {
    let total = device.memory_total_bytes.max(1) as f64;
    let used = device.used_bytes();
    let others = used.saturating_sub(device.memory_of_jobs_bytes);
    let by_jobs = if device.memory_of_jobs_bytes > 0 {
        format!(", {} by jobs", size(device.memory_of_jobs_bytes))
    } else {
        String::new()
    };
    let words = format!("{} of {} used{by_jobs}", size(used), size(device.memory_total_bytes));
    let label = format!("Memory of {}: {words}", device.short());
    let sensors = device.sensors();
    let shares = [("fill-jobs", device.memory_of_jobs_bytes as f64 / total), ("fill-others", others as f64 / total)];
    html! {
        div.device {
            div.device-head {
                strong { (device.short()) }
                span.hint { (device.name) }
                span.device-facts { (words) }
            }
            (bar(&label, &shares))
            @if !sensors.is_empty() { p.sensors { (sensors) } }
            @if let Some(closed) = &device.closed {
                p.error[device.is_faulty].hint[!device.is_faulty] data-say=[device.is_faulty.then(|| format!("{}: {closed}", device.short()))] { (closed) }
            }
        }
    }
}

fn job_list(jobs: &[AgentJob], now_ms: i64) -> Markup {
    html! {
        ul.running {
            @for job in jobs {
                @let percent = (job.fraction * 100.0).floor();
                li {
                    a href=(format!("/jobs/{}", job.job)) { (job.stage) @if !job.label.is_empty() { " " (job.label) } }
                    span.hint { "of " a href=(format!("/sweeps/{}", job.sweep)) { (job.sweep_name) } ", " (on(job)) ", " (span((now_ms - job.since_ms) as f64 / 1000.0)) }
                    (bar(&format!("{percent} % done"), &[("fill-jobs", job.fraction)]))
                }
            }
        }
    }
}

fn on(job: &AgentJob) -> String {
    if job.device == "cpu" { "CPU".to_owned() } else { format!("GPU {}", job.device_index) }
}

pub async fn show_one(web: Web, call: Call) -> Answer {
    let asked = Asked::of(&web, &call).await?;
    let id = asked.named("agent")?.to_owned();
    let parts = one(web.0.api.clone(), asked).await?;
    let body = html! {
        h1 { "Agent " (id) }
        @for part in &parts { (part.html) }
    };
    Ok(live::page(&call, &format!("Agent {id}"), &parts, None, &body))
}

pub async fn one(api: Api, asked: Asked) -> Result<Vec<Part>, Trouble> {
    let agent = agent(&api, asked.named("agent")?).await?.ok_or(Trouble::NotFound)?;
    let now_ms = api.clock.unix_ms();
    let facts = html! {
        section.card #agent {
            dl {
                dt { "State" } dd { (state(&agent)) }
                dt { "Machine" } dd { (agent.host) }
                @if !agent.labels.is_empty() { dt { "Labels" } dd { (labels(&agent)) } }
                dt { "Runs at once" } dd { (plural(agent.slots as usize, "job")) }
                @if !agent.connected { dt { "Last seen" } dd { (time(agent.seen_ms)) } }
            }
            @if asked.may_change && !agent.draining {
                div.buttons role="group" aria-label="Actions" {
                    a.button.small.danger href=(format!("{}/drain", path(&agent.id))) { "Drain" }
                }
            }
        }
    };
    let devices = html! {
        section.card #devices aria-labelledby="devices-head" {
            h2 id="devices-head" { "Devices" }
            @for device in &agent.devices {
                (device_row(device))
                @if !device.others.is_empty() {
                    ul.others { @for other in &device.others { li.hint { (other) } } }
                }
            }
            @if agent.devices.is_empty() { p.hint { "It has told of none." } }
        }
    };
    let jobs = html! {
        section.card #jobs aria-labelledby="jobs-head" {
            h2 id="jobs-head" { "Running" }
            @if agent.jobs.is_empty() { p.hint { "Nothing at present." } } @else { (job_list(&agent.jobs, now_ms)) }
        }
    };
    Ok(vec![Part { id: "agent", html: facts }, Part { id: "devices", html: devices }, Part { id: "jobs", html: jobs }])
}
