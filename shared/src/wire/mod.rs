//! The gRPC messages, and the conversions between them and our own types. Protobuf types are turned into ours as soon
//! as they arrive and made from ours just before they leave.

mod device;
#[cfg(test)]
mod previous;

#[allow(clippy::pedantic, clippy::all)]
pub mod v1 {
    tonic::include_proto!("sweep.v1");
}

use crate::event::{Epoch, FileRef};
use crate::ids::{BadHash, ContentHash, JobId, Token};
use crate::resources::DeviceClass;

/// Agents of another version are refused, in words.
pub const PROTOCOL_VERSION: u32 = 1;

/// The header in which a client names its user, for the audit log: `alice@laptop`.
pub const ACTOR_HEADER: &str = "sweep-actor";

/// Characters of an actor's name.
const ACTOR_LENGTH: usize = 64;

/// A name as the audit log keeps it: printable ASCII without spaces, of bounded length; `user` where nothing is left.
pub fn actor(name: &str) -> String {
    let name: String = name.chars().filter(char::is_ascii_graphic).take(ACTOR_LENGTH).collect();
    if name.is_empty() { "user".to_owned() } else { name }
}

/// For gRPC reflection.
pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sweep_descriptor.bin"));

/// The largest message either side accepts: plans, specs and results are text; blobs go in chunks.
pub const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// Bytes of a blob in one message.
pub const CHUNK_BYTES: usize = 256 << 10;

/// A message that lacks a part it must have, or holds one that is malformed.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("the message lacks {0}")]
    Missing(&'static str),
    #[error(transparent)]
    Hash(#[from] BadHash),
    #[error("{0:?} is not a device class (cpu, cuda)")]
    DeviceClass(String),
    #[error("malformed {what}: {source}")]
    Json { what: &'static str, source: serde_json::Error },
}

impl From<Token> for v1::Token {
    fn from(t: Token) -> Self {
        Self { job: t.job.0, attempt: t.attempt, lease: t.lease }
    }
}

impl From<v1::Token> for Token {
    fn from(t: v1::Token) -> Self {
        Self { job: JobId(t.job), attempt: t.attempt, lease: t.lease }
    }
}

/// The token that a message must carry.
pub fn token(t: Option<v1::Token>) -> Result<Token, WireError> {
    t.map(Token::from).ok_or(WireError::Missing("its token"))
}

pub fn device_class(word: &str) -> Result<DeviceClass, WireError> {
    match word {
        "cpu" => Ok(DeviceClass::Cpu),
        "cuda" => Ok(DeviceClass::Cuda),
        other => Err(WireError::DeviceClass(other.to_owned())),
    }
}

/// A file with its hash known; the path stays on the machine that wrote it.
impl From<&FileRef> for v1::File {
    fn from(f: &FileRef) -> Self {
        let hash = f.hash.as_ref().map_or_else(String::new, ContentHash::to_string);
        Self { name: f.name.clone(), hash, size_bytes: f.size_bytes }
    }
}

impl TryFrom<v1::File> for FileRef {
    type Error = WireError;

    fn try_from(f: v1::File) -> Result<Self, WireError> {
        Ok(Self {
            name: f.name,
            path: String::new(),
            hash: Some(ContentHash::try_from(f.hash)?),
            size_bytes: f.size_bytes,
        })
    }
}

impl From<Epoch> for v1::Epoch {
    fn from(e: Epoch) -> Self {
        Self { epoch: e.epoch, epochs: e.epochs, phase: e.phase, metrics_json: to_json(&e.metrics) }
    }
}

impl TryFrom<v1::Epoch> for Epoch {
    type Error = WireError;

    fn try_from(e: v1::Epoch) -> Result<Self, WireError> {
        let metrics = from_json::<Option<_>>("metrics", &e.metrics_json)?.unwrap_or_default();
        Ok(Self { epoch: e.epoch, epochs: e.epochs, phase: e.phase, metrics })
    }
}

/// All of a message's files.
pub fn files(list: Vec<v1::File>) -> Result<Vec<FileRef>, WireError> {
    list.into_iter().map(FileRef::try_from).collect()
}

/// Reads one of the JSON fields. An empty one is `null`.
pub fn from_json<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T, WireError> {
    let text = if text.is_empty() { "null" } else { text };
    serde_json::from_str(text).map_err(|source| WireError::Json { what, source })
}

/// Writes one of the JSON fields.
///
/// # Panics
/// Never for our own types: their maps have text keys.
pub fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our types serialise")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_printable_and_bounded() {
        assert_eq!(actor("alice@laptop"), "alice@laptop");
        assert_eq!(actor("a b\n\u{1b}[31mc\u{e9}"), "ab[31mc");
        assert_eq!(actor(" \t"), "user");
        assert_eq!(actor(&"x".repeat(1000)).len(), ACTOR_LENGTH);
    }
}
