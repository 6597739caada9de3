//! The threat table, one test for each row: what somebody in the same network tries, and what they get.
//!
//! Each row is told by its attacker; the single limits have tests of their own beside it. A writer or a voice that answers
//! with malice has no row here: nothing in this studio asks one yet. Paths that lead elsewhere stand in `traced.rs`.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tl_server::{Config, Limits};
use tl_wire::Role;

use crate::client::{Answer, Ask};
use crate::fake::{CAMERA, COMMENTATOR, DIRECTOR, Door, OWNER, VIEWER};
use crate::matrix::{RULES, TOKENS, filled, letter};

const COMMANDS: &str = "/api/v1/sessions/current/commands";
const TAKE: &str = r#"{"id":"c1","command":{"type":"take"}}"#;

fn ticket(door: &Door, body: &str) -> Value {
    let answer = Ask::post(door.http, "/api/v1/tickets").token(DIRECTOR).json(body).send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn join(door: &Door, body: &Value) -> Answer {
    Ask::post(door.http, "/api/v1/join").json(&body.to_string()).send()
}

fn strict() -> Door {
    // As an address of the network is treated, not as this machine.
    Door::limited(|limits| limits.trust_loopback = false)
}

/// Everything that lies in a folder, with its name.
fn files_of(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_of(&entry.path()));
        } else {
            found.push((entry.path(), std::fs::read(entry.path()).unwrap()));
        }
    }
    found
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

/// What a peer answers to bytes, until it closes or says nothing for a second.
fn said(at: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(at).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    socket.write_all(bytes).unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 4_096]);
    while let Ok(read) = socket.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..read]);
        if read == 0 {
            break;
        }
    }
    answer
}

