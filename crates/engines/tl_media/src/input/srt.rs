//! A port that one caller at a time sends a transport stream to, by GStreamer's `srtsrc` (libsrt).
//!
//! The element accepts one caller and loses a second one silently, so each caller gets a listener of its own: when it leaves,
//! the listener is closed and opened again on the same port, which libsrt keeps. Stream id and slot are checked before a
//! caller is accepted; libsrt itself checks the passphrase, after that, so whoever knocks is a stranger until then and holds up
//! nobody. A caller who finds the slot taken by one that has been silent for a moment is not heard yet, but the silent one is let
//! go and both must call again: apps do, and a killed phone is only declared dead after seconds. Where there is a passphrase, this
//! takes the right one: see [`crate::input::knock`].

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gio::prelude::*;
use gst::prelude::*;

use tl_base::{MediaTime, SAMPLE_RATE_HZ, Secret, SourceStats};
use tl_frame::{Codec, adts};

use crate::Error;
use crate::decode::samples_of;
use crate::input::bell::Bell;
use crate::input::knock::Probe;
use crate::input::outlet::{Encoded, Outlet};
use crate::input::sound::Converter;
use crate::input::stream_id::StreamId;
use crate::input::timeline::{Domain, Stamp, Unwrap, to_nanos};
use crate::input::ts::{Content, Demux, Pes};
use crate::input::wake::{End, Wake};
use crate::input::watched::{Watched, sample_sink};
use crate::input::{Event, opus_ts};
use crate::line::{element, lock, set};

/// Statistics are read this often.
const TICK: Duration = Duration::from_secs(1);
/// So many ticks with nobody at the door, and a bell is hung out again.
const ALONE_TICKS: u32 = 10;
/// A caller this silent makes way for another.
const SILENT: MediaTime = MediaTime::from_millis(500);
const DISPLACED: &str = "silent while another caller wants in";
/// Knocks remembered at a time; of more the oldest are taken for strangers.
const MAX_PENDING: usize = 32;
/// An accepted caller is known to the element within this long.
const HANDOVER: MediaTime = MediaTime::from_millis(500);
/// So much without one packet of a transport stream is none.
const FRUITLESS_BYTES: u64 = 512 << 10;
/// So long without anything usable, while bytes come, is no camera.
const FRUITLESS: Duration = Duration::from_secs(10);
/// While other lines are open libsrt gives a port back a second or two after its last caller; it is looked for so long, and so often.
const LINGERS: Duration = Duration::from_secs(4);
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What one listener needs to know.
pub(super) struct Listener<'a> {
    pub(super) bind: SocketAddr,
    pub(super) stream_id: Option<&'a str>,
    pub(super) passphrase: Option<&'a Secret>,
    pub(super) latency: MediaTime,
}

/// One listener and its caller, until that leaves. As long as nobody calls, a [`Bell`] stands in for it.
pub(super) fn attempt(listener: &Listener<'_>, wake: &Arc<Wake>, outlet: &Arc<Outlet>) -> Result<End, Error> {
    // Whoever was here may be back in a moment, and shall find the listener itself.
    let mut expected = outlet.counters().connects > 0;
    let mut told = false;
    let mut tell = || {
        if !std::mem::replace(&mut told, true) {
            outlet.tell(Event::Listening { addr: listener.bind });
        }
    };
    let mut patience = Duration::ZERO;
    loop {
        if !expected && let Some(bell) = hang(listener.bind, patience, wake) {
            tell();
            if let Some(end) = bell.wait(wake) {
                return Ok(end);
            }
        }
        if let Some(end) = listen(listener, wake, outlet, &mut tell)? {
            return Ok(end);
        }
        expected = false;
        patience = LINGERS;
        // What the listener had to say at its end is no end of anything.
        wake.clear();
    }
}

/// A bell at the port, which libsrt may keep for a while after its last caller.
fn hang(bind: SocketAddr, patience: Duration, wake: &Wake) -> Option<Bell> {
    let until = Instant::now() + patience;
    loop {
        let bell = Bell::hang(bind);
        if bell.is_some() || Instant::now() >= until || wake.sleep(LOOK_AGAIN) {
            return bell;
        }
    }
}

