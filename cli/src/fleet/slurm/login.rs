//! Where Slurm's commands are.

use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::exit::{Failure, Outcome};

/// A machine with Slurm's commands, and the disk that its nodes share: this one.
pub struct Login;

impl Login {
    /// Runs a program to its end, whatever that is.
    pub async fn output(&self, argv: &[&str], input: &[u8]) -> Outcome<Output> {
        let (program, arguments) = argv.split_first().expect("a program");
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Slurm hands the submitter's environment on to the job, and keeps it: our tokens have no business there.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SWEEP_")) {
            command.env_remove(name);
        }
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::usage(format!("there is no program {program} on this machine"))
                .hint("Slurm's commands are on the cluster's login node: run this there"),
            _ => Failure::internal(format!("cannot run {program}: {error}")),
        })?;
        let mut stdin = child.stdin.take().expect("it is piped");
        // Who reads none of it closes it, and says why on standard error.
        let _ = stdin.write_all(input).await;
        drop(stdin);
        Ok(child.wait_with_output().await?)
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
