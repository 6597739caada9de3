//! One camera's life: joining, live, stale, lost, returning; and the verdict on it.

use std::sync::Arc;

use tl_base::clock_sync::ClockState;
use tl_base::{Admission, MediaTime, PictureAdvice, Protocol, Size, SlotId, SourceStats};
use tl_rtc::SessionId;
use tl_rtc::ladder::Ladder;
use tl_show::SourceState;

use crate::inputs::feed::{Feed, Measured};
use crate::inputs::holder::Sender;

/// A source without pictures for this long is lost.
const LOST_AFTER: MediaTime = MediaTime::from_secs(5);
/// A source that came back is live again after this long in time.
const STEADY_FOR: MediaTime = MediaTime::from_millis(400);
/// The verdict is given this long after the join…
const JUDGED_AFTER: MediaTime = MediaTime::from_secs(5);
/// Floors of the admission contract.
const MIN_LONG_SIDE: u32 = 720;
const MIN_SHORT_SIDE: u32 = 480;
const MIN_FPS: f64 = 23.5;
const MAX_DELAY_MS: f64 = 500.0;
/// More than this is decoded for nobody.
const MAX_FPS: f64 = 65.0;
/// What the studio asks phones for.
const EXPECTED_SIZE: Size = Size::new(1_280, 720);
const EXPECTED_BITRATE: u32 = 3_000_000;
const EXPECTED_FPS: f64 = 30.0;

/// How a source is reached, for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reached {
    /// `listening`, `connecting`, `connected`, `waiting`, `refused`, `off`.
    pub state: &'static str,
    /// Where, without secrets; empty when it takes whoever comes.
    pub address: String,
    /// One sentence; empty when all is well.
    pub detail: String,
    /// When the next attempt is made.
    pub retry_at: Option<MediaTime>,
}

/// One camera.
pub struct Camera {
    /// Its media path.
    pub feed: Arc<Feed>,
    /// How it comes in.
    pub protocol: Protocol,
    /// How it is reached.
    pub reached: Reached,
    /// Who sends, while somebody does.
    pub sender: Option<Sender>,
    /// Whose sender that is: the label of the token, or where it calls from.
    pub holder: String,
    /// Whether its phone wants to hear the programme.
    pub listens: bool,
    /// Whether the director speaks to it.
    pub addressed: bool,
    /// Whether its person holds the button to speak.
    pub speaks: bool,
    /// Its state.
    pub state: SourceState,
    /// The verdict.
    pub admission: Option<Admission>,
    /// Its clock.
    pub clock: Option<ClockState>,
    /// What the receiver measured.
    pub stats: SourceStats,
    /// Pictures known to be lost; none where nothing counts them.
    pub lost: Option<u64>,
    /// Those of the connections before this one.
    lost_before: Option<u64>,
    /// How good it judges its own picture to be, 0 to 1; none: it does not.
    pub quality: Option<f64>,
    /// Times it came back.
    pub reconnects: u32,
    /// What it is told to send.
    pub ladder: Ladder,
    joined_at: MediaTime,
    judged_at: MediaTime,
    in_time_since: Option<MediaTime>,
}

impl Camera {
    /// A slot that nobody has joined.
    pub fn new(feed: Arc<Feed>, protocol: Protocol) -> Self {
        Self {
            feed,
            protocol,
            reached: Reached::default(),
            sender: None,
            holder: String::new(),
            listens: false,
            addressed: false,
            speaks: false,
            state: SourceState::Empty,
            admission: None,
            clock: None,
            stats: SourceStats::default(),
            lost: None,
            lost_before: None,
            quality: None,
            reconnects: 0,
            ladder: ladder(),
            joined_at: MediaTime::ZERO,
            judged_at: MediaTime::ZERO,
            in_time_since: None,
        }
    }

    /// Somebody joins, or comes back.
    pub fn join(&mut self, sender: Sender, protocol: Protocol, holder: &str, now: MediaTime) -> SourceState {
        if self.state != SourceState::Empty {
            self.reconnects += 1;
        }
        self.sender = Some(sender);
        self.protocol = protocol;
        self.holder = holder.to_owned();
        self.listens = false;
        self.clock = None;
        self.stats = SourceStats::default();
        self.lost_before = self.lost;
        self.quality = None;
        self.joined_at = now;
        self.judged_at = now;
        self.in_time_since = None;
        self.admission = None;
        self.ladder = ladder();
        match self.state {
            SourceState::Empty | SourceState::Joining => SourceState::Joining,
            _ => SourceState::Returning,
        }
    }

