//! How much lives at once in a forward pass that drops every value after its last reader.

use super::flow::Flow;

/// The largest sum of values, in bytes for one image, that exist at the same time.
pub fn most(flow: &Flow) -> u64 {
    let mut freed = vec![0; flow.steps.len()];
    let own = flow.own_bytes();
    for (storage, last) in last_uses(flow).into_iter().enumerate() {
        if let Some(last) = last {
            freed[last] += own[storage];
        }
    }
    let (mut alive, mut most) = (0, 0);
    for (born, freed) in own.into_iter().zip(freed) {
        alive += born;
        most = most.max(alive);
        alive -= freed;
    }
    most
}

/// The last step that reads or writes each step's memory; `None` where an output lies in it.
fn last_uses(flow: &Flow) -> Vec<Option<usize>> {
    let mut last: Vec<Option<usize>> = (0..flow.steps.len()).map(Some).collect();
    for (now, step) in flow.steps.iter().enumerate() {
        for storage in step.inputs.iter().map(|&input| flow.steps[input].storage).chain([step.storage]) {
            last[storage] = last[storage].map(|_| now);
        }
    }
    for output in flow.steps.iter().filter(|step| step.is_output) {
        last[output.storage] = None;
    }
    last
}
