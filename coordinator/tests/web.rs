//! The page on the coordinator's own port, with the Access service beside it: what administrators do to accounts, and what browsers
//! see of it. What pages do by themselves is tested where they are (`src/web/tests`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sweep_coordinator::{Coordinator, ManualClock, Options, Running, Tls};
use sweep_link::{Address, Bearer, Link, Times, Trust};
use sweep_shared::wire::v1;
use sweep_shared::wire::v1::access_client::AccessClient;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

const PASSWORD: &str = "tulip orbit wagon";

struct Site {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    running: Running,
}

async fn site(tls: Tls) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let options = Options { clock: clock.clone(), tls, ..Options::ephemeral(folder.path()) };
    let running = Coordinator::start(options).await.unwrap();
    Site { folder, clock, running }
}

type Access = AccessClient<tonic::service::interceptor::InterceptedService<sweep_link::Channel, Bearer>>;

impl Site {
    /// With the home's own token.
    fn access(&self) -> Access {
        self.access_with(self.running.token())
    }

    fn access_with(&self, token: &str) -> Access {
        let address: Address = self.running.local_url().parse().unwrap();
        let trust = self.running.fingerprint().map_or(Trust::Plain, Trust::Fingerprint);
        let channel = Link::new(address, trust, Times::USER).unwrap().channel();
        AccessClient::with_interceptor(channel, Bearer::new(token).unwrap())
    }

    async fn set(&self, name: &str, role: &str, password: &str) -> Result<(), tonic::Status> {
        let create = role == "admin" || role == "user" || role == "viewer";
        let user = v1::SetUserRequest {
            name: name.to_owned(),
            role: role.to_owned(),
            password: password.to_owned(),
            create,
            ..Default::default()
        };
        self.access().set_user(user).await.map(drop)
    }

    fn browser(&self) -> Browser {
        Browser { port: self.running.address().port(), ca: self.ca(), cookies: BTreeMap::new() }
    }

    fn ca(&self) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join("tls/ca.pem")).ok()
    }

    async fn signed_in(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        assert_eq!(browser.sign_in(name, PASSWORD).await.header("location"), "/");
        browser
    }
}

/// One request a connection, as HTTP/1.1.
struct Browser {
    port: u16,
    ca: Option<String>,
    cookies: BTreeMap<String, String>,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_default()
    }

    fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let value = self.body.split_once(&start).unwrap_or_else(|| panic!("no field {name} in {}", self.body)).1;
        value.split('"').next().unwrap().to_owned()
    }
}

impl Browser {
    fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    async fn get(&mut self, path: &str) -> Answer {
        let host = self.host();
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n"), "").await
    }

    async fn submit(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.get(page).await.hidden("form_token");
        let mut body = format!("form_token={token}");
        for (name, value) in fields {
            body.push_str(&format!("&{name}="));
            value.bytes().for_each(|byte| body.push_str(&format!("%{byte:02X}")));
        }
        let (host, scheme) = (self.host(), if self.ca.is_some() { "https" } else { "http" });
        let head = format!(
            "POST {action} HTTP/1.1\r\nhost: {host}\r\norigin: {scheme}://{host}\r\nsec-fetch-site: same-origin\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n",
            body.len()
        );
        self.ask(&head, &body).await
    }

    async fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        self.submit("/sign-in", "/sign-in", &[("name", name), ("password", password)]).await
    }

    async fn is_signed_in(&mut self) -> bool {
        self.get("/").await.status == 200
    }

    async fn ask(&mut self, head: &str, body: &str) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let text = format!("{head}cookie: {}\r\nconnection: close\r\n\r\n{body}", cookies.join("; "));
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let answer = match &self.ca {
            Some(ca) => talk(over_tls(stream, ca).await, &text).await,
            None => talk(stream, &text).await,
        };
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        for line in head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            match value {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }
}

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Who closes without TLS's own goodbye has said all the same.
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.expect("an answer");
    assert!(read.is_ok() || !answer.is_empty(), "{read:?}");
    String::from_utf8(answer).unwrap()
}

/// Verified against the home's CA, by the name that browsers use.
async fn over_tls(stream: TcpStream, ca: &str) -> impl AsyncRead + AsyncWrite + Unpin {
    use rustls_pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls_pki_types::CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect("localhost".try_into().unwrap(), stream).await.unwrap()
}

#[tokio::test]
async fn an_administrator_gives_a_password_and_its_user_signs_in_by_it() {
    let site = site(Tls::Off).await;
    let weak = site.set("ada", "user", "password1234").await.unwrap_err();
    assert_eq!(weak.code(), Code::InvalidArgument);
    assert!(weak.message().contains("among those that are tried first"), "{weak}");
    site.set("ada", "user", PASSWORD).await.unwrap();
    let mut browser = site.browser();
    assert_eq!(browser.get("/").await.header("location"), "/sign-in");
    assert_eq!(browser.sign_in("ada", "tulip orbit wagons").await.status, 403);
    let answer = browser.sign_in("ada", PASSWORD).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/"));
    assert!(answer.head.contains("set-cookie: sweep="), "{}", answer.head);
    assert!(browser.get("/").await.body.contains("class=\"who\">ada "));
    // Whatever is changed by a call is known when it answers, and all that went before with it.
    site.set("bob", "viewer", "").await.unwrap();
    let users = site.access().list_users(v1::ListUsersRequest {}).await.unwrap().into_inner().users;
    assert!(users[0].has_password && !users[0].has_totp && users[0].signed_in_ms > 0);
}

