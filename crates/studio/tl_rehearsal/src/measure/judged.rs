//! From when on a camera's capture times are held against the truth.

use std::collections::BTreeMap;

use tl_base::{MediaTime, Protocol, SlotId};

use super::Input;
use super::ledger::Ledger;

/// The judged span of each camera that came by a known way.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Judged(BTreeMap<SlotId, (Protocol, Option<MediaTime>)>);

impl Judged {
    /// A clock that tells itself (data channel, RTCP, or the question for the time that uploads ask) counts from the start. One that
    /// is known by arrivals alone hides what lies before them, and counts from its first trim on; without one it is not judged. A
    /// film has no lens.
    pub(crate) fn of(input: &Input, ledger: &Ledger) -> Self {
        let views = input.snapshot.iter().flat_map(|snapshot| &snapshot.cameras);
        let seen = views.filter_map(|view| Some((view.slot, Protocol::parse(&view.protocol)?)));
        // What the phones themselves did wins.
        let phones = input.summary.iter().flat_map(|summary| &summary.phones).map(|phone| (phone.slot, phone.protocol));
        let judge = |(slot, protocol)| {
            let from = match protocol {
                Protocol::Webrtc | Protocol::Rtsp | Protocol::Chunks => Some(MediaTime(i64::MIN)),
                Protocol::Srt | Protocol::Rtmp | Protocol::Mjpeg => ledger.trims.iter().filter(|trim| trim.slot == slot).map(|trim| trim.at).min(),
                Protocol::File | Protocol::Device => None,
            };
            (slot, (protocol, from))
        };
        Self(seen.chain(phones).map(judge).collect())
    }

    /// Whether a picture of this show time counts; one of a camera of which nothing is known does.
    pub(crate) fn counts(&self, slot: SlotId, at: MediaTime) -> bool {
        self.0.get(&slot).is_none_or(|(_, from)| from.is_some_and(|from| at > from))
    }

    /// How a camera came in.
    pub(crate) fn protocol(&self, slot: SlotId) -> Option<Protocol> {
        self.0.get(&slot).map(|(protocol, _)| *protocol)
    }

    /// Whether its clock was set, where that had to be done; none where it tells itself or there is nothing to set it by.
    pub(crate) fn synced(&self, slot: SlotId) -> Option<bool> {
        let (protocol, from) = self.0.get(&slot)?;
        matches!(protocol, Protocol::Srt | Protocol::Rtmp).then_some(from.is_some())
    }
}
