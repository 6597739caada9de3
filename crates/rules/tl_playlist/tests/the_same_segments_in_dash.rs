//! DASH of what runs and of what was stored, and HLS of what was stored: read by FFmpeg's demuxers, which share nothing with us.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so and stops")]

mod common;

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{config, is_grid, picture, sound, text, wall_of};
use tl_base::{MediaTime, Rate, Wall};
use tl_frame::h264;
use tl_playlist::vod::{Entry, File, Manifest};
use tl_playlist::{Answer, Config, Fault, Finished, Kind, Presentation};

const RATE: Rate = Rate::FPS_30;

/// Plays ticks with sound.
fn play(presentation: &mut Presentation, ticks: std::ops::Range<u64>) -> Vec<Finished> {
    let mut finished = Vec::new();
    for tick in ticks {
        for frame in (tick * 1_600).div_ceil(1_024)..((tick + 1) * 1_600).div_ceil(1_024) {
            finished.extend(presentation.push_audio(&sound(MediaTime::ZERO, frame), Wall(0)));
        }
        let unit = picture(RATE, tick, is_grid(RATE, tick));
        presentation.set_now(Wall(wall_of(unit.pts).0 + 400_000));
        finished.extend(presentation.push_video(&unit, wall_of(unit.pts)));
    }
    finished
}

fn hash(at: usize) -> String {
    format!("{at:064x}")
}

/// As the store would file them away.
fn stored(finished: &[Finished]) -> (Option<Manifest>, HashMap<String, Vec<u8>>) {
    let blobs = finished.iter().enumerate().map(|(at, piece)| (hash(at), piece.body.concat())).collect();
    (Manifest::from_entries(finished.iter().enumerate().map(|(at, piece)| Entry::of(piece, &hash(at)))), blobs)
}

/// Values of an attribute, in order.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.split(&format!(" {key}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// Whether elements are closed as they were opened, and nothing stands between them.
fn is_well_formed(text: &str) {
    let mut open = Vec::new();
    let body = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").expect("a declaration");
    for piece in body.split('<').skip(1) {
        let (tag, between) = piece.split_once('>').expect("an end");
        assert_eq!(between.trim(), "", "{text}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{text}"),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().expect("a name")),
        }
    }
    assert!(open.is_empty(), "{text}");
}

