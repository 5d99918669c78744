//! A coordinator with one caller of each kind, and much that is worth nothing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use sweep_coordinator::{Clock, Coordinator, Options, Running, SystemClock, Tls};
use sweep_link::{Address, Channel, Identity, Link, Times, Trust};
use sweep_shared::access::Secret;
use sweep_shared::wire::v1;
use tonic::Code;

use super::call::{Call, Seen};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    Viewer,
    /// ada
    User,
    /// bob
    Other,
    Admin,
    Agent,
    Joiner,
}

impl Caller {
    pub const ALL: [Self; 6] = [Self::Viewer, Self::User, Self::Other, Self::Admin, Self::Agent, Self::Joiner];

    pub fn letter(self) -> char {
        match self {
            Self::Viewer => 'v',
            Self::User => 'u',
            Self::Other => 'o',
            Self::Admin => 'a',
            Self::Agent => 'g',
            Self::Joiner => 'j',
        }
    }

    /// One of those who may.
    pub fn may(letters: &str) -> Self {
        Self::ALL.into_iter().rev().find(|caller| letters.contains(caller.letter())).unwrap_or(Self::Admin)
    }
}

/// What somebody shows.
#[derive(Clone, Default)]
pub struct Shown {
    pub authorization: Option<String>,
    pub identity: Option<Identity>,
}

impl Shown {
    fn header(value: impl Into<String>) -> Self {
        Self { authorization: Some(value.into()), identity: None }
    }

    fn bearer(token: &Secret) -> Self {
        Self::header(format!("Bearer {}", token.bearer()))
    }
}

pub struct Site {
    folder: tempfile::TempDir,
    running: Running,
    callers: Vec<(Caller, Shown)>,
    worthless: Vec<(&'static str, Shown)>,
}

pub fn plan(name: &str) -> String {
    format!("name: \"{name}\"\nstages:\n  a: {{ command: {{ run: [\"true\"] }} }}\n")
}

impl Site {
    /// With TLS.
    pub async fn new() -> Self {
        let mut site = Self::start(Tls::On, Arc::new(SystemClock::new())).await;
        for (name, role) in [("eve", "viewer"), ("ada", "user"), ("bob", "user"), ("root", "admin")] {
            site.add(name, role).await;
        }
        let callers = [(Caller::Viewer, "eve"), (Caller::User, "ada"), (Caller::Other, "bob"), (Caller::Admin, "root")];
        for (caller, name) in callers {
            let shown = Shown::bearer(&site.make(&user_token(name)).await);
            site.callers.push((caller, shown));
        }
        let join = v1::CreateTokenRequest { kind: "join".to_owned(), ..Default::default() };
        let token = site.make(&join).await;
        site.callers.push((Caller::Joiner, Shown::bearer(&token)));
        let identity = site.join(&token, "agent-1").await;
        site.callers.push((Caller::Agent, Shown { authorization: None, identity: Some(identity) }));
        site.spoil(&join).await;
        site
    }

    /// On loopback, without TLS: there, the home's token is who one is.
    pub async fn plain() -> Self {
        Self::plain_with(Arc::new(SystemClock::new())).await
    }

    pub async fn plain_with(clock: Arc<dyn Clock>) -> Self {
        let mut site = Self::start(Tls::Off, clock).await;
        site.add("root", "admin").await;
        let shown = Shown::bearer(&site.make(&user_token("root")).await);
        site.callers = vec![(Caller::Admin, shown)];
        site
    }

