//! A small HTTP client that can do what a good one would not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of a refusal, which must have a sentence.
    pub fn refusal(&self) -> String {
        let json = self.json();
        let message = json["message"].as_str().expect("a message");
        assert!(message.ends_with('.') && message.len() > 20, "{message}");
        json["code"].as_str().expect("a code").to_owned()
    }
}

/// A request to be sent.
pub struct Ask<'a> {
    at: SocketAddr,
    method: &'a str,
    path: &'a str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl<'a> Ask<'a> {
    pub fn new(at: SocketAddr, method: &'a str, path: &'a str) -> Self {
        Self { at, method, path, headers: vec![("Host".to_owned(), at.to_string())], body: Vec::new() }
    }

    pub fn get(at: SocketAddr, path: &'a str) -> Self {
        Self::new(at, "GET", path)
    }

    pub fn post(at: SocketAddr, path: &'a str) -> Self {
        Self::new(at, "POST", path)
    }

    pub fn token(self, token: &str) -> Self {
        if token.is_empty() { self } else { self.header("Authorization", &format!("Bearer {token}")) }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn json(self, body: &str) -> Self {
        self.header("Content-Type", "application/json").body(body.as_bytes())
    }

    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.header("Content-Length", &body.len().to_string())
    }

    /// Sends it and gives the socket.
    pub fn start(self) -> TcpStream {
        let mut head = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut socket = TcpStream::connect(self.at).expect("connects");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        socket.write_all(head.as_bytes()).expect("sent");
        // A server that refuses may close before it read the body.
        socket.write_all(&self.body).ok();
        socket
    }

    /// Sends it and reads the whole answer; of an event stream only its head.
    pub fn send(self) -> Answer {
        let is_head = self.method == "HEAD";
        read_answer(&mut BufReader::new(self.start()), is_head)
    }
}

pub fn read_answer(socket: &mut BufReader<TcpStream>, is_head: bool) -> Answer {
    let mut line = String::new();
    socket.read_line(&mut line).expect("an answer");
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status in {line:?}"));
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).expect("a header");
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer { status, headers, body: Vec::new() };
    if answer.header("content-type") == "text/event-stream" || is_head {
        return answer;
    }
    if answer.header("transfer-encoding") == "chunked" {
        answer.body = read_chunks(socket);
    } else {
        // Some peers reset instead of closing after they refused a body that was not read.
        socket.read_to_end(&mut answer.body).ok();
    }
    answer
}

fn read_chunks(socket: &mut BufReader<TcpStream>) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).expect("a chunk");
        let len = u64::from_str_radix(line.trim(), 16).unwrap_or_else(|_| panic!("no length in {line:?}"));
        socket.take(len + 2).read_to_end(&mut body).expect("a chunk");
        body.truncate(body.len() - 2);
        if len == 0 {
            return body;
        }
    }
}

/// An event stream's messages.
pub struct Stream(BufReader<TcpStream>);

impl Stream {
    pub fn open(ask: Ask<'_>) -> Self {
        let mut socket = BufReader::new(ask.start());
        let answer = read_answer(&mut socket, false);
        assert_eq!((answer.status, answer.header("content-type")), (200, "text/event-stream"), "{}", answer.text());
        Self(socket)
    }

    /// The next block of lines without chunk marks; none at the end.
    pub fn next(&mut self) -> Option<String> {
        let mut block = String::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end_matches(['\r', '\n']);
            // Chunk lengths stand alone on their lines.
            if line.is_empty() {
                if !block.is_empty() {
                    return Some(block);
                }
            } else if line.contains(':') {
                block.push_str(line);
                block.push('\n');
            } else if line == "0" {
                return None;
            }
        }
    }

    /// The sequence number of the next event.
    pub fn seq(&mut self) -> Option<u64> {
        loop {
            let block = self.next()?;
            if let Some(id) = block.lines().find_map(|line| line.strip_prefix("id: ")) {
                return id.parse().ok();
            }
        }
    }
}
