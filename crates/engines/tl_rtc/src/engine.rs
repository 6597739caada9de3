//! The thread `rtc`: datagrams and deadlines to the sessions they belong to.
//!
//! Sessions that are due are served in the order in which they fell due, and only for a moment before datagrams are read again, so
//! that many viewers never keep a phone's packets waiting. A datagram from an address that is not known costs one look at its first bytes; only STUN that names a live session goes
//! further. Each session runs behind a wall: what panics or fails there closes that session alone.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use tl_base::MediaClock;
use tl_frame::AccessUnit;

use crate::programme::Programme;
use crate::server::{Event, SessionId, Shared};
use crate::session::Session;
use crate::socket::{Port, stun_ufrag};
use crate::viewer::Viewer;

/// The longest datagram that is read; longer ones are cut and then fail their check.
const MAX_DATAGRAM_BYTES: usize = 2_048;
/// Addresses that one session may come from at one time.
const MAX_ADDRESSES: usize = 8;
/// The longest wait.
const IDLE: Duration = Duration::from_millis(500);

/// How long sessions are served before datagrams are read again.
const SLICE: Duration = Duration::from_millis(2);
/// Datagrams that are read before sessions are served again.
const MAX_DATAGRAMS: u32 = 64;

/// What the handle asks of the thread.
pub(crate) enum Command {
    Open(Member, String),
    Return(SessionId, AccessUnit),
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

/// Whose session it is.
pub(crate) enum Member {
    Phone(Box<Session>),
    Viewer(Box<Viewer>),
}

impl Member {
    fn link(&mut self) -> &mut crate::link::Link {
        match self {
            Self::Phone(session) => session.link(),
            Self::Viewer(viewer) => viewer.link(),
        }
    }

    fn over(&self) -> Option<&str> {
        match self {
            Self::Phone(session) => session.over(),
            Self::Viewer(viewer) => viewer.over(),
        }
    }

    fn wake(&self) -> Instant {
        match self {
            Self::Phone(session) => session.wake(),
            Self::Viewer(viewer) => viewer.wake(),
        }
    }

    fn advance(&mut self, now: Instant, outlet: &mut Outlet<'_>) {
        match self {
            Self::Phone(session) => session.advance(now, outlet),
            Self::Viewer(viewer) => viewer.advance(now, outlet),
        }
    }

    fn receive(&mut self, now: Instant, from: SocketAddr, local: SocketAddr, datagram: &[u8], outlet: &mut Outlet<'_>) -> bool {
        match self {
            Self::Phone(session) => session.receive(now, from, local, datagram, outlet),
            Self::Viewer(viewer) => viewer.receive(now, from, local, datagram, outlet),
        }
    }

    fn close(&mut self, reason: &str, outlet: &mut Outlet<'_>) {
        match self {
            Self::Phone(session) => session.close(reason, outlet),
            Self::Viewer(viewer) => viewer.close(reason, outlet),
        }
    }

    fn phone(&mut self) -> Option<&mut Session> {
        if let Self::Phone(session) = self { Some(session) } else { None }
    }
}

struct Entry {
    member: Member,
    ufrag: String,
    addresses: Vec<SocketAddr>,
}

pub(crate) struct Engine<F> {
    port: Port,
    clock: MediaClock,
    shared: Arc<Shared>,
    requests: Receiver<Command>,
    units: Receiver<AccessUnit>,
    programme: Programme,
    on_event: F,
    sessions: HashMap<SessionId, Entry>,
    by_address: HashMap<SocketAddr, SessionId>,
    by_ufrag: HashMap<String, SessionId>,
}

impl<F: FnMut(Event) + Send> Engine<F> {
    pub fn new(port: Port, clock: MediaClock, shared: Arc<Shared>, requests: Receiver<Command>, units: Receiver<AccessUnit>, on_event: F) -> Self {
        Self {
            port,
            clock,
            shared,
            requests,
            units,
            programme: Programme::new(clock),
            on_event,
            sessions: HashMap::new(),
            by_address: HashMap::new(),
            by_ufrag: HashMap::new(),
        }
    }

    pub fn run(&mut self) {
        let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
        let mut wake = Instant::now();
        while !self.shared.stop.load(Ordering::Acquire) {
            while let Ok(command) = self.requests.try_recv() {
                self.obey(command);
                wake = Instant::now();
            }
            while let Ok(unit) = self.units.try_recv() {
                self.show(&unit);
                wake = Instant::now();
            }
            let now = Instant::now();
            if now >= wake {
                wake = self.advance(now);
            }
            wake = self.read(&mut buffer, wake);
        }
        let all: Vec<SessionId> = self.sessions.keys().copied().collect();
        for id in all {
            self.with(id, |member, outlet| member.close("the studio ended", outlet));
        }
    }

