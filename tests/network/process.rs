//! A process of `sweep` on one of the hosts.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lines::Lines;

/// Killed when dropped.
pub struct Process {
    child: Child,
    /// Standard output and standard error.
    pub said: Arc<Lines>,
}

impl Process {
    pub fn start(name: &str, mut command: Command) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let errors = writer.try_clone().expect("a second end of the pipe");
        let child = command.stdin(Stdio::null()).stdout(writer).stderr(errors).spawn().expect("it starts");
        // Its copies of the writing ends would keep the pipe open.
        drop(command);
        let said = Lines::new(name);
        said.listen(reader);
        Self { child, said }
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("it is there");
    }

    /// Waits for its end.
    pub fn finish(mut self) -> (ExitStatus, String) {
        self.said.wait_end();
        (self.child.wait().expect("it is our child"), self.said.all().join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
