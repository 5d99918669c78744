//! Someone who watches the sweep all the time, and what they were told.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A process whose lines are read as they come.
pub struct Witness {
    child: Child,
    told: Arc<Told>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Told {
    lines: Mutex<Lines>,
    news: Condvar,
}

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    over: bool,
}

/// Why waiting ended.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// So many lines are there.
    Enough,
    /// It said its last.
    Over,
    /// Nothing of either for the time that was given.
    Silence,
}

impl Witness {
    /// Runs the command until it ends by itself; its standard error goes to a file.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).expect("a log can be opened");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let told = Arc::new(Told::default());
        let reader = thread::spawn({
            let told = Arc::clone(&told);
            move || {
                for line in lines.map_while(Result::ok) {
                    told.lines.lock().expect("nobody panics with it").lines.push(line);
                    told.news.notify_all();
                }
                told.lines.lock().expect("nobody panics with it").over = true;
                told.news.notify_all();
            }
        });
        Self { child, told, reader: Some(reader) }
    }

    pub fn count(&self) -> u64 {
        self.told.lines.lock().expect("the reader does not panic").lines.len() as u64
    }

    /// Waits until so many lines are there.
    pub fn wait(&self, count: u64, patience: Duration) -> News {
        self.wait_until(|lines| lines.len() as u64 >= count, patience)
    }

    /// Waits until such a line is there.
    pub fn wait_for(&self, wanted: impl Fn(&str) -> bool, patience: Duration) -> News {
        self.wait_until(|lines| lines.iter().any(|line| wanted(line)), patience)
    }

    fn wait_until(&self, enough: impl Fn(&[String]) -> bool, patience: Duration) -> News {
        let deadline = Instant::now() + patience;
        let mut lines = self.told.lines.lock().expect("the reader does not panic");
        loop {
            if lines.over {
                return News::Over;
            }
            if enough(&lines.lines) {
                return News::Enough;
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return News::Silence };
            (lines, _) = self.told.news.wait_timeout(lines, left).expect("the reader does not panic");
        }
    }

    /// How it ended, and all it said.
    pub fn finish(mut self) -> (ExitStatus, Vec<String>) {
        let status = self.child.wait().expect("it can be waited for");
        self.reader.take().expect("it ends once").join().expect("the reader does not panic");
        let lines = std::mem::take(&mut self.told.lines.lock().expect("the reader is gone").lines);
        (status, lines)
    }
}

impl Witness {
    /// Ends it, whatever it does. All it said; the last line may be cut.
    pub fn abandon(mut self) -> Vec<String> {
        let _ = self.child.kill();
        self.finish().1
    }
}

impl Drop for Witness {
    /// It would wait for a coordinator that never comes back.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whoever was told that a job had succeeded must never be told anything else of it.
pub fn check_lines(lines: &[String]) -> Result<(), String> {
    let mut succeeded: BTreeMap<&str, &str> = BTreeMap::new();
    for line in lines {
        // `[   12.3s] j3 student: running (attempt 2, from epoch 4)`
        let Some((job, what)) = line.split_once("] j").and_then(|(_, rest)| rest.split_once(' ')) else { continue };
        if let Some(before) = succeeded.get(job) {
            return Err(format!("of a job that had succeeded was told more:\n{before}\n{line}"));
        }
        if what.contains(": succeeded") {
            succeeded.insert(job, line);
        }
    }
    Ok(())
}

/// The audit log as it was followed, through every restart of the coordinator, against what it holds in the end: nothing that was
/// told may be gone or changed, nothing told twice, nothing left out.
pub fn check_events(told: &[String], log: &Value) -> Result<(), String> {
    let log = log.as_array().ok_or("the audit log is no array")?;
    // The end of what it said may be cut off.
    let told: Vec<Value> = told.iter().map_while(|line| serde_json::from_str(line).ok()).collect();
    if told.is_empty() {
        return Err("nothing was told of the audit log".to_owned());
    }
    for (n, row) in told.iter().enumerate() {
        if log.get(n) != Some(row) {
            return Err(format!("row {n} of the audit log was told to be {row}, and is {:?}", log.get(n)));
        }
    }
    Ok(())
}

#[test]
fn an_event_that_is_lost_changed_or_told_twice_is_seen() {
    let row = |id: u32, what: &str| serde_json::json!({ "id": id, "what": what });
    let told = |rows: &[Value]| rows.iter().map(Value::to_string).collect::<Vec<_>>();
    let log = Value::Array(vec![row(1, "submit"), row(2, "running"), row(3, "succeeded")]);
    assert_eq!(check_events(&told(&[row(1, "submit"), row(2, "running")]), &log), Ok(()));
    let cut = [told(&[row(1, "submit")]), vec!["{\"id\":2,".to_owned()]].concat();
    assert_eq!(check_events(&cut, &log), Ok(()));
    assert!(check_events(&[], &log).is_err());
    assert!(check_events(&told(&[row(1, "submit"), row(2, "failed")]), &log).is_err());
    assert!(check_events(&told(&[row(1, "submit"), row(3, "succeeded")]), &log).is_err());
    assert!(check_events(&told(&[row(1, "submit"), row(1, "submit")]), &log).is_err());
}

#[test]
fn a_success_that_is_taken_back_is_seen() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let well = "[ 1.0s] j1 base: running\n[ 2.0s] j1 base: succeeded in 1 s\n[ 2.0s] j11 other: running";
    assert_eq!(check_lines(&lines(well)), Ok(()));
    assert!(check_lines(&lines(&format!("{well}\n[ 3.0s] j1 base: running (attempt 2)"))).is_err());
}
