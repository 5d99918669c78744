//! What is known of how to reach a bucket: our own settings, then the environment and the files as the AWS command line reads them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reqwest::Url;

use super::{Place, profile};

/// What somebody gave. The environment is handed in, so that nothing else is looked at behind a caller's back.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    pub place: Place,
    /// Of a server other than Amazon's: `https://minio.lab:9000`.
    pub endpoint: Option<String>,
    pub region: Option<String>,
    /// Go without TLS over a network.
    pub plain_http: bool,
    /// Variables that begin with `AWS_`, and `HOME`.
    pub environment: BTreeMap<String, String>,
}

/// Secrets may be among the variables.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, endpoint, region, plain_http, environment: _ } = self;
        write!(f, "Settings {{ {place} {endpoint:?} {region:?} {plain_http} }}")
    }
}

/// What cannot be reached as it is set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unset {
    #[error("{0:?} is no address of an object store: write https://HOST[:PORT]")]
    Endpoint(String),
    #[error(
        "{0} would send what is in the bucket over the network for everybody to read and to change: give its https:// address, \
         or allow it with `artifacts_http = true` where that network is your own"
    )]
    Plain(String),
    #[error("there is no profile {profile:?} (AWS_PROFILE) in {} or {}", credentials.display(), config.display())]
    Profile { profile: String, credentials: PathBuf, config: PathBuf },
    #[error(
        "the profile {profile:?} gets its keys by `{by}`, which sweep does not speak: put them into the environment, with \
         `eval \"$(aws configure export-credentials --profile {profile} --format env)\"`, before you start it"
    )]
    Borrowed { profile: String, by: String },
    #[error("{0} is set, and {1} is not")]
    Half(&'static str, &'static str),
}

/// Everything that a client is made of.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub keys: Keys,
}

/// Where the keys come from.
#[derive(Clone, PartialEq, Eq)]
pub enum Keys {
    Given {
        id: String,
        secret: String,
        token: Option<String>,
    },
    /// A profile's file is read again when it changes: keys that are renewed there hold at once.
    Profile {
        name: String,
        credentials: PathBuf,
        config: PathBuf,
    },
    /// The cloud gives them: a role of the container, the pod or the machine, by these variables.
    Role(BTreeMap<String, String>),
}

/// The files that a profile may stand in, as they are.
pub struct Files {
    pub credentials: (PathBuf, String),
    pub config: (PathBuf, String),
}

impl Settings {
    /// Nothing but what the environment says.
    pub fn new(place: Place, environment: BTreeMap<String, String>) -> Self {
        Self { place, endpoint: None, region: None, plain_http: false, environment }
    }

