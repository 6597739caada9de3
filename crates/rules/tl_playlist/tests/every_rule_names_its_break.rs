//! For each rule of the conformance checker one playlist, or one piece of media, that breaks it and is named by it.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so and stops")]

mod common;

use std::collections::BTreeSet;

use common::{body, config, is_grid, picture, sound, text};
use tl_base::{MediaTime, Rate};
use tl_mp4::{Run, Sample, Track, TrackConfig};
use tl_playlist::Presentation;
use tl_playlist::conformance::{self, Chunks, Problem, RULES};

const RATE: Rate = Rate::FPS_30;

/// A presentation after so many pictures, behind one discontinuity.
fn presentation(ticks: u64) -> Presentation {
    let mut presentation = Presentation::new(config());
    let mut frame = 0;
    for tick in 0..ticks {
        if tick == 200 {
            presentation.discontinuity();
        }
        while frame * 1_024 < (tick + 1) * 1_600 {
            presentation.push_audio(&sound(MediaTime::ZERO, frame), tl_base::Wall(0));
            frame += 1;
        }
        let unit = picture(RATE, tick, is_grid(RATE, tick));
        presentation.push_video(&unit, common::wall_of(unit.pts));
    }
    presentation
}

fn playlist(ticks: u64) -> String {
    text(&presentation(ticks), "v0/media.m3u8", "").expect("live")
}

/// Collects which rules were broken, and that each break was named by its rule.
#[derive(Default)]
struct Broken(BTreeSet<&'static str>);

impl Broken {
    fn check(&mut self, rule: &'static str, problems: &[Problem]) {
        let named: Vec<&str> = problems.iter().map(|problem| problem.rule).collect();
        assert!(named.contains(&rule), "{rule} was broken, {named:?} was named");
        self.0.insert(rule);
    }

    /// Replaces one piece of a good text and looks at the result by itself.
    fn replaced(&mut self, rule: &'static str, good: &str, from: &str, to: &str) {
        self.check(rule, &conformance::media(&replace(good, from, to)));
    }
}

fn replace(good: &str, from: &str, to: &str) -> String {
    assert!(good.contains(from), "{from} is not in\n{good}");
    good.replacen(from, to, 1)
}

/// The line that starts like this, with its end.
fn line<'a>(text: &'a str, start: &str) -> &'a str {
    text.split_inclusive('\n').find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} in\n{text}"))
}

