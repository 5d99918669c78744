//! How `sweep` ends: the exit codes that scripts rely on, and the error that carries one together with its cause and a hint.

use std::io;
use std::path::Path;

use serde_json::json;
use sweep_link::{LinkError, NoAddress};
use sweep_shared::states::SweepState;
use tonic::Code;

use crate::format;
use crate::paint::Pen;

/// What the process tells its caller. The numbers are promised in the documentation and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for is done.
    Done,
    /// The sweep ended, but some of its jobs failed; or a check found something.
    FailedJobs,
    /// A mistake in the command line, the settings or the plan.
    Usage,
    /// The coordinator cannot be reached, or it refused.
    Unreachable,
    /// The sweep was cancelled.
    Cancelled,
    /// Something that should not happen.
    Internal,
    /// A signal ended the command; the state is kept and the work can be continued.
    Interrupted,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::FailedJobs => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Cancelled => 4,
            Self::Internal => 5,
            Self::Interrupted => 130,
        }
    }

    /// The exit code of a command that saw a sweep to its end. An active sweep was left behind: interrupted.
    pub fn of_sweep(state: SweepState) -> Self {
        match state {
            SweepState::Finished => Self::Done,
            SweepState::FinishedWithFailures => Self::FailedJobs,
            SweepState::Cancelled => Self::Cancelled,
            SweepState::Active => Self::Interrupted,
        }
    }
}

/// Printed under `sweep --help`.
pub const CODES_HELP: &str = "\
Exit codes:
  0    done
  1    the sweep ended with failed jobs; `db check` found something wrong
  2    mistake in the command line, the settings or the plan
  3    the coordinator cannot be reached, or refused; or a host
  4    the sweep was cancelled
  5    internal error
  130  interrupted; the state is kept";

/// Why a command did not do what it was asked for: what to tell the user, and the exit code.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub error: anyhow::Error,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What a command comes to.
pub type Outcome<T = Exit> = Result<T, Failure>;

impl Failure {
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, error: anyhow::Error::msg(message.into()), hint: None }
    }

    pub fn unreachable(message: impl Into<String>) -> Self {
        Self { exit: Exit::Unreachable, error: anyhow::Error::msg(message.into()), hint: None }
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self { exit: Exit::Internal, error: anyhow::Error::msg(message.into()), hint: None }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Puts what was being done in front of what went wrong.
    pub fn context(mut self, doing: impl Into<String>) -> Self {
        self.error = self.error.context(doing.into());
        self
    }

    /// For people: the chain of causes, then the hint.
    #[cfg(test)]
    pub fn text(&self) -> String {
        self.painted(Pen::PLAIN, None)
    }

    /// As [`Failure::text`], in colours, and wrapped where there is a width.
    pub fn painted(&self, pen: Pen, width: Option<u16>) -> String {
        let mut causes = self.error.chain().map(ToString::to_string);
        let width = width.map_or(usize::MAX, usize::from);
        // Painted after it is wrapped: no width counts an escape.
        let line = |lead: &str, word: &str, painted: String, text: &str| {
            let whole = format!("{lead}{word} {}", text.trim_end());
            let lines: Vec<String> = whole.lines().flat_map(|line| format::hanging(line, width, 2)).collect();
            lines.join("\n").replacen(word, &painted, 1) + "\n"
        };
        let mut text = line("", "error:", pen.alarm("error:"), &causes.next().unwrap_or_default());
        for cause in causes {
            text += &line("  ", "because:", pen.bold("because:"), &cause);
        }
        if let Some(hint) = &self.hint {
            text += &line("", "hint:", pen.advice("hint:"), hint);
        }
        text
    }

    /// For scripts that asked for `--json`.
    pub fn json(&self) -> String {
        let error = format!("{:#}", self.error);
        json!({ "error": error, "hint": self.hint, "exit_code": self.exit.code() }).to_string() + "\n"
    }
}

