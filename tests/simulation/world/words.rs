//! Messages in a few words, for the trace.

use sweep_shared::ids::Token;
use sweep_shared::wire::v1;
use v1::agent_message::Body as Said;
use v1::coordinator_message::Body as Heard;

fn tokens(list: &[v1::Token]) -> String {
    let words: Vec<String> = list.iter().map(|token| Token::from(*token).to_string()).collect();
    words.join(", ")
}

fn of(token: Option<v1::Token>) -> String {
    token.map_or("nothing".to_owned(), |token| Token::from(token).to_string())
}

/// From an agent.
pub fn said(message: &v1::AgentMessage) -> String {
    let text = match &message.body {
        Some(Said::Hello(hello)) => format!(
            "hello: start {}, spool {} up to {}, generation {}, attempts {}",
            hello.incarnation,
            hello.spool_id,
            hello.acked_seq,
            hello.generation,
            tokens(&hello.attempts)
        ),
        Some(Said::Accept(accept)) => format!("accept {}", of(accept.token)),
        Some(Said::Refuse(refuse)) => format!("refuse {}: {}", of(refuse.token), refuse.reason),
        Some(Said::Progress(progress)) => {
            let epochs: Vec<u32> = progress.epochs.iter().map(|epoch| epoch.epoch).collect();
            format!("progress of {}: epochs {epochs:?}, resumed {:?}", of(progress.token), progress.resumed)
        }
        Some(Said::CheckpointReady(ready)) => {
            format!("checkpoint of {}: {}.{}", of(ready.token), ready.epoch, ready.step)
        }
        Some(Said::Finished(finished)) => format!("finished {}: {}", of(finished.token), end(finished)),
        Some(Said::Finishing(finishing)) => format!("finishing {}", of(finishing.token)),
        Some(Said::Heartbeat(_)) => "heartbeat".to_owned(),
        Some(Said::Goodbye(goodbye)) => format!("goodbye: {}", goodbye.reason),
        Some(Said::Log(_)) => "log".to_owned(),
        None => "nothing".to_owned(),
    };
    if message.seq == 0 { text } else { format!("#{} {text}", message.seq) }
}

fn end(finished: &v1::Finished) -> String {
    match &finished.end {
        Some(v1::finished::End::Success(_)) => "success".to_owned(),
        Some(v1::finished::End::Failure(failure)) => format!("{}: {}", failure.class, failure.message),
        Some(v1::finished::End::Interrupted(reason)) => format!("interrupted: {reason}"),
        Some(v1::finished::End::Cancelled(_)) => "cancelled".to_owned(),
        None => "nothing".to_owned(),
    }
}

/// From the coordinator.
pub fn heard(message: &v1::CoordinatorMessage) -> String {
    match &message.body {
        Some(Heard::Welcome(welcome)) => {
            format!(
                "welcome: generation {}, recorded {}, keep {}",
                welcome.generation,
                welcome.acked_seq,
                tokens(&welcome.keep)
            )
        }
        Some(Heard::Assign(assign)) => {
            format!("assign {} on {} {}", of(assign.token), assign.device, assign.device_index)
        }
        Some(Heard::Ack(ack)) => format!("recorded #{}", ack.seq),
        Some(Heard::Cancel(cancel)) => format!("cancel {}", of(cancel.token)),
        Some(Heard::Interrupt(interrupt)) => format!("interrupt {}: {}", of(interrupt.token), interrupt.reason),
        Some(Heard::Drain(drain)) => format!("drain: {}", drain.reason),
        Some(Heard::Refused(refused)) => format!("refused: {}", refused.reason),
        Some(Heard::Missing(missing)) => format!("missing for #{}: {:?}", missing.seq, missing.hashes),
        None => "nothing".to_owned(),
    }
}