    /// Notes how many pictures this connection has lost so far.
    pub fn note_lost(&mut self, lost: u64) {
        self.lost = Some(self.lost_before.unwrap_or(0).saturating_add(lost));
    }

    /// Whether another sender may take this slot: nobody is there, or its own phone comes back before its loss was noticed.
    pub fn may_join(&self, holder: &str, now: MediaTime) -> bool {
        let silent = self.feed.age(now).is_none_or(|age| age > self.feed.stale_after());
        let young = now - self.joined_at < LOST_AFTER;
        match self.sender {
            None => true,
            Some(_) if holder == self.holder => silent,
            Some(_) => silent && !young && matches!(self.state, SourceState::Lost | SourceState::Empty),
        }
    }

    /// The WebRTC session it sends through.
    pub fn session(&self) -> Option<SessionId> {
        self.sender.and_then(Sender::session)
    }

    /// The state that follows from what arrives, with its reason; none when it stays.
    pub fn next_state(&mut self, now: MediaTime) -> Option<(SourceState, &'static str)> {
        let in_time = self.feed.is_live(now);
        if !in_time {
            self.in_time_since = None;
        } else if self.in_time_since.is_none() {
            self.in_time_since = Some(now);
        }
        let steady = self.in_time_since.is_some_and(|since| now - since >= STEADY_FOR);
        let silent_for = now - self.joined_at.max(MediaTime(now.0 - self.feed.age(now).unwrap_or(now).0));
        let next = match self.state {
            SourceState::Joining | SourceState::Returning if steady => (SourceState::Live, "pictures arrive in time"),
            SourceState::Lost if steady && self.sender.is_some() => (SourceState::Live, "its pictures are back"),
            SourceState::Joining if self.sender.is_none() => (SourceState::Empty, "it left before its first picture"),
            SourceState::Returning if !in_time && silent_for > LOST_AFTER => (SourceState::Lost, "no picture came"),
            SourceState::Live if !in_time => (SourceState::Stale, "its pictures stopped"),
            SourceState::Stale if in_time => (SourceState::Live, "its pictures are back"),
            SourceState::Stale if silent_for > LOST_AFTER || self.sender.is_none() => (SourceState::Lost, "no picture for too long"),
            _ => return None,
        };
        Some(next)
    }

    /// The verdict when there is a new one: five seconds after the join, over the last seconds, and later whenever it changes.
    pub fn judge(&mut self, now: MediaTime) -> Option<Admission> {
        // A source whose pictures arrive and cannot be decoded never goes live, and is told why.
        let undecoded = self.state == SourceState::Joining && self.feed.age(now).is_none() && self.feed.measured().arriving_fps.is_some();
        if (self.state != SourceState::Live && !undecoded) || now - self.judged_at < JUDGED_AFTER {
            return None;
        }
        self.judged_at = now;
        let verdict = judge(&self.feed.measured(), self.feed.slot());
        let news = self.admission.as_ref().is_none_or(|before| before.accepted != verdict.accepted);
        self.admission = Some(verdict.clone());
        news.then_some(verdict)
    }
}

/// A phone begins with what the studio wants and steps down from there.
fn ladder() -> Ladder {
    Ladder::new(PictureAdvice { bitrate_bps: EXPECTED_BITRATE, scale_down_by: 1.0, max_fps: EXPECTED_FPS })
}

