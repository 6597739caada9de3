//! A hundred drops of a phone that is being recorded: as many returns into the same input, each with a configuration of its own,
//! its time right again, and a part that plays.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;
mod input_peers;
#[path = "input_peers/transport.rs"]
mod transport;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use gst::prelude::*;

use tl_base::{MediaTime, Percentiles};
use tl_frame::{AccessUnit, h264};
use tl_media::file::{self, Depth};
use tl_media::input::{Event, Kind};
use tl_media::record::{self, Recorder};

use common::peers::Radio;
use common::{SMALL, units as encode_units};
use input_peers::{PATIENCE, Told, check_units, pictures, start, units, words};

const DROPS: usize = 100;
/// Pictures that make a return.
const ENOUGH: usize = 8;
/// What a phone gathered while it called comes in a burst, behind its time; then capture lies this close to the light. Clocks of
/// two visits lie hours apart, so that a time that is not found again stays far outside.
const RIGHT: MediaTime = MediaTime::from_secs(1);
const VISIT_TICKS: u64 = 90_000 * 3_600 * 7;
const MARK: &[u8; 16] = b"touchline-moment";

/// Puts the studio's time into a picture, as supplemental information in front of it.
fn mark(data: &[u8], now: MediaTime) -> Vec<u8> {
    let sei = [&[0, 0, 0, 1, 6, 5, 32][..], MARK, format!("{:016x}", now.0).as_bytes(), &[0x80]].concat();
    [&sei, data].concat()
}

fn moment(unit: &AccessUnit) -> Option<MediaTime> {
    let sei = h264::nals(&unit.data).find(|nal| h264::kind(nal) == 6 && nal.get(3..19) == Some(MARK.as_slice()))?;
    i64::from_str_radix(std::str::from_utf8(sei.get(19..35)?).ok()?, 16).ok().map(MediaTime)
}

/// An SRT caller behind a radio that can be switched off.
struct Phone {
    radio: Radio,
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    writer: transport::Writer,
    begun: Instant,
    sent: usize,
    ticks: u64,
}

impl Phone {
    fn call(address: SocketAddr, ticks: u64) -> Self {
        let radio = Radio::to(address.port(), 100_000_000);
        let line = format!("appsrc name=in is-live=true ! srtsink uri=srt://127.0.0.1:{}?mode=caller latency=20 sync=false", radio.port);
        let pipeline = gst::parse::launch(&line).expect("a sender").downcast::<gst::Pipeline>().expect("a pipeline");
        let source = pipeline.by_name("in").expect("a source").downcast::<gst_app::AppSrc>().expect("a source");
        // A refusal is told on the bus too.
        pipeline.set_state(gst::State::Playing).ok();
        Self { radio, pipeline, source, writer: transport::Writer::default(), begun: Instant::now(), sent: 0, ticks }
    }

    fn is_refused(&self) -> bool {
        self.pipeline.bus().expect("a bus").pop_filtered(&[gst::MessageType::Error]).is_some()
    }

    /// Sends the pictures that are due.
    fn send(&mut self, clip: &[AccessUnit], told: &Told) {
        while self.begun.elapsed() >= Duration::from_nanos(33_333_333 * self.sent as u64) {
            let data = mark(&clip[self.sent % clip.len()].data, told.clock.now());
            for message in self.writer.messages(self.ticks + 3_000 * self.sent as u64, &data) {
                // One that was refused takes nothing any more; the bus tells.
                self.source.push_buffer(gst::Buffer::from_slice(message)).ok();
            }
            self.sent += 1;
        }
    }

    /// Ends without a word, as when the battery is taken out.
    fn vanish(self) {
        let Self { radio, pipeline, .. } = self;
        drop(radio);
        pipeline.set_state(gst::State::Null).ok();
    }

    fn hang_up(self) {
        let Self { radio, pipeline, .. } = self;
        pipeline.set_state(gst::State::Null).ok();
        drop(radio);
    }
}

