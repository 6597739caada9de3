//! Boxes made to hurt: refused or cut off, quickly and in bounded memory.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so and stops")]

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tl_base::MediaTime;
use tl_mp4::live::{LiveMovie, avc_record, box_head, hevc_record};
use tl_mp4::scan::{scan, scan_bytes};
use tl_mp4::{Run, Sample, Track, TrackConfig, join, repair};

/// No hostile file may take longer.
const LIMIT: Duration = Duration::from_secs(1);
/// Nor make the process grow by more.
const GROWTH_BYTES: u64 = 16 << 20;

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
}

fn good() -> Vec<u8> {
    let track = Track { id: 1, timescale: 48_000, config: TrackConfig::Aac { channels: 2 } };
    let mut out = tl_mp4::init_segment(&[track]).expect("init").to_vec();
    for at in 0..4 {
        let sample = Sample { data: Bytes::from_static(b"0123456789"), duration: 1_024, key: true };
        let run = Run { track_id: 1, base_decode_time: at * 2_048, samples: vec![sample.clone(), sample] };
        out.extend_from_slice(&tl_mp4::fragment(at as u32 + 1, &[run]).expect("fragment"));
    }
    out
}

/// All three readers; what they say does not matter here, only what it costs.
fn endure(folder: &Path, bytes: &[u8], what: &str) {
    let path = folder.join("hostile.mp4");
    std::fs::write(&path, bytes).expect("written");
    let (started, before) = (Instant::now(), peak_bytes());
    let found = scan(&path);
    if let Ok(found) = &found {
        assert!(found.whole_bytes <= bytes.len() as u64, "{what}");
    }
    let joined = join(&[path.clone(), path.clone()], &[MediaTime::ZERO, MediaTime(i64::MAX)], &folder.join("joined.mp4"));
    assert!(found.is_ok() || joined.is_err(), "{what}: joined what could not be scanned");
    let repaired = repair(&path);
    assert!(found.is_ok() || repaired.is_err(), "{what}: repaired what could not be scanned");
    assert!(started.elapsed() < LIMIT, "{what} took {:?}", started.elapsed());
    // The system counts for each processor apart, so that the highest may seem to fall a little.
    let grown = peak_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES, "{what} took {grown} bytes");
}

/// The most memory that this process has held; zero where the system does not say.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) * 1_024
}

#[test]
fn hostile_boxes_cost_little() {
    let folder = tempfile::tempdir().expect("folder");
    let check = |bytes: &[u8], what: &str| endure(folder.path(), bytes, what);
    let good = good();
    let init_bytes = scan_bytes(&good).expect("good").init_bytes as usize;

    for size in [0_u32, 1, 2, 7, 8, 9, u32::MAX, i32::MAX as u32] {
        for at in [0, 4, init_bytes, good.len() - 40] {
            let mut bytes = good.clone();
            bytes[at..at + 4].copy_from_slice(&size.to_be_bytes());
            check(&bytes, &format!("size {size} at {at}"));
        }
    }
    for long in [0_u64, 15, 16, u64::MAX, i64::MAX as u64] {
        let bytes = [&1_u32.to_be_bytes()[..], b"moov", &long.to_be_bytes(), &[0; 64]].concat();
        check(&bytes, &format!("long size {long}"));
    }

    let mut nested = Vec::new();
    for _ in 0..10_000 {
        nested = boxed(b"moov", &nested);
    }
    check(&nested, "10,000 nested moov");
    for kind in [b"trak", b"mdia", b"moof", b"traf", b"stsd", b"meta"] {
        let mut nested = Vec::new();
        for _ in 0..10_000 {
            nested = boxed(kind, &nested);
        }
        check(&boxed(b"moov", &nested), "10,000 nested in moov");
        check(&[&good[..init_bytes], &boxed(b"moof", &nested)].concat(), "10,000 nested in moof");
    }

    check(&b"\0\0\0\x08free".repeat(1 << 20), "a million empty boxes");
    check(&[&good[..init_bytes], &b"\0\0\0\x08free".repeat(1 << 20)].concat(), "a million empty boxes behind a header");
    check(&boxed(b"moov", &b"\0\0\0\x08trak".repeat(1 << 18)), "a quarter million empty tracks");
    check(&boxed(b"moov", &vec![0x41; 15 << 20]), "moov of rubbish");
}

#[test]
fn sixteen_bytes_that_claim_to_be_huge_are_refused_at_once() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("tiny.mp4");
    for size in [u32::MAX, i32::MAX as u32, 1] {
        std::fs::write(&path, [&size.to_be_bytes()[..], b"ftypisom\xff\xff\xff\xff"].concat()).expect("written");
        let (started, before) = (Instant::now(), peak_bytes());
        assert!(scan(&path).is_err() && repair(&path).is_err());
        let (took, grown) = (started.elapsed(), peak_bytes().saturating_sub(before));
        println!("{size:#x}: refused in {took:?}, {grown} bytes more");
        assert!(took < LIMIT && grown <= 1 << 20, "{took:?}, {grown} bytes");
    }
}

