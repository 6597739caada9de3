//! The clock of RTP streams: their own stamps, and the sender's wall clock once sender reports tie them together.
//!
//! A stamp of the sender replaces the time of each packet where it leaves the jitter buffer, so that it reaches the other end
//! of depayloader and parser unharmed. Sound and pictures share a clock only when all streams have reports that agree with
//! their arrivals: cheap cameras send reports that do not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use gst::prelude::*;

use tl_base::{MediaClock, MediaTime, SourceStats};

use crate::input::timeline::{Domain, Stamp, Unwrap, to_nanos};
use crate::line::lock;

/// Own stamps are carried from here on, wall clocks from [`WALL`] on; no camera runs long enough to cross.
const OWN: i64 = 1_000_000_000_000_000;
const WALL: i64 = 2_000_000_000_000_000_000;
/// Streams of one camera whose reports differ by more than this from their arrivals are not believed.
const AGREE: MediaTime = MediaTime::from_millis(500);
/// Sessions asked for reports: pictures, sound, and what else a camera may have.
const MAX_SESSIONS: u32 = 4;

/// One RTP stream.
#[derive(Debug)]
struct Stream {
    rate_hz: i64,
    unwrap: Unwrap,
    ssrc: u32,
    /// Ticks and arrival of the newest packet.
    newest: Option<(i64, MediaTime)>,
    /// The sender's wall clock (nanoseconds since 1900) at these ticks.
    report: Option<(i64, i64)>,
}

impl Stream {
    fn wall(&self, ticks: i64) -> Option<i64> {
        self.report.map(|(wall, at)| wall.saturating_add(to_nanos(ticks - at, self.rate_hz)))
    }
}

/// All RTP streams of one camera.
pub(super) struct Streams {
    clock: MediaClock,
    streams: Mutex<Vec<Stream>>,
    has_wall: AtomicBool,
    counted: Mutex<(i64, i64)>,
}

impl Streams {
    pub(super) fn new(clock: MediaClock) -> Arc<Self> {
        Arc::new(Self { clock, streams: Mutex::default(), has_wall: AtomicBool::new(false), counted: Mutex::default() })
    }

    /// Stamps all packets that pass `pad`.
    pub(super) fn stamp(self: &Arc<Self>, pad: &gst::Pad, caps: &gst::CapsRef) {
        let rate_hz = caps.structure(0).and_then(|form| form.get::<i32>("clock-rate").ok()).filter(|rate| *rate > 0).unwrap_or(90_000);
        let mut streams = lock(&self.streams);
        let number = streams.len();
        streams.push(Stream { rate_hz: i64::from(rate_hz), unwrap: Unwrap::new(32), ssrc: 0, newest: None, report: None });
        drop(streams);
        let me = Arc::clone(self);
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
            if let Some(buffer) = info.buffer_mut() {
                me.stamp_packet(number, buffer.make_mut());
            } else if let Some(list) = info.buffer_list_mut() {
                list.make_mut().foreach_mut(|mut buffer, _| {
                    me.stamp_packet(number, buffer.make_mut());
                    std::ops::ControlFlow::Continue(Some(buffer))
                });
            }
            gst::PadProbeReturn::Ok
        });
    }

    fn stamp_packet(&self, number: usize, packet: &mut gst::BufferRef) {
        let Some((stamp, ssrc)) = header(packet) else { return };
        let mut streams = lock(&self.streams);
        let Some(stream) = streams.get_mut(number) else { return };
        if stream.ssrc != ssrc {
            // Another sender counts from elsewhere.
            (stream.ssrc, stream.unwrap, stream.report) = (ssrc, Unwrap::new(32), None);
            self.has_wall.store(false, Ordering::Relaxed);
        }
        let ticks = stream.unwrap.unwrap(u64::from(stamp));
        stream.newest = Some((ticks, self.clock.now()));
        let wall = stream.wall(ticks).filter(|_| self.has_wall.load(Ordering::Relaxed));
        let carried = wall.map_or_else(|| OWN.saturating_add(to_nanos(ticks, stream.rate_hz)), |wall| WALL.saturating_add(wall));
        packet.set_pts(gst::ClockTime::from_nseconds(u64::try_from(carried).unwrap_or_default()));
        packet.set_dts(gst::ClockTime::NONE);
    }

    /// Asks the sessions for reports and tells what they know of the way. `manager` is the element that holds them.
    pub(super) fn ask(&self, manager: &gst::Element) -> SourceStats {
        let mut seen = SourceStats::default();
        let (mut lost, mut received) = (0_i64, 0_i64);
        for session in 0..MAX_SESSIONS {
            let Some(session) = manager.emit_by_name::<Option<gst::glib::Object>>("get-internal-session", &[&session]) else { continue };
            let stats = session.property::<gst::Structure>("stats");
            let Ok(sources) = stats.get::<gst::glib::ValueArray>("source-stats") else { continue };
            for source in sources.iter().filter_map(|value| value.get::<gst::Structure>().ok()) {
                self.take_report(&source);
                if source.get::<bool>("internal").unwrap_or(true) || !source.get::<bool>("is-sender").unwrap_or(false) {
                    continue;
                }
                lost += i64::from(source.get::<i32>("packets-lost").unwrap_or_default().max(0));
                received += i64::try_from(source.get::<u64>("packets-received").unwrap_or_default()).unwrap_or(i64::MAX);
                if let (Ok(jitter), Ok(rate)) = (source.get::<u32>("jitter"), source.get::<i32>("clock-rate"))
                    && rate > 0
                {
                    let jitter_ms = f64::from(jitter) * 1e3 / f64::from(rate);
                    seen.jitter_ms = Some(seen.jitter_ms.unwrap_or(0.0).max(jitter_ms));
                }
            }
        }
        self.judge();
        let mut counted = lock(&self.counted);
        let (new_lost, new_received) = ((lost - counted.0).max(0), (received - counted.1).max(0));
        *counted = (lost, received);
        seen.loss = (new_lost + new_received > 0).then(|| new_lost as f64 / (new_lost + new_received) as f64);
        seen
    }

    fn take_report(&self, source: &gst::Structure) {
        let field = |name: &str| source.get::<u32>(name).ok();
        if !source.get::<bool>("have-sr").unwrap_or(false) {
            return;
        }
        let (Some(ssrc), Some(stamp), Ok(ntp)) = (field("ssrc"), field("sr-rtptime"), source.get::<u64>("sr-ntptime")) else { return };
        let mut streams = lock(&self.streams);
        if let Some(stream) = streams.iter_mut().find(|stream| stream.newest.is_some() && stream.ssrc == ssrc) {
            stream.report = Some((ntp_nanos(ntp), stream.unwrap.peek(u64::from(stamp))));
        }
    }

    /// Whether all streams have reports that fit together.
    fn judge(&self) {
        let streams = lock(&self.streams);
        let lag = |stream: &Stream| {
            let (ticks, arrival) = stream.newest?;
            Some(arrival.0.saturating_sub(stream.wall(ticks)?))
        };
        let active = || streams.iter().filter(|stream| stream.newest.is_some());
        let lags: Vec<i64> = active().filter_map(lag).collect();
        let spread = lags.iter().max().zip(lags.iter().min()).map_or(0, |(most, least)| most.saturating_sub(*least));
        let believed = !lags.is_empty() && lags.len() == active().count() && spread <= AGREE.0;
        if self.has_wall.swap(believed, Ordering::Relaxed) != believed {
            tracing::debug!(believed, spread_ms = spread / 1_000_000, "sender reports of a camera");
        }
    }
}

