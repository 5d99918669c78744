//! As much of a browser as the page needs: it keeps cookies, reads forms, and sends them as browsers do.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use http::{HeaderMap, Method, StatusCode, header};
use tower::ServiceExt;

use crate::net::Peer;

#[derive(Clone)]
pub struct Browser {
    router: Router,
    pub peer: Peer,
    host: &'static str,
    pub cookies: BTreeMap<String, String>,
    /// Sent with each form.
    pub headers: Vec<(&'static str, String)>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn location(&self) -> &str {
        self.header("location")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn cookies(&self) -> Vec<&str> {
        self.headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap()).collect()
    }

    pub fn says(&self, words: &str) -> bool {
        self.text.contains(words)
    }

    /// The value of the first hidden field of this name.
    pub fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let value = self.text.split_once(&start).unwrap_or_else(|| panic!("no field {name} in {}", self.text)).1;
        value.split('"').next().unwrap().to_owned()
    }

    /// What stands between these.
    pub fn between(&self, before: &str, after: &str) -> Vec<String> {
        self.text.split(before).skip(1).filter_map(|part| Some(part.split_once(after)?.0.to_owned())).collect()
    }
}

impl Browser {
    pub fn new(router: Router, address: &str, tls: bool) -> Self {
        let (from, called) = (format!("{address}:50000"), "192.0.2.200:7433".parse().unwrap());
        let peer = Peer::new(from.parse().unwrap(), called, tls, None);
        let host = if tls { "desk.lan:7433" } else { "localhost:7433" };
        let origin = format!("{}://{host}", if tls { "https" } else { "http" });
        let headers = vec![("origin", origin), ("sec-fetch-site", "same-origin".to_owned())];
        Self { router, peer, host, cookies: BTreeMap::new(), headers }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    /// The form of that page, with these fields.
    pub async fn submit(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let shown = self.get(page).await;
        assert_eq!(shown.status, StatusCode::OK, "{page}: {}", shown.text);
        let token = shown.hidden("form_token");
        let mut all = vec![("form_token", token.as_str())];
        all.extend(fields);
        self.post(action, &all).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let text = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&");
        self.post_text(path, text).await
    }

    pub async fn post_text(&mut self, path: &str, text: String) -> Answer {
        let mut request = self.request(Method::POST, path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(text)).unwrap()).await
    }

    pub fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.host).extension(self.peer.clone());
        if !self.cookies.is_empty() {
            let line: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", line.join("; "));
        }
        request
    }

    pub async fn send(&mut self, request: Request) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        let answer = Answer { status: parts.status, headers: parts.headers, text };
        for cookie in answer.cookies() {
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// What goes on; cookies are not kept.
    pub async fn stream(&self, request: Request) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        self.submit("/sign-in", "/sign-in", &[("name", name), ("password", password)]).await
    }

    /// Whose page it is.
    pub async fn user(&mut self) -> Option<String> {
        let answer = self.get("/").await;
        (answer.status == StatusCode::OK).then(|| answer.between("<span class=\"who\">", " ").remove(0))
    }

    /// The session's cookie.
    pub fn session(&self) -> Option<&String> {
        self.cookies.get(if self.peer.tls { "__Host-sweep" } else { "sweep" })
    }
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
