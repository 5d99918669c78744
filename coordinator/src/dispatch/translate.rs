//! Between wire messages and our own types.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use sweep_shared::event::Epoch;
use sweep_shared::ids::Token;
use sweep_shared::labels::{self, Labels, wrong_name, wrong_value};
use sweep_shared::resources::{Device, Usage};
use sweep_shared::states::FailureClass;
use sweep_shared::wire::{self, WireError, v1};

use super::fleet::{Silence, Trouble};
use crate::board::Progress;
use crate::store::agents::AgentInfo;
use crate::store::report::{Body, End, NewPoint};
use crate::store::{BlobRef, Granted};

/// The longest text from an agent that is kept.
const MOST_TEXT: usize = 16 << 10;
const MOST_DEVICES: usize = 64;
/// No device has more memory: an exbibyte.
const MOST_BYTES: u64 = 1 << 60;
/// Of each kind of thing that a device names: attempts, processes.
const MOST_LISTED: usize = 64;
/// At which an agent is at work, or whose ends it has yet to report.
const MOST_ATTEMPTS: usize = 100_000;
/// Characters of a name or a reason.
const MOST_NAME: usize = 300;

/// An agent's introduction.
pub struct Introduction {
    pub info: AgentInfo,
    /// Which of its process' sessions this is, from 1; 0: it does not count them.
    pub nth: u64,
    pub spool: String,
    pub attempts: Vec<Token>,
    /// What it last heard of this coordinator's database.
    pub generation: String,
    pub acked_seq: u64,
}

pub fn introduction(hello: v1::Hello) -> Result<Introduction, WireError> {
    let info = AgentInfo {
        id: name("an agent id", hello.agent_id)?,
        host: bounded(hello.host),
        boot_id: bounded(hello.boot_id),
        incarnation: hello.incarnation,
        slots: hello.slots,
        devices: devices(hello.devices)?,
        labels: labels(hello.labels),
    };
    Ok(Introduction {
        info,
        nth: hello.nth,
        spool: name("a spool id", hello.spool_id)?,
        attempts: hello.attempts.into_iter().take(MOST_ATTEMPTS).map(Token::from).collect(),
        generation: bounded(hello.generation),
        acked_seq: hello.acked_seq,
    })
}

/// Those that are well formed; an agent of ours sends no others.
fn labels(list: HashMap<String, String>) -> Labels {
    let formed = |(name, value): &(String, String)| wrong_name(name).is_none() && wrong_value(value).is_none();
    let ordered: BTreeMap<String, String> = list.into_iter().filter(formed).collect();
    Labels(ordered.into_iter().take(labels::MOST).collect())
}

fn name(what: &'static str, text: String) -> Result<String, WireError> {
    if text.is_empty() || text.len() > 128 { Err(WireError::Missing(what)) } else { Ok(text) }
}

pub fn devices(list: Vec<v1::Device>) -> Result<Vec<Device>, WireError> {
    let short = |text: &mut String| {
        let end = text.char_indices().nth(MOST_NAME).map_or(text.len(), |(at, _)| at);
        text.truncate(end);
    };
    let bounded = |mut device: v1::Device| {
        device.uses.truncate(MOST_LISTED);
        device.others.truncate(MOST_LISTED);
        device.releasing.truncate(MOST_LISTED);
        device.missing.truncate(MOST_LISTED);
        device.others.iter_mut().flat_map(|other| [&mut other.name, &mut other.user]).for_each(short);
        device.releasing.iter_mut().for_each(short);
        device.missing.iter_mut().for_each(|missing| short(&mut missing.attempt));
        device.uses.iter_mut().for_each(|of| short(&mut of.attempt));
        device.closed.iter_mut().for_each(|closed| short(&mut closed.detail));
        short(&mut device.name);
        Device::try_from(device)
    };
    list.into_iter().take(MOST_DEVICES).map(bounded).collect()
}

/// What a message reports about an attempt.
pub struct Said {
    pub token: Token,
    pub body: Body,
    /// For the board.
    pub progress: Option<Progress>,
    pub trouble: Trouble,
}

