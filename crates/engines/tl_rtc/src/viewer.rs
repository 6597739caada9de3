//! One viewer of the programme.
//!
//! Pictures wait in a queue of its own and leave at a pace that home networks bear; sound leaves at once. Late: a viewer whose
//! queue grows old loses whole pictures up to the next key picture. A viewer whose way loses too much or fills up gets key pictures
//! and sound alone for a while, and is sent away when that lasts: its page has another way to watch. Missing: without a programme
//! it waits, connected. Nothing that one viewer does costs another a picture.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::media::{MediaAdded, MediaTime as RtpTime, Mid, Pt};
use str0m::rtp::{ExtensionValues, RtpWrite, SeqNo};
use str0m::stats::{MediaEgressStats, PeerStats};
use str0m::{Event, IceConnectionState, Rtc};

use crate::engine::Outlet;
use crate::link::Link;
use crate::programme::Shot;
use crate::server::{self, SessionId, ViewerStats};
use crate::slow_way::{SlowWay, Verdict};

/// A viewer that has its answer must be connected within this time.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A viewer from whom nothing comes for this long is gone: reports and STUN come every second.
const SILENCE: Duration = Duration::from_secs(6);
/// Pictures leave no faster than this, bits a second: three times a good programme, and a tenth of a poor Wi-Fi.
const PACE_BPS: f64 = 25e6;
/// What may leave at once, bytes: an ordinary picture whole.
const BURST_BYTES: f64 = 32_000.0;
/// A picture that waits longer than this has met a way that does not bear the programme.
const MAX_WAIT: Duration = Duration::from_millis(400);
/// Bytes that may wait.
const MAX_WAITING_BYTES: usize = 4 << 20;
/// Share of what is sent that may be sent again before repeats are refused until the share sinks.
const MAX_REPEATED: f32 = 0.25;
/// Packets and their age that may be asked for again.
const REPEATABLE: (usize, Duration) = (1_024, Duration::from_secs(2));
/// Datagrams that a viewer may send at once, and each second after; reports, requests and STUN take about fifty.
const DATAGRAMS: f64 = 300.0;
const DATAGRAMS_A_SECOND: f64 = 250.0;
/// The longest that a browser should keep pictures back, hundredths of a second. It does so for as long as its sound is late: on a busy
/// machine Chromium buffers a fifth of a second of sound and more, and pictures that may not wait run ahead of it.
const MAX_PLAYOUT_DELAY: u64 = 40;

/// One direction of media.
struct Line {
    mid: Mid,
    pt: Pt,
    next: SeqNo,
}

/// A picture of which some packets have not left yet.
struct Waiting {
    shot: Arc<Shot>,
    since: Instant,
    left: usize,
}

pub(crate) struct Viewer {
    link: Link,
    opened: Instant,
    /// Something of its own came last.
    heard: Instant,
    connected: bool,
    picture: Option<Line>,
    sound: Option<Line>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// When all that has left would have left at exactly the pace.
    paced: Instant,
    awaits_key: bool,
    /// Nothing was shown yet.
    fresh: bool,
    wants_key: bool,
    way: SlowWay,
    datagrams: f64,
    counted: Instant,
    stats: ViewerStats,
    bytes: u64,
    bytes_before: Option<(Instant, u64)>,
}

impl Viewer {
    /// A viewer whose answer is about to go out.
    pub fn new(id: SessionId, rtc: Rtc) -> Self {
        let now = Instant::now();
        Self {
            link: Link::new(id, rtc, now),
            opened: now,
            heard: now,
            connected: false,
            picture: None,
            sound: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            paced: now,
            awaits_key: true,
            fresh: true,
            wants_key: false,
            way: SlowWay::default(),
            datagrams: DATAGRAMS,
            counted: now,
            stats: ViewerStats::default(),
            bytes: 0,
            bytes_before: None,
        }
    }

    pub fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Why it ended, once it has.
    pub fn over(&self) -> Option<&str> {
        self.link.over()
    }

    /// When [`Viewer::advance`] is due.
    pub fn wake(&self) -> Instant {
        let mut wake = self.link.wake();
        wake = wake.min(self.gone_at());
        if !self.waiting.is_empty() {
            wake = wake.min(self.may_send_at());
        }
        wake
    }

    /// Whether a key picture is needed; reading it clears it.
    pub fn take_wants_key(&mut self) -> bool {
        std::mem::take(&mut self.wants_key)
    }

