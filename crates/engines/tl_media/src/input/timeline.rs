//! Where a unit belongs in time: from the stamps of a source to the studio's.

use tl_base::MediaTime;
use tl_base::arrival_clock::ArrivalClock;
use tl_base::clock_sync::ClockState;

/// A unit that claims to have been captured this long before it came, or after, is not believed.
const ABSURD: MediaTime = MediaTime::from_secs(10);
/// The least distance between decoding times.
const STEP: MediaTime = MediaTime::from_micros(1);
/// Where the protocol tells no decoding times, a reordered picture is decoded this much before the first that needs it is shown.
const LEAD: MediaTime = MediaTime::from_micros(50);

/// Which of a source's clocks a stamp is from. Sound and pictures share one where the protocol says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    /// One clock for sound and pictures.
    Shared,
    /// A stream's own, before its sender told how the clocks go together.
    Video,
    Audio,
}

/// How a unit is stamped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stamp {
    /// By the source's clock: nanoseconds, unwrapped. `dts` is none where the protocol does not tell it.
    Source { domain: Domain, pts: i64, dts: Option<i64> },
    /// The capture time is known.
    Known { capture: MediaTime },
    /// Not at all: it was captured when it arrived.
    None,
}

/// A unit's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) capture: MediaTime,
    pub(crate) pts: MediaTime,
    pub(crate) dts: MediaTime,
}

/// One clock and where its count lies on the studio's.
struct Clocked {
    clock: ArrivalClock,
    /// This count of the source is that time of its own evenly spaced timeline.
    anchor: Option<(i64, MediaTime)>,
    steps: u64,
}

impl Clocked {
    fn new() -> Self {
        Self { clock: ArrivalClock::new(ArrivalClock::UNSEEN), anchor: None, steps: 0 }
    }
}

/// What one stream, sound or pictures, has shown so far.
#[derive(Default)]
struct Track {
    newest: Option<(i64, Domain)>,
    capture: Option<MediaTime>,
    pts: Option<MediaTime>,
    dts: Option<MediaTime>,
    /// How far pictures leave the order in which they are shown.
    reorder: MediaTime,
}

/// One connection's time.
pub(crate) struct Timeline {
    clocks: [Clocked; 3],
    tracks: [Track; 2],
}

impl Timeline {
    pub(crate) fn new() -> Self {
        Self { clocks: std::array::from_fn(|_| Clocked::new()), tracks: [Track::default(), Track::default()] }
    }

    /// A unit's place; none when its stamp is absurd. No capture lies ahead of `arrival`.
    pub(crate) fn place(&mut self, is_audio: bool, stamp: Stamp, arrival: MediaTime) -> Option<Place> {
        let [pictures, sound] = &mut self.tracks;
        let track = if is_audio { sound } else { pictures };
        match stamp {
            Stamp::None => Some(track.place(arrival, arrival, None, true)),
            Stamp::Known { capture } => {
                let capture = capture.min(arrival);
                // Pictures of a file leave in the order in which they are decoded.
                let moves_on = track.capture.is_none_or(|last| capture > last || last - capture > ABSURD);
                Some(track.place(capture, capture, None, moves_on))
            }
            Stamp::Source { domain, pts, dts } => {
                let [shared, video, audio] = &mut self.clocks;
                let clocked = match domain {
                    Domain::Shared => shared,
                    Domain::Video => video,
                    Domain::Audio => audio,
                };
                let fits = clocked.clock.note(pts, arrival);
                let capture = clocked.clock.to_media(pts)?;
                if !fits || (arrival - capture).abs() > ABSURD {
                    return None;
                }
                let capture = capture.min(arrival);
                let anchor = match clocked.anchor {
                    Some(anchor) if clocked.steps == clocked.clock.steps() => anchor,
                    // A clock that was set goes on behind what was already told.
                    _ => *clocked.anchor.insert((pts, track.pts.map_or(capture, |last| capture.max(last + STEP)))),
                };
                clocked.steps = clocked.clock.steps();
                let own = anchor.1 + MediaTime(pts.saturating_sub(anchor.0));
                let moves_on = track.newest.is_none_or(|(newest, of)| of != domain || pts > newest);
                let moves_on = moves_on || track.newest.is_some_and(|(newest, _)| newest.saturating_sub(pts) > ABSURD.0);
                if moves_on {
                    track.newest = Some((pts, domain));
                }
                let lead = dts.map(|dts| MediaTime(pts.saturating_sub(dts).clamp(0, ABSURD.0)));
                Some(track.place(capture, own, lead, moves_on))
            }
        }
    }

