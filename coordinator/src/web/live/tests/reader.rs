//! As much of an EventSource as the tests need.

use std::collections::BTreeMap;

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt as _;
use http::{Method, StatusCode};

use crate::web::tests::browser::{Answer, Browser};

pub struct Reader {
    body: BodyDataStream,
    text: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub name: String,
    pub data: String,
    pub id: String,
}

impl Reader {
    /// As the page's script opens it.
    pub async fn open(browser: &Browser, page: &Answer) -> Self {
        let of = page.between("data-live=\"", "\"").remove(0);
        let have = page.between("data-have=\"", "\"").remove(0);
        Self::open_at(browser, &of.replace("&amp;", "&"), &have).await
    }

    pub async fn open_at(browser: &Browser, of: &str, have: &str) -> Self {
        let of = of.bytes().fold(String::new(), |all, byte| format!("{all}%{byte:02X}"));
        let request = browser.request(Method::GET, &format!("/live?of={of}&have={have}"));
        let answer = browser.stream(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { body: answer.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event; comments are none.
    pub async fn next(&mut self) -> Event {
        self.read().await.expect("the stream goes on")
    }

    /// The next one of this name.
    pub async fn next_of(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await;
            if event.name == name {
                return event;
            }
        }
    }

    /// The reason that the stream ends with, whatever came before.
    pub async fn last(&mut self) -> String {
        let mut last = Event::default();
        while let Some(event) = self.read().await {
            last = event;
        }
        assert_eq!(last.name, "end");
        last.data
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = parsed(block);
                self.text = rest.to_owned();
                if !event.name.is_empty() {
                    return Some(event);
                }
                continue;
            }
            let bytes = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }
}

fn parsed(block: &str) -> Event {
    let mut event = Event::default();
    for line in block.lines() {
        match line.split_once(": ").or_else(|| line.split_once(':')) {
            Some(("event", name)) => name.clone_into(&mut event.name),
            Some(("data", data)) => event.data.push_str(data),
            Some(("id", id)) => id.clone_into(&mut event.id),
            _ => {}
        }
    }
    event
}

impl Event {
    fn parts(&self) -> BTreeMap<String, String> {
        serde_json::from_str(&self.data).unwrap()
    }

    pub fn ids(&self) -> Vec<String> {
        self.parts().into_keys().collect()
    }

    pub fn html(&self, id: &str) -> String {
        self.parts().remove(id).unwrap_or_else(|| panic!("no part {id} in {self:?}"))
    }
}
