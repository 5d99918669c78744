//! What a machine must have for these stories. Where CI runs as root, a skip is a failure.

use std::process::Command;

use sweep_tests::workspace_root;

/// Says whether the story runs.
pub fn met(story: &str) -> bool {
    let Some(why) = lacking() else {
        eprintln!("{story}: ran");
        return true;
    };
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!ci, "{story}: CI must have what it takes: {why}");
    eprintln!("{story}: skipped: {why}");
    false
}

fn lacking() -> Option<String> {
    if Command::new("chromium").arg("--version").output().is_err() {
        return Some("no chromium (scripts/need-browser.sh)".to_owned());
    }
    let axe = workspace_root().join(".axe/axe.min.js");
    (!axe.exists()).then(|| "no axe-core (scripts/need-browser.sh)".to_owned())
}
