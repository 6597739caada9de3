//! The supervised ways in: what the studio pulls from or listens for, one thread group each, and the RTMP server.
//!
//! Pictures and sound go from a way's own thread straight to the feed that it holds; everything else wakes the control loop. A way
//! that cannot get its feed sends nothing.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tl_base::clock_sync::ClockState;
use tl_base::queue::Sender as QueueSender;
use tl_base::{MediaClock, Protocol, Secret, SlotId, SourceStats};
use tl_media::input::{self, Input, Kind};
use tl_media::rtmp_server::{self, ConnectionId, RtmpServer};

use crate::control::Wake;
use crate::inputs::feed::Feed;
use crate::inputs::holder::Sender;
use crate::inputs::keys::SlotKeys;
use crate::leaving::Leaving;

/// What a way tells the control loop.
#[derive(Debug)]
pub struct Told {
    /// Whose.
    pub slot: SlotId,
    /// Which way.
    pub sender: Sender,
    /// What happened; never a unit.
    pub event: input::Event,
}

/// What a publisher tells the control loop.
#[derive(Debug)]
pub enum Published {
    /// It sends to a slot, and holds its feed.
    Began {
        /// Where.
        slot: SlotId,
        /// As whom.
        sender: Sender,
        /// For closing it.
        connection: ConnectionId,
        /// Where it calls from.
        peer: SocketAddr,
    },
    /// It is gone.
    Ended {
        /// Where.
        slot: SlotId,
        /// As whom.
        sender: Sender,
        /// Why.
        reason: String,
    },
    /// Once a second.
    Stats {
        /// Where.
        slot: SlotId,
        /// As whom.
        sender: Sender,
        /// What was measured.
        stats: SourceStats,
    },
    /// Its clock is known better.
    Clock {
        /// Where.
        slot: SlotId,
        /// As whom.
        sender: Sender,
        /// What is known.
        state: ClockState,
    },
    /// Its sound cannot be used.
    NoSound {
        /// Where.
        slot: SlotId,
        /// Why.
        reason: String,
    },
}

/// One running way.
struct Way {
    sender: Sender,
    kind: Kind,
    input: Input,
}

/// Every way of a studio, by slot. A slot has at most one that was set for it, and one listener beside it.
pub struct Ways {
    clock: MediaClock,
    wakes: QueueSender<Wake>,
    leaving: Leaving,
    set: BTreeMap<SlotId, Way>,
    listeners: BTreeMap<SlotId, Way>,
}

impl Ways {
    /// No way yet.
    pub fn new(clock: MediaClock, wakes: QueueSender<Wake>) -> Self {
        Self { clock, wakes, leaving: Leaving::default(), set: BTreeMap::new(), listeners: BTreeMap::new() }
    }

    /// Starts what was set for a slot, in place of what was before.
    pub fn set(&mut self, slot: SlotId, kind: Kind, feed: &Arc<Feed>) -> Result<Sender, tl_media::Error> {
        self.clear(slot);
        let way = self.start(slot, kind, feed)?;
        let sender = way.sender;
        self.set.insert(slot, way);
        Ok(sender)
    }

    /// Ends what was set for a slot.
    pub fn clear(&mut self, slot: SlotId) -> Option<Sender> {
        let way = self.set.remove(&slot)?;
        let sender = way.sender;
        self.leaving.let_go("a way in", way.input);
        Some(sender)
    }

    /// Starts a slot's listener.
    pub fn listen(&mut self, slot: SlotId, kind: Kind, feed: &Arc<Feed>) -> Result<Option<SocketAddr>, tl_media::Error> {
        let way = self.start(slot, kind, feed)?;
        let address = way.input.local_addr();
        self.listeners.insert(slot, way);
        Ok(address)
    }

    /// Sends the caller of a listener away by starting the listener anew on its port.
    pub fn turn_away(&mut self, slot: SlotId, sender: Sender, feed: &Arc<Feed>) {
        let Some(way) = self.listeners.get(&slot).filter(|way| way.sender == sender) else { return };
        let mut kind = way.kind.clone();
        if let (Kind::Srt { bind, .. }, Some(address)) = (&mut kind, way.input.local_addr()) {
            bind.set_port(address.port());
        }
        // The port must be free before the next listener takes it.
        self.listeners.remove(&slot);
        match self.start(slot, kind, feed) {
            Ok(way) => drop(self.listeners.insert(slot, way)),
            Err(error) => tracing::warn!(%slot, %error, "a listener is closed"),
        }
    }

    /// Opens a slot's listener anew on its port with another passphrase; whoever calls or sends by the one before is cut off. Gives the
    /// sender that it was.
    pub fn rekey(&mut self, slot: SlotId, wanted: Option<Secret>, feed: &Arc<Feed>) -> Option<Sender> {
        let way = self.listeners.get_mut(&slot)?;
        let before = way.sender;
        if let Kind::Srt { passphrase, .. } = &mut way.kind {
            *passphrase = wanted;
        }
        self.turn_away(slot, before, feed);
        Some(before)
    }