#[tokio::test]
async fn over_tls_cookies_are_of_this_host_alone() {
    let site = site(Tls::On).await;
    site.set("ada", "user", PASSWORD).await.unwrap();
    let mut browser = site.browser();
    let answer = browser.sign_in("ada", PASSWORD).await;
    let cookie = answer.head.lines().find(|line| line.starts_with("set-cookie: __Host-sweep=")).unwrap();
    assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age="), "{cookie}");
    assert!(browser.is_signed_in().await);
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn what_an_administrator_changes_ends_the_users_sessions_at_once() {
    let site = site(Tls::Off).await;
    for change in ["role", "password", "second factor", "removal"] {
        let name = change.replace(' ', "-");
        site.set(&name, "user", PASSWORD).await.unwrap();
        let mut browser = site.signed_in(&name).await;
        assert!(browser.is_signed_in().await);
        let mut set = v1::SetUserRequest { name: name.clone(), ..Default::default() };
        match change {
            "role" => set.role = "viewer".to_owned(),
            "password" => set.password = "velvet canyon thirteen".to_owned(),
            "second factor" => set.reset_totp = true,
            _ => {}
        }
        if change == "removal" {
            site.access().remove_user(v1::RemoveUserRequest { name }).await.unwrap();
        } else {
            site.access().set_user(set).await.unwrap();
        }
        assert!(!browser.is_signed_in().await, "{change}");
    }
}

#[tokio::test]
async fn a_link_from_the_command_line_signs_in_once() {
    let site = site(Tls::Off).await;
    let link = site.access().sign_in_link(v1::SignInLinkRequest {}).await.unwrap().into_inner();
    let code = link.path.split_once("code=").unwrap().1.to_owned();
    let mut browser = site.browser();
    assert_eq!(browser.submit(&link.path, "/sign-in/link", &[("code", &code)]).await.header("location"), "/");
    assert!(browser.get("/").await.body.contains("class=\"role\">admin<"));
    assert_eq!(site.browser().get(&link.path).await.status, 403);
}

#[tokio::test]
async fn a_revoked_token_takes_the_sessions_along_that_it_bought() {
    let site = site(Tls::Off).await;
    site.set("ada", "user", "").await.unwrap();
    let new = v1::CreateTokenRequest {
        kind: "user".to_owned(),
        user: "ada".to_owned(),
        role: "viewer".to_owned(),
        ..Default::default()
    };
    let token = site.access().create_token(new).await.unwrap().into_inner();
    let mut ada = site.access_with(&token.token);
    let link = ada.sign_in_link(v1::SignInLinkRequest {}).await.unwrap().into_inner();
    let code = link.path.split_once("code=").unwrap().1.to_owned();
    let mut browser = site.browser();
    browser.submit(&link.path, "/sign-in/link", &[("code", &code)]).await;
    assert!(browser.get("/").await.body.contains("class=\"role\">viewer<"));
    site.access().revoke_token(v1::RevokeTokenRequest { id: token.id }).await.unwrap();
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn an_administrator_resets_a_second_factor_that_was_lost() {
    let site = site(Tls::Off).await;
    site.set("ada", "user", PASSWORD).await.unwrap();
    let mut browser = site.signed_in("ada").await;
    let page = browser.get("/account/second-factor").await;
    let key = page.body.split_once("<p class=\"key\"><code>").unwrap().1.split('<').next().unwrap().replace(' ', "");
    let totp = totp_rs::Builder::new().with_secret(totp_rs::Secret::try_from_base32(key).unwrap()).build().unwrap();
    let code = totp.generate((sweep_coordinator::Clock::unix_ms(&*site.clock) / 1000) as u64).to_string();
    // The form of the page that was looked at, and not of another.
    let (token, seed) = (page.hidden("form_token"), page.hidden("seed"));
    let body = format!("form_token={token}&seed={seed}&code={code}&current={}", PASSWORD.replace(' ', "+"));
    let head = format!(
        "POST /account/second-factor HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n",
        browser.host(),
        body.len()
    );
    let on = browser.ask(&head, &body).await;
    assert!(on.body.contains("The second factor is on"), "{}", on.body);
    assert_eq!(site.browser().sign_in("ada", PASSWORD).await.header("location"), "/sign-in/code");
    let reset = v1::SetUserRequest { name: "ada".to_owned(), reset_totp: true, ..Default::default() };
    site.access().set_user(reset).await.unwrap();
    assert_eq!(site.browser().sign_in("ada", PASSWORD).await.header("location"), "/");
    assert!(Path::new(&site.folder.path().join("seal.key")).exists());
}

#[tokio::test]
async fn other_paths_other_names_and_foreign_pages_find_nothing() {
    let site = site(Tls::Off).await;
    let mut browser = site.browser();
    let missing = browser.get("/no/such/page").await;
    assert_eq!(missing.status, 404);
    assert!(missing.head.contains("content-security-policy: default-src 'none'"), "{}", missing.head);
    let rebound = browser.ask("GET /sign-in HTTP/1.1\r\nhost: evil.example\r\n", "").await;
    assert_eq!(rebound.status, 403);
    assert!(!rebound.body.contains("form_token"));
    let host = browser.host();
    let foreign =
        browser.ask(&format!("GET /sign-in HTTP/1.1\r\nhost: {host}\r\norigin: https://evil.example\r\n"), "").await;
    assert_eq!(foreign.status, 403);
    let grpc = site.access().who_am_i(v1::WhoAmIRequest {}).await.unwrap().into_inner();
    assert_eq!(grpc.role, "admin", "the calls are still there");
}
