//! Cameras that speak five protocols, sent by programs that are not ours, are cameras like any other.

use std::net::{TcpStream, UdpSocket};

use serde_json::json;
use tl_show::SourceState;
use tl_tests::{MjpegCamera, Stage, alone, clip, decodes_cleanly, duration_secs, ffmpeg_once, ffmpeg_to, installed, skip, until, vlc_rtsp};

#[test]
fn apps_ip_cameras_and_files_are_cut_to_like_phones() -> anyhow::Result<()> {
    let _alone = alone();
    if !installed("ffmpeg") {
        skip("ffmpeg is not installed");
        return Ok(());
    }
    let stage = Stage::open(|_| {})?;
    let owner = stage.owner()?;
    let folder = tempfile::tempdir()?;
    let file = clip(folder.path(), 60)?;
    let srt = ffmpeg_to("mpegts", &stage.srt_url(1)?)?;
    let rtmp = ffmpeg_to("flv", &stage.rtmp_url(2)?)?;
    let mjpeg = MjpegCamera::start(folder.path())?;
    let set = |slot: u16, setup| owner.put(&format!("/api/v1/sessions/current/cameras/{slot}/source"), &setup);
    assert_eq!(set(3, json!({ "protocol": "mjpeg", "url": mjpeg.url }))?.0, 204);
    assert_eq!(set(4, json!({ "protocol": "file", "path": file }))?.0, 204);
    let mut slots = vec![1, 2, 3, 4];
    let vlc = if installed("cvlc") && installed("setpriv") { Some(vlc_rtsp(&file)?) } else { None };
    match &vlc {
        Some((_, url)) => {
            assert_eq!(set(5, json!({ "protocol": "rtsp", "url": url }))?.0, 204);
            slots.push(5);
        }
        None => skip("VLC, an RTSP server that is not ours, is not installed"),
    }
    until("every camera is live", 60.0, || slots.iter().all(|slot| stage.is_live(*slot)))?;

    for slot in &slots {
        let (status, answer) = owner.command(&format!("cut {slot}"), json!({ "type": "cut", "slot": slot }))?;
        assert_eq!(status, 200, "{answer}");
        let frames = stage.studio.snapshot().output.frames;
        until("it is on air for a second", 10.0, || {
            let snapshot = stage.studio.snapshot();
            snapshot.program.live.is_some_and(|live| live.0 == *slot) && snapshot.output.frames > frames + 30
        })?;
    }
    let protocols: Vec<String> = slots.iter().filter_map(|slot| Some(stage.camera(*slot)?.protocol)).collect();
    assert_eq!(protocols, ["srt", "rtmp", "mjpeg", "file", "rtsp"][..slots.len()]);
    for slot in [1, 2, 4] {
        assert!(stage.camera(slot).is_some_and(|camera| camera.level_dbfs.is_some_and(|level| level > -40.0)), "camera {slot} is heard");
    }
    let snapshot = stage.studio.snapshot();
    assert_eq!(snapshot.output.black, 0);
    let secrets = serde_json::to_string(&*snapshot)?;
    let app = stage.app(1)?;
    assert!(!secrets.contains(&app.srt_passphrase) && !secrets.contains(&stage.app(2)?.rtmp_key), "a snapshot tells no secret");

    drop((srt, rtmp));
    until("whoever left is lost, and the place is free", 15.0, || {
        [1, 2].iter().all(|slot| stage.camera(*slot).is_some_and(|camera| camera.state == SourceState::Lost))
    })?;
    let again = ffmpeg_to("mpegts", &stage.srt_url(1)?)?;
    until("the app is back in its own slot", 20.0, || stage.is_live(1))?;
    assert!(stage.camera(1).is_some_and(|camera| camera.reconnects == 1));
    drop(again);

    let session = stage.studio.session_dir().to_path_buf();
    let kept = stage.close()?;
    for slot in slots {
        let found = std::fs::read_dir(session.join("recordings"))?.filter_map(Result::ok).map(|entry| entry.path());
        let parts: Vec<_> = found.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("cam{slot}")))).collect();
        assert!(!parts.is_empty(), "camera {slot} was recorded");
        for part in parts {
            decodes_cleanly(&part)?;
        }
    }
    drop(kept);
    Ok(())
}

#[test]
fn a_taken_slot_refuses_a_second_sender_whatever_it_speaks() -> anyhow::Result<()> {
    let _alone = alone();
    if !installed("ffmpeg") {
        skip("ffmpeg is not installed");
        return Ok(());
    }
    let stage = Stage::open(|_| {})?;
    let first = ffmpeg_to("mpegts", &stage.srt_url(1)?)?;
    until("the first is live", 30.0, || stage.is_live(1))?;
    let before = stage.camera(1).expect("it is there");
    let mut second = ffmpeg_to("flv", &stage.rtmp_url(1)?)?;
    until("the second was sent away", 20.0, || !second.runs())?;
    let mut third = ffmpeg_to("mpegts", &stage.srt_url(1)?)?;
    until("the third was sent away", 20.0, || !third.runs())?;
    let after = stage.camera(1).expect("it is there");
    assert_eq!((after.protocol.as_str(), after.reconnects), ("srt", before.reconnects), "{after:?}");
    assert!(after.is_live() && after.frames > before.frames);
    drop(first);
    stage.close()?;
    Ok(())
}

