//! What fits into a text message, and what one wants to know at three in the morning: what happened, the weightiest sentences, where to look.
//!
//! A text message has 140 bytes. In the alphabet of GSM 03.38 these are 160 characters; with one character outside it, all are counted in
//! UTF-16, and it is 70. Longer ones are sent in parts that bear 7 characters (3) less each. Networks bill each part.

use super::clean::line;
use crate::notices::Message;

/// GSM 03.38's characters that count once; letters and digits are looked at apart.
const ONCE: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
/// And twice: behind an escape.
const TWICE: &str = "^{}\\[~]|€";

/// Room for a text, by its alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    gsm: usize,
    utf16: usize,
}

impl Room {
    /// Two parts.
    pub const TEXT: Room = Room { gsm: 2 * 153, utf16: 2 * 67 };
    /// Gateways from email cut after one part, of which their own words take some.
    pub const GATEWAY: Room = Room { gsm: 140, utf16: 60 };

    fn holds(self, text: &str) -> bool {
        match gsm_length(text) {
            Some(length) => length <= self.gsm,
            None => text.encode_utf16().count() <= self.utf16,
        }
    }
}

/// The title, as many whole lines as fit, and the link.
pub fn compose(message: &Message, room: Room) -> String {
    let title = plain(&message.title);
    let link = message.link.as_deref().map(plain);
    let with_link = |text: &str| match &link {
        Some(link) => format!("{text}\n{link}"),
        None => text.to_owned(),
    };
    // A link that leaves no room for what happened helps nobody.
    let closing: &dyn Fn(&str) -> String =
        if room.holds(&with_link(&cut_title(&title))) { &with_link } else { &str::to_owned };
    if !room.holds(&closing(&title)) {
        return closing(&shortened(&title, |text| room.holds(&closing(text))));
    }
    let mut text = title;
    for sentence in &message.lines {
        let longer = format!("{text}\n{}", plain(sentence));
        if !room.holds(&closing(&longer)) {
            break;
        }
        text = longer;
    }
    closing(&text)
}

/// The least of a title that still says something.
fn cut_title(title: &str) -> String {
    title.chars().take(40).collect()
}

/// The longest beginning that fits, with dots where it was cut.
fn shortened(text: &str, fits: impl Fn(&str) -> bool) -> String {
    let mut kept: Vec<char> = text.chars().collect();
    loop {
        let cut: String = kept.iter().collect();
        let cut = format!("{}...", cut.trim_end());
        if kept.pop().is_none() || fits(&cut) {
            return cut;
        }
    }
}

/// Typography that has a plain form takes it: one dash should not make a message cost twice as much. Names keep their letters.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in line(text).chars() {
        match character {
            '‐' | '‑' | '–' | '—' | '−' => plain.push('-'),
            '‘' | '’' | '`' => plain.push('\''),
            '“' | '”' | '„' => plain.push('"'),
            '…' => plain.push_str("..."),
            '→' => plain.push_str("->"),
            '×' => plain.push('x'),
            '·' | '•' => plain.push('*'),
            '±' => plain.push_str("+-"),
            '≤' => plain.push_str("<="),
            '≥' => plain.push_str(">="),
            'µ' | 'μ' => plain.push('u'),
            '\t' => plain.push(' '),
            other => plain.push(other),
        }
    }
    plain
}

/// In septets; `None`: not in this alphabet.
fn gsm_length(text: &str) -> Option<usize> {
    text.chars()
        .map(|character| match character {
            _ if character.is_ascii_alphanumeric() || ONCE.contains(character) => Some(1),
            _ if TWICE.contains(character) => Some(2),
            _ => None,
        })
        .sum()
}

/// How many text messages a network bills for it.
pub fn parts(text: &str) -> usize {
    match gsm_length(text) {
        Some(length) if length <= 160 => 1,
        Some(length) => length.div_ceil(153),
        None if text.encode_utf16().count() <= 70 => 1,
        None => text.encode_utf16().count().div_ceil(67),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(title: &str, lines: &[&str], link: &str) -> Message {
        Message {
            title: title.to_owned(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            link: Some(link.to_owned()),
            ..Message::default()
        }
    }

    #[test]
    fn a_finished_sweep_says_how_it_went_and_where_to_look() {
        let lines = ["Best: student kd-conv4, 93.1 % at 0.6 MB.", "11.4 GPU-hours, 3.2 saved – took 5 h 12 min."];
        let text =
            compose(&message("cifar10-kd is finished: 42 jobs", &lines, "https://desk:7433/sweeps/s3"), Room::TEXT);
        assert_eq!(
            text,
            "cifar10-kd is finished: 42 jobs\nBest: student kd-conv4, 93.1 % at 0.6 MB.\n\
             11.4 GPU-hours, 3.2 saved - took 5 h 12 min.\nhttps://desk:7433/sweeps/s3"
        );
        assert_eq!(parts(&text), 1);
    }

    #[test]
    fn lines_that_do_not_fit_are_left_out_whole_and_the_link_stays() {
        let long = "x".repeat(200);
        let text = compose(&message("kd has failed", &["Out of memory.", &long, "short"], "https://d/s3"), Room::TEXT);
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            ["kd has failed", "Out of memory.", long.as_str(), "short", "https://d/s3"]
        );
        let text =
            compose(&message("kd has failed", &["Out of memory.", &long, "short"], "https://d/s3"), Room::GATEWAY);
        assert_eq!(text, "kd has failed\nOut of memory.\nhttps://d/s3");
    }

    #[test]
    fn whatever_it_is_it_never_takes_more_than_two_parts() {
        for letter in ["a", "€", "名", "👍", "ą", "{"] {
            for length in [1, 10, 60, 66, 67, 68, 120, 134, 140, 152, 153, 154, 160, 306, 307, 500] {
                let (title, link) = (letter.repeat(length), format!("https://desk/{}", "s".repeat(length)));
                let text = compose(&message(&title, &[&title, &title], &link), Room::TEXT);
                assert!(!text.is_empty() && parts(&text) <= 2, "{letter} × {length}: {text}");
                assert!(text.starts_with(letter), "{text}");
                let text = compose(&message(&title, &[&title], &link), Room::GATEWAY);
                assert!(parts(&text) == 1, "{letter} × {length}: {text}");
            }
        }
    }

    #[test]
    fn parts_are_counted_as_networks_count_them() {
        let counted = |text: &str, times: usize| parts(&text.repeat(times));
        assert_eq!([counted("a", 160), counted("a", 161), counted("a", 306), counted("a", 307)], [1, 2, 2, 3]);
        assert_eq!([counted("€", 80), counted("€", 81)], [1, 2]);
        assert_eq!([counted("ą", 70), counted("ą", 71), counted("ą", 134), counted("ą", 135)], [1, 2, 2, 3]);
        // Outside the basic plane a character takes two places.
        assert_eq!([counted("👍", 35), counted("👍", 36)], [1, 2]);
    }

    #[test]
    fn typography_costs_nothing_and_names_stay_what_they_are() {
        let text = compose(&message("a–b → “c”… 2×3 ±1 µs", &[], "https://d/"), Room::TEXT);
        assert_eq!(text, "a-b -> \"c\"... 2x3 +-1 us\nhttps://d/");
        assert!(compose(&message("名前 is finished", &[], "https://d/"), Room::TEXT).starts_with("名前 is finished"));
    }
}
