//! Protobuf on the outside, our types on the inside.

use std::time::Duration;

use sweep_shared::ids::{ContentHash, Token};
use sweep_shared::resources::Usage;
use sweep_shared::spec::JobSpec;
use sweep_shared::wire::{self, WireError, v1};

use super::message::{Assign, HangAfter, Hello, Inbound, Outbound, Progress};
use crate::report::{Body, Checkpoint, End, Point, Report, Success};

/// What the coordinator said. A message of a kind that this version does not know is an error.
pub fn inbound(message: v1::CoordinatorMessage) -> Result<Inbound, WireError> {
    use v1::coordinator_message::Body;
    Ok(match message.body.ok_or(WireError::Missing("its body"))? {
        Body::Welcome(welcome) => Inbound::Welcome {
            generation: welcome.generation,
            acked: welcome.acked_seq,
            keep: welcome.keep.into_iter().map(Token::from).collect(),
            lease_ms: welcome.lease_ms,
            logs: welcome.logs.into_iter().filter_map(|log| Some((log.token?.into(), log.bytes))).collect(),
        },
        Body::Assign(message) => {
            let token = wire::token(message.token)?;
            match assign(token, message) {
                Ok(assign) => Inbound::Assign(Box::new(assign)),
                Err(error) => Inbound::BadAssign { token, error: error.to_string() },
            }
        }
        Body::Ack(ack) => Inbound::Ack(ack.seq),
        Body::Missing(missing) => Inbound::Missing {
            seq: missing.seq,
            hashes: missing.hashes.into_iter().map(ContentHash::try_from).collect::<Result<_, _>>()?,
        },
        Body::Cancel(cancel) => Inbound::Cancel(wire::token(cancel.token)?),
        Body::Interrupt(interrupt) => Inbound::Interrupt(wire::token(interrupt.token)?, interrupt.reason),
        Body::Drain(drain) => Inbound::Drain(drain.reason),
        Body::Refused(refused) => Inbound::Refused(refused.reason),
    })
}

fn assign(token: Token, message: v1::Assign) -> Result<Assign, WireError> {
    let spec: JobSpec = wire::from_json("job spec", &message.spec_json)?;
    let inputs: Vec<_> = message.inputs.into_iter().map(|input| wire::files(input.files)).collect::<Result<_, _>>()?;
    if inputs.len() != spec.inputs.len() {
        return Err(WireError::Missing("the files of an input"));
    }
    let checkpoint = |c: v1::Checkpoint| Ok(Checkpoint { epoch: c.epoch, step: c.step, files: wire::files(c.files)? });
    Ok(Assign {
        token,
        spec,
        inputs,
        checkpoints: message.checkpoints.into_iter().map(checkpoint).collect::<Result<_, WireError>>()?,
        device: (wire::device_class(&message.device)?, message.device_index),
        memory_bytes: message.memory_bytes,
        disk_bytes: message.disk_bytes,
        exclusive: message.exclusive,
        micro_batches: message.micro_batches.max(1),
        hang_after: hang_after(message.hang_after_s),
    })
}

/// What cannot be understood is as if nothing had been said.
fn hang_after(seconds: Option<f64>) -> HangAfter {
    match seconds.map(Duration::try_from_secs_f64) {
        Some(Ok(Duration::ZERO)) => HangAfter::Never,
        Some(Ok(silence)) => HangAfter::Silence(silence),
        Some(Err(_)) | None => HangAfter::Usual,
    }
}

pub fn outbound(message: Outbound) -> v1::AgentMessage {
    use v1::agent_message::Body;
    let mut seq = 0;
    let body = match message {
        Outbound::Hello(it) => Body::Hello(hello(it)),
        Outbound::Accept(token) => Body::Accept(v1::Accept { token: Some(token.into()) }),
        Outbound::Refuse(token, reason) => Body::Refuse(v1::Refuse { token: Some(token.into()), reason }),
        Outbound::Finishing(token) => Body::Finishing(v1::Finishing { token: Some(token.into()) }),
        Outbound::Progress(token, it) => Body::Progress(progress(token, it)),
        Outbound::Log { token, offset, data } => Body::Log(v1::LogChunk { token: Some(token.into()), offset, data }),
        Outbound::Report(number, it) => {
            seq = number;
            report(it)
        }
        Outbound::Heartbeat(devices) => {
            Body::Heartbeat(v1::Heartbeat { devices: devices.iter().map(Into::into).collect() })
        }
        Outbound::Goodbye(reason) => Body::Goodbye(v1::Goodbye { reason }),
    };
    v1::AgentMessage { seq, body: Some(body) }
}

