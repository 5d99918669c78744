//! One POST to somebody's server, and what its answer means.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, RequestBuilder, StatusCode, Url, redirect};

use super::clean::{line, words};
use super::failure::{after, chain, later, never, set_up};
use super::{SendError, Sent};

pub const PATIENCE: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(10);
/// Of an answer more is not read.
const ANSWER: usize = 16 << 10;

/// Clients; TLS is rustls with those whom the system trusts, proxies are those of the environment.
#[derive(Debug, Clone)]
pub struct Http {
    /// Made when they are first needed: that reads all of the system's certificates.
    clients: Arc<OnceLock<Clients>>,
    patience: Duration,
}

#[derive(Debug)]
struct Clients {
    out: Client,
    /// To this machine, whatever proxy there is.
    here: Client,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

/// Where something goes, and what errors may tell of it. URLs of hooks are secrets as a whole.
#[derive(Debug)]
pub struct Target<'a> {
    pub url: Url,
    /// For people: `the hook ops`.
    pub name: String,
    /// Never to be repeated.
    pub secrets: Vec<&'a str>,
}

impl Http {
    pub fn new(patience: Duration) -> Self {
        Self { clients: Arc::default(), patience }
    }

    pub fn post(&self, target: &Target<'_>) -> RequestBuilder {
        let clients = self.clients.get_or_init(|| Clients::new(self.patience));
        let client = if is_here(&target.url) { &clients.here } else { &clients.out };
        client.post(target.url.clone())
    }

    /// Sends it once; an error where no whole answer came.
    pub async fn ask(&self, target: &Target<'_>, request: RequestBuilder) -> Result<Answer, SendError> {
        let told = |error: reqwest::Error| {
            // The URL may be the secret.
            let error = error.without_url();
            let name = &target.name;
            if error.is_timeout() && !error.is_connect() {
                return later(format!("{name} did not answer within {} s", self.patience.as_secs_f32()));
            }
            let why = words(&chain(&error), &target.secrets);
            // Nobody repairs a certificate within minutes.
            if is_distrust(&error) {
                set_up(format!("{name} cannot be trusted: {why}"))
            } else {
                later(format!("{name}: {why}"))
            }
        };
        let mut response = request.send().await.map_err(told)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            body.extend_from_slice(&chunk);
            if body.len() >= ANSWER {
                body.truncate(ANSWER);
                break;
            }
        }
        Ok(Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

impl Clients {
    fn new(patience: Duration) -> Self {
        Self { out: client(patience, |builder| builder), here: client(patience, ClientBuilder::no_proxy) }
    }
}

/// For all that the coordinator asks of others.
pub fn client(patience: Duration, with: impl Fn(ClientBuilder) -> ClientBuilder) -> Client {
    // Whoever was first has installed the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        let builder = Client::builder()
            .user_agent(concat!("sweep/", env!("CARGO_PKG_VERSION")))
            // A redirect would take secrets to where nobody has said that they may go.
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT.min(patience))
            .timeout(patience);
        with(builder)
    };
    // A system without certificates trusts nobody; what needs no TLS works there all the same.
    let trusting = builder().build().or_else(|_| builder().tls_certs_only([]).build());
    trusting.expect("it takes nothing from outside")
}

impl Answer {
    /// `201 Created: {"sid":…}`
    pub fn words(&self, target: &Target<'_>) -> String {
        let reason = self.status.canonical_reason().unwrap_or_default();
        let status = line(&format!("{} {reason}", self.status.as_str()));
        let said = line(&self.body);
        words(&if said.is_empty() { status } else { format!("{status}: {said}") }, &target.secrets)
    }

    pub fn taken(&self, target: &Target<'_>) -> Sent {
        Sent { answer: self.words(target) }
    }

    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.body).ok()
    }

    /// What a status other than success means, by HTTP alone.
    pub fn refusal(&self, target: &Target<'_>) -> SendError {
        let told = format!("{} answered {}", target.name, self.words(target));
        match self.status {
            status if status.is_redirection() => {
                // Whither is told up to the host: the rest may be as secret as the URL.
                let moved = self.headers.get(LOCATION).and_then(|to| target.url.join(to.to_str().ok()?).ok());
                let host = moved.and_then(|url| url.host_str().map(str::to_owned));
                let host = host.map_or_else(String::new, |host| format!(" (to {})", words(&host, &target.secrets)));
                set_up(format!(
                    "{told}: it sends us elsewhere{host}, where we do not follow; put the right URL into the settings"
                ))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                set_up(told)
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                after(told, self.retry_after())
            }
            status if status.is_client_error() => never(told),
            _ => after(told, self.retry_after()),
        }
    }

    /// Seconds, or a date.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        // Not every server knows what day of the week a date is.
        let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
        let at = parser.parse_timestamp(text).ok()?;
        Duration::try_from(at.duration_since(jiff::Timestamp::now())).ok()
    }
}

/// The URL of a server that is told a secret, or is one: HTTPS, but on this machine.
pub fn confidential(url: &str, name: &str) -> Result<Url, SendError> {
    let url = any(url, name)?;
    if url.scheme() == "https" || is_here(&url) {
        return Ok(url);
    }
    Err(set_up(format!(
        "{name} is asked for by http://, where everybody on the way reads its secret; it takes https://"
    )))
}

/// A URL, secret or not. What is wrong with it is told without it.
pub fn any(url: &str, name: &str) -> Result<Url, SendError> {
    let parsed =
        Url::parse(url.trim()).map_err(|error| set_up(format!("{name} has no URL that can be read: {error}")))?;
    if matches!(parsed.scheme(), "http" | "https") && parsed.host_str().is_some() {
        return Ok(parsed);
    }
    Err(set_up(format!("{name} has a URL that is neither http:// nor https://")))
}

fn is_here(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        None => false,
    }
}

fn is_distrust(error: &reqwest::Error) -> bool {
    chain(error).contains("certificate")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(text) = retry_after {
            headers.insert(RETRY_AFTER, text.parse().unwrap());
        }
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: String::new() }
    }

    #[test]
    fn patience_is_asked_for_in_seconds_or_by_a_date() {
        assert_eq!(answer(429, Some(" 120 ")).retry_after(), Some(Duration::from_mins(2)));
        let far = answer(429, Some("Wed, 21 Oct 2199 07:28:00 GMT")).retry_after().unwrap();
        assert!(far > Duration::from_hours(24 * 365));
        for none in [Some("Wed, 21 Oct 2015 07:28:00 GMT"), Some("soon"), Some("-1"), None] {
            assert_eq!(answer(429, none).retry_after(), None, "{none:?}");
        }
    }

    #[test]
    fn secrets_go_by_tls_or_stay_on_the_machine() {
        for fine in ["https://hooks.example.org/T0/B0", "http://127.0.0.1:80/x", "http://localhost/x", "http://[::1]/x"]
        {
            assert!(confidential(fine, "the hook").is_ok(), "{fine}");
        }
        for refused in
            ["http://hooks.example.org/T0", "http://127.0.0.1.example.org/T0", "ftp://x/T0", "file:///T0", "T0"]
        {
            let error = confidential(refused, "the hook").unwrap_err().to_string();
            assert!(error.starts_with("the hook") && !error.contains("T0"), "{error}");
        }
        assert!(any("http://desk.lan/x", "the hook").is_ok());
    }
}
