//! From a phone's RTP time stamps to the studio's clock.
//!
//! A sender report ties RTP time to the phone's NTP clock; pings tie a phone's clock to the studio's. Until both are there, the
//! fastest arrival stands for the capture. When a better mapping appears, the difference is worked off slowly, so that pictures
//! never jump, except where it is so large that it must have been a step.

use std::collections::VecDeque;

use tl_base::MediaTime;
use tl_base::clock_sync::{ClockState, RemoteClock};

/// Sender reports closer together than this say nothing new.
const REPORT_SPACING: MediaTime = MediaTime::from_millis(250);
/// Transits of reports that are remembered to judge whether NTP and pings read the same clock.
const TRANSITS: usize = 16;
/// Transits needed for a judgement.
const TRANSITS_NEEDED: usize = 3;
/// The fastest report may differ this much from half a round trip before the clocks count as two.
const SAME_CLOCK: MediaTime = MediaTime::from_millis(15);
/// Round trips remembered for the middle one.
const TRIPS: usize = 9;
/// A change of mapping larger than this is a step, and taken at once.
const STEP: MediaTime = MediaTime::from_millis(250);
/// Share of the time that passes by which an old mapping may still be off: 50 ms in each second are worked off.
const SLEW_DIVISOR: i64 = 20;

/// What is known of one phone's clocks.
#[derive(Debug, Default)]
pub(crate) struct PhoneClock {
    pings: RemoteClock,
    reports: RemoteClock,
    trips: VecDeque<MediaTime>,
    shortest_trip: Option<MediaTime>,
    transits: VecDeque<MediaTime>,
    last_report: Option<MediaTime>,
    /// The page's clock and the NTP clock of its sender reports are not the same one.
    apart: bool,
}

impl PhoneClock {
    /// Notes an answered ping; `phone` in nanoseconds.
    pub fn note_ping(&mut self, sent: MediaTime, phone: i64, received: MediaTime) {
        let trip = received - sent;
        if trip.0 < 0 {
            return;
        }
        self.pings.note_ping(sent, phone, received);
        if self.trips.len() == TRIPS {
            self.trips.pop_front();
        }
        self.trips.push_back(trip);
        self.shortest_trip = Some(self.shortest_trip.map_or(trip, |shortest| shortest.min(trip)));
    }

    /// Notes a sender report whose NTP time is `ntp` nanoseconds.
    pub fn note_report(&mut self, ntp: i64, arrival: MediaTime) {
        if self.last_report.is_some_and(|last| arrival - last < REPORT_SPACING) {
            return;
        }
        self.last_report = Some(arrival);
        self.reports.note_arrival(ntp, arrival);
        let Some(sent) = self.pings.to_media(ntp) else { return };
        if self.transits.len() == TRANSITS {
            self.transits.pop_front();
        }
        self.transits.push_back(arrival - sent);
        let half_trip = MediaTime(self.shortest_trip.map_or(0, |trip| trip.0 / 2));
        let Some(fastest) = self.transits.iter().min().filter(|_| self.transits.len() >= TRANSITS_NEEDED) else { return };
        self.apart = (*fastest - half_trip).abs() > SAME_CLOCK;
    }

    /// The studio's time at the phone's NTP time `ntp` nanoseconds; none before there is any mapping.
    pub fn to_media(&self, ntp: i64) -> Option<MediaTime> {
        let half_trip = MediaTime(self.shortest_trip.map_or(0, |trip| trip.0 / 2));
        match self.pings.to_media(ntp).filter(|_| !self.apart) {
            Some(time) => Some(time),
            None => self.reports.to_media(ntp).map(|time| time - half_trip),
        }
    }

    /// What is known now.
    pub fn state(&self) -> Option<ClockState> {
        if self.apart { self.reports.state() } else { self.pings.state().or_else(|| self.reports.state()) }
    }

    /// Milliseconds of a round trip, the middle one of the last few.
    pub fn rtt_ms(&self) -> Option<f64> {
        let mut sorted: Vec<MediaTime> = self.trips.iter().copied().collect();
        sorted.sort();
        sorted.get(sorted.len() / 2).map(|trip| trip.as_millis_f64())
    }
}

/// One stream's RTP clock.
#[derive(Debug)]
pub(crate) struct Timeline {
    rate_hz: i64,
    /// RTP time and NTP nanoseconds of the newest report.
    report: Option<(u32, i64)>,
    /// Last RTP time and nanoseconds since the first one.
    position: Option<(u32, i64)>,
    /// Arrival minus position of the fastest packet.
    fastest: Option<i64>,
    /// Mapped minus position, and what is still worked off of older mappings, at the last packet.
    mapped: Option<(i64, i64)>,
    last: Option<MediaTime>,
}

impl Timeline {
    /// A stream whose RTP clock ticks `rate_hz` times a second.
    pub fn new(rate_hz: u32) -> Self {
        Self { rate_hz: i64::from(rate_hz.max(1)), report: None, position: None, fastest: None, mapped: None, last: None }
    }