    /// Whether it has been sent no picture yet.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Does what is due at `now`.
    pub fn advance(&mut self, now: Instant, outlet: &mut Outlet<'_>) {
        self.link.begin();
        if now >= self.gone_at() {
            self.link.close(if self.connected { "nothing was heard for 6 s" } else { "it did not connect" });
        }
        self.send_waiting(now);
        self.link.tick(now);
        self.settle(now, outlet);
    }

    /// Takes a datagram; tells whether it was this viewer's. What is too much is not even looked at.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, local: SocketAddr, datagram: &[u8], outlet: &mut Outlet<'_>) -> bool {
        let earned = now.saturating_duration_since(self.counted).as_secs_f64() * DATAGRAMS_A_SECOND;
        self.counted = now;
        self.datagrams = (self.datagrams + earned).min(DATAGRAMS);
        if self.datagrams < 1.0 {
            return false;
        }
        self.datagrams -= 1.0;
        self.link.begin();
        let taken = self.link.receive(now, from, local, datagram);
        if taken {
            self.heard = now;
            self.settle(now, outlet);
        }
        taken
    }

    /// Ends it and tells the browser.
    pub fn close(&mut self, reason: &str, outlet: &mut Outlet<'_>) {
        self.link.begin();
        self.link.close(reason);
        self.settle(Instant::now(), outlet);
    }

    /// Takes what the programme brings; [`Viewer::advance`] is due after it.
    pub fn show(&mut self, now: Instant, shot: &Arc<Shot>) {
        if !self.connected {
            return;
        }
        if shot.sound {
            self.send(now, shot, 0, shot.payloads.len());
            // What is handed over leaves at the next tick, which must not wait for a picture or a report.
            self.link.hurry(now);
            return;
        }
        self.give_up_old(now);
        if shot.key {
            self.awaits_key = false;
        }
        if self.awaits_key || (!shot.key && self.way.keys_only()) {
            // What builds on a picture that was left out must stay away too.
            self.awaits_key = true;
            self.stats.skipped += u64::from(!self.fresh);
            return;
        }
        self.fresh = false;
        self.stats.pictures += 1;
        self.waiting_bytes += shot.bytes;
        self.waiting.push_back(Waiting { shot: Arc::clone(shot), since: now, left: shot.payloads.len() });
    }

    fn gone_at(&self) -> Instant {
        if self.connected { self.heard + SILENCE } else { self.opened + CONNECT_WITHIN }
    }

    fn may_send_at(&self) -> Instant {
        self.paced.checked_sub(Duration::from_secs_f64(BURST_BYTES * 8.0 / PACE_BPS)).unwrap_or(self.paced)
    }

    /// Lets go of pictures that have waited too long, up to the next key; one that has begun to leave is finished.
    fn give_up_old(&mut self, now: Instant) {
        let late = self.waiting.front().is_some_and(|first| now.saturating_duration_since(first.since) > MAX_WAIT);
        if !late && self.waiting_bytes <= MAX_WAITING_BYTES {
            return;
        }
        let begun = self.waiting.front().is_some_and(|first| first.left < first.shot.payloads.len());
        let dropped = self.waiting.drain(usize::from(begun)..).count();
        self.waiting_bytes = self.waiting.iter().map(|waiting| waiting.shot.bytes).sum();
        self.stats.skipped += dropped as u64;
        self.stats.pictures = self.stats.pictures.saturating_sub(dropped as u64);
        self.awaits_key = true;
        self.wants_key = true;
    }

    fn send_waiting(&mut self, now: Instant) {
        while let Some(first) = self.waiting.front() {
            if now < self.may_send_at() {
                return;
            }
            let (shot, from) = (Arc::clone(&first.shot), first.shot.payloads.len() - first.left);
            let sent = self.send(now, &shot, from, from + 1);
            let seconds = (sent as f64) * 8.0 / PACE_BPS;
            self.paced = self.paced.max(now) + Duration::from_secs_f64(seconds);
            if let Some(first) = self.waiting.front_mut() {
                first.left -= 1;
                if first.left == 0 {
                    self.waiting_bytes = self.waiting_bytes.saturating_sub(shot.bytes);
                    self.waiting.pop_front();
                }
            }
        }
    }

    /// Hands some of the payloads to the protocol instance; how many bytes.
    fn send(&mut self, now: Instant, shot: &Shot, from: usize, to: usize) -> usize {
        let line = if shot.sound { self.sound.as_mut() } else { self.picture.as_mut() };
        let Some(line) = line else { return 0 };
        let mut api = self.link.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(line.mid, None) else { return 0 };
        let mut bytes = 0;
        for (index, payload) in shot.payloads.iter().enumerate().take(to).skip(from) {
            let marker = !shot.sound && index + 1 == shot.payloads.len();
            let mut extensions = ExtensionValues::default();
            if !shot.sound && shot.key {
                // Said again with each key picture: a browser that missed it keeps what it was told last.
                extensions.play_delay_min = Some(RtpTime::from_hundredths(0));
                extensions.play_delay_max = Some(RtpTime::from_hundredths(MAX_PLAYOUT_DELAY));
            }
            let wall = shot.wall.min(now);
            let packet = RtpWrite::new(line.pt, line.next.inc(), shot.rtp, wall, Arc::clone(payload)).marker(marker).ext_vals(extensions).nackable(!shot.sound);
            stream.write_rtp(packet);
            bytes += payload.len();
        }
        self.bytes += bytes as u64;
        bytes
    }

    fn settle(&mut self, now: Instant, outlet: &mut Outlet<'_>) {
        while let Some(event) = self.link.next_event(now, outlet.port) {
            self.event(&event, now, outlet);
        }
    }

    fn event(&mut self, event: &Event, now: Instant, outlet: &mut Outlet<'_>) {
        match event {
            Event::Connected => {
                self.connected = true;
                (outlet.on_event)(server::Event::ViewerConnected { session: self.link.id() });
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) if self.connected => self.link.fail("the way to the viewer broke"),
            Event::MediaAdded(added) => self.add(added),
            Event::KeyframeRequest(_) => self.wants_key = true,
            Event::MediaEgressStats(stats) => self.note_stream(stats),
            Event::PeerStats(stats) => self.measure(stats, now, outlet),
            Event::Closed => self.link.fail("the viewer left"),
            _ => {}
        }
    }

    fn add(&mut self, added: &MediaAdded) {
        if !added.direction.is_sending() {
            return;
        }
        let sound = added.kind.is_audio();
        let wanted = if sound { str0m::format::Codec::Opus } else { str0m::format::Codec::H264 };
        let Some(pt) = self.link.rtc.codec_config().params().iter().find(|params| params.spec().codec == wanted).map(|params| params.pt()) else { return };
        if let Some(stream) = self.link.rtc.direct_api().stream_tx_by_mid(added.mid, None) {
            stream.set_rtx_cache(REPEATABLE.0, REPEATABLE.1, Some(MAX_REPEATED));
        }
        // Sequence numbers begin anywhere in the lower half, so that the browser does not meet a wrap at once.
        let next = SeqNo::from(u64::from(self.opened.elapsed().subsec_nanos() % 0x4000) + 1);
        let line = Line { mid: added.mid, pt, next };
        if sound {
            self.sound.get_or_insert(line);
        } else {
            self.picture.get_or_insert(line);
            self.wants_key = true;
        }
    }

    fn note_stream(&mut self, stats: &MediaEgressStats) {
        if self.picture.as_ref().is_some_and(|line| line.mid == stats.mid) {
            self.stats.nacks = stats.nacks;
            self.stats.loss = stats.loss.map(f64::from).or(self.stats.loss);
        }
    }

    /// Once a second: what the browser reported, and what follows from it.
    fn measure(&mut self, stats: &PeerStats, now: Instant, outlet: &mut Outlet<'_>) {
        let path = stats.selected_candidate_pair.as_ref().and_then(|pair| pair.current_round_trip_time);
        self.stats.rtt_ms = stats.rtt.or(path).map(|rtt| rtt.as_secs_f64() * 1e3);
        self.stats.loss = stats.egress_loss_fraction.map(f64::from).or(self.stats.loss);
        if let Some((then, bytes)) = self.bytes_before {
            let seconds = now.saturating_duration_since(then).as_secs_f64();
            self.stats.bitrate_bps = (seconds > 0.0).then(|| (self.bytes - bytes) as f64 * 8.0 / seconds);
        }
        self.bytes_before = Some((now, self.bytes));
        outlet.shared.viewer_stats().insert(self.link.id(), self.stats);
        match self.way.observe(now, self.stats.loss, self.stats.rtt_ms) {
            Verdict::Bears => {}
            Verdict::GoesOn => self.wants_key = true,
            Verdict::GiveUp => self.link.close("its way is too slow for the programme"),
        }
    }
}