/// Judges what was measured against the floors of the admission contract. A camera answers for what arrives: that this machine
/// is too busy to decode all of it is not its fault.
pub fn judge(measured: &Measured, slot: SlotId) -> Admission {
    let mut reasons = Vec::new();
    let mut advice = Vec::new();
    let size = measured.size.unwrap_or_default();
    let too_fast = measured.arriving_fps.filter(|fps| *fps > MAX_FPS);
    if measured.size.is_none() && measured.arriving_fps.is_some() {
        reasons.push("its pictures cannot be decoded here".to_owned());
        advice.push("Choose H.264 and at most 3840 x 2160 on the phone.".to_owned());
    } else if size.long_side() < MIN_LONG_SIDE || size.short_side() < MIN_SHORT_SIDE {
        reasons.push(format!("the picture is {} x {}, below 720 x 480", size.width, size.height));
        advice.push("Choose a higher resolution on the phone.".to_owned());
    }
    let fps = measured.arriving_fps.or(measured.fps).unwrap_or(0.0);
    if let Some(fps) = too_fast {
        reasons.push(format!("{fps:.0} pictures a second arrive, 60 are the most"));
        advice.push("Choose 30 pictures a second on the phone.".to_owned());
    } else if fps < MIN_FPS && (measured.size.is_some() || measured.arriving_fps.is_none()) {
        reasons.push(format!("{fps:.0} pictures a second arrive, 24 are needed"));
        advice.push("Close other apps, give the phone more light, or move closer to the Wi-Fi.".to_owned());
    }
    if let Some(delay) = measured.arrival_ms.map(|delay| delay.p50).filter(|delay| *delay > MAX_DELAY_MS) {
        reasons.push(format!("pictures arrive {delay:.0} ms late, 500 ms is the most"));
        advice.push("Move closer to the Wi-Fi or to the 5 GHz network.".to_owned());
    }
    Admission {
        accepted: reasons.is_empty(),
        reason: if reasons.is_empty() { String::new() } else { format!("Camera {slot}: {}.", reasons.join("; ")) },
        suggested_adjustments: advice,
        expected_bitrate: EXPECTED_BITRATE,
        expected_size: EXPECTED_SIZE,
        expected_rate: EXPECTED_FPS,
        processing_priority: u8::from(!size.long_side().ge(&MIN_LONG_SIDE)),
    }
}

#[cfg(test)]
mod tests {
    use tl_base::Percentiles;

    use super::*;

    fn measured(width: u32, height: u32, fps: f64, delay: f64) -> Measured {
        let arrival_ms = Some(Percentiles { p50: delay, p95: delay, p99: delay, max: delay });
        Measured { size: Some(Size::new(width, height)), fps: Some(fps), arrival_ms, ..Measured::default() }
    }

    #[track_caller]
    fn check(measured: &Measured, accepted: bool, word: &str) {
        let verdict = judge(measured, SlotId(2));
        assert_eq!(verdict.accepted, accepted, "{verdict:?}");
        assert!(verdict.reason.contains(word), "{verdict:?}");
        assert_eq!(verdict.accepted, verdict.suggested_adjustments.is_empty());
    }

    #[test]
    fn lost_pictures_are_summed_over_connections_and_unknown_where_nobody_counts() {
        let (sound, _) = tl_base::queue::bounded(4, tl_base::queue::WhenFull::DropOldest);
        let feed = Feed::new(tl_base::SourceId { 0: 1 }, tl_base::MediaClock::starting_at(MediaTime::ZERO), sound);
        let mut camera = Camera::new(feed, Protocol::Srt);
        camera.join(Sender::fresh(), Protocol::Srt, "srt", MediaTime::ZERO);
        assert_eq!(camera.lost, None);
        for lost in [3, 5] {
            camera.join(Sender::fresh(), Protocol::Webrtc, "camera 1", MediaTime::ZERO);
            camera.note_lost(1);
            camera.note_lost(lost);
        }
        assert_eq!(camera.lost, Some(8));
    }

    #[test]
    fn the_floors_of_the_contract_decide() {
        check(&measured(1_280, 720, 30.0, 60.0), true, "");
        check(&measured(720, 480, 23.5, 500.0), true, "");
        check(&measured(480, 720, 24.0, 60.0), true, "");
        check(&measured(640, 480, 30.0, 60.0), false, "640 x 480");
        check(&measured(1_280, 720, 15.0, 60.0), false, "15 pictures");
        check(&measured(1_280, 720, 30.0, 800.0), false, "800 ms");
        check(&Measured::default(), false, "0 x 0");
        check(&Measured { arriving_fps: Some(30.0), ..measured(1_280, 720, 1.0, 60.0) }, true, "");
        check(&Measured { arriving_fps: Some(240.0), ..measured(1_280, 720, 0.5, 60.0) }, false, "240 pictures a second arrive, 60");
        check(&Measured { arriving_fps: Some(30.0), ..Measured::default() }, false, "cannot be decoded");
    }
}
