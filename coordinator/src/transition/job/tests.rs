use proptest::prelude::*;

use super::*;

fn job(state: JobState) -> Job {
    Job { state, failures: 0, losses: 0, retries: 1, most_losses: 10 }
}

/// The whole table, written by hand: columns are the states, rows the events; a dash is a refusal.
const TABLE: &str = "
                                       blocked   ready     running   paused    succeeded failed    cancelled stopped   skipped
    inputs_succeeded                   ready     -         -         -         -         -         -         -         -
    input_failed                       skipped   -         -         skipped   -         -         -         -         -
    granted                            -         running   -         -         -         -         -         -         -
    stolen                             -         -         running   -         -         -         -         -         -
    succeeded                          -         -         succeeded succeeded -         -         -         -         -
    failed(internal)                   -         -         ready     paused    -         -         -         -         -
    failed(bad_input)                  -         -         failed    failed    -         -         -         -         -
    failed(out_of_memory)              -         -         ready     paused    -         -         -         -         -
    remedied                           -         -         ready     paused    -         -         -         -         -
    beyond_remedy                      -         -         failed    failed    -         -         -         -         -
    interrupted                        -         -         ready     paused    -         -         -         -         -
    refused                            -         -         ready     paused    -         -         -         -         -
    lost                               -         -         ready     paused    -         -         -         -         -
    never_arrived                      -         -         ready     paused    -         -         -         -         -
    restored                           -         -         ready     paused    -         -         -         -         -
    timed_out                          -         -         failed    failed    -         -         -         -         -
    cancel                             cancelled cancelled cancelled cancelled -         -         -         -         -
    pause                              paused    paused    paused    -         -         -         -         -         -
    resume(live)                       -         -         -         running   -         -         -         -         -
    resume(fed)                        -         -         -         ready     -         -         -         -         -
    resume(unfed)                      -         -         -         blocked   -         -         -         -         -
    retry(fed)                         -         -         -         -         -         ready     ready     ready     ready
    retry(unfed)                       -         -         -         -         -         blocked   blocked   blocked   blocked
";

fn name(event: JobEvent) -> String {
    let detail = match event {
        JobEvent::Failed(class) => class.as_str(),
        JobEvent::Resume { live: true, .. } => "live",
        JobEvent::Resume { inputs_succeeded, .. } | JobEvent::Retry { inputs_succeeded } => {
            if inputs_succeeded {
                "fed"
            } else {
                "unfed"
            }
        }
        _ => return event.word().to_owned(),
    };
    format!("{}({detail})", event.word())
}

#[test]
fn the_table_is_what_the_design_says() {
    let mut lines = TABLE.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|w| !w.is_empty());
    let states = lines.next().unwrap();
    assert_eq!(states, JobState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>());
    let mut rows = 0;
    for (line, event) in lines.zip(EVENTS) {
        assert_eq!(line[0], name(event));
        for (cell, &state) in line[1..].iter().zip(JobState::ALL) {
            let got = next_job(job(state), event).map_or("-", |step| step.to.state().as_str());
            assert_eq!(got, *cell, "{state} + {}", line[0]);
        }
        rows += 1;
    }
    assert_eq!(rows, EVENTS.len());
}

#[test]
fn retries_run_out() {
    let internal = JobEvent::Failed(FailureClass::Internal);
    let once = next_job(job(JobState::Running), internal).unwrap();
    assert_eq!(once, Step { to: To::ReadyLater, failures: 1, losses: 0 });
    for state in [JobState::Running, JobState::Paused] {
        let twice = next_job(Job { failures: 1, ..job(state) }, internal).unwrap();
        assert_eq!(twice.to, To::Failed(FailureClass::Internal), "{state}");
    }
}

#[test]
fn losses_spend_no_retry_but_have_a_limit() {
    let mut now = Job { retries: 0, most_losses: 3, ..job(JobState::Running) };
    for _ in 0..3 {
        let step = next_job(now, JobEvent::Lost).unwrap();
        assert_eq!((step.to, step.failures), (To::Ready, 0));
        now.losses = step.losses;
    }
    assert_eq!(next_job(now, JobEvent::Lost).unwrap().to, To::Failed(FailureClass::Lost));
    assert_eq!(next_job(now, JobEvent::Stolen).unwrap().to, To::Failed(FailureClass::Lost));
    assert_eq!(next_job(now, JobEvent::Restored).unwrap(), Step { to: To::Ready, failures: 0, losses: 3 });
    let paused = Job { state: JobState::Paused, ..now };
    assert_eq!(next_job(paused, JobEvent::Lost).unwrap().to, To::Failed(FailureClass::Lost));
}

#[test]
fn a_refusal_is_told_in_words() {
    let refusal = next_job(job(JobState::Succeeded), JobEvent::Cancel).unwrap_err();
    assert_eq!(refusal.to_string(), "the job is succeeded: cancel is not possible");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens: success is for ever, the end is left by a retry only, a paused job is never granted, and attempts
    /// are bounded by the counters.
    #[test]
    fn any_history_keeps_the_promises(
        retries in 0u32..4, most_losses in 0u32..4, history in prop::collection::vec(0usize..EVENTS.len(), 0..300),
    ) {
        let mut now = Job { retries, most_losses, ..job(JobState::Blocked) };
        let (mut failed, mut lost) = (0, 0);
        for event in history.into_iter().map(|i| EVENTS[i]) {
            let Ok(step) = next_job(now, event) else { continue };
            prop_assert_ne!(now.state, JobState::Succeeded);
            if now.state.is_terminal() {
                prop_assert_eq!(event.word(), "retry");
                (failed, lost) = (0, 0);
            }
            if now.state == JobState::Paused && step.to == To::Running {
                prop_assert_eq!(event.word(), "resume");
            }
            failed += u32::from(matches!(event.word(), "failed" | "beyond_remedy"));
            lost += u32::from(matches!(event, JobEvent::Lost | JobEvent::Stolen));
            prop_assert_eq!((step.failures, step.losses), (failed, lost));
            prop_assert!(step.failures <= retries + 1);
            prop_assert!(step.losses <= most_losses + 1);
            now = Job { state: step.to.state(), failures: step.failures, losses: step.losses, ..now };
        }
    }
}
