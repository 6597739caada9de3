//! Bytes that no browser sends: bombs in headers, lengths that lie, and HTTP/2 that never ends. Each costs a refused request or
//! its connection; the studio, its memory and everybody else go on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::client::Ask;
use crate::fake::{Door, OWNER};

const COMMAND: &str = r#"{"id":"c1","command":{"type":"take"}}"#;

/// What the door answers to bytes, until it closes; whether it closed.
fn send(door: &Door, bytes: &[u8]) -> (String, bool) {
    let mut socket = TcpStream::connect(door.http).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    // The door may refuse and close before all was sent.
    socket.write_all(bytes).ok();
    let (mut answer, mut buffer, start) = (Vec::new(), [0; 8_192], Instant::now());
    while start.elapsed() < Duration::from_secs(5) {
        match socket.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
        }
    }
    (String::from_utf8_lossy(&answer).into_owned(), start.elapsed() < Duration::from_secs(5))
}

fn statuses(answer: &str) -> Vec<u16> {
    answer.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
}

fn rss_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok().and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.map_or(0, |pages| pages * 4_096)
}

fn still_serves(door: &Door) {
    assert_eq!(Ask::get(door.http, "/api/v1/sessions").token(OWNER).send().status, 200);
    assert!(door.fake.commands.lock().unwrap().is_empty(), "something was done");
}

#[test]
fn header_bombs_are_refused() {
    let door = Door::limited(|limits| limits.header_time = Duration::from_secs(2));
    let before = rss_bytes();
    let many: String = (0..5_000).map(|at| format!("X-{at}: y\r\n")).collect();
    let bombs = [
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "a".repeat(1 << 20)),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}: b\r\n\r\n", "a".repeat(1 << 20)),
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(1 << 20)),
        format!("{} / HTTP/1.1\r\nHost: localhost\r\n\r\n", "A".repeat(1 << 20)),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\n\r\n", "a=b; ".repeat(200_000)),
        format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "a.".repeat(500_000)),
    ];
    for bomb in &bombs {
        let (answer, closed) = send(&door, bomb.as_bytes());
        assert!(closed && statuses(&answer).iter().all(|status| (400..500).contains(status)), "{} ...: {answer}", &bomb[..40]);
    }
    let grown = rss_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes");
    still_serves(&door);
}

#[test]
fn lengths_that_lie_do_nothing() {
    let door = Door::limited(|limits| {
        limits.header_time = Duration::from_secs(2);
        limits.body_time = Duration::from_secs(1);
    });
    let head = format!(
        "POST /api/v1/sessions/current/commands HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {OWNER}\r\nContent-Type: application/json\r\n",
        door.http
    );
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    let len = COMMAND.len();
    let bad = [
        format!("{head}{chunked}zz\r\n{COMMAND}\r\n0\r\n\r\n"),
        format!("{head}{chunked}-1\r\n{COMMAND}\r\n0\r\n\r\n"),
        format!("{head}{chunked}fffffffffffffffff\r\n{COMMAND}\r\n0\r\n\r\n"),
        format!("{head}{chunked}ffffffffffffffff\r\n{COMMAND}"),
        format!("{head}{chunked}{len:x};{}\r\n{COMMAND}\r\n0\r\n\r\n", "x".repeat(200_000)),
        format!("{head}{chunked}{}\r\n", "0".repeat(200_000)),
        format!("{head}{chunked}{:x}\r\n{COMMAND}X\r\n0\r\n\r\n", len),
        format!("{head}{chunked}{len:x}\r\n{COMMAND}\r\n"),
        format!("{head}Content-Length: -1\r\n\r\n{COMMAND}"),
        format!("{head}Content-Length: +{len}\r\n\r\n{COMMAND}"),
        format!("{head}Content-Length: 99999999999999999999999\r\n\r\n{COMMAND}"),
        format!("{head}Content-Length: {len}\r\nContent-Length: 1\r\n\r\n{COMMAND}"),
        format!("{head}Content-Length: {len}, 1\r\n\r\n{COMMAND}"),
        format!("{head}Content-Length: {}\r\n\r\n{COMMAND}", len + 1),
        format!("{head}Content-Length: {}\r\n\r\n{COMMAND}", len - 1),
        format!("{head}Transfer-Encoding: gzip\r\n\r\n{COMMAND}"),
        format!("{head}Transfer-Encoding: chunked, identity\r\n\r\n{COMMAND}"),
    ];
    for request in &bad {
        let (answer, _) = send(&door, request.as_bytes());
        let statuses = statuses(&answer);
        assert!(statuses.iter().all(|status| (400..500).contains(status)), "{}: {answer}", &request[head.len()..request.len().min(head.len() + 60)]);
        assert!(door.fake.commands.lock().unwrap().is_empty(), "{}", &request[head.len()..request.len().min(head.len() + 60)]);
    }
    still_serves(&door);
}

