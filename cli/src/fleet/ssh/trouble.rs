//! Why a host could not be brought up, and what to do about it.

use std::fmt;

/// What a line says of a host that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub what: String,
    pub remedy: Option<String>,
    /// The connection broke: trying again may help.
    pub passing: bool,
}

impl Trouble {
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: None, passing: false }
    }

    pub fn remedy(mut self, text: impl Into<String>) -> Self {
        self.remedy = Some(text.into());
        self
    }

    pub fn passing(mut self) -> Self {
        self.passing = true;
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

/// Whether ssh ended since it does not trust the host's key.
pub fn is_distrust(said: &str) -> bool {
    said.contains("Host key verification failed")
}

/// What ssh means by ending with 255. `destination`: as the user would type it. `fingerprint`: of the key that the host showed, where that is known.
pub fn of_ssh(said: &str, destination: &str, fingerprint: Option<&str>) -> Trouble {
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let shown = fingerprint.map(|print| format!(" ({print})")).unwrap_or_default();
    if has(&["REMOTE HOST IDENTIFICATION HAS CHANGED"]) {
        return Trouble::new(format!("the host's key is another than the one known here{shown}")).remedy(format!(
            "if the host was set up anew, compare the fingerprint there, run the `ssh-keygen -R` that `ssh {destination}` prints, and \
             then `ssh {destination}` once; otherwise somebody else answers"
        ));
    }
    if is_distrust(said) {
        return Trouble::new(format!("the host's key is not known here{shown}"))
            .remedy(format!("run `ssh {destination}` once, compare the fingerprint, and say yes"));
    }
    if has(&["Permission denied", "Too many authentication failures", "No more authentication methods"]) {
        return Trouble::new("the host does not let us in without asking for something").remedy(format!(
            "make `ssh {destination}` work without a question: `ssh-copy-id {destination}`, `ssh-add` for a key with a passphrase, or \
             `identity:` in the file of hosts"
        ));
    }
    if has(&["Could not resolve hostname"]) {
        return Trouble::new("nobody knows a host of that name")
            .remedy("correct it, or describe it in ~/.ssh/config (`Host`, `HostName`)");
    }
    if has(&["Connection refused"]) {
        return Trouble::new("the host answers, but no SSH server does")
            .remedy("start sshd there, or name its `port:` in the file of hosts");
    }
    if has(&["timed out", "No route to host", "Network is unreachable", "not responding"]) {
        return Trouble::new("the host does not answer").remedy("is it on, and reachable from here?").passing();
    }
    if has(&["Bad configuration option", "Bad owner or permissions", "no such identity", "UNPROTECTED PRIVATE KEY"]) {
        return Trouble::new(format!("ssh does not like its configuration: {}", last_line(said)));
    }
    let last = last_line(said);
    let what =
        if last.is_empty() { "the connection broke".to_owned() } else { format!("the connection broke: {last}") };
    Trouble::new(what).remedy("the same command goes on where it stopped").passing()
}

pub fn last_line(said: &str) -> String {
    let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
    last.unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_says_becomes_a_reason_and_something_to_do() {
        let cases = [
            ("No ED25519 host key is known…\nHost key verification failed.", "is not known here", "run `ssh lab` once"),
            ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "another", "-R"),
            ("ada@lab: Permission denied (publickey).", "let us in", "ssh-copy-id lab"),
            ("ssh: Could not resolve hostname lab: Name or service not known", "nobody knows", "HostName"),
            ("ssh: connect to host lab port 22: Connection refused", "no SSH server", "port:"),
            ("ssh: connect to host lab port 22: Connection timed out", "does not answer", "is it on"),
            ("Connection to 10.0.0.1 closed by remote host.", "closed by remote host", "goes on where it stopped"),
            ("", "the connection broke", "goes on"),
        ];
        for (said, what, remedy) in cases {
            let trouble = of_ssh(said, "lab", None);
            assert!(trouble.what.contains(what), "{said}: {trouble}");
            assert!(trouble.remedy.as_deref().unwrap_or_default().contains(remedy), "{said}: {trouble}");
        }
    }

    #[test]
    fn a_key_that_is_not_trusted_is_shown() {
        let said = "Host key verification failed.";
        assert!(of_ssh(said, "lab", Some("ssh-ed25519 SHA256:abc")).what.contains("(ssh-ed25519 SHA256:abc)"));
        assert!(!of_ssh(said, "lab", None).passing);
    }
}
