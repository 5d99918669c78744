//! A mail as somebody else's program understands it: Python's `email`, which tells what is against the rules, too.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde::Deserialize;

const READER: &str = r#"
import email, email.policy, json, sys
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
parts, defects = [], []
for part in mail.walk():
    defects += [repr(defect) for defect in part.defects]
    for name, value in part.items():
        defects += [f"{name}: {defect!r}" for defect in getattr(value, "defects", [])]
    if part.is_multipart():
        continue
    content = part.get_content()
    is_text = isinstance(content, str)
    parts.append({
        "kind": part.get_content_type(), "id": part["Content-ID"], "file": part.get_filename(),
        "text": content if is_text else None, "bytes": None if is_text else list(content),
    })
shape = [part.get_content_type() for part in mail.walk()]
print(json.dumps({"headers": [[name, str(value)] for name, value in mail.items()], "shape": shape, "parts": parts, "defects": defects}))
"#;

#[derive(Debug, Deserialize)]
pub struct Mail {
    headers: Vec<(String, String)>,
    pub shape: Vec<String>,
    pub parts: Vec<Part>,
    pub defects: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct Part {
    pub kind: String,
    pub id: Option<String>,
    pub file: Option<String>,
    pub text: Option<String>,
    pub bytes: Option<Vec<u8>>,
}

impl Mail {
    pub fn read(raw: &[u8]) -> Self {
        let mut python = Command::new("python3");
        python.args(["-c", READER]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = python.spawn().expect("Python 3 is there: the tests of plans need it, too");
        child.stdin.take().unwrap().write_all(raw).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let mail: Self = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(mail.defects, Vec::<String>::new());
        mail
    }

    /// The one header of this name.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let found: Vec<&str> = self.all(name);
        assert_eq!(found.len(), 1, "{name} in {:?}", self.headers);
        found[0]
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(has, _)| has.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
    }

    pub fn text(&self, kind: &str) -> &str {
        self.parts.iter().find(|part| part.kind == kind).and_then(|part| part.text.as_deref()).expect(kind)
    }
}