/// A request hidden in another's body (CL.TE and TE.CL) must never be answered as one of its own.
#[test]
fn no_request_is_smuggled_in_anothers_body() {
    let door = Door::limited(|limits| limits.header_time = Duration::from_secs(2));
    let hidden = format!(
        "POST /api/v1/sessions/current/commands HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {OWNER}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{COMMAND}",
        door.http,
        COMMAND.len()
    );
    let head = format!("POST /api/v1/login HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n", door.http);
    for outer in [
        format!("{head}Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}", 5 + hidden.len()),
        format!("{head}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len()),
        format!("{head}Transfer-Encoding : chunked\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len()),
        format!("{head}Transfer-Encoding: xchunked\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len()),
        format!("{head}X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len()),
        format!("{head}X: y\nTransfer-Encoding: chunked\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len()),
    ] {
        let (answer, _) = send(&door, outer.as_bytes());
        assert!(statuses(&answer).len() <= 1, "{answer}");
        assert!(door.fake.commands.lock().unwrap().is_empty(), "{outer}");
    }
    // The address in the request line counts as the host, too.
    let (answer, _) = send(
        &door,
        format!("GET http://evil.example/api/v1/sessions HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {OWNER}\r\nConnection: close\r\n\r\n", door.http)
            .as_bytes(),
    );
    assert_eq!(statuses(&answer), [403]);
    still_serves(&door);
}

/// A frame of HTTP/2 (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), body].concat()
}

/// `GET /` in HPACK: three fields of the static table, and the host as a literal.
fn fields(door: &Door) -> Vec<u8> {
    let host = door.http.to_string();
    [&[0x82, 0x84, 0x86, 0x01, u8::try_from(host.len()).unwrap()], host.as_bytes()].concat()
}

/// Speaks HTTP/2 until the door closes or the writer has nothing more; tells how many bytes went out.
fn flood(door: &Door, mut next: impl FnMut(u32) -> Option<Vec<u8>>) -> (u64, bool) {
    let mut socket = TcpStream::connect(door.http).unwrap();
    socket.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    socket.write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[])].concat()).unwrap();
    let (mut sent, mut at, mut closed) = (0, 0_u32, false);
    while let Some(bytes) = next(at) {
        if socket.write_all(&bytes).is_err() {
            closed = true;
            break;
        }
        sent += bytes.len() as u64;
        at += 1;
        if at.is_multiple_of(16) && matches!(socket.read(&mut [0; 65_536]), Ok(0)) {
            closed = true;
            break;
        }
    }
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let start = Instant::now();
    while !closed && start.elapsed() < Duration::from_secs(4) {
        closed = match socket.read(&mut [0; 65_536]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        };
    }
    (sent, closed)
}

#[test]
fn http_2_floods_cost_their_connection() {
    let door = Door::limited(|limits| limits.header_time = Duration::from_secs(2));
    let before = rss_bytes();
    let fields = fields(&door);
    // Headers that never end (CONTINUATION flood).
    let (sent, closed) = flood(&door, |at| match at {
        0 => Some(frame(1, 1, 1, &fields)),
        at if at < 4_000 => Some(frame(9, 0, 1, &[&[0, 1, b'x', 0x7f, 0x81, 0x7e], [b'y'; 16_256].as_slice()].concat())),
        _ => None,
    });
    assert!(closed && sent < 64 << 20, "{sent} bytes of headers were taken");
    // One small field that stands for many (HPACK bomb): indexed once, named ten thousand times.
    let (_, closed) = flood(&door, |at| match at {
        0 => Some(frame(1, 5, 1, &[fields.as_slice(), &[0x40, 1, b'x', 0x7f, 0x81, 0x1d], [b'y'; 3_868].as_slice(), [0xbe; 10_000].as_slice()].concat())),
        _ => None,
    });
    let grown = rss_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes; closed: {closed}");
    // Requests that are taken back at once (rapid reset).
    let (_, closed) = flood(&door, |at| {
        let stream = at * 2 + 1;
        (at < 20_000).then(|| [frame(1, 5, stream, &fields), frame(3, 0, stream, &8_u32.to_be_bytes())].concat())
    });
    assert!(closed, "twenty thousand requests were begun and taken back on one connection");
    // Settings and pings without end: they may all be answered, in bounded memory.
    flood(&door, |at| (at < 20_000).then(|| [frame(4, 0, 0, &[]), frame(6, 0, 0, &[0; 8])].concat()));
    let grown = rss_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes");
    eprintln!("the floods cost {} KiB of memory", grown >> 10);
    still_serves(&door);
}

#[test]
fn garbage_behind_a_good_beginning_disturbs_nobody() {
    let door = Door::open();
    bolero::check!().with_iterations(100).with_type::<(u8, u8, u8, Vec<u8>)>().for_each(|(kind, flags, stream, body)| {
        let mut socket = TcpStream::connect(door.http).unwrap();
        let begin = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[]), frame(*kind, *flags, u32::from(*stream), body)].concat();
        socket.write_all(&begin).ok();
    });
    still_serves(&door);
}
