//! The test's side of `runner.sh`: a plan of such trainings, what they say, and what they are told to do next.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use sweep_tests::workspace_root;

use crate::lines::Lines;

/// A plan of these stages, each with its runner's orders; checkpoints of so many bytes.
pub fn plan(world: &Path, bytes: u64, stages: &[(&str, &str)]) -> String {
    let script = workspace_root().join("tests/network/runner.sh");
    let world = world.display().to_string();
    let mut plan = "name: story\nstages:\n".to_owned();
    for (stage, orders) in stages {
        let (script, bytes) = (script.display().to_string(), format!("'{bytes}'"));
        let words = ["/bin/sh", &script, &world, stage, &bytes].into_iter().chain(orders.split_whitespace());
        let run = format!("[{}]", words.collect::<Vec<_>>().join(", "));
        plan += &format!("  {stage}: {{ command: {{ run: {run}, protocol: events }} }}\n");
    }
    plan
}

/// Tells an attempt's runner what to do next; it must have begun.
pub fn order(world: &Path, attempt: &str, orders: &[&str]) {
    let fifo = world.join(format!("orders.{attempt}"));
    let mut fifo = OpenOptions::new().write(true).open(fifo).unwrap();
    for order in orders {
        writeln!(fifo, "{order}").unwrap();
    }
}

/// Reads the fifo to which all runners write, and notes when an attempt's last process has gone.
pub fn listen(world: &Path, said: &Arc<Lines>) {
    let fifo = world.join("said");
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    // Open for writing, too, so that it does not end when a runner closes it.
    let both = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let (world, lines) = (world.to_owned(), Arc::clone(said));
    std::thread::spawn(move || {
        use std::io::BufRead as _;
        for line in std::io::BufReader::new(both).lines().map_while(Result::ok) {
            let words: Vec<&str> = line.split(' ').collect();
            if let ["began", attempt, host] = words[..] {
                let (gone, alive) = (format!("gone {attempt} {host}"), world.join(format!("alive.{attempt}")));
                let lines = Arc::clone(&lines);
                std::thread::spawn(move || {
                    // Opening waits for the runner, reading for the end of its last process.
                    if File::open(alive).and_then(|mut alive| std::io::copy(&mut alive, &mut std::io::sink())).is_ok() {
                        lines.push(gone);
                    }
                });
            }
            lines.push(line);
        }
    });
}
