//! `sweep watch` on a terminal of its own: what it draws, what its keys do, and that the terminal is given back.

mod support;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Home, Talking, serve};

/// The other side of a terminal of 80 × 24, and a program on it.
struct OnScreen {
    child: Child,
    terminal: File,
    /// All that was written, and what it looks like now.
    said: String,
    picture: Picture,
}

/// Begin and end of the whole screen.
const TAKEN: &str = "\x1b[?1049h";
const GIVEN_BACK: &str = "\x1b[?1049l";

/// What a terminal shows of what was written to it: only what has changed is drawn anew, so that words are whole only here.
struct Picture {
    cells: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// Of an escape that is not whole yet.
    rest: String,
}

impl Picture {
    fn new() -> Self {
        Self { cells: vec![vec![' '; 80]; 24], row: 0, column: 0, rest: String::new() }
    }

    fn write(&mut self, text: &str) {
        let text = std::mem::take(&mut self.rest) + text;
        let mut chars = text.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\x1b' => {
                    let escape: String = text[at..].chars().skip(2).take_while(|c| !('@'..='~').contains(c)).collect();
                    let Some(end) = text[at..].chars().nth(escape.chars().count() + 2) else {
                        text[at..].clone_into(&mut self.rest);
                        return;
                    };
                    self.obey(&escape, end);
                    chars.nth(escape.chars().count() + 1);
                }
                '\r' => self.column = 0,
                '\n' => self.row = (self.row + 1).min(23),
                c => {
                    if let Some(cell) = self.cells[self.row].get_mut(self.column) {
                        *cell = c;
                    }
                    self.column += 1;
                }
            }
        }
    }

    /// Moving and clearing; colours are not looked at.
    fn obey(&mut self, escape: &str, end: char) {
        let number = |at: usize| escape.split(';').nth(at).and_then(|n| n.parse::<usize>().ok()).unwrap_or(1);
        match end {
            'H' => (self.row, self.column) = ((number(0) - 1).min(23), number(1) - 1),
            'J' => self.cells.iter_mut().for_each(|row| row.fill(' ')),
            'K' => self.cells[self.row][self.column.min(80)..].fill(' '),
            _ => {}
        }
    }

    fn text(&self) -> String {
        self.cells.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned() + "\n").collect()
    }
}

/// Both ends of a new terminal. Neither is inherited by what any test starts, which could otherwise keep it open: then it would never
/// be gone.
fn terminal() -> (File, File) {
    let open = |path: &str| File::options().read(true).write(true).custom_flags(libc::O_NOCTTY).open(path).unwrap();
    let ours = open("/dev/ptmx");
    let fd = ours.as_raw_fd();
    let (mut number, unlocked): (libc::c_int, libc::c_int) = (0, 0);
    let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the descriptor is open; each request reads or writes the one value that it is given.
    let done = unsafe {
        [
            libc::ioctl(fd, libc::TIOCSPTLCK, &raw const unlocked),
            libc::ioctl(fd, libc::TIOCGPTN, &raw mut number),
            libc::ioctl(fd, libc::TIOCSWINSZ, &raw const size),
        ]
    };
    assert_eq!(done, [0; 3], "a terminal can be made");
    (ours, open(&format!("/dev/pts/{number}")))
}

impl OnScreen {
    fn start(mut command: Command) -> Self {
        let (ours, theirs) = terminal();
        let end = || Stdio::from(theirs.try_clone().unwrap());
        let child = command.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Self { child, terminal: ours, said: String::new(), picture: Picture::new() }
    }

    /// Reads until the picture is so.
    #[track_caller]
    fn wait_until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) {
        while !is_so(&self.picture.text()) {
            assert!(self.read(), "it ended before {what:?} was seen:\n{}", self.picture.text());
        }
    }

    #[track_caller]
    fn wait_for(&mut self, words: &str) {
        self.wait_until(words, |text| text.contains(words));
    }

    /// Whether there was more.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let n = self.terminal.read(&mut bytes).unwrap_or(0);
        // The terminal may break a letter in two; such a letter is never asked for.
        let text = String::from_utf8_lossy(&bytes[..n]).into_owned();
        self.said += &text;
        self.picture.write(&text);
        n > 0
    }

    fn press(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    /// The exit code, after the terminal was given back.
    #[track_caller]
    fn finish(mut self) -> i32 {
        // Until the last has closed the other side.
        while self.read() {}
        let (taken, given_back) = (self.said.find(TAKEN), self.said.rfind(GIVEN_BACK));
        assert!(taken.is_some() && taken < given_back, "the terminal is given back: {:?}", self.said);
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
    for words in ["s1 held", "hold", "later", "running", "blocked", "cpu0"] {
        screen.wait_for(words);
    }
    screen.press("l");
    screen.wait_for("written by it");
    screen.press("je");
    screen.wait_for("Next:");
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

/// As when an SSH session is closed.
#[test]
fn a_terminal_that_is_gone_ends_the_screen() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    held(&home);
    let mut screen = OnScreen::start(home.sweep(&["watch"]));
    screen.wait_for("no agent");
    let pid = Pid::from_raw(screen.child.id().try_into().unwrap());
    screen.terminal = File::open("/dev/null").unwrap();
    kill(pid, Signal::SIGHUP).unwrap();
    assert_eq!(screen.child.wait().unwrap().code(), Some(130));
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
    screen.wait_for("connection lost");
    let (_coordinator, _) = serve(&home);
    screen.wait_until("the connection", |text| !text.contains("connection lost"));
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
        while plain.read() {}
        assert!(!plain.said.contains(TAKEN) && !plain.said.is_empty(), "{args:?}: {:?}", plain.said);
    }
    assert_eq!(home.run(&["watch"]).code, 4, "a pipe is none");
}
