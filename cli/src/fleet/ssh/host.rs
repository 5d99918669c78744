//! One host, from the first question to an agent that the coordinator sees.

use std::time::{Duration, SystemTime};

use sweep_link::Address;
use sweep_shared::hosts::Host;

use super::board::Line;
use super::bundle::{self, Bundle, Part};
use super::decide::{self, Decision, Wanted};
use super::files::{self, Files};
use super::probe::{Probe, State};
use super::remote::{Input, Remote, Ssh};
use super::script::Script;
use super::trouble::Trouble;
use super::{copy, stop};
use crate::connect::Client;
use crate::fleet::invitation::{Invitation, Named};
use crate::format;

/// What is the same for all hosts.
pub struct Launch {
    pub ssh: Ssh,
    pub bundle: Bundle,
    pub client: Client,
    pub named: Named,
    pub our_host: String,
    /// What runs otherwise is stopped, and started as it is now wanted.
    pub upgrade: bool,
}

/// How a host ended up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    Started,
    Upgraded,
    /// It ran already, as it is wanted.
    Ran,
    /// It runs, as an earlier version or with other settings.
    RunsOtherwise,
}

/// A host where an agent runs, with its id.
pub struct Up {
    pub done: Done,
    pub agent: String,
    pub notes: Vec<String>,
}

/// How long an agent may take from its start until the coordinator sees it.
const JOINING: Duration = Duration::from_secs(90);
/// How often that is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long the token counts that a host is given.
const TOKEN_S: u64 = 3600;

impl Launch {
    pub async fn bring_up(&self, host: &Host, rules: &str, line: &Line) -> Result<Up, Trouble> {
        line.say("connecting");
        let remote = self.ssh.remote(host).await?;
        let brought = self.steps(&remote, rules, line).await;
        remote.close().await;
        brought
    }

    async fn steps(&self, remote: &Remote<'_>, rules: &str, line: &Line) -> Result<Up, Trouble> {
        let host = remote.host;
        let probe = self.probe(remote).await?;
        let decision = decide::decide(&probe, &host.settings, remote.by_jump(), &self.wanted())?;
        let parts = self.bundle.parts(decision.torch.is_some());
        let release = bundle::id(&parts);
        let files = files::write(&probe.root, &host.settings, &decision, rules.to_owned());
        let started_as = fingerprint(&release, &files);
        let mut done = Done::Started;
        if probe.state.runs() {
            if probe.state.started_as.as_deref() == Some(&started_as) {
                done = Done::Ran;
            } else if self.upgrade {
                done = Done::Upgraded;
            } else {
                done = Done::RunsOtherwise;
            }
        }
        if matches!(done, Done::Started | Done::Upgraded) {
            self.copy(remote, &parts, line).await?;
            if done == Done::Upgraded {
                line.say("its agent writes checkpoints and ends");
                stop::agent(remote, false).await?;
            }
            line.say("starting");
            self.start(remote, &probe, &decision, &files, &release, &started_as).await?;
        }
        line.say("waiting for the agent to connect");
        let agent = self.connected(remote).await?;
        Ok(Up { done, agent, notes: decision.notes })
    }

