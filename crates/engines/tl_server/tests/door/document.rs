use std::collections::BTreeSet;

use serde_json::{Value, json};
use tl_base::SlotId;
use tl_server::routes::{Access, Method, ROUTES};
use tl_show::{Action, Fact, Graphic, Layout, Side, SoundChoice, SourceState, TransitionKind};

use crate::client::Ask;
use crate::fake::{DIRECTOR, Door, OWNER};

fn document(door: &Door) -> Value {
    Ask::get(door.http, "/api/v1/openapi.json").token(OWNER).send().json()
}

#[test]
fn the_document_and_the_table_name_the_same_routes_and_roles() {
    let door = Door::open();
    let document = document(&door);
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, about) in methods.as_object().unwrap() {
            let roles = about.get("x-roles").map(|roles| roles.as_array().unwrap().iter().map(|role| role.as_str().unwrap().to_owned()).collect::<Vec<_>>());
            described.insert((path.clone(), method.clone(), roles));
            for name in path.split(['{', '}']).skip(1).step_by(2) {
                assert!(about["parameters"].as_array().unwrap().iter().any(|known| known["name"] == name), "{method} {path} lacks {name}");
            }
        }
    }
    let mounted: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| {
            let method = match route.method {
                Method::Get => "get",
                Method::Post => "post",
                Method::Put => "put",
                Method::Delete => "delete",
                Method::Options => "options",
            };
            let roles = match route.access {
                Access::Roles(roles) => Some(roles.iter().map(|role| json!(role).as_str().unwrap().to_owned()).collect()),
                _ => None,
            };
            (route.path.replace("{*", "{"), method.to_owned(), roles)
        })
        .collect();
    assert_eq!(described, mounted);
}

