//! `sweep watch` on a terminal of its own: what it draws, what its keys do, and that the terminal is given back.

mod support;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Home, Talking, serve};

/// The other side of a terminal of 80 × 24, and a program on it.
struct OnScreen {
    child: Child,
    terminal: File,
    said: String,
}

/// Begin and end of the whole screen.
const TAKEN: &str = "\x1b[?1049h";
const GIVEN_BACK: &str = "\x1b[?1049l";

impl OnScreen {
    fn start(mut command: Command) -> Self {
        let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let (mut ours, mut theirs) = (0, 0);
        // SAFETY: both descriptors are written, the size is read, and nothing else is asked for.
        let done = unsafe {
            libc::openpty(&raw mut ours, &raw mut theirs, std::ptr::null_mut(), std::ptr::null(), &raw const size)
        };
        assert_eq!(done, 0, "a terminal can be made");
        // SAFETY: openpty has just made them, and nobody else has them.
        let (ours, theirs) = unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) };
        let end = || Stdio::from(theirs.try_clone().unwrap());
        let child = command.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Self { child, terminal: File::from(ours), said: String::new() }
    }

    /// Reads until this was drawn. Only what changed is drawn anew, so single words are asked for.
    #[track_caller]
    fn wait_for(&mut self, words: &str) {
        while !self.said.contains(words) {
            let mut bytes = [0; 4096];
            match self.terminal.read(&mut bytes) {
                Ok(n) if n > 0 => self.said += &String::from_utf8_lossy(&bytes[..n]),
                _ => panic!("it ended before {words:?} was seen:\n{:?}", self.said),
            }
        }
    }

    fn press(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    /// Forgets what was drawn so far.
    fn forget(&mut self) {
        self.said.clear();
    }

    /// The exit code, after the terminal was given back.
    #[track_caller]
    fn finish(mut self) -> i32 {
        self.wait_for(GIVEN_BACK);
        // Until the last has closed the other side.
        let mut bytes = [0; 4096];
        while self.terminal.read(&mut bytes).is_ok_and(|n| n > 0) {}
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for OnScreen {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A sweep whose first job waits at a gate, and what opens it.
fn held(home: &Home) -> std::path::PathBuf {
    let (there, gate) = (home.fifo("there"), home.fifo("gate"));
    let run =
        format!("[/bin/sh, -c, 'echo written by it; echo $$ > {}; exec cat {}']", there.display(), gate.display());
    let text = format!(
        "name: held\nmeasure: false\nstages:\n  hold: {{ command: {{ run: {run} }} }}\n  later: {{ command: {{ run: [/bin/true], input: hold }} }}\n"
    );
    let plan = home.write("held.yaml", &text);
    home.wants(0, &["submit", plan.to_str().unwrap()]);
    there
}

#[test]
fn it_shows_jobs_logs_and_reasons_and_leaves_without_stopping_anything() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    let there = held(&home);
    let _agent = Talking::start(home.sweep(&["agent"]));
    std::fs::read_to_string(&there).unwrap();

    let mut screen = OnScreen::start(home.sweep(&["watch"]));
    screen.wait_for(TAKEN);
    for words in ["s1 held", "hold", "later", "running", "blocked", "cpu0"] {
        screen.wait_for(words);
    }
    screen.press("l");
    screen.wait_for("written by it");
    screen.press("je");
    screen.wait_for("Next:");
    screen.forget();
    screen.press("?");
    screen.wait_for("any key closes this");
    screen.press("xq");
    assert_eq!(screen.finish(), 130, "the sweep is not over");
    assert_eq!(home.json(&["status"])["state"], "active");
}

#[test]
fn nothing_is_cancelled_without_a_yes_and_the_end_is_seen() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    let there = held(&home);
    let _agent = Talking::start(home.sweep(&["agent"]));
    std::fs::read_to_string(&there).unwrap();

    let mut screen = OnScreen::start(home.sweep(&["watch", "held"]));
    screen.wait_for("hold");
    screen.press("c");
    screen.wait_for("any other key: no");
    screen.press("n");
    screen.wait_for("nothing was cancelled");
    assert_eq!(home.json(&["status", "j1"])["jobs"][0]["state"], "running");
    screen.press("cS");
    screen.wait_for("cancelled, 2 jobs");
    screen.press("q");
    assert_eq!(screen.finish(), 4, "as the sweep ended");
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    held(&home);
    let mut screen = OnScreen::start(home.sweep(&["watch"]));
    screen.wait_for("no agent");
    kill(Pid::from_raw(screen.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(screen.finish(), 130);
}

#[test]
fn a_coordinator_that_goes_away_is_missed_and_met_again() {
    let home = Home::new();
    let (coordinator, _) = serve(&home);
    held(&home);
    let mut screen = OnScreen::start(home.sweep(&["watch"]));
    screen.wait_for("hold");
    coordinator.signal(Signal::SIGTERM);
    coordinator.finish();
    screen.wait_for("lost");
    let (_coordinator, _) = serve(&home);
    screen.forget();
    // The whole line is drawn anew once it is there again.
    screen.wait_for("begun");
    home.wants(0, &["cancel"]);
    screen.wait_for("cancelled");
    screen.press("\x03");
    assert_eq!(screen.finish(), 4);
}

#[test]
fn where_there_is_no_whole_screen_lines_are_printed() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    held(&home);
    home.wants(0, &["cancel"]);
    for args in [&["watch", "--plain"][..], &["watch", "-q"], &["watch", "--json"]] {
        let mut plain = OnScreen::start(home.sweep(args));
        plain.wait_for(if args.contains(&"--json") { "[" } else { "s1 held" });
        assert!(!plain.said.contains(TAKEN), "{args:?}");
    }
    assert_eq!(home.run(&["watch"]).code, 4, "a pipe is none");
}
