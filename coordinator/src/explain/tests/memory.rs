//! What is said of memory: how much is needed, and what becomes of a job that ran out of it.

use super::*;

#[test]
fn where_a_number_comes_from_is_said() {
    let tells = |cuda| {
        let memory = Promise { cuda, ..needs(6) };
        let told =
            explain(&JobFacts { memory, ..ready() }, &fleet(vec![lab(vec![DeviceFacts { free_bytes: GIB, ..gpu() }])]));
        told.reasons[0].split(';').next().unwrap().to_owned()
    };
    assert_eq!(tells(Known::Predicted), "It needs 6.0 GiB of memory (predicted)");
    assert_eq!(tells(Known::Measured(1)), "It needs 6.0 GiB of memory (measured in 1 run)");
    assert_eq!(tells(Known::Measured(3)), "It needs 6.0 GiB of memory (measured in 3 runs)");
    assert_eq!(tells(Known::TooLittle), "It needs 6.0 GiB of memory (less was too little for one like it)");
    assert_eq!(tells(Known::Declared), "It needs 6.0 GiB of memory (as the plan says)");
    assert_eq!((Known::of(true, Some(2)), Known::of(false, Some(0))), (Known::Declared, Known::TooLittle));
}

fn ran_out() -> LastAttempt {
    let message = "CUDA out of memory".to_owned();
    LastAttempt { class: Some(FailureClass::OutOfMemory), message, ..attempt(AttemptState::Failed) }
}

#[test]
fn what_helps_after_memory_ran_out_is_told() {
    let split = "ran out of memory on GPU 0 of lab-1 (peak 5.8 GiB of 6.0 GiB); the next attempt splits each batch of 128 into 4 parts";
    let short = JobFacts { message: split.to_owned(), micro_batches: 4, last: Some(ran_out()), ..ready() };
    let told = explain(&short, &fleet(vec![lab(vec![gpu()])]));
    assert_eq!(told.reasons, [format!("Attempt 2 {split}.")]);
    assert_eq!(told.next, ["It is granted in a moment."]);
    let running = LastAttempt { micro_batches: 4, ..attempt(AttemptState::Running) };
    let goes_on = JobFacts { last: Some(running), ..job(JobState::Running) };
    let told = explain(&goes_on, &fleet(vec![lab(vec![gpu()])]));
    assert_eq!(told.reasons[1], "Each batch of 128 goes through in 4 parts, since whole ones did not fit into memory.");
}

#[test]
fn a_job_that_has_outgrown_all_devices_waits_for_a_larger_one() {
    let job = JobFacts {
        message: "ran out of memory".to_owned(),
        device: Some(DeviceClass::Cuda),
        outgrown_bytes: 8 * GIB,
        last: Some(ran_out()),
        ..ready()
    };
    let told = explain(&job, &fleet(vec![lab(vec![gpu()])]));
    assert_eq!(told.reasons[1], "It ran out of memory on a GPU with 8.0 GiB, and none with more is here.");
    assert!(told.next[0].starts_with("It waits for a larger one; when there has been none for 10 min, "), "{told:?}");
    let big = DeviceFacts { index: 1, total_bytes: 24 * GIB, assigned: 1, ..gpu() };
    let told = explain(&job, &fleet(vec![lab(vec![gpu(), big])]));
    assert_eq!(told.reasons[1], "It ran out of memory on a GPU with 8.0 GiB; GPU 0 of lab-1 has no more.");
}
