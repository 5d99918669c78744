//! Who may call what. What is not in the table may not be called; a test holds it equal to the service descriptions.

use sweep_shared::access::Role;

use super::principal::{Credential, Principal, Standing};

/// For whom something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Everybody, without showing anything.
    Open,
    /// Whoever shows something that stands.
    Anybody,
    /// People of at least this role. That a sweep is their own is looked at where it is known which sweep is meant.
    Person(Role),
    /// Them, and agents.
    PersonOrAgent(Role),
    Agent,
    Joiner,
}

impl Who {
    pub fn admits(self, principal: &Principal) -> bool {
        match (self, principal.standing) {
            (Self::Open | Self::Anybody, _) => true,
            (Self::Person(wanted) | Self::PersonOrAgent(wanted), Standing::Person(role)) => role.covers(wanted),
            (Self::PersonOrAgent(_) | Self::Agent, Standing::Agent) => true,
            // On the coordinator's own machine an agent of the same user needs no certificate.
            (Self::Agent, Standing::Person(_)) => principal.credential == Credential::Home,
            (Self::Joiner, standing) => standing == Standing::Joiner,
            _ => false,
        }
    }

    /// In words, for those who are turned away.
    pub fn describe(self) -> String {
        match self {
            Self::Open | Self::Anybody => "everybody".to_owned(),
            Self::Person(Role::Admin) | Self::PersonOrAgent(Role::Admin) => "administrators".to_owned(),
            Self::Person(role) | Self::PersonOrAgent(role) => format!("people with the role {role} or a higher one"),
            Self::Agent => "agents".to_owned(),
            Self::Joiner => "holders of a join token".to_owned(),
        }
    }
}

const VIEWER: Who = Who::Person(Role::Viewer);
const USER: Who = Who::Person(Role::User);
const ADMIN: Who = Who::Person(Role::Admin);

/// Every remote procedure.
pub const RPCS: &[(&str, Who)] = &[
    ("/sweep.v1.Agents/Session", Who::Agent),
    ("/sweep.v1.Artifacts/Stat", Who::PersonOrAgent(Role::Viewer)),
    ("/sweep.v1.Artifacts/Upload", Who::PersonOrAgent(Role::User)),
    ("/sweep.v1.Artifacts/Download", Who::PersonOrAgent(Role::Viewer)),
    ("/sweep.v1.Sweeps/Submit", USER),
    ("/sweep.v1.Sweeps/List", VIEWER),
    ("/sweep.v1.Sweeps/Status", VIEWER),
    ("/sweep.v1.Sweeps/Watch", VIEWER),
    ("/sweep.v1.Sweeps/Results", VIEWER),
    ("/sweep.v1.Sweeps/Logs", VIEWER),
    ("/sweep.v1.Sweeps/Cancel", USER),
    ("/sweep.v1.Sweeps/Retry", USER),
    ("/sweep.v1.Sweeps/Pause", USER),
    ("/sweep.v1.Sweeps/Resume", USER),
    ("/sweep.v1.Sweeps/SetPriority", USER),
    ("/sweep.v1.Sweeps/Explain", VIEWER),
    ("/sweep.v1.Sweeps/Events", VIEWER),
    ("/sweep.v1.Sweeps/ListAgents", VIEWER),
    ("/sweep.v1.Sweeps/DrainAgent", ADMIN),
    ("/sweep.v1.Sweeps/CollectGarbage", ADMIN),
    ("/sweep.v1.Sweeps/Curves", VIEWER),
    ("/sweep.v1.Sweeps/Paces", VIEWER),
    // Addresses are people's.
    ("/sweep.v1.Sweeps/Notices", USER),
    ("/sweep.v1.Sweeps/TestNotice", ADMIN),
    ("/sweep.v1.Access/WhoAmI", Who::Anybody),
    ("/sweep.v1.Access/CreateToken", USER),
    ("/sweep.v1.Access/ListTokens", USER),
    ("/sweep.v1.Access/RevokeToken", USER),
    ("/sweep.v1.Access/ListUsers", ADMIN),
    ("/sweep.v1.Access/SetUser", ADMIN),
    ("/sweep.v1.Access/RemoveUser", ADMIN),
    ("/sweep.v1.Access/SignInLink", VIEWER),
    ("/sweep.v1.Access/Join", Who::Joiner),
    ("/sweep.v1.Access/Renew", Who::Agent),
    ("/sweep.v1.Access/ListCertificates", ADMIN),
    ("/sweep.v1.Access/RevokeAgent", ADMIN),
    ("/grpc.health.v1.Health/Check", Who::Open),
    ("/grpc.health.v1.Health/Watch", VIEWER),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", VIEWER),
];

/// For whom a procedure is; `None`: there is none of this name.
pub fn rpc(path: &str) -> Option<Who> {
    RPCS.iter().find(|(name, _)| *name == path).map(|(_, who)| *who)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(role: Role, credential: Credential) -> Principal {
        let standing = Standing::Person(role);
        Principal { name: "ada".to_owned(), standing, credential, expires_ms: None }
    }

    #[test]
    fn a_role_reaches_what_it_covers() {
        let viewer = person(Role::Viewer, Credential::Token(1));
        let user = person(Role::User, Credential::Token(1));
        let admin = person(Role::Admin, Credential::Token(1));
        let home = Principal::home("ada@laptop");
        let agent = Principal { standing: Standing::Agent, ..user.clone() };
        let joiner = Principal { standing: Standing::Joiner, ..user.clone() };
        let admitted =
            |who: Who| [&viewer, &user, &admin, &home, &agent, &joiner].map(|principal| who.admits(principal));
        assert_eq!(admitted(VIEWER), [true, true, true, true, false, false]);
        assert_eq!(admitted(USER), [false, true, true, true, false, false]);
        assert_eq!(admitted(ADMIN), [false, false, true, true, false, false]);
        assert_eq!(admitted(Who::Agent), [false, false, false, true, true, false]);
        assert_eq!(admitted(Who::Joiner), [false, false, false, false, false, true]);
        assert_eq!(admitted(Who::PersonOrAgent(Role::User)), [false, true, true, true, true, false]);
        assert_eq!(admitted(Who::Anybody), [true; 6]);
    }

    #[test]
    fn no_procedure_is_named_twice() {
        let mut names: Vec<_> = RPCS.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RPCS.len());
    }
}
