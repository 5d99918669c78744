//! Asks the coordinator for what the screen shows, and tells it what was heard.
//!
//! The watch stream is followed for as long as the screen is up, and begun again after the connection was lost. Beside it, one task each
//! asks for the agents, and for whatever the chosen job's pane wants: a task goes when something else is wanted.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use sweep_shared::ids::{JobId, SweepId};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::state::Effect;
use crate::answer::{Agent, EpochEnd, Explanation};
use crate::connect::{Client, Connection};
use crate::exit::{Exit, Failure, Outcome};
use crate::format;
use crate::progress::Event;

/// Between two questions.
const AGENTS: Duration = Duration::from_secs(2);
const CURVES: Duration = Duration::from_secs(3);
const WHY: Duration = Duration::from_secs(2);
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_LONGEST: Duration = Duration::from_secs(3);

/// What was heard.
#[derive(Debug)]
pub enum News {
    Event(Event),
    Lost,
    Agents(Vec<Agent>),
    Curves(JobId, Vec<EpochEnd>),
    Why(JobId, Result<Explanation, String>),
    /// More of a job's log; `begins`: of its beginning.
    Log {
        job: JobId,
        begins: bool,
        text: String,
    },
    Remark(String),
}

/// What is to be asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wants {
    pub curves: Option<JobId>,
    pub log: Option<JobId>,
    pub why: Option<JobId>,
}

/// Where the newest client comes from, and where news go.
#[derive(Clone)]
pub struct Line {
    clients: watch::Sender<Client>,
    tell: mpsc::Sender<News>,
}

/// Keeps the tasks that ask.
pub struct Feed {
    line: Line,
    wants: Wants,
    asking: Option<JoinHandle<()>>,
    agents: JoinHandle<()>,
}

impl Feed {
    pub fn new(client: Client, tell: mpsc::Sender<News>) -> Self {
        let line = Line { clients: watch::Sender::new(client), tell };
        let agents = tokio::spawn(agents(line.clone()));
        Self { line, wants: Wants::default(), asking: None, agents }
    }

    pub fn line(&self) -> Line {
        self.line.clone()
    }

    /// Asks for this from now on, and for nothing else.
    pub fn look_at(&mut self, wants: Wants) {
        if wants == self.wants {
            return;
        }
        self.wants = wants;
        if let Some(task) = self.asking.take() {
            task.abort();
        }
        let line = self.line.clone();
        self.asking = match wants {
            Wants { curves: Some(job), .. } => Some(tokio::spawn(curves(line, job))),
            Wants { log: Some(job), .. } => Some(tokio::spawn(log(line, job))),
            Wants { why: Some(job), .. } => Some(tokio::spawn(why(line, job))),
            Wants { curves: None, log: None, why: None } => None,
        };
    }

    pub fn carry_out(&self, effects: Vec<Effect>) {
        for effect in effects {
            let line = self.line.clone();
            tokio::spawn(async move {
                let said = change(line.client(), effect).await.unwrap_or_else(|failure| words(&failure));
                line.say(News::Remark(said)).await;
            });
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.agents.abort();
        if let Some(task) = &self.asking {
            task.abort();
        }
    }
}

impl Line {
    fn client(&self) -> Client {
        self.clients.borrow().clone()
    }

