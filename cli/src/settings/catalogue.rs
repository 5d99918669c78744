//! What there is to set: for `sweep config show --help`, for the documentation, and for whoever misspells one.
//!
//! A setting that is not here fails a test, so that none goes undescribed.

mod notices;

use std::fmt::Write as _;

/// One setting, in words.
#[derive(Debug)]
#[cfg_attr(not(test), allow(dead_code, reason = "the documentation is made by a test"))]
pub struct Described {
    /// As `sweep config show` and `sweep.toml` call it.
    pub name: &'static str,
    /// The flag, and the commands that take it.
    pub flag: Option<(&'static str, &'static str)>,
    /// Empty where it stands in the file only.
    pub variable: &'static str,
    /// As it may stand in `sweep.toml`; empty where it cannot.
    pub example: &'static str,
    pub default: &'static str,
    pub about: &'static str,
}

/// In the order of `sweep config show`; those of notices follow.
const OWN: &[Described] = &[
    Described {
        name: "home",
        flag: Some(("--home", "all")),
        variable: "SWEEP_HOME",
        example: "",
        default: "~/.local/share/sweep",
        about: "holds the database, artifacts and results (XDG_DATA_HOME is heeded)",
    },
    Described {
        name: "coordinator",
        flag: Some(("--coordinator", "all")),
        variable: "SWEEP_COORDINATOR",
        example: "\"https://desk:7433\"",
        default: "that of `sweep login`, else the one that runs on the home",
        about: "the coordinator to talk to",
    },
    Described {
        name: "token_file",
        flag: Some(("--token-file", "all")),
        variable: "SWEEP_TOKEN_FILE",
        example: "\"/etc/sweep/token\"",
        default: "that of `sweep login`, else the home's own",
        about: "the token for it; the token itself may be in SWEEP_TOKEN",
    },
    Described {
        name: "listen",
        flag: Some(("--listen", "serve")),
        variable: "SWEEP_LISTEN",
        example: "\"127.0.0.1:7433\"",
        default: "127.0.0.1:7433",
        about: "where a coordinator listens",
    },
    Described {
        name: "tls",
        flag: Some(("--tls", "serve")),
        variable: "SWEEP_TLS",
        example: "\"auto\"",
        default: "auto",
        about: "whether it speaks TLS: on, off, or auto: on every address but loopback",
    },
    Described {
        name: "names",
        flag: Some(("--name", "serve")),
        variable: "SWEEP_NAMES",
        example: "[\"desk.example.org\"]",
        default: "those that the host knows",
        about: "further names and addresses of its host (in the variable: with commas)",
    },
    Described {
        name: "join_token_file",
        flag: Some(("--join-token-file", "agent")),
        variable: "SWEEP_JOIN_TOKEN_FILE",
        example: "\"join-token\"",
        default: "none is needed once it has joined",
        about: "what an agent joins with; the token itself may be in SWEEP_JOIN_TOKEN",
    },
    Described {
        name: "lease",
        flag: Some(("--lease", "serve")),
        variable: "SWEEP_LEASE",
        example: "\"1m\"",
        default: "1m",
        about: "how long an agent may be silent before others may have its jobs; at least 5s",
    },
    Described {
        name: "reconnect_grace",
        flag: Some(("--reconnect-grace", "serve")),
        variable: "SWEEP_RECONNECT_GRACE",
        example: "\"15s\"",
        default: "15s",
        about: "the same once its connection was closed",
    },
    Described {
        name: "grace",
        flag: None,
        variable: "SWEEP_GRACE",
        example: "\"2m\"",
        default: "2m",
        about: "how long a job may take from SIGTERM to its end before an agent kills it",
    },
    Described {
        name: "patience",
        flag: None,
        variable: "SWEEP_PATIENCE",
        example: "\"10m\"",
        default: "10m",
        about: "how long a job may at least tell of no progress before an agent counts it as hung",
    },
    Described {
        name: "secrets",
        flag: None,
        variable: "SWEEP_SECRETS",
        example: "\"/etc/sweep/secrets\"",
        default: "SWEEP_HOME/agent/secrets",
        about: "where an agent has the values of secrets",
    },
    Described {
        name: "slots",
        flag: Some(("--slots", "local, agent")),
        variable: "SWEEP_SLOTS",
        example: "2",
        default: "1",
        about: "jobs at once, per GPU where there are GPUs",
    },
    Described {
        name: "labels",
        flag: Some(("--label", "agent")),
        variable: "SWEEP_LABELS",
        example: "[\"room=b12\"]",
        default: "none",
        about: "what an agent says of itself, for the `where` of plans (in the variable: with commas)",
    },
    Described {
        name: "leave_when_idle",
        flag: Some(("--leave-when-idle", "agent")),
        variable: "SWEEP_LEAVE_WHEN_IDLE",
        example: "\"10m\"",
        default: "never",
        about: "an agent leaves when it had nothing to do for so long; or never",
    },
    Described {
        name: "scratch",
        flag: Some(("--scratch", "agent")),
        variable: "SWEEP_SCRATCH",
        example: "\"/local/scratch\"",
        default: "SWEEP_HOME/agent",
        about: "where an agent runs jobs and caches files: a fast disk of its own machine",
    },
    Described {
        name: "datasets",
        flag: None,
        variable: "SWEEP_DATASETS",
        example: "\"/data\"",
        default: "SWEEP_HOME/datasets",
        about: "where an agent keeps data sets",
    },
    Described {
        name: "weights_url",
        flag: None,
        variable: "SWEEP_WEIGHTS_URL",
        example: "\"https://mirror/w\"",
        default: "their publishers",
        about: "where an agent asks for published weights",
    },
    Described {
        name: "runner",
        flag: None,
        variable: "SWEEP_RUNNER",
        example: "\"/opt/sweep/sweep-runner\"",
        default: "beside sweep, else on PATH",
        about: "the program that runs jobs",
    },
    Described {
        name: "artifacts",
        flag: None,
        variable: "SWEEP_ARTIFACTS",
        example: "\"s3://lab/sweep\"",
        default: "home",
        about: "where a coordinator keeps artifacts: home, or a bucket (docs/storage.md)",
    },
    Described {
        name: "artifacts_endpoint",
        flag: None,
        variable: "SWEEP_ARTIFACTS_ENDPOINT",
        example: "\"https://minio:9000\"",
        default: "AWS_ENDPOINT_URL, the profile's, else Amazon's",
        about: "the server that has the bucket",
    },
    Described {
        name: "artifacts_region",
        flag: None,
        variable: "SWEEP_ARTIFACTS_REGION",
        example: "\"eu-central-1\"",
        default: "AWS_REGION, the profile's, else us-east-1",
        about: "the bucket's region",
    },
    Described {
        name: "artifacts_http",
        flag: None,
        variable: "SWEEP_ARTIFACTS_HTTP",
        example: "false",
        default: "false",
        about: "whether that server may be spoken to without TLS over a network",
    },
    Described {
        name: "artifacts_cache",
        flag: None,
        variable: "SWEEP_ARTIFACTS_CACHE",
        example: "\"10 GiB\"",
        default: "10 GiB",
        about: "how much of the bucket's artifacts the home may hold, results/ apart",
    },
    Described {
        name: "retention.checkpoints",
        flag: None,
        variable: "SWEEP_RETENTION_CHECKPOINTS",
        example: "\"7d\"",
        default: "7d",
        about: "how long checkpoints of jobs that did not succeed stay; or never",
    },
    Described {
        name: "retention.logs",
        flag: None,
        variable: "SWEEP_RETENTION_LOGS",
        example: "\"30d\"",
        default: "30d",
        about: "the same of logs of jobs that succeeded",
    },
    Described {
        name: "retention.points",
        flag: None,
        variable: "SWEEP_RETENTION_POINTS",
        example: "\"never\"",
        default: "never",
        about: "the same of networks and ONNX files",
    },
    Described {
        name: "page.idle",
        flag: None,
        variable: "SWEEP_PAGE_IDLE",
        example: "\"12h\"",
        default: "12h",
        about: "a session in a browser that is not used for so long is over",
    },
    Described {
        name: "page.absolute",
        flag: None,
        variable: "SWEEP_PAGE_ABSOLUTE",
        example: "\"7d\"",
        default: "7d",
        about: "and in any case after so long",
    },
];

