use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::client::Ask;
use crate::fake::{Door, OWNER};

/// Whether the other end closes within the time; sends a byte now and then until it does.
fn is_closed_within(mut socket: TcpStream, drip: Option<u8>, time: Duration) -> bool {
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let start = Instant::now();
    let mut buffer = [0; 512];
    while start.elapsed() < time {
        if let Some(byte) = drip
            && socket.write_all(&[byte]).is_err()
        {
            return true;
        }
        match socket.read(&mut buffer) {
            Ok(0) => return true,
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return true,
            _ => {}
        }
    }
    false
}

#[test]
fn clients_that_are_slow_to_begin_are_closed() {
    let door = Door::limited(|limits| limits.header_time = Duration::from_millis(400));
    let allowed = Duration::from_secs(3);
    let connect = |address, begin: &[u8]| {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(begin).unwrap();
        socket
    };
    // Silence, a header that never ends, the beginning of HTTP/2, a handshake that never goes on.
    assert!(is_closed_within(connect(door.http, b""), None, allowed), "silence");
    assert!(is_closed_within(connect(door.http, b"GET / HTTP/1.1\r\nX: "), Some(b'a'), allowed), "slow header");
    assert!(is_closed_within(connect(door.http, b"PRI * HTTP/2.0\r\n"), None, allowed), "half a preface");
    assert!(is_closed_within(connect(door.http, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), None, allowed), "a preface alone");
    assert!(is_closed_within(connect(door.server.https_addr, b""), None, allowed), "no handshake");
    assert!(is_closed_within(connect(door.server.https_addr, b"\x16\x03\x01"), Some(0), allowed), "slow handshake");
    assert_eq!(Ask::get(door.http, "/api/v1/sessions").token(OWNER).send().status, 200);
}

#[test]
fn two_hundred_slow_clients_do_not_keep_others_out() {
    let door = Door::limited(|limits| limits.header_time = Duration::from_millis(600));
    let slow: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut socket = TcpStream::connect(door.http).unwrap();
            socket.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").unwrap();
            socket
        })
        .collect();
    let start = Instant::now();
    assert_eq!(Ask::get(door.http, "/api/v1/sessions").token(OWNER).send().status, 200);
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    assert!(slow.into_iter().all(|socket| is_closed_within(socket, None, Duration::from_secs(5))));
}

#[test]
fn connections_are_counted_and_given_back() {
    let door = Door::limited(|limits| limits.connections_from_loopback = 8);
    let held: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(door.http).unwrap()).collect();
    wait_for(&door, 8);
    assert!(is_closed_within(TcpStream::connect(door.http).unwrap(), None, Duration::from_secs(3)));
    assert!(is_closed_within(TcpStream::connect(door.server.https_addr).unwrap(), None, Duration::from_secs(3)), "both doors count together");
    drop(held);
    wait_for(&door, 0);
    assert_eq!(Ask::get(door.http, "/api/v1/sessions").token(OWNER).send().status, 200);
}

#[test]
fn a_silent_connection_is_closed_after_its_time() {
    let door = Door::limited(|limits| {
        limits.idle_time = Duration::from_millis(300);
        limits.header_time = Duration::from_secs(30);
        limits.heartbeat = Duration::from_secs(30);
    });
    let mut stream = Ask::get(door.http, "/api/v1/sessions/current/events").token(OWNER).start();
    stream.read_exact(&mut [0; 12]).unwrap();
    assert!(is_closed_within(stream, None, Duration::from_secs(5)));
}

fn wait_for(door: &Door, connections: usize) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while door.server.traffic().connections != connections {
        assert!(Instant::now() < deadline, "{} connections", door.server.traffic().connections);
        std::thread::yield_now();
    }
}
