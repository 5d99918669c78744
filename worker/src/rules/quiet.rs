//! Hours in which a device rests: `22:00-06:00`, `Mon-Fri 08:00-18:00`, `Sat,Sun`. In local time; a span that ends before it
//! begins goes on until the next day, and its weekday is that of its beginning.

use std::fmt;

use jiff::civil::{DateTime, Weekday};
use jiff::{Span, ToSpan};

/// The spans, and at least one hour a week outside of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    spans: Vec<Hours>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hours {
    /// From Monday.
    days: [bool; 7],
    /// Minutes of the day; `to` may be 1440, and is smaller than `from` where the span goes on after midnight.
    from: u32,
    to: u32,
}

/// The end of the quiet hours, with the weekday where it is not within a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until {
    pub at: DateTime,
    soon: bool,
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = if self.soon { String::new() } else { format!("{} ", NAMES[index(self.at.weekday())]) };
        write!(f, "{day}{:02}:{:02}", self.at.hour(), self.at.minute())
    }
}

const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY: u32 = 24 * 60;

fn index(day: Weekday) -> usize {
    day.to_monday_zero_offset() as usize
}

impl Quiet {
    /// Fails in words that name what is not understood.
    pub fn parse(texts: &[&str]) -> Result<Self, String> {
        let spans = texts.iter().map(|text| hours(text)).collect::<Result<Vec<_>, _>>()?;
        let quiet = Self { spans };
        if (0..7 * DAY).all(|minute| quiet.holds((minute / DAY) as usize, minute % DAY)) {
            return Err("this leaves no hour; `use = false` leaves the device alone".to_owned());
        }
        Ok(quiet)
    }

    /// Until when it is quiet, if it is now. Spans that follow each other are one.
    pub fn until(&self, now: DateTime) -> Option<Until> {
        let starts = index(now.weekday()) as u32 * DAY + now.hour() as u32 * 60 + now.minute() as u32;
        let quiet = |minute: u32| self.holds((minute / DAY % 7) as usize, minute % DAY);
        if !quiet(starts) {
            return None;
        }
        // A week at the most, since not all of it is quiet.
        let minutes = (1..=7 * DAY).find(|later| !quiet(starts + later))?;
        let minute = now.with().second(0).subsec_nanosecond(0).build().ok()?;
        let span: Span = i64::from(minutes).minutes();
        let at = minute.checked_add(span).ok()?;
        Some(Until { at, soon: minutes < DAY })
    }

    fn holds(&self, day: usize, minute: u32) -> bool {
        let before = (day + 6) % 7;
        self.spans.iter().any(|hours| {
            if hours.from < hours.to {
                hours.days[day] && (hours.from..hours.to).contains(&minute)
            } else {
                hours.days[day] && minute >= hours.from || hours.days[before] && minute < hours.to
            }
        })
    }
}

fn hours(text: &str) -> Result<Hours, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (days, span) = match words.as_slice() {
        [span] if span.starts_with(|c: char| c.is_ascii_digit()) => (None, Some(*span)),
        [days] => (Some(*days), None),
        [days, span] => (Some(*days), Some(*span)),
        _ => return Err(format!("`{text}` is neither hours nor days")),
    };
    let days = days.map_or(Ok([true; 7]), weekdays)?;
    let (from, to) = span.map_or(Ok((0, DAY)), times)?;
    if from == to {
        return Err(format!("`{text}` begins and ends at the same time"));
    }
    Ok(Hours { days, from, to })
}

/// `Mon-Fri`, `Sat,Sun`, `Fri-Mon`
fn weekdays(text: &str) -> Result<[bool; 7], String> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (weekday(first)?, weekday(last)?);
        let count = (last + 7 - first) % 7;
        (0..=count).for_each(|later| days[(first + later) % 7] = true);
    }
    Ok(days)
}

