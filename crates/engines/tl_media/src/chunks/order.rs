//! Pieces in the order of their numbers.

use std::collections::BTreeMap;

use tl_base::MediaTime;

use crate::chunks::Chunk;

/// Early pieces that may wait; one more gives the missing one up.
const MAX_EARLY: usize = 8;
/// Bytes that early pieces may hold.
const MAX_EARLY_BYTES: usize = 8 << 20;
/// How long a missing piece is waited for, by the arrival of those behind it.
const PATIENCE: MediaTime = MediaTime::from_secs(1);
/// A recording that begins so far behind was counted anew: the phone's page was loaded again.
const FAR_BEHIND: u64 = 64;

/// What comes next.
pub(super) enum Taken {
    Chunk(Chunk),
    /// So many pieces were given up.
    Missing(u64),
}

#[derive(Default)]
pub(super) struct Order {
    next: Option<u64>,
    early: BTreeMap<u64, Chunk>,
    /// The latest time of the phone's that was handed on, milliseconds; none before the first.
    newest_ms: Option<f64>,
}

impl Order {
    /// Takes a piece; false for one that was handed on or given up before.
    pub(super) fn push(&mut self, chunk: Chunk) -> bool {
        let next = *self.next.get_or_insert(chunk.sequence);
        if chunk.sequence < next {
            if !self.is_counted_anew(&chunk, next) {
                return false;
            }
            self.early.clear();
            self.next = Some(chunk.sequence);
        }
        self.early.insert(chunk.sequence, chunk);
        true
    }

    /// Whether a piece with a number of the past is no old one that came again but the first of a page that was loaded anew. What
    /// came again has the time that it had before.
    fn is_counted_anew(&self, chunk: &Chunk, next: u64) -> bool {
        let later = self.newest_ms.is_some_and(|newest| chunk.timestamp_ms > newest);
        super::begins_recording(&chunk.data) && (later || next - chunk.sequence >= FAR_BEHIND)
    }

    /// The next piece in order, or the gap in front of it when it was waited for long enough; none while there is hope.
    pub(super) fn take(&mut self) -> Option<Taken> {
        let next = self.next?;
        let (&first, _) = self.early.first_key_value()?;
        if first == next {
            self.next = Some(next.saturating_add(1));
            let chunk = self.early.remove(&first)?;
            self.newest_ms = Some(self.newest_ms.map_or(chunk.timestamp_ms, |newest| newest.max(chunk.timestamp_ms)));
            return Some(Taken::Chunk(chunk));
        }
        let bytes: usize = self.early.values().map(|chunk| chunk.data.len()).sum();
        let arrivals = || self.early.values().map(|chunk| chunk.arrival);
        let waited = arrivals().max().unwrap_or(MediaTime::ZERO) - arrivals().min().unwrap_or(MediaTime::ZERO);
        // A recording that begins here needs nothing of what is missing.
        let begins = self.early.first_key_value().is_some_and(|(_, chunk)| super::begins_recording(&chunk.data));
        let hopeless = self.early.len() > MAX_EARLY || bytes > MAX_EARLY_BYTES || waited > PATIENCE || begins;
        hopeless.then(|| {
            self.next = Some(first);
            Taken::Missing(first - next)
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn chunk(sequence: u64, at_ms: i64) -> Chunk {
        let arrival = MediaTime::from_millis(at_ms);
        Chunk { sequence, timestamp_ms: 0.0, arrival, mime: "video/webm".to_owned(), data: Bytes::from_static(b"piece") }
    }

    /// Everything that comes out: a piece's number, or minus the length of a gap.
    fn check(pushed: &[(u64, i64)], expect: &[i64]) {
        let mut order = Order::default();
        let mut out = Vec::new();
        for (sequence, at_ms) in pushed {
            order.push(chunk(*sequence, *at_ms));
            while let Some(taken) = order.take() {
                out.push(match taken {
                    Taken::Chunk(chunk) => chunk.sequence as i64,
                    Taken::Missing(chunks) => -(chunks as i64),
                });
            }
        }
        assert_eq!(out, expect, "{pushed:?}");
    }

    #[test]
    fn pieces_leave_in_order() {
        check(&[(5, 0), (6, 100), (7, 200)], &[5, 6, 7]);
        check(&[(5, 0), (7, 100), (6, 110), (6, 120), (8, 200)], &[5, 6, 7, 8]);
        check(&[(5, 0), (7, 100), (9, 1_300), (8, 1_400)], &[5, -1, 7, 8, 9]);
        let many: Vec<(u64, i64)> = std::iter::once((5, 0)).chain((7..=15).map(|at| (at, 100))).collect();
        check(&many, &[5, -1, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        check(&[(5, 0), (4, 10), (6, 20)], &[5, 6]);
    }

    #[test]
    fn a_page_that_is_loaded_anew_counts_anew_and_a_first_piece_that_comes_again_does_not() {
        let head = |sequence: u64, timestamp_ms: f64| {
            let data = Bytes::from_static(&[0x1a, 0x45, 0xdf, 0xa3, 0x80]);
            Chunk { timestamp_ms, data, ..chunk(sequence, 0) }
        };
        let mut order = Order::default();
        let mut give = |chunk: Chunk| order.push(chunk) && matches!(order.take(), Some(Taken::Chunk(_)));
        assert!(give(head(0, 100.0)) && give(Chunk { timestamp_ms: 200.0, ..chunk(1, 0) }));
        assert!(!give(head(0, 100.0)), "it was here before");
        assert!(give(head(0, 900.0)) && give(Chunk { timestamp_ms: 1_000.0, ..chunk(1, 0) }));
        assert!(!give(Chunk { timestamp_ms: 2_000.0, ..chunk(0, 0) }), "nothing begins here");
    }
}
