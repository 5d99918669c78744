//! Who somebody is, once they have shown it.

use sweep_shared::access::Role;
use sweep_shared::wire;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// A user's name, an agent's id, or whom the holder of the home's token says to be.
    pub name: String,
    pub standing: Standing,
    pub credential: Credential,
    /// When what was shown expires, in unix milliseconds; `None`: never.
    pub expires_ms: Option<i64>,
}

/// As what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Never as an agent.
    Person(Role),
    Agent,
    /// Somebody who may ask for an agent's certificate, and for nothing else.
    Joiner,
}

/// What they showed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// The home's own token.
    Home,
    /// The token's row.
    Token(i64),
    /// A browser's session, as the database knows it. Looked up with each request, and never shown to the gate.
    Session(String),
    /// The certificate's serial, and its agent.
    Certificate { serial: String, agent: String },
}

impl Principal {
    /// Whoever reads SWEEP_HOME may do everything.
    pub fn home(actor: &str) -> Self {
        Self {
            name: wire::actor(actor),
            standing: Standing::Person(Role::Admin),
            credential: Credential::Home,
            expires_ms: None,
        }
    }

    /// The role in which somebody acts.
    pub fn role(&self) -> Role {
        match self.standing {
            Standing::Person(role) => role,
            Standing::Agent | Standing::Joiner => Role::Agent,
        }
    }

    /// Whether they may change what belongs to `owner`.
    pub fn may_change(&self, owner: &str) -> bool {
        match self.standing {
            Standing::Person(Role::Admin) => true,
            Standing::Person(Role::User) => self.name == owner,
            _ => false,
        }
    }
}

/// Why somebody is not let in. The texts tell an honest caller what to do, and nobody whether a secret was nearly right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("a token is needed; `sweep login` keeps one, and SWEEP_TOKEN or --token-file names one")]
    Nothing,
    #[error("this coordinator does not know the token; `sweep tokens create`, on its machine, makes one")]
    UnknownToken,
    #[error("token {id} has expired; make another with `sweep tokens create`")]
    TokenExpired { id: i64 },
    #[error("token {id} has been revoked")]
    TokenRevoked { id: i64 },
    #[error("join token {id} has expired; make another with `sweep agents invite`")]
    JoinTokenExpired { id: i64 },
    #[error("the user of token {id} has been removed")]
    UserGone { id: i64 },
    #[error(
        "the token of SWEEP_HOME is accepted on the coordinator's own machine only; \
         make one for elsewhere with `sweep tokens create` there"
    )]
    HomeTokenFromElsewhere,
    #[error(
        "the certificate of agent {agent} has been revoked; a new join token (`sweep agents invite`) lets it in again"
    )]
    CertificateRevoked { agent: String },
    #[error("the certificate of agent {agent} has expired; a new join token (`sweep agents invite`) lets it in again")]
    CertificateExpired { agent: String },
}
