//! What is said about a job and about the whole, in one line each. Pure.

use std::fmt::Write as _;
use std::time::Duration;

use sweep_shared::metrics::VAL_ACCURACY;
use sweep_shared::states::JobState;

use super::board::Board;
use crate::answer::{Job, Sweep};
use crate::format;

/// Images the runner trains on per second, as its epoch events tell it.
const IMAGES_PER_S: &str = "images_per_s";

/// `2 of 14 jobs done, 1 failed, 2 running, 10 waiting`; of a paused sweep with `paused` before it.
pub fn tally(board: &Board) -> String {
    counted(board).join(", ")
}

/// The tally, how long it has taken, and what is left, as far as there is room: what is left goes before how long it took and what
/// waits.
pub fn whole(board: &Board, took: Duration, left: Option<Duration>, room: usize) -> String {
    let mut parts: Vec<(u8, String)> = counted(board)
        .into_iter()
        .enumerate()
        .map(|(at, part)| {
            (
                if at == 0 {
                    0
                } else if part.ends_with("waiting") {
                    3
                } else {
                    1
                },
                part,
            )
        })
        .collect();
    parts.push((4, format::duration(took)));
    parts.extend(left.map(|left| (2, format!("about {} left", format::duration(left)))));
    fitted(parts, room)
}

/// Leaves parts out, the one with the highest number first, until the rest fits.
fn fitted(mut parts: Vec<(u8, String)>, room: usize) -> String {
    loop {
        let text = parts.iter().map(|(_, part)| part.as_str()).collect::<Vec<_>>().join(", ");
        if parts.len() <= 1 || text.chars().count() <= room {
            return text;
        }
        let last = parts.iter().map(|(rank, _)| *rank).max();
        if let Some(at) = parts.iter().position(|(rank, _)| Some(*rank) == last) {
            parts.remove(at);
        }
    }
}

fn counted(board: &Board) -> Vec<String> {
    let paused = if board.sweep().is_some_and(|sweep| sweep.pause().is_some()) { "paused; " } else { "" };
    let mut all = vec![format!("{paused}{} of {} done", board.over(), format::plural(board.total(), "job"))];
    let waiting = board.count(JobState::Blocked) + board.count(JobState::Ready);
    let parts = [
        (board.count(JobState::Failed), "failed"),
        (board.count(JobState::Skipped), "skipped"),
        (board.count(JobState::Cancelled), "cancelled"),
        (board.count(JobState::Running), "running"),
        (waiting, "waiting"),
        (board.count(JobState::Paused), "paused"),
    ];
    for (n, word) in parts.into_iter().filter(|(n, _)| *n > 0) {
        all.push(format!("{n} {word}"));
    }
    all
}

/// That a sweep is paused, why, and what ends it: `s1 is paused: its budget … is spent; …`.
pub fn paused(sweep: &Sweep) -> Option<String> {
    let paused = sweep.pause()?;
    Some(format!("{id} is {paused}; `sweep resume {id}` goes on", id = sweep.id))
}

/// A job's new state: `j3 student: running on desk (attempt 2, from epoch 4)`.
pub fn state(board: &Board, job: &Job) -> String {
    format!("{} {}: {}", job.id, board.name(job), happening(job))
}

fn happening(job: &Job) -> String {
    match job.state {
        JobState::Running => running(job),
        JobState::Succeeded if job.reused => "reused from an earlier sweep".to_owned(),
        JobState::Succeeded => succeeded(job),
        JobState::Failed => {
            let class = job.failure.map_or(String::new(), |class| format!(" ({class})"));
            with_message(&format!("failed{class}"), &job.message)
        }
        // Back to the queue after an attempt: why matters.
        JobState::Ready if job.attempt > 0 => with_message("waiting for another attempt", &job.message),
        JobState::Ready => "waiting for a slot".to_owned(),
        JobState::Blocked => "waiting for its inputs".to_owned(),
        JobState::Skipped => "skipped, because an input did not succeed".to_owned(),
        JobState::Stopped => "stopped early".to_owned(),
        JobState::Paused => format!("paused; `sweep resume {}` takes it up again", job.id),
        JobState::Cancelled => "cancelled".to_owned(),
    }
}

fn succeeded(job: &Job) -> String {
    let mut text = "succeeded".to_owned();
    if let Some(time) = job.run_time() {
        let _ = write!(text, " in {}", format::duration(time));
    }
    // The last epoch's.
    if let Some(share) = job.metrics.get(VAL_ACCURACY) {
        let _ = write!(text, ", val accuracy {}", format::percent(*share));
    }
    text
}

fn running(job: &Job) -> String {
    let mut remarks = Vec::new();
    if job.attempt > 1 {
        remarks.push(format!("attempt {}", job.attempt));
    }
    if job.resumed_from > 0 {
        remarks.push(format!("from epoch {}", job.resumed_from));
    }
    if remarks.is_empty() { "running".to_owned() } else { format!("running ({})", remarks.join(", ")) }
}