/// Any error can end a command. Those of the network say by themselves which exit code is theirs.
impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        match error.downcast::<tonic::Status>() {
            // Only a status made on this side has a cause; those that the coordinator sent are its own words.
            Ok(status) if std::error::Error::source(&status).is_some() => match sweep_link::cause(&status) {
                Some(fault) => Self::from(fault.clone()),
                None => Self { exit: Exit::Unreachable, error: broken(&status), hint: None },
            },
            Ok(status) => Self::from_status(&status),
            Err(error) => {
                let fault = error.chain().find_map(|cause| cause.downcast_ref::<LinkError>());
                let exit = match fault {
                    _ if error.is::<NoAddress>() => Exit::Usage,
                    Some(LinkError::PlainToOthers(_) | LinkError::PlainDespitePin(_) | LinkError::NobodyToTrust(_)) => {
                        Exit::Usage
                    }
                    Some(_) => Exit::Unreachable,
                    None => Exit::Internal,
                };
                let hint = fault.map(LinkError::hint);
                Self { exit, error, hint }
            }
        }
    }
}

impl Failure {
    /// The coordinator's refusal in its own words: the message without gRPC's wrapping.
    fn from_status(status: &tonic::Status) -> Self {
        let message = if status.message().is_empty() { status.code().description() } else { status.message() };
        let error = match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => TurnedAway(message.to_owned()).into(),
            _ => anyhow::Error::msg(message.to_owned()),
        };
        let failure = Self { exit: exit_of(status.code()), error, hint: None };
        match status.code() {
            Code::Unauthenticated => failure.hint(
                "`sweep login URL` keeps a token of yours; SWEEP_TOKEN or --token-file give one for once. On the coordinator's own machine \
                 its SWEEP_HOME is enough",
            ),
            Code::NotFound => match where_to_look(message) {
                Some(hint) => failure.hint(hint),
                None => failure,
            },
            Code::Unimplemented => failure.hint("`sweep` and the coordinator are of different versions; use the same on both sides"),
            _ => failure,
        }
    }
}

impl Failure {
    /// Whether asking again would be answered alike: a token that counts no more, somebody else's coordinator.
    pub fn is_lasting(&self) -> bool {
        let lasting = |fault: &LinkError| fault.is_lasting();
        self.error.chain().any(|cause| cause.is::<TurnedAway>() || cause.downcast_ref().is_some_and(lasting))
    }
}

/// The coordinator knows who calls, or that nobody does, and will not do it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct TurnedAway(String);

/// Whether an operation on a file failed for want of space.
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What to do where something at this path could not be written.
pub fn disk_full_hint(path: &Path) -> String {
    let folder = path.parent().unwrap_or(path).display();
    format!("the disk is full: free some space in {folder} (or name another place with --home) and run this again")
}

/// Where all are shown of which the named one does not exist.
fn where_to_look(message: &str) -> Option<&'static str> {
    let said = |word: &str| message.split_whitespace().take(2).any(|begin| begin == word);
    let places = [
        ("sweep", "`sweep list` shows the sweeps"),
        ("job", "`sweep status` shows the latest sweep's jobs, `sweep list` the sweeps"),
        ("agent", "`sweep agents` shows the agents"),
        ("token", "`sweep tokens list` shows the tokens"),
        ("user", "`sweep users list` shows the users"),
    ];
    places.into_iter().find(|(word, _)| message.contains("does not exist") && said(word)).map(|(_, hint)| hint)
}

/// A connection that failed in the middle of a call.
fn broken(status: &tonic::Status) -> anyhow::Error {
    anyhow::Error::msg(status.message().to_owned()).context("the connection to the coordinator broke")
}