fn single(broken: &mut Broken) {
    let good = playlist(560);
    assert_eq!(conformance::media(&good), []);
    for (rule, from, to) in [
        ("m3u-head", "#EXTM3U\n", ""),
        ("one-version", "#EXT-X-VERSION:9\n", "#EXT-X-VERSION:9\n#EXT-X-VERSION:9\n"),
        ("one-version", "#EXT-X-VERSION:9\n", ""),
        ("version", "#EXT-X-VERSION:9", "#EXT-X-VERSION:7"),
        ("target-duration", "#EXT-X-TARGETDURATION:2\n", ""),
        ("target-duration", "#EXTINF:2.000000", "#EXTINF:2.500000"),
        ("target-duration", "#EXTINF:2.000000", "#EXTINF:2000.0"),
        ("map", line(&good, "#EXT-X-MAP"), ""),
        ("map", "#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init100.mp4\"\n", "#EXT-X-DISCONTINUITY\n"),
        ("date-time", line(&good, "#EXT-X-PROGRAM-DATE-TIME"), ""),
        ("date-time", line(&good, "#EXT-X-PROGRAM-DATE-TIME"), "#EXT-X-PROGRAM-DATE-TIME:today\n"),
        ("date-time-step", "T23:04:02.000Z", "T23:04:02.040Z"),
        ("independent-segments", "#EXT-X-INDEPENDENT-SEGMENTS\n", ""),
        ("sequence-tags", line(&good, "#EXT-X-DISCONTINUITY-SEQUENCE"), ""),
        ("sequence-tags", line(&good, "#EXT-X-MEDIA-SEQUENCE"), ""),
        ("uri", "s102.m4s", "s101.m4s"),
        ("uri", "\ns104.m4s", ""),
        ("number", "#EXTINF:2.000000", "#EXTINF:two"),
        ("number", "#EXT-X-PART:DURATION=0.200000", "#EXT-X-PART:DURATION=-0.2"),
        ("part-inf", line(&good, "#EXT-X-PART-INF"), ""),
        ("can-block-reload", "CAN-BLOCK-RELOAD=YES,", ""),
        ("part-hold-back", "PART-HOLD-BACK=0.600000", "PART-HOLD-BACK=0.500000"),
        ("part-hold-back", ",PART-HOLD-BACK=0.600000", ""),
        ("hold-back", ",HOLD-BACK=6.000000", ",HOLD-BACK=5.900000"),
        ("can-skip-until", "CAN-SKIP-UNTIL=12.000000", "CAN-SKIP-UNTIL=11.000000"),
        ("can-skip-until", "CAN-SKIP-UNTIL=12.000000,", ""),
        ("part-too-long", "#EXT-X-PART:DURATION=0.200000", "#EXT-X-PART:DURATION=0.200002"),
        ("part-too-short", "#EXT-X-PART:DURATION=0.200000", "#EXT-X-PART:DURATION=0.169000"),
        ("gap", "#EXT-X-PART:DURATION=0.200000,URI=\"s108.p3.m4s\"", "#EXT-X-PART:DURATION=0.200000,GAP=YES,URI=\"s108.p3.m4s\""),
        ("gap", "#EXTINF:2.000000,\ns108.m4s", "#EXT-X-GAP\n#EXTINF:2.000000,\ns108.m4s"),
        ("part-sum", "#EXT-X-PART:DURATION=0.200000", "#EXT-X-PART:DURATION=0.199000"),
        ("part-age", "#EXTINF:2.000000,\ns100.m4s", "#EXT-X-PART:DURATION=0.2,URI=\"s100.p0.m4s\"\n#EXTINF:2.000000,\ns100.m4s"),
        ("preload-hint", line(&good, "#EXT-X-PRELOAD-HINT"), ""),
        ("preload-hint", line(&good, "#EXT-X-PRELOAD-HINT"), "#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"init101.mp4\"\n"),
        ("preload-hint", "TYPE=PART,URI=\"s109.p", "TYPE=PART,URI=\"s109.p0.m4s\"\n#"),
        ("hint-after-end", "#EXT-X-PRELOAD-HINT", "#EXT-X-ENDLIST\n#EXT-X-PRELOAD-HINT"),
    ] {
        broken.replaced(rule, &good, from, to);
    }
    let without_parts: String = good.split_inclusive('\n').filter(|line| !line.starts_with("#EXT-X-PART:")).collect();
    broken.check("parts-missing", &conformance::media(&without_parts));
}

fn top(broken: &mut Broken) {
    let presentation = presentation(560);
    let good = text(&presentation, "live.m3u8", "").expect("live");
    assert_eq!(conformance::multivariant(&good), []);
    for (rule, from, to) in [
        ("m3u-head", "#EXTM3U", "#EXTM4U"),
        ("stream-inf", ",FRAME-RATE=30.000", ""),
        ("stream-inf", ",RESOLUTION=1280x720", ""),
        ("stream-inf", "CODECS=\"avc1.64001f,mp4a.40.2\",", ""),
        ("stream-inf", "AVERAGE-BANDWIDTH=", "AVERAGE-BANDWITH="),
        ("bandwidth-order", "AVERAGE-BANDWIDTH=", "AVERAGE-BANDWIDTH=9"),
        ("audio-group", "GROUP-ID=\"sound\"", "GROUP-ID=\"noise\""),
        ("uri", "v0/media.m3u8", ""),
    ] {
        broken.check(rule, &conformance::multivariant(&replace(&good, from, to)));
    }
    let (video, audio) = (body(&presentation, "v0/init100.mp4", "").expect("init"), body(&presentation, "a0/init100.mp4", "").expect("init"));
    let inits: [&[u8]; 2] = [&video, &audio];
    assert_eq!(conformance::codecs(&good, &inits), []);
    broken.check("codecs", &conformance::codecs(&replace(&good, "avc1.64001f", "avc1.64001e"), &inits));
    broken.check("codecs", &conformance::codecs(&good, &inits[..1]));
    broken.check("resolution", &conformance::codecs(&replace(&good, "1280x720", "1920x1080"), &inits));
    broken.check("init-shape", &conformance::codecs(&good, &[&video[..100]]));
    broken.check("bandwidth", &conformance::bandwidth(&good, 2.0, &[&[(2.0, 750_000)], &[(2.0, 30_000)]]));
}

