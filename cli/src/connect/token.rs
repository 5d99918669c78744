//! Tokens as users give them: the whole text that was printed, or the 64 digits of a home's own.

use std::fmt;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use sweep_shared::access::{Fingerprint, Secret, SecretKind};

use crate::exit::{Failure, Outcome};

/// Its `Debug` shows nothing secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Token {
    /// With the fingerprint of the coordinator that made it, if that speaks TLS.
    Made(Secret),
    /// A home's own, which counts on the coordinator's machine only; or one that the coordinator will refuse by itself.
    Home(String),
}

/// The longest text that is read as a token.
const LONGEST: u64 = 4096;

impl Token {
    pub fn parse(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Home(text.trim().to_owned()), Self::Made)
    }

    /// What goes over the wire.
    pub fn bearer(&self) -> String {
        match self {
            Self::Made(secret) => secret.bearer(),
            Self::Home(text) => text.clone(),
        }
    }

    pub fn fingerprint(&self) -> Option<Fingerprint> {
        match self {
            Self::Made(secret) => secret.fingerprint,
            Self::Home(_) => None,
        }
    }

    /// A file's; `-` reads standard input.
    pub fn read(path: &Path) -> Outcome<Self> {
        let shown = if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() };
        let text = if is_stdin(path) { stdin() } else { file(path) };
        let text = text.map_err(|error| Failure::usage(format!("cannot read the token in {shown}: {error}")))?;
        match text.trim() {
            "" => Err(Failure::usage(format!("there is no token in {shown}: it is empty"))),
            token => Ok(Self::parse(token)),
        }
    }

    /// Asks whoever sits there, without showing what is typed; reads standard input where nobody does.
    pub fn ask(prompt: &str) -> Outcome<Self> {
        if !std::io::stdin().is_terminal() {
            return Self::read(Path::new("-"));
        }
        let text = rpassword::prompt_password(prompt)?;
        match text.trim() {
            "" => Err(Failure::usage("no token was given")),
            token => Ok(Self::parse(token)),
        }
    }

    /// As one that lets an agent join.
    pub fn joining(self) -> Outcome<Secret> {
        match self {
            Self::Made(secret) if secret.kind == SecretKind::Join => Ok(secret),
            Self::Made(_) => Err(Failure::usage("that is a user's token (swu_…), and lets no agent join")
                .hint("`sweep agents invite`, where the coordinator runs, prints a join token (swj_…)")),
            Self::Home(_) => Err(Failure::usage("that is no join token: one looks like swj_7_…")
                .hint("`sweep agents invite`, where the coordinator runs, prints one; copy all of it")),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made(secret) => secret.fmt(f),
            Self::Home(_) => f.write_str("…"),
        }
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn stdin() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().lock().take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

fn file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_proves_something_is_sent_and_nothing_of_it_is_shown() {
        let whole = format!(" swu_7_s3cr3t_{}\n", "ab".repeat(32));
        let token = Token::parse(&whole);
        assert_eq!((token.bearer().as_str(), token.fingerprint()), ("swu_7_s3cr3t", Some(Fingerprint([0xab; 32]))));
        let home = Token::parse(&"0f".repeat(32));
        assert_eq!((home.bearer(), home.fingerprint()), ("0f".repeat(32), None));
        let shown = format!("{token:?} {home:?}");
        assert!(!shown.contains("s3cr3t") && !shown.contains("0f0f"), "{shown}");
    }

    #[test]
    fn only_a_join_token_lets_an_agent_join() {
        assert_eq!(Token::parse("swj_1_abc").joining().unwrap().id, 1);
        assert!(Token::parse("swu_1_abc").joining().unwrap_err().text().contains("sweep agents invite"));
        let refused = Token::parse("s3cr3t").joining().unwrap_err().text();
        assert!(refused.contains("swj_7_") && !refused.contains("s3cr3t"), "{refused}");
    }

    #[test]
    fn a_file_is_read_and_an_empty_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "swu_1_abc\n").unwrap();
        assert_eq!(Token::read(&path).unwrap(), Token::parse("swu_1_abc"));
        std::fs::write(&path, "\n").unwrap();
        assert!(Token::read(&path).unwrap_err().text().contains("empty"));
        assert!(Token::read(&folder.path().join("none")).unwrap_err().text().contains("none"));
    }
}