/// What came since the last connection began; nothing before it.
fn since_return(told: &Told) -> Vec<Event> {
    let all = told.all();
    let at = all.iter().rposition(|event| matches!(event, Event::Connected { .. }));
    at.map_or_else(Vec::new, |at| all[at..].to_vec())
}

/// How far the newest picture's time is off.
fn newest_off(seen: &[AccessUnit]) -> Option<MediaTime> {
    seen.last().and_then(|unit| Some(unit.capture - moment(unit)?))
}

fn is_back(seen: &[Event]) -> bool {
    pictures(seen) >= ENOUGH && newest_off(&units(seen)).is_some_and(|off| off.abs() < RIGHT)
}

#[test]
fn a_hundred_drops_are_a_hundred_returns() {
    let folder = tempfile::tempdir().expect("a folder");
    let recording = record::Config {
        dir: folder.path().to_path_buf(),
        stem: "cam1".to_owned(),
        kind: record::Kind::Iso,
        fragment: MediaTime::from_millis(500),
        sync: MediaTime::from_secs(1),
    };
    let recorder = Recorder::start(recording, |_| {}).expect("a recorder");
    let clip = encode_units(SMALL, 0..60);
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (input, told) = start(Kind::Srt { bind, stream_id: None, passphrase: None, latency: MediaTime::from_millis(20) });
    let address = input.local_addr().expect("a port");
    told.wait("an open port", |events| events.iter().any(|event| matches!(event, Event::Listening { .. })));
    let (mut last_config, mut off, mut took) = (0, Vec::new(), Vec::new());
    for visit in 0..=DROPS {
        told.forget();
        let (begun, ticks) = (Instant::now(), VISIT_TICKS * (visit as u64 * 37 % 13));
        let mut phone = Phone::call(address, ticks);
        while !is_back(&since_return(&told)) {
            assert!(
                begun.elapsed() < PATIENCE,
                "visit {visit}: {:?}, {} pictures of {} sent, the newest {:?} off",
                words(&told.all()),
                pictures(&since_return(&told)),
                phone.sent,
                newest_off(&units(&since_return(&told)))
            );
            // Like any app, it calls again when the port still thinks that the one before is there.
            if phone.is_refused() {
                phone.hang_up();
                phone = Phone::call(address, ticks);
            }
            phone.send(&clip, &told);
            std::thread::sleep(Duration::from_millis(5));
        }
        let seen = units(&since_return(&told));
        check_units(&seen, false);
        assert!(seen.iter().all(|unit| unit.config_id == seen[0].config_id) && seen[0].config_id.0 > last_config, "a return has a configuration of its own");
        last_config = seen[0].config_id.0;
        off.extend(newest_off(&seen).map(MediaTime::as_millis_f64));
        took.push((told.clock.now() - seen[0].arrival).as_millis_f64());
        seen.iter().for_each(|unit| recorder.push(unit));
        if visit % 4 == 0 { phone.vanish() } else { phone.hang_up() }
    }
    common::wait_for("the last loss", PATIENCE, || input.counters().losses > DROPS as u64);
    let counters = input.counters();
    assert_eq!((counters.connects as usize, counters.losses as usize), (DROPS + 1, DROPS + 1));
    let parts = recorder.finish().expect("a summary").parts;
    assert_eq!(parts.len(), DROPS + 1, "a part each");
    for part in &parts {
        let verified = file::verify(&part.path, Depth::Keys, &AtomicBool::new(false), |_| {}).expect("looked at");
        assert!(verified.is_saved() && verified.video_frames >= ENOUGH as u64, "{verified:?}");
    }
    let (off, took) = (Percentiles::of(off).expect("returns"), Percentiles::of(took).expect("returns"));
    println!(
        "{DROPS} drops, {DROPS} returns; capture to light p50 {:.0} ms, most {:.0} ms; first picture to right time p50 {:.0} ms, most {:.0} ms",
        off.p50, off.max, took.p50, took.max
    );
}
