//! Who is in the house, how long each may take, and who may be which source.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tl_base::{MediaClock, SlotId, never};

use crate::input;
use crate::input::outlet::Outlet;
use crate::line::lock;
use crate::rtmp_server::{ConnectionId, Event, Limits, Publish, connection};

/// Between two looks at the door and at the deadlines.
const LOOK: Duration = Duration::from_millis(25);
/// The same in an empty house: whoever comes first waits this long at most.
const IDLE_LOOK: Duration = Duration::from_millis(100);
/// A publisher that has been silent for so long makes way for another.
const MAKES_WAY: Duration = Duration::from_secs(2);
/// How long one that makes way may take.
const LEAVES: Duration = Duration::from_secs(2);

type OnEvent = dyn FnMut(Event) + Send;
type Admit = dyn Fn(&Publish) -> Result<SlotId, String> + Send + Sync;

/// What every thread of the server sees. Locks are taken in the order of the fields, `on_event` last of all.
pub(super) struct Shared {
    pub(super) clock: MediaClock,
    pub(super) limits: Limits,
    pub(super) tls: Option<Arc<rustls::ServerConfig>>,
    pub(super) admit: Box<Admit>,
    pub(super) guests: Mutex<HashMap<ConnectionId, Arc<Guest>>>,
    /// A guest has left.
    pub(super) freed: Condvar,
    /// One for each source that was ever published, so that configurations are numbered on over a return.
    pub(super) outlets: Mutex<HashMap<SlotId, Arc<Seat>>>,
    pub(super) stop: Mutex<bool>,
    pub(super) stopped: Condvar,
    pub(super) on_event: Arc<Mutex<OnEvent>>,
}

/// A source's way to the owner, and which connection uses it.
pub(super) struct Seat {
    pub(super) outlet: Outlet,
    connection: Arc<AtomicU64>,
}

/// One connection as the doorkeeper sees it.
pub(super) struct Guest {
    pub(super) id: ConnectionId,
    pub(super) peer: SocketAddr,
    socket: TcpStream,
    state: Mutex<GuestState>,
}

struct GuestState {
    due: Instant,
    overdue: &'static str,
    heard: Instant,
    source: Option<SlotId>,
    /// The source that it may be, though another may still have its place.
    admitted: Option<SlotId>,
    reason: Option<String>,
}

impl Guest {
    /// From now on it has until `due` for its next step.
    pub(super) fn expect(&self, due: Instant, overdue: &'static str) {
        let mut state = lock(&self.state);
        (state.due, state.overdue, state.heard) = (due, overdue, Instant::now());
    }

    /// This is why it ends, whatever comes after.
    pub(super) fn settle(&self, reason: &str) {
        lock(&self.state).reason.get_or_insert_with(|| reason.to_owned());
    }

    /// Why it was closed from here.
    pub(super) fn reason(&self) -> Option<String> {
        lock(&self.state).reason.clone()
    }

    pub(super) fn source(&self) -> Option<SlotId> {
        lock(&self.state).source
    }

    /// Closes the socket under its thread.
    fn cut(&self, reason: &str) {
        self.settle(reason);
        // One that is closed already needs no closing.
        self.socket.shutdown(Shutdown::Both).ok();
    }
}

impl Shared {
    pub(super) fn cut(&self, connection: ConnectionId, reason: &str) {
        if let Some(guest) = lock(&self.guests).get(&connection) {
            guest.cut(reason);
        }
    }

    pub(super) fn cut_source(&self, source: SlotId, reason: &str) {
        for guest in lock(&self.guests).values() {
            if lock(&guest.state).admitted == Some(source) {
                guest.cut(reason);
            }
        }
    }

    pub(super) fn stop(&self) {
        *lock(&self.stop) = true;
        self.stopped.notify_all();
        lock(&self.guests).values().for_each(|guest| guest.cut("the studio has closed the door"));
    }