/// The same by libsrt; `tell` is called when the port is open. None when nobody came in.
fn listen(listener: &Listener<'_>, wake: &Arc<Wake>, outlet: &Arc<Outlet>, tell: &mut impl FnMut()) -> Result<Option<End>, Error> {
    let source = configured(listener)?;
    let door = Arc::new(Door {
        stream_id: listener.stream_id.map(str::to_owned),
        encrypted: listener.passphrase.is_some(),
        outlet: Arc::clone(outlet),
        wake: Arc::clone(wake),
        caller: Mutex::default(),
        heard: AtomicI64::new(0),
    });
    door.watch(&source);
    let mut receiver = Receiver::new(Arc::clone(outlet), Arc::clone(wake));
    let heard = Arc::clone(&door);
    let sink = sample_sink(None, move |sample| {
        heard.heard.store(heard.outlet.clock().now().0, Ordering::Relaxed);
        if let Some(bytes) = sample.buffer().and_then(|buffer| buffer.map_readable().ok()) {
            receiver.take(&bytes);
        }
    });
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([&source, &sink]).and_then(|()| source.link(&sink)).map_err(Error::pipeline("SRT listener"))?;
    let running = Watched::new(pipeline, wake, End::Left("the caller hung up".to_owned()), |_| End::Lost("the port cannot be opened".to_owned()));
    running.play(wake, "the listener");
    // A port that cannot be had says so before anything else.
    if let Some(end) = wake.wait(Duration::ZERO) {
        return Ok(Some(end));
    }
    tell();
    let mut alone = 0;
    let end = loop {
        if let Some(end) = wake.wait(TICK) {
            break Some(end);
        }
        alone = if door.is_alone() { alone + 1 } else { 0 };
        if alone >= ALONE_TICKS {
            break None;
        }
        if door.try_knocks(listener.bind) {
            break Some(End::Left(DISPLACED.to_owned()));
        }
        door.tell_of_strangers();
        let callers = source.property::<gst::Structure>("stats");
        outlet.report(stats_of(&callers));
        if door.hears() && outlet.idle() > FRUITLESS {
            break Some(End::Left("what the caller sends holds no pictures or sound that can be used".to_owned()));
        }
    };
    drop(running);
    Ok(end)
}

