//! The keys, over everything else.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph};

use super::paint::Paint;
use crate::screen::state::HELP;

pub fn draw(frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    let text: Vec<Line> = HELP
        .iter()
        .map(|(keys, does)| {
            Line::from(vec![Span::styled(format!(" {keys:<8} "), paint.bold()), Span::raw(format!("{does} "))])
        })
        .collect();
    let longest = text.iter().map(Line::width).max().unwrap_or(0) as u16;
    let (width, height) = ((longest + 2).min(area.width), (text.len() as u16 + 2).min(area.height));
    let place = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    frame.render_widget(Clear, place);
    let block = Block::bordered().border_type(BorderType::Rounded).title(" any key closes this ");
    frame.render_widget(Paragraph::new(text).block(block), place);
}
