//! Who may do what: every role at every route, held against a table that was written by hand.

use tl_server::routes::{Access, Method, ROUTES};
use tl_wire::Role;

use crate::client::Ask;
use crate::fake::{CAMERA, COMMENTATOR, DIRECTOR, Door, OWNER, VIEWER};

pub const TOKENS: [(Role, &str); 5] =
    [(Role::Owner, OWNER), (Role::Director, DIRECTOR), (Role::Camera, CAMERA), (Role::Commentator, COMMENTATOR), (Role::Viewer, VIEWER)];

/// Every route, and who may: `o`wner, `d`irector, `c`amera, co`m`mentator, `v`iewer, `g`rant, `a`nybody.
pub const RULES: &[(&str, &str, &str)] = &[
    ("POST", "/api/v1/sessions/{id}/commands", "od"),
    ("GET", "/api/v1/sessions/{id}/snapshot", "odcmv"),
    ("GET", "/api/v1/sessions/{id}/events", "odcmv"),
    ("GET", "/api/v1/sessions/{id}/streaming/events", "od"),
    ("GET", "/api/v1/sessions", "od"),
    ("GET", "/api/v1/sessions/{id}/status", "odcmv"),
    ("GET", "/api/v1/sessions/{id}/health", "od"),
    ("GET", "/api/v1/sessions/{id}/logs", "od"),
    ("GET", "/api/v1/sessions/{id}/recordings", "od"),
    ("GET", "/api/v1/sessions/{id}/recordings/{name}", "od"),
    ("GET", "/api/v1/recordings", "od"),
    ("GET", "/api/v1/sessions/{id}/cameras/{slot}/thumbnail.jpg", "odc"),
    ("POST", "/api/v1/sessions/{id}/cameras/{slot}/chunks", "odc"),
    ("DELETE", "/api/v1/sessions/{id}/cameras/{slot}/chunks", "odc"),
    ("PUT", "/api/v1/sessions/{id}/cameras/{slot}/source", "od"),
    ("DELETE", "/api/v1/sessions/{id}/cameras/{slot}/source", "od"),
    ("GET", "/api/v1/devices", "od"),
    ("GET", "/api/v1/destinations", "od"),
    ("PUT", "/api/v1/destinations/{name}", "od"),
    ("DELETE", "/api/v1/destinations/{name}", "od"),
    ("POST", "/api/v1/destinations/{name}/test", "od"),
    ("GET", "/api/v1/clock", "odcmv"),
    ("GET", "/api/v1/content/{hash}", "od"),
    ("GET", "/api/v1/content/{hash}/", "od"),
    ("GET", "/api/v1/content/{hash}/info", "od"),
    ("GET", "/api/v1/content/{hash}/{*path}", "od"),
    // A commentator has a slot of their own, which camera 1 is not: see `each_sender_has_one_slot`.
    ("POST", "/whip/{slot}", "odcm"),
    ("OPTIONS", "/whip/{slot}", "a"),
    ("DELETE", "/whip/{slot}/{session}", "odcm"),
    ("POST", "/whep", "odmvg"),
    ("OPTIONS", "/whep", "a"),
    ("DELETE", "/whep/{session}", "odmvg"),
    ("POST", "/api/v1/watch", "odmv"),
    ("DELETE", "/api/v1/watch", "od"),
    ("GET", "/v/{grant}/{*path}", "g"),
    ("POST", "/api/v1/tickets", "od"),
    ("GET", "/api/v1/tickets", "od"),
    ("DELETE", "/api/v1/tickets/{label}", "od"),
    ("POST", "/api/v1/join", "a"),
    ("GET", "/api/v1/join/{request}", "a"),
    ("POST", "/api/v1/login", "a"),
    ("DELETE", "/api/v1/login", "a"),
    ("GET", "/metrics", "od"),
    ("GET", "/api/v1/openapi.json", "a"),
    ("GET", "/", "a"),
    ("GET", "/desk", "a"),
    ("GET", "/desk/", "a"),
    ("GET", "/desk/{*path}", "a"),
    ("GET", "/phone", "a"),
    ("GET", "/phone/", "a"),
    ("GET", "/phone/{*path}", "a"),
    ("GET", "/watch", "a"),
    ("GET", "/watch/", "a"),
    ("GET", "/watch/{*path}", "a"),
];

pub fn letter(role: Role) -> char {
    match role {
        Role::Owner => 'o',
        Role::Director => 'd',
        Role::Camera => 'c',
        Role::Commentator => 'm',
        Role::Viewer => 'v',
    }
}

fn verb(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Options => "OPTIONS",
    }
}

