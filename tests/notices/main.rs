//! Notices of whole coordinators that die in between: each still arrives, once in the normal case, and where that cannot be known
//! twice under the same id.

mod receiver;

use std::fs;
use std::path::PathBuf;

use receiver::{Arrival, Manner, Receiver};
use serde_json::Value;
use sweep_tests::{Home, Talking, text};

struct Site {
    home: Home,
    receiver: Receiver,
    coordinator: Option<Talking>,
}

const PLAN: &str = "name: night\nstages:\n  only: { command: { run: [/bin/true] } }\n";
const FAILS: &str = "name: bad-night\ndefaults: { retries: 0 }\nstages:\n  only: { command: { run: [/bin/sh, -c, 'echo no card >&2; exit 3'] } }\n";

impl Site {
    fn new() -> Self {
        let (home, receiver) = (Home::new(), Receiver::start());
        let site = Self { home, receiver, coordinator: None };
        fs::create_dir_all(site.folder()).unwrap();
        fs::write(site.folder().join("hook-secret"), "a secret of the test\n").unwrap();
        let settings = format!(
            "[notify]\nto.webhook = ['test']\non.webhook = ['finished', 'failed', 'restarted']\n\
             hooks.test = {{ url = '{}', secret_file = 'hook-secret' }}\n",
            site.receiver.url
        );
        fs::write(site.folder().join("sweep.toml"), settings).unwrap();
        site
    }

    fn folder(&self) -> PathBuf {
        self.home.file("home")
    }

    /// A coordinator on the home.
    fn serve(&mut self) {
        let mut coordinator = Talking::start(self.home.sweep().args(["serve", "--listen", "127.0.0.1:0"]));
        coordinator.wait_for(|line| line.contains("http://127.0.0.1:"));
        self.coordinator = Some(coordinator);
    }

    /// Submits the plan and has an agent work on it, until the sweep is over.
    fn work(&self, plan: &str, code: i32) {
        let plan = self.home.plan(plan);
        let submitted = self.home.run(&["submit", plan.to_str().unwrap()]);
        assert!(submitted.status.success(), "{}", text(&submitted));
        let agent = Talking::start(self.home.sweep().args(["agent", "--slots", "1"]));
        let waited = self.home.run(&["wait"]);
        assert_eq!(waited.status.code(), Some(code), "{}", text(&waited));
        agent.signal("-TERM");
        agent.finish();
    }

    fn end(&mut self, signal: &str) {
        if let Some(coordinator) = self.coordinator.take() {
            coordinator.signal(signal);
            coordinator.finish();
        }
    }

    /// State and tries of each copy, by the notice's type.
    fn outbox(&self) -> Vec<(String, String, u64)> {
        let listed = self.home.json(&["notify", "list"]);
        let of = |row: &Value| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            (text("occasion"), text("state"), row["tries"].as_u64().unwrap())
        };
        let mut all: Vec<_> = listed.as_array().unwrap().iter().map(of).collect();
        all.sort();
        all
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.end("-TERM");
    }
}

fn of(occasion: &str, state: &str, tries: u64) -> (String, String, u64) {
    (occasion.to_owned(), state.to_owned(), tries)
}

#[test]
fn killed_between_commit_and_delivery_the_notice_still_goes_out_once() {
    let mut site = Site::new();
    site.serve();
    site.work(PLAN, 0);
    // The sweep is over, and the hook has read nothing of it yet.
    assert!(matches!(site.receiver.next(Manner::Ignore), Arrival::Unread));
    assert_eq!(site.outbox(), [of("finished", "queued", 0)]);
    site.end("-KILL");

    site.serve();
    let mut came = [site.receiver.notice(Manner::Answer), site.receiver.notice(Manner::Answer)];
    came.sort_by(|a, b| a.1.cmp(&b.1));
    let [(restarted, what, _), (finished, which, title)] = came;
    assert_eq!((what.as_str(), which.as_str()), ("coordinator_restarted", "sweep_finished"));
    assert_eq!(title, "night is finished: 1 job");
    assert_ne!(restarted, finished);
    // It stops in good order, once what was on its way is written down.
    site.end("-TERM");
    assert_eq!(site.outbox(), [of("finished", "sent", 1), of("restarted", "sent", 1)]);

    site.serve();
    site.work(FAILS, 1);
    let (id, what, title) = site.receiver.notice(Manner::Answer);
    assert_eq!((what.as_str(), title.as_str()), ("sweep_failed", "bad-night ended: 1 of 1 job failed"));
    assert_ne!(id, finished, "nothing of before comes again, nor that it was restarted: it had been stopped");
}

#[test]
fn killed_between_delivery_and_its_mark_it_comes_again_under_the_same_id() {
    let mut site = Site::new();
    site.serve();
    site.work(PLAN, 0);
    let (first, what, _) = site.receiver.notice(Manner::Silence);
    assert_eq!(what, "sweep_finished");
    site.end("-KILL");

    site.serve();
    let came = [site.receiver.notice(Manner::Answer), site.receiver.notice(Manner::Answer)];
    let again = came.iter().find(|(_, what, _)| what == "sweep_finished").expect("it comes again");
    assert_eq!(again.0, first, "so that whoever receives it twice can tell");
    site.end("-TERM");
    assert!(site.outbox().contains(&of("finished", "sent", 1)));
}

#[test]
fn sweep_local_tells_before_it_ends() {
    let site = Site::new();
    let plan = site.home.plan(PLAN);
    let mut local = Talking::start(site.home.sweep().args(["local", plan.to_str().unwrap()]));
    local.wait_for(|line| line.contains("only"));
    let (_, what, title) = site.receiver.notice(Manner::Answer);
    assert_eq!((what.as_str(), title.as_str()), ("sweep_finished", "night is finished: 1 job"));
    let (status, said) = local.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(site.outbox(), [of("finished", "sent", 1)]);
}