    /// What this process was started with.
    pub fn environment() -> BTreeMap<String, String> {
        std::env::vars()
            .filter(|(name, value)| (name.starts_with("AWS_") || name == "HOME") && !value.is_empty())
            .collect()
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// Where the profile's files are, and what is in them. One that is not there says nothing.
    pub fn files(&self) -> Files {
        let home = self.variable("HOME").unwrap_or_default();
        let file = |variable: &str, usual: &str| {
            let path = self.variable(variable).map_or_else(|| Path::new(&home).join(usual), PathBuf::from);
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            (path, text)
        };
        Files {
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
            config: file("AWS_CONFIG_FILE", ".aws/config"),
        }
    }

    /// How to reach it, in the order of the AWS command line: what is set for us, variables, the profile, roles of the cloud.
    pub fn access(&self, files: &Files) -> Result<Access, Unset> {
        let named = self.variable("AWS_PROFILE").or_else(|| self.variable("AWS_DEFAULT_PROFILE"));
        let name = named.clone().unwrap_or_else(|| "default".to_owned());
        let found = profile::of(&name, &files.credentials.1, &files.config.1);
        if let (Some(profile), None) = (named, &found) {
            let (credentials, config) = (files.credentials.0.clone(), files.config.0.clone());
            return Err(Unset::Profile { profile, credentials, config });
        }
        let found = found.unwrap_or_default();
        let endpoint = self.endpoint.clone().or_else(|| self.variable("AWS_ENDPOINT_URL_S3"));
        let endpoint =
            endpoint.or_else(|| self.variable("AWS_ENDPOINT_URL")).or_else(|| found.get("endpoint_url").cloned());
        if let Some(endpoint) = &endpoint {
            self.allow(endpoint)?;
        }
        let region = self.region.clone().or_else(|| self.variable("AWS_REGION"));
        let region = region.or_else(|| self.variable("AWS_DEFAULT_REGION")).or_else(|| found.get("region").cloned());
        Ok(Access { endpoint, region, keys: self.keys(&name, &found, files)? })
    }

    fn keys(&self, name: &str, profile: &BTreeMap<String, String>, files: &Files) -> Result<Keys, Unset> {
        const ID: &str = "AWS_ACCESS_KEY_ID";
        const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
        match (self.variable(ID), self.variable(SECRET)) {
            (Some(id), Some(secret)) => {
                return Ok(Keys::Given { id, secret, token: self.variable("AWS_SESSION_TOKEN") });
            }
            (Some(_), None) => return Err(Unset::Half(ID, SECRET)),
            (None, Some(_)) => return Err(Unset::Half(SECRET, ID)),
            (None, None) => {}
        }
        if profile.contains_key("aws_access_key_id") && profile.contains_key("aws_secret_access_key") {
            let (credentials, config) = (files.credentials.0.clone(), files.config.0.clone());
            return Ok(Keys::Profile { name: name.to_owned(), credentials, config });
        }
        let elsewhere = ["sso_session", "sso_start_url", "role_arn", "credential_process", "login_session"];
        if let Some(by) = elsewhere.into_iter().find(|by| profile.contains_key(*by)) {
            return Err(Unset::Borrowed { profile: name.to_owned(), by: by.to_owned() });
        }
        let cloud = |name: &str| {
            ["AWS_WEB_IDENTITY", "AWS_ROLE", "AWS_CONTAINER", "AWS_ENDPOINT_URL_STS"]
                .iter()
                .any(|head| name.starts_with(head))
        };
        Ok(Keys::Role(
            self.environment.iter().filter(|(name, _)| cloud(name)).map(|(n, v)| (n.clone(), v.clone())).collect(),
        ))
    }

    /// Without TLS nothing but this machine is spoken to, unless somebody allows it.
    fn allow(&self, endpoint: &str) -> Result<(), Unset> {
        let bad = || Unset::Endpoint(endpoint.to_owned());
        let url = Url::parse(endpoint).map_err(|_| bad())?;
        let bare =
            url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        let host = url.host_str().filter(|host| !host.is_empty() && bare).ok_or_else(bad)?;
        match url.scheme() {
            "https" => Ok(()),
            "http" if self.plain_http || is_here(host) => Ok(()),
            "http" => Err(Unset::Plain(endpoint.to_owned())),
            _ => Err(bad()),
        }
    }
}

/// Whether a URL's host is this machine.
pub fn is_here(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Settings {
        let environment = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Settings::new("s3://lab/a".parse().unwrap(), environment)
    }

    fn files(credentials: &str, config: &str) -> Files {
        Files { credentials: ("/c".into(), credentials.to_owned()), config: ("/d".into(), config.to_owned()) }
    }

    const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret")];

    #[test]
    fn our_settings_go_before_variables_before_the_profile() {
        let text = "[default]\naws_access_key_id=p\naws_secret_access_key=q\nregion=r1\nendpoint_url=https://e1";
        let none = with(&[]).access(&files(text, "")).unwrap();
        assert_eq!((none.endpoint.as_deref(), none.region.as_deref()), (Some("https://e1"), Some("r1")));
        assert!(matches!(&none.keys, Keys::Profile { name, .. } if name == "default"));
        let mut variables = with(&[
            KEYS[0],
            KEYS[1],
            ("AWS_REGION", "r2"),
            ("AWS_ENDPOINT_URL", "https://e2"),
            ("AWS_ENDPOINT_URL_S3", "https://e3"),
        ]);
        let told = variables.access(&files(text, "")).unwrap();
        assert_eq!((told.endpoint.as_deref(), told.region.as_deref()), (Some("https://e3"), Some("r2")));
        assert!(told.keys == Keys::Given { id: "id".to_owned(), secret: "secret".to_owned(), token: None });
        (variables.endpoint, variables.region) = (Some("https://e4".to_owned()), Some("r4".to_owned()));
        let told = variables.access(&files(text, "")).unwrap();
        assert_eq!((told.endpoint.as_deref(), told.region.as_deref()), (Some("https://e4"), Some("r4")));
    }

    #[test]
    fn keys_come_from_a_profile_or_a_role_or_it_is_said_why_not() {
        let lab = with(&[("AWS_PROFILE", "lab")]);
        let missing = lab.access(&files("", "")).err().unwrap().to_string();
        assert!(missing.contains("\"lab\"") && missing.contains("/c") && missing.contains("/d"), "{missing}");
        let sso = lab.access(&files("", "[profile lab]\nsso_session = x")).err().unwrap().to_string();
        assert!(sso.contains("sso_session") && sso.contains("export-credentials --profile lab"), "{sso}");
        let half = with(&KEYS[..1]).access(&files("", "")).err().unwrap().to_string();
        assert_eq!(half, "AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not");
        let pod = with(&[("AWS_ROLE_ARN", "a"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("HOME", "/h")]);
        let Keys::Role(role) = pod.access(&files("", "")).unwrap().keys else { panic!("a role") };
        assert_eq!(role.keys().collect::<Vec<_>>(), ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"]);
    }

    #[test]
    fn without_tls_only_this_machine_is_spoken_to_unless_it_is_allowed() {
        let mut settings = with(&KEYS);
        let mut access = |endpoint: &str, plain_http| {
            (settings.endpoint, settings.plain_http) = (Some(endpoint.to_owned()), plain_http);
            settings.access(&files("", "")).err()
        };
        for here in ["http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000", "https://minio.lab:9000"] {
            assert_eq!(access(here, false), None, "{here}");
        }
        let away = "http://minio.lab:9000";
        let refused = access(away, false).unwrap().to_string();
        assert!(refused.contains(away) && refused.contains("artifacts_http"), "{refused}");
        assert_eq!(access(away, true), None);
        for bad in ["minio.lab:9000", "ftp://minio.lab", "https://", "https://a:b@minio.lab", "https://minio.lab/?x=1"]
        {
            assert_eq!(access(bad, true), Some(Unset::Endpoint(bad.to_owned())), "{bad}");
        }
        assert_eq!(
            access("http://localhost.evil.example", false),
            Some(Unset::Plain("http://localhost.evil.example".into()))
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        assert!(!format!("{:?}", with(&KEYS)).contains("secret"));
    }
}