fn configured(listener: &Listener<'_>) -> Result<gst::Element, Error> {
    let source = element("srtsrc")?;
    source.set_property_from_str("mode", "listener");
    let host = match listener.bind {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    source.set_property("uri", format!("srt://{host}:{}?mode=listener", listener.bind.port()));
    source.set_property("localaddress", listener.bind.ip().to_string());
    source.set_property("localport", u32::from(listener.bind.port()));
    let latency_ms = listener.latency.to_duration().as_millis().clamp(20, 8_000).to_string();
    // The element's reader is not woken when it must stop while its caller is silent, so it looks by itself.
    let properties =
        [("latency", latency_ms.as_str()), ("poll-timeout", "50"), ("wait-for-connection", "true"), ("keep-listening", "false"), ("auto-reconnect", "false")];
    for (name, value) in properties {
        set(&source, name, value);
    }
    set(&source, "authentication", "true");
    if let Some(passphrase) = listener.passphrase {
        source.set_property("passphrase", passphrase.expose());
    }
    Ok(source)
}

/// Who is in, and who knocks.
struct Door {
    stream_id: Option<String>,
    encrypted: bool,
    outlet: Arc<Outlet>,
    wake: Arc<Wake>,
    caller: Mutex<Caller>,
    /// When the last bytes came.
    heard: AtomicI64,
}

#[derive(Default)]
struct Caller {
    /// Let through, but not yet seen by the element, oldest first.
    pending: VecDeque<(Option<String>, MediaTime)>,
    /// Let through and gone: libsrt did not like the passphrase.
    strangers: Vec<Option<String>>,
    running: bool,
    /// Somebody was let through beside a silent caller.
    trial: bool,
    /// Our own call that finds out whether they stayed.
    probe: Option<Probe>,
}

impl Door {
    fn watch(self: &Arc<Self>, source: &gst::Element) {
        let door = Arc::clone(self);
        source.connect("caller-connecting", false, move |values| {
            let peer = values.get(1).and_then(peer_of);
            let id = values.get(2).and_then(|value| value.get::<Option<String>>().ok()).flatten().unwrap_or_default();
            Some(door.may_enter(peer, &id).to_value())
        });
        let door = Arc::clone(self);
        source.connect("caller-added", false, move |values| {
            door.entered(values.get(2).and_then(peer_of));
            None
        });
    }

    fn may_enter(&self, peer: Option<String>, id: &str) -> bool {
        let now = self.outlet.clock().now();
        let mut caller = lock(&self.caller);
        if caller.probe.as_ref().is_some_and(|probe| probe.is_it(id)) {
            return false;
        }
        caller.forget_pending(now);
        let turned_away = if !StreamId::parse(id).is_some_and(|id| id.may_send(self.stream_id.as_deref())) {
            Some("wrong stream id")
        } else if caller.running && (!self.encrypted || self.silence() <= SILENT) {
            if self.silence() > SILENT {
                self.wake.end(End::Left(DISPLACED.to_owned()));
            }
            Some("another caller is sending")
        } else if caller.pending.iter().any(|(other, _)| *other == peer) {
            Some("it is being let in")
        } else {
            // Any number at once: libsrt takes no second one while the first that passes waits to be accepted.
            caller.note_pending(peer.clone(), now);
            caller.trial |= caller.running;
            None
        };
        drop(caller);
        if let Some(reason) = turned_away {
            self.outlet.tell(Event::TurnedAway { peer, reason: reason.to_owned() });
        }
        turned_away.is_none()
    }

    fn entered(&self, peer: Option<String>) {
        let mut caller = lock(&self.caller);
        caller.pending.retain(|(other, _)| *other != peer);
        caller.running = true;
        drop(caller);
        self.heard.store(self.outlet.clock().now().0, Ordering::Relaxed);
        self.outlet.begin(peer);
    }

    /// How long nothing has come from the running caller.
    fn silence(&self) -> MediaTime {
        self.outlet.clock().now() - MediaTime(self.heard.load(Ordering::Relaxed))
    }

    /// Judges those who were let through beside a silent caller; true when one of them holds the passphrase.
    fn try_knocks(&self, address: SocketAddr) -> bool {
        let probe = Probe::new();
        {
            let mut caller = lock(&self.caller);
            if !std::mem::take(&mut caller.trial) {
                return false;
            }
            caller.probe = Some(probe.clone());
        }
        let passed = probe.finds_a_guest(address, &self.wake);
        let mut caller = lock(&self.caller);
        caller.probe = None;
        if passed {
            caller.pending.clear();
        }
        passed
    }

    /// Whether nobody is in and nobody knocks.
    fn is_alone(&self) -> bool {
        let caller = lock(&self.caller);
        !caller.running && !caller.trial && caller.probe.is_none() && caller.pending.is_empty() && caller.strangers.is_empty()
    }

    fn hears(&self) -> bool {
        lock(&self.caller).running && self.silence() < MediaTime::from_secs(1)
    }

    /// Tells of callers that got no further than the passphrase.
    fn tell_of_strangers(&self) {
        let now = self.outlet.clock().now();
        let mut caller = lock(&self.caller);
        caller.forget_pending(now);
        let strangers = std::mem::take(&mut caller.strangers);
        drop(caller);
        let reason = if self.encrypted { "wrong passphrase" } else { "it encrypts, and no passphrase is set here" };
        for peer in strangers {
            self.outlet.tell(Event::TurnedAway { peer, reason: reason.to_owned() });
        }
    }
}

impl Caller {
    fn note_pending(&mut self, peer: Option<String>, now: MediaTime) {
        if self.pending.len() >= MAX_PENDING
            && let Some((oldest, _)) = self.pending.pop_front()
        {
            self.note_stranger(oldest);
        }
        self.pending.push_back((peer, now));
    }

    /// Who has not entered by now got no further than the passphrase.
    fn forget_pending(&mut self, now: MediaTime) {
        if self.trial || self.probe.is_some() {
            return;
        }
        while let Some((peer, _)) = self.pending.pop_front_if(|(_, since)| now - *since > HANDOVER) {
            self.note_stranger(peer);
        }
    }

    fn note_stranger(&mut self, peer: Option<String>) {
        /// Told at most between two ticks; a flood is one story.
        const MOST: usize = 8;
        if self.strangers.len() < MOST {
            self.strangers.push(peer);
        }
    }
}

fn peer_of(value: &gst::glib::Value) -> Option<String> {
    let address = value.get::<gio::SocketAddress>().ok()?.downcast::<gio::InetSocketAddress>().ok()?;
    Some(format!("{}:{}", address.address().to_str(), address.port()))
}

/// What `srtsrc` knows of its one caller.
fn stats_of(stats: &gst::Structure) -> SourceStats {
    let callers = stats.get::<gst::glib::ValueArray>("callers").ok();
    let caller = callers.as_ref().and_then(|callers| callers.iter().next()).and_then(|value| value.get::<gst::Structure>().ok());
    let caller = caller.as_ref().unwrap_or(stats);
    let lost = caller.get::<i32>("packets-received-lost").ok().map(i64::from);
    let received = caller.get::<i64>("packets-received").ok();
    let loss = lost.zip(received).filter(|(lost, received)| lost + received > 0).map(|(lost, received)| lost as f64 / (lost + received) as f64);
    SourceStats { loss, rtt_ms: caller.get::<f64>("rtt-ms").ok(), ..SourceStats::default() }
}

/// Turns a caller's bytes into units.
struct Receiver {
    outlet: Arc<Outlet>,
    wake: Arc<Wake>,
    demux: Demux,
    unwrap: Unwrap,
    converter: Option<Converter>,
    /// Where the next sound packet belongs if it says nothing.
    sound_at: Option<i64>,
}

impl Receiver {
    fn new(outlet: Arc<Outlet>, wake: Arc<Wake>) -> Self {
        Self { outlet, wake, demux: Demux::new(), unwrap: Unwrap::new(33), converter: None, sound_at: None }
    }

    fn take(&mut self, bytes: &[u8]) {
        for pes in self.demux.push(bytes) {
            self.place(pes);
        }
        for _ in 0..self.demux.take_broken() {
            self.outlet.note_dropped();
        }
        if self.demux.fruitless_bytes().is_some_and(|bytes| bytes > FRUITLESS_BYTES) {
            self.wake.end(End::Left("what the caller sends is no MPEG transport stream".to_owned()));
        }
    }

    fn place(&mut self, pes: Pes) {
        let mut nanos = |ticks: u64| to_nanos(self.unwrap.unwrap(ticks), 90_000);
        // Decoding times lead: they are what a sender counts evenly.
        let dts = pes.dts.map(&mut nanos);
        let pts = pes.pts.map(&mut nanos);
        match pes.content {
            Content::H264 => self.picture(Codec::H264, pes.data, pts, dts),
            Content::H265 => self.picture(Codec::H265, pes.data, pts, dts),
            Content::Adts => {
                let frames: Vec<(Bytes, i64)> = adts::frames(&pes.data)
                    .map(|(header, frame)| (Bytes::copy_from_slice(frame), to_nanos(i64::from(header.samples()), i64::from(header.rate_hz()))))
                    .collect();
                self.sound(Codec::AacAdts, frames, pts);
            }
            Content::Opus => {
                let length = |packet: &[u8]| samples_of(packet).and_then(|samples| i64::try_from(samples).ok()).unwrap_or(960);
                let packets: Vec<(Bytes, i64)> =
                    opus_ts::packets(&pes.data).map(|packet| (Bytes::copy_from_slice(packet), to_nanos(length(packet), i64::from(SAMPLE_RATE_HZ)))).collect();
                self.sound(Codec::Opus, packets, pts);
            }
            other => self.convert(other, pes.data, pts),
        }
    }

    fn picture(&self, codec: Codec, data: Vec<u8>, pts: Option<i64>, dts: Option<i64>) {
        let Some(pts) = pts else { return self.outlet.note_dropped() };
        let stamp = Stamp::Source { domain: Domain::Shared, pts, dts: Some(dts.unwrap_or(pts)) };
        self.outlet.push(Encoded { codec, data: Bytes::from(data), stamp, key: false });
    }

    /// The packets of one elementary packet follow each other from its stamp on.
    fn sound(&mut self, codec: Codec, packets: Vec<(Bytes, i64)>, pts: Option<i64>) {
        let Some(mut at) = pts.or(self.sound_at) else { return self.outlet.note_dropped() };
        if packets.is_empty() {
            self.outlet.note_dropped();
        }
        for (data, length) in packets {
            let stamp = Stamp::Source { domain: Domain::Shared, pts: at, dts: None };
            self.outlet.push(Encoded { codec, data, stamp, key: true });
            at = at.saturating_add(length);
        }
        self.sound_at = Some(at);
    }

    fn convert(&mut self, content: Content, data: Vec<u8>, pts: Option<i64>) {
        if self.converter.is_none() {
            self.converter = Converter::start(content, &self.outlet).inspect_err(|error| tracing::debug!(%error, "sound is left out")).ok();
        }
        let pushed = self.converter.as_ref().zip(pts).map(|(converter, pts)| converter.push(data, pts));
        if !matches!(pushed, Some(Ok(()))) {
            self.outlet.note_dropped();
        }
    }
}
