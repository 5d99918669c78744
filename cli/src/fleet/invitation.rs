//! The coordinator as other machines reach it, and what an agent there joins with.

use std::fmt;

use sweep_link::Address;
use sweep_shared::wire::v1;

use crate::connect::Client;
use crate::exit::{Failure, Outcome};

/// Lets agents join, so many and for a while. Its `Debug` shows no token.
pub struct Invitation {
    pub token: String,
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invitation(…)")
    }
}

impl Invitation {
    /// Has the coordinator make a token for so many agents; `note` is what it is recognised by in `sweep tokens list`.
    pub async fn make(client: &mut Client, uses: u32, lifetime_s: u64, note: &str) -> Outcome<Self> {
        let request = v1::CreateTokenRequest {
            kind: "join".to_owned(),
            note: note.to_owned(),
            uses,
            lifetime_s,
            ..Default::default()
        };
        let made = client.create_token(request).await?;
        Ok(Self { token: made.token })
    }
}

/// Where the coordinator is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// As we reach it.
    pub ours: Address,
    /// As agents on other machines do: as it was named for them, else as we do. `None`: we reach it on this machine, and nobody
    /// said what others call it.
    pub others: Option<Address>,
}

impl Named {
    /// `said`: the address that the user names for agents.
    pub fn new(ours: Address, said: Option<&str>) -> Outcome<Self> {
        if !ours.is_tls() {
            return Err(Failure::usage(
                "this coordinator speaks no TLS and is reached from its own machine only: no agent elsewhere can join it",
            )
            .hint("start it with `sweep serve --listen 0.0.0.0:7433`"));
        }
        let Some(said) = said else {
            let others = (!ours.is_loopback()).then(|| ours.clone());
            return Ok(Self { ours, others });
        };
        let others = said.parse::<Address>()?.or_tls(true);
        if others.is_loopback() {
            return Err(Failure::usage(format!(
                "{others} is each machine's own: no agent elsewhere finds the coordinator there"
            ))
            .hint("name it as the other machines reach it, like https://desk:7433"));
        }
        if !others.is_tls() {
            return Err(Failure::usage(format!("{said} is without TLS, which agents elsewhere speak"))
                .hint(format!("say https://{others}")));
        }
        Ok(Self { ours, others: Some(others) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_elsewhere_are_told_an_address_that_they_can_reach() {
        let of = |ours: &str, said: Option<&str>| Named::new(ours.parse().unwrap(), said);
        let others = |ours, said| of(ours, said).unwrap().others.map(|address| address.url());
        assert_eq!(others("https://desk:9", None).as_deref(), Some("https://desk:9"));
        assert_eq!(others("https://127.0.0.1:9", None), None);
        assert_eq!(others("https://127.0.0.1:9", Some("lab")).as_deref(), Some("https://lab:7433"));
        for (ours, said, told) in [
            ("http://127.0.0.1:9", None, "sweep serve --listen"),
            ("https://desk:9", Some("localhost"), "like https://desk:7433"),
            ("https://desk:9", Some("http://lab"), "say https://lab:7433"),
        ] {
            let refused = of(ours, said).unwrap_err().text();
            assert!(refused.contains(told), "{refused}");
        }
    }
}
