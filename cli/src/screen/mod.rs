//! `sweep watch` on a terminal: a sweep's jobs, devices and curves on the whole screen.
//!
//! [`state::Screen`] is all that is known and chosen; `state` changes it by keys and by news, `view` draws it, and both are pure: time is
//! part of the state. `feed` asks the coordinator and tells what it heard as [`feed::News`]; `terminal` has the real one, and gives it
//! back whatever happens. This file is the loop between them.

mod feed;
mod state;
mod terminal;
mod view;

use std::time::{Duration, Instant, SystemTime};

use sweep_shared::ids::SweepId;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::connect::Connection;
use crate::exit::Outcome;
use crate::moment::Zone;
use crate::output;
use crate::paint::Pen;
use crate::signals::Signals;
use feed::Feed;
use state::{Effect, Screen};
use terminal::{Input, Terminal};

/// Between two pictures, unless a key was pressed.
const TICK: Duration = Duration::from_millis(200);

/// Shows the sweep until the user leaves.
pub async fn show(connection: &mut Connection, sweep: SweepId, pen: Pen, remark: Option<&str>) -> Outcome<()> {
    let mut signals = Signals::listen()?;
    let mut screen = Screen::new(sweep, Zone::here());
    if let Some(remark) = remark {
        screen.remark(remark);
    }
    let mut shown = Terminal::enter()?;
    let mut input = Input::start();
    let (tell, mut news) = mpsc::channel(1024);
    let mut feed = Feed::new(connection.client.clone(), tell);
    let mut following = std::pin::pin!(feed::follow(connection, sweep, feed.line()));
    let started = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut effects = Vec::new();
        tokio::select! {
            failure = &mut following => return Err(failure),
            heard = news.recv() => {
                let mut next = heard;
                // What has come in the meantime is one picture.
                while let Some(heard) = next {
                    screen.hear(heard);
                    next = news.try_recv().ok();
                }
                continue;
            }
            key = input.next() => match key {
                Some(Some(key)) => effects = screen.press(key),
                // Another size: the next picture has it.
                Some(None) => {}
                // The terminal is gone.
                None => return Ok(()),
            },
            () = signals.next() => return Ok(()),
            _ = ticks.tick() => {}
        }
        if effects.contains(&Effect::Leave) {
            return Ok(());
        }
        screen.pass(started.elapsed(), SystemTime::now());
        for note in output::captured() {
            screen.remark(&note);
        }
        feed.carry_out(effects);
        feed.look_at(screen.wants());
        match shown.draw(|frame| view::draw(frame, &mut screen, pen)) {
            // Noticed before the signal, or the end of the keys, that tells so.
            Err(error) if terminal::is_gone(&error) => return Ok(()),
            done => done?,
        }
    }
}