pub fn filled(path: &str, role: Role) -> String {
    let hash = "a".repeat(64);
    let slot = if role == Role::Commentator && path.starts_with("/whip") { "commentary" } else { "1" };
    let pairs = [
        ("{id}", "current"),
        ("{slot}", slot),
        ("{name}", "none.mp4"),
        ("{hash}", &hash),
        ("{session}", "session-1"),
        ("{grant}", "nobody"),
        ("{label}", "nobody"),
        ("{request}", "nobody"),
        ("{*path}", "live.m3u8"),
    ];
    pairs.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

#[test]
fn every_route_has_a_rule_that_was_written_by_hand() {
    let all = |access: Access| match access {
        Access::Open | Access::Public => "a".to_owned(),
        Access::Grant => "g".to_owned(),
        Access::Roles(roles) => roles.iter().map(|role| letter(*role)).collect(),
        Access::RolesOrGrant(roles) => roles.iter().map(|role| letter(*role)).chain(['g']).collect(),
    };
    let mounted: Vec<(&str, &str, String)> = ROUTES.iter().map(|route| (verb(route.method), route.path, all(route.access))).collect();
    for (method, path, who) in &mounted {
        assert!(RULES.contains(&(method, path, who.as_str())), "{method} {path} is open to {who:?}, which no rule says");
    }
    assert_eq!(mounted.len(), RULES.len());
}

#[test]
fn every_role_meets_every_route_and_nobody_meets_more_than_the_rules_say() {
    let door = Door::open();
    let mut asked = 0;
    for (method, path, who) in RULES.iter().filter(|(_, _, who)| !matches!(*who, "a" | "g")) {
        assert_eq!(Ask::new(door.http, method, &filled(path, Role::Viewer)).send().status, 401, "nobody at {path}");
        for (role, token) in TOKENS {
            let status = Ask::new(door.http, method, &filled(path, role)).token(token).send().status;
            if who.contains(letter(role)) {
                assert!(![401, 403, 405].contains(&status), "{role:?} at {method} {path}: {status}");
            } else {
                assert_eq!(status, 403, "{role:?} at {method} {path}");
            }
            asked += 1;
        }
    }
    eprintln!("{asked} pairs of role and route were tried");
    assert!(door.fake.commands.lock().unwrap().is_empty());
}

#[test]
fn who_may_not_leaves_no_trace() {
    let door = Door::open();
    for (method, path, who) in RULES.iter().filter(|(method, _, _)| !matches!(*method, "GET" | "OPTIONS")) {
        for (role, token) in TOKENS.iter().filter(|(role, _)| !who.contains(letter(*role)) && !matches!(*who, "a" | "g")) {
            for body in
                ["{}", r#"{"protocol":"webrtc"}"#, r#"{"url":"rtmp://127.0.0.1/a/b"}"#, r#"{"role":"viewer"}"#, r#"{"id":"x","command":{"type":"take"}}"#]
            {
                assert_eq!(Ask::new(door.http, method, &filled(path, *role)).token(token).json(body).send().status, 403, "{role:?} {path}");
            }
        }
    }
    assert!(door.fake.commands.lock().unwrap().is_empty() && door.fake.done.lock().unwrap().is_empty());
    assert!(door.fake.tokens.list().is_empty());
}

#[test]
fn a_get_changes_nothing() {
    let door = Door::open();
    for (_, path, _) in RULES {
        for method in ["GET", "HEAD"] {
            // A stream has no end, and its head is enough.
            Ask::new(door.http, method, &filled(path, Role::Owner)).token(OWNER).send();
        }
    }
    let fake = &door.fake;
    assert!(fake.commands.lock().unwrap().is_empty() && fake.done.lock().unwrap().is_empty() && fake.pieces.lock().unwrap().is_empty());
    assert!(fake.tokens.list().is_empty() && fake.waiting.list().is_empty());
}

#[test]
fn each_sender_has_one_slot() {
    let door = Door::open();
    let whip = |token: &str, slot: &str| {
        Ask::post(door.http, &format!("/whip/{slot}")).token(token).header("Content-Type", "application/sdp").body(b"v=0 offer").send().status
    };
    for (token, slot, expect) in [
        (CAMERA, "1", 201),
        (CAMERA, "2", 403),
        (CAMERA, "commentary", 403),
        (CAMERA, "talkback", 403),
        (COMMENTATOR, "commentary", 201),
        (COMMENTATOR, "1", 403),
        (COMMENTATOR, "talkback", 403),
        (DIRECTOR, "talkback", 201),
        (DIRECTOR, "commentary", 201),
        (VIEWER, "commentary", 403),
        (DIRECTOR, "33", 404),
        (DIRECTOR, "0", 404),
        (DIRECTOR, "Commentary", 404),
    ] {
        assert_eq!(whip(token, slot), expect, "{token} at {slot}");
    }
}
