use std::io::{BufReader, Write};
use std::time::Duration;

use crate::client::{Ask, read_answer};
use crate::fake::{CAMERA, DIRECTOR, Door, OWNER};

const COMMANDS: &str = "/api/v1/sessions/current/commands";

#[test]
fn bodies_that_make_no_sense_are_refused_with_a_reason() {
    let door = Door::open();
    let deep = format!("{}1{}", "[".repeat(17), "]".repeat(17));
    let long_id = format!(r#"{{"id":"{}","command":{{"type":"take"}}}}"#, "x".repeat(65));
    let bodies: [&[u8]; 12] = [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe\x00",
        b"{\"id\":\"a\"}",
        br#"{"id":"","command":{"type":"take"}}"#,
        br#"{"id":"a","command":{"type":"fly"}}"#,
        br#"{"id":"a","command":{"type":"cut","slot":"1"}}"#,
        br#"{"id":"a","command":{"type":"take"},"admin":true}"#,
        deep.as_bytes(),
        long_id.as_bytes(),
    ];
    for body in bodies {
        let answer = Ask::post(door.http, COMMANDS).token(DIRECTOR).header("Content-Type", "application/json").body(body).send();
        assert_eq!((answer.status, answer.refusal().as_str()), (400, "invalid"), "{}", String::from_utf8_lossy(body));
    }
    assert!(door.fake.commands.lock().unwrap().is_empty());
}

#[test]
fn a_body_that_is_too_large_or_of_another_kind_is_not_read() {
    let door = Door::open();
    let large = vec![b' '; (64 << 10) + 1];
    assert_eq!(Ask::post(door.http, COMMANDS).token(OWNER).header("Content-Type", "application/json").body(&large).send().refusal(), "too_large");
    assert_eq!(Ask::post(door.http, "/whip/1").token(CAMERA).header("Content-Type", "application/sdp").body(&large).send().refusal(), "too_large");
    for kind in ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonx"] {
        let answer = Ask::post(door.http, COMMANDS).token(OWNER).header("Content-Type", kind).body(b"{}").send();
        assert_eq!((answer.status, answer.refusal().as_str()), (415, "invalid"), "{kind}");
    }
    let mut exact = r#"{"id":"a","command":{"type":"take"}}"#.to_owned();
    exact.push_str(&" ".repeat((64 << 10) - exact.len()));
    assert_eq!(Ask::post(door.http, COMMANDS).token(OWNER).json(&exact).send().status, 200);
    // Headers and addresses have a limit of their own.
    assert!([400, 414, 431].contains(&Ask::get(door.http, &format!("/{}", "a".repeat(70_000))).send().status));
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let door = Door::limited(|limits| limits.body_time = Duration::from_millis(200));
    let ask = Ask::post(door.http, COMMANDS).token(OWNER).header("Content-Type", "application/json").header("Content-Length", "40");
    let mut socket = ask.start();
    socket.write_all(b"{").unwrap();
    let answer = read_answer(&mut BufReader::new(socket), false);
    assert_eq!((answer.status, answer.refusal().as_str()), (408, "invalid"));
}

#[test]
fn garbage_instead_of_http_disturbs_nobody() {
    let door = Door::open();
    bolero::check!().with_iterations(150).with_type::<Vec<u8>>().for_each(|bytes| {
        for address in [door.http, door.server.https_addr] {
            let mut socket = std::net::TcpStream::connect(address).unwrap();
            socket.write_all(bytes).ok();
        }
    });
    assert_eq!(Ask::get(door.http, "/api/v1/sessions").token(OWNER).send().status, 200);
}