#[test]
fn wrong_keys_and_garbage_cost_a_refused_request() -> anyhow::Result<()> {
    let _alone = alone();
    if !installed("ffmpeg") {
        skip("ffmpeg is not installed");
        return Ok(());
    }
    let stage = Stage::open(|_| {})?;
    let good = ffmpeg_to("flv", &stage.rtmp_url(2)?)?;
    until("the good one is live", 30.0, || stage.is_live(2))?;
    let app = stage.app(1)?;
    let srt = app.srt.clone().expect("it listens");
    let mut wrong = [
        ffmpeg_to("mpegts", &format!("{srt}?streamid={}&passphrase=this-is-not-the-passphrase", app.srt_stream_id))?,
        ffmpeg_to("mpegts", &format!("{srt}?streamid=somebody-else&passphrase={}", app.srt_passphrase))?,
        ffmpeg_to("flv", &format!("{}/not-a-key", app.rtmp.clone().expect("it is open")))?,
    ];
    // Nonsense to every port that apps may reach.
    let udp = UdpSocket::bind(("127.0.0.1", 0))?;
    let rtmp = app.rtmp.as_deref().and_then(|url| url.strip_prefix("rtmp://")?.split('/').next()).expect("an address");
    for round in 0_u32..200 {
        let bytes: Vec<u8> = (0..(round * 7) % 1_300).map(|at| (at.wrapping_mul(31) ^ round.wrapping_mul(97)) as u8).collect();
        udp.send_to(&bytes, srt.trim_start_matches("srt://"))?;
        if round % 20 == 0 {
            let mut stream = TcpStream::connect(rtmp)?;
            // It may be cut off while it writes.
            drop(std::io::Write::write_all(&mut stream, &bytes));
        }
    }
    until("every wrong one was sent away", 30.0, || wrong.iter_mut().all(|peer| !peer.runs()))?;
    assert!(stage.camera(1).is_none_or(|camera| camera.frames == 0), "nothing of theirs came through");
    assert!(stage.is_live(2), "the good one goes on");
    let logs = stage.owner()?.text("/api/v1/sessions/current/logs")?;
    assert!(!logs.contains("not-a-key") && !logs.contains("this-is-not"), "what was tried is not told");
    drop(good);
    stage.close()?;
    Ok(())
}

#[test]
fn apps_can_be_asked_to_publish_over_tls() -> anyhow::Result<()> {
    let _alone = alone();
    if !installed("ffmpeg") {
        skip("ffmpeg is not installed");
        return Ok(());
    }
    let stage = Stage::open(|config| config.inputs.rtmps = true)?;
    let url = stage.rtmp_url(1)?;
    assert!(url.starts_with("rtmps://"), "the address says so");
    let sealed = ffmpeg_to("flv", &url)?;
    until("it is live", 30.0, || stage.is_live(1))?;
    let mut open = ffmpeg_to("flv", &url.replace("rtmps://", "rtmp://"))?;
    until("nobody gets in without TLS", 20.0, || !open.runs())?;
    drop(sealed);
    stage.close()?;
    Ok(())
}

#[test]
fn nothing_of_a_camera_s_beginning_is_missing_from_its_recording() -> anyhow::Result<()> {
    let _alone = alone();
    if !installed("ffmpeg") {
        skip("ffmpeg is not installed");
        return Ok(());
    }
    let stage = Stage::open(|_| {})?;
    let gone = || stage.camera(1).is_some_and(|camera| camera.state == SourceState::Lost);
    for visit in 1..=2 {
        let camera = ffmpeg_once("mpegts", &stage.srt_url(1)?, 5)?;
        until("it is live", 30.0, || stage.is_live(1))?;
        until("it has left", 30.0, gone)?;
        drop(camera);
        assert_eq!(stage.camera(1).map(|camera| camera.reconnects), Some(visit - 1));
    }
    let recordings = stage.studio.session_dir().join("recordings");
    let kept = stage.close()?;
    let found = std::fs::read_dir(&recordings)?.filter_map(Result::ok).map(|entry| entry.path());
    let mut parts: Vec<_> = found.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("cam1-"))).collect();
    parts.sort();
    assert_eq!(parts.len(), 2, "a part for each visit: {parts:?}");
    for part in &parts {
        // A group of pictures is two seconds long: one that was thrown away would show.
        let seconds = duration_secs(part)?;
        assert!(seconds > 4.4, "{}: {seconds} s of 5", part.display());
    }
    drop(kept);
    Ok(())
}

#[test]
fn what_was_set_for_a_slot_gets_its_place_back() -> anyhow::Result<()> {
    let _alone = alone();
    if !installed("ffmpeg") {
        skip("ffmpeg is not installed");
        return Ok(());
    }
    let stage = Stage::open(|_| {})?;
    let folder = tempfile::tempdir()?;
    let mjpeg = MjpegCamera::start(folder.path())?;
    let protocol = || stage.camera(1).map(|camera| camera.protocol).unwrap_or_default();
    let setup = json!({ "protocol": "mjpeg", "url": mjpeg.url });
    assert_eq!(stage.owner()?.put("/api/v1/sessions/current/cameras/1/source", &setup)?.0, 204);
    until("the camera is live", 30.0, || stage.is_live(1) && protocol() == "mjpeg")?;
    mjpeg.hold(true);
    until("it fell silent", 20.0, || !stage.is_live(1))?;
    let mut app = ffmpeg_to("mpegts", &stage.srt_url(1)?)?;
    until("an app takes the place in the end", 40.0, || {
        if !app.runs()
            && let Ok(again) = stage.srt_url(1).and_then(|url| ffmpeg_to("mpegts", &url))
        {
            app = again;
        }
        stage.is_live(1) && protocol() == "srt"
    })?;
    mjpeg.hold(false);
    app.end();
    until("the camera is back in its own place", 40.0, || stage.is_live(1) && protocol() == "mjpeg")?;
    stage.close()?;
    Ok(())
}
