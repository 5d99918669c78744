//! Just enough of HTTP/1.1 for servers that a test is: one request, one answer, the end.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};

pub struct Request {
    /// Names in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// Reads a request to its end.
///
/// # Errors
/// If it ends before, or is not text where it should be.
pub fn read(stream: impl Read) -> io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let (mut headers, mut line) = (BTreeMap::new(), String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Request { headers, body })
}

/// `status`: like `200 OK`.
///
/// # Errors
/// If nobody listens any more.
pub fn answer(mut stream: impl Write, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}
