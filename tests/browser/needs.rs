//! What a machine must have for these stories. On CI a skip is a failure.

use std::process::Command;

use sweep_tests::{runs, workspace_root};

/// Says whether the story runs.
pub fn met(story: &str) -> bool {
    runs(story, lacking(), true)
}

fn lacking() -> Option<String> {
    if Command::new("chromium").arg("--version").output().is_err() {
        return Some("no chromium (scripts/need-browser.sh)".to_owned());
    }
    let axe = workspace_root().join(".axe/axe.min.js");
    (!axe.exists()).then(|| "no axe-core (scripts/need-browser.sh)".to_owned())
}
