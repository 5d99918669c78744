//! Browsers and less friendly things against the real router on a real database, with a clock that the tests move.

mod account;
mod api;
pub mod browser;
mod changes;
mod links;
mod sessions;
mod sign_in;
mod strangers;
mod study;
mod table;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use sweep_shared::access::Role;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::Options;
use crate::artifacts::Artifacts;
use crate::clock::ManualClock;
use crate::home::Home;
use crate::luck::SystemLuck;
use crate::service::assemble;
use crate::store::{Command, StoreError, Tx, read};
use browser::Browser;

pub const PASSWORD: &str = "tulip orbit wagon";
pub const HOME_TOKEN: &str = "h0me";
pub const HOME: &str = "203.0.113.7";
pub const AWAY: &str = "198.51.100.9";

pub struct Site {
    pub folder: TempDir,
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub api: Api,
    pub access: Access,
    pub web: Web,
    pub router: Router,
}

pub async fn site() -> Site {
    site_with(Settings::default()).await
}

pub async fn site_with(settings: Settings) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let store = Store::open(&folder.path().join("sweep.db"), clock.clone(), &SystemLuck).await.unwrap();
    let options = Options { clock: clock.clone(), ..Options::new(folder.path()) };
    let stop = CancellationToken::new();
    let (api, dispatcher) =
        assemble(&options, Artifacts::new(Home::new(folder.path()), 1 << 30), store.clone(), stop.clone())
            .await
            .unwrap();
    tokio::spawn(dispatcher.run(stop));
    let access = Access::open(store.clone(), clock.clone(), HOME_TOKEN).await.unwrap();
    let web = Web::open(api.clone(), access.clone(), settings).unwrap();
    let router = router(web.clone());
    Site { folder, store, clock, api, access, web, router }
}

impl Site {
    /// A user with [`PASSWORD`].
    pub async fn add(&self, name: &str, role: Role) {
        // One slow hash for all tests' users.
        static PHC: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| password::hash(PASSWORD));
        let sql = format!(
            "INSERT INTO users (name, role, created_ms, password) VALUES ('{name}', '{role}', 0, '{}')",
            PHC.as_str()
        );
        self.sql(&sql).await;
    }

    pub async fn sql(&self, sql: &str) {
        self.store.write(Sql(sql.to_owned())).await.unwrap();
    }

    pub fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    pub fn browser(&self) -> Browser {
        self.browser_at(HOME)
    }

    /// Over TLS.
    pub fn browser_at(&self, address: &str) -> Browser {
        Browser::new(self.router.clone(), address, true)
    }

    pub fn plain_browser(&self) -> Browser {
        Browser::new(self.router.clone(), "127.0.0.1", false)
    }

    /// Signed in by password.
    pub async fn signed_in(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        let answer = browser.sign_in(name, PASSWORD).await;
        assert_eq!(answer.location(), "/", "{}", answer.text);
        browser
    }

    /// Who, what, and what about it.
    pub async fn events(&self) -> Vec<String> {
        // What was queued before is written before.
        self.sql("UPDATE users SET role = role").await;
        let rows = read::newest_events(&self.store, None, 1000).await.unwrap();
        rows.into_iter().map(|row| format!("{} {}: {}", row.actor, row.what, row.detail)).collect()
    }

    pub async fn events_of(&self, what: &str) -> usize {
        self.events().await.iter().filter(|event| event.contains(&format!(" {what}:"))).count()
    }

    /// What a thief of the database would have.
    pub fn bytes_on_disk(&self) -> Vec<u8> {
        ["sweep.db", "sweep.db-wal"]
            .iter()
            .filter_map(|name| std::fs::read(self.folder.path().join(name)).ok())
            .flatten()
            .collect()
    }
}

/// A test puts something into the database.
struct Sql(String);

impl Command for Sql {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        sqlx::raw_sql(sqlx::AssertSqlSafe(self.0)).execute(&mut *tx.conn).await?;
        Ok(())
    }
}

pub fn holds(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}
