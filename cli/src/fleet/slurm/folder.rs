//! A fleet's folder, on a disk that the nodes share: what its agents join with, what they keep, what they said.

use std::collections::BTreeMap;

use sweep_shared::access::Fingerprint;

use super::login::Login;
use super::spec::Spec;
use crate::exit::{Failure, Outcome};

pub struct Folder<'a> {
    login: &'a Login,
    pub path: String,
}

/// Makes the folder, for its user only, and says whose agents it holds.
const MAKE: &str = r#"
set -eu
umask 077
mkdir -p "$1/agents" "$1/logs" "$1/tokens" "$1/datasets"
[ -e "$1/coordinator" ] || printf %s "$2" > "$1/coordinator"
cat "$1/coordinator"
"#;

const WRITE: &str = r#"
set -eu
umask 077
cat > "$1.new"
mv "$1.new" "$1"
"#;

/// `<allocation> <agent.json on one line>`, of those that have made themselves an identity.
const AGENTS: &str = r#"
cd "$1/agents" 2>/dev/null || exit 0
for file in */agent/agent.json; do
    [ -f "$file" ] || continue
    printf '%s ' "${file%%/*}"
    tr '\n' ' ' < "$file"
    echo
done
"#;

/// Takes away what allocations left that Slurm does not know any more: $2 lists, in spaces, those that it knows.
const TIDY: &str = r#"
cd "$1/agents" 2>/dev/null || exit 0
for name in *_*; do
    case " $2 " in *" $name "*) continue ;; esac
    case $name in *[!0-9_]*) continue ;; esac
    rm -rf -- "$name"
done
"#;

impl<'a> Folder<'a> {
    /// Where it is; nothing is touched.
    pub async fn find(login: &'a Login, spec: &Spec) -> Outcome<Self> {
        let path = match &spec.folder {
            Some(path) => path.trim_end_matches('/').to_owned(),
            None => {
                let data = login.sh(r#"printf %s "${XDG_DATA_HOME:-$HOME/.local/share}""#, &[], b"").await?;
                format!("{data}/sweep-slurm/{}", spec.name)
            }
        };
        if path.contains(|c: char| !c.is_ascii_graphic() || "\"'`\\#$%".contains(c)) {
            return Err(Failure::usage(format!("Slurm cannot be told to write in {path:?}"))
                .hint("--slurm folder=/PATH names a folder without spaces, quotes and signs"));
        }
        Ok(Self { login, path })
    }

    /// Makes it, for agents of this coordinator.
    pub async fn make(&self, coordinator: &Fingerprint) -> Outcome<()> {
        let ours = coordinator.to_string();
        let theirs = self.login.sh(MAKE, &[&self.path, &ours], b"").await?;
        if theirs == ours {
            return Ok(());
        }
        Err(Failure::usage(format!("{} holds agents of another coordinator", self.path)).hint(
            "give these another name (--slurm name=…); or remove the folder, if that coordinator is gone for good",
        ))
    }

    pub fn token_file(&self, name: &str) -> String {
        format!("{}/tokens/{name}", self.path)
    }

    /// Writes a file that only its user may read.
    pub async fn write(&self, path: &str, bytes: &[u8]) -> Outcome<()> {
        self.login.sh(WRITE, &[path], bytes).await.map(drop)
    }

    pub async fn remove(&self, path: &str) -> Outcome<()> {
        self.login.sh(r#"rm -f -- "$1""#, &[path], b"").await.map(drop)
    }

    /// The agents' ids, by allocation.
    pub async fn agents(&self) -> Outcome<BTreeMap<String, String>> {
        Ok(agents(&self.login.sh(AGENTS, &[&self.path], b"").await?))
    }

    /// Takes away what was left by allocations other than these.
    pub async fn tidy(&self, alive: &[&str]) -> Outcome<()> {
        self.login.sh(TIDY, &[&self.path, &alive.join(" ")], b"").await.map(drop)
    }

    /// The end of what an allocation's script and agent said; nothing if they never said anything.
    pub async fn log(&self, allocation: &str, lines: u32) -> Outcome<String> {
        let path = format!("{}/logs/{allocation}.log", self.path);
        self.login.sh(r#"[ ! -f "$1" ] || tail -n "$2" -- "$1""#, &[&path, &lines.to_string()], b"").await
    }

    /// Allocations that have said something, the newest last.
    pub async fn logs(&self) -> Outcome<Vec<String>> {
        let listed = self.login.sh(r#"cd "$1/logs" 2>/dev/null && ls -tr || :"#, &[&self.path], b"").await?;
        Ok(listed.lines().filter_map(|line| line.strip_suffix(".log")).map(str::to_owned).collect())
    }
}

fn agents(text: &str) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let (allocation, json) = line.split_once(' ')?;
        let stored: serde_json::Value = serde_json::from_str(json).ok()?;
        Some((allocation.to_owned(), stored["agent"].as_str()?.to_owned()))
    };
    // One that is just being written is read the next time.
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder<'a>(login: &'a Login, root: &std::path::Path) -> Folder<'a> {
        Folder { login, path: root.join("fleet").display().to_string() }
    }

    #[tokio::test]
    async fn what_is_gone_from_slurm_is_taken_away_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let login = Login::default();
        let folder = folder(&login, root.path());
        folder.make(&Fingerprint([7; 32])).await.unwrap();
        for allocation in ["7_1", "7_2", "12_1", "x_1"] {
            let home = root.path().join(format!("fleet/agents/{allocation}/agent"));
            std::fs::create_dir_all(&home).unwrap();
            std::fs::write(home.join("agent.json"), format!("{{\n\"agent\": \"n1-{allocation}\"\n}}\n")).unwrap();
        }
        folder.tidy(&["7_2"]).await.unwrap();
        let left: Vec<(String, String)> = folder.agents().await.unwrap().into_iter().collect();
        let expected = [("7_2", "n1-7_2"), ("x_1", "n1-x_1")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(left, expected);
    }

    #[tokio::test]
    async fn a_folder_belongs_to_one_coordinator_and_its_files_to_one_user() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let login = Login::default();
        let folder = folder(&login, root.path());
        folder.make(&Fingerprint([7; 32])).await.unwrap();
        folder.make(&Fingerprint([7; 32])).await.unwrap();
        let refused = folder.make(&Fingerprint([8; 32])).await.unwrap_err().text();
        assert!(refused.contains("another coordinator") && refused.contains("name="), "{refused}");
        let token = folder.token_file("1");
        folder.write(&token, b"secret").await.unwrap();
        assert_eq!(std::fs::read_to_string(&token).unwrap(), "secret");
        let mode = |path: &str| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&token), mode(&folder.path)), (0o600, 0o700));
        assert_eq!(folder.log("1_1", 5).await.unwrap(), "");
    }
}
