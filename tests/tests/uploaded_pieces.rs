//! A phone that uploads recorded pieces says where it stands and how good its picture is, and nothing that nobody counted is told as 0.

use std::process::Command;

use serde_json::{Value, json};
use tl_tests::{Client, Stage, alone, installed, skip, until};

/// Bytes of a piece.
const PIECE: usize = 20_000;

fn recording(folder: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    let path = folder.join("phone.webm");
    let live = ["-c:v", "libvpx", "-deadline", "realtime", "-g", "30", "-c:a", "libopus", "-live", "1", "-cluster_time_limit", "500"];
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=854x480:rate=30:duration=3", "-f", "lavfi", "-i", "sine=440:duration=3"])
        .args(["-pix_fmt", "yuv420p"])
        .args(live)
        .arg(&path)
        .status()?;
    anyhow::ensure!(made.success(), "ffmpeg made no recording");
    Ok(std::fs::read(path)?)
}

fn upload(phone: &Client, sequence: usize, said: &str, piece: &[u8]) -> anyhow::Result<(u16, String)> {
    let timestamp = 1_700_000_000_000_u64 + sequence as u64 * 100;
    let path = format!("/api/v1/sessions/current/cameras/2/chunks?seq={sequence}&timestamp={timestamp}{said}");
    let (status, body) = phone.post(&path, "video/webm;codecs=vp8,opus", piece)?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

#[test]
fn a_phone_that_uploads_says_where_it_stands_and_how_good_its_picture_is() -> anyhow::Result<()> {
    let _alone = alone();
    if !installed("ffmpeg") {
        skip("ffmpeg is not installed");
        return Ok(());
    }
    let stage = Stage::open(|_| {})?;
    let owner = stage.owner()?;
    let token = stage.studio.links().camera_tokens.iter().find(|(slot, _)| slot.0 == 2).map(|(_, token)| token.clone()).expect("camera 2 has a token");
    let phone = stage.client(&token)?;
    let bytes = recording(stage.folder())?;
    let pieces: Vec<&[u8]> = bytes.chunks(PIECE).collect();
    assert!(pieces.len() > 4, "{}", pieces.len());

    let (status, answer) = upload(&phone, 0, "&position=goal_line_1&quality=0.75", pieces[0])?;
    assert_eq!(status, 200, "{answer}");
    until("what it says is seen", 10.0, || stage.camera(2).is_some_and(|camera| camera.position == "goal_line_1" && camera.quality == Some(0.75)))?;
    let (status, answer) = upload(&phone, 1, "&position=goal_line_1&quality=0.5", pieces[1])?;
    assert_eq!(status, 200, "{answer}");
    until("its picture got worse", 10.0, || stage.camera(2).is_some_and(|camera| camera.quality == Some(0.5)))?;

    // A person's word goes before the phone's.
    let (status, answer) = owner.command("name", json!({ "type": "name_camera", "slot": 2, "name": "Anna", "position": "bench_side" }))?;
    assert_eq!(status, 200, "{answer}");
    for (sequence, piece) in pieces.iter().enumerate().skip(2) {
        let (status, answer) = upload(&phone, sequence, "&position=center_ice", piece)?;
        assert_eq!(status, 200, "{answer}");
    }
    until("it says nothing of its picture any more", 10.0, || stage.camera(2).is_some_and(|camera| camera.quality.is_none()))?;
    until("its pictures are decoded", 20.0, || stage.camera(2).is_some_and(|camera| camera.frames > 30))?;
    let camera = stage.camera(2).expect("it is there");
    assert_eq!((camera.name.as_str(), camera.position.as_str()), ("Anna", "bench_side"));

    // Nobody counts an upload's lost pictures.
    let snapshot: Value = serde_json::from_str(&owner.text("/api/v1/sessions/current/snapshot")?)?;
    let told = snapshot["cameras"].as_array().and_then(|cameras| cameras.iter().find(|camera| camera["slot"] == 2)).cloned().expect("it is told");
    assert_eq!((&told["lost"], &told["stats"]["loss"]), (&Value::Null, &Value::Null), "{told}");
    let metrics = owner.text("/metrics")?;
    assert!(metrics.contains("touchline_camera_frames_total{slot=\"2\"}") && !metrics.contains("touchline_camera_lost_total{slot=\"2\"}"), "{metrics}");
    stage.close()?;
    Ok(())
}