    /// The same stream after its RTP clock began anew.
    pub fn anew(&self) -> Self {
        Self { rate_hz: self.rate_hz, report: None, position: None, fastest: None, mapped: None, last: self.last }
    }

    /// Notes that RTP time `rtp` was NTP time `ntp` nanoseconds.
    pub fn note_report(&mut self, rtp: u32, ntp: i64) {
        self.report = Some((rtp, ntp));
    }

    /// When what is stamped `rtp` and arrived at `arrival` was captured. Times of one stream rise strictly.
    pub fn capture(&mut self, rtp: u32, arrival: MediaTime, clock: &PhoneClock) -> MediaTime {
        let (last_rtp, last_position) = self.position.unwrap_or((rtp, 0));
        let elapsed = self.nanos(rtp.wrapping_sub(last_rtp));
        let position = last_position.saturating_add(elapsed);
        self.position = Some((rtp, position));
        let behind = arrival.0.saturating_sub(position);
        // A pause in which the phone's RTP clock stood still must not leave an old arrival in force.
        let fastest = self.fastest.map_or(behind, |fastest| if behind.saturating_sub(fastest) > 4 * STEP.0 { behind } else { fastest.min(behind) });
        self.fastest = Some(fastest);
        let mapping = match self.report.and_then(|(at, ntp)| clock.to_media(ntp.saturating_add(self.nanos(rtp.wrapping_sub(at))))) {
            // Nothing can be captured after it arrived; a clock that says so was misread.
            Some(time) if time <= arrival + STEP => time.0.saturating_sub(position),
            _ => fastest,
        };
        let owed = match self.mapped {
            Some((before, owed)) => {
                let owed = owed.saturating_add(before.saturating_sub(mapping));
                let step = (elapsed.abs() / SLEW_DIVISOR).min(owed.saturating_abs());
                if owed.saturating_abs() > STEP.0 { 0 } else { owed - owed.signum() * step }
            }
            None => 0,
        };
        self.mapped = Some((mapping, owed));
        let mut capture = MediaTime(position.saturating_add(mapping).saturating_add(owed));
        if let Some(last) = self.last.filter(|last| capture <= *last && *last - capture < STEP) {
            capture = last + MediaTime(1);
        }
        self.last = Some(capture);
        capture
    }

    /// A difference of RTP times, which wraps, in nanoseconds.
    fn nanos(&self, ticks: u32) -> i64 {
        i64::from(ticks as i32) * 1_000_000_000 / self.rate_hz
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;
    const OFFSET: i64 = -4_700 * MS;
    const DELAY: i64 = 60 * MS;

    /// Pictures every 33 ms with 60 ms from light to arrival; reports from 1 s and pings from 2 s on.
    fn run(ntp_is_off_by: i64) -> Vec<(i64, i64)> {
        let mut clock = PhoneClock::default();
        let mut timeline = Timeline::new(90_000);
        let mut out = Vec::new();
        for index in 0..300_i64 {
            let light = 10_000 * MS + index * 33 * MS;
            let now = light + DELAY;
            let rtp = (u32::MAX - 90_000).wrapping_add((index * 33 * 90) as u32);
            let ntp = |t: i64| t + OFFSET + ntp_is_off_by;
            if index >= 30 && index % 10 == 0 {
                timeline.note_report(rtp, ntp(light));
                // The report itself travels for 2 ms.
                clock.note_report(ntp(now - 2 * MS), MediaTime(now));
            }
            if index >= 60 && index % 8 == 0 {
                clock.note_ping(MediaTime(now - 4 * MS), now - 2 * MS + OFFSET, MediaTime(now));
            }
            out.push((light, timeline.capture(rtp, MediaTime(now), &clock).0));
        }
        out
    }

    #[test]
    fn arrival_stands_in_first_and_is_left_smoothly() {
        let out = run(0);
        assert_eq!(out[0].1 - out[0].0, DELAY, "arrival at first");
        for pair in out.windows(2) {
            let step = pair[1].1 - pair[0].1;
            assert!((30 * MS..=35 * MS).contains(&step), "a step of {step} ns");
        }
        for (light, capture) in &out[150..] {
            assert!((capture - light).abs() < MS, "{} ms off", (capture - light) / MS);
        }
    }

    #[test]
    fn an_ntp_clock_of_its_own_is_noticed() {
        for off in [3_600_000 * MS, 90 * MS, -90 * MS] {
            let out = run(off);
            for (light, capture) in &out[250..] {
                assert!((capture - light).abs() < 3 * MS, "{off}: {} ms off", (capture - light) / MS);
            }
        }
    }

    #[test]
    fn hostile_stamps_do_not_overflow() {
        let mut clock = PhoneClock::default();
        let mut timeline = Timeline::new(90_000);
        bolero::check!().with_type::<(u32, i64, i64, i64)>().cloned().for_each(|(rtp, ntp, at, other)| {
            clock.note_report(ntp, MediaTime(at));
            clock.note_ping(MediaTime(at), other, MediaTime(ntp));
            timeline.note_report(rtp, ntp);
            timeline.capture(rtp.wrapping_mul(31), MediaTime(other), &clock);
            clock.state();
            clock.rtt_ms();
        });
    }
}
