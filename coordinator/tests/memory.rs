//! Memory over real gRPC: what agents are told to reserve, what they tell that was taken, and what helps when it was not enough.

mod support;

use support::{Agent, failure, hello, site, success};
use sweep_shared::wire::v1;
use v1::agent_message::Body as Say;

const GIB: u64 = 1 << 30;

const PLAN: &str = "data: synthetic\nmeasure: false\nseeds: [0, 1]\nstages:
  a: { train: { model: small-cnn, batch: 8 }, device: cuda, retries: 0 }\n";

/// An agent with one GPU of so much memory.
fn with_gpu(id: &str, memory: u64) -> v1::Hello {
    let mut hello = hello(id, vec![]);
    let gpu = &mut hello.devices[0];
    (gpu.class, gpu.slots) = ("cuda".to_owned(), 1);
    (gpu.memory_total_bytes, gpu.memory_free_bytes) = (memory, memory);
    hello
}

fn took(mut end: Say, peak: u64) -> Say {
    let Say::Finished(finished) = &mut end else { panic!("it has not ended") };
    finished.peak_memory_bytes = peak;
    end
}

#[tokio::test]
async fn a_job_that_runs_out_goes_to_a_larger_gpu_then_in_parts_and_its_peaks_are_learnt() {
    let site = site().await;
    let mut small = Agent::with(&site, with_gpu("small", 6 * GIB)).await;
    let mut user = site.user().await;
    user.submit(PLAN).await;
    let first = small.assigned().await;
    assert_eq!((first.micro_batches, first.memory_bytes > GIB / 2), (1, true));
    let mut big = Agent::with(&site, with_gpu("big", 24 * GIB)).await;
    let other = big.assigned().await;

    let seq = small.report(took(failure(first.token, "out_of_memory"), 5 * GIB));
    small.acked(seq).await;
    let explained = user.explain(1).await;
    assert_eq!(
        explained.reasons[0],
        "Attempt 1 ran out of memory on GPU 0 of small (peak 5.0 GiB of 6.0 GiB); \
         the next attempt goes to a larger one: GPU 0 of big has 24.0 GiB."
    );
    let waits = "It ran out of memory on a GPU with 6.0 GiB; GPU 0 of small has no more.";
    assert!(explained.reasons.iter().any(|reason| reason == waits), "{:?}", explained.reasons);
    // The other seed is done, and its place is free. What it took is known from now on.
    let seq = big.report(took(success(other.token, vec![]), 7 * GIB));
    big.acked(seq).await;
    let second = big.assigned().await;
    assert_eq!(second.token.map(|token| (token.job, token.attempt)), Some((1, 2)));
    assert!((7 * GIB..8 * GIB).contains(&second.memory_bytes), "{}", second.memory_bytes);

    let seq = big.report(took(failure(second.token, "out_of_memory"), 20 * GIB));
    big.acked(seq).await;
    let third = big.assigned().await;
    assert_eq!((third.micro_batches, third.token.unwrap().attempt), (2, 3));
    assert!(third.memory_bytes < 6 * GIB, "what is predicted for two parts: {}", third.memory_bytes);
    big.report(took(success(third.token, vec![]), 4 * GIB));
    assert_eq!(user.end(1).await, "finished");
    let request = v1::SweepRequest { sweep: 0, attempts: true, job: 1 };
    let attempts = user.sweeps.status(request).await.unwrap().into_inner().jobs.remove(0).attempts;
    let told: Vec<_> = attempts.iter().map(|at| (at.micro_batches, at.peak_memory_bytes / GIB)).collect();
    assert_eq!(told, [(1, 5), (1, 20), (2, 4)]);
    assert_eq!(attempts[2].memory_bytes, third.memory_bytes);
}
