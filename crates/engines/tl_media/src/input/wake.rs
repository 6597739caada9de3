//! What an input's supervisor sleeps on.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::line::lock;

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The input is being dropped.
    Stopped,
    /// It may come back.
    Lost(String),
    /// It is kept out for now: a camera that has too many viewers, or that restarts.
    Barred(String),
    /// A caller is gone; the port waits for the next one at once.
    Left(String),
    /// It cannot come back by itself.
    Refused(String),
    /// There is nothing more.
    Ended,
}

#[derive(Default)]
struct State {
    stopped: bool,
    end: Option<End>,
    /// Where somebody sleeps on a socket.
    asleep_at: Option<SocketAddr>,
}

/// Told by media threads and by the owner, waited on by the supervisor.
#[derive(Default)]
pub(super) struct Wake {
    state: Mutex<State>,
    changed: Condvar,
}

impl Wake {
    /// Ends everything, for good.
    pub(super) fn stop(&self) {
        let mut state = lock(&self.state);
        state.stopped = true;
        let asleep_at = state.asleep_at;
        drop(state);
        self.changed.notify_all();
        if let Some(at) = asleep_at {
            ring(at);
        }
    }

    /// Whoever sleeps on a socket at `at` is woken by a datagram at the end, as long as the answer is held.
    pub(super) fn rings(&self, at: SocketAddr) -> Ringing<'_> {
        lock(&self.state).asleep_at = Some(at);
        Ringing(self)
    }

    /// Whether somebody sleeps on a socket.
    #[cfg(test)]
    pub(super) fn is_ringing(&self) -> bool {
        lock(&self.state).asleep_at.is_some()
    }

    /// Ends this connection; the first reason counts.
    pub(super) fn end(&self, end: End) {
        lock(&self.state).end.get_or_insert(end);
        self.changed.notify_all();
    }

    /// Forgets how the connection before ended.
    pub(super) fn clear(&self) {
        lock(&self.state).end = None;
    }

    /// Waits for the end of this connection, at most `limit`.
    pub(super) fn wait(&self, limit: Duration) -> Option<End> {
        self.wait_until(limit, |state| state.end.clone())
    }

    /// Waits at most `limit`; true when the input is being dropped.
    pub(super) fn sleep(&self, limit: Duration) -> bool {
        self.wait_until(limit, |_| None) == Some(End::Stopped)
    }

    fn wait_until(&self, limit: Duration, end: impl Fn(&State) -> Option<End>) -> Option<End> {
        let deadline = Instant::now() + limit;
        let mut state = lock(&self.state);
        loop {
            if state.stopped {
                return Some(End::Stopped);
            }
            if let Some(end) = end(&state) {
                return Some(end);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Somebody sleeps on a socket.
pub(super) struct Ringing<'a>(&'a Wake);

impl Drop for Ringing<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).asleep_at = None;
    }
}

fn ring(at: SocketAddr) {
    let any: SocketAddr = if at.is_ipv4() { (std::net::Ipv4Addr::UNSPECIFIED, 0).into() } else { (std::net::Ipv6Addr::UNSPECIFIED, 0).into() };
    // Whoever is not woken by it looks up by himself a moment later.
    if let Err(error) = UdpSocket::bind(any).and_then(|socket| socket.send_to(&[], at)) {
        tracing::debug!(%error, "a sleeper was not woken");
    }
}
