//! Times and sizes, for people.

use std::time::Duration;

use sweep_shared::resources::DeviceClass;
use sweep_shared::size::Size;

/// `45 s`, `12 min`, `3.5 h`, `2 days`.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match time.as_secs() {
        0..1 if time.is_zero() => "0 s".to_owned(),
        0..1 => "1 s".to_owned(),
        1..100 => format!("{} s", seconds.round()),
        100..5400 => format!("{} min", (seconds / 60.0).round()),
        5400..172_800 => format!("{} h", tenths(seconds / 3600.0)),
        _ => format!("{} days", (seconds / 86_400.0).round()),
    }
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// `512 MiB`, `3.1 GiB`.
pub fn size(bytes: u64) -> String {
    Size(bytes).to_string()
}

/// The device of that agent: `cuda 0 of lab-1`; a host has one CPU.
pub fn device(class: DeviceClass, index: u32, agent: &str) -> String {
    match class {
        DeviceClass::Cpu => format!("the CPU of {agent}"),
        DeviceClass::Cuda => format!("GPU {index} of {agent}"),
    }
}

/// `1 slot`, `2 slots`.
pub fn count(number: u32, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// A sentence's last part, in the words of others: with a colon before it, and one full stop.
pub fn quoted(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    if text.is_empty() { ".".to_owned() } else { format!(": {text}.") }
}

/// `a`, `a and b`, `a, b and c`; of many, the first and how many more.
pub fn list(items: &[String]) -> String {
    const MOST: usize = 5;
    match items {
        [] => String::new(),
        [one] => one.clone(),
        many if many.len() > MOST => format!("{} and {} more", many[..MOST].join(", "), many.len() - MOST),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let said: Vec<String> =
            [0, 1, 45, 100, 3600, 5400, 9000, 200_000].map(|seconds| span(Duration::from_secs(seconds))).into();
        assert_eq!(said, ["0 s", "1 s", "45 s", "2 min", "60 min", "1.5 h", "2.5 h", "2 days"]);
        assert_eq!(span(Duration::from_millis(3)), "1 s");
    }

    #[test]
    fn sizes_lists_and_quotes() {
        assert_eq!((size(1), size(3 << 30)), ("1 MiB".to_owned(), "3.0 GiB".to_owned()));
        let many: Vec<String> = (1..=7).map(|i| format!("j{i}")).collect();
        assert_eq!(list(&many), "j1, j2, j3, j4, j5 and 2 more");
        assert_eq!(list(&many[..3]), "j1, j2 and j3");
        assert_eq!((quoted("no memory."), quoted(" ")), (": no memory.".to_owned(), ".".to_owned()));
    }
}
