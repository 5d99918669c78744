//! What `cancel` and `retry` are about.

use std::str::FromStr;

use sweep_shared::ids::{JobId, SweepId};

use crate::connect::{Client, Target};
use crate::exit::Outcome;

/// A sweep (`s3`, or just `3`) or a job (`j17`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Sweep(SweepId),
    Job(JobId),
}

/// A text that is neither.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not an id; ids look like s3 (a sweep) and j17 (a job)")]
pub struct NoId(String);

impl FromStr for Which {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        let no_id = |_| NoId(text.to_owned());
        if text.starts_with('j') {
            text.parse().map(Self::Job).map_err(no_id)
        } else {
            text.parse().map(Self::Sweep).map_err(no_id)
        }
    }
}

/// The target that is meant; the latest sweep where nothing is said.
pub async fn target(client: &mut Client, which: Option<Which>) -> Outcome<Target> {
    Ok(match which {
        Some(Which::Sweep(id)) => Target::Sweep(id),
        Some(Which::Job(id)) => Target::Job(id),
        None => Target::Sweep(client.status(None).await?.0.id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_means_a_sweep() {
        assert_eq!("s3".parse::<Which>().unwrap(), Which::Sweep(SweepId(3)));
        assert_eq!("3".parse::<Which>().unwrap(), Which::Sweep(SweepId(3)));
        assert_eq!("j17".parse::<Which>().unwrap(), Which::Job(JobId(17)));
        assert!("x9".parse::<Which>().unwrap_err().to_string().contains("j17"));
    }
}
