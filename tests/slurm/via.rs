//! From a machine that is not the login node.

use std::fs;
use std::process::Command;

use crate::cluster::ADDRESS;
use crate::lab::Lab;
use crate::process::Process;

const PORT: u16 = 2222;

#[test]
fn a_fleet_is_launched_and_asked_after_through_ssh() {
    let Some(mut lab) = Lab::new("a fleet is launched through ssh") else { return };
    let login = sshd(&lab);
    let via = format!(
        "via=login,ssh_config={},sweep={},time=30",
        lab.file("ssh_config").display(),
        sweep_tests::binary("sweep").display()
    );
    lab.launch(&via);
    let log = lab.log("1_1");
    log.wait_for("connected");
    let status = lab.json(&["agents", "status", "--slurm", &lab.spec(&via)]);
    let agent = lab.agent_id("1_1");
    assert_eq!((&status[0]["agent"], &status[0]["connected"]), (&agent.as_str().into(), &true.into()), "{status}");
    let (code, said) = lab.user(&["agents", "logs", "--slurm", &lab.spec(&via), "--only", "1_1"]);
    assert!(code == Some(0) && said.contains("allocation 1_1, start 1"), "{said}");
    let (code, said) = lab.user(&["agents", "stop", "--slurm", &lab.spec(&via)]);
    assert!(code == Some(0) && said.contains("1 allocation told"), "{said}");
    log.wait_for("told to stop by sweep agents stop");
    // Without the server the failure says what is to be done.
    drop(login);
    let (code, said) = lab.user(&["agents", "status", "--slurm", &lab.spec(&via)]);
    assert!(code == Some(3) && said.contains("cannot reach login") && said.contains("`ssh login`"), "{said}");
}

/// The login node's, whose users find Slurm.
fn sshd(lab: &Lab) -> Process {
    let path = |name: &str| lab.file(name).display().to_string();
    for key in ["client", "host"] {
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &path(key)]).status().unwrap();
        assert!(made.success());
    }
    let public = fs::read_to_string(lab.file("host.pub")).unwrap();
    fs::write(lab.file("known_hosts"), format!("[{ADDRESS}]:{PORT} {public}")).unwrap();
    let client = format!(
        "Host login\n HostName {ADDRESS}\n Port {PORT}\n User root\n IdentityFile {}\n IdentitiesOnly yes\n UserKnownHostsFile {}\n \
         GlobalKnownHostsFile none\n",
        path("client"),
        path("known_hosts")
    );
    fs::write(lab.file("ssh_config"), client).unwrap();
    let server = format!(
        "ListenAddress {ADDRESS}\nPort {PORT}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n\
         PasswordAuthentication no\nSetEnv SLURM_CONF={}\n",
        path("host"),
        path("client.pub"),
        lab.cluster.conf().display()
    );
    fs::write(lab.file("sshd_config"), server).unwrap();
    // sshd wants this folder, whatever its configuration says.
    fs::create_dir_all("/run/sshd").unwrap();
    let mut command = lab.cluster.network.command("/usr/sbin/sshd");
    command.args(["-D", "-e", "-f"]).arg(lab.file("sshd_config"));
    let process = Process::start("sshd", command);
    process.said.wait_for("Server listening");
    process
}