#[test]
fn counts_that_no_box_holds_are_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let good = good();
    let stsz = good.windows(4).position(|four| four == b"stsz").expect("stsz") + 4;
    let mut many = good.clone();
    many[stsz + 8..stsz + 12].copy_from_slice(&4_000_000_000_u32.to_be_bytes());
    assert!(scan_bytes(&many).is_err());
    endure(folder.path(), &many, "stsz of 4e9");
    let stts = good.windows(4).position(|four| four == b"stts").expect("stts") + 4;
    let mut many = good.clone();
    many[stts + 4..stts + 8].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(scan_bytes(&many).is_err());

    // A run of four thousand million inherited samples says nothing that its mdat bears out.
    let trun = good.windows(4).position(|four| four == b"trun").expect("trun") + 4;
    for (flags, count) in [(0x0000_0001_u32, u32::MAX), (0x0000_0f01, u32::MAX), (0x0000_0201, 3)] {
        let mut run = good.clone();
        run[trun..trun + 4].copy_from_slice(&flags.to_be_bytes());
        run[trun + 4..trun + 8].copy_from_slice(&count.to_be_bytes());
        endure(folder.path(), &run, "run of too many");
    }
}

#[test]
fn a_data_offset_outside_the_mdat_is_torn() {
    let good = good();
    let trun = good.windows(4).position(|four| four == b"trun").expect("trun") + 4;
    for offset in [0_i32, -1, i32::MIN, i32::MAX, 5_000] {
        let mut bytes = good.clone();
        bytes[trun + 8..trun + 12].copy_from_slice(&offset.to_be_bytes());
        assert_eq!(scan_bytes(&bytes).expect("header is good").fragments, 0, "offset {offset}");
    }
}

#[test]
fn truncated_anywhere_is_rejected_or_cut() {
    let good = good();
    let init_bytes = scan_bytes(&good).expect("good").init_bytes as usize;
    for cut in 0..good.len() {
        let found = scan_bytes(&good[..cut]);
        assert_eq!(found.is_ok(), cut >= init_bytes, "cut at {cut}");
    }
}

#[test]
fn any_bytes_are_read_without_a_panic() {
    let good = good();
    let init = tl_mp4::init_segment(&[Track { id: 1, timescale: 48_000, config: TrackConfig::Aac { channels: 2 } }]).expect("init");
    bolero::check!().with_type::<(Vec<u8>, u16, u8)>().for_each(|(noise, at, mode)| {
        let mut bytes = if mode % 3 == 0 { Vec::new() } else { good.clone() };
        let at = usize::from(*at).min(bytes.len());
        let end = (at + noise.len()).min(bytes.len());
        if mode % 3 == 1 {
            bytes.splice(at..end, noise.iter().copied());
        } else {
            bytes.splice(at..at, noise.iter().copied());
        }
        if let Ok(found) = scan_bytes(&bytes) {
            assert!(found.whole_bytes <= bytes.len() as u64);
        }
        // What is refused was refused without harm, which is all that is asked here.
        drop(tl_mp4::inspect::read_init(&bytes));
        drop(tl_mp4::inspect::read_fragments(&init, bytes.get(init.len()..).unwrap_or_default()));
    });
}

#[test]
fn any_stream_of_fragments_is_read_without_a_panic() {
    let good = good();
    let bounds = |kind: &[u8]| {
        let at = good.windows(4).position(|four| four == kind).expect("a box") - 4;
        let size = u32::from_be_bytes(*good[at..].first_chunk().expect("a size")) as usize;
        good[at..at + size].to_vec()
    };
    let (moov, moof) = (bounds(b"moov"), bounds(b"moof"));
    let movie = LiveMovie::read(&moov).expect("good");
    assert!(movie.tracks().count() > 0 && !movie.samples(&moof).expect("good").is_empty());
    bolero::check!().with_type::<(Vec<u8>, u16, bool)>().for_each(|(noise, at, splice)| {
        let spoil = |whole: &[u8]| {
            let mut bytes = whole.to_vec();
            let at = 8 + usize::from(*at) % (bytes.len() - 8);
            let end = if *splice { at } else { (at + noise.len()).min(bytes.len()) };
            bytes.splice(at..end, noise.iter().copied());
            let size = u32::try_from(bytes.len()).expect("short").to_be_bytes();
            bytes[..4].copy_from_slice(&size);
            bytes
        };
        if let Ok(movie) = LiveMovie::read(&spoil(&moov)) {
            assert!(movie.tracks().all(|track| track.timescale > 0 && (1..=4).contains(&track.nal_length_bytes)));
            // What is refused was refused without harm.
            drop(movie.samples(&moof));
        }
        if let Ok(samples) = movie.samples(&spoil(&moof)) {
            assert!(samples.len() <= 1 << 16 && samples.windows(2).all(|pair| pair[0].data.start <= pair[1].data.start));
        }
        drop((avc_record(noise), hevc_record(noise)));
        box_head(noise);
    });
}

#[test]
fn any_file_is_repaired_and_joined_without_a_panic() {
    let folder = tempfile::tempdir().expect("folder");
    let good = good();
    let path = folder.path().join("any.mp4");
    bolero::check!().with_iterations(300).with_type::<(Vec<u8>, u16)>().for_each(|(noise, at)| {
        let mut bytes = good.clone();
        let at = usize::from(*at).min(bytes.len());
        let end = (at + noise.len()).min(bytes.len());
        bytes.splice(at..end, noise.iter().copied());
        std::fs::write(&path, &bytes).expect("written");
        let joined = join(std::slice::from_ref(&path), &[MediaTime::from_secs(3)], &folder.path().join("joined.mp4"));
        let repaired = repair(&path);
        if let Ok(found) = repaired {
            assert_eq!(scan(&path).expect("still there").whole_bytes, found.whole_bytes);
            assert!(joined.is_ok() || found.fragments > 0);
        }
    });
}
