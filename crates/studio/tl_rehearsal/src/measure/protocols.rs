//! Figures of one camera, and of all cameras of one way in.

use std::collections::BTreeMap;

use tl_base::{Percentiles, SlotId};

use super::ledger::{Ledger, Tick};
use super::sound;
use super::timing::{self, Skews};
use crate::report::{CameraReport, LipSyncReport, ProtocolReport, Spread, Tail};
use crate::truth::Truth;

/// What figures of single cameras are made of.
pub(crate) struct Parts<'a> {
    pub(crate) ledger: &'a Ledger,
    pub(crate) ticks: &'a [Tick],
    pub(crate) truth: &'a Truth,
    pub(crate) skews: &'a Skews,
    pub(crate) claps: &'a [(Option<SlotId>, f64)],
}

impl Parts<'_> {
    pub(crate) fn skew(&self, of: impl Fn(SlotId) -> bool) -> Option<Spread> {
        let slots = self.truth.slots().into_iter().filter(|slot| of(*slot));
        Percentiles::of(slots.flat_map(|slot| self.skews.of(slot))).map(Into::into)
    }

    pub(crate) fn latency(&self, of: impl Fn(SlotId) -> bool) -> Option<Tail> {
        timing::to_program(self.ledger, self.ticks, self.truth, self.skews, of)
    }

    pub(crate) fn lip_sync(&self, of: impl Fn(SlotId) -> bool) -> Option<LipSyncReport> {
        sound::lip_sync(self.claps.iter().filter(|(slot, _)| slot.is_some_and(&of)).map(|(_, ms)| *ms))
    }
}

/// Cameras that came the same way, taken together.
pub(crate) fn by_protocol(cameras: &[CameraReport], parts: &Parts<'_>) -> Vec<ProtocolReport> {
    let mut groups: BTreeMap<&str, Vec<&CameraReport>> = BTreeMap::new();
    for camera in cameras {
        if let Some(protocol) = &camera.protocol {
            groups.entry(protocol).or_default().push(camera);
        }
    }
    let one = |(protocol, cameras): (&str, Vec<&CameraReport>)| {
        let of = |slot: SlotId| cameras.iter().any(|camera| camera.id == slot.0);
        let sum = |count: &dyn Fn(&CameraReport) -> Option<u64>| cameras.iter().filter_map(|camera| count(camera)).reduce(|sum, count| sum + count);
        ProtocolReport {
            protocol: protocol.into(),
            cameras: cameras.iter().map(|camera| camera.id).collect(),
            frames: sum(&|camera| camera.frames),
            lost: sum(&|camera| camera.lost),
            reconnects: sum(&|camera| camera.reconnects),
            skew_ms: parts.skew(of),
            latency_ms: parts.latency(of),
            lip_sync_ms: parts.lip_sync(of),
            synced: cameras.iter().filter_map(|camera| camera.synced).reduce(|all, one| all && one),
        }
    };
    groups.into_iter().map(one).collect()
}
