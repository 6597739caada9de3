//! `kill -9` in the middle of a show: every file plays, the next start goes on where it was, and the phones return unaided.

use std::process::{Child, Command, Stdio};

use tl_base::SlotId;
use tl_rehearsal::Faults;
use tl_studio::{Links, Studio};
use tl_tests::{Client, Phones, alone, decodes_cleanly, duration_secs, quiet_config, until};

/// Under this name the test is its own studio process.
const AS_STUDIO: &str = "TOUCHLINE_TEST_STUDIO";

fn studio_process(data: &std::path::Path, port: u16) -> anyhow::Result<Child> {
    let itself = std::env::current_exe()?;
    let child = Command::new(itself)
        .args(["--exact", "the_studio_itself", "--nocapture"])
        .env(AS_STUDIO, format!("{port} {}", data.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    Ok(child)
}

/// Not a test of its own: the process that the other test starts and kills.
#[test]
fn the_studio_itself() -> anyhow::Result<()> {
    let Some(asked) = std::env::var(AS_STUDIO).ok() else { return Ok(()) };
    let (port, data) = asked.split_once(' ').expect("port and folder");
    let mut config = quiet_config(data.as_ref());
    config.https_port = port.parse()?;
    let studio = Studio::start(config)?;
    let links = studio.links();
    let told = serde_json::json!({ "base": links.base, "certificate": links.certificate, "owner": links.owner_token, "script": links.script_token, "cameras": links.camera_tokens, "session": studio.session_dir() });
    std::fs::write(std::path::Path::new(data).join("told.new"), told.to_string())?;
    std::fs::rename(std::path::Path::new(data).join("told.new"), std::path::Path::new(data).join("told.json"))?;
    // Ends when the other test closes our standard input.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    let problems = studio.stop();
    anyhow::ensure!(problems.is_empty(), "{problems:?}");
    Ok(())
}

fn told(data: &std::path::Path) -> anyhow::Result<serde_json::Value> {
    let file = data.join("told.json");
    until("the studio says where it is", 30.0, || file.is_file())?;
    Ok(serde_json::from_slice(&std::fs::read(&file)?)?)
}

#[test]
fn nothing_is_lost_but_a_second() -> anyhow::Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let mut child = studio_process(folder.path(), port)?;
    let first = told(folder.path())?;
    let certificate = std::fs::read_to_string(first["certificate"].as_str().expect("a path"))?;
    let text = |key: &str| first[key].as_str().expect("text").to_owned();
    let client = Client::new(&text("base"), &certificate, &text("owner"))?;
    let cameras: Vec<(SlotId, String)> = serde_json::from_value(first["cameras"].clone())?;
    let links = Links { base: text("base"), certificate: text("certificate").into(), script_token: text("script"), camera_tokens: cameras, ..Links::default() };
    let phones = Phones::start(&links, folder.path().join("truth.jsonl"), 2, Faults::none(), false)?;
    let live = || client.snapshot().map(|snapshot| snapshot.cameras.iter().filter(|camera| camera.is_live()).count()).unwrap_or(0);
    until("both phones are live", 90.0, || live() == 2)?;
    let (status, answer) = client.command("goal", serde_json::json!({ "type": "set_score", "side": "home", "points": 3 }))?;
    assert_eq!(status, 200, "{answer}");
    let started = client.snapshot()?.media_time;
    until("six seconds of show", 20.0, || client.snapshot().is_ok_and(|snapshot| (snapshot.media_time - started).as_secs_f64() > 6.0))?;

    let before = client.snapshot()?;
    child.kill()?;
    child.wait()?;
    std::fs::remove_file(folder.path().join("told.json"))?;
    let mut child = studio_process(folder.path(), port)?;
    let second = told(folder.path())?;
    assert_eq!(second["session"], first["session"], "the same session goes on");
    let after = client.snapshot()?;
    assert_eq!(after.era.0, before.era.0 + 1);
    assert_eq!(after.teams[0].score, 3, "the score is still there");
    until("both phones are back in their slots, unaided", 60.0, || live() == 2)?;
    until("the programme goes on", 10.0, || client.snapshot().is_ok_and(|snapshot| snapshot.output.frames > 60))?;
    let watch = client.watch()?;
    let playlist = client.text(&watch.replace("live.m3u8", "v0/media.m3u8"))?;
    assert!(playlist.contains("EXT-X-DISCONTINUITY-SEQUENCE:1") || playlist.contains("#EXT-X-DISCONTINUITY\n"), "viewers are told of the break:\n{playlist}");

    // Every part of the first run plays, and ends less than a second before the kill.
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(std::path::Path::new(first["session"].as_str().expect("a path")).join("recordings.json"))?)?;
    let killed = before.media_time.as_secs_f64();
    for entry in manifest.as_array().expect("a list") {
        let part = &entry["parts"][0];
        let path: std::path::PathBuf = serde_json::from_value(part["path"].clone())?;
        decodes_cleanly(&path)?;
        let end = part["start_ns"].as_i64().expect("a time") as f64 / 1e9 + duration_secs(&path)?;
        assert!(killed - end <= 1.0, "{}: {:.2} s are lost", path.display(), killed - end);
    }
    phones.finish()?;
    drop(child.stdin.take());
    assert!(child.wait()?.success());
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(std::path::Path::new(first["session"].as_str().expect("a path")).join("recordings.json"))?)?;
    for entry in manifest.as_array().expect("a list") {
        let path: std::path::PathBuf = serde_json::from_value(entry["path"].clone())?;
        assert!(entry["parts"].as_array().is_some_and(|parts| parts.len() >= 2), "{entry}");
        decodes_cleanly(&path)?;
    }
    Ok(())
}