fn hello(hello: Hello) -> v1::Hello {
    v1::Hello {
        protocol_version: wire::PROTOCOL_VERSION,
        agent_id: hello.agent,
        host: hello.host,
        boot_id: hello.boot,
        incarnation: hello.incarnation,
        devices: hello.devices.iter().map(Into::into).collect(),
        attempts: hello.attempts.into_iter().map(Into::into).collect(),
        slots: hello.slots,
        labels: hello.labels.0.into_iter().collect(),
        spool_id: hello.spool,
        generation: hello.generation.unwrap_or_default(),
        acked_seq: hello.acked,
        nth: hello.nth,
    }
}

fn progress(token: Token, progress: Progress) -> v1::Progress {
    v1::Progress {
        token: Some(token.into()),
        fraction: progress.fraction,
        message: progress.message,
        epochs: progress.epochs.into_iter().map(v1::Epoch::from).collect(),
        resumed: progress.resumed.map(|(epoch, step)| v1::Resumed { epoch, step }),
        silence: progress.silence.map(|(silent, left)| v1::Silence {
            silent_ms: silent.as_millis() as u64,
            left_ms: left.as_millis() as u64,
        }),
        stuck: progress.stuck,
    }
}

fn report(report: Report) -> v1::agent_message::Body {
    let token = Some(report.token.into());
    match report.body {
        Body::Checkpoint(Checkpoint { epoch, step, files }) => {
            let files = files.iter().map(Into::into).collect();
            v1::agent_message::Body::CheckpointReady(v1::CheckpointReady { token, epoch, step, files })
        }
        Body::Finished { end: how, usage: Usage { run_s, peak_memory_bytes } } => {
            let end = Some(end(how));
            v1::agent_message::Body::Finished(v1::Finished { token, end, run_s, peak_memory_bytes })
        }
    }
}

fn end(end: End) -> v1::finished::End {
    match end {
        End::Success(it) => v1::finished::End::Success(success(it)),
        End::Failure { class, message } => {
            v1::finished::End::Failure(v1::Failure { class: class.as_str().to_owned(), message })
        }
        End::Interrupted(reason) => v1::finished::End::Interrupted(reason),
        End::Cancelled => v1::finished::End::Cancelled(true),
    }
}

fn success(success: Success) -> v1::Success {
    let point = |p: Point| v1::Point {
        name: p.name,
        metrics_json: wire::to_json(&p.metrics),
        files: p.files.iter().map(Into::into).collect(),
    };
    v1::Success {
        points: success.points.into_iter().map(point).collect(),
        artifacts: success.artifacts.iter().map(Into::into).collect(),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    /// What a coordinator of the version before said.
    const BEFORE: &str = include_str!("../../../shared/proto/previous/session.jsonl");

    #[test]
    fn a_coordinator_of_the_version_before_is_understood() {
        let (mut welcomes, mut assigned) = (0, 0);
        for line in BEFORE.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            if line["from"] != "coordinator" || !line["path"].as_str().unwrap().ends_with("/Session") {
                continue;
            }
            let bytes = BASE64_STANDARD.decode(line["message"].as_str().unwrap()).unwrap();
            let message = <v1::CoordinatorMessage as prost::Message>::decode(bytes.as_slice()).unwrap();
            match inbound(message).unwrap() {
                Inbound::Welcome { lease_ms, .. } => {
                    assert!(lease_ms > 0);
                    welcomes += 1;
                }
                Inbound::Assign(assign) => {
                    assert!(assign.token.attempt > 0);
                    assigned += 1;
                }
                Inbound::BadAssign { error, .. } => panic!("{error}"),
                _ => {}
            }
        }
        assert!(welcomes >= 1 && assigned >= 4, "{welcomes} {assigned}");
    }
}