fn over_time(broken: &mut Broken) {
    let (before, after) = (playlist(1_290), playlist(1_298));
    assert_eq!(conformance::change(&before, &after), []);
    let (early, late) = (playlist(860), playlist(1_040));
    assert_eq!(conformance::change(&early, &late), []);
    for (rule, from, to) in [
        ("media-sequence", line(&after, "#EXT-X-MEDIA-SEQUENCE"), "#EXT-X-MEDIA-SEQUENCE:3\n"),
        ("media-sequence", line(&after, "#EXT-X-MEDIA-SEQUENCE"), "#EXT-X-MEDIA-SEQUENCE:999\n"),
        ("discontinuity-sequence", line(&after, "#EXT-X-DISCONTINUITY-SEQUENCE"), "#EXT-X-DISCONTINUITY-SEQUENCE:7\n"),
        ("published-changed", "#EXTINF:2.000000", "#EXTINF:2.010000"),
        ("published-changed", "s119.m4s", "s119b.m4s"),
        ("published-changed", "#EXTINF:2.000000,\ns119.m4s", "#EXT-X-GAP\n#EXTINF:2.000000,\ns119.m4s"),
        ("published-changed", "s121.p0.m4s\",INDEPENDENT=YES", "s121.p0.m4s\""),
        ("target-changed", "#EXT-X-TARGETDURATION:2", "#EXT-X-TARGETDURATION:3"),
        ("target-changed", "PART-TARGET=0.200000", "PART-TARGET=0.210000"),
        ("end-frozen", "", ""),
    ] {
        if rule == "end-frozen" {
            broken.check(rule, &conformance::change(&format!("{before}#EXT-X-ENDLIST\n"), &after));
        } else {
            broken.check(rule, &conformance::change(&before, &replace(&after, from, to)));
        }
    }
    // A discontinuity leaves while its sequence number stays.
    let with_mark = replace(&before, "#EXT-X-PROGRAM-DATE-TIME", "#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME");
    let without_first = shorten(&after, 1);
    broken.check("discontinuity-sequence", &conformance::change(&with_mark, &without_first));
    broken.check("window", &conformance::change(&before, &shorten(&after, 6)));
    let hinted = line(&before, "#EXT-X-PRELOAD-HINT");
    broken.check("hint-kept", &conformance::change(&replace(&before, hinted, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"s777.p0.m4s\"\n"), &after));
    broken.check("published-changed", &conformance::change(&after, &before));

    let full = text(&presentation(1_298), "v0/media.m3u8", "").expect("live");
    let delta = text(&presentation(1_298), "v0/media.m3u8", "_HLS_skip=YES").expect("live");
    assert_eq!(conformance::delta(&full, &delta), []);
    let skip = line(&delta, "#EXT-X-SKIP").trim_end();
    broken.check("delta-merge", &conformance::delta(&full, &replace(&delta, skip, "#EXT-X-SKIP:SKIPPED-SEGMENTS=3")));
    broken.check("delta-merge", &conformance::delta(&full, &replace(&delta, "#EXTINF:2.000000", "#EXTINF:1.900000")));
    broken.check("skip-boundary", &conformance::delta(&full, &replace(&delta, skip, "#EXT-X-SKIP:SKIPPED-SEGMENTS=9")));
    assert_eq!(conformance::answers(&full, 121, Some(2)), []);
    broken.check("blocking-answer", &conformance::answers(&full, 121, Some(9)));
    broken.check("blocking-answer", &conformance::answers(&full, 130, None));
}