fn weekday(text: &str) -> Result<usize, String> {
    let found = NAMES.iter().position(|name| text.len() >= 3 && text[..3.min(text.len())].eq_ignore_ascii_case(name));
    found.ok_or_else(|| format!("`{text}` is no weekday (Mon, Tue, …)"))
}

fn times(text: &str) -> Result<(u32, u32), String> {
    let (from, to) = text.split_once('-').ok_or_else(|| format!("`{text}` has no end"))?;
    let (from, to) = (time(from)?, time(to)?);
    if from == DAY {
        return Err(format!("`{text}` begins where the day ends: write 00:00"));
    }
    Ok((from, to))
}

fn time(text: &str) -> Result<u32, String> {
    let parsed = text.split_once(':').and_then(|(h, m)| Some((h.parse::<u32>().ok()?, m.parse::<u32>().ok()?)));
    let minutes = parsed.filter(|(h, m)| *m < 60 && (*h < 24 || (*h, *m) == (24, 0))).map(|(h, m)| h * 60 + m);
    minutes.ok_or_else(|| format!("`{text}` is no time of the day"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-30 is a Monday.
    fn at(day: i8, hour: i8, minute: i8) -> DateTime {
        jiff::civil::date(2026, 11, 29).checked_add(i64::from(day + 1).days()).unwrap().at(hour, minute, 30, 0)
    }

    fn until(texts: &[&str], now: DateTime) -> Option<String> {
        Quiet::parse(texts).unwrap().until(now).map(|until| until.to_string())
    }

    #[test]
    fn working_hours_on_weekdays() {
        let quiet = ["Mon-Fri 08:00-18:00"];
        assert_eq!(until(&quiet, at(0, 7, 59)), None);
        assert_eq!(until(&quiet, at(0, 8, 0)), Some("18:00".to_owned()));
        assert_eq!(until(&quiet, at(4, 17, 59)), Some("18:00".to_owned()));
        assert_eq!(until(&quiet, at(4, 18, 0)), None);
        assert_eq!(until(&quiet, at(5, 12, 0)), None);
    }

    #[test]
    fn over_midnight_the_day_is_that_of_the_beginning() {
        assert_eq!(until(&["22:00-06:00"], at(2, 23, 15)), Some("06:00".to_owned()));
        assert_eq!(until(&["22:00-06:00"], at(2, 5, 59)), Some("06:00".to_owned()));
        assert_eq!(until(&["22:00-06:00"], at(2, 6, 0)), None);
        assert_eq!(until(&["Fri 22:00-06:00"], at(5, 3, 0)), Some("06:00".to_owned()));
        assert_eq!(until(&["Fri 22:00-06:00"], at(4, 3, 0)), None);
        assert_eq!(until(&["Sun 22:00-06:00"], at(0, 3, 0)), Some("06:00".to_owned()), "over the end of the week");
    }

    #[test]
    fn spans_that_follow_each_other_are_one_and_far_ends_name_their_day() {
        assert_eq!(until(&["Sat,Sun", "Fri 18:00-24:00"], at(4, 20, 0)), Some("Mon 00:00".to_owned()));
        assert_eq!(until(&["08:00-12:00", "12:00-18:00"], at(0, 9, 0)), Some("18:00".to_owned()));
        assert_eq!(until(&["Sat-Mon"], at(6, 12, 0)), Some("Tue 00:00".to_owned()));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let refused = |text: &str, says: &str| {
            let why = Quiet::parse(&[text]).unwrap_err();
            assert!(why.contains(says), "{why}");
        };
        refused("22-06", "`22` is no time");
        refused("Mon 8:00", "has no end");
        refused("Mon 8:60-9:00", "`8:60` is no time");
        refused("Moonday 08:00-09:00", "`Moonday` is no weekday");
        refused("08:00-08:00", "begins and ends");
        refused("24:00-08:00", "write 00:00");
        refused("a b c", "neither");
        refused("00:00-24:00", "leaves no hour");
        refused("Mon-Sun", "leaves no hour");
    }
}
