//! Is the database sound, and are the files there that it names.

use std::path::PathBuf;

use sqlx::SqliteConnection;

use super::UpkeepError;
use super::blobs::{self, BlobsSeen};
use super::file::{self, Schema};
use super::rules::RULES;
use super::whereabouts::Whereabouts;
use crate::artifacts::ArtifactsIn;
use crate::home::Home;

/// How far a check goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Structure, references, rules, and that files are there: seconds.
    Quick,
    /// And every index, and every byte of every file.
    Full,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What holds where nothing was found.
    pub holds: String,
    /// What was found, in sentences.
    pub findings: Vec<String>,
}

/// What a check found.
#[derive(Debug, Clone)]
pub struct Checkup {
    pub database: PathBuf,
    pub schema: Schema,
    pub parts: Vec<Part>,
    pub blobs: BlobsSeen,
}

impl Checkup {
    pub fn is_sound(&self) -> bool {
        self.parts.iter().all(|part| part.findings.is_empty())
    }
}

/// Most sentences about one rule: after so many the rest says nothing new.
const MOST: usize = 20;

/// Looks at a home's database and blobs, beside a coordinator or without one. What is wrong with them is an answer, not an error.
pub async fn check(home: &Home, depth: Depth, artifacts: &ArtifactsIn) -> Result<Checkup, UpkeepError> {
    let path = home.database();
    let mut conn = file::open(&path).await?;
    // One snapshot for all rules: a coordinator may be at work.
    let begun = sqlx::query("BEGIN").execute(&mut conn).await;
    begun.map_err(UpkeepError::database("read", &path))?;
    let schema = file::schema(&mut conn, &path).await?;
    let full = depth == Depth::Full;
    let mut parts = vec![
        part("the file is whole", file::damage(&mut conn, full).await),
        part("rows refer to rows that are there", file::dangling(&mut conn).await),
    ];
    if !schema.is_older() {
        parts.extend(rules(&mut conn).await);
    }
    let _ = sqlx::query("COMMIT").execute(&mut conn).await;
    let looked = async {
        let whereabouts = Whereabouts::of(&mut conn, artifacts).await?;
        blobs::look(&mut conn, home, &whereabouts, full).await
    };
    let (blobs, findings) = match looked.await {
        Ok(seen) => seen,
        Err(error) => (BlobsSeen::default(), vec![format!("the list of files cannot be read: {error}")]),
    };
    let holds = if full { "files hold the bytes that they are named for" } else { "files are there" };
    parts.push(part(holds, bounded(findings)));
    Ok(Checkup { database: path, schema, parts, blobs })
}

async fn rules(conn: &mut SqliteConnection) -> Vec<Part> {
    let mut parts = Vec::new();
    for rule in RULES {
        let found = file::texts(conn, rule.broken).await;
        let findings = found.unwrap_or_else(|error| vec![format!("this cannot be read: {error}")]);
        parts.push(part(rule.holds, bounded(findings)));
    }
    parts
}

fn part(holds: &str, findings: Vec<String>) -> Part {
    Part { holds: holds.to_owned(), findings }
}

fn bounded(mut findings: Vec<String>) -> Vec<String> {
    if findings.len() > MOST {
        let more = findings.len() - MOST;
        findings.truncate(MOST);
        findings.push(format!("and {more} more"));
    }
    findings
}
