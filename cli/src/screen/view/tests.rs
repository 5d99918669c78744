//! Pictures of several sizes, kept as text.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use sweep_shared::ids::JobId;
use sweep_shared::resources::{Device, DeviceClass, DeviceStatus, DeviceUse};
use sweep_shared::states::{JobState, SweepState};

use super::*;
use crate::answer::{Agent, EpochEnd, Explanation, Job, Sweep};
use crate::moment::tests::at;
use crate::progress::{Event, tests_job, tests_sweep};
use crate::screen::feed::News;
use crate::screen::state::Key;
use crate::screen::state::tests::screen;
use crate::snapshot;

fn picture(screen: &mut Screen, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, screen, Pen::PLAIN)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    let mut text = (0..height).map(row).collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

#[track_caller]
fn kept(name: &str, screen: &mut Screen, width: u16, height: u16) -> String {
    let text = picture(screen, width, height);
    snapshot::compare(&format!("src/screen/view/snapshots/{name}.txt"), &text);
    text
}

fn agents() -> Vec<Agent> {
    const GIB: u64 = 1 << 30;
    let uses = vec![DeviceUse { attempt: "j2.1".into(), bytes: GIB }];
    let gpu = Device {
        class: DeviceClass::Cuda,
        index: 0,
        name: "RTX 3060".into(),
        memory_total_bytes: 8 * GIB,
        memory_free_bytes: 3 * GIB,
        slots: 2,
        status: DeviceStatus { uses, all_slots: 2, ..DeviceStatus::default() },
    };
    let cpu = Device {
        class: DeviceClass::Cpu,
        memory_free_bytes: 7 * GIB,
        slots: 1,
        status: DeviceStatus::default(),
        ..gpu.clone()
    };
    let agent = |id: &str, host: &str, connected, devices| Agent {
        id: id.into(),
        host: host.into(),
        connected,
        devices,
        running: 1,
        slots: 2,
        labels: Default::default(),
        last_seen: None,
        draining: false,
    };
    vec![
        agent("desk-1a2b", "desk", true, vec![gpu]),
        agent("box-77", "box", true, vec![cpu]),
        agent("lap-1", "lap", false, vec![]),
    ]
}

fn curves() -> Vec<EpochEnd> {
    let end = |epoch: u32| {
        let learnt = 1.0 - 0.8 / f64::from(epoch);
        let metrics = [
            ("val_accuracy", learnt * 0.9),
            ("train_accuracy", learnt),
            ("val_loss", 2.4 / f64::from(epoch)),
            ("loss", 2.0 / f64::from(epoch)),
        ];
        EpochEnd { epoch, phase: "train".into(), metrics: metrics.map(|(name, value)| (name.to_owned(), value)).into() }
    };
    (1..=12).map(end).collect()
}

/// As it looks in the middle of the work.
fn working() -> Screen {
    let mut screen = screen();
    screen.hear(News::Agents(agents()));
    screen.hear(News::Curves(JobId(2), curves()));
    let further = Job {
        label: "model=kd-conv4".into(),
        fraction: 0.8,
        epoch: 4,
        started: Some(at(90)),
        agent: "desk-1a2b".into(),
        stage: "student".into(),
        metrics: [("val_accuracy".to_owned(), 0.812)].into(),
        ..tests_job(2, JobState::Running)
    };
    screen.hear(News::Event(Event::Job(Box::new(further))));
    screen.pass(Duration::from_secs(100), at(190));
    screen
}

#[test]
fn it_fits_every_screen() {
    for (width, height) in [(80, 24), (120, 40), (60, 16), (40, 12), (24, 6), (16, 3), (10, 2), (1, 1)] {
        kept(&format!("working-{width}x{height}"), &mut working(), width, height);
    }
}

#[test]
fn no_size_is_too_small_or_odd() {
    for width in (1..=130).step_by(3) {
        for height in 1..=50 {
            for key in [Key::Char('v'), Key::Char('l'), Key::Char('e'), Key::Char('?')] {
                let mut screen = working();
                screen.press(key);
                picture(&mut screen, width, height);
            }
        }
    }
    picture(&mut Screen::new(sweep_shared::ids::SweepId(3), crate::moment::tests::zone()), 80, 24);
}

#[test]
fn a_lost_connection_is_seen_at_once() {
    let mut screen = working();
    screen.hear(News::Lost);
    screen.pass(Duration::from_secs(112), at(202));
    let text = kept("lost-80x24", &mut screen, 80, 24);
    assert!(text.lines().next().unwrap().contains("connection lost 12 s ago"), "{text}");
    assert!(picture(&mut screen, 40, 12).starts_with("connection lost"));
}

#[test]
fn the_log_shows_its_end_and_what_was_scrolled_to() {
    let mut screen = working();
    screen.press(Key::Char('l'));
    let text = (1..=40).fold(String::new(), |text, n| text + &format!("line {n}\n"));
    screen.hear(News::Log { job: JobId(2), begins: true, text });
    assert!(kept("log-80x24", &mut screen, 80, 24).contains("line 40"));
    for _ in 0..3 {
        screen.press(Key::Char('u'));
    }
    let scrolled = picture(&mut screen, 80, 24);
    assert!(
        scrolled.contains("line 25") && !scrolled.contains("line 26") && scrolled.contains("scrolled up"),
        "{scrolled}"
    );
}

#[test]
fn why_a_job_waits_is_wrapped() {
    let mut screen = working();
    screen.press(Key::Down);
    screen.press(Key::Char('e'));
    let reasons = vec!["It waits for a slot: both slots of the only agent are busy, and two jobs of other sweeps go before it in the queue.".to_owned()];
    let next = vec!["It starts by itself.".to_owned(), "`sweep priority j3 5` puts it first.".to_owned()];
    let why = Explanation { job: tests_job(3, JobState::Ready), reasons, next };
    screen.hear(News::Why(JobId(3), Ok(why)));
    kept("why-80x24", &mut screen, 80, 24);
}

#[test]
fn questions_and_the_help_are_seen() {
    let mut screen = working();
    screen.press(Key::Char('c'));
    assert!(kept("cancel-80x24", &mut screen, 80, 24).contains("cancel j2 student model=kd-conv4? y: yes"));
    screen.press(Key::Escape);
    screen.press(Key::Char('?'));
    kept("help-80x24", &mut screen, 80, 24);
}

#[test]
fn the_end_is_told() {
    let mut screen = working();
    let over = Sweep {
        state: SweepState::FinishedWithFailures,
        created: Some(at(0)),
        finished: Some(at(3_900)),
        ..tests_sweep()
    };
    screen.hear(News::Event(Event::Sweep(over)));
    let text = kept("over-80x24", &mut screen, 80, 24);
    assert!(text.contains("finished with failures") && text.contains("took 1 h 05 min"), "{text}");
}

#[test]
fn colours_change_no_letter() {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| draw(frame, &mut working(), Pen::COLOURED)).unwrap();
    let coloured = terminal.backend().buffer().content().iter().any(|cell| cell.fg != ratatui::style::Color::Reset);
    let text: String = terminal.backend().buffer().content().iter().map(|cell| cell.symbol()).collect();
    let mut plain = Terminal::new(TestBackend::new(80, 24)).unwrap();
    plain.draw(|frame| draw(frame, &mut working(), Pen::PLAIN)).unwrap();
    assert!(coloured);
    assert_eq!(text, plain.backend().buffer().content().iter().map(|cell| cell.symbol()).collect::<String>());
    assert!(plain.backend().buffer().content().iter().all(|cell| cell.fg == ratatui::style::Color::Reset));
}
