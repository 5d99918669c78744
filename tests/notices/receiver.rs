//! A web hook's other end: a server that takes requests when the test says so.

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use sweep_tests::http;

/// What came.
#[derive(Debug)]
pub enum Arrival {
    /// Somebody is connected, and nothing was read of what they say.
    Unread,
    /// All of a request was read.
    Request { headers: BTreeMap<String, String>, body: Value },
}

/// What is done with a connection.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// Nothing is read, nothing is answered.
    Ignore,
    /// All is read, and nothing is answered.
    Silence,
    Answer,
}

pub struct Receiver {
    pub url: String,
    manners: mpsc::Sender<Manner>,
    arrivals: mpsc::Receiver<Arrival>,
}

/// Longer than anything here takes on a machine that is busy.
const LONG: Duration = Duration::from_mins(3);

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (manners, orders) = mpsc::channel();
        let (tell, arrivals) = mpsc::channel();
        std::thread::spawn(move || {
            // Those that are not answered stay open.
            let mut open = Vec::new();
            // It ends with the test.
            while let Ok(manner) = orders.recv() {
                let (stream, _) = listener.accept().unwrap();
                let arrival = take(&stream, manner);
                open.push(stream);
                if tell.send(arrival).is_err() {
                    return;
                }
            }
        });
        Self { url, manners, arrivals }
    }

    /// Takes the next connection in this manner; answers what came.
    pub fn next(&self, manner: Manner) -> Arrival {
        self.manners.send(manner).unwrap();
        self.arrivals.recv_timeout(LONG).expect("somebody connects")
    }

    /// The next request's id, type and title.
    pub fn notice(&self, manner: Manner) -> (String, String, String) {
        let Arrival::Request { headers, body } = self.next(manner) else { panic!("nothing was read") };
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{body:#}")).to_owned();
        let id = text(&body["id"]);
        assert_eq!(headers["webhook-id"], id);
        assert_eq!(headers["idempotency-key"], id);
        assert!(headers["webhook-signature"].starts_with("v1,"), "{headers:?}");
        (id, text(&body["type"]), text(&body["data"]["title"]))
    }
}

fn take(stream: &TcpStream, manner: Manner) -> Arrival {
    if matches!(manner, Manner::Ignore) {
        return Arrival::Unread;
    }
    let http::Request { headers, body } = http::read(stream).unwrap();
    if matches!(manner, Manner::Answer) {
        http::answer(stream, "200 OK", "ok").unwrap();
    }
    Arrival::Request { headers, body: serde_json::from_slice(&body).unwrap() }
}
