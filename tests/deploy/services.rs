//! Coordinator and agent as systemd has them: they say when they are ready, that they are well, and that they stop.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use sweep_tests::{Home, PATIENCE, Talking};

/// The manager's end.
struct Manager {
    socket: UnixDatagram,
    home: Home,
}

impl Manager {
    fn new() -> Self {
        let home = Home::new();
        let socket = UnixDatagram::bind(home.file("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, home }
    }

    /// `sweep` with these arguments, as `Type=notify` with `WatchdogSec=` starts it.
    fn start(&self, args: &[&str]) -> Talking {
        let mut command: Command = self.home.sweep();
        command.args(args).env("NOTIFY_SOCKET", self.home.file("notify")).env("WATCHDOG_USEC", "300000");
        command.env("SWEEP_PULSE_FILE", self.home.file("pulse"));
        Talking::start(&mut command)
    }

    /// Waits until the service has said it.
    fn hears(&self, wanted: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self.socket.recv(&mut buffer).unwrap_or_else(|error| panic!("no {wanted}: {error}"));
            let said = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if said.lines().any(|line| line == wanted) {
                return said;
            }
        }
    }

    /// From its start to its end.
    fn follows(&self, args: &[&str], status: &str) {
        let service = self.start(args);
        let said = self.hears("READY=1");
        assert!(said.lines().any(|line| line.starts_with(status)), "{said}");
        // Again and again, and only because its loop has turned in between; the file is changed after each.
        let changed = || {
            self.hears("WATCHDOG=1");
            self.hears("WATCHDOG=1");
            std::fs::metadata(self.home.file("pulse")).unwrap().modified().unwrap()
        };
        let first = changed();
        assert!(std::fs::read_to_string(self.home.file("pulse")).unwrap().trim().parse::<u64>().unwrap() > 0);
        assert!((0..50).any(|_| changed() > first), "the file stays as it was");
        service.signal("-TERM");
        self.hears("STOPPING=1");
        let (status, said) = service.finish();
        assert!(status.success(), "{said}");
    }
}

#[test]
fn a_coordinator_tells_its_service_manager_how_it_is() {
    Manager::new().follows(&["serve", "--listen", "127.0.0.1:0"], "STATUS=serves http://127.0.0.1:");
}

/// Whether its coordinator is there is another question.
#[test]
fn an_agent_tells_it_too_with_no_coordinator_in_sight() {
    let manager = Manager::new();
    std::fs::write(manager.home.file("token"), "anything").unwrap();
    let token = manager.home.file("token").display().to_string();
    let nobody = ["agent", "--coordinator", "http://127.0.0.1:1", "--token-file", &token];
    manager.follows(&nobody, "STATUS=works for http://127.0.0.1:1");
}
