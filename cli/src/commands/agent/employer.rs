//! Which coordinator an agent works for, and with what it comes in.

use std::io::IsTerminal as _;

use sweep_link::Address;
use sweep_shared::access::Secret;
use sweep_shared::wire::v1;

use crate::connect::{Client, Reach, Token};
use crate::context::Context;
use crate::exit::{Failure, Outcome};
use crate::output;
use crate::settings::DEFAULT_LISTEN;

pub struct Employer {
    pub address: Address,
    /// For one that speaks no TLS.
    pub token: String,
    /// For one that does.
    pub join_token: Option<Secret>,
}

/// How long the token counts with which an agent joins the coordinator of its own home.
const OWN_LIFETIME_S: u64 = 600;

/// The coordinator that was named; else the one on this home; else the one that was joined; else the one that `sweep serve` would
/// start here. One that was joined elsewhere goes before the home's own.
pub async fn find(context: &Context) -> Outcome<Employer> {
    let joined = sweep_worker::joined_address(&context.settings.home.value.join("agent"));
    let join_token = match context.join_token() {
        // A unit file that names it for ever, and somebody who tidied up.
        Err(failure) if joined.is_some() => {
            output::note(&format!("{:#}; this agent has joined already, and goes on without", failure.error));
            None
        }
        given => given?,
    };
    if let Some(url) = &context.settings.coordinator.value {
        let named: Address = url.parse()?;
        let tls = join_token.as_ref().is_some_and(|token| token.fingerprint.is_some());
        return employed(context, named.or_tls(tls), join_token, joined.is_some());
    }
    if let Some(away) = joined.clone().filter(|address| !address.is_loopback()) {
        return employed(context, away, join_token, true);
    }
    if let Some(own) = own(context, joined.is_some()).await? {
        return Ok(own);
    }
    if join_token.is_some() && joined.is_none() {
        return Err(
            Failure::usage("which coordinator is to be joined?").hint("name it: --coordinator https://HOST:7433")
        );
    }
    let known = joined.is_some();
    let address = joined.map_or_else(|| DEFAULT_LISTEN.parse(), Ok)?;
    employed(context, address, join_token, known)
}

fn employed(context: &Context, address: Address, join_token: Option<Secret>, joined: bool) -> Outcome<Employer> {
    if !address.is_tls() {
        if join_token.as_ref().is_some_and(|token| token.fingerprint.is_some()) {
            let named =
                format!("a join token is for a coordinator that speaks TLS, and {address} was named without it");
            let hint =
                format!("name it --coordinator https://{address}; where there is no TLS, no join token is needed");
            return Err(Failure::usage(named).hint(hint));
        }
        let token = match context.given_token()? {
            Some(token) => token.bearer(),
            None => own_token(context, &address)?,
        };
        return Ok(Employer { address, token, join_token: None });
    }
    let join_token = match join_token {
        None if !joined && std::io::stdin().is_terminal() => {
            Some(Token::ask(&format!("join token for {address} (`sweep agents invite` there): "))?.joining()?)
        }
        given => given,
    };
    Ok(Employer { address, token: String::new(), join_token })
}

/// Of this home, which a forwarded port's coordinator may have given.
fn own_token(context: &Context, address: &Address) -> Outcome<String> {
    context.home().token()?.ok_or_else(|| {
        Failure::usage(format!("no token for the coordinator at {address}")).hint(
            "copy the file `token` from the coordinator's SWEEP_HOME and name it with --token-file, or set SWEEP_TOKEN; \
             over TLS (https://) an agent joins with a join token instead",
        )
    })
}

/// The coordinator that runs on this home. Where it speaks TLS, whoever may read the home may let an agent join: so it does.
async fn own(context: &Context, joined: bool) -> Outcome<Option<Employer>> {
    let home = context.home();
    let Some(endpoint) = home.endpoint()? else { return Ok(None) };
    let address: Address = endpoint.address.parse()?;
    if !address.is_tls() {
        let token = home.token()?.unwrap_or_default();
        return Ok(Some(Employer { address, token, join_token: None }));
    }
    let join_token = if joined { None } else { Some(invited(&Reach::home(&home, &endpoint)?).await?) };
    Ok(Some(Employer { address, token: String::new(), join_token }))
}

async fn invited(reach: &Reach) -> Outcome<Secret> {
    let request = v1::CreateTokenRequest {
        kind: "join".to_owned(),
        note: "the agent on the coordinator's own home".to_owned(),
        uses: 1,
        lifetime_s: OWN_LIFETIME_S,
        ..Default::default()
    };
    let made = Client::connect(reach).await?.create_token(request).await?;
    Token::parse(&made.token).joining()
}
