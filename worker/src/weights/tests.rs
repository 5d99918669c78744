//! Downloads from a server that this file makes: it answers each request as its script says.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use super::*;

/// What the server does with one request.
#[derive(Clone, Copy)]
enum Answer {
    /// The whole body, whatever was asked for.
    Whole,
    /// What the request's range asks for.
    Range,
    /// The head of the whole body and so many bytes, then the connection is cut.
    Cut(usize),
    /// The same of what the range asks for.
    CutRange(usize),
    Status(&'static str),
    /// A range that was not asked for.
    WrongRange,
}

/// A server with its answers in order, and the ranges that were asked for.
struct Server {
    url: String,
    asked: Receiver<Option<u64>>,
    thread: JoinHandle<()>,
}

impl Server {
    fn start(body: Vec<u8>, answers: &'static [Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/models", listener.local_addr().unwrap());
        let (tell, asked) = channel();
        let thread = std::thread::spawn(move || {
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                let range = read_request(&stream);
                tell.send(range).unwrap();
                // A client that hangs up early is no mistake of the server's.
                let _ = reply(stream, &body, *answer, range);
            }
        });
        Self { url, asked, thread }
    }

    /// The offsets of all requests, once all answers are given.
    fn offsets(self) -> Vec<Option<u64>> {
        self.thread.join().unwrap();
        self.asked.iter().collect()
    }
}

fn read_request(stream: &TcpStream) -> Option<u64> {
    let lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let lines: Vec<String> = lines.collect();
    assert!(lines[0].starts_with("GET /models/net-"), "{}", lines[0]);
    let range = lines.iter().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned))?;
    range.trim_end_matches('-').parse().ok()
}

fn reply(mut stream: TcpStream, body: &[u8], answer: Answer, range: Option<u64>) -> io::Result<()> {
    let size = body.len();
    let from = range.unwrap_or(0) as usize;
    let partial = |from: usize| {
        let length = size - from;
        format!("206 Partial Content\r\ncontent-range: bytes {from}-{}/{size}\r\ncontent-length: {length}", size - 1)
    };
    let (head, sent) = match answer {
        Answer::Range if range.is_some_and(|from| from as usize >= size) => {
            ("416 Range Not Satisfiable\r\ncontent-length: 0".to_owned(), &body[..0])
        }
        Answer::Range if range.is_some() => (partial(from), &body[from..]),
        Answer::CutRange(bytes) if range.is_some() => (partial(from), &body[from..from + bytes]),
        Answer::Cut(bytes) | Answer::CutRange(bytes) => (format!("200 OK\r\ncontent-length: {size}"), &body[..bytes]),
        Answer::Whole | Answer::Range => (format!("200 OK\r\ncontent-length: {size}"), body),
        Answer::Status(status) => (format!("{status}\r\ncontent-length: 0"), &body[..0]),
        Answer::WrongRange => (partial(0), body),
    };
    write!(stream, "HTTP/1.1 {head}\r\nconnection: close\r\n\r\n")?;
    stream.write_all(sent)
}

/// Some bytes, more than one buffer holds.
fn body() -> Vec<u8> {
    (0..300_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The file as its publisher names it; the mirror is asked instead.
fn file() -> PublishedFile {
    let prefix = digest(&body())[..8].to_owned();
    PublishedFile { url: format!("https://publisher.invalid/net-{prefix}.pth"), sha256_prefix: prefix }
}

struct Home {
    folder: tempfile::TempDir,
    notes: RefCell<Vec<String>>,
}

impl Home {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), notes: RefCell::default() }
    }

    fn library(&self, url: &str) -> Library {
        let backoff = (Duration::from_millis(1), Duration::from_millis(2));
        Library::new(self.folder.path(), Some(url.to_owned()), backoff)
    }

    fn place(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(WEIGHTS_FOLDER);
        fs::create_dir_all(&folder).unwrap();
        folder.join(name)
    }

    async fn have(&self, url: &str) -> Result<PathBuf, WeightsError> {
        let note = |text: &str| self.notes.borrow_mut().push(text.to_owned());
        self.library(url).have(&file(), &note).await
    }

    #[track_caller]
    fn holds_the_file(&self, path: &Path) {
        assert_eq!(path, self.place(file().name()));
        assert!(fs::read(path).unwrap() == body());
        assert!(!self.place(&format!("{}.part", file().name())).exists());
    }
}

#[tokio::test]
async fn a_whole_file_is_downloaded_once() {
    let (home, server) = (Home::new(), Server::start(body(), &[Answer::Whole]));
    let url = server.url.clone();
    let path = home.have(&url).await.unwrap();
    home.holds_the_file(&path);
    assert_eq!(server.offsets(), [None]);
    assert!(home.notes.borrow()[0].starts_with("downloading net-"), "{:?}", home.notes);
    // The server has gone: the file is there.
    assert_eq!(home.have(&url).await.unwrap(), path);
}

#[tokio::test]
async fn attempts_that_wait_for_the_same_file_share_a_download() {
    let (home, server) = (Home::new(), Server::start(body(), &[Answer::Whole]));
    let (library, file) = (home.library(&server.url), file());
    let (one, two) = tokio::join!(library.have(&file, &|_| ()), library.have(&file, &|_| ()));
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(server.offsets(), [None]);
}

