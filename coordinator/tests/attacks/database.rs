//! Everything that the database holds, as text.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions as _, Row as _};

/// A line for each row of each table. Left out is what being refused leaves behind by itself: the note that somebody was.
pub async fn dump(home: &Path) -> Vec<String> {
    let options = SqliteConnectOptions::new().filename(home.join("sweep.db")).read_only(true);
    let mut database = options.connect().await.unwrap();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut database).await.unwrap();
    let mut lines = Vec::new();
    for table in tables {
        let columns = columns(&mut database, &table).await;
        let quoted = columns.iter().map(|column| format!("quote(\"{column}\")")).collect::<Vec<_>>();
        let rows = format!("SELECT {} AS row FROM \"{table}\" ORDER BY 1", quoted.join(" || ' ' || "));
        let rows: Vec<SqliteRow> = sqlx::query(sqlx::AssertSqlSafe(rows)).fetch_all(&mut database).await.unwrap();
        let lines_of = rows.iter().map(|row| format!("{table}: {}", row.get::<String, _>("row")));
        lines.extend(lines_of.filter(|line| !line.contains("'access_refused'") && !line.contains("'sign_in_failed'")));
    }
    lines
}

async fn columns(database: &mut SqliteConnection, table: &str) -> Vec<String> {
    let rows = sqlx::query("SELECT name FROM pragma_table_info(?)").bind(table).fetch_all(database).await.unwrap();
    rows.iter().map(|row| row.get("name")).collect()
}
