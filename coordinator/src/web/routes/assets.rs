//! The style sheet, the script and the mark, built into the program.

use std::sync::LazyLock;

use axum::response::IntoResponse;
use http::header;

use crate::web::Web;
use crate::web::call::{Answer, Call};

const STYLE: &str =
    concat!(include_str!("style/base.css"), include_str!("style/sweep.css"), include_str!("style/fleet.css"));
/// A curve that falls, and a point on it: what a sweep looks for. In units of 32 × 32.
pub const MARK: &str = concat!(
    r##"<rect width="32" height="32" rx="7" fill="#2457d6"/>"##,
    r##"<path d="M6 8c3 12 9 15 20 16" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/>"##,
    r##"<circle cx="13" cy="20" r="3.6" fill="#ffc83d"/>"##
);

const SCRIPT: &str = include_str!("live.js");

/// With its contents' hash, so that browsers may keep it for ever.
pub fn script_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| versioned("/live.js", SCRIPT));
    &PATH
}

/// The same of the style sheet.
pub fn style_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| versioned("/style.css", STYLE));
    &PATH
}

fn versioned(path: &str, contents: &str) -> String {
    format!("{path}?v={}", &blake3::hash(contents.as_bytes()).to_hex()[..12])
}

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const A_DAY: &str = "public, max-age=86400";

pub async fn style(_: Web, _: Call) -> Answer {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, FOR_EVER)];
    Ok((headers, STYLE).into_response())
}

pub async fn script(_: Web, _: Call) -> Answer {
    let headers = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, FOR_EVER)];
    Ok((headers, SCRIPT).into_response())
}

pub async fn favicon(_: Web, _: Call) -> Answer {
    let headers = [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, A_DAY)];
    let picture = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{MARK}</svg>"#);
    Ok((headers, picture).into_response())
}
