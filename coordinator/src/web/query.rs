//! Addresses of the same page with something else asked of it.

use super::fields::Fields;

/// What a page was asked, from which links that ask otherwise are made.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    path: String,
    fields: &'a Fields,
}

impl<'a> Query<'a> {
    pub fn new(path: String, fields: &'a Fields) -> Self {
        Self { path, fields }
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn get(&self, name: &str) -> &'a str {
        self.fields.get(name)
    }

    /// Something was said, and not the empty text.
    pub fn some(&self, name: &str) -> Option<&'a str> {
        self.fields.some(name)
    }

    /// A number of a page, from 1; of what is none, the first.
    pub fn page(&self, name: &str) -> u32 {
        self.get(name).parse().ok().filter(|page| *page > 0).unwrap_or(1)
    }

    /// The same with these fields set; empty ones are taken out.
    pub fn with(&self, changes: &[(&str, &str)]) -> String {
        let kept = self.fields.pairs().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let all = kept.chain(changes.iter().copied()).filter(|(_, value)| !value.is_empty());
        let text: Vec<String> = all.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        if text.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, text.join("&")) }
    }

    /// What a form that asks for `own` must hand on so that the rest stays as it is.
    pub fn others<'s>(&'s self, own: &'s [&str]) -> impl Iterator<Item = (&'a str, &'a str)> + 's {
        self.fields.pairs().filter(|(name, value)| !own.contains(name) && !value.is_empty())
    }
}

/// As part of an address.
pub fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        Fields::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()).unwrap()
    }

    #[test]
    fn a_link_asks_otherwise_and_keeps_the_rest() {
        let fields = fields(&[("stage", "a&b"), ("page", "3"), ("q", "")]);
        let query = Query::new("/sweeps/s1".to_owned(), &fields);
        assert_eq!(query.with(&[("page", "")]), "/sweeps/s1?stage=a%26b");
        assert_eq!(query.with(&[("stage", ""), ("page", "")]), "/sweeps/s1");
        assert_eq!(query.with(&[("sort", "état")]), "/sweeps/s1?stage=a%26b&page=3&sort=%C3%A9tat");
        assert_eq!((query.page("page"), query.page("other"), query.page("stage")), (3, 1, 1));
        assert_eq!(query.others(&["stage"]).collect::<Vec<_>>(), [("page", "3")]);
    }
}