/// Reads a message that concerns an attempt; `Ok(None)` for the others. On an error the token may still be known.
pub fn said(body: v1::agent_message::Body) -> Result<Option<Said>, (Option<Token>, WireError)> {
    use v1::agent_message::Body as Wire;
    let mut trouble = Trouble::default();
    let (token, body) = match body {
        Wire::Accept(accept) => (accept.token, Ok((Body::Accepted, None))),
        Wire::Refuse(refuse) => (refuse.token, Ok((Body::Refused { reason: bounded(refuse.reason) }, None))),
        Wire::Progress(mut progress) => {
            trouble = read_trouble(&mut progress);
            (progress.token.take(), read_progress(progress))
        }
        Wire::CheckpointReady(mut ready) => (ready.token.take(), read_checkpoint(ready)),
        Wire::Finished(mut finished) => (finished.token.take(), read_finished(finished)),
        Wire::Finishing(finishing) => (finishing.token, Ok((Body::Finishing, None))),
        Wire::Hello(_) | Wire::Log(_) | Wire::Heartbeat(_) | Wire::Goodbye(_) => return Ok(None),
    };
    let token = wire::token(token).map_err(|error| (None, error))?;
    let (body, progress) = body.map_err(|error| (Some(token), error))?;
    Ok(Some(Said { token, body, progress, trouble }))
}

fn read_trouble(message: &mut v1::Progress) -> Trouble {
    let silence = message.silence.take().map(|silence| Silence {
        silent: Duration::from_millis(silence.silent_ms),
        left: Duration::from_millis(silence.left_ms),
    });
    Trouble { silence, stuck: bounded(std::mem::take(&mut message.stuck)) }
}

type Read = Result<(Body, Option<Progress>), WireError>;

fn read_progress(message: v1::Progress) -> Read {
    let progress = Progress { fraction: message.fraction.clamp(0.0, 1.0), message: bounded(message.message) };
    let mut epochs = Vec::with_capacity(message.epochs.len());
    for epoch in message.epochs {
        let epoch = Epoch::try_from(epoch)?;
        epochs.push(Epoch { phase: bounded(epoch.phase), ..epoch });
    }
    let resumed = message.resumed.map(|resumed| (resumed.epoch, resumed.step));
    Ok((Body::Progress { epochs, resumed }, Some(progress)))
}

fn read_checkpoint(message: v1::CheckpointReady) -> Read {
    Ok((Body::Checkpoint { epoch: message.epoch, step: message.step, files: blobs(message.files)? }, None))
}

fn read_finished(message: v1::Finished) -> Read {
    use v1::finished::End as Wire;
    let end = match message.end.ok_or(WireError::Missing("the way the attempt ended"))? {
        Wire::Success(success) => {
            let points = success.points.into_iter().map(point).collect::<Result<_, _>>()?;
            End::Success { points, artifacts: blobs(success.artifacts)? }
        }
        Wire::Failure(failure) => {
            let class = failure.class.parse().unwrap_or(FailureClass::Internal);
            End::Failure { class, message: bounded(failure.message) }
        }
        Wire::Interrupted(reason) => End::Interrupted { reason: bounded(reason) },
        Wire::Cancelled(_) => End::Cancelled,
    };
    let run_s = if message.run_s.is_finite() { message.run_s.max(0.0) } else { 0.0 };
    let usage = Usage { run_s, peak_memory_bytes: message.peak_memory_bytes.min(MOST_BYTES) };
    Ok((Body::Finished { end, usage }, None))
}

fn point(message: v1::Point) -> Result<NewPoint, WireError> {
    let metrics = wire::from_json::<Option<_>>("metrics", &message.metrics_json)?.unwrap_or_default();
    Ok(NewPoint { name: bounded(message.name), metrics, files: blobs(message.files)? })
}

fn blobs(list: Vec<v1::File>) -> Result<Vec<BlobRef>, WireError> {
    let files = wire::files(list)?;
    Ok(files.into_iter().filter_map(BlobRef::from_file).collect())
}

/// The end of an attempt whose own report could not be read.
pub fn unreadable(error: &WireError) -> Body {
    let message = format!("the agent's report could not be read: {error}");
    Body::Finished { end: End::Failure { class: FailureClass::Internal, message }, usage: Usage::default() }
}