    /// Starts what a slot was set to anew, so that whoever is at its other end comes back.
    pub fn restart(&mut self, slot: SlotId, feed: &Arc<Feed>) {
        let Some(kind) = self.set.get(&slot).map(|way| way.kind.clone()) else { return };
        if let Err(error) = self.set(slot, kind, feed) {
            tracing::warn!(%slot, %error, "a source was not started again");
        }
    }

    /// Whether this sender is a slot's listener or what was set for it.
    pub fn knows(&self, slot: SlotId, sender: Sender) -> bool {
        let is = |ways: &BTreeMap<SlotId, Way>| ways.get(&slot).is_some_and(|way| way.sender == sender);
        is(&self.set) || is(&self.listeners)
    }

    /// How this sender comes in.
    pub fn protocol(&self, slot: SlotId, sender: Sender) -> Option<Protocol> {
        let ways = [self.set.get(&slot), self.listeners.get(&slot)];
        ways.into_iter().flatten().find(|way| way.sender == sender).map(|way| way.kind.protocol())
    }

    /// Whether this sender is what was set for a slot.
    pub fn is_set(&self, slot: SlotId, sender: Sender) -> bool {
        self.set.get(&slot).is_some_and(|way| way.sender == sender)
    }

    /// Whether something was set for a slot.
    pub fn has_set(&self, slot: SlotId) -> bool {
        self.set.contains_key(&slot)
    }

    fn start(&self, slot: SlotId, kind: Kind, feed: &Arc<Feed>) -> Result<Way, tl_media::Error> {
        let sender = Sender::fresh();
        let config = input::Config { source: slot, kind: kind.clone(), clock: self.clock, name: format!("camera {slot}") };
        let (feed, wakes) = (Arc::clone(feed), self.wakes.clone());
        let input = Input::start(config, move |event| match event {
            input::Event::Unit(unit) => feed.push_from(sender, unit),
            event => {
                if matches!(event, input::Event::Connected { .. }) {
                    feed.claim(sender);
                }
                // A control loop that is behind loses figures first; what matters is told again by the next event.
                wakes.send(Wake::Way(Told { slot, sender, event })).ok();
            }
        })?;
        Ok(Way { sender, kind, input })
    }
}

/// Starts the RTMP server. A publisher is known by its stream key; its feed takes one sender at a time.
pub fn serve_rtmp(
    config: rtmp_server::Config,
    keys: &Arc<Mutex<SlotKeys>>,
    feeds: BTreeMap<SlotId, Arc<Feed>>,
    clock: MediaClock,
    wakes: QueueSender<Wake>,
) -> Result<RtmpServer, tl_media::Error> {
    let (keys, open) = (Arc::clone(keys), feeds.clone());
    // An app whose connection broke comes back from the same address before anybody noticed that it was gone.
    let last: Arc<Mutex<HashMap<SlotId, IpAddr>>> = Arc::default();
    let known = Arc::clone(&last);
    let admit = move |publish: &rtmp_server::Publish| {
        let slot = keys.lock().unwrap_or_else(PoisonError::into_inner).slot_of(publish.key.expose());
        let feed = slot.and_then(|slot| open.get(&slot)).ok_or_else(|| "this stream key is not known here".to_owned())?;
        let now = clock.now();
        let own = known.lock().unwrap_or_else(PoisonError::into_inner).get(&feed.slot()) == Some(&publish.peer.ip());
        if feed.is_taken(now) && (!own || feed.is_live(now)) {
            return Err(format!("camera {} is taken by another phone", feed.slot()));
        }
        Ok(feed.slot())
    };
    let mut publishers: HashMap<ConnectionId, (Sender, Arc<Feed>)> = HashMap::new();
    let on_event = move |event: rtmp_server::Event| {
        let told = match event {
            rtmp_server::Event::Unit { connection, unit } => {
                if let Some((sender, feed)) = publishers.get(&connection) {
                    feed.push_from(*sender, unit);
                }
                return;
            }
            rtmp_server::Event::Publishing { source, connection, peer } => {
                let Some(feed) = feeds.get(&source) else { return };
                let sender = Sender::fresh();
                feed.take_over(sender);
                last.lock().unwrap_or_else(PoisonError::into_inner).insert(source, peer.ip());
                publishers.insert(connection, (sender, Arc::clone(feed)));
                Published::Began { slot: source, sender, connection, peer }
            }
            rtmp_server::Event::Ended { source, connection, reason } => {
                let Some((sender, _)) = publishers.remove(&connection) else { return };
                Published::Ended { slot: source, sender, reason }
            }
            rtmp_server::Event::Stats { source, connection, stats } => {
                let Some((sender, _)) = publishers.get(&connection) else { return };
                Published::Stats { slot: source, sender: *sender, stats }
            }
            rtmp_server::Event::Clock { source, connection, state } => {
                let Some((sender, _)) = publishers.get(&connection) else { return };
                Published::Clock { slot: source, sender: *sender, state }
            }
            rtmp_server::Event::NoSound { source, reason, .. } => Published::NoSound { slot: source, reason },
        };
        // As above: what is lost here is told again.
        wakes.send(Wake::Published(told)).ok();
    };
    RtmpServer::start(config, admit, on_event)
}