fn exit_of(code: Code) -> Exit {
    match code {
        Code::InvalidArgument | Code::NotFound | Code::OutOfRange => Exit::Usage,
        Code::Internal | Code::DataLoss | Code::Unknown => Exit::Internal,
        _ => Exit::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn every_exit_has_the_promised_code_and_is_in_the_help() {
        let all = [
            (Exit::Done, 0),
            (Exit::FailedJobs, 1),
            (Exit::Usage, 2),
            (Exit::Unreachable, 3),
            (Exit::Cancelled, 4),
            (Exit::Internal, 5),
            (Exit::Interrupted, 130),
        ];
        for (exit, code) in all {
            assert_eq!(exit.code(), code);
            assert!(CODES_HELP.contains(&format!("\n  {code} ")), "{code} is not in the help");
        }
    }

    #[test]
    fn a_sweeps_end_decides_the_exit() {
        assert_eq!(Exit::of_sweep(SweepState::Finished), Exit::Done);
        assert_eq!(Exit::of_sweep(SweepState::FinishedWithFailures), Exit::FailedJobs);
        assert_eq!(Exit::of_sweep(SweepState::Cancelled), Exit::Cancelled);
        assert_eq!(Exit::of_sweep(SweepState::Active), Exit::Interrupted);
    }

    #[test]
    fn the_coordinators_answer_becomes_exit_and_plain_words() {
        let refused = Failure::from(tonic::Status::invalid_argument("plan.yaml:3:5: no such model"));
        assert_eq!(refused.exit, Exit::Usage);
        assert_eq!(refused.text(), "error: plan.yaml:3:5: no such model\n");
        assert_eq!(Failure::from(tonic::Status::unavailable("gone")).exit, Exit::Unreachable);
        assert_eq!(Failure::from(tonic::Status::failed_precondition("it is over")).exit, Exit::Unreachable);
        assert_eq!(Failure::from(tonic::Status::internal("oops")).exit, Exit::Internal);
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let broken = Failure::from(tonic::Status::from_error(Box::new(reset)));
        assert_eq!(broken.exit, Exit::Unreachable);
        assert!(broken.text().contains("connection"), "{}", broken.text());
        let nobody = Failure::from(tonic::Status::unauthenticated("the token was revoked"));
        assert!(nobody.is_lasting() && nobody.text().starts_with("error: the token was revoked\nhint: "));
        assert!(nobody.hint.unwrap().contains("SWEEP_TOKEN"));
        assert!(!Failure::from(tonic::Status::unavailable("gone")).is_lasting());
    }

    #[test]
    fn what_is_wrong_with_the_way_there_is_told_with_what_to_do() {
        let desk: sweep_link::Address = "http://desk".parse().unwrap();
        let plain = Failure::from(LinkError::PlainToOthers(desk.clone()));
        assert_eq!((plain.exit, plain.is_lasting()), (Exit::Usage, true));
        assert!(plain.hint.unwrap().contains("https://desk:7433"));
        let refused = Failure::from(LinkError::Refused(desk.clone())).context("cannot reach it");
        assert_eq!((refused.exit, refused.is_lasting()), (Exit::Unreachable, false));
        assert!(refused.hint.is_some());
        let in_a_call = tonic::Status::from_error(Box::new(LinkError::SpeaksTls(desk)));
        assert!(Failure::from(in_a_call).text().contains("hint: say https://desk:7433"));
    }

    #[test]
    fn what_does_not_exist_is_told_with_where_to_look() {
        let hint = |message: &str| Failure::from(tonic::Status::not_found(message)).hint.unwrap_or_default();
        assert!(hint("job j99 does not exist").contains("sweep status"));
        assert!(hint("token 7 does not exist").contains("tokens list"));
        assert!(hint("an agent nobody with a certificate does not exist").contains("sweep agents"));
        assert_eq!(hint("there is no sweep yet"), "");
    }

    #[test]
    fn a_terminal_has_it_wrapped_and_painted() {
        let failure = Failure::usage("this is said in more words than twenty-eight columns hold").hint("read on");
        let text = failure.painted(Pen::COLOURED, Some(28));
        assert!(text.starts_with("\u{1b}[1;31merror:\u{1b}[0m this is said in more\n  words than"), "{text:?}");
        assert_eq!(failure.text().lines().count(), 2);
    }

    #[test]
    fn the_text_tells_causes_and_hint_and_json_is_one_object() {
        let io = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let error = Err::<(), _>(io).context("cannot read plan.yaml").unwrap_err();
        let failure = Failure::from(error).exit(Exit::Usage).hint("check the name");
        assert_eq!(failure.text(), "error: cannot read plan.yaml\n  because: no such file\nhint: check the name\n");
        let value: serde_json::Value = serde_json::from_str(&failure.json()).unwrap();
        assert_eq!(value["error"], "cannot read plan.yaml: no such file");
        assert_eq!(value["exit_code"], 2);
    }
}
