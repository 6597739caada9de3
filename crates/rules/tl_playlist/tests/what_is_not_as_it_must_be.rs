//! Faults in the writer: what is spoilt once is made again, what stays spoilt becomes a gap, and no bad playlist is served.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so and stops")]

mod common;

use common::{Viewer, body, config, durations, is_grid, none, picture, sound, text, wall_of};
use tl_base::{MediaTime, Rate, Wall};
use tl_playlist::conformance::{self, Chunks};
use tl_playlist::{Action, Answer, Facts, Fault, Figures, Finding, Kind, MAX_NOTICES, Notice, Presentation, What};

const RATE: Rate = Rate::FPS_30;

fn play(viewer: &mut Viewer, ticks: std::ops::Range<u64>) {
    for tick in ticks {
        for frame in (tick * 1_600).div_ceil(1_024)..((tick + 1) * 1_600).div_ceil(1_024) {
            viewer.push(&sound(MediaTime::ZERO, frame));
        }
        viewer.push(&picture(RATE, tick, is_grid(RATE, tick)));
    }
}

fn findings(notices: &[Notice]) -> Vec<&Finding> {
    notices.iter().filter_map(|notice| if let Notice::Found(finding) = notice { Some(finding) } else { None }).collect()
}

fn playlist(viewer: &Viewer, kind: Kind) -> String {
    text(&viewer.presentation, kind.playlist(), "").expect("live")
}

#[test]
fn a_part_that_is_spoilt_once_is_made_again_whatever_byte_it_was() {
    for kind in [Kind::Video, Kind::Audio] {
        let mut viewer = Viewer::new(config());
        play(&mut viewer, 0..120);
        viewer.presentation.take_notices();
        let (mut told, mut faults) = (Vec::new(), 0);
        for step in 0..60_u64 {
            // Early bytes are boxes, later ones samples.
            viewer.presentation.inject(kind, Fault::NextPart { at: (step * step * 7) as usize });
            faults += 1;
            play(&mut viewer, 120 + step * 12..132 + step * 12);
            told.extend(viewer.presentation.take_notices());
        }
        let figures = viewer.presentation.figures();
        assert_eq!((figures.parts_remade, figures.parts_failed, figures.segments_failed), (faults, 0, 0), "{figures:?}");
        let told = findings(&told);
        assert!(told.iter().all(|finding| finding.what == What::Part && finding.action == Action::Remade && !finding.reason.is_empty()), "{told:?}");
        assert!(told.iter().all(|finding| finding.place.starts_with(kind.folder()) && finding.place.ends_with(".m4s")), "{told:?}");
        // Twelve seconds of two: told once a segment.
        assert!((11..=13).contains(&told.len()), "{told:?}");
        assert!(!playlist(&viewer, kind).contains("GAP"));
    }
}

#[test]
fn a_part_that_stays_spoilt_is_a_gap_and_players_go_on_behind_it() {
    for kind in [Kind::Video, Kind::Audio] {
        let mut viewer = Viewer::new(config());
        play(&mut viewer, 0..135);
        viewer.presentation.take_notices();
        // One part of segment 102, and no more.
        viewer.presentation.inject(kind, Fault::EveryPart);
        play(&mut viewer, 135..143);
        viewer.presentation.inject(kind, Fault::None);
        play(&mut viewer, 143..310);
        let list = playlist(&viewer, kind);
        assert!(list.contains("#EXT-X-GAP\n#EXTINF:") && list.matches("#EXT-X-GAP\n").count() == 1, "{list}");
        let at = list.lines().position(|line| line == "#EXT-X-GAP").expect("a gap");
        assert_eq!(list.lines().nth(at + 2), Some("s102.m4s"), "{list}");
        let folder = kind.folder();
        assert_eq!(viewer.presentation.get(&format!("{folder}/s102.m4s"), ""), Answer::NotFound);
        assert!(body(&viewer.presentation, &format!("{folder}/s103.m4s"), "").is_some());
        // The other rendition is whole, and what the store gets leaves the gap out.
        let other = if kind == Kind::Video { Kind::Audio } else { Kind::Video };
        assert!(!playlist(&viewer, other).contains("GAP"));
        assert!(!viewer.finished.iter().any(|finished| finished.name == format!("{folder}/s102.m4s")));
        let notices = viewer.presentation.take_notices();
        let found: Vec<_> = findings(&notices).iter().map(|finding| (finding.what, finding.action, finding.place.starts_with(folder))).collect();
        assert_eq!(found, [(What::Part, Action::Gap, true)], "{notices:?}");
        let figures = viewer.presentation.figures();
        assert_eq!(figures.segments_failed, 1);
        assert!(figures.failed_share() > 0.0 && figures.failed_share() < 0.2);
        assert!(!notices.iter().any(|notice| matches!(notice, Notice::TranscodeFailed { .. })));
    }
}

