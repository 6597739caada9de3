//! A bad way for peers that are not ours: a browser is told this shim's address instead of the studio's.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::Error;
use crate::publish::impair::{Impaired, Impairment};
use crate::socket::{self, transient};

/// Peers at one time; further ones are not heard.
const MAX_PEERS: usize = 64;
/// The longest datagram that is passed on whole.
const MAX_DATAGRAM_BYTES: usize = 2_048;
/// How long datagrams may lie in a socket: the price of one thread for all.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Datagrams taken from one socket in a row.
const MAX_IN_A_ROW: usize = 256;

/// What has passed so far, both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Bytes from the peers to the studio that arrived.
    pub up_bytes: u64,
    /// Bytes from the studio to the peers that arrived.
    pub down_bytes: u64,
    /// Datagrams from the peers that were lost on purpose.
    pub up_lost: u64,
    /// Datagrams to the peers that were lost on purpose.
    pub down_lost: u64,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    up_bytes: AtomicU64,
    down_bytes: AtomicU64,
    up_lost: AtomicU64,
    down_lost: AtomicU64,
    /// New ways, up and down, not taken over yet.
    wanted: Mutex<Option<(Impairment, Impairment)>>,
}

/// A UDP relay on loopback with one thread named `shim`: every peer that writes to it gets a socket of its own towards the studio,
/// and a way of its own in each direction. Dropping it joins the thread.
pub struct Shim {
    shared: Arc<Shared>,
    address: SocketAddr,
    studio: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Shim {
    /// Stands before the studio at `studio` (IPv4).
    pub fn start(studio: SocketAddr, up: Impairment, down: Impairment) -> Result<Self, Error> {
        let front = open()?;
        let address = front.local_addr()?;
        let shared = Arc::new(Shared::default());
        let mut relay = Relay { front, studio, peers: HashMap::new(), up, down, shared: Arc::clone(&shared), buffer: vec![0; MAX_DATAGRAM_BYTES] };
        let thread = std::thread::Builder::new().name("shim".into()).spawn(move || relay.run())?;
        Ok(Self { shared, address, studio, thread: Some(thread) })
    }

    /// The address that peers are told.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An answer of the studio with this address in place of the studio's.
    pub fn rewrite(&self, answer: &str) -> String {
        let of = |address: SocketAddr| format!(" {} {} typ host", address.ip(), address.port());
        answer.replace(&of(self.studio), &of(self.address))
    }

    /// Changes the ways of all peers.
    pub fn set(&self, up: Impairment, down: Impairment) {
        *self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some((up, down));
    }

    /// What has passed so far.
    pub fn passed(&self) -> Passed {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let shared = &self.shared;
        Passed { up_bytes: read(&shared.up_bytes), down_bytes: read(&shared.down_bytes), up_lost: read(&shared.up_lost), down_lost: read(&shared.down_lost) }
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the shim's thread panicked");
        }
    }
}

struct Peer {
    back: UdpSocket,
    up: Impaired,
    down: Impaired,
}

struct Relay {
    front: UdpSocket,
    studio: SocketAddr,
    peers: HashMap<SocketAddr, Peer>,
    up: Impairment,
    down: Impairment,
    shared: Arc<Shared>,
    buffer: Vec<u8>,
}

impl Relay {
    fn run(&mut self) {
        while !self.shared.stop.load(Ordering::Acquire) {
            self.change();
            self.take_up();
            self.take_down();
            let now = Instant::now();
            let due = self.deliver(now);
            std::thread::sleep(due.saturating_duration_since(now).min(LOOK_EVERY));
        }
    }

    fn change(&mut self) {
        let Some((up, down)) = self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        (self.up, self.down) = (up, down);
        for peer in self.peers.values_mut() {
            peer.up.set(up);
            peer.down.set(down);
        }
    }

    fn take_up(&mut self) {
        for _ in 0..MAX_IN_A_ROW {
            let Some((length, from)) = receive(&self.front, &mut self.buffer) else { return };
            if !self.peers.contains_key(&from) && !self.admit(from) {
                continue;
            }
            let (studio, bytes) = (self.studio, self.buffer.get(..length).unwrap_or_default().to_vec());
            let Some(peer) = self.peers.get_mut(&from) else { continue };
            if let Some((to, bytes)) = peer.up.take(Instant::now(), studio, bytes) {
                send(&peer.back, to, &bytes, &self.shared.up_bytes);
            }
        }
    }

    fn take_down(&mut self) {
        for (address, peer) in &mut self.peers {
            for _ in 0..MAX_IN_A_ROW {
                let Some((length, _)) = receive(&peer.back, &mut self.buffer) else { break };
                let bytes = self.buffer.get(..length).unwrap_or_default().to_vec();
                if let Some((to, bytes)) = peer.down.take(Instant::now(), *address, bytes) {
                    send(&self.front, to, &bytes, &self.shared.down_bytes);
                }
            }
        }
    }

    /// Passes on what has arrived by `now`; tells when the next one does.
    fn deliver(&mut self, now: Instant) -> Instant {
        let (mut up_lost, mut down_lost) = (0, 0);
        let mut due = now + LOOK_EVERY;
        for peer in self.peers.values_mut() {
            while let Some((to, bytes)) = peer.up.pop(now) {
                send(&peer.back, to, &bytes, &self.shared.up_bytes);
            }
            while let Some((to, bytes)) = peer.down.pop(now) {
                send(&self.front, to, &bytes, &self.shared.down_bytes);
            }
            due = [peer.up.due(), peer.down.due()].into_iter().flatten().fold(due, Instant::min);
            up_lost += peer.up.lost();
            down_lost += peer.down.lost();
        }
        self.shared.up_lost.store(up_lost, Ordering::Relaxed);
        self.shared.down_lost.store(down_lost, Ordering::Relaxed);
        due
    }

    fn admit(&mut self, from: SocketAddr) -> bool {
        if self.peers.len() >= MAX_PEERS {
            return false;
        }
        match open() {
            Ok(back) => {
                let peer = Peer { back, up: Impaired::new(self.up), down: Impaired::new(self.down) };
                self.peers.insert(from, peer);
                true
            }
            Err(error) => {
                tracing::warn!(%error, "a peer is not heard");
                false
            }
        }
    }
}

fn open() -> Result<UdpSocket, Error> {
    let socket = socket::open(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), false)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    match socket.recv_from(buffer) {
        Ok(got) => Some(got),
        Err(error) => {
            if !transient(error.kind()) {
                tracing::debug!(%error, "the shim's socket");
            }
            None
        }
    }
}

fn send(socket: &UdpSocket, to: SocketAddr, bytes: &[u8], count: &AtomicU64) {
    match socket.send_to(bytes, to) {
        Ok(_) => {
            count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        Err(error) => tracing::trace!(%error, "datagram not sent"),
    }
}
