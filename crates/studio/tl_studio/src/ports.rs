//! Where apps reach the studio, once its listeners are open.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tl_base::SlotId;

#[derive(Debug, Default)]
struct Open {
    srt: BTreeMap<SlotId, u16>,
    rtmp: Option<(u16, bool)>,
    ready: bool,
}

/// The ports in use. May be shared between threads.
#[derive(Debug, Default)]
pub struct Ports {
    open: Mutex<Open>,
    changed: Condvar,
}

impl Ports {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every listener that opens has opened.
    pub fn set_ready(&self) {
        self.open().ready = true;
        self.changed.notify_all();
    }

    /// Waits until every listener that opens has opened; false when that takes longer than `limit`.
    pub fn wait(&self, limit: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.open(), limit, |open| !open.ready);
        waited.map_or(true, |(open, _)| open.ready)
    }

    /// A slot listens for SRT callers.
    pub fn set_srt(&self, slot: SlotId, port: u16) {
        self.open().srt.insert(slot, port);
    }

    /// Notes where RTMP is served, and whether over TLS.
    pub fn set_rtmp(&self, port: u16, tls: bool) {
        self.open().rtmp = Some((port, tls));
    }

    /// A slot's SRT port.
    pub fn srt(&self, slot: SlotId) -> Option<u16> {
        self.open().srt.get(&slot).copied()
    }

    /// Where apps publish by RTMP(S) when they call this studio `host`; an IPv6 address comes in brackets.
    pub fn rtmp_url(&self, host: &str) -> Option<String> {
        let (port, tls) = self.open().rtmp?;
        let scheme = if tls { "rtmps" } else { "rtmp" };
        Some(format!("{scheme}://{host}:{port}/live"))
    }
}
