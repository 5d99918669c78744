//! The coordinator as other machines reach it, and what an agent there joins with.

use std::fmt;

use sweep_link::Address;
use sweep_shared::wire::v1;

use crate::connect::Connection;
use crate::exit::{Failure, Outcome};

/// Good for so many agents, for a while. Its `Debug` shows no token.
pub struct Invitation {
    /// Where the agents find the coordinator: `https://desk:7433`.
    pub coordinator: String,
    pub token: String,
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation").field("coordinator", &self.coordinator).finish_non_exhaustive()
    }
}

impl Invitation {
    /// Has the coordinator make a token for so many agents that counts for `lifetime_s`; `note` is what it is recognised by in `sweep tokens list`.
    pub async fn make(
        connection: &mut Connection,
        coordinator: String,
        uses: u32,
        lifetime_s: u64,
        note: &str,
    ) -> Outcome<Self> {
        let request = v1::CreateTokenRequest {
            kind: "join".to_owned(),
            note: note.to_owned(),
            uses,
            lifetime_s,
            ..Default::default()
        };
        let made = connection.client.create_token(request).await?;
        Ok(Self { coordinator, token: made.token })
    }
}

/// The coordinator's address for agents elsewhere: as it was named for them, else as we reach it. `None`: we reach it on this
/// machine, and nobody said what others call it.
pub fn reached_at(named: Option<&str>, ours: &Address) -> Outcome<Option<Address>> {
    let address: Address = match named {
        Some(named) => named.parse::<Address>()?.or_tls(true),
        None => ours.clone(),
    };
    if !ours.is_tls() {
        return Err(Failure::usage(
            "this coordinator speaks no TLS and is reached from its own machine only: no agent elsewhere can join it",
        )
        .hint("start it with `sweep serve --listen 0.0.0.0:7433`"));
    }
    if named.is_some() && address.is_loopback() {
        return Err(Failure::usage(format!(
            "{address} is each machine's own: no agent elsewhere finds the coordinator there"
        ))
        .hint("name it as the other machines reach it: coordinator: https://desk:7433"));
    }
    Ok((!address.is_loopback()).then_some(address))
}
