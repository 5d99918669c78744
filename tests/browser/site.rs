//! What the browser looks at: a coordinator and an agent as processes, a user with a password, and jobs that do what the test says.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use sweep_tests::{Home, Pair, text};

use crate::browser::Browser;

pub const NAME: &str = "ada";
pub const PASSWORD: &str = "tulip orbit wagon";

pub struct Site {
    pub home: Home,
    pair: Pair,
}

/// Each of its jobs says how it goes, and waits at its gates: `let_go`.
const STUDY: &str = r#"
stages:
  base:
    command:
      protocol: events
      run:
        - /bin/sh
        - -c
        - |
          tell() { echo "$1" >&3; }
          echo "job ${i} begins"
          tell '{"event":"epoch","epoch":1,"epochs":3,"metrics":{"val_accuracy":0.6,"val_loss":1.2}}'
          read -r word < GATES/${i}-first
          tell '{"event":"epoch","epoch":2,"epochs":3,"metrics":{"val_accuracy":0.8,"val_loss":0.7}}'
          echo "job ${i} heard $word"
          read -r word < GATES/${i}-second
          tell '{"event":"epoch","epoch":3,"epochs":3,"metrics":{"val_accuracy":0.9,"val_loss":0.5}}'
          tell '{"event":"point","point":"main","metrics":{"accuracy":0.9${i},"size_onnx_bytes":${i}000000,"parameters":${i}00000,"macs":${i}0000000}}'
          test "$word" != fail || { tell '{"event":"failed","class":"bad_input","message":"the test wanted it"}'; exit 1; }
          tell '{"event":"done"}'
    matrix: { i: [1, 2, 3] }
  last:
    command: { run: [/bin/sh, -c, "read -r word < GATES/last"] }
"#;

impl Site {
    pub fn start() -> Self {
        let home = Home::new();
        let pair = Pair::start(&home, home.sweep().args(["agent", "--slots", "3"]));
        let site = Self { home, pair };
        site.add_user(NAME, "admin");
        site
    }

    pub fn add_user(&self, name: &str, role: &str) {
        let mut command = self.home.sweep();
        command.args(["users", "add", name, "--role", role, "--password"]).stdin(Stdio::piped());
        let mut adding = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("sweep starts");
        adding.stdin.take().expect("its input").write_all(PASSWORD.as_bytes()).expect("it reads");
        let added = adding.wait_with_output().expect("it ends");
        assert!(added.status.success(), "{}", text(&added));
    }

    fn gates(&self) -> PathBuf {
        self.home.file("gates")
    }

    /// Submits the study; its three first jobs begin and wait.
    pub fn submit(&self, name: &str) {
        let gates = self.gates();
        std::fs::create_dir_all(&gates).expect("a folder for gates");
        for gate in ["1-first", "1-second", "2-first", "2-second", "3-first", "3-second", "last"] {
            let path = gates.join(gate);
            if !path.exists() {
                nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a fifo");
            }
        }
        let plan = format!("name: {name}\n{}", STUDY.trim_start().replace("GATES", &gates.display().to_string()));
        let plan = self.home.plan(&plan);
        let submitted = self.home.run(&["submit", plan.to_str().expect("text")]);
        assert!(submitted.status.success(), "{}", text(&submitted));
    }

    /// Waits until a job stands at its gate, and lets it go on with this word.
    pub fn let_go(&self, gate: &str, word: &str) {
        let mut gate = File::options().write(true).open(self.gates().join(gate)).expect("the job reads");
        writeln!(gate, "{word}").expect("the job reads");
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.pair.address)
    }

    /// A browser that is signed in.
    pub fn browser(&self) -> Browser {
        let mut browser = Browser::start();
        self.sign_in(&mut browser, NAME);
        browser
    }

    pub fn sign_in(&self, browser: &mut Browser, name: &str) {
        browser.open(&self.at("/"));
        browser.fill("input[name=name]", name);
        browser.fill("input[name=password]", PASSWORD);
        browser.follow("button[type=submit]");
        assert_eq!(browser.path(), "/", "{}", browser.text("main"));
    }
}
