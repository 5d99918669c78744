//! A coordinator to look at with a browser: `cargo run -p sweep-coordinator --example page`. It has the user `ada` with the password
//! `tulip orbit wagon`, and prints its address and a link that signs in.

use sweep_coordinator::{Coordinator, Options, Tls};
use sweep_link::{Address, Bearer, Link, Times, Trust};
use sweep_shared::wire::v1;
use sweep_shared::wire::v1::access_client::AccessClient;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let tls = if std::env::args().any(|arg| arg == "--tls") { Tls::On } else { Tls::Off };
    let running = Coordinator::start(Options { tls, ..Options::ephemeral(folder.path()) }).await?;
    let address: Address = running.local_url().parse()?;
    let trust = running.fingerprint().map_or(Trust::Plain, Trust::Fingerprint);
    let channel = Link::new(address, trust, Times::USER)?.channel();
    let bearer = Bearer::new(running.token()).ok_or_else(|| anyhow::anyhow!("the token is no header"))?;
    let mut access = AccessClient::with_interceptor(channel, bearer);
    let (name, password, role) = ("ada".to_owned(), "tulip orbit wagon".to_owned(), "user".to_owned());
    access.set_user(v1::SetUserRequest { name, password, role, create: true, ..Default::default() }).await?;
    let link = access.sign_in_link(v1::SignInLinkRequest {}).await?.into_inner();
    println!("{}\n{}{}", running.url(), running.url(), link.path);
    std::future::pending().await
}