fn with_message(what: &str, message: &str) -> String {
    // A failure's message may hold the last lines of a log; its end is what matters, and `sweep logs` has it all.
    let message = format::one_line(message, 200);
    if message.is_empty() { what.to_owned() } else { format!("{what}: {message}") }
}

/// How far a running job is, as far as there is room: `epoch 3/5, val accuracy 81.2 %, 2610 images/s, about 45 s left`.
pub fn progress(job: &Job, left: Option<Duration>, room: usize) -> String {
    let mut parts = Vec::new();
    if job.epochs > 0 {
        parts.push((0, format!("epoch {}/{}", job.epoch, job.epochs)));
    } else {
        parts.push((0, format!("{:.0} %", job.fraction * 100.0)));
    }
    if let Some(share) = job.metrics.get(VAL_ACCURACY) {
        parts.push((2, format!("val accuracy {}", format::percent(*share))));
    }
    if let Some(rate) = job.metrics.get(IMAGES_PER_S) {
        parts.push((3, format!("{rate:.0} images/s")));
    }
    if let Some(left) = left {
        parts.push((1, format!("about {} left", format::duration(left))));
    }
    fitted(parts, room)
}

/// A moment since the start of the command: `[   12.3s]`.
pub fn stamp(now: Duration) -> String {
    format!("[{:>7.1}s]", now.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::board::Event;
    use crate::progress::board::tests::{job, sweep};
    use sweep_shared::states::FailureClass;

    #[test]
    fn the_tally_names_only_what_there_is() {
        let mut board = Board::default();
        let jobs = vec![
            job(1, JobState::Succeeded),
            job(2, JobState::Failed),
            job(3, JobState::Running),
            job(4, JobState::Blocked),
        ];
        board.apply(Event::Snapshot(sweep(), jobs));
        assert_eq!(tally(&board), "2 of 4 jobs done, 1 failed, 1 running, 1 waiting");
        let whole = |room| whole(&board, Duration::from_secs(90), Some(Duration::from_hours(1)), room);
        assert!(whole(200).ends_with("1 running, 1 waiting, 1 min 30 s, about 1 h 00 min left"), "{}", whole(200));
        assert_eq!(whole(60), "2 of 4 jobs done, 1 failed, 1 running, about 1 h 00 min left");
        assert_eq!(whole(5), "2 of 4 jobs done");
    }

    #[test]
    fn a_paused_sweep_says_why_and_what_to_do() {
        let spent = "its budget of 2 GPU-hours is spent".to_owned();
        let sweep = Sweep { paused: true, paused_reason: spent, ..sweep() };
        assert_eq!(
            paused(&sweep).unwrap(),
            "s1 is paused: its budget of 2 GPU-hours is spent; `sweep resume s1` goes on"
        );
        let mut board = Board::default();
        board.apply(Event::Snapshot(sweep, vec![job(1, JobState::Ready)]));
        assert_eq!(tally(&board), "paused; 0 of 1 job done, 1 waiting");
    }

    #[test]
    fn states_are_told_in_words() {
        let board = Board::default();
        let resumed = Job { attempt: 2, resumed_from: 4, ..job(3, JobState::Running) };
        assert_eq!(state(&board, &resumed), "j3 base: running (attempt 2, from epoch 4)");
        let failed = Job {
            failure: Some(FailureClass::BadInput),
            message: "no such\nfolder".into(),
            ..job(3, JobState::Failed)
        };
        assert_eq!(state(&board, &failed), "j3 base: failed (bad_input): no such folder");
        let reused = Job { reused: true, ..job(3, JobState::Succeeded) };
        assert_eq!(state(&board, &reused), "j3 base: reused from an earlier sweep");
        let again = Job { attempt: 1, message: "agent lost".into(), ..job(3, JobState::Ready) };
        assert_eq!(state(&board, &again), "j3 base: waiting for another attempt: agent lost");
    }

    #[test]
    fn progress_says_what_is_known() {
        let mut training = Job { epoch: 3, fraction: 0.6, ..job(1, JobState::Running) };
        assert_eq!(progress(&training, None, usize::MAX), "epoch 3/5");
        training.metrics = [(VAL_ACCURACY.to_owned(), 0.8123), (IMAGES_PER_S.to_owned(), 2609.7)].into();
        let left = Some(Duration::from_secs(45));
        let full = "epoch 3/5, val accuracy 81.2 %, 2610 images/s, about 45 s left";
        assert_eq!(progress(&training, left, usize::MAX), full);
        assert_eq!(progress(&training, left, full.len()), full);
        assert_eq!(progress(&training, left, 60), "epoch 3/5, val accuracy 81.2 %, about 45 s left");
        assert_eq!(progress(&training, left, 30), "epoch 3/5, about 45 s left");
        assert_eq!(progress(&training, left, 5), "epoch 3/5");
        let command = Job { epochs: 0, fraction: 0.25, ..job(1, JobState::Running) };
        assert_eq!(progress(&command, None, usize::MAX), "25 %");
    }
}
