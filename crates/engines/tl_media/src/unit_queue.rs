//! Encoded units on their way to a disk or a network, bounded by bytes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tl_frame::AccessUnit;

use crate::line::lock;

/// What a full queue does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// What waits stays, what comes is dropped up to the next key picture: files.
    DropNew,
    /// What waits goes, the next key picture starts anew: live.
    DropAll,
}

/// What a taker got.
pub(crate) enum Taken {
    Unit(AccessUnit),
    /// This many units were dropped before the next.
    Gap(u64),
    Mark,
    TimedOut,
    Closed,
}

enum Entry {
    Unit(AccessUnit),
    Mark,
}

#[derive(Default)]
struct State {
    entries: VecDeque<Entry>,
    bytes: usize,
    marks: usize,
    /// Whether pictures are dropped until a key picture comes.
    needs_key: bool,
    /// Units dropped that the taker has not been told about.
    untold: u64,
    dropped: u64,
    closed: bool,
}

/// A queue of units whose waiting bytes are bounded; neither end waits for the other's work.
pub(crate) struct UnitQueue {
    state: Mutex<State>,
    changed: Condvar,
    max_bytes: usize,
    when_full: WhenFull,
}

/// What an entry costs besides its bytes, so that empty units are bounded too.
const OVERHEAD: usize = 128;
/// Marks that may wait; more say nothing new.
const MAX_MARKS: usize = 16;

impl UnitQueue {
    pub(crate) fn new(max_bytes: usize, when_full: WhenFull) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), max_bytes, when_full }
    }

    /// Adds a unit by the queue's rule; false when it was dropped.
    pub(crate) fn push(&self, unit: &AccessUnit) -> bool {
        let mut state = lock(&self.state);
        if state.closed {
            return false;
        }
        let starts = unit.key && !unit.codec.is_audio();
        let cost = unit.data.len() + OVERHEAD;
        if state.bytes + cost > self.max_bytes {
            state.needs_key = true;
            if self.when_full == WhenFull::DropAll {
                state.drop_units();
            }
        }
        let fits = state.bytes + cost <= self.max_bytes;
        if !fits || (state.needs_key && !starts) {
            state.needs_key = true;
            state.note_dropped(1);
            return false;
        }
        state.needs_key = false;
        state.bytes += cost;
        state.entries.push_back(Entry::Unit(unit.clone()));
        drop(state);
        self.changed.notify_all();
        true
    }

    /// Adds a mark that keeps its place among the units.
    pub(crate) fn mark(&self) {
        let mut state = lock(&self.state);
        if !state.closed && state.marks < MAX_MARKS {
            state.marks += 1;
            state.entries.push_back(Entry::Mark);
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Throws away all that waits, up to the next key picture.
    pub(crate) fn restart(&self) {
        let mut state = lock(&self.state);
        state.needs_key = true;
        state.drop_units();
        state.untold = 0;
    }

    /// The oldest entry, waiting at most `limit`.
    pub(crate) fn take(&self, limit: Duration) -> Taken {
        let deadline = Instant::now() + limit;
        let mut state = lock(&self.state);
        loop {
            // The gap lies behind what waits when new units were dropped, before it when old ones were.
            let gap_is_next = state.untold > 0 && (self.when_full == WhenFull::DropAll || state.entries.is_empty());
            if gap_is_next {
                return Taken::Gap(std::mem::take(&mut state.untold));
            }
            match state.entries.pop_front() {
                Some(Entry::Unit(unit)) => {
                    state.bytes -= unit.data.len() + OVERHEAD;
                    return Taken::Unit(unit);
                }
                Some(Entry::Mark) => {
                    state.marks -= 1;
                    return Taken::Mark;
                }
                None if state.closed => return Taken::Closed,
                None => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Taken::TimedOut;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// No more units; what waits can still be taken.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// Whether it was closed.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// Waits until it is closed; false when it was not within `limit`.
    pub(crate) fn wait_closed(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = lock(&self.state);
        while !state.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Units dropped since the start.
    pub(crate) fn dropped(&self) -> u64 {
        lock(&self.state).dropped
    }
}

impl State {
    fn drop_units(&mut self) {
        let units = self.entries.len() - self.marks;
        self.entries.retain(|entry| matches!(entry, Entry::Mark));
        self.bytes = 0;
        self.note_dropped(units as u64);
    }

    fn note_dropped(&mut self, units: u64) {
        self.untold += units;
        self.dropped += units;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tl_base::{MediaTime, SlotId};
    use tl_frame::{Codec, ConfigId};

    use super::*;

    fn unit(number: i64, key: bool, bytes: usize) -> AccessUnit {
        let at = MediaTime(number);
        let data = Bytes::from(vec![0; bytes]);
        AccessUnit { source: SlotId(1), codec: Codec::H264, config_id: ConfigId(0), capture: at, pts: at, dts: at, arrival: at, key, data }
    }

    /// Everything that can be taken now: a unit's number, or minus the length of a gap.
    fn drain(queue: &UnitQueue) -> Vec<i64> {
        std::iter::from_fn(|| match queue.take(Duration::ZERO) {
            Taken::Unit(unit) => Some(unit.pts.0),
            Taken::Gap(units) => Some(-(units as i64)),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn a_file_keeps_what_waits_and_goes_on_at_a_key() {
        let queue = UnitQueue::new(3 * (100 + OVERHEAD), WhenFull::DropNew);
        let taken: Vec<bool> = (1..=5).map(|number| queue.push(&unit(number, number == 1, 100))).collect();
        assert_eq!(taken, [true, true, true, false, false]);
        assert_eq!(drain(&queue), [1, 2, 3, -2]);
        assert!(!queue.push(&unit(6, false, 100)));
        assert!(queue.push(&unit(7, true, 100)));
        assert_eq!(queue.dropped(), 3);
    }

    #[test]
    fn live_throws_away_the_old_and_starts_at_a_key() {
        let queue = UnitQueue::new(3 * (100 + OVERHEAD), WhenFull::DropAll);
        for number in 1..=5 {
            queue.push(&unit(number, number == 1, 100));
        }
        assert!(queue.push(&unit(6, true, 100)));
        assert_eq!(drain(&queue), [-5, 6]);
    }

    #[test]
    fn a_unit_larger_than_the_bound_is_dropped_and_empty_ones_are_bounded() {
        let queue = UnitQueue::new(1_000, WhenFull::DropNew);
        assert!(!queue.push(&unit(1, true, 2_000)));
        let kept = (0..100).filter(|number| queue.push(&unit(*number, true, 0))).count();
        assert_eq!(kept, 1_000 / OVERHEAD);
    }
}