    /// Reads what has come, or waits for it until `wake`; tells when a session is due next.
    fn read(&mut self, buffer: &mut [u8], mut wake: Instant) -> Instant {
        for count in 0..MAX_DATAGRAMS {
            let wait = if count == 0 { wake.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
            match self.port.receive(buffer, wait) {
                // An empty one calls to look at the requests.
                Ok(Some((0, _))) | Ok(None) => return wake,
                Ok(Some((length, from))) => {
                    if let Some(due) = buffer.get(..length).and_then(|datagram| self.datagram(datagram, from)) {
                        wake = wake.min(due);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "socket lost");
                    // Without a wait a dead socket would take a whole core.
                    std::thread::sleep(Duration::from_millis(100));
                    return wake;
                }
            }
        }
        wake
    }

    /// Lets every session that is due do what time demands, as long as the slice lasts; tells when the next one is due.
    fn advance(&mut self, now: Instant) -> Instant {
        let waking = self.sessions.iter().map(|(id, entry)| (entry.member.wake(), *id));
        let mut due: Vec<(Instant, SessionId)> = waking.filter(|(wake, _)| *wake <= now).collect();
        due.sort_unstable_by_key(|(wake, _)| *wake);
        for (index, (_, id)) in due.iter().enumerate() {
            let at = Instant::now();
            if index > 0 && at.saturating_duration_since(now) >= SLICE {
                return now;
            }
            self.with(*id, |member, outlet| member.advance(at, outlet));
        }
        self.ask_key(now);
        let sessions = self.sessions.values().map(|entry| entry.member.wake());
        let next = sessions.chain(self.programme.key_due(now)).min();
        // A session that is due again at once must not keep datagrams from being read.
        next.map_or(now + IDLE, |next| next.clamp(now + Duration::from_millis(1), now + IDLE))
    }

    /// Gives a piece of the programme to every viewer.
    fn show(&mut self, unit: &AccessUnit) {
        let now = Instant::now();
        let Some(shot) = self.programme.take(unit, now) else { return };
        let viewers: Vec<SessionId> = self.sessions.iter().filter(|(_, entry)| matches!(entry.member, Member::Viewer(_))).map(|(id, _)| *id).collect();
        for id in viewers {
            self.with(id, |member, _| {
                if let Member::Viewer(viewer) = member {
                    viewer.show(now, &shot);
                }
            });
        }
    }

    fn ask_key(&mut self, now: Instant) {
        if self.programme.take_key_due(now) {
            (self.on_event)(Event::KeyWanted);
        }
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
        let accepted = self.with(id, |member, outlet| member.receive(now, from, local, datagram, outlet))?;
        if accepted && known != Some(id) {
            self.learn(id, from);
        } else if !accepted {
            self.shared.strays.fetch_add(1, Ordering::Relaxed);
        }
        self.sessions.get(&id).map(|entry| entry.member.wake())
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
            Command::Open(mut member, ufrag) => {
                let id = member.link().id();
                self.by_ufrag.insert(ufrag.clone(), id);
                self.sessions.insert(id, Entry { member, ufrag, addresses: Vec::new() });
                self.with(id, |member, outlet| member.advance(Instant::now(), outlet));
            }
            Command::Close(id) => {
                self.with(id, |member, outlet| member.close("the studio closed it", outlet));
            }
            Command::Send(id, text) => self.with_phone(id, |session, outlet| session.say(&text, outlet)),
            Command::RequestKey(id) => self.with_phone(id, |session, outlet| session.request_key(Instant::now(), outlet)),
            Command::Return(id, unit) => self.with_phone(id, |session, outlet| {
                if !session.send_back(&unit, outlet) {
                    tracing::trace!(session = %id, "no ear for the return sound");
                }
            }),
        }
    }

    fn with_phone(&mut self, id: SessionId, work: impl FnOnce(&mut Session, &mut Outlet<'_>)) {
        self.with(id, |member, outlet| {
            if let Some(session) = member.phone() {
                work(session, outlet);
            }
        });
    }

    /// Runs `work` on a session, and buries the session if it ended by that.
    fn with<T>(&mut self, id: SessionId, work: impl FnOnce(&mut Member, &mut Outlet<'_>) -> T) -> Option<T> {
        let entry = self.sessions.get_mut(&id)?;
        let mut outlet = Outlet { port: &self.port, on_event: &mut self.on_event, shared: &self.shared };
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut entry.member, &mut outlet)));
        if result.is_err() {
            tracing::error!(session = %id, at = %self.clock.now(), "a session failed inside and is closed");
            entry.member.link().fail("it failed inside");
        }
        if let Member::Viewer(viewer) = &mut entry.member
            && viewer.take_wants_key()
        {
            let young = self.programme.since_key();
            if viewer.is_fresh() && !young.is_empty() {
                let now = Instant::now();
                young.iter().for_each(|shot| viewer.show(now, shot));
            } else {
                self.programme.want_key();
            }
        }
        if let Some(reason) = entry.member.over().map(str::to_owned) {
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
        match entry.member {
            Member::Phone(session) => {
                self.shared.stats().remove(&id);
                self.shared.open.fetch_sub(1, Ordering::Relaxed);
                (self.on_event)(Event::Closed { session: id, slot: session.slot(), reason });
            }
            Member::Viewer(_) => {
                self.shared.viewer_stats().remove(&id);
                if self.shared.viewers.fetch_sub(1, Ordering::Relaxed) == 1 {
                    self.programme.rest();
                }
                (self.on_event)(Event::ViewerClosed { session: id, reason });
            }
        }
    }
}