    async fn probe(&self, remote: &Remote<'_>) -> Result<Probe, Trouble> {
        let settings = &remote.host.settings;
        let place = settings.home.as_deref().unwrap_or_default();
        let ours = if self.named.for_others().is_some() { "" } else { &self.our_host };
        let script = Script::new(include_str!("scripts/probe.sh"), place)
            .with("coordinator_host", ours)
            .with("given_torch", settings.torch.as_deref().unwrap_or_default());
        let answer = remote.ask(&script, "").await?;
        Probe::of(&answer, SystemTime::now()).ok_or_else(|| {
            Trouble::new("it did not answer what it is").remedy("does `ssh` get a shell there, or a restricted one?")
        })
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            coordinator: self.named.for_others(),
            port: self.named.port(),
            our_host: &self.our_host,
            has_runner: self.bundle.has_runner(),
            glibc: self.bundle.glibc,
            size_bytes: self.bundle.parts.iter().map(|part| part.size).sum(),
        }
    }

    async fn copy(&self, remote: &Remote<'_>, parts: &[&Part], line: &Line) -> Result<(), Trouble> {
        let place = remote.host.settings.home.as_deref().unwrap_or_default();
        copy::missing(remote, place, parts, &|done, total| line.copies(done, total)).await
    }

    async fn start(
        &self,
        remote: &Remote<'_>,
        probe: &Probe,
        decision: &Decision,
        files: &Files,
        release: &str,
        started_as: &str,
    ) -> Result<State, Trouble> {
        // Its certificate counts, or did a moment ago. One that has ended may have been thrown out meanwhile.
        let token = if probe.joined && probe.state.runs() {
            String::new()
        } else {
            let note = format!("launched on {}", remote.host.name);
            let mut client = self.client.clone();
            let made = Invitation::make(&mut client, 1, TOKEN_S, &note).await;
            made.map_err(|failure| Trouble::new(format!("no token to join with: {:#}", failure.error)))?.token
        };
        let place = remote.host.settings.home.as_deref().unwrap_or_default();
        let script = Script::new(include_str!("scripts/start.sh"), place)
            .with("release_id", release)
            .with("agent_script", &files.agent)
            .with("runner_script", &files.runner)
            .with("unit_file", &files.unit)
            .with("rules", &files.rules)
            .with("launcher", decision.launcher.name())
            .with("as", started_as)
            .with("version", env!("CARGO_PKG_VERSION"))
            .with("join_token", &token);
        let parts = self.bundle.parts(decision.torch.is_some());
        let list: String = parts.iter().map(|part| part.line(&part.place)).collect();
        Ok(State::of(&remote.run(&script, Input::Text(&list)).await?))
    }

    /// Waits until the coordinator sees the agent, as long as there is one to wait for.
    async fn connected(&self, remote: &Remote<'_>) -> Result<String, Trouble> {
        let place = remote.host.settings.home.as_deref().unwrap_or_default();
        let began = tokio::time::Instant::now();
        let mut client = self.client.clone();
        loop {
            let state = State::of(&remote.ask(&Script::new(include_str!("scripts/await.sh"), place), "").await?);
            if !state.runs() {
                return Err(ended(&state));
            }
            let (id, words) = (state.agent.unwrap_or_default(), state.words);
            let agents = client.agents().await.map_err(|failure| {
                Trouble::new(format!("it was started, but the coordinator does not answer: {:#}", failure.error))
            })?;
            if agents.iter().any(|agent| agent.id == id && agent.connected) {
                // It has its certificate.
                remote.ask(&Script::new(include_str!("scripts/forget.sh"), place), "").await?;
                return Ok(id);
            }
            if began.elapsed() > JOINING {
                let said = words.last().map(|line| format!(" ({line})")).unwrap_or_default();
                return Err(Trouble::new(format!(
                    "its agent runs, and has not reached the coordinator for {}{said}",
                    format::duration(JOINING)
                ))
                .remedy(
                    "a firewall? Or name the coordinator as the host reaches it, with `coordinator:` in the file of hosts",
                ));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// Program and settings in one word: what differs is to be started anew.
fn fingerprint(release: &str, files: &Files) -> String {
    bundle::short([release, &files.agent, &files.runner, &files.unit, &files.rules].join("\0").as_bytes())
}

/// Of an agent that did not stay.
pub fn ended(state: &State) -> Trouble {
    let said: Vec<&str> = state.words.iter().map(|word| word.trim()).filter(|word| !word.is_empty()).collect();
    if said.is_empty() {
        return Trouble::new("its agent has ended without a word").remedy("`sweep agents logs` may tell more");
    }
    let told = said.iter().rposition(|line| line.starts_with("error:")).map_or(said.len() - 1, |at| at);
    Trouble::new(format!("its agent has ended: {}", said[told..].join(" / ")))
}

/// The host's name of this machine, as others may know it.
pub fn our_host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// How agents elsewhere find the coordinator.
impl Named {
    fn for_others(&self) -> Option<&Address> {
        self.others.as_ref()
    }

    fn port(&self) -> u16 {
        self.ours.port()
    }
}