#[test]
fn pictures_behind_a_lost_part_are_not_offered_until_the_next_key_picture() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..135);
    viewer.presentation.inject(Kind::Video, Fault::EveryPart);
    play(&mut viewer, 135..139);
    viewer.presentation.inject(Kind::Video, Fault::None);
    play(&mut viewer, 139..200);
    let list = playlist(&viewer, Kind::Video);
    let gaps: Vec<&str> = list.lines().filter(|line| line.contains("GAP=YES")).collect();
    assert!(gaps.first().is_some_and(|line| line.contains("s102.p2.m4s")) && gaps.len() == 8, "{list}");
    for part in 0..10 {
        let there = body(&viewer.presentation, &format!("v0/s102.p{part}.m4s"), "").is_some();
        assert_eq!(there, part < 2, "part {part}");
    }
    // A frame of sound needs no other.
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..135);
    viewer.presentation.inject(Kind::Audio, Fault::EveryPart);
    play(&mut viewer, 135..142);
    viewer.presentation.inject(Kind::Audio, Fault::None);
    play(&mut viewer, 142..200);
    assert_eq!(playlist(&viewer, Kind::Audio).matches("GAP=YES").count(), 1);
}

#[test]
fn a_writer_that_fails_for_good_leaves_lawful_playlists_and_is_told_once() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..120);
    viewer.presentation.inject(Kind::Video, Fault::EveryPart);
    play(&mut viewer, 120..1_000);
    let notices = viewer.presentation.take_notices();
    let failed: Vec<_> = notices.iter().filter(|notice| matches!(notice, Notice::TranscodeFailed { kind: Kind::Video, .. })).collect();
    assert_eq!(failed.len(), 1, "{notices:?}");
    assert!(playlist(&viewer, Kind::Video).matches("#EXT-X-GAP\n").count() >= 9);
    // Media that nobody holds takes no memory.
    assert!(viewer.presentation.held_bytes() < 3_000_000, "{}", viewer.presentation.held_bytes());
    viewer.presentation.inject(Kind::Video, Fault::None);
    play(&mut viewer, 1_000..1_300);
    assert!(body(&viewer.presentation, "v0/s119.m4s", "").is_some());
    viewer.presentation.inject(Kind::Video, Fault::EveryPart);
    play(&mut viewer, 1_300..1_800);
    let again = viewer.presentation.take_notices().into_iter().filter(|notice| matches!(notice, Notice::TranscodeFailed { .. })).count();
    assert_eq!(again, 1, "it was good in between");
}

#[test]
fn an_initialisation_segment_that_is_spoilt_is_made_again() {
    for kind in [Kind::Video, Kind::Audio] {
        let mut viewer = Viewer::new(config());
        viewer.presentation.inject(kind, Fault::NextInit);
        play(&mut viewer, 0..200);
        let notices = viewer.presentation.take_notices();
        let found: Vec<_> = findings(&notices).iter().map(|finding| (finding.what, finding.action)).collect();
        assert_eq!(found, [(What::Init, Action::Remade)]);
        assert!(body(&viewer.presentation, &format!("{}/init100.mp4", kind.folder()), "").is_some());
    }
}

#[test]
fn a_bad_playlist_is_rendered_again_and_never_served() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..300);
    viewer.presentation.take_notices();
    viewer.presentation.inject(Kind::Video, Fault::NextPlaylist);
    play(&mut viewer, 300..330);
    let notices = viewer.presentation.take_notices();
    assert!(matches!(findings(&notices)[..], [Finding { what: What::Playlist, action: Action::Remade, .. }]), "{notices:?}");

    let before = playlist(&viewer, Kind::Video);
    viewer.presentation.inject(Kind::Video, Fault::EveryPlaylist);
    viewer.withheld = true;
    play(&mut viewer, 330..500);
    assert_eq!(playlist(&viewer, Kind::Video), before, "the last good one stays");
    let newest = conformance::answers(&before, 105, Some(5));
    assert!(newest.is_empty() || viewer.presentation.get("v0/media.m3u8", "_HLS_msn=105&_HLS_part=5") == Answer::Wait, "what is not served is waited for");
    let notices = viewer.presentation.take_notices();
    let withheld: Vec<_> = findings(&notices).into_iter().filter(|finding| finding.action == Action::Withheld).collect();
    assert_eq!(withheld.len(), 2, "each rendition told once: {withheld:?}");
    assert!(viewer.presentation.figures().playlists_withheld > 50);
    // The media is there all the same.
    assert!(body(&viewer.presentation, "v0/s107.m4s", "").is_some());

    viewer.presentation.inject(Kind::Video, Fault::None);
    play(&mut viewer, 500..501);
    viewer.withheld = false;
    play(&mut viewer, 501..800);
    none(&conformance::change(&before, &playlist(&viewer, Kind::Video)), "players that waited go on");
    assert!(durations(&playlist(&viewer, Kind::Video)).len() >= 10);
}

