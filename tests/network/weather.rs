//! A bad line: slow, and losing packets.

use std::time::Duration;

use crate::cable::Weather;
use crate::world::{A, B, COORDINATOR, World};

#[test]
fn a_sweep_over_a_slow_line_that_loses_packets_ends_right() {
    let Some(mut world) = World::with("a bad line", "60s", &[]) else { return };
    let ms = Duration::from_millis;
    let bad = Weather { delay: ms(150), jitter: ms(100), lost_one_in: 20, ..Weather::FINE };
    for agent in [A, B] {
        world.cable.between(COORDINATOR, agent, bad);
    }
    world.agent(A, 1);
    world.agent(B, 1);
    let orders = "epoch epoch finish";
    world.submit(20_000, &[("one", orders), ("two", orders), ("three", orders)]);
    assert_eq!(world.watched(), Some(0));
    for (stage, job) in [("one", "j1"), ("two", "j2"), ("three", "j3")] {
        assert_eq!(world.trail(stage), [format!("1 {job}.1"), format!("2 {job}.1")]);
        assert_eq!(world.began(job), 1);
    }
    let lost = |agent| world.cable.link(agent, COORDINATOR).swallowed_packets;
    assert!(
        lost(A) > 0 && lost(B) > 0,
        "the line was bad: {:?}",
        [A, B].map(|agent| world.cable.link(agent, COORDINATOR))
    );
}
