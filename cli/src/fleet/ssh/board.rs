//! One line for each host: moving where there is a terminal, one after the other elsewhere.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::progress::Stream;
use crate::{format, output, terminal};

/// On standard error, because the table that follows is the result.
pub struct Board {
    multi: Option<MultiProgress>,
    quiet: bool,
    /// Room for the longest name.
    width: usize,
}

/// A host's line.
pub struct Line {
    name: String,
    bar: Option<ProgressBar>,
    quiet: bool,
    width: usize,
    said: Mutex<String>,
}

impl Board {
    pub fn new<'a>(names: impl Iterator<Item = &'a str>, quiet: bool) -> Self {
        let multi = (!quiet && terminal::width_of(Stream::Stderr).is_some()).then(|| {
            let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
            output::set_bars(Some(multi.clone()));
            multi
        });
        let width = names.map(|name| name.chars().count()).max().unwrap_or(0).min(30);
        Self { multi, quiet, width }
    }

    pub fn line(&self, name: &str) -> Line {
        let bar = self.multi.as_ref().map(|multi| {
            let style = ProgressStyle::with_template("{spinner} {prefix}  {wide_msg}").expect("the template is right");
            let bar = multi.add(ProgressBar::new_spinner().with_style(style));
            bar.set_prefix(format!("{:width$}", format::clip(name, self.width), width = self.width));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let said = Mutex::default();
        Line { name: name.to_owned(), bar, quiet: self.quiet, width: self.width, said }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        if self.multi.is_some() {
            output::set_bars(None);
        }
    }
}

impl Line {
    /// What happens there now.
    pub fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None if !self.quiet => {
                let mut said = self.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if *said != text {
                    text.clone_into(&mut said);
                    output::note(&format!("{:width$}  {text}", self.name, width = self.width));
                }
            }
            None => {}
        }
    }

    /// How much is there of what is copied: once where lines stay, all the time where they move.
    pub fn copies(&self, done: u64, total: u64) {
        let (there, all) = (format::bytes(done as f64), format::bytes(total as f64));
        match &self.bar {
            Some(bar) => bar.set_message(format!("copying {there} of {all}")),
            None => self.say(&format!("copying {all}")),
        }
    }

    /// The last word.
    pub fn end(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.finish_with_message(text.to_owned()),
            None => self.say(text),
        }
    }
}
