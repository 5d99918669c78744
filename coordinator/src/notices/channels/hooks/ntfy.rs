//! ntfy: to a telephone without a telephone number. The JSON form, since headers take no letters beyond ASCII:
//! <https://docs.ntfy.sh/publish/#publish-as-json>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Headers;
use crate::notices::channels::SendError;
use crate::notices::channels::failure::set_up;
use crate::notices::channels::http::Target;
use crate::notices::{Message, Mood};

/// Bytes; what is longer becomes a file beside an empty message.
const MESSAGE: usize = 4096;
const TITLE: usize = 250;

/// `target.url`: a topic's, `https://ntfy.sh/topic`; behind it the server's own, to which JSON goes.
pub fn request(
    message: &Message,
    secret: Option<&str>,
    target: &mut Target<'_>,
) -> Result<(String, Headers), SendError> {
    let topic = topic(target)?;
    let (priority, tag) = match message.mood {
        Mood::Good => (3, "white_check_mark"),
        Mood::Trouble => (4, "warning"),
    };
    let text = if message.lines.is_empty() { message.title.clone() } else { message.lines.join("\n") };
    let mut body = json!({
        "topic": topic,
        "title": fit(&message.title, TITLE),
        "message": fit(&text, MESSAGE),
        "priority": priority,
        "tags": [tag],
    });
    if let Some(link) = &message.link {
        body["click"] = json!(link);
    }
    let login = secret.map(|secret| ("Authorization", authorization(secret)));
    Ok((body.to_string(), login.into_iter().collect()))
}

/// Takes the topic off the URL.
fn topic(target: &mut Target<'_>) -> Result<String, SendError> {
    let path = target.url.path().trim_end_matches('/').to_owned();
    let (server, topic) = path.rsplit_once('/').unwrap_or_default();
    let plain = |topic: &str| topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if topic.is_empty() || topic.len() > 64 || !plain(topic) {
        return Err(set_up(format!(
            "{} has a URL without a topic: it should look like https://ntfy.sh/topic",
            target.name
        )));
    }
    target.url.set_path(&format!("{server}/"));
    target.url.set_query(None);
    Ok(topic.to_owned())
}

/// A token, or a name with a password.
fn authorization(secret: &str) -> String {
    if secret.contains(':') { format!("Basic {}", STANDARD.encode(secret)) } else { format!("Bearer {secret}") }
}

/// At most so many bytes, and whole letters.
fn fit(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(most - '…'.len_utf8())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target<'static> {
        Target { url: url.parse().unwrap(), name: "the hook phone".to_owned(), secrets: Vec::new() }
    }

    #[test]
    fn the_topic_is_the_last_part_of_the_url_wherever_the_server_lives() {
        for (url, server) in
            [("https://ntfy.sh/kd", "https://ntfy.sh/"), ("https://desk/push/kd/?x=1", "https://desk/push/")]
        {
            let mut target = target(url);
            let (body, _) = request(&Message::default(), None, &mut target).unwrap();
            assert!(body.contains(r#""topic":"kd""#), "{body}");
            assert_eq!(target.url.as_str(), server);
        }
        assert!(request(&Message::default(), None, &mut target("https://ntfy.sh/")).is_err());
    }

    #[test]
    fn long_texts_stay_messages() {
        let message = Message { title: "名".repeat(200), lines: vec!["名".repeat(3000)], ..Message::default() };
        let (body, _) = request(&message, None, &mut target("https://ntfy.sh/kd")).unwrap();
        let sent: serde_json::Value = serde_json::from_str(&body).unwrap();
        let long = |key: &str| sent[key].as_str().unwrap().len();
        assert!((TITLE - 5..=TITLE).contains(&long("title")) && (MESSAGE - 5..=MESSAGE).contains(&long("message")));
    }

    #[test]
    fn a_secret_is_a_token_or_a_login() {
        assert_eq!(authorization("tk_abc"), "Bearer tk_abc");
        assert_eq!(authorization("me:pass"), "Basic bWU6cGFzcw==");
    }
}
