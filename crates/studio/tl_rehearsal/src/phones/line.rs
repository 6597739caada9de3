//! What every way into the studio looks like to a phone.

use std::time::Instant;

use tl_base::queue::Sender;
use tl_base::{Secret, SlotId};
use tl_rtc::publish::Impairment;

use super::sending::Parcel;
use crate::signalling::{Door, Joined, Refusal};

/// Something that may wait, and that the pacing thread therefore does not do itself.
pub(crate) struct Errand {
    /// Whose.
    pub(super) phone: usize,
    pub(super) what: What,
}

/// What is to be done.
pub(super) enum What {
    /// A phone wishes to join over WebRTC.
    Offer { slot: SlotId, token: Secret, sdp: String },
    /// A director tells the studio where to fetch a camera's pictures.
    Source { slot: SlotId, token: Secret, setup: serde_json::Value },
    /// Ends what takes time to end.
    Bury(Box<dyn Send>),
}

/// What came of it.
pub(crate) struct Reply {
    pub(super) phone: usize,
    pub(super) result: Result<Answer, Refusal>,
}

/// What the studio answered.
pub(super) enum Answer {
    /// To an offer.
    Joined(Joined),
    /// To the address of a source.
    SourceSet,
}

/// How far a way is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not yet.
    Opening,
    /// What is sent arrives.
    Open,
    /// It is over; the phone tries another.
    Over(String),
}

/// One connection to the studio, over one protocol. Nothing here waits, but for [`Line::leave`] and the end of some.
pub(super) trait Line: Send {
    /// Does what is due; how far it is and when to come again.
    fn poll(&mut self, now: Instant, errands: &Errands<'_>) -> (Stage, Instant);

    /// Takes a picture or packet; false when it did not leave.
    fn send(&mut self, parcel: &Parcel, now_secs: f64) -> bool;

    /// The studio's answer to an errand.
    fn answered(&mut self, _answer: Result<Answer, Refusal>, _now: Instant) {}

    /// What happens to datagrams on the way, where it sends any.
    fn impair(&mut self, _wanted: Impairment) {}

    /// The phone is dead for now. True when the way stays to be used again, as a camera keeps its address; false: it is forgotten.
    fn fade(&mut self) -> bool {
        false
    }

    /// Hangs up properly.
    fn leave(self: Box<Self>, door: &Door);
}

/// Where one phone's errands go.
pub(super) struct Errands<'a> {
    pub(super) phone: usize,
    pub(super) queue: &'a Sender<Errand>,
}

impl Errands<'_> {
    /// False when there are too many already.
    pub(super) fn send(&self, what: What) -> bool {
        self.queue.send(Errand { phone: self.phone, what }).is_ok()
    }

    /// Ends a line elsewhere, because that may take a while; here when there is no other way.
    pub(super) fn bury(&self, line: Box<dyn Line>) {
        let what = What::Bury(Box::new(line));
        // A full queue hands it back, and then it ends here.
        drop(self.queue.send(Errand { phone: self.phone, what }));
    }
}
