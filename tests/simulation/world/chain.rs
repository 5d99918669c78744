//! What jobs compute: a chain of hashes, from the spec and the inputs through every epoch to the result. Whoever goes on from
//! any point of it comes to the same end; whoever goes on from a wrong one does not.

use sweep_shared::ids::ContentHash;
use sweep_shared::spec::{JobSpec, Protocol, StageKind};
use sweep_shared::wire::to_json;

/// A point on the chain.
pub type State = [u8; 32];

/// How many epochs a job has: decided by its spec.
pub fn epochs(spec: &JobSpec) -> u32 {
    1 + u32::from(tag(spec).as_str().as_bytes()[0] % 3)
}

/// What the job is, whatever its stage is called.
pub fn tag(spec: &JobSpec) -> ContentHash {
    let nameless = JobSpec { stage: String::new(), ..spec.clone() };
    ContentHash::of(to_json(&nameless).as_bytes())
}

/// Whether the job makes a file; of others only that they succeeded is known.
pub fn has_result(spec: &JobSpec) -> bool {
    !matches!(&spec.kind, StageKind::Command(command) if command.protocol == Protocol::Exit)
}

/// The beginning of a job's chain.
pub fn first_state<'a>(tag: &ContentHash, inputs: impl IntoIterator<Item = &'a [u8]>) -> State {
    let mut hasher = blake3::Hasher::new();
    hasher.update(tag.as_str().as_bytes());
    for input in inputs {
        hasher.update(input);
    }
    *hasher.finalize().as_bytes()
}

/// One epoch further.
pub fn next_state(tag: &ContentHash, state: State, epoch: u32) -> State {
    let mut hasher = blake3::Hasher::new();
    hasher.update(tag.as_str().as_bytes()).update(&state).update(&epoch.to_be_bytes());
    *hasher.finalize().as_bytes()
}

/// The result's bytes.
pub fn result(state: State) -> Vec<u8> {
    format!("result {}\n", blake3::Hash::from(state).to_hex()).into_bytes()
}

/// What a checkpoint holds.
pub fn checkpoint_bytes(tag: &ContentHash, epoch: u32, step: u64, state: State) -> Vec<u8> {
    let state = blake3::Hash::from(state).to_hex();
    format!("checkpoint {} {epoch} {step} {state}\n{}", tag.as_str(), "weights ".repeat(40)).into_bytes()
}

/// Tag, epoch, step and state; `None`: it is damaged.
pub fn read_checkpoint(bytes: &[u8]) -> Option<(String, u32, u64, State)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut words = text.lines().next()?.strip_prefix("checkpoint ")?.split(' ');
    let (tag, epoch, step, state) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let state = *blake3::Hash::from_hex(state).ok()?.as_bytes();
    Some((tag.to_owned(), epoch.parse().ok()?, step.parse().ok()?, state))
}