    /// Waits; true when the server stops.
    pub(super) fn wait_stopped(&self, limit: Duration) -> bool {
        let guard = lock(&self.stop);
        *self.stopped.wait_timeout_while(guard, limit, |stop| !*stop).unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn tell(&self, event: Event) {
        let mut on_event = lock(&self.on_event);
        (*on_event)(event);
    }

    /// Gives a source to a guest unless another has it who is heard.
    pub(super) fn take_source(&self, guest: &Guest, source: SlotId) -> Result<Arc<Seat>, String> {
        let deadline = Instant::now() + LEAVES;
        lock(&guest.state).admitted = Some(source);
        let mut guests = lock(&self.guests);
        loop {
            let holder = guests.values().find(|other| other.id != guest.id && other.source() == Some(source));
            let Some(holder) = holder else { break };
            if lock(&holder.state).heard.elapsed() < MAKES_WAY || Instant::now() >= deadline {
                return Err("somebody already publishes here".to_owned());
            }
            holder.cut("the app has come back by another connection");
            guests = self.freed.wait_timeout(guests, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        lock(&guest.state).source = Some(source);
        drop(guests);
        let seat = Arc::clone(lock(&self.outlets).entry(source).or_insert_with(|| Arc::new(self.seat(source))));
        seat.connection.store(guest.id.0, Ordering::Relaxed);
        seat.outlet.begin(Some(guest.peer.to_string()));
        Ok(seat)
    }

    fn seat(&self, source: SlotId) -> Seat {
        let connection = Arc::new(AtomicU64::new(0));
        let (now, on_event) = (Arc::clone(&connection), Arc::clone(&self.on_event));
        let outlet = Outlet::new(
            source,
            self.clock,
            Box::new(move |event| {
                let connection = ConnectionId(now.load(Ordering::Relaxed));
                let event = match event {
                    input::Event::Unit(unit) => Event::Unit { connection, unit },
                    input::Event::Clock(state) => Event::Clock { source, connection, state },
                    input::Event::Stats(stats) => Event::Stats { source, connection, stats },
                    // Coming and going are told by the connection itself.
                    _ => return,
                };
                (*lock(&on_event))(event);
            }),
        );
        Seat { outlet, connection }
    }

    /// A guest publishes no more: the owner hears of it and the source is free. Does nothing the second time.
    pub(super) fn free(&self, guest: &Guest, reason: &str) {
        let Some(source) = guest.source() else { return };
        if let Some(seat) = lock(&self.outlets).get(&source) {
            seat.outlet.end(reason);
        }
        self.tell(Event::Ended { source, connection: guest.id, reason: reason.to_owned() });
        lock(&guest.state).source = None;
        self.freed.notify_all();
    }

    /// A guest's thread ends.
    pub(super) fn leave(&self, guest: &Guest, reason: &str) {
        self.free(guest, reason);
        lock(&self.guests).remove(&guest.id);
        self.freed.notify_all();
    }
}

/// Takes connections and keeps deadlines, on a thread of its own.
pub(super) struct Doorkeeper {
    listener: TcpListener,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    next: u64,
}

impl Doorkeeper {
    pub(super) fn new(listener: TcpListener, shared: Arc<Shared>) -> Self {
        Self { listener, shared, threads: Vec::new(), next: 1 }
    }

    pub(super) fn run(mut self) {
        let look = |shared: &Shared| if lock(&shared.guests).is_empty() { IDLE_LOOK } else { LOOK };
        while !self.shared.wait_stopped(look(&self.shared)) {
            // As many as wait now, not for ever: deadlines are kept in between.
            for _ in 0..64 {
                match self.listener.accept() {
                    Ok((socket, peer)) => self.admit(socket, peer),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => {
                        tracing::warn!(%error, "a connection was not taken");
                        break;
                    }
                }
            }
            let now = Instant::now();
            for guest in lock(&self.shared.guests).values() {
                let overdue = Some(lock(&guest.state)).filter(|state| now >= state.due).map(|state| state.overdue);
                if let Some(overdue) = overdue {
                    guest.cut(overdue);
                }
            }
            self.join(|thread| thread.is_finished());
        }
        lock(&self.shared.guests).values().for_each(|guest| guest.cut("the studio has closed the door"));
        self.join(|_| true);
    }

    fn admit(&mut self, socket: TcpStream, peer: SocketAddr) {
        let limits = self.shared.limits;
        let mut guests = lock(&self.shared.guests);
        let from_there = guests.values().filter(|guest| guest.peer.ip() == peer.ip()).count();
        if guests.len() >= limits.connections || from_there >= limits.per_address {
            tracing::debug!(%peer, "too many RTMP connections");
            return;
        }
        let Ok(kept) = socket.try_clone() else { return };
        let id = ConnectionId(self.next);
        self.next += 1;
        let now = Instant::now();
        let state = GuestState { due: now + limits.handshake, overdue: "no handshake in time", heard: now, source: None, admitted: None, reason: None };
        let guest = Arc::new(Guest { id, peer, socket: kept, state: Mutex::new(state) });
        guests.insert(id, Arc::clone(&guest));
        drop(guests);
        let shared = Arc::clone(&self.shared);
        let spawned = std::thread::Builder::new().name(format!("rtmp-in-{}", id.0)).spawn(move || connection::run(&shared, &guest, socket));
        match spawned {
            Ok(thread) => self.threads.push(thread),
            Err(error) => {
                tracing::warn!(%error, "no thread for an RTMP connection");
                lock(&self.shared.guests).remove(&id);
            }
        }
    }

    fn join(&mut self, done: impl Fn(&JoinHandle<()>) -> bool) {
        for at in (0..self.threads.len()).rev() {
            if self.threads.get(at).is_some_and(&done) && self.threads.swap_remove(at).join().is_err() {
                never!("an RTMP connection's thread panicked");
            }
        }
    }
}