#[test]
fn answers_have_the_form_that_the_document_says() {
    let door = Door::open();
    let document = document(&door);
    door.fake.happen(Fact::CutMade {
        from: None,
        to: Some(SlotId(1)),
        transition: TransitionKind::Cut,
        duration_ms: 0,
        by: "director".to_owned(),
        reason: String::new(),
    });
    let get = |path: &str| Ask::get(door.http, path).token(OWNER).send().json();
    let check = |value: &Value, name: &str| {
        fits(&document, value, &json!({"$ref": format!("#/components/schemas/{name}")})).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    check(&get("/api/v1/sessions/current/snapshot"), "Snapshot");
    check(&get("/api/v1/sessions/current/status"), "Status");
    check(&get("/api/v1/sessions/current/health"), "Health");
    check(&get("/api/v1/sessions/current/logs"), "Logs");
    get("/api/v1/sessions").as_array().unwrap().iter().for_each(|session| check(session, "SessionSummary"));
    get("/api/v1/sessions/current/recordings").as_array().unwrap().iter().for_each(|recording| check(recording, "Recording"));
    for recording in get("/api/v1/sessions/s0/recordings").as_array().unwrap() {
        check(recording, "Recording");
    }
    check(&get("/api/v1/recordings"), "AllRecordings");
    check(&get("/api/v1/devices")[0], "Device");
    check(&get("/api/v1/destinations"), "Destinations");
    check(&get("/api/v1/clock"), "Clock");
    check(&get("/nothing"), "Refusal");
    let post = |path: &str, body: &str| Ask::post(door.http, path).token(DIRECTOR).json(body).send().json();
    check(&post("/api/v1/watch", "{}"), "WatchGrant");
    check(&post("/api/v1/tickets", r#"{"role":"viewer"}"#), "JoinTicket");
    get("/api/v1/tickets").as_array().unwrap().iter().for_each(|ticket| check(ticket, "Ticket"));
    let ticket = post("/api/v1/tickets", r#"{"role":"camera","slot":2}"#)["token"].as_str().unwrap().to_owned();
    check(&post("/api/v1/join", &json!({ "ticket": ticket }).to_string()), "Joined");
    let code = post("/api/v1/tickets", r#"{"role":"camera","kind":"crew"}"#)["token"].as_str().unwrap().to_owned();
    check(&post("/api/v1/join", &json!({ "code": code, "name": "Anna" }).to_string()), "JoinWaiting");
    let piece = Ask::post(door.http, "/api/v1/sessions/current/cameras/1/chunks?seq=0&timestamp=1").token(DIRECTOR).header("Content-Type", "video/webm");
    check(&piece.body(b"x").send().json(), "ChunkAnswer");
    check(&Ask::new(door.http, "DELETE", "/api/v1/tickets/guest").token(DIRECTOR).send().json(), "TicketsRevoked");
    for what in streaming() {
        door.fake.streaming.push(tl_base::Wall(1), what);
    }
    for event in door.fake.streaming.after(0, 9) {
        check(&serde_json::to_value(event).unwrap(), "StreamingEvent");
    }
    check(&post("/api/v1/login", &format!(r#"{{"token":"{OWNER}"}}"#)), "LoggedIn");
    check(&post("/api/v1/sessions/current/commands", r#"{"id":"a","command":{"type":"take"}}"#), "Done");
    check(&serde_json::to_value(&door.fake.events.lock().unwrap()[0]).unwrap(), "Event");
    for state in [SourceState::Empty, SourceState::Joining, SourceState::Live, SourceState::Stale, SourceState::Lost, SourceState::Returning] {
        check(&json!(state), "SourceState");
    }
    for action in actions() {
        check(&json!({"id": "a", "command": action}), "Command");
    }
    assert!(fits(&document, &json!({"type": "fly"}), &document["components"]["schemas"]["Action"]).is_err());
}

fn streaming() -> [tl_server::Streaming; 5] {
    use tl_server::Streaming;
    let (kind, text) = (|| "video".to_owned(), || "x".to_owned());
    [
        Streaming::SegmentReady { kind: kind(), name: text(), msn: 1, seconds: 2.0, bytes: 3, latency_ms: Some(4.0) },
        Streaming::ManifestUpdated { kind: kind(), path: text(), msn: 1, bytes: 2 },
        Streaming::TranscodeCompleted { played_s: 1.0, segments_ready: 2, segments_failed: 0 },
        Streaming::TranscodeFailed { kind: kind(), reason: text() },
        Streaming::ProgressUpdate { played_s: 1.0, segments_ready: 2, segments_failed: 0 },
    ]
}

fn actions() -> Vec<Action> {
    let (slot, side, kind) = (SlotId(1), Side::Home, TransitionKind::Wipe);
    let text = || "x".to_owned();
    vec![
        Action::Cut { slot },
        Action::Preview { slot },
        Action::Take {},
        Action::Mix { kind: None, duration_ms: Some(40) },
        Action::SetTransition { kind, duration_ms: 500 },
        Action::SetLayout { layout: Layout::SideBySide { right: slot } },
        Action::SetLayout { layout: Layout::PictureInPicture { inset: slot } },
        Action::Slate { on: true },
        Action::SetTeam { side, name: text(), short: text(), colour: "#000000".to_owned() },
        Action::AddScore { side, points: -1 },
        Action::SetScore { side: Side::Away, points: 1 },
        Action::StartClock {},
        Action::StopClock {},
        Action::SetClock { millis: 1 },
        Action::SetPeriod { period: 1 },
        Action::Graphic { graphic: Graphic::LowerThird, on: true, title: Some(text()), subtitle: None },
        Action::SetSound { sound: SoundChoice::Fixed { slot } },
        Action::SetFader { slot, gain_db: -3.0, muted: false, delay_ms: 1 },
        Action::NameCamera { slot, name: text(), position: text() },
        Action::SetTrim { slot, trim_ms: -20 },
        Action::SyncSources { by: tl_show::SyncKind::Clap, reference: Some(slot) },
        Action::SetPriority { slot, priority: 1 },
        Action::SetSoundProcessing { ducking_db: 12.0, riding: false },
        Action::Talk { to: Some(SlotId::COMMENTARY), on: true },
        Action::SendText { to: None, text: text() },
        Action::Disconnect { slot: SlotId::COMMENTARY },
        Action::AdmitPhone { request: text(), slot },
        Action::RefusePhone { request: text() },
        Action::RevokeAccess { label: text() },
        Action::RenewCrewCode {},
        Action::VerifyRecording { id: text() },
        Action::RepairRecording { id: text() },
        Action::DeleteRecording { id: text() },
        Action::Undo {},
        Action::Destination { name: text(), on: true },
        Action::EndSession {},
    ]
}

/// As much of JSON Schema as the document uses.
fn fits(document: &Value, value: &Value, schema: &Value) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let pointed = document.pointer(name.trim_start_matches('#')).ok_or(format!("no {name}"))?;
        return fits(document, value, pointed);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let errors: Vec<String> = choices.iter().filter_map(|choice| fits(document, value, choice).err()).collect();
        return if errors.len() < choices.len() { Ok(()) } else { Err(format!("{value} fits none: {errors:?}")) };
    }
    if let Some(only) = schema.get("const") {
        return if only == value { Ok(()) } else { Err(format!("{value} is not {only}")) };
    }
    if let Some(words) = schema["enum"].as_array() {
        return if words.contains(value) { Ok(()) } else { Err(format!("{value} is none of {words:?}")) };
    }
    match schema["type"].as_str() {
        Some("object") => fits_object(document, value, schema),
        Some("array") => value.as_array().ok_or(format!("{value} is no array"))?.iter().try_for_each(|item| fits(document, item, &schema["items"])),
        Some("string") if value.is_string() => Ok(()),
        Some("boolean") if value.is_boolean() => Ok(()),
        Some("null") if value.is_null() => Ok(()),
        Some("integer") if value.is_i64() || value.is_u64() => Ok(()),
        Some("number") if value.is_number() => Ok(()),
        other => Err(format!("{value} is not {other:?}")),
    }
}

fn fits_object(document: &Value, value: &Value, schema: &Value) -> Result<(), String> {
    let object = value.as_object().ok_or(format!("{value} is no object"))?;
    for name in schema["required"].as_array().into_iter().flatten() {
        object.get(name.as_str().unwrap_or_default()).ok_or(format!("{name} is missing in {value}"))?;
    }
    for (name, field) in object {
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(known), _) => fits(document, field, known).map_err(|error| format!("{name}: {error}"))?,
            (None, Some(Value::Bool(false))) => return Err(format!("{name} is not described")),
            (None, Some(other)) => fits(document, field, other)?,
            (None, None) => {}
        }
    }
    Ok(())
}
