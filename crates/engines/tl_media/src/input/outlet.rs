//! Where every stream of an input ends: encoded pieces become access units, numbered, placed in time and counted.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;

use tl_base::{MediaClock, MediaTime, RateMeter, SourceId, SourceStats};
use tl_frame::{AccessUnit, Codec, ConfigId, adts};

use crate::input::parameters::Pictures;
use crate::input::timeline::{Place, Stamp, Timeline};
use crate::input::{Counters, Event};
use crate::line::lock;

/// Rates are measured over this long.
const SPAN: MediaTime = MediaTime::from_secs(2);

/// A complete picture or sound packet as a protocol gave it.
pub(crate) struct Encoded {
    pub(crate) codec: Codec,
    pub(crate) data: Bytes,
    pub(crate) stamp: Stamp,
    /// Whether decoding may start here, for codecs whose bytes are not looked into.
    pub(crate) key: bool,
}

/// The one way out of an input; its lock is held while the owner's callback runs, so that units keep their order.
pub(crate) struct Outlet {
    source: SourceId,
    clock: MediaClock,
    inner: Mutex<Inner>,
}

struct Inner {
    on_event: Box<dyn FnMut(Event) + Send>,
    config_id: u32,
    counters: Counters,
    connection: Connection,
}

/// What is known of one connection only.
struct Connection {
    peer: Option<String>,
    connected: bool,
    since: MediaTime,
    timeline: Timeline,
    pictures: Pictures,
    sound: Option<adts::Header>,
    /// The sound's form changed; the next key picture starts a configuration.
    sound_changed: bool,
    needs_key: bool,
    has_pictures: bool,
    bits: RateMeter,
    fps: RateMeter,
}

impl Connection {
    fn new(peer: Option<String>, since: MediaTime) -> Self {
        Self {
            peer,
            connected: false,
            since,
            timeline: Timeline::new(),
            pictures: Pictures::default(),
            sound: None,
            sound_changed: false,
            needs_key: true,
            has_pictures: false,
            bits: RateMeter::new(SPAN),
            fps: RateMeter::new(SPAN),
        }
    }
}

impl Outlet {
    pub(crate) fn new(source: SourceId, clock: MediaClock, on_event: Box<dyn FnMut(Event) + Send>) -> Self {
        let connection = Connection::new(None, clock.now());
        Self { source, clock, inner: Mutex::new(Inner { on_event, config_id: 0, counters: Counters::default(), connection }) }
    }

    /// Tells something that is no unit.
    pub(crate) fn tell(&self, event: Event) {
        let mut inner = lock(&self.inner);
        if matches!(event, Event::TurnedAway { .. }) {
            inner.counters.turned_away += 1;
        }
        (inner.on_event)(event);
    }

    /// Forgets the connection before; the next unit is the first of a new one with `peer`.
    pub(crate) fn begin(&self, peer: Option<String>) {
        lock(&self.inner).connection = Connection::new(peer, self.clock.now());
    }

    /// Whether this connection gave media.
    pub(crate) fn is_connected(&self) -> bool {
        lock(&self.inner).connection.connected
    }

    /// The connection is over; true when it had given media.
    pub(crate) fn end(&self, reason: &str) -> bool {
        let mut inner = lock(&self.inner);
        let was_connected = std::mem::take(&mut inner.connection.connected);
        if was_connected {
            inner.counters.losses += 1;
            (inner.on_event)(Event::Lost { reason: reason.to_owned() });
        }
        was_connected
    }

    /// A caller that never gave media is gone.
    pub(super) fn turn_away(&self, reason: String) {
        let peer = lock(&self.inner).connection.peer.clone();
        self.tell(Event::TurnedAway { peer, reason });
    }

    /// Time since the last unit, or since the connection began.
    pub(crate) fn idle(&self) -> Duration {
        (self.clock.now() - lock(&self.inner).connection.since).to_duration()
    }

