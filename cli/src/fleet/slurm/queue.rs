//! What Slurm has of a fleet: its allocations, as `squeue` lists them.

use super::login::Login;
use super::script::staying;
use crate::exit::Outcome;

/// One allocation: a place for one agent, waiting or given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// `17_1`
    pub id: String,
    /// Its agent stays when there is nothing to do.
    pub stays: bool,
    /// Slurm's word: `PENDING`, `RUNNING`, `COMPLETING`, …
    pub state: String,
    /// Why it waits, in Slurm's word.
    pub reason: String,
    pub node: String,
    /// As Slurm writes it.
    pub left: String,
}

impl Allocation {
    pub fn is_running(&self) -> bool {
        self.state == "RUNNING"
    }

    /// On its way out, or on its way back into the queue.
    fn is_ending(&self) -> bool {
        self.state == "COMPLETING"
    }

    /// Pending, or its node is just being made ready, or it is suspended: nobody there would hear a signal.
    pub fn is_waiting(&self) -> bool {
        !self.is_running() && !self.is_ending()
    }
}

const FORMAT: &str = "%i|%j|%T|%r|%N|%L";

/// Those that wait, run or are just ending, of this user.
pub async fn allocations(login: &Login, name: &str) -> Outcome<Vec<Allocation>> {
    let names = format!("--name={name},{}", staying(name));
    let text = login.run(&["squeue", "--me", "--noheader", "--array", &names, "--format", FORMAT], b"").await?;
    Ok(read(&text, name))
}

fn read(text: &str, name: &str) -> Vec<Allocation> {
    let line = |line: &str| {
        let fields: Vec<&str> = line.trim().split('|').collect();
        let [id, called, state, reason, node, left] = fields[..] else { return None };
        let stays = called == staying(name);
        let reason = if reason == "None" { String::new() } else { reason.to_owned() };
        let (id, state, node, left) = (id.to_owned(), state.to_owned(), node.to_owned(), left.to_owned());
        Some(Allocation { id, stays, state, reason, node, left })
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read() {
        let text =
            "17_1|a|RUNNING|None|n1|7:59:01\n17_2|a|PENDING|Resources||8:00:00\n18_1|a-min|COMPLETING|None|n2|0:10\n";
        let read = read(text, "a");
        let ids: Vec<&str> = read.iter().map(|allocation| allocation.id.as_str()).collect();
        assert_eq!(ids, ["17_1", "17_2", "18_1"]);
        assert!(read[0].is_running() && read[0].node == "n1" && read[0].reason.is_empty());
        assert!(read[1].is_waiting() && read[1].reason == "Resources");
        assert!(read[2].stays && !read[2].is_running() && !read[2].is_waiting() && !read[1].stays);
        assert!(super::read("slurm_load_jobs error\n\n", "a").is_empty());
    }
}
