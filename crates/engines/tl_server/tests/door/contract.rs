//! The names that the streaming design fixes, one after the other: states, events, routes, and what a content id is.

use bytes::Bytes;
use serde_json::{Value, json};
use tl_base::Wall;
use tl_playlist::vod::Manifest;
use tl_server::Streaming;
use tl_store::Hash;
use tl_wire::SessionState;

use crate::client::{Ask, Stream};
use crate::fake::{DIRECTOR, Door, OWNER, VIEWER};

fn get(door: &Door, path: &str) -> Value {
    let answer = Ask::get(door.http, path).token(OWNER).send();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

#[test]
fn sessions_have_five_states_and_status_health_and_logs_tell_them() {
    let door = Door::open();
    for (state, name) in [
        (SessionState::Starting, "Starting"),
        (SessionState::Running, "Running"),
        (SessionState::Completed, "Completed"),
        (SessionState::Stored, "Stored"),
        (SessionState::Failed, "Failed"),
    ] {
        door.fake.snapshot.lock().unwrap().state = state;
        assert_eq!(get(&door, "/api/v1/sessions/current/status")["state"], name);
        assert_eq!(get(&door, "/api/v1/sessions/s1/status")["state"], name);
    }
    assert_eq!(get(&door, "/api/v1/sessions")[0]["state"], "Stored");
    assert!(get(&door, "/api/v1/sessions/current/logs")["lines"].is_array());
    // Before the first segment nothing is known of delivery.
    assert_eq!(get(&door, "/api/v1/sessions/current/health")["delivery"], Value::Null);
    for at in 1..=4 {
        let segment = Streaming::SegmentReady { kind: "video".to_owned(), name: format!("v0/s{at}.m4s"), msn: at, seconds: 2.0, bytes: 9, latency_ms: None };
        let progress = Streaming::ProgressUpdate { played_s: 2.0 * at as f64, segments_ready: at, segments_failed: 1 };
        let wall = Wall(Wall::now().0 - (4 - at as i64) * 2_000_000);
        door.fake.streaming.push(wall, segment);
        door.fake.streaming.push(wall, progress);
    }
    let health = get(&door, "/api/v1/sessions/current/health");
    // Encode rate, segments ready n of m, buffer health, cpu, memory, network and alerts.
    let delivery = &health["delivery"];
    assert!((delivery["encode_rate"].as_f64().unwrap() - 1.0).abs() < 0.05, "{delivery}");
    assert_eq!((&delivery["segments_ready"], &delivery["segments_failed"], &delivery["played_s"]), (&json!(4), &json!(1), &json!(8.0)));
    assert!(delivery["newest_segment_age_s"].as_f64().unwrap() >= 0.0);
    for (group, name) in
        [("machine", "cpu"), ("machine", "rss_bytes"), ("machine", "network_out_bps"), ("machine", "disk_free_bytes"), ("programme", "encoder")]
    {
        assert!(health[group].get(name).is_some(), "{group}.{name} is missing in {health}");
    }
    assert_eq!(health["warnings"][0]["about"], "disk");
}

#[test]
fn five_events_tell_of_segments_and_sessions() {
    let door = Door::open();
    let kind = || "video".to_owned();
    let events = [
        (
            Streaming::SegmentReady { kind: kind(), name: "v0/s1.m4s".to_owned(), msn: 1, seconds: 2.0, bytes: 9, latency_ms: Some(80.0) },
            "SegmentReady",
            "latency_ms",
        ),
        (Streaming::ManifestUpdated { kind: kind(), path: "v0/media.m3u8".to_owned(), msn: 1, bytes: 99 }, "ManifestUpdated", "path"),
        (Streaming::ProgressUpdate { played_s: 2.0, segments_ready: 1, segments_failed: 0 }, "ProgressUpdate", "played_s"),
        (Streaming::TranscodeFailed { kind: kind(), reason: "no pictures".to_owned() }, "TranscodeFailed", "reason"),
        (Streaming::TranscodeCompleted { played_s: 2.0, segments_ready: 1, segments_failed: 0 }, "TranscodeCompleted", "segments_ready"),
    ];
    for (what, ..) in &events {
        door.fake.streaming.push(Wall(1), what.clone());
    }
    let path = "/api/v1/sessions/current/streaming/events?after=0";
    assert_eq!(Ask::get(door.http, path).token(VIEWER).send().status, 403);
    let mut stream = Stream::open(Ask::get(door.http, path).token(DIRECTOR));
    stream.next();
    // What waited comes as one piece; its events are told apart by their numbers.
    let mut heard: Vec<Value> = Vec::new();
    while heard.len() < events.len() {
        let block = stream.next().expect("an event");
        heard.extend(block.lines().filter_map(|line| line.strip_prefix("data: ")).map(|json| serde_json::from_str::<Value>(json).unwrap()));
    }
    for ((_, name, field), (event, seq)) in events.iter().zip(heard.iter().zip(1_u64..)) {
        assert_eq!((&event["type"], &event["seq"]), (&json!(name), &json!(seq)), "{event}");
        assert!(event.get(*field).is_some(), "{name} lacks {field}");
    }
}

#[test]
fn a_content_id_is_the_hash_of_the_manifest_and_opens_info_dash_video_and_audio() {
    let door = Door::open();
    let blob = |text: &str| door.fake.content.put(&[Bytes::copy_from_slice(text.as_bytes())]).unwrap();
    let rendition = |kind: &str, codecs: &str| {
        let size = (kind == "video").then(|| json!({"width": 1280, "height": 720}));
        let rate = (kind == "video").then(|| json!({"num": 30, "den": 1}));
        json!({"kind": kind, "codecs": codecs, "size": size, "rate": rate, "bandwidth": 128_000, "init": blob(&format!("{kind} init")),
            "segments": [{"time": 0, "duration": 96_000, "hash": blob(&format!("{kind} one")), "bytes": 9, "discontinuity": false, "init": null}]})
    };
    let manifest: Manifest = serde_json::from_value(json!({"renditions": [rendition("video", "avc1.64001f"), rendition("audio", "mp4a.40.2")]})).unwrap();
    let text = manifest.to_json();
    let id = door.fake.content.put_manifest(&text).unwrap();
    assert_eq!(id, Hash::of(&[Bytes::from(text.clone())]), "SHA-256 of the canonical manifest");
    let ask = |rest: &str| Ask::get(door.http, &format!("/api/v1/content/{rest}")).token(DIRECTOR).send();
    assert_eq!(ask(&format!("{id}/")).text(), text);
    let info = ask(&format!("{id}/info")).json();
    assert_eq!((&info["hash"], &info["session"]["codecs"]), (&json!(id), &json!(["avc1.64001f", "mp4a.40.2"])));
    assert!(ask(&format!("{id}/manifest.mpd")).text().contains("audio/"));
    for (path, kind, text) in [
        ("video/init.mp4", "video/mp4", "video init"),
        ("video/1.m4s", "video/mp4", "video one"),
        ("audio/init.mp4", "audio/mp4", "audio init"),
        ("audio/1.m4s", "audio/mp4", "audio one"),
    ] {
        let answer = ask(&format!("{id}/{path}"));
        assert_eq!((answer.status, answer.header("content-type"), answer.text().as_str()), (200, kind, text), "{path}");
        assert!(answer.header("cache-control").contains("immutable") && answer.header("accept-ranges") == "bytes", "{path}");
    }
    // By its session's id it is found too, and sent to its lasting name.
    for rest in ["", "info", "manifest.mpd", "video/1.m4s"] {
        let moved = ask(&format!("s0/{rest}"));
        assert_eq!((moved.status, moved.header("location")), (307, format!("/api/v1/content/{id}/{rest}").as_str()));
    }
}
