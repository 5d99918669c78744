//! Amounts of memory as people write them: `512 MiB`, `1.5 GiB`, `6 GB`.

use std::fmt;

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSize {
    #[error("it has no unit: write `6 GiB` or `512 MiB`")]
    NoUnit,
    #[error("it is no amount: write a number and a unit, as `6 GiB` or `512 MiB`")]
    Malformed,
    #[error("it is larger than any memory")]
    TooLarge,
}

/// Binary and decimal units, in any case.
const UNITS: &[(&str, u64)] = &[
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
];

/// More than this is a slip, and would not fit the database's integers.
const MOST: f64 = (1_u64 << 60) as f64;

/// Reads an amount, in bytes. A number without a unit is refused: nobody can tell whether bytes or megabytes were meant.
pub fn parse(text: &str) -> Result<u64, BadSize> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..split], text[split..].trim().to_ascii_lowercase());
    let number: f64 = number.parse().map_err(|_| BadSize::Malformed)?;
    if unit.is_empty() {
        return Err(BadSize::NoUnit);
    }
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(BadSize::Malformed)?;
    let bytes = number * *factor as f64;
    if bytes > MOST { Err(BadSize::TooLarge) } else { Ok(bytes as u64) }
}

/// Shows bytes in the largest binary unit that leaves at least one before the point: `512 MiB`, `3.1 GiB`.
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: f64 = 1_048_576.0;
        let mib = self.0 as f64 / MIB;
        if mib < 1024.0 { write!(f, "{} MiB", mib.ceil()) } else { write!(f, "{:.1} GiB", mib / 1024.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_their_units() {
        assert_eq!(parse("6 GiB"), Ok(6 << 30));
        assert_eq!(parse(" 1.5gib "), Ok(3 << 29));
        assert_eq!(parse("512 MB"), Ok(512_000_000));
        assert_eq!(parse("0 B"), Ok(0));
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        assert_eq!(parse("6"), Err(BadSize::NoUnit));
        for text in ["", "GiB", "6 apples", "-1 GiB", "1.2.3 GiB", "1e3 MiB"] {
            assert_eq!(parse(text), Err(BadSize::Malformed), "{text}");
        }
        assert_eq!(parse("9999999 TiB"), Err(BadSize::TooLarge));
    }

    #[test]
    fn sizes_are_shown_short() {
        assert_eq!((Size(1).to_string(), Size(3 << 30).to_string()), ("1 MiB".to_owned(), "3.0 GiB".to_owned()));
    }
}