/// What a carried time says.
pub(super) fn stamp_of(pts: gst::ClockTime, is_audio: bool, delay: MediaTime) -> Stamp {
    let carried = i64::try_from(pts.nseconds()).unwrap_or(i64::MAX).saturating_sub(delay.0);
    let (domain, pts) = match carried {
        WALL.. => (Domain::Shared, carried - WALL),
        _ if is_audio => (Domain::Audio, carried - OWN),
        _ => (Domain::Video, carried - OWN),
    };
    Stamp::Source { domain, pts, dts: None }
}

/// Time stamp and sender of an RTP packet (RFC 3550, section 5.1).
fn header(packet: &gst::BufferRef) -> Option<(u32, u32)> {
    let mut bytes = [0; 12];
    // Copying more than there is would be a fault of ours.
    (packet.size() >= bytes.len() && packet.copy_to_slice(0, &mut bytes).is_ok() && bytes[0] >> 6 == 2).then_some(())?;
    let word = |at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk::<4>()?));
    Some((word(4)?, word(8)?))
}

/// NTP's 32.32 bit seconds since 1900.
fn ntp_nanos(ntp: u64) -> i64 {
    let (secs, fraction) = (ntp >> 32, ntp & 0xffff_ffff);
    i64::try_from(secs * 1_000_000_000 + ((fraction * 1_000_000_000) >> 32)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carried_stamps_come_back() {
        let carried = |nanos: i64| gst::ClockTime::from_nseconds(nanos.unsigned_abs());
        let domain = |stamp: Stamp| match stamp {
            Stamp::Source { domain, pts, .. } => (domain, pts),
            _ => panic!("a source's stamp"),
        };
        assert_eq!(domain(stamp_of(carried(OWN + 5), true, MediaTime::ZERO)), (Domain::Audio, 5));
        assert_eq!(domain(stamp_of(carried(OWN - 2), false, MediaTime::ZERO)), (Domain::Video, -2));
        let latest = ntp_nanos(u64::MAX);
        assert_eq!(domain(stamp_of(carried(WALL + latest), true, MediaTime(7))), (Domain::Shared, latest - 7));
    }

    #[test]
    fn ntp_is_read() {
        assert_eq!(ntp_nanos(0x0000_0001_8000_0000), 1_500_000_000);
    }

    #[test]
    fn any_packet_is_stamped_without_a_panic() {
        crate::init().expect("the library");
        let clock = MediaClock::starting_at(MediaTime::ZERO);
        bolero::check!().with_iterations(2_000).with_type::<(Vec<(Vec<u8>, u32, u32, bool)>, u32, u64)>().for_each(|(packets, sr_stamp, ntp)| {
            let streams = Streams::new(clock);
            let stream = |rate_hz| Stream { rate_hz, unwrap: Unwrap::new(32), ssrc: 0, newest: None, report: None };
            lock(&streams.streams).extend([stream(90_000), stream(1)]);
            for (number, (bytes, stamp, ssrc, bare)) in packets.iter().enumerate() {
                let head = [&[0x80, 96, 0, 0][..], &stamp.to_be_bytes(), &(ssrc & 1).to_be_bytes()].concat();
                let mut packet = gst::Buffer::from_mut_slice(if *bare { bytes.clone() } else { [&head, &bytes[..]].concat() });
                streams.stamp_packet(number % 3, packet.make_mut());
                let report =
                    gst::Structure::builder("source").field("have-sr", true).field("ssrc", ssrc & 1).field("sr-rtptime", sr_stamp).field("sr-ntptime", ntp);
                streams.take_report(&report.build());
                streams.judge();
                if let Some(pts) = packet.pts() {
                    assert!(matches!(stamp_of(pts, number % 2 == 0, MediaTime::ZERO), Stamp::Source { .. }));
                }
            }
        });
    }
}
