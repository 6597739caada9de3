//! How well one RTP stream comes in, judged from the headers that stand in the clear, before any repair.

use tl_base::MediaTime;

/// A sequence number this far from the last starts the count anew (RFC 3550, appendix A.1).
const MAX_DROPOUT: i64 = 3_000;
/// Turns remembered: at one a second, the last three seconds.
const TURNS: usize = 3;

/// What the turns so far say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Report {
    /// Share of packets that did not come at first, 0 to 1.
    pub loss: Option<f64>,
    /// Inter-arrival jitter, milliseconds.
    pub jitter_ms: Option<f64>,
}

/// Counts one stream's packets; memory does not grow.
#[derive(Clone, Debug)]
pub(crate) struct Reception {
    rate_hz: f64,
    /// Extended highest sequence number.
    highest: Option<i64>,
    /// Expected and received before the newest turns, oldest first.
    turns: [(i64, i64); TURNS],
    expected: i64,
    received: i64,
    /// Arrival and RTP time of the packet before.
    before: Option<(MediaTime, u32)>,
    jitter_ticks: f64,
}

impl Reception {
    /// A stream whose RTP clock ticks `rate_hz` times a second.
    pub fn new(rate_hz: u32) -> Self {
        Self { rate_hz: f64::from(rate_hz.max(1)), highest: None, turns: [(0, 0); TURNS], expected: 0, received: 0, before: None, jitter_ticks: 0.0 }
    }

    /// Notes a packet as it came, not one that was sent again.
    pub fn note(&mut self, sequence: u16, rtp_time: u32, arrival: MediaTime) {
        let highest = *self.highest.get_or_insert(i64::from(sequence) - 1);
        let step = i64::from(sequence.wrapping_sub(highest as u16) as i16);
        if step.abs() > MAX_DROPOUT {
            self.highest = Some(i64::from(sequence));
            self.before = None;
            return;
        }
        self.received += 1;
        if step > 0 {
            self.expected += step;
            self.highest = Some(highest + step);
        }
        if let Some((then, rtp_then)) = self.before {
            let apart = (arrival - then).as_secs_f64() * self.rate_hz;
            let stamped = f64::from(rtp_time.wrapping_sub(rtp_then) as i32);
            // A pause in sending is no jitter.
            if (apart - stamped).abs() < self.rate_hz {
                self.jitter_ticks += ((apart - stamped).abs() - self.jitter_ticks) / 16.0;
            }
        }
        self.before = Some((arrival, rtp_time));
    }

    /// Ends a turn of about a second and reports the last few.
    pub fn turn(&mut self) -> Report {
        let (expected_before, received_before) = self.turns.first().copied().unwrap_or_default();
        self.turns.rotate_left(1);
        if let Some(newest) = self.turns.last_mut() {
            *newest = (self.expected, self.received);
        }
        let (expected, received) = (self.expected - expected_before, self.received - received_before);
        let loss = (expected > 0).then(|| (expected - received).max(0) as f64 / expected as f64);
        let jitter_ms = self.before.map(|_| self.jitter_ticks / self.rate_hz * 1e3);
        Report { loss, jitter_ms: jitter_ms.filter(|_| expected > 0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_jitter_are_those_of_rfc_3550() {
        let mut reception = Reception::new(90_000);
        for index in 0_u32..300 {
            if index % 10 == 3 {
                continue;
            }
            // Every other packet is 4 ms late, so the mean difference of neighbours is close to 4 ms.
            let late = if index % 2 == 0 { 0 } else { 4 };
            let sequence = 65_500_u16.wrapping_add(index as u16);
            reception.note(sequence, index.wrapping_mul(900), MediaTime::from_millis(i64::from(index) * 10 + late));
        }
        let report = reception.turn();
        assert!((report.loss.expect("packets") - 0.1).abs() < 0.005, "{report:?}");
        assert!((3.0..5.0).contains(&report.jitter_ms.expect("packets")), "{report:?}");
        reception.turn();
        reception.turn();
        assert_eq!(reception.turn(), Report { loss: None, jitter_ms: None }, "silence is not a perfect line");
    }

    #[test]
    fn hostile_headers_do_not_overflow() {
        let mut reception = Reception::new(0);
        bolero::check!().with_type::<(u16, u32, i64)>().cloned().for_each(|(sequence, rtp_time, at)| {
            reception.note(sequence, rtp_time, MediaTime(at));
            let report = reception.turn();
            assert!(report.loss.is_none_or(|loss| (0.0..=1.0).contains(&loss)));
        });
    }
}
