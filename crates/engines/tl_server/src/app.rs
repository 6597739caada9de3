//! What every request shares.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tl_base::Secret;
use tl_playlist::GzipMemo;
use tokio::sync::watch;

use crate::backend::Backend;
use crate::config::Config;
use crate::feed::Feed;
use crate::grants::Grants;
use crate::lockout::Lockout;
use crate::manifests::Manifests;

/// Which of the two doors a request came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// HTTPS, from the network.
    Https,
    /// Plain HTTP on 127.0.0.1.
    Loopback,
}

impl Door {
    pub(crate) fn scheme(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Loopback => "http",
        }
    }
}

/// Shared by all requests of a server.
pub(crate) struct App {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) config: Config,
    pub(crate) grants: Arc<Grants>,
    pub(crate) lockout: Lockout,
    /// Opens the plain door; new at each start.
    pub(crate) door_token: Secret,
    /// Cookies know no ports, so each port has its own name.
    pub(crate) cookie_port: u16,
    /// Becomes true when the server closes: streams and waits end.
    pub(crate) closing: watch::Receiver<bool>,
    /// Rises when somebody's access was taken away: long answers look again whether they may go on.
    pub(crate) access: watch::Sender<u64>,
    pub(crate) waiting: Counted<WaitKey>,
    /// Pieces of phones that are on their way in.
    pub(crate) uploads: Counted<IpAddr>,
    /// Event streams by who follows.
    pub(crate) followers: Counted<IpAddr>,
    /// Tests of destinations that run.
    pub(crate) trials: Counted<()>,
    pub(crate) feed: Feed,
    pub(crate) manifests: Manifests,
    pub(crate) packed: Mutex<GzipMemo>,
    pub(crate) streams: Arc<AtomicUsize>,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) answered: Answered,
}

impl App {
    /// The name of the cookie that holds a token.
    pub(crate) fn cookie_name(&self, door: Door) -> String {
        match door {
            // The prefix makes browsers insist on Secure, on `Path=/`, and on this very host.
            Door::Https => format!("__Host-touchline-{}", self.cookie_port),
            Door::Loopback => "touchline-local".to_owned(),
        }
    }
}

/// Whose waiting requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum WaitKey {
    /// Those of an address.
    Ip(IpAddr),
    /// Those of a grant, by a short hash.
    Grant(u64),
}

/// Answers by the first digit of their status.
#[derive(Default)]
pub(crate) struct Answered([AtomicU64; 5]);

impl Answered {
    pub(crate) fn count(&self, status: u16) {
        if let Some(count) = self.0.get(usize::from(status / 100).saturating_sub(1)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn all(&self) -> [u64; 5] {
        std::array::from_fn(|at| self.0.get(at).map_or(0, |count| count.load(Ordering::Relaxed)))
    }
}

/// How many of something each key has now, with a limit.
pub(crate) struct Counted<K: Eq + Hash + Copy> {
    most: usize,
    counts: Arc<Mutex<HashMap<K, usize>>>,
}

/// One of them; gives its place back when dropped.
pub(crate) struct Place<K: Eq + Hash + Copy> {
    key: K,
    counts: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Eq + Hash + Copy> Counted<K> {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, counts: Arc::default() }
    }

    /// A place for this key; none when it has its most already.
    pub(crate) fn take(&self, key: K) -> Option<Place<K>> {
        self.take_of(key, self.most)
    }

    /// The same with another limit.
    pub(crate) fn take_of(&self, key: K, most: usize) -> Option<Place<K>> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Place { key, counts: Arc::clone(&self.counts) })
    }

    /// How many places are taken, by all keys together.
    pub(crate) fn all(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl<K: Eq + Hash + Copy> Drop for Place<K> {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_and_leave_nothing() {
        let counted = Counted::new(2);
        let (one, two) = (counted.take('a'), counted.take('a'));
        assert!(one.is_some() && two.is_some() && counted.take('a').is_none() && counted.take('b').is_some());
        drop(one);
        assert!(counted.take('a').is_some());
        drop(two);
        assert_eq!((counted.all(), counted.counts.lock().expect("no panic").len()), (0, 0));
    }
}
