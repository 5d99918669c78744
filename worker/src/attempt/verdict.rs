//! What a runner's end means. A pure decision.

use sweep_shared::event::exit;
use sweep_shared::spec::Protocol;
use sweep_shared::states::FailureClass;

use crate::process::Exit;
use crate::report::End;
use crate::session::Stop;

/// What the runner said before it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    pub done: bool,
    pub failed: Option<(FailureClass, String)>,
    /// The kernel killed for memory while it ran.
    pub out_of_memory: bool,
    /// It killed one of its processes for memory, which it counts for each attempt.
    pub surely_out_of_memory: bool,
    /// There was next to no space left when it ended.
    pub disk_full: bool,
    /// It was stopped because it told of no progress; why, in words.
    pub hung: Option<String>,
    /// How many events it told.
    pub events: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// If its files arrive.
    Succeeded,
    Ended(End),
}

/// `asked`: how the attempt was asked to stop. `log`: the last lines of its log, for a failure's message.
pub fn verdict(
    protocol: Protocol,
    exit: Exit,
    told: Told,
    asked: Option<&Stop>,
    log: impl FnOnce() -> String,
) -> Verdict {
    match asked {
        Some(Stop::Cancel) => return Verdict::Ended(End::Cancelled),
        Some(Stop::Kill(reason)) => return Verdict::Ended(End::Interrupted(reason.clone())),
        Some(Stop::Interrupt(_)) | None => {}
    }
    if let Some((class, message)) = told.failed {
        let full = class == FailureClass::DiskFull || (class == FailureClass::Internal && told.disk_full);
        return Verdict::Ended(match asked {
            // Only its last checkpoint found no space; the one before will do.
            Some(Stop::Interrupt(reason)) if full => End::Interrupted(reason.clone()),
            _ => End::Failure { class: if full { FailureClass::DiskFull } else { class }, message },
        });
    }
    let succeeded = match protocol {
        Protocol::Events => told.done && exit == Exit::Status(exit::DONE),
        // A program that was told to stop may well end with 0 half-way.
        Protocol::Exit => exit == Exit::Status(0) && asked.is_none(),
    };
    if succeeded {
        return Verdict::Succeeded;
    }
    if let Some(hung) = told.hung {
        return Verdict::Ended(End::failure(FailureClass::Internal, with_log(hung, &log())));
    }
    if let Some(Stop::Interrupt(reason)) = asked {
        return Verdict::Ended(End::Interrupted(reason.clone()));
    }
    if protocol == Protocol::Events && exit == Exit::Status(exit::INTERRUPTED) {
        return Verdict::Ended(End::Interrupted("the runner was told to stop, though not by sweep".to_owned()));
    }
    Verdict::Ended(failure(protocol, exit, &told, &log()))
}

fn failure(protocol: Protocol, exit: Exit, told: &Told, log: &str) -> End {
    let killed = exit == Exit::Signal(libc::SIGKILL);
    let out_of_memory = told.surely_out_of_memory || (killed && told.out_of_memory);
    let class = match told {
        _ if out_of_memory || ended_for_memory(exit, log) => FailureClass::OutOfMemory,
        Told { disk_full: true, .. } => FailureClass::DiskFull,
        _ => FailureClass::Internal,
    };
    let mut message = match exit {
        Exit::Status(0) if protocol == Protocol::Events => without_done(told),
        Exit::Status(status) if out_of_memory => {
            format!("exit status {status}, and the kernel killed one of its processes: no memory was left")
        }
        Exit::Status(status) => format!("exit status {status}"),
        Exit::Signal(_) if killed && out_of_memory => "killed by the kernel: the host is out of memory".to_owned(),
        Exit::Signal(_) if killed => "killed by SIGKILL, not by sweep".to_owned(),
        Exit::Signal(signal) => match nix::sys::signal::Signal::try_from(signal) {
            Ok(signal) => format!("killed by {}", signal.as_str()),
            Err(_) => format!("killed by signal {signal}"),
        },
    };
    if class == FailureClass::DiskFull {
        message.push_str(", and the disk is full");
    }
    End::Failure { class, message: with_log(message, log) }
}

/// Exit status 0 alone is no success where events are spoken.
fn without_done(told: &Told) -> String {
    let ended = "it ended with status 0, but without the event \"done\"";
    match told.events {
        0 => format!(
            "{ended}, and told none at all: a program of `protocol: events` writes JSON objects, one a line, to file \
             descriptor 3, the last one {{\"event\":\"done\"}}; one that tells nothing is of `protocol: exit`"
        ),
        _ => format!("{ended}: its last line on file descriptor 3 must be {{\"event\":\"done\"}}"),
    }
}

fn with_log(mut message: String, log: &str) -> String {
    if !log.is_empty() {
        message.push('\n');
        message.push_str(log);
    }
    message
}

