//! What came out of a sweep, for people and for programs.
//!
//! Points of several seeds fold into one `Row` of means and standard deviations (`row`); `columns` says what a table shows
//! of it and what it gives up first on a narrow terminal; `front` marks what no other point beats. `table` and `markdown`
//! print rows, `json` and `csv` print the single points with everything known about them.

mod columns;
mod csv;
mod document;
mod files;
mod front;
mod markdown;
mod row;
mod table;

pub use csv::csv;
pub use document::document;
pub use markdown::markdown;
pub use table::{Width, table};

#[cfg(test)]
pub mod fixtures;