    /// The clock that most is known of.
    pub(crate) fn state(&self) -> Option<ClockState> {
        self.clocks.iter().find_map(|clocked| clocked.clock.state())
    }
}

impl Track {
    /// `lead` is how long before its showing a picture is decoded; `moves_on` says that it is shown after all before it.
    fn place(&mut self, capture: MediaTime, pts: MediaTime, lead: Option<MediaTime>, moves_on: bool) -> Place {
        let (mut capture, mut pts) = (capture, pts);
        if moves_on {
            capture = self.capture.map_or(capture, |last| capture.max(last));
            pts = self.pts.map_or(pts, |last| pts.max(last + STEP));
            (self.capture, self.pts) = (Some(capture), Some(pts));
        } else if let (None, Some(last)) = (lead, self.pts) {
            self.reorder = self.reorder.max(last - pts + LEAD);
        }
        let dts = pts - lead.unwrap_or(self.reorder);
        let dts = self.dts.map_or(dts, |last| dts.max(last + STEP));
        self.dts = Some(dts);
        Place { capture, pts, dts }
    }
}

/// Counts on where a counter of few bits starts over, and takes small steps back as such.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unwrap {
    bits: u32,
    last: Option<i64>,
}

impl Unwrap {
    /// For a counter of `bits` bits, at most 62.
    pub(crate) const fn new(bits: u32) -> Self {
        Self { bits, last: None }
    }

    /// The count without its starting over: the one nearest to the last.
    pub(crate) fn unwrap(&mut self, value: u64) -> i64 {
        let span = 1_i64 << self.bits;
        let value = (value & (span as u64 - 1)) as i64;
        let count = self.last.map_or(value, |last| {
            let ahead = (value - last).rem_euclid(span);
            last + if ahead >= span / 2 { ahead - span } else { ahead }
        });
        self.last = Some(count);
        count
    }

    /// What a value is, without moving on.
    pub(crate) fn peek(mut self, value: u64) -> i64 {
        self.unwrap(value)
    }
}