    /// The studio's clock.
    pub(crate) fn clock(&self) -> MediaClock {
        self.clock
    }

    /// Counts what was dropped before it became a unit.
    pub(crate) fn note_dropped(&self) {
        lock(&self.inner).counters.dropped += 1;
    }

    pub(crate) fn counters(&self) -> Counters {
        lock(&self.inner).counters
    }

    /// Takes one piece; what cannot be used is counted and dropped.
    pub(crate) fn push(&self, piece: Encoded) {
        let arrival = self.clock.now();
        let mut inner = lock(&self.inner);
        inner.connection.bits.note(arrival, piece.data.len() as f64 * 8.0);
        let unit = if piece.codec.is_audio() { inner.sound(self.source, piece, arrival) } else { inner.picture(self.source, piece, arrival) };
        match unit {
            Some(unit) => inner.give(unit),
            None => inner.counters.dropped += 1,
        }
    }

    /// Tells what was measured; `seen` is what the protocol knows of its way.
    pub(crate) fn report(&self, seen: SourceStats) {
        let now = self.clock.now();
        let mut inner = lock(&self.inner);
        if !inner.connection.connected {
            return;
        }
        if let Some(state) = inner.connection.timeline.state() {
            (inner.on_event)(Event::Clock(state));
        }
        let connection = &mut inner.connection;
        let fps = connection.fps.per_second(now).filter(|_| connection.has_pictures);
        let stats = SourceStats { bitrate_bps: connection.bits.per_second(now), fps, ..seen };
        (inner.on_event)(Event::Stats(stats));
    }
}

impl Inner {
    fn sound(&mut self, source: SourceId, piece: Encoded, arrival: MediaTime) -> Option<AccessUnit> {
        let connection = &mut self.connection;
        if piece.data.is_empty() || piece.data.len() > adts::MAX_FRAME_BYTES {
            return None;
        }
        if piece.codec == Codec::AacAdts {
            let header = adts::Header::parse(&piece.data)?;
            connection.sound_changed |= connection.sound.is_some_and(|known| !known.same_sound(&header));
            connection.sound = Some(header);
        }
        if connection.sound_changed && !connection.has_pictures {
            connection.sound_changed = false;
            self.config_id = self.config_id.saturating_add(1);
        }
        let place = self.connection.timeline.place(true, piece.stamp, arrival)?;
        Some(self.unit(source, piece.codec, piece.data, place, arrival, true))
    }

    fn picture(&mut self, source: SourceId, piece: Encoded, arrival: MediaTime) -> Option<AccessUnit> {
        let connection = &mut self.connection;
        let looked = connection.pictures.look(piece.codec, piece.data, piece.key)?;
        if connection.needs_key && !looked.key {
            return None;
        }
        let place = connection.timeline.place(false, piece.stamp, arrival)?;
        connection.needs_key = false;
        connection.fps.note(arrival, 1.0);
        connection.has_pictures = true;
        if looked.changed || (looked.key && std::mem::take(&mut connection.sound_changed)) {
            self.config_id = self.config_id.saturating_add(1);
        }
        Some(self.unit(source, piece.codec, looked.data, place, arrival, looked.key))
    }

    fn unit(&mut self, source: SourceId, codec: Codec, data: Bytes, place: Place, arrival: MediaTime, key: bool) -> AccessUnit {
        if !self.connection.connected {
            self.connection.connected = true;
            self.counters.connects += 1;
            self.config_id = self.config_id.saturating_add(1);
            let peer = self.connection.peer.clone();
            (self.on_event)(Event::Connected { peer });
        }
        let Place { capture, pts, dts } = place;
        AccessUnit { source, codec, config_id: ConfigId(self.config_id), capture, pts, dts, arrival, key, data }
    }

    fn give(&mut self, unit: AccessUnit) {
        self.connection.since = unit.arrival;
        (self.on_event)(Event::Unit(unit));
    }
}
