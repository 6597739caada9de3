use std::io::BufReader;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tl_playlist::{Answer, Cache, Reply};

use crate::client::{Ask, read_answer};
use crate::fake::{DIRECTOR, Door, OWNER, VIEWER, playlist};

/// A viewer's grant: `/v/…` without what follows.
fn grant(door: &Door) -> String {
    let answer = Ask::post(door.http, "/api/v1/watch").token(VIEWER).send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let json = answer.json();
    assert!(json["expires"].as_str().unwrap().ends_with('Z'));
    json["url"].as_str().unwrap().strip_suffix("/live.m3u8").unwrap().to_owned()
}

fn until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "it did not come to pass");
        std::thread::yield_now();
    }
}

#[test]
fn a_grant_opens_media_and_nothing_else() {
    let door = Door::open();
    door.fake.play("live.m3u8", playlist("#EXTM3U\n"));
    let segment = vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")];
    door.fake.play("v0/s1.m4s", Answer::Ready(Reply { content_type: "video/mp4", cache: Cache::Immutable, body: segment, compressible: false }));
    door.fake.play("v0/s0.m4s", Answer::Gone);
    door.fake.play("v0/media.m3u8", Answer::Bad("no number".to_owned()));
    let grant = grant(&door);
    let get = |path: &str| Ask::get(door.http, &format!("{grant}/{path}")).send();
    let list = get("live.m3u8");
    assert_eq!(
        (list.status, list.text().as_str(), list.header("content-type"), list.header("cache-control")),
        (200, "#EXTM3U\n", "application/vnd.apple.mpegurl", "no-store")
    );
    let segment = get("v0/s1.m4s");
    assert_eq!((segment.text().as_str(), segment.header("content-length")), ("onetwo", "6"));
    assert!(segment.header("cache-control").contains("immutable"));
    assert_eq!((get("v0/s0.m4s").status, get("v0/media.m3u8?_HLS_msn=x").status, get("v9/none.m4s").status), (410, 400, 404));
    let token = grant.trim_start_matches("/v/");
    assert_eq!(Ask::get(door.http, "/api/v1/sessions").token(token).send().status, 401);
    assert_eq!(Ask::get(door.http, "/v/AAAAAAAAAAAAAAAAAAAAAA/live.m3u8").token(OWNER).send().refusal(), "gone");
    assert_eq!(door.server.traffic().viewers, 1);
    let head = Ask::new(door.http, "HEAD", &format!("{grant}/v0/s1.m4s")).send();
    assert_eq!((head.status, head.header("content-length")), (200, "6"));
}

#[test]
fn playlists_are_compressed_for_those_who_can() {
    let door = Door::open();
    door.fake.play("live.m3u8", playlist(&"#EXTINF:2.0,\n".repeat(500)));
    let path = format!("{}/live.m3u8", grant(&door));
    let small = Ask::get(door.http, &path).header("Accept-Encoding", "gzip, br").send();
    assert_eq!((small.header("content-encoding"), small.header("content-length")), ("gzip", small.body.len().to_string().as_str()));
    assert!(small.body.starts_with(&[0x1f, 0x8b]) && small.body.len() < 500, "{}", small.body.len());
    assert_eq!(Ask::get(door.http, &path).send().body.len(), 6_500);
    for refused in ["gzip;q=0", "br", "gzipped", ""] {
        let plain = Ask::get(door.http, &path).header("Accept-Encoding", refused).send();
        assert_eq!((plain.header("content-encoding"), plain.body.len()), ("", 6_500), "{refused}");
    }
}

#[test]
fn a_part_of_a_segment_can_be_asked_for() {
    let door = Door::open();
    let body = ["abc", "defg"].map(|piece| Bytes::from_static(piece.as_bytes())).into();
    door.fake.play("v0/s1.m4s", Answer::Ready(Reply { content_type: "video/mp4", cache: Cache::Immutable, body, compressible: false }));
    let path = format!("{}/v0/s1.m4s", grant(&door));
    let ask = |range: &str| Ask::get(door.http, &path).header("Range", range).send();
    for (range, status, text, of) in [
        ("bytes=2-4", 206, "cde", "bytes 2-4/7"),
        ("bytes=-2", 206, "fg", "bytes 5-6/7"),
        ("bytes=0-1,4-5", 200, "abcdefg", ""),
        ("bytes=x", 200, "abcdefg", ""),
    ] {
        let part = ask(range);
        assert_eq!((part.status, part.text().as_str(), part.header("content-range")), (status, text, of), "{range}");
    }
    let outside = ask("bytes=7-");
    assert_eq!((outside.status, outside.header("content-range")), (416, "bytes */7"));
}