/// Texts from outside are bounded; a cut falls between characters.
pub fn bounded(mut text: String) -> String {
    if text.len() > MOST_TEXT {
        let cut = (0..=MOST_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(cut);
    }
    text
}

/// What the agent is told of its new attempt.
pub fn assign(granted: Granted) -> v1::CoordinatorMessage {
    let files = |list: Vec<BlobRef>| list.into_iter().map(file).collect();
    let checkpoints = granted.checkpoints.into_iter().map(|checkpoint| v1::Checkpoint {
        epoch: checkpoint.epoch,
        step: checkpoint.step,
        files: files(checkpoint.files),
    });
    let assign = v1::Assign {
        token: Some(granted.token.into()),
        spec_json: granted.spec_json,
        inputs: granted.inputs.into_iter().map(|list| v1::Input { files: files(list) }).collect(),
        checkpoints: checkpoints.collect(),
        device: granted.request.device.as_str().to_owned(),
        device_index: granted.request.device_index,
        memory_bytes: granted.memory_bytes,
        exclusive: granted.exclusive,
        micro_batches: granted.micro_batches,
        disk_bytes: granted.disk_bytes,
        hang_after_s: granted.hang_after_s,
    };
    message(v1::coordinator_message::Body::Assign(assign))
}

fn file(blob: BlobRef) -> v1::File {
    v1::File { name: blob.name, hash: blob.hash.into(), size_bytes: blob.size_bytes }
}

pub fn message(body: v1::coordinator_message::Body) -> v1::CoordinatorMessage {
    v1::CoordinatorMessage { body: Some(body) }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use sweep_shared::wire::v1::agent_message::Body as Wire;

    use super::*;

    /// What an agent of the version before said, from its hello to its goodbye.
    const BEFORE: &str = include_str!("../../../shared/proto/previous/session.jsonl");

    #[test]
    fn an_agent_of_the_version_before_is_understood() {
        let (mut hellos, mut ends) = (0, 0);
        for line in BEFORE.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            if line["from"] != "agent" || !line["path"].as_str().unwrap().ends_with("/Session") {
                continue;
            }
            let bytes = BASE64_STANDARD.decode(line["message"].as_str().unwrap()).unwrap();
            let message = <v1::AgentMessage as prost::Message>::decode(bytes.as_slice()).unwrap();
            match message.body.expect("a kind that is known") {
                Wire::Hello(hello) => {
                    assert!(!introduction(hello).unwrap().info.devices.is_empty());
                    hellos += 1;
                }
                Wire::Heartbeat(heartbeat) => assert!(!devices(heartbeat.devices).unwrap().is_empty()),
                Wire::Goodbye(_) => {}
                body => {
                    let said = said(body).map_err(|(_, error)| error).unwrap();
                    ends += usize::from(said.is_some_and(|said| matches!(said.body, Body::Finished { .. })));
                }
            }
        }
        assert!(hellos >= 1 && ends >= 3, "{hellos} {ends}");
    }

    #[test]
    fn a_malformed_report_still_tells_whose_it_is() {
        let token = v1::Token { job: 1, attempt: 2, lease: 3 };
        let point = v1::Point { name: "main".to_owned(), metrics_json: "{".to_owned(), files: vec![] };
        let success = v1::Success { points: vec![point], artifacts: vec![] };
        let finished = v1::Finished {
            token: Some(token),
            end: Some(v1::finished::End::Success(success)),
            run_s: 1.0,
            ..Default::default()
        };
        let (known, error) = said(v1::agent_message::Body::Finished(finished)).err().unwrap();
        assert_eq!(known, Some(Token::from(token)));
        assert!(error.to_string().starts_with("malformed metrics"), "{error}");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = bounded("é".repeat(MOST_TEXT));
        assert!(text.len() <= MOST_TEXT && text.chars().all(|c| c == 'é'));
    }

    #[test]
    fn an_unknown_failure_class_is_internal() {
        let failure = v1::Failure { class: "gremlins".to_owned(), message: "boo".to_owned() };
        let token = Some(v1::Token { job: 1, attempt: 1, lease: 1 });
        let finished = v1::Finished {
            token,
            end: Some(v1::finished::End::Failure(failure)),
            run_s: f64::NAN,
            ..Default::default()
        };
        let said = said(v1::agent_message::Body::Finished(finished)).ok().flatten().unwrap();
        let Body::Finished { end: End::Failure { class, .. }, usage } = said.body else { panic!("{:?}", said.body) };
        assert_eq!((class, usage.run_s), (FailureClass::Internal, 0.0));
    }
}