    async fn say(&self, news: News) {
        // The screen may be gone by now.
        let _ = self.tell.send(news).await;
    }
}

/// Follows the sweep, across restarts of the coordinator. Returns only where waiting is of no use.
pub async fn follow(connection: &mut Connection, sweep: SweepId, line: Line) -> Failure {
    loop {
        match stream(connection, sweep, &line).await {
            // All is said: a sweep that is over changes no more, except by a retry.
            Ok(true) => sleep(RETRY_LONGEST).await,
            Ok(false) => reconnect(connection, &line).await,
            Err(failure) if failure.exit == Exit::Unreachable => reconnect(connection, &line).await,
            Err(failure) => return failure,
        }
    }
}

/// Whether the stream ended because the sweep is over.
async fn stream(connection: &mut Connection, sweep: SweepId, line: &Line) -> Outcome<bool> {
    let mut events = pin!(connection.client.watch(sweep).await?);
    let mut over = false;
    while let Some(event) = events.next().await {
        let event = event?;
        if let Event::Sweep(sweep) | Event::Snapshot(sweep, _) = &event {
            over = sweep.is_over();
        }
        line.say(News::Event(event)).await;
    }
    Ok(over)
}

async fn reconnect(connection: &mut Connection, line: &Line) {
    line.say(News::Lost).await;
    let mut wait = RETRY_FIRST;
    while connection.reconnect().await.is_err() {
        sleep(wait).await;
        wait = (wait * 2).min(RETRY_LONGEST);
    }
    line.clients.send_replace(connection.client.clone());
}

async fn agents(line: Line) {
    loop {
        if let Ok(agents) = line.client().agents().await {
            line.say(News::Agents(agents)).await;
        }
        sleep(AGENTS).await;
    }
}

async fn curves(line: Line, job: JobId) {
    loop {
        match line.client().curves(job).await {
            Ok(curves) => line.say(News::Curves(job, curves)).await,
            // An older coordinator has none; one that is away comes back.
            Err(failure) => {
                tracing::debug!("no curves: {:#}", failure.error);
                line.say(News::Curves(job, Vec::new())).await;
            }
        }
        sleep(CURVES).await;
    }
}

async fn why(line: Line, job: JobId) {
    loop {
        let explained = line.client().explain(job).await.map_err(|failure| words(&failure));
        line.say(News::Why(job, explained)).await;
        sleep(WHY).await;
    }
}

async fn log(line: Line, job: JobId) {
    loop {
        if let Err(failure) = copy_log(&line, job).await {
            line.say(News::Log { job, begins: true, text: format!("{}\n", words(&failure)) }).await;
        }
        // The job is over; a retry may write another.
        sleep(RETRY_LONGEST).await;
    }
}

async fn copy_log(line: &Line, job: JobId) -> Outcome<()> {
    let mut stream = line.client().logs(job, 0, true).await?;
    let mut attempt = None;
    // Bytes of a letter that is not whole yet.
    let mut rest = Vec::new();
    while let Some(reply) = stream.next().await {
        let reply = reply?;
        let begins = attempt.replace(reply.attempt) != Some(reply.attempt);
        rest.extend_from_slice(&reply.data);
        let whole = whole_letters(&rest);
        let text = String::from_utf8_lossy(&rest[..whole]).into_owned();
        rest.drain(..whole);
        line.say(News::Log { job, begins, text }).await;
    }
    Ok(())
}

/// How many bytes can be shown: all but the beginning of a letter at the end.
fn whole_letters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

async fn change(mut client: Client, effect: Effect) -> Outcome<String> {
    let jobs = |n: u32| format::plural(n as usize, "job");
    Ok(match effect {
        Effect::Leave => String::new(),
        Effect::Cancel(target) => format!("{target}: {} cancelled", jobs(client.cancel(target).await?)),
        Effect::Pause(target) => match client.pause(target).await? {
            0 => format!("{target} is paused already"),
            _ => format!("{target} is paused; what runs writes a checkpoint and stops"),
        },
        Effect::Resume(target) => match client.resume(target).await? {
            0 => format!("{target} is not paused"),
            _ => format!("{target} goes on"),
        },
        Effect::Retry(target) => {
            format!("{target}: {} will be tried again", jobs(client.retry(target).await?))
        }
    })
}

fn words(failure: &Failure) -> String {
    format!("{:#}", failure.error)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_letter_that_comes_in_two_pieces_is_shown_whole() {
        let bytes = "aé".as_bytes();
        assert_eq!(super::whole_letters(&bytes[..2]), 1);
        assert_eq!(super::whole_letters(bytes), 3);
        assert_eq!(super::whole_letters(b"a\xffb"), 3, "what is no text is shown as far as it is");
    }
}
