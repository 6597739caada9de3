//! The newest events of live delivery, for whoever watches over it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tl_base::Wall;
use tokio::sync::watch;

use crate::asked::{Streaming, StreamingEvent};

/// Events that are kept; the oldest leaves.
pub const MAX_STREAMING_EVENTS: usize = 1_024;

/// A ring of events of live delivery. May be shared between threads; nothing waits.
pub struct StreamingLog {
    kept: Mutex<VecDeque<StreamingEvent>>,
    version: watch::Sender<u64>,
}

impl Default for StreamingLog {
    fn default() -> Self {
        Self { kept: Mutex::default(), version: watch::channel(0).0 }
    }
}

impl StreamingLog {
    /// Adds an event.
    pub fn push(&self, wall: Wall, what: Streaming) {
        let mut kept = self.lock();
        let seq = kept.back().map_or(0, |newest| newest.seq) + 1;
        if kept.len() >= MAX_STREAMING_EVENTS {
            kept.pop_front();
        }
        kept.push_back(StreamingEvent { seq, wall, what });
        drop(kept);
        self.version.send_replace(seq);
    }

    /// Up to `max` events behind `seq`, in order.
    pub fn after(&self, seq: u64, max: usize) -> Vec<StreamingEvent> {
        let kept = self.lock();
        let from = kept.partition_point(|event| event.seq <= seq);
        kept.iter().skip(from).take(max).cloned().collect()
    }

    /// Rises with each event; its value is the newest number.
    pub fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<StreamingEvent>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_in_order() {
        let log = StreamingLog::default();
        for _ in 0..MAX_STREAMING_EVENTS + 10 {
            log.push(Wall(1), Streaming::TranscodeFailed { kind: "video".to_owned(), reason: "x".to_owned() });
        }
        let seqs = |after| log.after(after, 3).iter().map(|event| event.seq).collect::<Vec<_>>();
        assert_eq!((seqs(0), seqs(1_032), seqs(1_034)), (vec![11, 12, 13], vec![1_033, 1_034], vec![]));
        assert_eq!(*log.version().borrow(), 1_034);
        let json = serde_json::to_value(log.after(0, 1)).expect("json");
        assert_eq!(json[0]["type"], "TranscodeFailed");
    }
}