/// Whether a program that could not say so itself ended for want of memory: `log` holds its last lines. Rust's and C++'s own last
/// words come with SIGABRT, libgomp's with a status.
fn ended_for_memory(exit: Exit, log: &str) -> bool {
    const ABORTED: [&str; 2] = ["memory allocation of ", "bad_alloc"];
    const EXITED: [&str; 2] = ["libgomp: Out of memory", "libgomp: Thread creation failed"];
    let words: &[&str] = match exit {
        Exit::Signal(libc::SIGABRT) => &ABORTED,
        Exit::Status(status) if status != 0 => &EXITED,
        _ => &[],
    };
    words.iter().any(|words| log.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KILLED: Exit = Exit::Signal(libc::SIGKILL);

    fn done() -> Told {
        Told { done: true, ..Told::default() }
    }

    fn judge(protocol: Protocol, exit: Exit, told: Told, asked: Option<&Stop>) -> Verdict {
        verdict(protocol, exit, told, asked, || "last words".to_owned())
    }

    fn interrupt() -> Stop {
        Stop::Interrupt("drained".to_owned())
    }

    #[test]
    fn success_takes_both_the_event_and_the_status() {
        assert_eq!(judge(Protocol::Events, Exit::Status(0), done(), None), Verdict::Succeeded);
        assert!(matches!(judge(Protocol::Events, Exit::Status(1), done(), None), Verdict::Ended(End::Failure { .. })));
        let Verdict::Ended(End::Failure { class, message }) =
            judge(Protocol::Events, Exit::Status(0), Told::default(), None)
        else {
            panic!("a runner that never said done")
        };
        assert_eq!(class, FailureClass::Internal);
        assert!(message.contains("\"done\"") && message.ends_with("last words"), "{message}");
    }

    #[test]
    fn a_command_succeeds_by_its_status_unless_it_was_told_to_stop() {
        assert_eq!(judge(Protocol::Exit, Exit::Status(0), Told::default(), None), Verdict::Succeeded);
        let interrupted = Verdict::Ended(End::Interrupted("drained".to_owned()));
        assert_eq!(judge(Protocol::Exit, Exit::Status(0), Told::default(), Some(&interrupt())), interrupted);
        assert_eq!(judge(Protocol::Events, Exit::Status(0), done(), Some(&interrupt())), Verdict::Succeeded);
    }

    #[test]
    fn what_was_asked_decides_over_how_it_died() {
        assert_eq!(judge(Protocol::Events, KILLED, done(), Some(&Stop::Cancel)), Verdict::Ended(End::Cancelled));
        let kill = Stop::Kill("the agent was stopped".to_owned());
        let expected = End::Interrupted("the agent was stopped".to_owned());
        assert_eq!(judge(Protocol::Exit, KILLED, Told::default(), Some(&kill)), Verdict::Ended(expected));
        let expected = End::Interrupted("drained".to_owned());
        assert_eq!(judge(Protocol::Events, KILLED, Told::default(), Some(&interrupt())), Verdict::Ended(expected));
    }

    #[test]
    fn a_failure_event_names_the_class_and_the_kernel_names_memory() {
        let told = Told { failed: Some((FailureClass::Diverged, "loss is NaN".to_owned())), ..Told::default() };
        let expected = End::failure(FailureClass::Diverged, "loss is NaN");
        assert_eq!(judge(Protocol::Events, Exit::Status(1), told, None), Verdict::Ended(expected));
        let told = Told { out_of_memory: true, ..Told::default() };
        let Verdict::Ended(End::Failure { class, .. }) = judge(Protocol::Events, KILLED, told, None) else { panic!() };
        assert_eq!(class, FailureClass::OutOfMemory);
    }

    #[test]
    fn a_hung_runner_has_failed_unless_it_came_to_its_end_after_all() {
        let hung = || Told { hung: Some("no progress for 12 min".to_owned()), ..Told::default() };
        let expected = Verdict::Ended(End::failure(FailureClass::Internal, "no progress for 12 min\nlast words"));
        // Killed, or with a last checkpoint.
        for exit in [KILLED, Exit::Status(exit::INTERRUPTED), Exit::Status(0)] {
            assert_eq!(judge(Protocol::Events, exit, hung(), None), expected);
        }
        assert_eq!(judge(Protocol::Events, KILLED, hung(), Some(&interrupt())), expected);
        let cancelled = judge(Protocol::Events, KILLED, hung(), Some(&Stop::Cancel));
        assert_eq!(cancelled, Verdict::Ended(End::Cancelled));
        let done = Told { done: true, ..hung() };
        assert_eq!(judge(Protocol::Events, Exit::Status(0), done, None), Verdict::Succeeded);
        let failed = Told { failed: Some((FailureClass::Diverged, "NaN".to_owned())), ..hung() };
        let diverged = Verdict::Ended(End::failure(FailureClass::Diverged, "NaN"));
        assert_eq!(judge(Protocol::Events, Exit::Status(1), failed, None), diverged);
    }

    #[test]
    fn a_helper_that_the_kernel_killed_for_memory_explains_the_failure_of_the_whole() {
        let told = || Told { surely_out_of_memory: true, ..Told::default() };
        let Verdict::Ended(End::Failure { class, message }) = judge(Protocol::Events, Exit::Status(1), told(), None)
        else {
            panic!()
        };
        assert_eq!(class, FailureClass::OutOfMemory);
        assert!(message.starts_with("exit status 1, and the kernel killed one of its processes"), "{message}");
        // What came right after all needs no explanation.
        assert_eq!(judge(Protocol::Exit, Exit::Status(0), told(), None), Verdict::Succeeded);
        let suspected = Told { out_of_memory: true, ..Told::default() };
        let Verdict::Ended(End::Failure { class, .. }) = judge(Protocol::Exit, Exit::Status(1), suspected, None) else {
            panic!()
        };
        assert_eq!(class, FailureClass::Internal, "somebody on this host was killed, and the runner was not");
    }

    #[test]
    fn a_script_that_forgets_done_is_told_how() {
        let said = |events| {
            let told = Told { events, ..Told::default() };
            let verdict = judge(Protocol::Events, Exit::Status(0), told, None);
            let Verdict::Ended(End::Failure { message, .. }) = verdict else { panic!("{verdict:?}") };
            message
        };
        assert!(said(0).contains("file descriptor 3") && said(0).contains("`protocol: exit`"), "{}", said(0));
        assert!(said(4).contains(r#"must be {"event":"done"}"#) && !said(4).contains("protocol: exit"), "{}", said(4));
    }

    #[test]
    fn a_program_that_dies_for_want_of_memory_is_known_by_its_last_words() {
        let class = |exit: Exit, log: &str| {
            let told = Told::default();
            match verdict(Protocol::Events, exit, told, None, || log.to_owned()) {
                Verdict::Ended(End::Failure { class, message }) => (class, message.contains(log)),
                other => panic!("{other:?}"),
            }
        };
        let aborted = Exit::Signal(libc::SIGABRT);
        let rust = "memory allocation of 22528 bytes failed";
        let cpp = "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc";
        let gomp = "libgomp: Thread creation failed: Resource temporarily unavailable";
        for (exit, log) in [(aborted, rust), (aborted, cpp), (Exit::Status(1), gomp)] {
            assert_eq!(class(exit, log), (FailureClass::OutOfMemory, true), "{log}");
        }
        // The words alone prove nothing.
        for (exit, log) in [(Exit::Status(1), rust), (KILLED, cpp), (aborted, gomp), (aborted, "an assertion failed")] {
            assert_eq!(class(exit, log), (FailureClass::Internal, true), "{log}");
        }
    }

    #[test]
    fn a_full_disk_is_named_and_spends_no_retry_of_what_was_told_to_stop() {
        let full = || Told { disk_full: true, ..Told::default() };
        let Verdict::Ended(End::Failure { class, message }) = judge(Protocol::Exit, Exit::Status(1), full(), None)
        else {
            panic!()
        };
        assert_eq!(class, FailureClass::DiskFull);
        assert!(message.starts_with("exit status 1, and the disk is full\n"), "{message}");
        assert_eq!(judge(Protocol::Exit, Exit::Status(0), full(), None), Verdict::Succeeded);
        let told = |class| Told { failed: Some((class, "no checkpoint".to_owned())), ..full() };
        let expected = Verdict::Ended(End::failure(FailureClass::DiskFull, "no checkpoint"));
        assert_eq!(judge(Protocol::Events, Exit::Status(1), told(FailureClass::Internal), None), expected);
        let drained = Verdict::Ended(End::Interrupted("drained".to_owned()));
        let asked = judge(Protocol::Events, Exit::Status(1), told(FailureClass::DiskFull), Some(&interrupt()));
        assert_eq!(asked, drained);
        let other = judge(Protocol::Events, Exit::Status(1), told(FailureClass::BadInput), Some(&interrupt()));
        assert_eq!(other, Verdict::Ended(End::failure(FailureClass::BadInput, "no checkpoint")));
    }

    #[test]
    fn an_interruption_by_others_spends_no_retry() {
        let verdict = judge(Protocol::Events, Exit::Status(exit::INTERRUPTED), Told::default(), None);
        assert!(matches!(verdict, Verdict::Ended(End::Interrupted(_))));
        // 75 means nothing in a command of another protocol.
        let verdict = judge(Protocol::Exit, Exit::Status(exit::INTERRUPTED), Told::default(), None);
        assert!(matches!(verdict, Verdict::Ended(End::Failure { .. })));
    }
}