/// A hello of TLS (RFC 5246, 7.4.1.2) that offers nothing newer than this version.
fn client_hello(version: [u8; 2]) -> Vec<u8> {
    // Groups x25519 and P-256; ECDSA with P-256 and SHA-256, with SHA-1; plain points.
    let extensions: [&[u8]; 3] = [&[0, 10, 0, 6, 0, 4, 0, 0x1d, 0, 0x17], &[0, 13, 0, 6, 0, 4, 4, 3, 2, 3], &[0, 11, 0, 2, 1, 0]];
    let extensions = extensions.concat();
    let mut body = [&version[..], &[7; 32], &[0]].concat();
    // ECDHE-ECDSA with AES-128-GCM, and with AES-128-CBC as TLS 1.1 knows it.
    body.extend([0, 4, 0xc0, 0x2b, 0xc0, 0x09, 1, 0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let mut record = vec![22, 3, 1];
    record.extend((body.len() as u16 + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}

#[test]
fn eavesdropping_and_meddling_on_the_wifi() {
    let door = Door::with(|config| config.https = ([0, 0, 0, 0], 0).into());
    let https = SocketAddr::from(([127, 0, 0, 1], door.server.https_addr.port()));
    assert!(door.http.ip().is_loopback(), "without TLS this machine alone is served");
    let plain = said(https, format!("GET /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OWNER}\r\n\r\n").as_bytes());
    assert!(!holds(&plain, "HTTP/1") && !holds(&plain, "s1"), "{plain:?}");
    // 22 opens a handshake, 21 is an alert.
    assert_eq!(said(https, &client_hello([3, 3])).first(), Some(&22), "TLS 1.2 is spoken");
    for old in [[3, 0], [3, 1], [3, 2]] {
        assert!(!said(https, &client_hello(old)).contains(&22), "a version that can be broken is spoken: {old:?}");
    }
    // Whoever stands in between cannot show the director the digits that the phone shows.
    let code = ticket(&door, r#"{"role":"camera","kind":"crew"}"#)["token"].as_str().unwrap().to_owned();
    let digits: Vec<String> =
        (0..4).map(|at| join(&door, &json!({"code": code, "name": format!("phone {at}")})).json()["digits"].as_str().unwrap().to_owned()).collect();
    assert_eq!(door.fake.waiting.list().iter().map(|waiting| waiting.digits.clone()).collect::<Vec<_>>(), digits);
    assert!(digits.iter().collect::<std::collections::BTreeSet<_>>().len() > 1, "{digits:?}");
}

#[test]
fn token_guessing_and_reuse() {
    let door = strict();
    let fresh = |role: &str| ticket(&door, role)["token"].as_str().unwrap().to_owned();
    let (used, old) = (fresh(r#"{"role":"camera","slot":2}"#), fresh(r#"{"role":"viewer"}"#));
    let token = join(&door, &json!({ "ticket": used })).json()["token"].as_str().unwrap().to_owned();
    assert_eq!(Ask::get(door.http, "/api/v1/clock").token(&token).send().status, 200);
    assert_eq!(join(&door, &json!({ "ticket": used })).status, 410, "used before");
    door.fake.ahead_s.store(121, Ordering::Relaxed);
    assert_eq!(join(&door, &json!({ "ticket": old })).status, 410, "121 s old");
    assert_eq!(Ask::get(door.http, "/api/v1/sessions").token(&token).send().status, 403, "another role");
    for (path, bytes) in files_of(door.fake.folder.path()) {
        assert!(![&used, &old, &token].into_iter().any(|secret| holds(&bytes, secret)), "{} holds what opens the door", path.display());
    }
    let answers: Vec<u16> = (0..10).map(|guess| join(&door, &json!({"ticket": format!("guess-{guess}")})).status).collect();
    assert!(answers.ends_with(&[429; 7]), "two were wrong before: {answers:?}");
    let locked = Ask::get(door.http, "/api/v1/clock").token(&token).send();
    assert_eq!(locked.status, 429, "even a right one waits");
    assert!((1..=61).contains(&locked.header("retry-after").parse::<u32>().unwrap()));
    assert_eq!(door.fake.locked.lock().unwrap().as_slice(), [IpAddr::from([127, 0, 0, 1])], "it is logged");
}

#[test]
fn role_escalation() {
    let door = Door::open();
    let mut tried = 0;
    for (method, path, who) in RULES.iter().filter(|(method, _, who)| *method != "OPTIONS" && !who.contains(['a', 'g'])) {
        for (role, token) in TOKENS.into_iter().filter(|(role, _)| !who.contains(letter(*role))) {
            let path = filled(path, role);
            let ask = |path: &str| Ask::new(door.http, method, path).token(token).json(TAKE).send().status;
            assert_eq!(ask(&path), 403, "{role:?} {method} {path}");
            // The same place by other spellings.
            for spelled in
                [format!("/{path}"), format!("/desk/..{path}"), path.to_uppercase(), path.replace("/api", "/%61pi"), format!("{path}/"), format!("{path};x")]
            {
                assert!(ask(&spelled) >= 400, "{role:?} {method} {spelled}");
            }
            tried += 1;
        }
    }
    eprintln!("{tried} pairs of role and route were tried");
    let header = |name: &str, value: &str| Ask::post(door.http, COMMANDS).token(VIEWER).header(name, value).json(TAKE).send().status;
    for (name, value) in
        [("X-Role", "owner"), ("X-HTTP-Method-Override", "GET"), ("X-Forwarded-For", "127.0.0.1"), ("X-Original-URL", "/"), ("Cookie", "role=owner")]
    {
        assert_eq!(header(name, value), 403, "{name}");
    }
    let claimed = Ask::post(door.http, COMMANDS).token(CAMERA).json(r#"{"id":"c1","role":"owner","command":{"type":"take"}}"#).send();
    assert_eq!(claimed.status, 403);
    let fake = &door.fake;
    assert!(fake.commands.lock().unwrap().is_empty() && fake.done.lock().unwrap().is_empty() && fake.tokens.list().is_empty());
    // What they may read shows no key, no address of a destination, and nobody else's camera.
    for token in [CAMERA, COMMENTATOR, VIEWER] {
        let seen = Ask::get(door.http, "/api/v1/sessions/current/snapshot").token(token).send().text();
        assert!(!seen.contains("platform.example") && !seen.contains("10.0.0.9") || token == CAMERA && !seen.contains("platform.example"), "{seen}");
    }
}

#[test]
fn publisher_takeover() {
    let door = Door::open();
    let offer =
        |token: &str, slot: &str| Ask::post(door.http, &format!("/whip/{slot}")).token(token).header("Content-Type", "application/sdp").body(b"v=0").send();
    // Somebody sends camera 3 already. Who is there is the studio's to know; the door hands its answer on, and asks no second time.
    for token in [DIRECTOR, OWNER] {
        let second = offer(token, "3");
        assert_eq!((second.status, second.refusal().as_str()), (409, "conflict"));
        assert!(second.json()["message"].as_str().unwrap().contains("taken"), "{}", second.text());
    }
    let piece = Ask::post(door.http, "/api/v1/sessions/current/cameras/3/chunks?seq=0&timestamp=1")
        .token(DIRECTOR)
        .header("Content-Type", "video/webm")
        .body(b"x")
        .send();
    assert_eq!(piece.refusal(), "conflict", "pieces do not get round it");
    // Nobody ends another's connection, and a camera's link never opens another position.
    let end = |token: &str, path: &str| Ask::new(door.http, "DELETE", path).token(token).send().status;
    assert_eq!((end(CAMERA, "/whip/3/session-3"), end(COMMENTATOR, "/whip/3/session-3"), end(VIEWER, "/whip/3/session-3")), (403, 403, 403));
    assert_eq!((end(CAMERA, "/whip/1/session-3"), end(CAMERA, "/api/v1/sessions/current/cameras/3/chunks")), (404, 403));
    assert_eq!((offer(CAMERA, "3").status, offer(COMMENTATOR, "3").status), (403, 403));
}

#[test]
fn leaked_viewer_link() {
    let door = Door::with(|config| config.grant_life = Duration::from_millis(900));
    let link = ticket(&door, r#"{"role":"viewer"}"#)["token"].as_str().unwrap().to_owned();
    let token = join(&door, &json!({ "ticket": link })).json()["token"].as_str().unwrap().to_owned();
    assert_eq!(join(&door, &json!({ "ticket": link })).status, 410, "a personal link opens one device, whoever else has read it");
    let watch = || Ask::post(door.http, "/api/v1/watch").token(&token).json("{}").send();
    let url = watch().json()["url"].as_str().unwrap().to_owned();
    door.fake.play("live.m3u8", crate::fake::playlist("#EXTM3U\n"));
    let seen = Ask::get(door.http, &url).send();
    assert_eq!((seen.status, seen.header("referrer-policy")), (200, "no-referrer"));
    let grant = url.trim_end_matches("/live.m3u8").to_owned();
    for nothing in ["", "/", "/v0", "/v0/", "/.."] {
        let listed = Ask::get(door.http, &format!("{grant}{nothing}")).send();
        assert!([400, 404].contains(&listed.status) && !listed.text().contains("m3u8"), "{nothing}: {}", listed.text());
    }
    let ended = |url: &str| {
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while Ask::get(door.http, url).send().status != 410 {
            assert!(std::time::Instant::now() < deadline, "it never ends");
            std::thread::yield_now();
        }
    };
    ended(&url);
    let second = watch().json()["url"].as_str().unwrap().to_owned();
    assert_eq!(Ask::get(door.http, &second).send().status, 200);
    assert_eq!(Ask::new(door.http, "DELETE", "/api/v1/tickets/guest").token(DIRECTOR).send().status, 200);
    assert_eq!((Ask::get(door.http, &second).send().status, watch().status), (410, 401), "revoked");
}

#[test]
fn forged_requests_and_dns_rebinding() {
    let door = Door::open();
    let login = Ask::post(door.http, "/api/v1/login").json(&format!(r#"{{"token":"{OWNER}"}}"#)).send();
    let cookie = login.header("set-cookie").split(';').next().unwrap().to_owned();
    for (method, path, who) in RULES {
        let path = filled(path, Role::Owner);
        let rebound = Ask::new(door.http, method, &path).token(OWNER).header("Host", "rink.evil.example").json(TAKE).send();
        assert_eq!(rebound.status, 403, "{method} {path} by a foreign host");
        if matches!(*method, "GET" | "OPTIONS") || who.contains('g') {
            continue;
        }
        for origin in ["https://evil.example", "null", "http://localhost.evil.example"] {
            let ask = |ask: Ask<'_>| ask.header("Origin", origin).json(TAKE).send();
            assert_eq!(ask(Ask::new(door.http, method, &path).header("Cookie", &cookie)).status, 403, "{method} {path} from {origin}");
            assert_eq!(ask(Ask::new(door.http, method, &path).token(OWNER)).status, 403, "{method} {path} from {origin}");
        }
        if !who.contains('a') {
            assert_eq!(Ask::new(door.http, method, &path).header("Cookie", &cookie).json(TAKE).send().status, 403, "{method} {path} with a cookie alone");
        }
        // No page of others is told that it may.
        let asked = Ask::new(door.http, "OPTIONS", &path).header("Origin", "https://evil.example").header("Access-Control-Request-Method", method).send();
        assert!(!asked.headers.iter().any(|(name, _)| name.starts_with("access-control-")), "{path}");
    }
    let fake = &door.fake;
    assert!(fake.commands.lock().unwrap().is_empty() && fake.done.lock().unwrap().is_empty() && fake.pieces.lock().unwrap().is_empty());
    assert!(fake.tokens.list().is_empty() && fake.waiting.list().is_empty());
}

#[test]
fn bombs_and_malformed_bodies() {
    let door = Door::open();
    let post = |body: &[u8]| Ask::post(door.http, COMMANDS).token(OWNER).header("Content-Type", "application/json").body(body).send();
    assert_eq!(post(&vec![b'['; (64 << 10) + 1]).status, 413);
    for deep in [format!("{}1{}", "[".repeat(17), "]".repeat(17)), "[".repeat(60_000), format!(r#"{{"id":{}"#, "{\"a\":".repeat(10_000))] {
        assert_eq!(post(deep.as_bytes()).refusal(), "invalid");
    }
    // A packed body is not unpacked: a thousandfold bomb stays the few bytes that came.
    let packed = Ask::post(door.http, COMMANDS).token(OWNER).header("Content-Type", "application/json").header("Content-Encoding", "gzip");
    assert_eq!(packed.body(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0x4c, 4, 0]).send().refusal(), "invalid");
    let piece = |kind: &str, size: usize| {
        let path = "/api/v1/sessions/current/cameras/1/chunks?seq=0&timestamp=1";
        Ask::post(door.http, path).token(CAMERA).header("Content-Type", kind).body(&vec![0; size]).send().status
    };
    assert_eq!((piece("video/webm", 2 << 20), piece("video/webm", (2 << 20) + 1), piece("text/html", 9), piece("video/webm", 0)), (200, 413, 415, 400));
    // Numbers that no counter and no clock can hold.
    for query in ["seq=18446744073709551616&timestamp=1", "seq=-1&timestamp=1", "seq=1&timestamp=nan", "seq=1&timestamp=1e400", "seq=1"] {
        let path = format!("/api/v1/sessions/current/cameras/1/chunks?{query}");
        let answer = Ask::post(door.http, &path).token(CAMERA).header("Content-Type", "video/webm").body(b"x").send();
        assert_eq!(answer.refusal(), "invalid", "{query}");
    }
    assert!(door.fake.commands.lock().unwrap().is_empty());
    assert_eq!(door.fake.pieces.lock().unwrap().len(), 1);
}

#[test]
fn stream_keys() {
    const KEY: &str = "s3cret-key-1234";
    let door = Door::open();
    let put = |body: &str| Ask::new(door.http, "PUT", "/api/v1/destinations/club").token(OWNER).json(body).send();
    let answers = [
        put(&format!(r#"{{"url":"rtmps://a.example/live","key":"{KEY}"}}"#)),
        put(&format!(r#"{{"url":"rtmps://a.example/live/{KEY}"}}"#)),
        put(&format!(r#"{{"kind":"srt","url":"srt://a.example:9000?passphrase={KEY}"}}"#)),
        // Mistakes are told without what was sent.
        put(&format!(r#"{{"url":"rtmps://a.example/live","key":"{KEY} with a space"}}"#)),
        put(&format!(r#"{{"url":"https://a.example/{KEY}","key":7}}"#)),
        Ask::get(door.http, "/api/v1/destinations").token(OWNER).send(),
        Ask::get(door.http, "/api/v1/sessions/current/snapshot").token(OWNER).send(),
        Ask::get(door.http, "/api/v1/sessions/current/logs").token(OWNER).send(),
        Ask::get(door.http, "/metrics").token(OWNER).send(),
    ];
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [204, 204, 204, 400, 400, 200, 200, 200, 200]);
    assert!(answers.iter().all(|answer| !answer.text().contains("s3cret")), "an answer tells the key");
    assert!(!format!("{:?}", door.fake.done.lock().unwrap()).contains("s3cret"));
    // What is kept is for nobody else on this machine, and stands on no command line.
    let data = tempfile::tempdir().unwrap();
    let (store, _) = tl_store::SetupStore::open(data.path()).unwrap();
    let setup = serde_json::from_value(json!({"url": "rtmps://a.example/live", "key": KEY})).unwrap();
    store.set_destination("club", setup, None).unwrap();
    check_private(&data.path().join("setup.json"));
    for place in ["cmdline", "environ"] {
        if let Ok(bytes) = std::fs::read(format!("/proc/self/{place}")) {
            assert!(!holds(&bytes, KEY), "{place}");
        }
    }
}

#[cfg_attr(not(unix), expect(unused_variables, reason = "there are no modes to look at"))]
fn check_private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn denial_of_service_in_the_network() {
    let usual = Limits::default();
    assert_eq!((usual.connections_per_ip, usual.uploads_per_ip, usual.event_streams_per_ip), (32, 2, 32));
    assert_eq!((usual.header_time, usual.idle_time), (Duration::from_secs(10), Duration::from_secs(60)));
    let door = Door::with(|config: &mut Config| config.https = ([0, 0, 0, 0], 0).into());
    let Some(own) = door.server_names().into_iter().find(IpAddr::is_ipv4) else {
        eprintln!("SKIPPED: this machine has no address in a network, so nothing comes from one");
        return;
    };
    let at = SocketAddr::from((own, door.server.https_addr.port()));
    let held: Vec<TcpStream> = (0..usual.connections_per_ip).map(|_| TcpStream::connect(at).unwrap()).collect();
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    while door.server.traffic().connections < held.len() {
        assert!(std::time::Instant::now() < deadline, "{:?}", door.server.traffic());
        std::thread::yield_now();
    }
    let mut more = TcpStream::connect(at).unwrap();
    more.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert!(matches!(more.read(&mut [0; 9]), Ok(0) | Err(_)), "one more than may");
    assert_eq!(door.server.traffic().connections, held.len());
    // Others are served meanwhile: this machine's own pages, and every other address.
    assert_eq!(Ask::get(door.http, "/api/v1/sessions").token(OWNER).send().status, 200);
    drop(held);
    // An event stream's clients, waiting requests, guesses and uploads are counted in `events`, `media`, `join` and `sources`.
}

#[test]
fn stolen_laptop() {
    let door = Door::open();
    let secrets: Vec<String> = ["viewer", "commentator", "director"]
        .iter()
        .flat_map(|role| {
            let ticket = ticket(&door, &json!({ "role": role }).to_string())["token"].as_str().unwrap().to_owned();
            let token = join(&door, &json!({ "ticket": ticket })).json()["token"].as_str().unwrap().to_owned();
            [ticket, token]
        })
        .collect();
    let url = Ask::post(door.http, "/api/v1/watch").token(&secrets[1]).json("{}").send().json()["url"].as_str().unwrap().to_owned();
    let grant = url.split('/').nth(2).unwrap().to_owned();
    let (folder, data) = (door.folder, door.fake.folder.path().to_owned());
    door.server.shutdown();
    let kept: Vec<_> = files_of(folder.path()).into_iter().chain(files_of(&data)).collect();
    for (path, bytes) in &kept {
        assert!(!secrets.iter().chain([&grant]).any(|secret| holds(bytes, secret)), "{} holds what opens the door", path.display());
    }
    for name in ["tokens.json", "grants.json", "key.pem"] {
        check_private(
            &kept
                .iter()
                .find(|(path, _)| path.ends_with(name))
                .unwrap_or_else(|| panic!("no {name} in {:?}", kept.iter().map(|(path, _)| path).collect::<Vec<_>>()))
                .0,
        );
    }
}
