//! The files of the AWS command line: `~/.aws/credentials` and `~/.aws/config`.

use std::collections::BTreeMap;

/// Sections by name, and what they set. A line that is none of these is passed over, as AWS's own tools do; so are the indented lines of
/// nested settings.
pub type Sections = BTreeMap<String, BTreeMap<String, String>>;

pub fn sections(text: &str) -> Sections {
    let mut all = Sections::new();
    let mut current: Option<String> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(head) = trimmed.strip_prefix('[') {
            let name = head.split(']').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
            all.entry(name.clone()).or_default();
            current = Some(name);
        } else if let (Some(section), Some((key, value)), false) =
            (&current, trimmed.split_once('='), line.starts_with([' ', '\t']))
        {
            // A comment after a value needs a space before it: keys may hold the characters.
            let value = value.split(" #").next().unwrap_or_default().split(" ;").next().unwrap_or_default();
            let section = all.entry(section.clone()).or_default();
            section.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    all
}

/// What both files say of a profile; where they differ, the file of credentials holds.
pub fn of(profile: &str, credentials: &str, config: &str) -> Option<BTreeMap<String, String>> {
    let (credentials, config) = (sections(credentials), sections(config));
    let with_word = format!("profile {profile}");
    let told = [config.get(profile).filter(|_| profile == "default"), config.get(&with_word), credentials.get(profile)];
    let mut found = None;
    for section in told.into_iter().flatten() {
        found.get_or_insert_with(BTreeMap::new).extend(section.clone());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "\
# mine
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key=se/cr#et+1 # not part of it
[lab]
aws_access_key_id = AKIALAB
aws_secret_access_key = lab
aws_session_token = t=oken==
";
    const CONFIG: &str = "\
[default]
region = eu-central-1
[profile lab]
region = us-west-2
endpoint_url = https://minio.lab:9000
s3 =
    addressing_style = path
    endpoint_url = https://elsewhere
[lab]
region = of-nobody
nonsense
";

    #[test]
    fn a_profile_is_what_both_files_say() {
        let default = of("default", CREDENTIALS, CONFIG).unwrap();
        assert_eq!(default["aws_access_key_id"], "AKIADEFAULT");
        assert_eq!(default["aws_secret_access_key"], "se/cr#et+1");
        assert_eq!(default["region"], "eu-central-1");
        let lab = of("lab", CREDENTIALS, CONFIG).unwrap();
        assert_eq!((lab["aws_session_token"].as_str(), lab["region"].as_str()), ("t=oken==", "us-west-2"));
        assert_eq!(lab["endpoint_url"], "https://minio.lab:9000", "nested settings are not its own");
        assert_eq!(of("other", CREDENTIALS, CONFIG), None);
    }

    #[test]
    fn what_is_no_such_file_says_nothing() {
        for text in ["", "[", "]", "=", "[a\nb=c", "key = value", "\u{0}\u{1}", "[x]\n= =\n="] {
            let _ = sections(text);
            assert_eq!(of("default", text, text), None, "{text:?}");
        }
    }
}
