//! The units, as systemd reads them.

use std::fs;
use std::process::Command;

use sweep_tests::{binary, runs, text, workspace_root};

/// systemd before 254 does not know it, and says that it goes on without.
const NEWER: &str = "Unknown key 'DelegateSubgroup' in section [Service], ignoring.";
/// Of 100, by systemd's own estimate; an agent runs its users' programs.
const EXPOSURE: [(&str, &str); 2] = [("sweep", "20"), ("sweep-agent", "50")];

#[test]
fn systemd_understands_the_units_and_finds_them_closed() {
    let lacking = Command::new("systemd-analyze").arg("--version").output().err();
    let lacking = lacking.map(|error| format!("systemd-analyze: {error} (scripts/need-deploy.sh)"));
    if !runs("systemd_understands_the_units_and_finds_them_closed", lacking, true) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (unit, most) in EXPOSURE {
        let name = format!("{unit}.service");
        let written = fs::read_to_string(workspace_root().join("deploy/systemd").join(&name)).unwrap();
        // Where the installer puts it there is nothing on this machine.
        let program = binary("sweep").display().to_string();
        let path = folder.path().join(&name);
        fs::write(&path, written.replace("/usr/local/lib/sweep/bin/sweep", &program)).unwrap();
        let verified = Command::new("systemd-analyze").arg("verify").arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&verified.stderr);
        let complaints: Vec<&str> =
            said.lines().filter(|line| line.contains(&name) && !line.ends_with(NEWER)).collect();
        assert!(verified.status.success() && complaints.is_empty(), "{}", text(&verified));
        let security = ["security", "--offline=true", "--no-pager", "--threshold", most];
        let exposed = Command::new("systemd-analyze").args(security).arg(&path).output().unwrap();
        assert!(exposed.status.success(), "{}", text(&exposed));
    }
}
