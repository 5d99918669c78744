//! The agent's disk fails while a job runs.

use libc::{EDQUOT, EIO, EROFS};

use crate::site::Site;

/// The runner goes on, its end is written down as soon as that is possible, and told then.
fn delivers_after(error: i32) {
    let mut site = Site::start();
    site.begin();
    site.agents_disk.fails(error);
    site.go();
    site.agent_says("cannot write the spool");
    let status = site.status();
    assert_eq!(status["jobs"][0]["state"], "running", "what is not on the agent's disk is not told: {status:#}");
    site.agents_disk.works();
    site.ends();
}

#[test]
fn what_ended_on_a_read_only_file_system_is_told_once_it_can_be_written_down() {
    delivers_after(EROFS);
}

#[test]
fn what_ended_without_quota_is_told_once_it_can_be_written_down() {
    delivers_after(EDQUOT);
}

#[test]
fn what_ended_on_a_disk_with_errors_is_told_once_it_can_be_written_down() {
    delivers_after(EIO);
}