/// Takes the first segments out of a playlist, and counts them.
fn shorten(text: &str, segments: u64) -> String {
    let sequence = line(text, "#EXT-X-MEDIA-SEQUENCE:");
    let number: u64 = sequence.trim_end().rsplit(':').next().expect("number").parse().expect("number");
    let mut out = text.replace(sequence, &format!("#EXT-X-MEDIA-SEQUENCE:{}\n", number + segments));
    for _ in 0..segments {
        let start = out.find("#EXT-X-PROGRAM-DATE-TIME").expect("a segment");
        let end = start + out[start..].find(".m4s\n").expect("its address") + 5;
        // Parts have addresses too, in quotes; the segment's stands alone on its line.
        let end = if out[start..end].contains("#EXT-X-PART:") { start + out[start..].find("#EXTINF").expect("its end") } else { end };
        out.replace_range(start..end, "");
    }
    out
}

fn across(broken: &mut Broken) {
    let presentation = presentation(560);
    let (video, audio) = (text(&presentation, "v0/media.m3u8", "").expect("live"), text(&presentation, "a0/media.m3u8", "").expect("live"));
    let check = |video: &str, audio: &str| conformance::renditions(&[("v0/media.m3u8", video), ("a0/media.m3u8", audio)]);
    assert_eq!(check(&video, &audio), []);
    broken.check("discontinuities-agree", &check(&video, &replace(&audio, "#EXT-X-DISCONTINUITY\n", "")));
    broken.check("discontinuities-agree", &check(&replace(&video, "#EXT-X-DISCONTINUITY-SEQUENCE:0", "#EXT-X-DISCONTINUITY-SEQUENCE:1"), &audio));
    broken.check("rendition-report", &check(&replace(&video, line(&video, "#EXT-X-RENDITION-REPORT"), ""), &audio));
    broken.check("rendition-report", &check(&replace(&video, "LAST-PART=", "LAST-PART=1"), &audio));
}

/// A segment of sound as a sloppy packager would make it.
fn chunk(sequence: u32, time: u64, count: usize, key: bool) -> Vec<u8> {
    let sample = Sample { data: bytes::Bytes::from_static(b"frame"), duration: 1_024, key };
    tl_mp4::fragment(sequence, &[Run { track_id: 1, base_decode_time: time, samples: vec![sample; count] }]).expect("fragment").to_vec()
}

