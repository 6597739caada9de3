//! What goes wrong with phones, by script.

use serde::{Deserialize, Serialize};
use tl_base::SlotId;

use crate::Seed;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FaultKind {
    /// This share of packets is lost, 0 to 1, evenly.
    Loss {
        /// The share.
        share: f64,
    },
    /// Packets are lost in runs.
    Burst {
        /// Share of packets that start a run, 0 to 1.
        share: f64,
        /// Packets in a run, mean.
        packets: f64,
    },
    /// Packets arrive up to this much later than others.
    Jitter {
        /// Milliseconds.
        millis: f64,
    },
    /// The same picture again and again.
    Freeze,
    /// A covered lens.
    Black,
    /// The phone is gone without a word; it comes back when the fault ends.
    Die,
}

/// One fault of one phone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Whose.
    pub slot: SlotId,
    /// When, seconds after the phones started.
    pub at_secs: f64,
    /// How long, seconds.
    pub for_secs: f64,
    /// What.
    pub kind: FaultKind,
}

impl Fault {
    /// Whether it holds at this moment.
    pub(crate) fn holds(&self, secs: f64) -> bool {
        secs >= self.at_secs && secs < self.at_secs + self.for_secs
    }
}

/// The faults of a rehearsal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// A healthy game.
    pub fn none() -> Self {
        Self::default()
    }

    /// About one fault every ten seconds, one phone at a time, all kinds in turn, none in the first ten seconds.
    pub fn seeded(seed: u64, slots: &[SlotId], seconds: f64) -> Self {
        let mut chance = Seed::new(seed).child("faults");
        let mut faults = Vec::new();
        let mut at_secs = 10.0 + chance.range(0.0, 3.0);
        let mut turn = chance.below(6);
        while at_secs < seconds - 5.0 && !slots.is_empty() {
            let Some(slot) = slots.get(chance.below(slots.len())).copied() else { break };
            let (kind, for_secs) = match turn % 6 {
                0 => (FaultKind::Loss { share: chance.range(0.01, 0.05) }, chance.range(3.0, 6.0)),
                1 => (FaultKind::Die, chance.range(2.0, 5.0)),
                2 => (FaultKind::Jitter { millis: chance.range(30.0, 80.0) }, chance.range(3.0, 6.0)),
                3 => (FaultKind::Freeze, chance.range(2.0, 4.0)),
                4 => (FaultKind::Burst { share: 0.002, packets: chance.range(8.0, 30.0) }, chance.range(3.0, 6.0)),
                _ => (FaultKind::Black, chance.range(2.0, 4.0)),
            };
            faults.push(Fault { slot, at_secs, for_secs, kind });
            at_secs += for_secs + chance.range(4.0, 8.0);
            turn += 1;
        }
        Self(faults)
    }

    /// The faults that hold for a phone now.
    pub(crate) fn of(&self, slot: SlotId, secs: f64) -> impl Iterator<Item = FaultKind> {
        self.0.iter().filter(move |fault| fault.slot == slot && fault.holds(secs)).map(|fault| fault.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_one_at_a_time_and_repeat_by_seed() {
        let slots = [SlotId(1), SlotId(2), SlotId(3)];
        let faults = Faults::seeded(7, &slots, 120.0);
        assert_eq!(faults, Faults::seeded(7, &slots, 120.0));
        assert!(faults.0.len() >= 6);
        assert!(faults.0.windows(2).all(|pair| pair[0].at_secs + pair[0].for_secs < pair[1].at_secs));
        assert!(faults.0.iter().any(|fault| fault.kind == FaultKind::Die));
        assert!(Faults::seeded(7, &[], 120.0).0.is_empty());
    }
}
