//! Where Slurm's commands are: on this machine, or on one that is reached by SSH.

use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::spec::Spec;
use crate::exit::{Failure, Outcome};
use crate::fleet::quote::quoted;
use crate::fleet::ssh::OPTIONS;

/// A machine with Slurm's commands, and the disk that its nodes share.
#[derive(Debug, Default)]
pub struct Login {
    /// As `ssh` knows it; `None`: this one.
    via: Option<String>,
    ssh_config: Option<String>,
}

/// What `ssh` itself ends with where it did not get there.
const NOT_THERE: i32 = 255;

impl Login {
    pub fn of(spec: &Spec) -> Self {
        Self { via: spec.via.clone(), ssh_config: spec.ssh_config.clone() }
    }

    /// The program `sweep` as the nodes find it, where nobody said.
    pub async fn sweep(&self) -> Outcome<String> {
        let Some(host) = &self.via else { return Ok(std::env::current_exe()?.display().to_string()) };
        let found = self.sh("command -v sweep || :", &[], b"").await?;
        match found.trim() {
            "" => Err(Failure::usage(format!("there is no program sweep on the PATH of {host}"))
                .hint("--slurm sweep=/PATH/sweep names it, on a disk that the nodes share")),
            path => Ok(path.to_owned()),
        }
    }

    fn command(&self, argv: &[&str]) -> Command {
        let Some(host) = &self.via else {
            let mut command = Command::new(argv[0]);
            command.args(&argv[1..]);
            return command;
        };
        let mut command = Command::new("ssh");
        if let Some(config) = &self.ssh_config {
            command.args(["-F", config]);
        }
        for option in OPTIONS {
            command.args(["-o", option]);
        }
        // One word for the other side's shell, whatever the words are.
        let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
        command.args(["-o", "ConnectTimeout=15", "--", host]).arg(words.join(" "));
        command
    }

    /// Runs a program to its end, whatever that is.
    pub async fn output(&self, argv: &[&str], input: &[u8]) -> Outcome<Output> {
        let mut command = self.command(argv);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // Slurm hands the submitter's environment on to the job, and keeps it: our tokens have no business there.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SWEEP_")) {
            command.env_remove(name);
        }
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => self.no_program(argv[0]),
            _ => Failure::internal(format!("cannot run {}: {error}", argv[0])),
        })?;
        let mut stdin = child.stdin.take().expect("it is piped");
        // Who reads none of it closes it, and says why on standard error.
        let _ = stdin.write_all(input).await;
        drop(stdin);
        let output = child.wait_with_output().await?;
        match (&self.via, output.status.code()) {
            (Some(host), Some(NOT_THERE)) => {
                Err(Failure::unreachable(format!("cannot reach {host}: {}", words(&output))).hint(format!(
                    "`ssh {host}` has to work without any question: a key in ssh's agent, and the host's key known"
                )))
            }
            (Some(_), Some(127)) => Err(self.no_program(argv[0])),
            _ => Ok(output),
        }
    }

    fn no_program(&self, program: &str) -> Failure {
        match &self.via {
            None => Failure::usage(format!("there is no program {program} on this machine")).hint(
                "Slurm's commands are on the cluster's login node: run this there, or name it (--slurm via=HOST)",
            ),
            Some(host) => Failure::usage(format!("there is no program {program} on {host}"))
                .hint("via= names the cluster's login node, where Slurm's commands are found without a login shell"),
        }
    }

    /// What a program prints that must succeed; its words where it does not.
    pub async fn run(&self, argv: &[&str], input: &[u8]) -> Outcome<String> {
        let output = self.output(argv, input).await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Failure::unreachable(format!("{}: {}", argv[0], words(&output))))
    }

    /// A script of POSIX sh, with arguments.
    pub async fn sh(&self, script: &str, arguments: &[&str], input: &[u8]) -> Outcome<String> {
        self.run(&[&["sh", "-c", script, "sh"], arguments].concat(), input).await
    }
}

/// What a program said on its way out.
pub fn words(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    if said.is_empty() { output.status.to_string() } else { said.to_owned() }
}
