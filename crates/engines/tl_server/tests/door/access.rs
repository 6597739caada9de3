use crate::client::Ask;
use crate::fake::{CAMERA, COMMENTATOR, DIRECTOR, Door, OWNER, VIEWER};

const COMMAND: &str = r#"{"id":"c1","command":{"type":"take"}}"#;

#[test]
fn a_command_is_done_once_it_is_allowed() {
    let door = Door::open();
    for id in ["current", "s1"] {
        let path = format!("/api/v1/sessions/{id}/commands");
        let answer = Ask::post(door.http, &path).token(DIRECTOR).json(COMMAND).send();
        assert_eq!((answer.status, answer.json()), (200, serde_json::json!({"seq": 7})));
    }
    assert_eq!(Ask::post(door.http, "/api/v1/sessions/old/commands").token(DIRECTOR).json(COMMAND).send().refusal(), "not_found");
    let refused = Ask::post(door.http, "/api/v1/sessions/current/commands").token(OWNER).json(r#"{"id":"c2","command":{"type":"cut","slot":9}}"#).send();
    assert_eq!((refused.status, refused.refusal().as_str()), (409, "conflict"));
    let commands = door.fake.commands.lock().unwrap();
    assert_eq!(commands.iter().map(|(actor, _)| actor.label.as_str()).collect::<Vec<_>>(), ["director", "director"]);
}

#[test]
fn viewers_and_cameras_see_no_more_than_they_need() {
    let door = Door::open();
    let snapshot = |token: &str| Ask::get(door.http, "/api/v1/sessions/current/snapshot").token(token).send().json();
    let (owner, director, camera, viewer) = (snapshot(OWNER), snapshot(DIRECTOR), snapshot(CAMERA), snapshot(VIEWER));
    let commentator = snapshot(COMMENTATOR);
    assert_eq!((commentator["microphones"].as_array().map(Vec::len), &commentator["microphones"][0]["slot"]), (Some(1), &serde_json::json!(33)));
    assert_eq!((&commentator["cameras"], director["microphones"].as_array().map(Vec::len)), (&serde_json::json!([]), Some(2)));
    assert_eq!(director["joins"][0]["digits"], "123456");
    assert_eq!(owner["recordings"][0]["path"], "/home/someone/touchline/recordings/programme.mp4");
    assert_eq!(director["recordings"][0]["path"], "programme.mp4");
    assert_eq!(director["cameras"].as_array().map(Vec::len), Some(2));
    assert_eq!((camera["cameras"].as_array().map(Vec::len), &camera["cameras"][0]["slot"]), (Some(1), &serde_json::json!(1)));
    assert_eq!(viewer["cameras"], serde_json::json!([]));
    for seen in [&camera, &viewer, &commentator] {
        let text = seen.to_string();
        for hidden in ["platform.example", "/home/", "llvmpipe", "x264enc", "Camera 2", "remedy", "123456", "Anna", "talkback", "preview at"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
        assert_eq!((&seen["teams"][0]["score"], &seen["clock_millis"]), (&serde_json::json!(2), &serde_json::json!(900)));
    }
    assert_eq!((&viewer["program"]["next"], &camera["program"]["next"]), (&serde_json::Value::Null, &serde_json::json!(2)));
}

#[test]
fn a_cookie_needs_our_own_page_to_change_something() {
    let door = Door::open();
    let login = Ask::post(door.http, "/api/v1/login").json(&format!(r#"{{"token":"{DIRECTOR}"}}"#)).send();
    assert_eq!((login.status, &login.json()["role"]), (200, &serde_json::json!("director")));
    let set = login.header("set-cookie").to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && set.contains("Path=/"), "{set}");
    let cookie = set.split(';').next().unwrap_or_default().to_owned();
    let own = format!("http://{}", door.http);
    let post = |origin: &str| {
        let ask = Ask::post(door.http, "/api/v1/sessions/current/commands").header("Cookie", &cookie).json(COMMAND);
        if origin.is_empty() { ask.send().status } else { ask.header("Origin", origin).send().status }
    };
    assert_eq!(Ask::get(door.http, "/api/v1/sessions").header("Cookie", &format!("a=b; {cookie}")).send().status, 200);
    for foreign in ["", "null", "https://evil.example", &format!("https://{}", door.http), "http://127.0.0.1:1"] {
        assert_eq!(post(foreign), 403, "{foreign}");
    }
    assert!(door.fake.commands.lock().unwrap().is_empty());
    assert_eq!(post(&own), 200);
    let foreign = Ask::post(door.http, "/api/v1/sessions/current/commands").token(OWNER).header("Origin", "https://evil.example").json(COMMAND).send();
    assert_eq!((foreign.status, foreign.refusal().as_str()), (403, "forbidden"));
    let out = Ask::new(door.http, "DELETE", "/api/v1/login").header("Origin", &own).send();
    assert!(out.status == 204 && out.header("set-cookie").contains("Max-Age=0"), "{out:?}");
}

#[test]
fn a_host_that_is_not_ours_gets_nothing() {
    let door = Door::open();
    for foreign in ["evil.example", "127.0.0.1.evil.example", "", "rink.local.evil.example"] {
        for path in ["/api/v1/sessions", "/desk/", "/nothing", "/api/v1/openapi.json"] {
            assert_eq!(Ask::get(door.http, path).token(OWNER).header("Host", foreign).send().status, 403, "{foreign} {path}");
        }
    }
    for ours in ["rink.local", "localhost:1", "192.168.7.7:7443", "[::1]"] {
        assert_eq!(Ask::get(door.http, "/api/v1/sessions").token(OWNER).header("Host", ours).send().status, 200, "{ours}");
    }
}

#[test]
fn guessing_is_locked_out_and_valid_tokens_of_this_machine_are_not() {
    let door = Door::open();
    let ask = |token: &str| Ask::get(door.http, "/api/v1/sessions").token(token).send();
    for guess in 1..5 {
        assert_eq!(ask(&format!("guess-{guess}")).status, 401);
        assert_eq!(ask(&format!("guess-{guess}")).status, 401, "the same wrong token is one mistake");
    }
    let locked = ask("guess-5");
    assert_eq!((locked.status, locked.refusal().as_str()), (429, "too_many"));
    assert!((1..=61).contains(&locked.header("retry-after").parse::<u32>().unwrap_or(0)));
    assert_eq!(Ask::post(door.http, "/api/v1/login").json(r#"{"token":"guess-6"}"#).send().status, 429);
    assert_eq!(ask(OWNER).status, 200);
}

#[test]
fn the_plain_door_opens_with_its_own_token() {
    let door = Door::open();
    let token = door.door_token();
    assert_eq!(Ask::get(door.http, "/desk/").send().status, 401);
    assert_eq!(Ask::get(door.http, "/api/v1/openapi.json").token(VIEWER).send().status, 200);
    let come_in = Ask::get(door.http, &format!("/desk/?door={}", token.expose())).send();
    assert_eq!((come_in.status, come_in.header("location")), (303, "/desk/"));
    let cookie = come_in.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    assert!([200, 503].contains(&Ask::get(door.http, "/desk/").header("Cookie", &cookie).send().status));
    let snapshot = Ask::get(door.http, "/api/v1/sessions/current/snapshot").header("Cookie", &cookie).send();
    assert!(snapshot.text().contains("/home/someone"), "the owner sees all");
    assert_eq!(Ask::get(door.http, "/desk/?door=wrong").send().status, 401);
    let page = door.server.local_page("desk").expect("a plain door");
    assert!(page.expose().contains("/desk/?door=") && format!("{page:?}") == "***");
    let other = Door::open();
    assert_eq!(Ask::get(other.http, "/api/v1/sessions").token(token.expose()).send().status, 401, "another start has another token");
}

#[test]
fn every_answer_tells_browsers_to_be_careful() {
    let door = Door::open();
    for path in ["/nothing", "/api/v1/sessions", "/v/x/live.m3u8"] {
        let answer = Ask::get(door.http, path).send();
        assert_eq!((answer.header("x-content-type-options"), answer.header("referrer-policy")), ("nosniff", "no-referrer"));
        let csp = answer.header("content-security-policy");
        assert!(csp.contains("default-src 'none'") && csp.contains("media-src 'self' blob:") && csp.contains("frame-ancestors 'none'"), "{csp}");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    assert_eq!(Ask::get(door.http, "/nothing").send().refusal(), "not_found");
    let wrong = Ask::new(door.http, "PUT", "/whip/1").token(CAMERA).send();
    assert_eq!((wrong.status, wrong.refusal().as_str()), (405, "invalid"));
}

#[test]
fn tickets_are_given_by_those_who_may() {
    let door = Door::open();
    let ask = |token: &str, body: &str| Ask::post(door.http, "/api/v1/tickets").token(token).json(body).send();
    let ticket = ask(DIRECTOR, r#"{"role":"camera","slot":2}"#);
    assert_eq!((ticket.status, &ticket.json()["slot"], ticket.header("cache-control")), (200, &serde_json::json!(2), "no-store"));
    assert_eq!(ask(DIRECTOR, r#"{"role":"viewer","slot":null}"#).status, 200);
    assert_eq!(ask(DIRECTOR, r#"{"role":"owner"}"#).refusal(), "forbidden");
    assert_eq!(ask(OWNER, r#"{"role":"owner"}"#).status, 200);
    for bad in [
        r#"{"role":"camera"}"#,
        r#"{"role":"camera","slot":0}"#,
        r#"{"role":"camera","slot":33}"#,
        r#"{"role":"camera","slot":2,"kind":"crew"}"#,
        r#"{"role":"viewer","kind":"crew"}"#,
        r#"{"role":"viewer","kind":"forever"}"#,
        r#"{"role":"viewer","slot":1}"#,
        r#"{"role":"king"}"#,
        r#"{"role":"viewer","x":1}"#,
    ] {
        assert_eq!(ask(OWNER, bad).refusal(), "invalid", "{bad}");
    }
}

#[test]
fn logs_and_metrics_hold_no_secret() {
    let door = Door::open();
    let logs = Ask::get(door.http, "/api/v1/sessions/current/logs?max=5").token(OWNER).send();
    assert!(logs.text().contains("rtmp://a.example/live/***") && !logs.text().contains("s3cret"));
    assert_eq!(Ask::get(door.http, "/api/v1/sessions/current/logs?max=1").token(OWNER).send().json()["lines"].as_array().map(Vec::len), Some(1));
    let metrics = Ask::get(door.http, "/metrics").token(DIRECTOR).send();
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    for line in ["touchline_frames_total 12\n", "# TYPE touchline_http_connections gauge\n", "touchline_http_answers_total{class=\"2xx\"} "] {
        assert!(metrics.text().contains(line), "{line} in {}", metrics.text());
    }
}
