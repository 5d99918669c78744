//! Where artifacts are kept, and how to get there.

use std::path::Path;

use sweep_coordinator::ArtifactsIn;
use sweep_coordinator::bucket::{Place, Settings as BucketSettings};
use sweep_shared::size;

use super::file::SettingsFile;
use super::resolve::{Variables, option, or_file, parsed, pick, text};
use super::{Origin, Setting};
use crate::exit::{Failure, Outcome};

/// How much of what a bucket keeps the home may hold, if nothing else is said.
const CACHE: &str = "10 GiB";

#[derive(Debug, Clone, PartialEq)]
pub struct Artifacts {
    /// `home`, or the URL of a bucket; `None`: in the home.
    pub place: Setting<Option<String>>,
    /// Of a server other than Amazon's.
    pub endpoint: Setting<Option<String>>,
    pub region: Setting<Option<String>>,
    /// Go without TLS over a network.
    pub plain_http: Setting<bool>,
    /// How much of it the home may hold, as it was written.
    pub cache: Setting<String>,
}

pub(super) fn read(file: &mut SettingsFile, variable: Variables, path: &Path) -> Outcome<Artifacts> {
    let optional = |name: &'static str, in_file: Option<String>| {
        Outcome::Ok(option(or_file(pick("", None, name, text(variable, name)?), in_file, path)))
    };
    let plain = pick("", None, "SWEEP_ARTIFACTS_HTTP", parsed(variable, "SWEEP_ARTIFACTS_HTTP", "true or false")?);
    let cache = pick("", None, "SWEEP_ARTIFACTS_CACHE", text(variable, "SWEEP_ARTIFACTS_CACHE")?);
    let read = Artifacts {
        place: optional("SWEEP_ARTIFACTS", file.artifacts.take())?,
        endpoint: optional("SWEEP_ARTIFACTS_ENDPOINT", file.artifacts_endpoint.take())?,
        region: optional("SWEEP_ARTIFACTS_REGION", file.artifacts_region.take())?,
        plain_http: or_file(plain, file.artifacts_http, path)
            .unwrap_or(Setting { value: false, origin: Origin::Default }),
        cache: or_file(cache, file.artifacts_cache.take(), path)
            .unwrap_or_else(|| Setting { value: CACHE.to_owned(), origin: Origin::Default }),
    };
    read.kept_in()?;
    read.cache_bytes()?;
    Ok(read)
}

impl Artifacts {
    /// For a coordinator.
    pub fn kept_in(&self) -> Outcome<ArtifactsIn> {
        match self.place.value.as_deref() {
            None => Ok(ArtifactsIn::Unsaid),
            Some("home") => Ok(ArtifactsIn::Home),
            Some(url) => {
                let place = url.parse().map_err(|error| {
                    Failure::usage(format!("artifacts: {error} ({})", self.place.origin))
                        .hint("`artifacts = \"home\"` keeps them in SWEEP_HOME")
                })?;
                Ok(ArtifactsIn::Bucket(self.bucket(place)))
            }
        }
    }

    /// How to reach a place: as the artifacts are reached.
    pub fn bucket(&self, place: Place) -> BucketSettings {
        BucketSettings {
            endpoint: self.endpoint.value.clone(),
            region: self.region.value.clone(),
            plain_http: self.plain_http.value,
            ..BucketSettings::new(place, BucketSettings::environment())
        }
    }

    pub fn cache_bytes(&self) -> Outcome<u64> {
        size::parse(&self.cache.value).map_err(|error| {
            Failure::usage(format!("artifacts_cache: {:?} ({}): {error}", self.cache.value, self.cache.origin))
        })
    }

    /// For `sweep config show`.
    pub fn rows(&self) -> Vec<(&'static str, Option<String>, &Origin)> {
        vec![
            ("artifacts", self.place.value.clone(), &self.place.origin),
            ("artifacts_endpoint", self.endpoint.value.clone(), &self.endpoint.origin),
            ("artifacts_region", self.region.value.clone(), &self.region.origin),
            ("artifacts_http", Some(self.plain_http.value.to_string()), &self.plain_http.origin),
            ("artifacts_cache", Some(self.cache.value.clone()), &self.cache.origin),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn settings(variables: &[(&str, &str)], file: &str) -> Outcome<Artifacts> {
        let variables: Vec<(String, String)> = variables.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let lookup = move |name: &str| variables.iter().find(|(k, _)| k == name).map(|(_, v)| OsString::from(v));
        read(&mut SettingsFile::parse(file).unwrap(), &lookup, Path::new("/etc/sweep.toml"))
    }

    #[test]
    fn artifacts_are_in_the_home_unless_a_bucket_is_named() {
        assert_eq!(settings(&[], "").unwrap().kept_in().unwrap(), ArtifactsIn::Unsaid);
        assert_eq!(settings(&[], "artifacts = 'home'").unwrap().kept_in().unwrap(), ArtifactsIn::Home);
        let file = "artifacts = 's3://lab/a'\nartifacts_endpoint = 'http://127.0.0.1:9000'\nartifacts_cache = '1 GiB'";
        let read = settings(&[("SWEEP_ARTIFACTS", "s3://lab/b"), ("SWEEP_ARTIFACTS_HTTP", "true")], file).unwrap();
        let ArtifactsIn::Bucket(bucket) = read.kept_in().unwrap() else { panic!("a bucket") };
        assert_eq!((bucket.place.to_string().as_str(), bucket.plain_http), ("s3://lab/b", true));
        assert_eq!(bucket.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(read.cache_bytes().unwrap(), 1 << 30);
    }

    #[test]
    fn what_is_no_place_and_no_size_is_refused_with_where_it_stands() {
        let refused = settings(&[], "artifacts = '/mnt/lab'").unwrap_err().text();
        assert!(refused.contains("s3://BUCKET") && refused.contains("/etc/sweep.toml"), "{refused}");
        let refused = settings(&[("SWEEP_ARTIFACTS_CACHE", "10")], "").unwrap_err().text();
        assert!(refused.contains("SWEEP_ARTIFACTS_CACHE") && refused.contains("no unit"), "{refused}");
        assert!(settings(&[("SWEEP_ARTIFACTS_HTTP", "perhaps")], "").is_err());
    }
}
