//! The thread `rtc`: datagrams and deadlines to the sessions they belong to.
//!
//! A datagram from an address that is not known costs one look at its first bytes; only STUN that names a live session goes
//! further. Each session runs behind a wall: what panics or fails there closes that session alone.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use tl_base::MediaClock;

use crate::server::{Event, SessionId, Shared};
use crate::session::Session;
use crate::socket::{Port, stun_ufrag};

/// The longest datagram that is read; longer ones are cut and then fail their check.
const MAX_DATAGRAM_BYTES: usize = 2_048;
/// Addresses that one session may come from at one time.
const MAX_ADDRESSES: usize = 8;
/// The longest wait.
const IDLE: Duration = Duration::from_millis(500);

/// What the handle asks of the thread.
pub(crate) enum Command {
    Open(Box<Session>, String),
    Close(SessionId),
    Send(SessionId, String),
    RequestKey(SessionId),
}

/// Where a session's output goes.
pub(crate) struct Outlet<'a> {
    pub port: &'a Port,
    pub on_event: &'a mut (dyn FnMut(Event) + 'a),
    pub shared: &'a Shared,
}

struct Entry {
    session: Box<Session>,
    ufrag: String,
    addresses: Vec<SocketAddr>,
}

pub(crate) struct Engine<F> {
    port: Port,
    clock: MediaClock,
    shared: Arc<Shared>,
    requests: Receiver<Command>,
    on_event: F,
    sessions: HashMap<SessionId, Entry>,
    by_address: HashMap<SocketAddr, SessionId>,
    by_ufrag: HashMap<String, SessionId>,
}

impl<F: FnMut(Event) + Send> Engine<F> {
    pub fn new(port: Port, clock: MediaClock, shared: Arc<Shared>, requests: Receiver<Command>, on_event: F) -> Self {
        Self { port, clock, shared, requests, on_event, sessions: HashMap::new(), by_address: HashMap::new(), by_ufrag: HashMap::new() }
    }

    pub fn run(&mut self) {
        let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
        let mut wake = Instant::now();
        while !self.shared.stop.load(Ordering::Acquire) {
            while let Ok(command) = self.requests.try_recv() {
                self.obey(command);
                wake = Instant::now();
            }
            let now = Instant::now();
            if now >= wake {
                wake = self.advance(now);
            }
            match self.port.receive(&mut buffer, wake.saturating_duration_since(now)) {
                Ok(Some((length, from))) => {
                    if let Some(datagram) = buffer.get(..length).filter(|datagram| !datagram.is_empty())
                        && let Some(due) = self.datagram(datagram, from)
                    {
                        wake = wake.min(due);
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "socket lost");
                    // Without a wait a dead socket would take a whole core.
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
        }
        let all: Vec<SessionId> = self.sessions.keys().copied().collect();
        for id in all {
            self.with(id, |session, outlet| session.close("the studio ended", outlet));
        }
    }

    /// Lets every session that is due do what time demands; tells when the next one is.
    fn advance(&mut self, now: Instant) -> Instant {
        let due: Vec<SessionId> = self.sessions.iter().filter(|(_, entry)| entry.session.wake() <= now).map(|(id, _)| *id).collect();
        for id in due {
            self.with(id, |session, outlet| session.advance(now, outlet));
        }
        let next = self.sessions.values().map(|entry| entry.session.wake()).min();
        // A session that is due again at once must not keep datagrams from being read.
        next.map_or(now + IDLE, |next| next.clamp(now + Duration::from_millis(1), now + IDLE))
    }

    /// Gives a datagram to its session; tells when that session is due next.
    fn datagram(&mut self, datagram: &[u8], from: SocketAddr) -> Option<Instant> {
        let named = if datagram.first().is_some_and(|first| *first < 2) {
            // A phone that comes again from the same address names its new session.
            stun_ufrag(datagram).and_then(|ufrag| self.by_ufrag.get(ufrag)).copied()
        } else {
            None
        };
        let known = self.by_address.get(&from).copied();
        let Some(id) = named.or(known) else {
            self.shared.strays.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let local = self.port.local_for(from)?;
        let now = Instant::now();
        let accepted = self.with(id, |session, outlet| session.receive(now, from, local, datagram, outlet))?;
        if accepted && known != Some(id) {
            self.learn(id, from);
        } else if !accepted {
            self.shared.strays.fetch_add(1, Ordering::Relaxed);
        }
        self.sessions.get(&id).map(|entry| entry.session.wake())
    }

    fn learn(&mut self, id: SessionId, from: SocketAddr) {
        let Some(entry) = self.sessions.get_mut(&id) else { return };
        if entry.addresses.len() >= MAX_ADDRESSES {
            let oldest = entry.addresses.remove(0);
            if self.by_address.get(&oldest) == Some(&id) {
                self.by_address.remove(&oldest);
            }
        }
        entry.addresses.push(from);
        self.by_address.insert(from, id);
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Open(session, ufrag) => {
                let id = session.id();
                self.by_ufrag.insert(ufrag.clone(), id);
                self.sessions.insert(id, Entry { session, ufrag, addresses: Vec::new() });
                self.with(id, |session, outlet| session.advance(Instant::now(), outlet));
            }
            Command::Close(id) => {
                self.with(id, |session, outlet| session.close("the studio closed it", outlet));
            }
            Command::Send(id, text) => {
                self.with(id, |session, outlet| session.say(&text, outlet));
            }
            Command::RequestKey(id) => {
                self.with(id, |session, outlet| session.request_key(Instant::now(), outlet));
            }
        }
    }

    /// Runs `work` on a session, and buries the session if it ended by that.
    fn with<T>(&mut self, id: SessionId, work: impl FnOnce(&mut Session, &mut Outlet<'_>) -> T) -> Option<T> {
        let entry = self.sessions.get_mut(&id)?;
        let mut outlet = Outlet { port: &self.port, on_event: &mut self.on_event, shared: &self.shared };
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut entry.session, &mut outlet)));
        if result.is_err() {
            tracing::error!(session = %id, at = %self.clock.now(), "a session failed inside and is closed");
            entry.session.fail("it failed inside");
        }
        if let Some(reason) = entry.session.over().map(str::to_owned) {
            self.bury(id, reason);
        }
        result.ok()
    }

    fn bury(&mut self, id: SessionId, reason: String) {
        let Some(entry) = self.sessions.remove(&id) else { return };
        self.by_ufrag.remove(&entry.ufrag);
        for address in &entry.addresses {
            if self.by_address.get(address) == Some(&id) {
                self.by_address.remove(address);
            }
        }
        self.shared.stats().remove(&id);
        self.shared.open.fetch_sub(1, Ordering::Relaxed);
        (self.on_event)(Event::Closed { session: id, slot: entry.session.slot(), reason });
    }
}
