//! Scripts that run on hosts, and what they answer.
//!
//! Nothing of a script stands on the remote command line: that is a fixed text which reads so many bytes of its input and runs
//! them. So whatever the login shell there is, it has nothing to misread, and no argument is seen by others on the host. What
//! follows the script on its input is for the script itself.

use std::fmt::Write as _;

use crate::fleet::quote::quoted;

/// One of those in `scripts/`, with its arguments as variables set before it.
#[derive(Debug, Clone)]
pub struct Script {
    text: String,
}

/// What all scripts share: where things lie on a host, how they answer, whether the agent lives.
const COMMON: &str = include_str!("scripts/common.sh");

impl Script {
    /// `place` is the host's `home:` in the file of hosts; empty: the usual one.
    pub fn new(body: &str, place: &str) -> Self {
        Self { text: format!("place={}\n{COMMON}\n", quoted(place)) + body }
    }

    /// Sets a variable before anything else runs.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let mut text = String::new();
        let _ = writeln!(text, "{name}={}", quoted(value));
        self.text.insert_str(0, &text);
        self
    }

    pub fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// What a login shell is given: it takes the script off its input, byte by byte because nothing behind it may be taken, too.
    pub fn command(&self) -> String {
        format!("exec sh -c 'eval \"$(dd bs=1 count={} 2>/dev/null)\"'", self.text.len())
    }
}

/// What a script said, beside whatever the host's own start-up files print.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer(Vec<(String, String)>);

impl Answer {
    pub fn parse(text: &str) -> Self {
        let line = |line: &str| {
            let (name, value) = line.strip_prefix("sweep:")?.split_once('=')?;
            Some((name.to_owned(), value.trim_end().to_owned()))
        };
        Self(text.lines().filter_map(line).collect())
    }

    /// `None` where nothing was said, or that there is nothing.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(said, value)| said == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(said, _)| said == name).map(|(_, value)| value.as_str())
    }

    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    pub fn is(&self, name: &str) -> bool {
        self.get(name) == Some("yes")
    }
}

#[cfg(test)]
pub mod tests {
    use std::io::Write as _;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use super::*;

    /// Runs it as sshd would have a login shell do it, with this home folder.
    pub fn run(script: &Script, home: &Path, input: &[u8]) -> (Answer, String) {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script.command()).env("HOME", home).env_remove("XDG_DATA_HOME");
        command.env_remove("XDG_RUNTIME_DIR").env_remove("SSH_CONNECTION");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(script.bytes()).unwrap();
        // A script need not read all of its input.
        let _ = stdin.write_all(input);
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (Answer::parse(&text), text + &String::from_utf8_lossy(&output.stderr))
    }

    #[test]
    fn a_script_leaves_what_follows_it_to_itself() {
        let home = tempfile::tempdir().unwrap();
        let script = Script::new("cat > \"$HOME/rest\"; say done \"$word\"", "").with("word", "it's $HOME\\");
        let rest = b"sweep:x=y\0\xff\n\n".repeat(4000);
        let (answer, said) = run(&script, home.path(), &rest);
        assert_eq!(answer.get("done"), Some("it's $HOME\\"), "{said}");
        assert_eq!(std::fs::read(home.path().join("rest")).unwrap(), rest);
    }

    #[test]
    fn only_lines_of_ours_are_an_answer() {
        let answer = Answer::parse("Welcome to lab-3!\nsweep:arch=x86_64\nsweep:gpu=a\nsweep:gpu=b\nsweep:none=\n");
        assert_eq!((answer.get("arch"), answer.get("none"), answer.get("other")), (Some("x86_64"), None, None));
        assert_eq!(answer.all("gpu").collect::<Vec<_>>(), ["a", "b"]);
    }
}
