//! Which point is meant, and which of its files.

use std::str::FromStr;

use sweep_shared::ids::JobId;

use crate::answer::{Point, StoredFile};
use crate::exit::{Failure, Outcome};
use crate::naming::JobName;

/// `j17`, or `j17/s0.50`; a stage of the latest sweep will do for the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointName {
    pub job: JobName,
    /// `None`: the only one.
    pub point: Option<String>,
}

impl FromStr for PointName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (job, point) = match text.split_once('/') {
            Some((job, point)) => (job, Some(point.to_owned())),
            None => (text, None),
        };
        Ok(Self { job: job.parse()?, point })
    }
}

/// The named one of a sweep's points.
pub fn choose<'a>(points: &'a [Point], job: JobId, point: Option<&str>) -> Outcome<&'a Point> {
    let of_job: Vec<&Point> = points.iter().filter(|point| point.job == job).collect();
    let names = || of_job.iter().map(|point| format!("{job}/{}", point.point)).collect::<Vec<_>>().join(", ");
    match (of_job.as_slice(), point) {
        ([], _) => Err(Failure::usage(format!("{job} has no point yet"))
            .hint(format!("`sweep explain {job}` tells how it stands; measure jobs never have one"))),
        ([only], None) => Ok(*only),
        (_, None) => Err(Failure::usage(format!("{job} has {} points", of_job.len()))
            .hint(format!("say which is meant: {}", names()))),
        (_, Some(name)) => {
            of_job.iter().copied().find(|point| point.point == name).ok_or_else(|| {
                Failure::usage(format!("{job} has no point {name:?}")).hint(format!("it has {}", names()))
            })
        }
    }
}

/// A file of the point.
pub fn file<'a>(point: &'a Point, name: &str) -> Outcome<&'a StoredFile> {
    point.files.iter().find(|file| file.name == name).ok_or_else(|| {
        let names: Vec<_> = point.files.iter().map(|file| file.name.as_str()).collect();
        let has = if names.is_empty() { "it has no files".into() } else { format!("its files: {}", names.join(", ")) };
        Failure::usage(format!("{}/{} ({}) has no {name}", point.job, point.point, point.kind))
            .hint(format!("only networks that sweep itself made can be exported; {has}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::fixtures::point;

    fn several() -> Vec<Point> {
        let named = |name: &str| Point { point: name.into(), job: JobId(7), ..point("pruned", "", 0, &[]) };
        vec![point("base", "", 0, &[]), named("s0.30"), named("s0.50")]
    }

    fn chosen(text: &str) -> Result<String, String> {
        let points = several();
        let PointName { job, point } = text.parse().unwrap();
        let JobName::Id(job) = job else { panic!("{job:?} is no id") };
        let found = choose(&points, job, point.as_deref());
        found.map(|point| format!("{}/{}", point.stage, point.point)).map_err(|failure| failure.text())
    }

    #[test]
    fn a_job_with_one_point_needs_no_name_and_one_with_several_does() {
        assert_eq!(chosen("j1").unwrap(), "base/main");
        assert_eq!(chosen("1/main").unwrap(), "base/main");
        assert_eq!(chosen("j7/s0.50").unwrap(), "pruned/s0.50");
        let several = chosen("j7").unwrap_err();
        assert!(several.contains("has 2 points") && several.contains("j7/s0.30, j7/s0.50"), "{several}");
        assert!(chosen("j7/s0.9").unwrap_err().contains("it has j7/s0.30"));
        assert!(chosen("j9").unwrap_err().contains("sweep explain j9"));
        assert!("s3".parse::<PointName>().unwrap_err().contains("s3 is a sweep"));
        assert_eq!("base/main".parse::<PointName>().unwrap().job, JobName::Stage("base".into()));
    }

    #[test]
    fn the_outputs_of_a_command_are_no_network() {
        let output = Point { kind: "command".into(), ..point("hello", "", 0, &[]) };
        assert_eq!(file(&output, "model.onnx").unwrap().name, "model.onnx");
        let refused = file(&output, "graph.json").unwrap_err().text();
        assert!(refused.contains("has no graph.json") && refused.contains("its files: model.onnx"), "{refused}");
    }
}
