//! Tickets, the crew code, and taking access back, at a real studio's door.

use serde_json::{Value, json};
use tl_tests::{Stage, alone};

#[test]
fn a_personal_ticket_works_once_and_a_crew_code_asks_the_director() -> anyhow::Result<()> {
    let _alone = alone();
    let stage = Stage::open(|_| {})?;
    let owner = stage.owner()?;
    let stranger = stage.client("")?;
    let post = |client: &tl_tests::Client, path: &str, body: Value| -> anyhow::Result<(u16, Value)> {
        let (status, answer) = client.post(path, "application/json", &serde_json::to_vec(&body)?)?;
        Ok((status, serde_json::from_slice(&answer).unwrap_or_default()))
    };

    let (status, ticket) = post(&owner, "/api/v1/tickets", json!({ "role": "camera", "slot": 2 }))?;
    assert_eq!(status, 200, "{ticket}");
    assert!(ticket["page"].as_str().is_some_and(|page| page.contains("/phone/#ticket=")), "{ticket}");
    assert!(ticket["srt"]["passphrase"].as_str().is_some_and(|passphrase| passphrase.len() >= 10), "an app's settings are in it: {ticket}");
    assert!(ticket["rtmp"]["key"].as_str().is_some_and(|key| key.len() >= 16), "{ticket}");
    let (status, first) = post(&stranger, "/api/v1/join", json!({ "ticket": ticket["token"] }))?;
    assert_eq!((status, &first["slot"]), (200, &json!(2)), "{first}");
    let (status, second) = post(&stranger, "/api/v1/join", json!({ "ticket": ticket["token"] }))?;
    assert_eq!(status, 410, "a used ticket is void: {second}");
    let phone = stage.client(first["token"].as_str().expect("a token"))?;
    assert_eq!(phone.get("/api/v1/sessions/current/snapshot")?.0, 200);
    assert_eq!(phone.get("/api/v1/recordings")?.0, 403, "a camera sees no recordings");

    let (_, crew) = post(&owner, "/api/v1/tickets", json!({ "role": "camera", "kind": "crew" }))?;
    let (status, asked) = post(&stranger, "/api/v1/join", json!({ "code": crew["token"], "name": "Anna's phone" }))?;
    assert_eq!(status, 202, "{asked}");
    let waiting = stage.studio.snapshot().joins.clone();
    tl_tests::until("the director sees who waits", 5.0, || !stage.studio.snapshot().joins.is_empty())?;
    let seen = stage.studio.snapshot().joins.first().cloned().or_else(|| waiting.first().cloned()).expect("somebody waits");
    assert_eq!((seen.name.as_str(), asked["digits"].as_str()), ("Anna's phone", Some(seen.digits.as_str())));
    let (status, answer) = owner.command("admit", json!({ "type": "admit_phone", "request": seen.id, "slot": 3 }))?;
    assert_eq!(status, 200, "{answer}");
    let request = asked["request"].as_str().expect("a request");
    let (status, body) = stranger.get(&format!("/api/v1/join/{request}"))?;
    let admitted: Value = serde_json::from_slice(&body)?;
    assert_eq!((status, &admitted["slot"]), (200, &json!(3)), "{admitted}");
    assert_eq!(stranger.get(&format!("/api/v1/join/{request}"))?.0, 410, "its token is told once");

    let label = admitted["label"].as_str().expect("a label").to_owned();
    let phone = stage.client(admitted["token"].as_str().expect("a token"))?;
    assert_eq!(phone.get("/api/v1/sessions/current/snapshot")?.0, 200);
    let (status, answer) = owner.command("revoke", json!({ "type": "revoke_access", "label": label }))?;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(phone.get("/api/v1/sessions/current/snapshot")?.0, 401, "access was taken back");
    let (status, _) = owner.command("renew", json!({ "type": "renew_crew_code" }))?;
    assert_eq!(status, 200);
    let (status, _) = post(&stranger, "/api/v1/join", json!({ "code": crew["token"], "name": "Anna's phone" }))?;
    assert_eq!(status, 401, "the old code is void");
    let logs = owner.text("/api/v1/sessions/current/logs")?;
    for what in ["redeemed", "asked", "admitted", "revoked", "issued"] {
        assert!(logs.contains(what), "{what} is in the log");
    }
    assert!(!logs.contains(crew["token"].as_str().expect("a code")), "the log tells no code");
    stage.close()?;
    Ok(())
}
