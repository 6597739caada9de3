//! Who sends into a source: one at a time, whatever protocol they speak.

use std::sync::atomic::{AtomicU64, Ordering};

use tl_rtc::SessionId;

/// Numbers of senders that are no WebRTC session begin here.
const OTHERS: u64 = 1 << 40;

/// One sender: a WebRTC session, a supervised way in, a publisher or an upload. Never used twice by one studio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sender(u64);

impl Sender {
    /// The sender behind a WebRTC session.
    pub fn of_session(session: SessionId) -> Self {
        Self(session.0 & (OTHERS - 1))
    }

    /// A sender of any other kind.
    pub fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(OTHERS);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Its WebRTC session.
    pub fn session(self) -> Option<SessionId> {
        (self.0 < OTHERS).then_some(SessionId(self.0))
    }
}

/// The one place of a source. Whoever holds it is heard; everybody else's pictures and sound are left out.
#[derive(Debug, Default)]
pub struct Holder(AtomicU64);

impl Holder {
    /// Takes the free place; true when it is (already) this sender's.
    pub fn claim(&self, sender: Sender) -> bool {
        match self.0.compare_exchange(0, sender.0, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(holder) => holder == sender.0,
        }
    }

    /// Gives the place to `sender`, whoever has it.
    pub fn replace(&self, sender: Sender) -> Option<Sender> {
        let before = self.0.swap(sender.0, Ordering::AcqRel);
        (before != 0 && before != sender.0).then_some(Sender(before))
    }

    /// Frees the place if it is this sender's.
    pub fn release(&self, sender: Sender) -> bool {
        self.0.compare_exchange(sender.0, 0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Who has it.
    pub fn now(&self) -> Option<Sender> {
        Some(self.0.load(Ordering::Acquire)).filter(|holder| *holder != 0).map(Sender)
    }

    /// Whether this sender has it.
    pub fn is(&self, sender: Sender) -> bool {
        self.0.load(Ordering::Acquire) == sender.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_sender_waits_until_the_first_is_gone() {
        let place = Holder::default();
        let (phone, app) = (Sender::of_session(SessionId(7)), Sender::fresh());
        assert!(place.claim(phone) && place.claim(phone) && !place.claim(app));
        assert!(!place.release(app) && place.is(phone));
        assert!(place.release(phone) && place.claim(app));
        assert_eq!(place.replace(phone), Some(app));
        assert_eq!(place.now().and_then(Sender::session), Some(SessionId(7)));
        assert_eq!(app.session(), None);
    }
}
