//! What comes through the door wrong is refused clearly, and nothing else is disturbed.

use tl_rehearsal::Faults;
use tl_tests::{Stage, alone};

#[test]
fn strangers_garbage_and_second_publishers_are_refused() -> anyhow::Result<()> {
    let _alone = alone();
    let stage = Stage::open(|_| {})?;
    let phones = stage.phones(1, Faults::none(), false)?;
    let owner = stage.owner()?;
    let links = stage.studio.links().clone();
    let camera = |index: usize| stage.client(&links.camera_tokens[index].1);

    // Another phone on a taken slot; a ticket for another slot; garbage for an offer.
    let offer = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
    let (status, body) = owner.post("/whip/1", "application/sdp", offer)?;
    assert!(status == 409, "a second publisher: {status} {}", String::from_utf8_lossy(&body));
    let (status, _) = camera(1)?.post("/whip/1", "application/sdp", offer)?;
    assert_eq!(status, 403, "a ticket for another slot");
    for garbage in [&b""[..], b"\xff\xfe\x00", b"v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", &[b'a'; 60_000]] {
        let (status, body) = camera(1)?.post("/whip/2", "application/sdp", garbage)?;
        assert!((400..500).contains(&status), "{status} {}", String::from_utf8_lossy(&body));
    }
    let (status, _) = camera(1)?.post("/whip/2", "application/sdp", &vec![b'a'; 200_000])?;
    assert_eq!(status, 413);

    // Commands that make no sense, twice the same, and from those who may not.
    for (command, expect) in [
        (serde_json::json!({ "type": "cut", "slot": 5 }), 409),
        (serde_json::json!({ "type": "set_score", "side": "home", "points": 100_000 }), 400),
        (serde_json::json!({ "type": "launch" }), 400),
        (serde_json::json!({ "type": "destination", "name": "nowhere", "on": true }), 404),
    ] {
        let (status, answer) = owner.command(&format!("id {command}").chars().take(60).collect::<String>(), command.clone())?;
        assert_eq!(status, expect, "{command}: {answer}");
        assert!(answer["message"].as_str().or(answer["refused"]["message"].as_str()).is_some_and(|message| message.len() > 10), "{answer}");
    }
    let goal = serde_json::json!({ "type": "add_score", "side": "away", "points": 1 });
    let (_, first) = owner.command("goal-1", goal.clone())?;
    let (_, again) = owner.command("goal-1", goal.clone())?;
    assert_eq!(first, again, "the same id acts once");
    assert_eq!(stage.studio.snapshot().teams[1].score, 1);
    let (status, _) = camera(0)?.command("goal-2", goal)?;
    assert_eq!(status, 403, "a camera does not keep score");
    let (status, _) = stage.client("not-a-token")?.get("/api/v1/sessions/current/snapshot")?;
    assert_eq!(status, 401);
    let text = String::from_utf8(stage.client(&links.camera_tokens[0].1)?.get("/api/v1/sessions/current/snapshot")?.1)?;
    assert!(!text.contains(&links.owner_token) && !text.contains("recordings/"), "a camera sees its own: {text}");

    let snapshot = stage.studio.snapshot();
    assert!(snapshot.cameras.iter().any(|camera| camera.slot.0 == 1 && camera.is_live()), "the first phone still sends");
    phones.finish()?;
    stage.close()?;
    Ok(())
}
