//! Styles, with colours or without. Bold and reversed letters are there in any case: they are how the chosen row is known.

use ratatui::style::{Color, Modifier, Style};
use sweep_shared::states::JobState;

/// Whether there are colours.
#[derive(Debug, Clone, Copy)]
pub struct Paint(pub bool);

#[allow(clippy::unused_self, reason = "whoever draws asks one thing for every style")]
impl Paint {
    pub fn plain(self) -> Style {
        Style::new()
    }

    pub fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub fn alarm(self) -> Style {
        self.with(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub fn warning(self) -> Style {
        self.with(Color::Yellow)
    }

    /// What is full of a bar.
    pub fn full(self) -> Style {
        self.with(Color::Cyan)
    }

    pub fn first(self) -> Style {
        self.with(Color::Green)
    }

    pub fn second(self) -> Style {
        self.with(Color::Blue).add_modifier(Modifier::DIM)
    }

    pub fn state(self, state: JobState) -> Style {
        match state {
            JobState::Succeeded => self.with(Color::Green),
            JobState::Failed => self.with(Color::Red),
            JobState::Running => self.with(Color::Cyan),
            JobState::Paused | JobState::Stopped => self.with(Color::Yellow),
            JobState::Cancelled | JobState::Skipped => self.with(Color::Magenta),
            JobState::Blocked | JobState::Ready => self.dim(),
        }
    }

    fn with(self, colour: Color) -> Style {
        if self.0 { Style::new().fg(colour) } else { Style::new() }
    }
}

/// So many cells of a bar, full to this share: `━━━━╸───`.
pub fn bar(share: f64, width: usize) -> (String, String) {
    let halves = (share.clamp(0.0, 1.0) * (2 * width) as f64).round() as usize;
    let (full, half) = (halves / 2, halves % 2);
    let mut done = "━".repeat(full);
    if half == 1 {
        done.push('╸');
    }
    let rest = "─".repeat(width - full - half);
    (done, rest)
}
