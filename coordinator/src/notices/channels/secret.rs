//! Secrets, read when they are needed, so that a new one holds from the next notice on.

use std::fmt;
use std::path::Path;

use super::SendError;
use super::failure::set_up;

/// A key has 64 bytes, a token some hundred.
const LARGEST: u64 = 4096;

/// What a file of a secret holds. It shows itself to nobody who only prints it.
pub struct Secret(String);

impl Secret {
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// `what`: whose it is, for the one who has to put it right.
pub async fn read(path: &Path, what: &str) -> Result<Secret, SendError> {
    let place = path.display();
    let told = |why: String| set_up(format!("{what} cannot be read from {place}: {why}"));
    let size = tokio::fs::metadata(path).await.map_err(|error| told(error.to_string()))?.len();
    if size > LARGEST {
        return Err(told(format!("it has {size} bytes, a secret has at most {LARGEST}")));
    }
    let text = tokio::fs::read_to_string(path).await.map_err(|error| told(error.to_string()))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(told("it is empty".to_owned()));
    }
    if text.chars().any(char::is_control) {
        return Err(told("it has more than one line".to_owned()));
    }
    Ok(Secret(text.to_owned()))
}
