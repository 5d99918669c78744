//! What a form or an address says, within bounds.

/// Names and values, each name once.
#[derive(Debug, Clone, Default)]
pub struct Fields(Vec<(String, String)>);

/// No form of ours has more.
const MOST: usize = 16;
const LONGEST_NAME: usize = 32;
/// Bytes; a field may have a tighter bound of its own.
const LONGEST: usize = 2048;

/// Why a form is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFields {
    #[error("there are more than {MOST} fields")]
    Many,
    #[error("the field {0:?} is there twice")]
    Twice(String),
    #[error("a field is longer than {0} bytes")]
    Long(usize),
    #[error("a field holds control characters")]
    Control,
}

impl Fields {
    pub fn new(pairs: Vec<(String, String)>) -> Result<Self, BadFields> {
        if pairs.len() > MOST {
            return Err(BadFields::Many);
        }
        for (at, (name, value)) in pairs.iter().enumerate() {
            if name.len() > LONGEST_NAME {
                return Err(BadFields::Long(LONGEST_NAME));
            }
            if value.len() > LONGEST {
                return Err(BadFields::Long(LONGEST));
            }
            if value.chars().any(char::is_control) {
                return Err(BadFields::Control);
            }
            if pairs[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(BadFields::Twice(name.clone()));
            }
        }
        Ok(Self(pairs))
    }

    /// The empty text where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Something was said, and not the empty text.
    pub fn some(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.is_empty())
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(key, _)| key != name);
        self
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Where somebody wanted to go before signing in: a path of ours, or the overview.
    pub fn next(&self) -> &str {
        Some(self.get("next")).filter(|path| is_local(path)).unwrap_or("/")
    }
}

/// Browsers take `//host` and `/\host` for other hosts.
pub fn is_local(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.~?=&%+,:".contains(&b);
    path.starts_with('/') && !path.starts_with("//") && path.len() <= 512 && path.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Result<Fields, BadFields> {
        Fields::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_form_is_small_and_says_each_thing_once() {
        let form = fields(&[("name", "alice"), ("password", "päss wörd")]).unwrap();
        assert_eq!((form.get("name"), form.get("password"), form.get("code")), ("alice", "päss wörd", ""));
        assert_eq!(fields(&[("a", "1"), ("a", "2")]).unwrap_err(), BadFields::Twice("a".to_owned()));
        assert_eq!(fields(&[("a", &"x".repeat(2049))]).unwrap_err(), BadFields::Long(2048));
        assert_eq!(fields(&[(&"x".repeat(33), "")]).unwrap_err(), BadFields::Long(32));
        assert_eq!(fields(&[("a", "x\0y")]).unwrap_err(), BadFields::Control);
        assert_eq!(fields(&[("a", ""); 17]).unwrap_err(), BadFields::Many);
    }

    #[test]
    fn nobody_is_sent_to_another_host() {
        let next = |path: &str| fields(&[("next", path)]).unwrap().next().to_owned();
        assert_eq!(next("/sweeps/3?sort=size&page=2"), "/sweeps/3?sort=size&page=2");
        for path in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "evil",
            "/a b",
            "/\u{e9}",
            "/@x",
            "javascript:1",
        ] {
            assert_eq!(next(path), "/", "{path}");
        }
    }
}
