//! A coordinator to look at with a browser: `cargo run -p sweep-coordinator --example page`. It has the user `ada` with the password
//! `tulip orbit wagon`, and prints its address and a link that signs in. With `--study 40` it has a sweep of 40 configurations (24 jobs
//! each), some of which run for ever; with `--study 2084` one of 50 000 jobs. `--tls` is over TLS.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::{Connection as _, SqliteConnection};
use sweep_coordinator::{Coordinator, Home, Options, Tls};
use sweep_link::{Address, Bearer, Link, Times, Trust};
use sweep_shared::ids::{ContentHash, JobId};
use sweep_shared::wire::v1;
use sweep_shared::wire::v1::access_client::AccessClient;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let given: Vec<String> = std::env::args().collect();
    let tls = if given.iter().any(|arg| arg == "--tls") { Tls::On } else { Tls::Off };
    let configurations = given.iter().position(|arg| arg == "--study").and_then(|at| given.get(at + 1)?.parse().ok());
    let running = Coordinator::start(Options { tls, ..Options::ephemeral(folder.path()) }).await?;
    if let Some(configurations) = configurations {
        study(folder.path(), configurations).await?;
    }
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

/// Writes a sweep, as if it had run: the coordinator reads it like its own.
async fn study(folder: &Path, configurations: u32) -> anyhow::Result<()> {
    let home = Home::new(folder);
    let evaluation = evaluation();
    let (evaluation, model) = (blob(&home, evaluation.as_bytes())?, blob(&home, &[0; 4096])?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let mut script = include_str!("study.sql").to_owned();
    // The longer names first: `:model` is the beginning of `:model_bytes`.
    for (name, value) in [
        (":configs", configurations.to_string()),
        (":now", now.to_string()),
        (":evaluation_bytes", evaluation.1.to_string()),
        (":model_bytes", model.1.to_string()),
        (":evaluation", format!("'{}'", evaluation.0)),
        (":model", format!("'{}'", model.0)),
    ] {
        script = script.replace(name, &value);
    }
    let mut conn = SqliteConnection::connect(&format!("sqlite:{}", home.database().display())).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("BEGIN IMMEDIATE;{script};COMMIT"))).execute(&mut conn).await?;
    conn.close().await?;
    let log = home.log(JobId(1), 2);
    std::fs::create_dir_all(log.parent().unwrap_or(folder))?;
    let lines: Vec<String> =
        (1..2000).map(|step| format!("step {step}: loss {:.3}\n", 2.0 / f64::from(step))).collect();
    std::fs::write(log, lines.concat())?;
    Ok(())
}

fn blob(home: &Home, bytes: &[u8]) -> anyhow::Result<(ContentHash, usize)> {
    let hash = ContentHash::of(bytes);
    let path = home.blob(&hash);
    std::fs::create_dir_all(path.parent().unwrap_or(home.root()))?;
    std::fs::write(path, bytes)?;
    Ok((hash, bytes.len()))
}

/// As a runner writes it, of ten classes of which two are alike.
fn evaluation() -> String {
    let classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
    let count = |truth: usize, taken: usize| match (truth, taken) {
        (3, 5) | (5, 3) => 96,
        (truth, taken) if truth == taken => 880,
        (truth, taken) => (truth * 7 + taken * 13) % 17,
    };
    let matrix: Vec<Vec<usize>> = (0..10).map(|truth| (0..10).map(|taken| count(truth, taken)).collect()).collect();
    serde_json::json!({ "classes": classes, "confusion_matrix": matrix }).to_string()
}
