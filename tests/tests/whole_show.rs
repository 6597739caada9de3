//! A whole show over real protocols: two phones in, a programme out as playlist, RTMP and recordings, measured against the truth.

use std::time::Duration;

use tl_rehearsal::{Faults, Input, measure};
use tl_tests::{Stage, alone, decodes_cleanly, nginx_rtmp, until};
use tl_wire::Snapshot;

fn media_secs(snapshot: &Snapshot) -> f64 {
    snapshot.media_time.as_secs_f64()
}

#[test]
fn two_phones_become_a_programme() -> anyhow::Result<()> {
    let _alone = alone();
    let nginx = nginx_rtmp()?;
    let stage = Stage::open(|config| {
        if let Some(nginx) = &nginx {
            config.destinations.push(tl_studio::Destination {
                name: "Club".into(),
                url: tl_base::Secret::new(nginx.url.clone()),
                on: true,
                in_settings: true,
                setup: None,
            });
        }
    })?;
    let phones = stage.phones(2, Faults::none(), true)?;
    let first = stage.studio.snapshot();
    until("twelve seconds of show", 30.0, || media_secs(&stage.studio.snapshot()) - media_secs(&first) > 12.0)?;

    check_playlists(&stage)?;
    let last = stage.studio.snapshot();
    if nginx.is_some() {
        let club = last.outputs.iter().find(|output| output.name == "Club").expect("the destination is listed");
        assert_eq!(club.state, "live", "{club:?}");
        assert!(club.bytes > 1_000_000, "{club:?}");
        assert!(!format!("{last:?}").contains("/live/key"), "no snapshot shows a stream key");
    }
    let session = stage.studio.session_dir().to_path_buf();
    let (summary, truth) = (phones.truth.clone(), stage.truth());
    assert_eq!(summary, truth);
    let summary = phones.finish()?;
    assert!(summary.cuts >= 1, "the script cut: {summary:?}");
    let folder = stage.close()?;

    let input = Input {
        session,
        truth: Some(truth),
        summary: Some(summary),
        snapshot: Some((*last).clone()),
        from: Some(first.media_time),
        until: Some(last.media_time),
        studio: None,
        gpu: None,
        program_to_viewer: None,
    };
    let report = measure(&input, &|_| {})?;
    let skew = report.skew_ms.expect("time codes were read");
    assert!(skew.p95 <= 15.0, "{skew:?}");
    let lips = report.lip_sync_ms.expect("claps were found");
    // A clap falls anywhere within a picture of 33 ms, so single ones carry ±17 ms of their own; the floor is for the middle.
    assert!(lips.p50 <= 40.0 && lips.p95 <= 60.0, "{lips:?}");
    assert_eq!(report.program.black, Some(0));
    let distinct = report.program.distinct.expect("the programme was read");
    assert!(distinct as f64 >= 0.9 * 12.0 * 30.0, "{distinct} distinct pictures in twelve seconds");
    assert_eq!(report.recordings.len(), 3, "{:?}", report.recordings);
    for recording in &report.recordings {
        assert!(recording.playable && recording.seconds > 10.0, "{recording:?}");
        decodes_cleanly(recording.path.as_ref())?;
    }
    if let Some(nginx) = nginx {
        until("nginx closed its recording", 10.0, || !nginx.recordings().is_empty())?;
    }
    drop(folder);
    Ok(())
}

/// The live playlists as our own checker sees them, each time they change.
fn check_playlists(stage: &Stage) -> anyhow::Result<()> {
    let viewer = stage.owner()?;
    let url = viewer.watch()?;
    let base = url.trim_end_matches("live.m3u8").to_owned();
    let problems = tl_playlist::conformance::multivariant(&viewer.text(&url)?);
    assert!(problems.is_empty(), "{problems:?}");
    for rendition in ["v0", "a0"] {
        let address = format!("{base}{rendition}/media.m3u8");
        let mut before = viewer.text(&address)?;
        for _ in 0..6 {
            let problems = tl_playlist::conformance::media(&before);
            assert!(problems.is_empty(), "{rendition}: {problems:?}\n{before}");
            let after = next_playlist(&viewer, &address, &before)?;
            let problems = tl_playlist::conformance::change(&before, &after);
            assert!(problems.is_empty(), "{rendition}: {problems:?}\n{before}\n---\n{after}");
            before = after;
        }
    }
    Ok(())
}

/// A blocking reload for the part behind the last one.
fn next_playlist(viewer: &tl_tests::Client, address: &str, before: &str) -> anyhow::Result<String> {
    let hint = before.lines().rev().find(|line| line.starts_with("#EXT-X-PRELOAD-HINT")).expect("a live playlist hints");
    let name = hint.split("URI=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a hint has an address");
    let file = name.rsplit('/').next().expect("a name");
    let (segment, part) = file.trim_start_matches('s').split_once(".p").expect("s123.p4.m4s");
    let part = part.trim_end_matches(".m4s");
    let asked = std::time::Instant::now();
    let text = viewer.text(&format!("{address}?_HLS_msn={segment}&_HLS_part={part}"))?;
    assert!(asked.elapsed() < Duration::from_secs(3), "a blocking reload waits for one part, not {:?}", asked.elapsed());
    Ok(text)
}
