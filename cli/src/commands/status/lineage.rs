//! The attempts at a job, each with what it went on from.

use std::time::SystemTime;

use crate::answer::Attempt;
use crate::format;
use crate::moment::Zone;

const HEADER: [&str; 5] = ["try", "state", "granted", "ran", "where"];
/// Remarks stand under the state.
const INDENT: usize = 5;
/// Wide enough for remarks where there is no terminal.
const UNBOUNDED: usize = 1000;

/// Two lines for each attempt, oldest first: its row, and beneath it what it went on from and how it ended.
pub fn table(attempts: &[Attempt], width: Option<u16>, zone: &Zone, now: SystemTime) -> String {
    let rows: Vec<[String; 5]> = attempts.iter().map(|attempt| row(attempt, zone, now)).collect();
    let longest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(|column| longest(column).max(HEADER[column].len())).collect();
    let room = width.map_or(UNBOUNDED, usize::from).saturating_sub(INDENT);
    let mut lines = vec![laid_out(&HEADER, &widths)];
    for (attempt, row) in attempts.iter().zip(&rows) {
        lines.push(laid_out(row, &widths));
        let remarks = format::wrap(&remarks(attempt), room);
        lines.extend(remarks.iter().filter(|line| !line.is_empty()).map(|line| format!("{:INDENT$}{line}", "")));
    }
    lines.join("\n")
}

fn laid_out(cells: &[impl AsRef<str>], widths: &[usize]) -> String {
    let cells: Vec<String> =
        cells.iter().zip(widths).map(|(cell, width)| format!("{:<width$}", cell.as_ref())).collect();
    cells.join("  ").trim_end().to_owned()
}

fn row(attempt: &Attempt, zone: &Zone, now: SystemTime) -> [String; 5] {
    [
        attempt.number.to_string(),
        attempt.state.to_string(),
        attempt.granted.map(|at| zone.since(at, now)).unwrap_or_default(),
        attempt.run_time().map(format::duration).unwrap_or_default(),
        format!("{} {}", attempt.agent, attempt.device),
    ]
}

fn remarks(attempt: &Attempt) -> String {
    let mut parts = Vec::new();
    if let Some(from) = attempt.resumed {
        let place = if from.epoch > 0 { format!("epoch {}", from.epoch) } else { "within its first epoch".to_owned() };
        parts.push(format!("went on from try {}, {place}", from.attempt));
    }
    if attempt.epochs > 0 {
        parts.push(format!("reached epoch {}/{}", attempt.epoch, attempt.epochs));
    }
    if attempt.micro_batches > 1 {
        parts.push(format!("each batch in {} parts", attempt.micro_batches));
    }
    let bytes = |bytes: u64| format::bytes(bytes as f64);
    parts.extend(match (attempt.peak_memory, attempt.reserved_memory) {
        (Some(peak), Some(reserved)) => Some(format!("peak {} of {} reserved", bytes(peak), bytes(reserved))),
        (Some(peak), None) => Some(format!("peak {}", bytes(peak))),
        (None, Some(reserved)) => Some(format!("{} reserved", bytes(reserved))),
        (None, None) => None,
    });
    let message = format::one_line(&attempt.message, 300);
    match attempt.failure {
        Some(class) if message.is_empty() => parts.push(class.to_string()),
        Some(class) => parts.push(format!("{class}: {message}")),
        None if message.is_empty() => {}
        None => parts.push(message),
    }
    parts.join("; ")
}

#[cfg(test)]
pub mod tests {
    use std::time::Duration;

    use super::*;
    use crate::answer::Resumed;
    use crate::moment::tests::{at, zone};
    use sweep_shared::states::AttemptState;

    /// One that was interrupted, and one that went on from it.
    pub fn attempts() -> Vec<Attempt> {
        let first = Attempt {
            number: 1,
            state: AttemptState::Interrupted,
            agent: "desk-1a2b3c4d".into(),
            device: "cuda0".into(),
            granted: Some(at(0)),
            started: Some(at(1)),
            finished: Some(at(90)),
            run: Duration::from_secs(88),
            resumed: None,
            failure: None,
            message: "preempted by j9".into(),
            epoch: 3,
            epochs: 10,
            micro_batches: 1,
            peak_memory: Some(3 << 30),
            reserved_memory: Some(4 << 30),
        };
        let second = Attempt {
            number: 2,
            state: AttemptState::Running,
            granted: Some(at(100)),
            started: Some(at(101)),
            finished: None,
            run: Duration::ZERO,
            resumed: Some(Resumed { attempt: 1, epoch: 3 }),
            message: String::new(),
            micro_batches: 4,
            peak_memory: None,
            reserved_memory: None,
            ..first.clone()
        };
        vec![first, second]
    }

    #[test]
    fn each_attempt_says_what_it_went_on_from_within_80_columns() {
        let text = table(&attempts(), Some(80), &zone(), at(200));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("try  state        granted   ran "), "{text}");
        assert!(lines[1].starts_with("1    interrupted  16:00:00  1 min 28 s"), "{text}");
        assert!(lines[1].ends_with("desk-1a2b3c4d cuda0"), "{text}");
        assert_eq!(lines[2], "     reached epoch 3/10; peak 3.22 GB of 4.29 GB reserved; preempted by j9");
        assert!(lines[3].starts_with("2    running      16:01:40"), "{text}");
        assert_eq!(lines[4], "     went on from try 1, epoch 3; reached epoch 3/10; each batch in 4 parts");
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn long_words_of_an_end_are_wrapped() {
        let mut failed = attempts().remove(0);
        failed.message = "no such folder ".repeat(20);
        let text = table(&[failed], Some(70), &zone(), at(86_400));
        assert!(text.contains("2026-11-20 16:00:00") && text.lines().count() > 4, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 70), "{text}");
    }
}