/// Every setting, in the order of `sweep config show`.
pub fn all() -> impl Iterator<Item = &'static Described> {
    OWN.iter().chain(notices::NOTICES)
}

/// Variables that are heeded and are no settings.
pub const OTHER_VARIABLES: &[&str] = &["SWEEP_CONFIG", "SWEEP_TOKEN", "SWEEP_JOIN_TOKEN", "SWEEP_LOG", "SWEEP_ORT"];

/// Every setting as it may stand in `sweep.toml`, with its variable; those of a table under its head.
pub fn as_file() -> String {
    const WIDTH: usize = 42;
    let mut text = String::new();
    let mut table = "";
    for setting in all().filter(|setting| !setting.example.is_empty()) {
        let (of, name) = setting.name.split_once('.').unwrap_or(("", setting.name));
        if of != table {
            let _ = writeln!(text, "\n  [{of}]");
            table = of;
        }
        let line = format!("{name} = {}", setting.example);
        match setting.variable {
            "" => drop(writeln!(text, "  {line}")),
            variable => drop(writeln!(text, "  {line:<WIDTH$}# {variable}")),
        }
    }
    text
}

/// A Markdown table for the documentation.
#[cfg(test)]
pub fn as_markdown() -> String {
    let mut text =
        "| flag | variable | in `sweep.toml` | default | meaning |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for setting in all() {
        let Described { name, flag, variable, example, default, about } = setting;
        let flag =
            flag.map_or(
                String::new(),
                |(flag, of)| if of == "all" { format!("`{flag}`") } else { format!("`{flag}` ({of})") },
            );
        let name = if example.is_empty() { String::new() } else { format!("`{name}`") };
        let variable = if variable.is_empty() { String::new() } else { format!("`{variable}`") };
        let _ = writeln!(text, "| {flag} | {variable} | {name} | {default} | {about} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::file::SettingsFile;

    #[test]
    fn what_is_shown_can_be_written() {
        let text: String = as_file().lines().map(|line| line.trim_start().to_owned() + "\n").collect();
        SettingsFile::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(as_file().lines().all(|line| line.chars().count() <= 80), "{}", as_file());
    }
}
