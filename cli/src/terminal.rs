//! How wide the screen is.

use std::io::IsTerminal as _;

/// Columns of the terminal that standard output is; `None` where it is a file or a pipe.
pub fn width() -> Option<u16> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    // Some terminals (serial lines, CI) have no size and say so in COLUMNS, or not at all.
    let told = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let size = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0).filter(|width| *width > 0);
    Some(size.or_else(told).unwrap_or(80).max(20))
}