#[test]
fn a_request_waits_for_what_is_being_made() {
    let door = Door::open();
    door.fake.play("v0/s1.p0.m4s", Answer::Wait);
    let path = format!("{}/v0/s1.p0.m4s?_HLS_msn=1", grant(&door));
    let socket = Ask::get(door.http, &path).start();
    until(|| door.fake.asked.lock().unwrap().iter().filter(|asked| asked.contains("s1.p0")).count() >= 2);
    // Other news wakes the request, and it waits on.
    door.fake.play("other", Answer::Wait);
    until(|| door.fake.asked.lock().unwrap().iter().filter(|asked| asked.contains("s1.p0")).count() >= 3);
    door.fake.play("v0/s1.p0.m4s", playlist("here"));
    assert_eq!(read_answer(&mut BufReader::new(socket), false).text(), "here");
    assert!(door.fake.asked.lock().unwrap().iter().any(|asked| asked == "media v0/s1.p0.m4s?_HLS_msn=1"));
}

#[test]
fn nobody_waits_for_ever_or_in_too_large_a_crowd() {
    let door = Door::with(|config| {
        config.media_wait = Duration::from_millis(700);
        config.limits.waiting = 20;
    });
    door.fake.play("v0/media.m3u8", Answer::Wait);
    let path = format!("{}/v0/media.m3u8", grant(&door));
    let start = Instant::now();
    let waiting: Vec<_> = (0..20).map(|_| Ask::get(door.http, &path).start()).collect();
    until(|| door.fake.asked.lock().unwrap().len() >= 40);
    let crowded = Ask::get(door.http, &path).send();
    assert_eq!((crowded.status, crowded.refusal().as_str()), (429, "too_many"));
    for socket in waiting {
        let late = read_answer(&mut BufReader::new(socket), false);
        assert_eq!((late.status, late.refusal().as_str(), late.header("retry-after")), (503, "busy", "1"));
    }
    assert!(start.elapsed() >= Duration::from_millis(600));
    door.fake.play("v0/media.m3u8", playlist("again"));
    assert_eq!(Ask::get(door.http, &path).send().status, 200, "places are given back");
}

#[test]
fn two_hundred_blocked_reloads_wake_together() {
    let door = Door::open();
    door.fake.play("v0/media.m3u8", Answer::Wait);
    let path = format!("{}/v0/media.m3u8", grant(&door));
    let waiting: Vec<_> = (0..200).map(|_| Ask::get(door.http, &path).start()).collect();
    until(|| door.fake.asked.lock().unwrap().len() >= 400);
    let start = Instant::now();
    door.fake.play("v0/media.m3u8", playlist("now"));
    for socket in waiting {
        assert_eq!(read_answer(&mut BufReader::new(socket), false).text(), "now");
    }
    eprintln!("200 blocked reloads answered within {:?}", start.elapsed());
}

#[test]
fn paths_that_lead_elsewhere_never_reach_the_studio() {
    let door = Door::open();
    let grant = grant(&door);
    let long = "a".repeat(4_096);
    for path in [
        "../secret",
        "%2e%2e/secret",
        "%2e%2e%2fsecret",
        "..%5csecret",
        "..\\secret",
        "v0/%2e%2e/%2e%2e/etc/passwd",
        "v0//s1.m4s",
        "CON",
        "v0/nul.m4s",
        "a:b",
        "v0/a%00b",
        "%ff%fe",
        "/etc/passwd",
        "a/b/c/d",
        "v0/",
        &long,
    ] {
        let status = Ask::get(door.http, &format!("{grant}/{path}")).send().status;
        assert!([400, 403, 404].contains(&status), "{path}: {status}");
    }
    let query = format!("{grant}/live.m3u8?{}", "x".repeat(300));
    assert_eq!(Ask::get(door.http, &query).send().status, 404);
    assert_eq!(door.fake.asked.lock().unwrap().len(), 0);
}

#[test]
fn grants_end() {
    let door = Door::open();
    door.fake.play("live.m3u8", playlist("x"));
    let path = format!("{}/live.m3u8", grant(&door));
    assert_eq!(Ask::get(door.http, &path).send().status, 200);
    let ended = Ask::new(door.http, "DELETE", "/api/v1/watch").token(DIRECTOR).send();
    assert_eq!(ended.json(), serde_json::json!({"revoked": 1}));
    assert_eq!(Ask::get(door.http, &path).send().status, 410);
    let path = format!("{}/live.m3u8", grant(&door));
    let revoked = Ask::new(door.http, "DELETE", "/api/v1/tickets/viewers").token(DIRECTOR).send();
    assert_eq!(revoked.json()["viewers"], 1, "{}", revoked.text());
    assert_eq!(Ask::get(door.http, &path).send().status, 410);
    let short = Door::with(|config| config.grant_life = Duration::ZERO);
    assert_eq!(Ask::get(short.http, &format!("{}/live.m3u8", self::grant(&short))).send().status, 410);
}

#[test]
fn viewers_go_on_after_a_restart() {
    let door = Door::open();
    let path = format!("{}/live.m3u8", grant(&door));
    let file = door.folder.path().join("grants.json");
    let Door { server, folder, .. } = door;
    server.shutdown();
    let again = Door::with(|config| config.grants_file = Some(file));
    again.fake.play("live.m3u8", playlist("back"));
    assert_eq!(Ask::get(again.http, &path).send().text(), "back");
    drop(folder);
}
