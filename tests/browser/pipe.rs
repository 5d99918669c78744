//! Chromium's own protocol (DevTools), over two pipes: no driver, no port, no library between.
//! <https://chromedevtools.github.io/devtools-protocol/>

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::{Value, json};
use sweep_tests::PATIENCE;

pub struct Pipe {
    child: Child,
    commands: File,
    answers: Receiver<Value>,
    last: u64,
    /// What the browser told meanwhile, oldest first.
    pub events: VecDeque<Value>,
}

impl Pipe {
    /// Starts the browser. Its profile lies in the folder.
    pub fn start(folder: &Path) -> Self {
        let (into, out) = (folder.join("into"), folder.join("out"));
        for fifo in [&into, &out] {
            mkfifo(fifo, Mode::S_IRWXU).expect("a fifo can be made");
        }
        // The shell opens the two as the descriptors that chromium reads from and writes to.
        let script = r#"exec 3<"$1" 4>"$2"; shift 2; exec "$@""#;
        let profile = format!("--user-data-dir={}", folder.join("profile").display());
        let child = Command::new("sh")
            .args(["-c", script, "sh"])
            .args([&into, &out])
            .args(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--remote-debugging-pipe", "--lang=en-GB", "--force-color-profile=srgb", &profile])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(File::create(folder.join("chromium.log")).expect("a log")))
            .spawn()
            .expect("a shell starts");
        // In the order in which the shell opens them: each waits for the other side.
        let commands = File::options().write(true).open(&into).expect("chromium reads commands");
        let told = File::open(&out).expect("chromium writes answers");
        let (tell, answers) = channel();
        std::thread::spawn(move || {
            let mut told = BufReader::new(told);
            let mut message = Vec::new();
            while told.read_until(0, &mut message).is_ok_and(|bytes| bytes > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { return };
                if tell.send(value).is_err() {
                    return;
                }
                message.clear();
            }
        });
        Self { child, commands, answers, last: 0, events: VecDeque::new() }
    }

    /// Calls a method (of a session, where there is one) and waits for what it answers.
    pub fn call(&mut self, session: Option<&str>, method: &str, params: Value) -> Result<Value, String> {
        self.last += 1;
        let id = self.last;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = serde_json::to_vec(&message).expect("JSON can be written");
        bytes.push(0);
        self.commands.write_all(&bytes).expect("the browser reads");
        loop {
            let mut told = self.read();
            if told["id"] == id {
                return match told.get("error") {
                    Some(error) => Err(format!("{method}: {error}")),
                    None => Ok(told["result"].take()),
                };
            }
            self.events.push_back(told);
        }
    }

    /// The next event with this name, among those that were told already or later.
    pub fn event(&mut self, method: &str) -> Value {
        if let Some(at) = self.events.iter().position(|event| event["method"] == method) {
            return self.events.remove(at).expect("it is there")["params"].take();
        }
        loop {
            let mut told = self.read();
            if told["method"] == method {
                return told["params"].take();
            }
            self.events.push_back(told);
        }
    }

    fn read(&mut self) -> Value {
        self.answers.recv_timeout(PATIENCE).expect("the browser answers")
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // The shell has become the browser, which takes its own children with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
