//! What is taken back ends at once, running pictures included: pages, viewers, and apps that know a slot's keys.

use std::net::IpAddr;
use std::time::Instant;

use serde_json::{Value, json};
use tl_rtc::watch::{Event, Watcher};
use tl_tests::{Client, Stage, alone, ffmpeg_to, installed, skip, until};

fn post(client: &Client, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
    let (status, answer) = client.post(path, "application/json", &serde_json::to_vec(body)?)?;
    Ok((status, serde_json::from_slice(&answer).unwrap_or_default()))
}

fn take_back(client: &Client, label: &str) -> anyhow::Result<u16> {
    Ok(client.command(&format!("take back {label}"), json!({ "type": "revoke_access", "label": label }))?.0)
}

#[test]
fn a_viewer_s_page_stream_and_pictures_end_with_the_command() -> anyhow::Result<()> {
    let _alone = alone();
    let stage = Stage::open(|_| {})?;
    let (owner, stranger) = (stage.owner()?, stage.client("")?);
    let (_, ticket) = post(&owner, "/api/v1/tickets", &json!({ "role": "viewer" }))?;
    let (status, joined) = post(&stranger, "/api/v1/join", &json!({ "ticket": ticket["token"] }))?;
    assert_eq!(status, 200, "{joined}");
    let (token, label) = (joined["token"].as_str().expect("a token"), joined["label"].as_str().expect("a label"));
    let viewer = stage.client(token)?;
    let playlist = viewer.watch()?;
    assert_ne!(viewer.get(&playlist)?.0, 410, "the link for watching holds");

    let mut watcher = Watcher::new(IpAddr::from([127, 0, 0, 1]))?;
    let (status, answer) = viewer.post("/whep", "application/sdp", watcher.offer()?.as_bytes())?;
    assert_eq!(status, 201);
    watcher.accept(std::str::from_utf8(&answer)?)?;
    let mut seen = Vec::new();
    let mut happened = |wanted: &Event| {
        watcher.poll(Instant::now());
        seen.extend(std::iter::from_fn(|| watcher.next_event()));
        seen.contains(wanted)
    };
    until("the viewer is connected", 20.0, || happened(&Event::Connected))?;
    until("the viewer is counted", 5.0, || stage.studio.snapshot().viewers_whep == 1)?;
    let listener = stage.client(token)?;
    let stream = std::thread::spawn(move || listener.get("/api/v1/sessions/current/events"));
    until("the page's stream is open", 10.0, || owner.text("/metrics").is_ok_and(|text| text.lines().any(|line| line.ends_with("event_streams 1"))))?;

    assert_eq!(take_back(&owner, label)?, 200);
    let (status, _) = stream.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
    assert_eq!(status, 200, "the stream was open, and ended before the client lost its patience");
    until("the viewer's pictures ended", 10.0, || happened(&Event::Closed))?;
    until("nobody is counted", 5.0, || stage.studio.snapshot().viewers_whep == 0)?;
    assert_eq!(viewer.get(&playlist)?.0, 410, "the link for watching ended");
    assert_eq!(viewer.get("/api/v1/sessions/current/snapshot")?.0, 401);
    let again = Watcher::new(IpAddr::from([127, 0, 0, 1]))?.offer()?;
    assert_eq!(viewer.post("/whep", "application/sdp", again.as_bytes())?.0, 401);
    stage.close()?;
    Ok(())
}

#[test]
fn an_owner_s_link_is_not_a_director_s_to_take_back() -> anyhow::Result<()> {
    let _alone = alone();
    let stage = Stage::open(|_| {})?;
    let (owner, director) = (stage.owner()?, stage.client(&stage.studio.links().script_token)?);
    assert_eq!((take_back(&director, "owner")?, director.delete("/api/v1/tickets/owner")?), (403, 403));
    assert_eq!(owner.get("/api/v1/sessions/current/snapshot")?.0, 200, "the owner is still in");
    assert_eq!(take_back(&director, "nobody of this name")?, 404);
    assert_eq!(take_back(&owner, "script")?, 200);
    assert_eq!(director.get("/api/v1/sessions/current/snapshot")?.0, 401, "a director's is the owner's to take back");
    stage.close()?;
    Ok(())
}

#[test]
fn apps_are_cut_off_with_their_keys_and_come_back_by_a_new_invitation() -> anyhow::Result<()> {
    let _alone = alone();
    if !installed("ffmpeg") {
        skip("ffmpeg is not installed");
        return Ok(());
    }
    let stage = Stage::open(|_| {})?;
    let owner = stage.owner()?;
    let invite = |slot: u16| -> anyhow::Result<(String, String)> {
        let (status, ticket) = post(&owner, "/api/v1/tickets", &json!({ "role": "camera", "slot": slot }))?;
        anyhow::ensure!(status == 200, "{ticket}");
        let told = |of: &str, what: &str| ticket[of][what].as_str().map(str::to_owned).unwrap_or_default();
        let srt = format!("{}?streamid={}&passphrase={}&latency=120000", told("srt", "url"), told("srt", "stream_id"), told("srt", "passphrase"));
        Ok((srt, format!("{}/{}", told("rtmp", "url"), told("rtmp", "key"))))
    };
    let ((srt, _), (_, rtmp)) = (invite(1)?, invite(2)?);
    let mut by_srt = ffmpeg_to("mpegts", &srt)?;
    let mut by_rtmp = ffmpeg_to("flv", &rtmp)?;
    until("both are live", 60.0, || stage.is_live(1) && stage.is_live(2))?;

    assert_eq!(take_back(&owner, "camera 1")?, 200);
    assert!(!stage.is_live(1), "it is gone when the command is answered");
    until("the SRT app was cut off", 20.0, || !by_srt.runs())?;
    assert!(stage.is_live(2) && by_rtmp.runs(), "the other goes on");
    assert_eq!(take_back(&owner, "camera 2")?, 200);
    assert!(!stage.is_live(2), "it is gone when the command is answered");
    until("the RTMP app was cut off", 20.0, || !by_rtmp.runs())?;

    let frames = |slot: u16| stage.camera(slot).map(|camera| camera.frames);
    let before = (frames(1), frames(2));
    let (mut old_srt, mut old_rtmp) = (ffmpeg_to("mpegts", &srt)?, ffmpeg_to("flv", &rtmp)?);
    until("the old keys open nothing", 30.0, || !old_srt.runs() && !old_rtmp.runs())?;
    assert_eq!((frames(1), frames(2)), before);

    let ((new_srt, _), (_, new_rtmp)) = (invite(1)?, invite(2)?);
    assert!(new_srt != srt && new_rtmp != rtmp);
    assert_eq!(new_srt.split('?').next(), srt.split('?').next(), "the port stays");
    let back = (ffmpeg_to("mpegts", &new_srt)?, ffmpeg_to("flv", &new_rtmp)?);
    until("both are back by their new invitations", 60.0, || stage.is_live(1) && stage.is_live(2))?;
    drop(back);
    stage.close()?;
    Ok(())
}