fn run(command: &mut Command) -> String {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let until = Instant::now() + Duration::from_secs(60);
    while child.try_wait().expect("asked").is_none() {
        if Instant::now() > until {
            child.kill().expect("stopped");
        }
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let output = child.wait_with_output().expect("ended");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Pictures and frames of sound that FFmpeg decodes.
fn counted(folder: &Path, playlist: &str) -> (usize, usize) {
    let probe = |stream: &str| {
        let arguments = format!("-v error -count_frames -select_streams {stream} -show_entries stream=nb_read_frames -of csv=p=0 {playlist}");
        let said = run(Command::new("ffprobe").current_dir(folder).args(arguments.split(' ')));
        let counts: Vec<usize> = said.lines().filter_map(|line| line.trim().trim_end_matches(',').parse().ok()).collect();
        counts.first().copied().unwrap_or_else(|| panic!("{playlist}: {said}"))
    };
    (probe("v:0"), probe("a:0"))
}

#[test]
fn a_live_manifest_says_what_the_playlists_say() {
    let mut presentation = Presentation::new(config());
    assert_eq!(presentation.get("manifest.mpd", ""), Answer::Wait);
    play(&mut presentation, 0..60 * 25);
    let mpd = text(&presentation, "manifest.mpd", "").expect("live");
    is_well_formed(&mpd);
    for expected in [
        "type=\"dynamic\"",
        "availabilityStartTime=\"1970-01-01T00:00:00Z\"",
        "minimumUpdatePeriod=\"PT2.000000S\"",
        "suggestedPresentationDelay=\"PT6.000000S\"",
        "<Latency min=\"4000\" max=\"12000\" target=\"6000\"/>",
        "<UTCTiming schemeIdUri=\"urn:mpeg:dash:utc:direct:2014\" value=\"2026-11-19T23:04:50.3",
        "timeShiftBufferDepth=\"PT20.000000S\"",
        "publishTime=\"2026-11-19T23:04:48.000Z\"",
        "codecs=\"avc1.64001f\" width=\"1280\" height=\"720\" frameRate=\"30\"",
        "codecs=\"mp4a.40.2\" audioSamplingRate=\"48000\"",
        "initialization=\"v0/init100.mp4\" media=\"v0/s$Number$.m4s\" startNumber=\"114\"",
        "initialization=\"a0/init100.mp4\" media=\"a0/s$Number$.m4s\" startNumber=\"114\"",
    ] {
        assert!(mpd.contains(expected), "{expected}\n{mpd}");
    }
    // Chunks of a growing segment are not offered, so they are not announced.
    assert!(!mpd.contains("availabilityTime"), "{mpd}");
    // The timeline starts with the first segment listed, by its own decode time.
    let video = mpd.split("</AdaptationSet>").next().expect("pictures");
    assert_eq!((values(video, "t"), values(video, "d"), values(video, "r")), (vec!["1392000"], vec!["96000"], vec!["9"]), "{mpd}");
    let again = text(&presentation, "manifest.mpd", "").expect("live");
    assert_eq!(mpd, again);
    play(&mut presentation, 60 * 25..60 * 26);
    presentation.end();
    let ended = text(&presentation, "manifest.mpd", "").expect("kept");
    assert!(ended.contains("mediaPresentationDuration=") && !ended.contains("minimumUpdatePeriod"), "{ended}");
}

#[test]
fn periods_start_where_segments_do_not_go_on_and_keep_their_start() {
    let mut presentation = Presentation::new(config());
    play(&mut presentation, 0..360);
    presentation.discontinuity();
    play(&mut presentation, 600..900);
    presentation.inject(Kind::Audio, Fault::EveryPart);
    play(&mut presentation, 900..905);
    presentation.inject(Kind::Audio, Fault::None);
    play(&mut presentation, 905..1_200);
    let mpd = text(&presentation, "manifest.mpd", "").expect("live");
    is_well_formed(&mpd);
    let ids: Vec<&str> = values(&mpd, "id").into_iter().filter(|id| id.starts_with('p')).collect();
    assert_eq!(ids, ["p100", "p106", "p111"], "{mpd}");
    assert!(!values(&mpd, "startNumber").contains(&"110"), "the gap is in no period: {mpd}");
    let starts: Vec<f64> = values(&mpd, "start").iter().map(|start| start.trim_start_matches("PT").trim_end_matches('S').parse().expect("seconds")).collect();
    assert_eq!(starts.windows(2).map(|two| two[1] - two[0]).collect::<Vec<_>>(), [20.0, 10.0], "{mpd}");
    // When the first segments of a period are gone, it starts where it started.
    play(&mut presentation, 1_200..1_320);
    let later = text(&presentation, "manifest.mpd", "").expect("live");
    assert!(!later.contains("p100") && later.contains("id=\"p106\"") && !values(&later, "startNumber").contains(&"106"), "{later}");
    let period = |text: &str, id: &str| text.split(&format!("<Period id=\"{id}\"")).nth(1).and_then(|rest| rest.split('>').next()).map(str::to_owned);
    assert_eq!(period(&mpd, "p106"), period(&later, "p106"));
    assert_eq!(values(&mpd, "presentationTimeOffset")[2], values(&later, "presentationTimeOffset")[0]);
}

#[test]
fn ffmpeg_reads_the_live_manifest() {
    let folder = tempfile::tempdir().expect("folder");
    // Decoding time now, since FFmpeg looks for the edge by its own clock.
    let epoch = Wall::now().0 - 12_000_000;
    let mut presentation = Presentation::new(Config::new(RATE, tl_base::Size::new(320, 180), 1_000_000));
    let units = common::real_pictures(folder.path());
    let mut finished = Vec::new();
    for (tick, data) in units.iter().cycle().take(360).enumerate() {
        // The clip is five seconds: its third group of pictures is a second long.
        let mut unit = picture(RATE, tick as u64, h264::is_key(data) && tick % 60 == 0);
        unit.data = Bytes::from(units[tick % 60].clone());
        unit.key = tick % 60 == 0;
        let wall = Wall(epoch + unit.pts.0 / 1_000);
        presentation.set_now(wall);
        finished.extend(presentation.push_video(&unit, wall));
    }
    finished.extend(presentation.end());
    for piece in &finished {
        let path = folder.path().join(&piece.name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, piece.body.concat()).expect("written");
    }
    std::fs::write(folder.path().join("manifest.mpd"), text(&presentation, "manifest.mpd", "").expect("kept")).expect("written");
    let arguments = "-v error -t 3 -i manifest.mpd -map 0:v -f framemd5 -";
    let said = run(Command::new("ffmpeg").current_dir(folder.path()).args(arguments.split(' ')));
    let frames = said.lines().filter(|line| line.starts_with("0,")).count();
    assert!((80..=91).contains(&frames), "{frames} pictures\n{said}");
}

#[test]
fn ffmpeg_plays_a_finished_session_from_both_manifests() {
    let folder = tempfile::tempdir().expect("folder");
    let units = common::real_pictures(folder.path());
    // Two runs of the studio: the second goes on behind a discontinuity.
    let mut first = Presentation::new(Config::new(RATE, tl_base::Size::new(320, 180), 1_000_000));
    let mut finished = Vec::new();
    let push = |presentation: &mut Presentation, ticks: u64, finished: &mut Vec<Finished>| {
        for tick in 0..ticks {
            let mut unit = picture(RATE, tick, tick % 60 == 0);
            unit.data = Bytes::from(units[tick as usize % 60].clone());
            finished.extend(presentation.push_video(&unit, wall_of(unit.pts)));
        }
        finished.extend(presentation.end());
    };
    push(&mut first, 300, &mut finished);
    let mut second = Presentation::resumed(Config::new(RATE, tl_base::Size::new(320, 180), 1_000_000), &first.resume_point());
    push(&mut second, 180, &mut finished);
    let (manifest, blobs) = stored(&finished);
    let manifest = manifest.expect("something to play");
    let files = ["index.m3u8", "video.m3u8", "audio.m3u8", "manifest.mpd", "video/init.mp4", "audio/init.mp4"].map(str::to_owned);
    let numbered = (1..=manifest.renditions[0].segments.len()).flat_map(|n| ["video", "audio"].map(|word| format!("{word}/{n}.m4s")));
    let inits = manifest.renditions.iter().flat_map(|rendition| {
        let changes = (1..).zip(&rendition.segments).filter(|(_, segment)| segment.init.is_some());
        changes.map(|(n, _)| format!("{}/init{n}.mp4", rendition.kind.word())).collect::<Vec<_>>()
    });
    for path in files.into_iter().chain(numbered).chain(inits) {
        let bytes = match manifest.get(&path).unwrap_or_else(|| panic!("no {path}")) {
            File::Text { body, .. } => body.into_bytes(),
            File::Blob { hash, .. } => blobs[&hash].clone(),
        };
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
    is_well_formed(&manifest.mpd());
    let sounds = |pictures: usize| pictures * 1_600 / 1_024;
    let (pictures, frames) = counted(folder.path(), "index.m3u8");
    assert_eq!(pictures, 480);
    assert!(frames.abs_diff(sounds(480)) <= 3, "{frames}");
    // FFmpeg plays the first period of a manifest only; each is looked at by itself.
    let mpd = manifest.mpd();
    let (head, rest) = mpd.split_at(mpd.find(" <Period").expect("a period"));
    let periods: Vec<&str> = rest.split_inclusive("</Period>\n").filter(|period| period.contains("<Period")).collect();
    assert_eq!(periods.len(), 2, "{mpd}");
    for (period, expected) in periods.into_iter().zip([300, 180]) {
        std::fs::write(folder.path().join("one.mpd"), format!("{head}{period}</MPD>\n")).expect("written");
        let (pictures, frames) = counted(folder.path(), "one.mpd");
        assert_eq!(pictures, expected, "{period}");
        assert!(frames.abs_diff(sounds(expected)) <= 3, "{frames}");
    }
}

#[test]
fn a_manifest_is_canonical_and_reads_back() {
    let mut presentation = Presentation::new(config());
    let mut finished = play(&mut presentation, 0..600);
    finished.extend(presentation.end());
    let (manifest, _) = stored(&finished);
    let manifest = manifest.expect("something to play");
    let json = manifest.to_json();
    assert!(json.starts_with("{\"renditions\":[{\"bandwidth\":") && !json.contains(' '), "{json}");
    let first = "\"segments\":[{\"bytes\":";
    assert!(json.contains(first) && json.contains("\"discontinuity\":false,\"duration\":96000,\"hash\":\"0"), "{json}");
    assert_eq!(Manifest::parse(&json).expect("its own"), manifest);
    assert_eq!(Manifest::parse(&json).expect("its own").to_json(), json);
    // Entries survive a line of JSON, and their order does not matter.
    let lines: Vec<String> = finished.iter().enumerate().map(|(at, piece)| serde_json::to_string(&Entry::of(piece, &hash(at))).expect("a line")).collect();
    let back = lines.iter().rev().map(|line| serde_json::from_str::<Entry>(line).expect("an entry"));
    assert_eq!(Manifest::from_entries(back).expect("the same").to_json(), json);
    assert!(Manifest::from_entries([]).is_none());
    assert!(manifest.blobs().all(|blob| blob.len() == 64));
}

#[test]
fn what_was_not_stored_is_stepped_over_in_both_renditions() {
    let mut presentation = Presentation::new(config());
    let mut finished = play(&mut presentation, 0..600);
    finished.extend(presentation.end());
    finished.retain(|piece| piece.name != "a0/s104.m4s");
    let manifest = stored(&finished).0.expect("something to play");
    let marks = |kind| -> Vec<usize> {
        let segments = &manifest.rendition(kind).expect("there").segments;
        segments.iter().enumerate().filter(|(_, segment)| segment.discontinuity).map(|(at, _)| at).collect()
    };
    assert_eq!((marks(Kind::Video), marks(Kind::Audio)), (vec![4], vec![4]));
    let list = manifest.media(Kind::Video).expect("pictures");
    assert!(list.contains("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"video/init.mp4\"\n#EXTINF:2.000000,\nvideo/5.m4s"), "{list}");
    assert_eq!(manifest.mpd().matches("<Period ").count(), 2);
}

#[test]
fn paths_of_a_finished_session_are_read_without_trust() {
    let mut presentation = Presentation::new(config());
    let mut finished = play(&mut presentation, 0..200);
    finished.extend(presentation.end());
    let manifest = stored(&finished).0.expect("something to play");
    for path in [
        "",
        "/",
        "video",
        "video/",
        "video/0.m4s",
        "video/99.m4s",
        "video/01.m4s",
        "video/init1.mp4",
        "text/1.m4s",
        "../index.m3u8",
        "video/../1.m4s",
        "audio/1.mp4",
    ] {
        assert_eq!(manifest.get(path), None, "{path}");
    }
    assert!(matches!(manifest.get("audio/1.m4s"), Some(File::Blob { content_type: "audio/mp4", .. })));
    let json = manifest.to_json();
    for (from, to) in [
        ("\"kind\":\"audio\"", "\"kind\":\"video\""),
        ("\"duration\":96000", "\"duration\":0"),
        ("\"hash\":\"00", "\"hash\":\"..\\/"),
        ("\"time\":", "\"time\":9999999999999999"),
    ] {
        assert!(json.contains(from), "{from}");
        assert!(Manifest::parse(&json.replacen(from, to, 1)).is_err(), "{from}");
    }
    bolero::check!().with_type::<(Vec<u8>, u16, String)>().for_each(|(noise, at, path)| {
        let mut bytes = json.clone().into_bytes();
        let at = usize::from(*at) % bytes.len();
        let end = (at + noise.len()).min(bytes.len());
        bytes.splice(at..end, noise.iter().copied());
        if let Ok(read) = Manifest::parse(&String::from_utf8_lossy(&bytes)) {
            is_well_formed(&read.mpd());
            read.index();
            read.media(Kind::Video);
            read.get(path);
        }
        if let Ok(entry) = serde_json::from_slice::<Entry>(noise) {
            Manifest::from_entries([entry]);
        }
    });
}