/// Ticks of a clock with this rate, in nanoseconds.
pub(crate) fn to_nanos(ticks: i64, rate_hz: i64) -> i64 {
    let nanos = i128::from(ticks) * 1_000_000_000 / i128::from(rate_hz.max(1));
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: i64 = 3_000;

    /// Feeds 33-bit stamps that start at `from`, one frame apart, and gives captures.
    fn play(timeline: &mut Timeline, unwrap: &mut Unwrap, from: u64, first: i64, frames: i64) -> Vec<Option<Place>> {
        let place = |frame: i64| {
            let pts = to_nanos(unwrap.unwrap(from.wrapping_add((frame * FRAME) as u64) & ((1 << 33) - 1)), 90_000);
            let arrival = MediaTime((first + frame) * 33_333_333 + 80_000_000);
            timeline.place(false, Stamp::Source { domain: Domain::Shared, pts, dts: Some(pts) }, arrival)
        };
        (0..frames).map(place).collect()
    }

    #[test]
    fn a_transport_stream_that_wraps_goes_on() {
        let (mut timeline, mut unwrap) = (Timeline::new(), Unwrap::new(33));
        let places = play(&mut timeline, &mut unwrap, (1 << 33) - 45 * FRAME as u64, 0, 90);
        let places: Vec<Place> = places.into_iter().map(|place| place.expect("kept")).collect();
        for pair in places.windows(2) {
            let step = (pair[1].capture - pair[0].capture).0;
            assert!((33_000_000..34_000_000).contains(&step) && pair[1].dts > pair[0].dts, "{pair:?}");
        }
    }

    #[test]
    fn jumps_cost_a_few_units_and_never_go_back() {
        for jump in [5 * 60 * 90_000_u64, (1 << 33) - 5 * 60 * 90_000, 30 * 90_000, (1 << 33) - 30 * 90_000] {
            let (mut timeline, mut unwrap) = (Timeline::new(), Unwrap::new(33));
            let mut places = play(&mut timeline, &mut unwrap, 900_000, 0, 90);
            places.extend(play(&mut timeline, &mut unwrap, (900_000 + 90 * FRAME as u64 + jump) & ((1 << 33) - 1), 90, 90));
            let dropped = places.iter().filter(|place| place.is_none()).count();
            assert!(dropped <= 3, "{dropped} dropped");
            let kept: Vec<Place> = places.into_iter().flatten().collect();
            for pair in kept.windows(2) {
                assert!(pair[1].capture >= pair[0].capture && pair[1].pts > pair[0].pts && pair[1].dts > pair[0].dts, "{pair:?}");
                assert!(pair[1].pts - pair[0].pts < MediaTime::from_millis(200), "{pair:?}");
            }
        }
    }

    #[test]
    fn one_absurd_stamp_is_dropped() {
        let mut timeline = Timeline::new();
        for frame in 0..60_i64 {
            let pts = if frame == 30 { i64::MAX / 2 } else { frame * 33_333_333 };
            let place = timeline.place(false, Stamp::Source { domain: Domain::Shared, pts, dts: None }, MediaTime(frame * 33_333_333));
            assert_eq!(place.is_none(), frame == 30);
        }
    }

    #[test]
    fn reordered_pictures_keep_their_own_capture() {
        let mut timeline = Timeline::new();
        // I0 P3 B1 B2 P6 B4 B5 …: each arrives one frame after the one before.
        let order = [0_i64, 3, 1, 2, 6, 4, 5, 9, 7, 8, 12, 10, 11];
        let places: Vec<Place> = (0_i64..)
            .zip(order)
            .filter_map(|(at, frame)| {
                let stamp = Stamp::Source { domain: Domain::Shared, pts: frame * 33_333_333, dts: None };
                timeline.place(false, stamp, MediaTime((at + 3) * 33_333_333))
            })
            .collect();
        assert_eq!(places.len(), order.len());
        assert!(places.windows(2).all(|pair| pair[1].dts > pair[0].dts));
        let tail: Vec<i64> = places[7..].iter().map(|place| (place.capture - places[7].capture).0 / 33_000_000).collect();
        assert_eq!(tail, [0, -2, -1, 3, 1, 2]);
        assert!(places[4..].iter().all(|place| place.dts <= place.pts));
    }

    #[test]
    fn reordered_pictures_of_a_file_keep_their_times() {
        let mut timeline = Timeline::new();
        // What is shown earlier than the one before it arrives together with that.
        let order = [(0_i64, 0_i64), (4, 4), (2, 4), (1, 4), (3, 4), (8, 8), (6, 8), (5, 8), (7, 8)];
        let places: Vec<Place> = order
            .iter()
            .filter_map(|(frame, at)| timeline.place(false, Stamp::Known { capture: MediaTime(frame * 33_333_333) }, MediaTime(at * 33_333_333)))
            .collect();
        assert_eq!(places.iter().map(|place| place.capture.0 / 33_333_333).collect::<Vec<_>>(), order.map(|(frame, _)| frame));
        assert!(places.windows(2).all(|pair| pair[1].dts > pair[0].dts) && places[5..].iter().all(|place| place.dts <= place.pts));
    }

    #[test]
    fn counters_unwrap_both_ways() {
        let mut unwrap = Unwrap::new(32);
        assert_eq!(unwrap.unwrap(u64::from(u32::MAX)), i64::from(u32::MAX));
        assert_eq!(unwrap.unwrap(5), i64::from(u32::MAX) + 6);
        assert_eq!(unwrap.unwrap(u64::from(u32::MAX)), i64::from(u32::MAX));
        assert_eq!(unwrap.peek(9), i64::from(u32::MAX) + 10);
    }

    #[test]
    fn any_stamps_keep_captures_behind_arrivals_and_decoding_in_order() {
        bolero::check!().with_type::<Vec<(i64, i64, u16, u8)>>().for_each(|stamps| {
            let (mut timeline, mut unwrap) = (Timeline::new(), Unwrap::new(33));
            let (mut arrival, mut decoded) = (MediaTime::ZERO, [None; 2]);
            for (pts, dts, step, mode) in stamps {
                arrival += MediaTime::from_millis(i64::from(*step) / 64);
                let pts = if mode & 1 == 1 { to_nanos(unwrap.unwrap(pts.unsigned_abs()), 90_000) } else { *pts };
                let domain = [Domain::Shared, Domain::Video, Domain::Audio][usize::from(mode >> 1) % 3];
                let stamp = match mode >> 3 & 3 {
                    0 => Stamp::None,
                    1 => Stamp::Known { capture: MediaTime(*dts) },
                    _ => Stamp::Source { domain, pts, dts: (mode & 64 == 0).then_some(*dts) },
                };
                let is_audio = mode & 128 != 0;
                let Some(place) = timeline.place(is_audio, stamp, arrival) else { continue };
                assert!(place.capture <= arrival);
                let last = decoded[usize::from(is_audio)].replace(place.dts);
                assert!(last.is_none_or(|last| last < place.dts), "{last:?} before {place:?}");
                assert!(timeline.state().is_none_or(|state| state.offset_ms.is_finite() && state.drift_ppm.is_finite()));
            }
        });
    }
}