    async fn start(tls: Tls, clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let running = Coordinator::start(Options { tls, clock, ..Options::ephemeral(folder.path()) }).await.unwrap();
        Self { folder, running, callers: Vec::new(), worthless: Vec::new() }
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub fn is_tls(&self) -> bool {
        self.running.fingerprint().is_some()
    }

    pub fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// Whatever stands for nobody: nothing, wrong, expired, revoked.
    async fn spoil(&mut self, join: &v1::CreateTokenRequest) {
        let good = self.make(&user_token("root")).await;
        let other = good.bearer().replacen("swu", "swj", 1);
        let guess = format!("swu_{}_{}", good.id, "a".repeat(32));
        let nobody = format!("swu_{}_{}", 1_i64 << 40, "a".repeat(32));
        let wrong: [(&'static str, String); 7] = [
            ("a guess", format!("Bearer {guess}")),
            ("a token of no row", format!("Bearer {nobody}")),
            ("another kind of token", format!("Bearer {other}")),
            ("another scheme", format!("Basic {}", good.bearer())),
            ("no scheme", good.bearer()),
            ("half of the home's token", format!("Bearer {}", &self.running.token()[..32])),
            ("an empty token", "Bearer ".to_owned()),
        ];
        self.worthless.push(("nothing", Shown::default()));
        self.worthless.extend(wrong.map(|(what, value)| (what, Shown::header(value))));
        let expiring = |request: &v1::CreateTokenRequest| v1::CreateTokenRequest { lifetime_s: 1, ..request.clone() };
        for (what, request) in [("an expired token", user_token("root")), ("an expired join token", join.clone())] {
            let token = self.make(&expiring(&request)).await;
            self.until_refused(&Shown::bearer(&token)).await;
            self.worthless.push((what, Shown::bearer(&token)));
        }
        for (what, request) in [("a revoked token", user_token("root")), ("a revoked join token", join.clone())] {
            let token = self.make(&request).await;
            self.home_calls("/sweep.v1.Access/RevokeToken", &v1::RevokeTokenRequest { id: token.id }).await;
            self.worthless.push((what, Shown::bearer(&token)));
        }
        self.add("gone", "admin").await;
        let orphan = self.make(&user_token("gone")).await;
        self.home_calls("/sweep.v1.Access/RemoveUser", &v1::RemoveUserRequest { name: "gone".to_owned() }).await;
        self.worthless.push(("a removed user's token", Shown::bearer(&orphan)));
        let token = self.make(join).await;
        let identity = self.join(&token, "agent-2").await;
        self.home_calls("/sweep.v1.Access/RevokeAgent", &v1::RevokeAgentRequest { agent: "agent-2".to_owned() }).await;
        self.worthless.push(("a revoked certificate", Shown { authorization: None, identity: Some(identity) }));
    }

    async fn until_refused(&self, shown: &Shown) {
        let call = || Call::new("/sweep.v1.Access/WhoAmI").showing(shown);
        while self.channel(shown).call(call()).await.code == Code::Ok {
            tokio::task::yield_now().await;
        }
    }

    pub fn worthless(&self) -> Vec<(&'static str, Shown)> {
        self.worthless.clone()
    }

    async fn add(&self, name: &str, role: &str) {
        let (name, role) = (name.to_owned(), role.to_owned());
        let user = v1::SetUserRequest { name, role, create: true, ..Default::default() };
        self.home_calls("/sweep.v1.Access/SetUser", &user).await;
    }

    async fn make(&self, request: &v1::CreateTokenRequest) -> Secret {
        let made = self.home_calls("/sweep.v1.Access/CreateToken", request).await;
        made.message_as::<v1::CreateTokenReply>().token.parse().unwrap()
    }

    /// In the name of whoever owns the home.
    async fn home_calls(&self, path: &str, message: &impl prost::Message) -> Seen {
        let shown = Shown::header(format!("Bearer {}", self.running.token()));
        let seen = self.channel(&shown).call(Call::new(path).with_message(message).showing(&shown)).await;
        assert_eq!(seen.code, Code::Ok, "{path}: {seen:?}");
        seen
    }

    async fn join(&self, token: &Secret, agent: &str) -> Identity {
        let key = rcgen::KeyPair::generate().unwrap();
        let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
        let (agent_id, host) = (agent.to_owned(), "host".to_owned());
        let message = v1::JoinRequest { signing_request: request, agent_id, host };
        let shown = Shown::bearer(token);
        let call = Call::new("/sweep.v1.Access/Join").with_message(&message).showing(&shown);
        let reply: v1::CertificateReply = self.channel(&shown).call(call).await.message_as();
        Identity::from_pem(reply.certificate.as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    }

    /// A connection of somebody who shows this.
    pub fn channel(&self, shown: &Shown) -> Line {
        let address: Address = self.running.local_url().parse().unwrap();
        let trust = self.running.fingerprint().map_or(Trust::Plain, Trust::Fingerprint);
        let link = Link::new(address, trust, Times::USER).unwrap();
        if let Some(identity) = &shown.identity {
            link.identify(identity.clone());
        }
        Line(link.channel())
    }

    fn shown(&self, caller: Caller) -> &Shown {
        &self.callers.iter().find(|(who, _)| *who == caller).expect("the site has such a caller").1
    }

    pub fn token(&self, caller: Caller) -> Option<String> {
        let (_, shown) = self.callers.iter().find(|(who, _)| *who == caller)?;
        Some(shown.authorization.as_ref()?.trim_start_matches("Bearer ").to_owned())
    }

    pub async fn as_caller(&self, caller: Caller, call: Call) -> Seen {
        let shown = self.shown(caller);
        self.channel(shown).call(call.showing(shown)).await
    }

    pub async fn submit(&self, caller: Caller, name: &str) -> i64 {
        let request = v1::SubmitRequest { plan_yaml: plan(name), ..Default::default() };
        let call = Call::new("/sweep.v1.Sweeps/Submit").with_message(&request);
        self.as_caller(caller, call).await.message_as::<v1::SubmitReply>().sweep
    }
}

fn user_token(user: &str) -> v1::CreateTokenRequest {
    v1::CreateTokenRequest { kind: "user".to_owned(), user: user.to_owned(), ..Default::default() }
}

/// A connection that calls go over.
pub struct Line(pub Channel);

impl Line {
    pub async fn call(&self, call: Call) -> Seen {
        call.over(self.0.clone()).await
    }
}