#[test]
fn access_units_that_hold_nothing_are_left_out_and_counted() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..100);
    let mut empty = picture(RATE, 100, false);
    empty.data = bytes::Bytes::from_static(&[0, 0, 0, 1, 0x67, 1, 2]);
    viewer.push(&empty);
    let mut loud = sound(MediaTime::ZERO, 157);
    loud.data = bytes::Bytes::from(vec![0x21; 5_000]);
    viewer.push(&loud);
    play(&mut viewer, 101..119);
    // It says that it is a key picture and is none: no segment may start with it.
    let mut pretender = picture(RATE, 120, false);
    pretender.key = true;
    viewer.push(&pretender);
    viewer.push(&picture(RATE, 121, true));
    play(&mut viewer, 122..300);
    assert_eq!(viewer.presentation.figures().units_refused, 3);
    assert!(!playlist(&viewer, Kind::Video).contains("GAP"));
    assert!(durations(&playlist(&viewer, Kind::Video)).iter().all(|secs| (secs - 2.0).abs() < 0.05));
}

#[test]
fn segments_playlists_and_progress_are_told_with_their_latency() {
    let mut presentation = Presentation::new(config());
    let mut told = Vec::new();
    for tick in 0..301 {
        // Encoded and here 250 ms behind its time.
        presentation.set_now(Wall(wall_of(RATE.tick_start(tick)).0 + 250_000));
        for frame in (tick * 1_600).div_ceil(1_024)..((tick + 1) * 1_600).div_ceil(1_024) {
            presentation.push_audio(&sound(MediaTime::ZERO, frame), Wall(0));
        }
        let unit = picture(RATE, tick, is_grid(RATE, tick));
        presentation.push_video(&unit, wall_of(unit.pts));
        told.extend(presentation.take_notices());
    }
    presentation.end();
    told.extend(presentation.take_notices());
    let latencies: Vec<f64> = told
        .iter()
        .filter_map(|notice| match notice {
            Notice::SegmentReady { kind: Kind::Video, latency, duration, bytes, .. } => {
                assert!(*bytes > 1_000 && (*duration == MediaTime::from_secs(2) || *duration < MediaTime::from_secs(1)), "{notice:?}");
                latency.map(MediaTime::as_millis_f64)
            }
            _ => None,
        })
        .collect();
    // Its last picture ends where the key picture that closes it starts.
    assert_eq!(latencies.len(), 6, "{told:?}");
    assert!(latencies.iter().take(5).all(|latency| (latency - 250.0).abs() < 1.0), "{latencies:?}");
    let count = |of: fn(&Notice) -> bool| told.iter().filter(|notice| of(notice)).count();
    assert_eq!(count(|notice| matches!(notice, Notice::SegmentReady { kind: Kind::Audio, .. })), 6);
    assert!(count(|notice| matches!(notice, Notice::ManifestUpdated { .. })) >= 10);
    assert_eq!(count(|notice| matches!(notice, Notice::ProgressUpdate(_))), 6);
    let Some(Notice::TranscodeCompleted(progress)) = told.last() else { panic!("{:?}", told.last()) };
    assert_eq!((progress.segments_ready, progress.segments_failed), (12, 0));
    assert!((progress.played.as_secs_f64() - 301.0 / 30.0).abs() < 1e-3);
    let Figures { latency_count, latency_max, latency_sum, playlist_bytes, notices_dropped, .. } = presentation.figures();
    assert_eq!((latency_count, notices_dropped), (12, 0));
    assert!(latency_max < MediaTime::from_millis(300) && latency_sum > MediaTime::from_millis(2_000) && playlist_bytes > 500);
}

#[test]
fn notices_that_nobody_takes_are_bounded_and_counted() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..60 * 70);
    let dropped = viewer.presentation.figures().notices_dropped;
    assert!(dropped > 0);
    assert_eq!(viewer.presentation.take_notices().len(), MAX_NOTICES);
    assert!(viewer.presentation.take_notices().is_empty());
}

#[test]
fn what_is_stored_says_what_it_is() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..250);
    let finished = viewer.presentation.discontinuity();
    viewer.after(finished);
    play(&mut viewer, 300..500);
    let of = |name: &str| viewer.finished.iter().find(|finished| finished.name == name).unwrap_or_else(|| panic!("{name}")).facts.clone();
    assert!(matches!(of("v0/init100.mp4"), Facts::Init { codecs, size: Some(size), rate: Some(_) } if codecs == "avc1.64001f" && size.width == 1280));
    assert!(matches!(of("a0/init100.mp4"), Facts::Init { codecs, size: None, rate: None } if codecs == "mp4a.40.2"));
    let Facts::Segment { time, ticks, discontinuity } = of("v0/s101.m4s") else { panic!("a segment") };
    assert_eq!((time, ticks, discontinuity), (48_000 + 96_000, 96_000, false));
    assert!(matches!(of("v0/s105.m4s"), Facts::Segment { discontinuity: true, .. }));
    // What a stranger reads in the file is what is said of it.
    let whole = body(&viewer.presentation, "v0/s101.m4s", "").expect("there");
    let init = body(&viewer.presentation, "v0/init100.mp4", "").expect("there");
    let first = tl_mp4::inspect::read_fragments(&init, &whole).expect("whole")[0].runs[0].base_decode_time;
    assert_eq!(first, Some(time));
    none(&conformance::segments(&playlist(&viewer, Kind::Video), &init, &[Chunks { uri: "s101.m4s", whole: &whole, parts: &[] }]), "");
}
