//! The picture. Pure: a frame and the state in, cells out.
//!
//! From top to bottom: how the sweep stands, its jobs, the devices, what is asked of the chosen job, the keys. What there is no room for goes in that
//! order: first the devices, then the chosen job's pane; a screen too small for a list says only how the sweep stands.

mod chart;
mod devices;
mod foot;
mod head;
mod help;
mod jobs;
mod paint;
mod pane;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};

use super::state::Screen;
use crate::paint::Pen;
use paint::Paint;

/// Rows that a list of jobs needs to be one, with its header.
const LIST: u16 = 4;
/// Rows that a pane needs, with its title.
const PANE: u16 = 6;
/// Devices take no more.
const DEVICES: usize = 6;

pub fn draw(frame: &mut Frame<'_>, screen: &mut Screen, pen: Pen) {
    let paint = Paint(pen.colours());
    let area = frame.area();
    if area.height < 3 || area.width < 16 {
        frame.render_widget(head::line(screen, area.width, paint), area);
        return;
    }
    let body = area.height - 3;
    let pane = if body >= LIST + PANE { PANE.max(body * 2 / 5) } else { 0 };
    let room = body.saturating_sub(pane + LIST + 2) as usize;
    let devices = devices::rows(screen, usize::from(area.width), DEVICES.min(room), paint);
    let heights = [2, 0, devices.len() as u16, pane, 1];
    let constraints =
        heights.map(|height| if height == 0 { Constraint::Length(0) } else { Constraint::Length(height) });
    let mut constraints = constraints;
    constraints[1] = Constraint::Min(0);
    let [top, list, middle, bottom, keys] = Layout::vertical(constraints).areas(area);
    head::draw(frame, top, screen, paint);
    jobs::draw(frame, list, screen, paint);
    frame.render_widget(ratatui::widgets::Paragraph::new(devices), middle);
    if pane > 0 {
        pane::draw(frame, bottom, screen, paint);
    }
    frame.render_widget(foot::line(screen, keys.width, paint), keys);
    if screen.help {
        help::draw(frame, area, paint);
    }
}

#[cfg(test)]
mod tests;
