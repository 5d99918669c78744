//! Times and sizes, for people.

use sweep_shared::resources::DeviceClass;
use sweep_shared::size::Size;

pub use sweep_shared::span::in_words as span;

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

/// As people call it.
pub fn class(class: DeviceClass) -> &'static str {
    match class {
        DeviceClass::Cpu => "CPU",
        DeviceClass::Cuda => "GPU",
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
    fn sizes_lists_and_quotes() {
        assert_eq!((size(1), size(3 << 30)), ("1 MiB".to_owned(), "3.0 GiB".to_owned()));
        let many: Vec<String> = (1..=7).map(|i| format!("j{i}")).collect();
        assert_eq!(list(&many), "j1, j2, j3, j4, j5 and 2 more");
        assert_eq!(list(&many[..3]), "j1, j2 and j3");
        assert_eq!((quoted("no memory."), quoted(" ")), (": no memory.".to_owned(), ".".to_owned()));
    }
}
