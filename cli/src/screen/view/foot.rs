//! The last line: a question, a remark, or the keys.

use ratatui::text::{Line, Span};

use super::paint::Paint;
use crate::connect::Target;
use crate::format;
use crate::screen::state::Screen;

const KEYS: &[(&str, &str)] = &[
    ("q", "leave"),
    ("?", "help"),
    ("↑↓", "choose"),
    ("l", "log"),
    ("e", "why"),
    ("f", "filter"),
    ("s", "sort"),
    ("p", "pause"),
    ("c", "cancel"),
    ("r", "retry"),
];

pub fn line(screen: &Screen, width: u16, paint: Paint) -> Line<'static> {
    let width = usize::from(width);
    if let Some(target) = screen.asking {
        return Line::styled(format::clip(&question(screen, target), width), paint.alarm());
    }
    if let Some(remark) = screen.remarked() {
        return Line::styled(format::clip(remark, width), paint.warning());
    }
    let mut spans = Vec::new();
    let mut used = 0;
    for (key, does) in KEYS {
        let length = key.chars().count() + does.len() + 3;
        if used + length > width + 2 {
            break;
        }
        used += length;
        spans.push(Span::styled(*key, paint.bold()));
        spans.push(Span::styled(format!(" {does}  "), paint.dim()));
    }
    Line::from(spans)
}

fn question(screen: &Screen, target: Target) -> String {
    match target {
        Target::Job(id) => {
            let name = screen.board.job(id).map(|job| screen.board.name(job)).unwrap_or_default();
            format!("cancel {id} {name}? y: yes  S: all of {}  any other key: no", screen.sweep)
        }
        Target::Sweep(id) => format!("cancel all that is left of {id}? y: yes  any other key: no"),
    }
}
