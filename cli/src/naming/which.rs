//! A sweep or a job.

use std::str::FromStr;

use sweep_shared::ids::JobId;

use super::SweepName;

/// What a command is about, as users write it. A bare number and a name mean a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    Sweep(SweepName),
    Job(JobId),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(job) if text.starts_with('j') => Ok(Self::Job(job)),
            _ => text.parse().map(Self::Sweep),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_shared::ids::SweepId;

    #[test]
    fn a_bare_number_and_a_name_mean_a_sweep() {
        assert_eq!("j17".parse(), Ok(Which::Job(JobId(17))));
        for text in ["s3", "3"] {
            assert_eq!(text.parse(), Ok(Which::Sweep(SweepName::Id(SweepId(3)))), "{text}");
        }
        assert_eq!("jolly".parse(), Ok(Which::Sweep(SweepName::Name("jolly".into()))));
        assert!("".parse::<Which>().is_err());
    }
}
