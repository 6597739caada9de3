//! Sources, destinations, recorded pieces, WebRTC viewers and finished sessions.

use bytes::Bytes;
use serde_json::json;
use tl_playlist::vod::Manifest;
use tl_store::Hash;

use crate::client::{Answer, Ask};
use crate::fake::{CAMERA, COMMENTATOR, DIRECTOR, Door, OWNER, VIEWER};

const SOURCE: &str = "/api/v1/sessions/current/cameras/2/source";
const CHUNKS: &str = "/api/v1/sessions/current/cameras/1/chunks";

fn put(door: &Door, path: &str, token: &str, body: &str) -> Answer {
    Ask::new(door.http, "PUT", path).token(token).json(body).send()
}

#[test]
fn a_source_is_set_up_and_cleared_and_its_secrets_never_come_back() {
    let door = Door::open();
    let set = put(&door, SOURCE, DIRECTOR, r#"{"protocol":"rtsp","url":"rtsp://10.0.0.9/k3y","user":"u","password":"pa55"}"#);
    assert_eq!((set.status, set.body.len()), (204, 0));
    assert_eq!(put(&door, "/api/v1/sessions/current/cameras/commentary/source", DIRECTOR, r#"{"protocol":"device","microphone":"default"}"#).status, 204);
    assert_eq!(Ask::new(door.http, "DELETE", SOURCE).token(DIRECTOR).send().status, 204);
    let file = r#"{"protocol":"file","path":"/etc/passwd"}"#;
    assert_eq!((put(&door, SOURCE, DIRECTOR, file).refusal(), put(&door, SOURCE, OWNER, file).status), ("forbidden".to_owned(), 204));
    let done = door.fake.done.lock().unwrap().clone();
    assert_eq!(done, ["director sets 2: rtsp rtsp://10.0.0.9", "director sets commentary: device default", "director clears 2", "owner sets 2: file passwd"]);
    for bad in [
        r#"{"protocol":"rtsp"}"#,
        r#"{"protocol":"rtsp","url":"file:///etc/pa55wd"}"#,
        r#"{"protocol":"rtsp","url":"rtsp://a/","path":"pa55"}"#,
        r#"{"protocol":"rtsp","url":{"pa55":1}}"#,
        r#"{"protocol":"pa55"}"#,
        r#"{"protocol":"webrtc","pa55":1}"#,
        r#"{"password":"pa55""#,
        "[]",
        "",
    ] {
        let answer = put(&door, SOURCE, DIRECTOR, bad);
        assert_eq!(answer.refusal(), "invalid", "{bad}");
        assert!(!answer.text().contains("pa55"), "{}", answer.text());
    }
    assert_eq!(put(&door, "/api/v1/sessions/current/cameras/40/source", DIRECTOR, r#"{"protocol":"webrtc"}"#).status, 404);
    assert_eq!(door.fake.done.lock().unwrap().len(), 4);
}

#[test]
fn a_destination_is_set_up_tested_and_taken_out() {
    let door = Door::open();
    assert_eq!(put(&door, "/api/v1/destinations/club%20channel", DIRECTOR, r#"{"url":"rtmps://a.example/live","key":"pa55"}"#).status, 204);
    assert_eq!(put(&door, "/api/v1/destinations/tube", DIRECTOR, r#"{"preset":"youtube","key":"pa55"}"#).status, 204);
    let report = Ask::post(door.http, "/api/v1/destinations/tube/test").token(DIRECTOR).json(r#"{"seconds":3}"#).send();
    assert_eq!(report.json(), json!({"name": "tube", "seconds": 3, "verdict": "ok"}));
    assert_eq!(Ask::new(door.http, "DELETE", "/api/v1/destinations/tube").token(DIRECTOR).send().status, 204);
    let done = door.fake.done.lock().unwrap().clone();
    assert_eq!(done, ["destination club channel: rtmp rtmps://a.example/live", "destination tube: rtmp ", "destination tube goes"]);
    for bad in [r#"{}"#, r#"{"url":"http://a/b","key":"pa55"}"#, r#"{"preset":"pa55"}"#, r#"{"kind":"srt","url":"srt://a:1","key":"pa55"}"#] {
        let answer = put(&door, "/api/v1/destinations/x", DIRECTOR, bad);
        assert_eq!(answer.refusal(), "invalid", "{bad}");
        assert!(!answer.text().contains("pa55"), "{}", answer.text());
    }
    for path in ["/api/v1/destinations/%20x", "/api/v1/destinations/a%0Ab", &format!("/api/v1/destinations/{}", "x".repeat(41))] {
        assert_eq!(put(&door, path, DIRECTOR, r#"{"url":"rtmp://127.0.0.1/a/b"}"#).status, 400, "{path}");
    }
    for seconds in ["0", "11", "-1", "1e9", "\"3\""] {
        let body = format!(r#"{{"seconds":{seconds}}}"#);
        assert_eq!(Ask::post(door.http, "/api/v1/destinations/tube/test").token(DIRECTOR).json(&body).send().status, 400, "{seconds}");
    }
    let all = Ask::get(door.http, "/api/v1/destinations").token(DIRECTOR).send().json();
    assert_eq!((&all["presets"][0]["id"], &all["destinations"][0]["has_key"]), (&json!("youtube"), &json!(true)));
}

fn piece(door: &Door, path: &str, token: &str, kind: &str, body: &[u8]) -> Answer {
    Ask::post(door.http, path).token(token).header("Content-Type", kind).body(body).send()
}

#[test]
fn pieces_come_with_their_number_and_time() {
    let door = Door::limited(|limits| limits.chunk_bytes = 1_000);
    let path = format!("{CHUNKS}?sequenceNumber=4&timestamp=1000.5&cameraPosition=center_ice&qualityMetrics=0.75");
    let taken = piece(&door, &path, CAMERA, "video/webm;codecs=vp8,opus", b"bytes");
    assert_eq!((taken.status, &taken.json()["next"], &taken.json()["tally"]), (200, &json!(5), &json!("live")));
    let kept = door.fake.pieces.lock().unwrap().clone();
    assert_eq!((kept.len(), kept[0].position.as_str(), kept[0].quality, &kept[0].data[..]), (1, "center_ice", Some(0.75), &b"bytes"[..]));
    let good = format!("{CHUNKS}?seq=5&timestamp=1");
    assert_eq!(piece(&door, &good, CAMERA, "video/webm", &[0; 1_001]).refusal(), "too_large");
    assert_eq!(piece(&door, &good, CAMERA, "video/webm", b"").refusal(), "invalid");
    assert_eq!(piece(&door, &good, CAMERA, "text/plain", b"x").status, 415);
    assert_eq!(piece(&door, CHUNKS, CAMERA, "video/webm", b"x").refusal(), "invalid");
    assert_eq!(piece(&door, &good.replace("cameras/1", "cameras/2"), CAMERA, "video/webm", b"x").status, 403);
    assert_eq!(piece(&door, &good.replace("cameras/1", "cameras/3"), OWNER, "video/webm", b"x").refusal(), "conflict");
    assert_eq!(piece(&door, &good.replace("cameras/1", "cameras/commentary"), OWNER, "video/webm", b"x").status, 404);
    assert_eq!(Ask::new(door.http, "DELETE", CHUNKS).token(CAMERA).send().status, 204);
    assert_eq!((door.fake.pieces.lock().unwrap().len(), door.fake.done.lock().unwrap().as_slice()), (1, &["chunks of 1 end".to_owned()][..]));
}

#[test]
fn a_declared_bomb_is_refused_before_it_is_read_and_an_undeclared_one_when_it_is_too_long() {
    use std::io::{Read, Write};
    let door = Door::open();
    let head = |length: &str| {
        let path = format!("{CHUNKS}?seq=1&timestamp=1");
        let ask = Ask::post(door.http, &path).token(CAMERA).header("Content-Type", "video/webm");
        let (name, value) = length.split_once(": ").unwrap();
        ask.header(name, value).start()
    };
    let answer = |mut socket: std::net::TcpStream| {
        let mut text = [0; 12];
        socket.read_exact(&mut text).map(|()| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    };
    assert_eq!(answer(head("Content-Length: 9000000000")), "HTTP/1.1 413");
    let mut endless = head("Transfer-Encoding: chunked");
    let piece = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    // The other end may close while this still writes.
    while endless.write_all(&piece).is_ok() && door.fake.pieces.lock().unwrap().is_empty() {}
    assert!(door.fake.pieces.lock().unwrap().is_empty());
    assert_eq!(Ask::get(door.http, "/api/v1/sessions").token(OWNER).send().status, 200);
}

#[test]
fn one_device_sends_so_many_pieces_at_a_time_and_no_more() {
    use std::io::Write;
    let door = Door::limited(|limits| limits.uploads_from_loopback = 2);
    let path = format!("{CHUNKS}?seq=1&timestamp=1");
    let begin = || {
        let mut socket = Ask::post(door.http, &path).token(CAMERA).header("Content-Type", "video/webm").header("Content-Length", "10").start();
        socket.write_all(b"12345").unwrap();
        socket
    };
    let (mut one, mut two) = (begin(), begin());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    let refused = loop {
        let third = piece(&door, &path, CAMERA, "video/webm", b"x");
        if third.status != 200 {
            break third;
        }
        assert!(std::time::Instant::now() < deadline, "three at a time");
    };
    assert_eq!((refused.status, refused.refusal().as_str()), (429, "too_many"));
    let before = door.fake.pieces.lock().unwrap().len();
    one.write_all(b"67890").unwrap();
    two.write_all(b"67890").unwrap();
    while door.fake.pieces.lock().unwrap().len() < before + 2 {
        assert!(std::time::Instant::now() < deadline + std::time::Duration::from_secs(5));
        std::thread::yield_now();
    }
    assert_eq!(piece(&door, &path, CAMERA, "video/webm", b"x").status, 200, "places come back");
}

#[test]
fn viewers_watch_by_webrtc_with_a_token_or_a_grant_until_there_are_too_many() {
    let door = Door::open();
    let whep = |token: &str, body: &[u8]| Ask::post(door.http, "/whep").token(token).header("Content-Type", "application/sdp").body(body).send();
    let answer = whep(VIEWER, b"v=0 offer");
    assert_eq!((answer.status, answer.header("location"), answer.header("content-type")), (201, "/whep/viewer-1", "application/sdp"));
    let url = Ask::post(door.http, "/api/v1/watch").token(DIRECTOR).json("{}").send().json()["url"].as_str().unwrap().to_owned();
    let grant = url.split('/').nth(2).unwrap();
    assert_eq!(whep(grant, b"v=0 offer").status, 201);
    let busy = whep(grant, b"v=0 full");
    assert_eq!((busy.status, busy.refusal().as_str()), (503, "busy"));
    assert_eq!((whep("", b"v=0").status, whep("nobody", b"v=0").status, whep(CAMERA, b"v=0").status, whep(COMMENTATOR, b"v=0").status), (401, 401, 403, 201));
    assert_eq!(Ask::new(door.http, "DELETE", "/whep/viewer-1").token(grant).send().status, 200);
    assert_eq!(Ask::new(door.http, "DELETE", "/whep/other").token(grant).send().status, 404);
    assert_eq!(Ask::new(door.http, "OPTIONS", "/whep").send().header("accept-post"), "application/sdp");
    // A grant opens this and media, and nothing else.
    for path in ["/api/v1/sessions", "/api/v1/sessions/current/snapshot", "/api/v1/clock", "/metrics"] {
        assert_eq!(Ask::get(door.http, path).token(grant).send().status, 401, "{path}");
    }
    let foreign = Ask::post(door.http, "/whep").token(grant).header("Origin", "https://evil.example").header("Content-Type", "application/sdp").body(b"v=0");
    assert_eq!(foreign.send().status, 403);
    assert_eq!(door.fake.done.lock().unwrap()[..2], ["whep Viewer viewers", "whep Viewer director"]);
}

fn session(door: &Door) -> (Hash, Hash) {
    let blob = |text: &'static str| door.fake.content.put(&[Bytes::from_static(text.as_bytes())]).unwrap();
    let (init, segment) = (blob("init"), blob("a segment of some bytes"));
    let manifest = json!({"renditions": [{
        "kind": "video", "codecs": "avc1.64001f", "size": {"width": 1280, "height": 720}, "rate": {"num": 30, "den": 1}, "bandwidth": 3_000_000,
        "init": init, "segments": [{"time": 0, "duration": 96_000, "hash": segment, "bytes": 23, "discontinuity": false, "init": null}],
    }]});
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    (door.fake.content.put_manifest(&manifest.to_json()).unwrap(), segment)
}

#[test]
fn a_finished_session_is_found_by_its_content_id() {
    let door = Door::open();
    let (id, segment) = session(&door);
    let get = |rest: &str| Ask::get(door.http, &format!("/api/v1/content/{rest}")).token(OWNER).send();
    let info = get(&format!("{id}/info")).json();
    assert_eq!((&info["session"]["segments"], &info["session"]["seconds"], &info["session"]["stored_bytes"]), (&json!(1), &json!(2.0), &json!(23)));
    assert_eq!(get(&format!("{id}/")).json()["renditions"][0]["kind"], "video");
    for (name, kind, word) in [
        ("index.m3u8", "application/vnd.apple.mpegurl", "#EXTM3U"),
        ("video.m3u8", "application/vnd.apple.mpegurl", "#EXT-X-ENDLIST"),
        ("manifest.mpd", "application/dash+xml", "<MPD"),
    ] {
        let answer = get(&format!("{id}/{name}"));
        assert_eq!((answer.status, answer.header("content-type")), (200, kind));
        assert!(answer.text().contains(word), "{name}: {}", answer.text());
    }
    let part = Ask::get(door.http, &format!("/api/v1/content/{id}/video/1.m4s")).token(OWNER).header("Range", "bytes=2-8").send();
    assert_eq!(
        (part.status, part.text().as_str(), part.header("content-range"), part.header("etag")),
        (206, "segment", "bytes 2-8/23", format!("\"{segment}\"").as_str())
    );
    let known = Ask::get(door.http, &format!("/api/v1/content/{id}/video/1.m4s")).token(OWNER).header("If-None-Match", &format!("\"{segment}\"")).send();
    assert_eq!((known.status, known.body.len()), (304, 0));
    let moved = get("s0/index.m3u8");
    assert_eq!((moved.status, moved.header("location")), (307, format!("/api/v1/content/{id}/index.m3u8").as_str()));
    assert_eq!(get("current/").refusal(), "not_found");
    assert!(get(&format!("{segment}/info")).json().get("session").is_none());
    for bad in [
        format!("{segment}/index.m3u8"),
        format!("{id}/video/2.m4s"),
        format!("{id}/video/..%2f..%2ftokens.json"),
        format!("{id}/..%2f..%2ftokens.json"),
        format!("{id}/video/%2e%2e/x"),
        format!("{id}/con"),
        format!("{id}/a/b/c"),
        format!("{id}/{}", "x".repeat(4_096)),
        format!("{id}/video/1.m4s%00"),
        "..%2ftokens.json".to_owned(),
        "nobody/".to_owned(),
    ] {
        assert!([400, 404].contains(&get(&bad).status), "{bad}");
    }
}