#[tokio::test]
async fn a_cut_connection_is_continued_where_it_broke() {
    let answers = &[Answer::Cut(100_000), Answer::CutRange(200_000), Answer::Range];
    let (home, server) = (Home::new(), Server::start(body(), answers));
    let path = home.have(&server.url).await.unwrap();
    home.holds_the_file(&path);
    assert_eq!(server.offsets(), [None, Some(100_000), Some(300_000)]);
    let notes = home.notes.borrow();
    assert!(notes.iter().any(|note| note.contains("trying again")), "{notes:?}");
}

#[tokio::test]
async fn what_an_earlier_agent_left_is_continued() {
    let (home, server) = (Home::new(), Server::start(body(), &[Answer::Range]));
    fs::write(home.place(&format!("{}.part", file().name())), &body()[..500_000]).unwrap();
    let path = home.have(&server.url).await.unwrap();
    home.holds_the_file(&path);
    assert_eq!(server.offsets(), [Some(500_000)]);
}

#[tokio::test]
async fn a_whole_part_needs_only_its_name() {
    let (home, server) = (Home::new(), Server::start(body(), &[Answer::Range]));
    fs::write(home.place(&format!("{}.part", file().name())), body()).unwrap();
    let path = home.have(&server.url).await.unwrap();
    home.holds_the_file(&path);
    assert_eq!(server.offsets(), [Some(1_200_000)]);
}

#[tokio::test]
async fn a_server_without_ranges_begins_anew() {
    let (home, server) =
        (Home::new(), Server::start(body(), &[Answer::Cut(100_000), Answer::WrongRange, Answer::Whole]));
    let path = home.have(&server.url).await.unwrap();
    home.holds_the_file(&path);
    // It cannot be told apart how far a wrong range reaches: the part is thrown away.
    assert_eq!(server.offsets(), [None, Some(100_000), None]);
    let (home, server) = (Home::new(), Server::start(body(), &[Answer::Cut(100_000), Answer::Whole]));
    home.holds_the_file(&home.have(&server.url).await.unwrap());
    assert_eq!(server.offsets(), [None, Some(100_000)]);
}

#[tokio::test]
async fn a_part_of_another_file_is_thrown_away_once() {
    let (home, server) = (Home::new(), Server::start(body(), &[Answer::Range, Answer::Whole]));
    fs::write(home.place(&format!("{}.part", file().name())), vec![7; 1000]).unwrap();
    let path = home.have(&server.url).await.unwrap();
    home.holds_the_file(&path);
    assert_eq!(server.offsets(), [Some(1000), None]);
}

#[tokio::test]
async fn another_file_is_refused_with_both_hashes() {
    let wrong = vec![1; 5000];
    let found = digest(&wrong);
    let (home, server) = (Home::new(), Server::start(wrong, &[Answer::Whole]));
    let error = home.have(&server.url).await.unwrap_err();
    assert!(matches!(error, WeightsError::Other { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&found) && text.contains(&file().sha256_prefix) && text.contains(&server.url), "{text}");
    assert!(!home.place(file().name()).exists());
}

#[tokio::test]
async fn a_file_put_there_by_hand_counts_if_it_is_the_right_one() {
    let home = Home::new();
    let path = home.place(file().name());
    fs::write(&path, body()).unwrap();
    home.holds_the_file(&home.have("http://127.0.0.1:9/").await.unwrap());
    fs::write(&path, b"half of it").unwrap();
    let text = home.have("http://127.0.0.1:9/").await.unwrap_err().to_string();
    assert!(text.contains("Remove it") && text.contains(&digest(b"half of it")), "{text}");
}

#[tokio::test]
async fn a_missing_file_is_told_at_once_and_a_tired_server_is_asked_again() {
    let (home, server) = (Home::new(), Server::start(body(), &[Answer::Status("404 Not Found")]));
    let error = home.have(&server.url).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, WeightsError::Refused { status: 404, .. }), "{text}");
    assert!(text.contains(home.place(file().name()).to_str().unwrap()), "where to put it: {text}");
    let tired = &[Answer::Status("503 Service Unavailable"), Answer::Status("429 Too Many Requests"), Answer::Whole];
    let (home, server) = (Home::new(), Server::start(body(), tired));
    home.holds_the_file(&home.have(&server.url).await.unwrap());
}

#[tokio::test]
async fn without_a_network_the_remedy_is_named() {
    let home = Home::new();
    // A port that was free a moment ago.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = home.have(&format!("http://{gone}")).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, WeightsError::Unreachable { .. }), "{text}");
    assert!(text.contains("SWEEP_WEIGHTS_URL") && text.contains(home.place(file().name()).to_str().unwrap()), "{text}");
}

#[tokio::test]
async fn another_process_is_waited_for() {
    let home = Home::new();
    let part = home.place(&format!("{}.part", file().name()));
    let other = OpenOptions::new().append(true).create(true).open(&part).unwrap();
    other.lock().unwrap();
    let notes = RefCell::new(Vec::new());
    // The other process finishes as soon as it is waited for.
    let finish = |text: &str| {
        notes.borrow_mut().push(text.to_owned());
        (&other).write_all(&body()).unwrap();
        fs::rename(&part, home.place(file().name())).unwrap();
        other.unlock().unwrap();
    };
    let path = home.library("http://127.0.0.1:9").have(&file(), &finish).await.unwrap();
    assert!(fs::read(path).unwrap() == body());
    assert_eq!(notes.borrow().len(), 1, "{notes:?}");
}

#[test]
fn names_stay_in_their_folder() {
    for name in ["", "..", ".part", "a/b", "a b"] {
        assert!(!is_plain(name), "{name}");
    }
    assert!(is_plain("resnet18-f37072fd.pth"));
}