fn media(broken: &mut Broken) {
    let track = |id| Track { id, timescale: 48_000, config: TrackConfig::Aac { channels: 2 } };
    let init = tl_mp4::init_segment(&[track(1)]).expect("init").to_vec();
    let listing = "#EXTM3U\n#EXTINF:0.426667,\ns1.m4s\n#EXT-X-PART:DURATION=0.213333,URI=\"s2.p0.m4s\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=0.213333,URI=\"s2.p1.m4s\",INDEPENDENT=YES\n#EXTINF:0.426667,\ns2.m4s\n";
    let (one, two) = (vec![chunk(1, 0, 10, true), chunk(2, 10_240, 10, true)], vec![chunk(3, 20_480, 10, true), chunk(4, 30_720, 10, true)]);
    let check = |listing: &str, init: &[u8], one: &[Vec<u8>], two: &[Vec<u8>]| {
        let (first, second) = (one.concat(), two.concat());
        let parts: Vec<&[u8]> = two.iter().map(Vec::as_slice).collect();
        conformance::segments(listing, init, &[Chunks { uri: "s1.m4s", whole: &first, parts: &[] }, Chunks { uri: "s2.m4s", whole: &second, parts: &parts }])
    };
    assert_eq!(check(listing, &init, &one, &two), []);

    broken.check("init-shape", &check(listing, &tl_mp4::init_segment(&[track(1), track(2)]).expect("init"), &one, &two));
    broken.check("init-shape", &check(listing, &[init.clone(), chunk(1, 0, 1, true)].concat(), &one, &two));
    broken.check("chunk-shape", &check(listing, &init, &one, &[two[0].clone(), two[1][..90].to_vec()]));
    broken.check("chunk-shape", &check(listing, &init, &one, &[two[0].clone(), two[1].clone(), chunk(5, 40_960, 1, true)]));
    let mut offset = two[0].clone();
    let trun = offset.windows(4).position(|four| four == b"trun").expect("trun");
    offset[trun + 15] = offset[trun + 15].wrapping_add(77);
    broken.check("chunk-shape", &check(listing, &init, &one, &[offset, two[1].clone()]));
    broken.check("sequence-rises", &check(listing, &init, &one, &[chunk(2, 20_480, 10, true), two[1].clone()]));
    broken.check("decode-time", &check(listing, &init, &one, &[chunk(3, 20_481, 10, true), two[1].clone()]));
    broken.check("decode-time", &check(listing, &init, &one, &[two[0].clone(), chunk(4, 30_719, 10, true)]));
    broken.check("sync-start", &check(listing, &init, &one, &[chunk(3, 20_480, 10, false), two[1].clone()]));
    broken.check("independent-part", &check(listing, &init, &one, &[two[0].clone(), chunk(4, 30_720, 10, false)]));
    broken.check("independent-part", &check(&replace(listing, ",INDEPENDENT=YES", ""), &init, &one, &two));
    broken.check("media-duration", &check(&replace(listing, "#EXTINF:0.426667", "#EXTINF:0.430000"), &init, &one, &two));
    broken.check("media-duration", &check(&replace(listing, "DURATION=0.213333", "DURATION=0.210000"), &init, &one, &two));
    let (whole, swapped) = (two.concat(), [two[1].as_slice(), two[0].as_slice()]);
    broken.check("parts-make-segment", &conformance::segments(listing, &init, &[Chunks { uri: "s2.m4s", whole: &whole, parts: &swapped }]));
    assert_eq!(conformance::aligned((&init, &whole), (&init, &whole), 0.0), []);
    broken.check("aligned", &conformance::aligned((&init, &whole), (&init, &one.concat()), 0.022));
}

#[test]
fn each_rule_is_broken_once_and_named() {
    let mut broken = Broken::default();
    single(&mut broken);
    top(&mut broken);
    over_time(&mut broken);
    across(&mut broken);
    media(&mut broken);
    let unbroken: Vec<&str> = RULES.iter().map(|(rule, _)| *rule).filter(|rule| !broken.0.contains(rule)).collect();
    assert!(unbroken.is_empty(), "no example breaks {unbroken:?}");
}

#[test]
fn any_text_is_judged_without_a_panic() {
    let good = playlist(400);
    bolero::check!().with_type::<(Vec<u8>, u16, String)>().for_each(|(noise, at, other)| {
        let mut bytes = good.clone().into_bytes();
        let at = usize::from(*at) % bytes.len();
        let end = (at + noise.len()).min(bytes.len());
        bytes.splice(at..end, noise.iter().copied());
        let text = String::from_utf8_lossy(&bytes);
        for text in [text.as_ref(), other.as_str()] {
            conformance::media(text);
            conformance::multivariant(text);
            conformance::change(&good, text);
            conformance::change(text, &good);
            conformance::delta(&good, text);
            conformance::renditions(&[("v0/media.m3u8", &good), ("a0/media.m3u8", text)]);
            conformance::answers(text, u64::MAX, Some(u64::MAX));
            conformance::codecs(text, &[noise]);
            conformance::segments(text, noise, &[Chunks { uri: "s1.m4s", whole: noise, parts: &[] }]);
        }
    });
}
