//! Numbers, times and texts as people read them, in a terminal, on a page and in a mail. All functions are pure.

use std::time::Duration;

/// `0.4 s`, `12 s`, `3 min 20 s`, `1 h 05 min`, `2 d 03 h`.
pub fn duration(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0..10 => format!("{:.1} s", d.as_secs_f64()),
        10..60 => format!("{s} s"),
        60..3_600 => format!("{} min {:02} s", s / 60, s % 60),
        3_600..86_400 => format!("{} h {:02} min", s / 3_600, s % 3_600 / 60),
        _ => format!("{} d {:02} h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// Seconds where only the size of the number matters: `12 s`, `3.4 min`, `1.2 h`, `2.1 d`.
pub fn rough(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 59.5 => (s, "s"),
        s if s < 3_570.0 => (s / 60.0, "min"),
        s if s < 171_000.0 => (s / 3_600.0, "h"),
        s => (s / 86_400.0, "d"),
    };
    if value >= 9.95 || unit == "s" { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

/// Decimal units: `812 B`, `34.5 KB`, `1.21 MB`.
pub fn bytes(n: f64) -> String {
    scaled(n, &["B", "KB", "MB", "GB", "TB"])
}

/// `812`, `34.5 k`, `1.21 M`, `0.56 G`.
pub fn count(n: f64) -> String {
    scaled(n, &["", "k", "M", "G", "T"])
}

/// Three significant digits, with the unit that leaves one to three of them before the point.
fn scaled(n: f64, units: &[&str]) -> String {
    let mut value = n;
    let mut unit = 0;
    // 999.5 would be printed as 1000.
    while value.abs() >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if unit == 0 && value.fract() == 0.0 { format!("{value:.0}") } else { significant(value) };
    format!("{digits} {}", units[unit]).trim_end().to_owned()
}

/// Three significant digits without an exponent, for numbers between 0.001 and 999: `0.0456`, `1.23`, `45.6`, `789`.
pub fn significant(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 || v == 0.0 => 2,
        v if v >= 0.09995 => 3,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// A share in 0..=1 as `93.12 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The text with a capital at its beginning.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `1 job`, `2 jobs`.
pub fn plural(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

/// The text cut to `width` characters, with `…` where something was left out.
pub fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// The text cut to `width` characters in its middle: of names that differ at their ends, both ends are to be seen.
pub fn squeeze(text: &str, width: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= width || width < 8 {
        return clip(text, width);
    }
    let head = (width - 1) / 2;
    let tail = width - 1 - head;
    letters[..head].iter().chain(&['…']).chain(&letters[letters.len() - tail..]).collect()
}

/// A message on one line, and not longer than a screen's: what a table or a progress line can show of it.
pub fn one_line(text: &str, width: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    clip(&words.join(" "), width)
}

/// The text in lines of at most `width` characters, broken at spaces; a longer word stays whole.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// A line in as many as it needs at this width, all but the first indented.
pub fn hanging(line: &str, width: usize, indent: usize) -> Vec<String> {
    if line.chars().count() <= width || width <= indent + 20 {
        return vec![line.to_owned()];
    }
    // Broken at the last space that fits; without one, where the line ends.
    let fits = line.char_indices().take(width + 1).filter(|(_, c)| *c == ' ').map(|(at, _)| at).last();
    let at = fits
        .filter(|at| *at > indent)
        .unwrap_or_else(|| line.char_indices().nth(width).map_or(line.len(), |(at, _)| at));
    let rest = format!("{:indent$}{}", "", line[at..].trim_start());
    let mut lines = vec![line[..at].trim_end().to_owned()];
    lines.extend(hanging(&rest, width, indent));
    lines
}

/// Hours of a device: `0.0021`, `3.1`, `128`.
pub fn hours(hours: f64) -> String {
    match hours {
        h if h >= 100.0 => format!("{h:.0}"),
        h if h >= 1.0 => format!("{h:.1}"),
        h if h > 0.0 => significant(h),
        _ => "0".to_owned(),
    }
}

/// A number of which nothing is known: `1200`, `0.250`, `1.50e-6`.
pub fn number(value: f64) -> String {
    let simple = value == 0.0 || (0.001..1e6).contains(&value.abs());
    match (value.fract() == 0.0 && value.abs() < 1e15, simple) {
        (true, _) => format!("{value:.0}"),
        (false, true) => significant(value),
        (false, false) => format!("{value:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_speech() {
        let cases = [
            (0.0, "0.0 s"),
            (0.44, "0.4 s"),
            (12.7, "12 s"),
            (200.0, "3 min 20 s"),
            (3_900.0, "1 h 05 min"),
            (183_600.0, "2 d 03 h"),
        ];
        for (s, text) in cases {
            assert_eq!(duration(Duration::from_secs_f64(s)), text);
        }
    }

    #[test]
    fn rough_times_have_two_digits() {
        let cases = [
            (0.4, "0 s"),
            (12.3, "12 s"),
            (59.6, "1.0 min"),
            (200.0, "3.3 min"),
            (1_500.0, "25 min"),
            (5_000.0, "1.4 h"),
            (1e6, "12 d"),
        ];
        for (seconds, text) in cases {
            assert_eq!(rough(seconds), text);
        }
    }

    #[test]
    fn sizes_keep_three_digits() {
        assert_eq!(bytes(812.0), "812 B");
        assert_eq!(bytes(34_540.0), "34.5 KB");
        assert_eq!(bytes(999_600.0), "1.00 MB");
        assert_eq!(bytes(1_210_000.0), "1.21 MB");
        assert_eq!(count(269_722.0), "270 k");
        assert_eq!(count(40_550_000.0), "40.5 M");
        assert_eq!(count(10.0), "10");
        assert_eq!(significant(0.0456), "0.0456");
        assert_eq!(significant(12.34), "12.3");
    }

    #[test]
    fn long_text_is_clipped_to_the_width_and_one_line() {
        assert_eq!(clip("abcdef", 6), "abcdef");
        assert_eq!(clip("abcdef", 4), "abc…");
        assert_eq!(one_line("a\n  b\tc", 10), "a b c");
        assert_eq!(squeeze("student temperature=4", 21), "student temperature=4");
        assert_eq!(squeeze("student model=kd temperature=4", 20), "student m…perature=4");
        assert_eq!(squeeze("student temperature=4", 5), "stud…");
    }

    #[test]
    fn sentences_are_wrapped_at_spaces() {
        assert_eq!(wrap("a bc  def\nghij", 4), ["a bc", "def", "ghij"]);
        assert_eq!(wrap("incomprehensible", 4), ["incomprehensible"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!([0.0, 0.0021, 3.12, 128.4].map(hours), ["0", "0.0021", "3.1", "128"]);
    }

    #[test]
    fn long_lines_hang() {
        let line = "[   12.3s] j8 int8: succeeded in 10 s, val accuracy 96.8 %";
        assert_eq!(hanging(line, 80, 11), [line]);
        assert_eq!(hanging(line, 50, 11), ["[   12.3s] j8 int8: succeeded in 10 s, val", "           accuracy 96.8 %"]);
        let long = format!("[    0.0s] {}", "x".repeat(100));
        assert!(hanging(&long, 60, 11).iter().all(|line| line.chars().count() <= 60));
        assert_eq!(hanging(&long, 60, 11).concat().matches('x').count(), 100);
    }

    #[test]
    fn one_of_a_thing_is_singular() {
        assert_eq!(plural(1, "job"), "1 job");
        assert_eq!(plural(0, "job"), "0 jobs");
    }
}
