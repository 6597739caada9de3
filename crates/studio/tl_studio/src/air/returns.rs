//! What phones hear: the programme without their own sound, and the director's voice when he speaks to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tl_base::{MediaTime, SAMPLE_RATE_HZ, SlotId, SourceId};
use tl_frame::AudioBlock;
use tl_media::OpusEncoder;
use tl_rtc::SessionId;
use tl_sound::{Listener, Mixer};

/// Bits a second of a return: speech over a crowd is clear at this.
const BITRATE_BPS: u32 = 64_000;

/// Somebody who hears a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hearer {
    /// Whose sound is left out.
    pub slot: SlotId,
    /// Where it is sent.
    pub session: SessionId,
    /// Whether the director speaks to them now.
    pub addressed: bool,
}

/// Encodes the returns; one encoder a listener, made when they begin to listen.
pub struct Returns {
    rtc: Arc<tl_rtc::Server>,
    encoders: BTreeMap<SlotId, (SessionId, OpusEncoder)>,
}

impl Returns {
    /// Nobody listens yet.
    pub fn new(rtc: Arc<tl_rtc::Server>) -> Self {
        Self { rtc, encoders: BTreeMap::new() }
    }

    /// Tells the mixer who listens from the next span on.
    pub fn announce(&mut self, mixer: &mut Mixer, hearers: &[Hearer]) {
        let listeners: Vec<Listener> = hearers.iter().map(|hearer| Listener { own: hearer.slot, talkback: hearer.addressed }).collect();
        mixer.listen(&listeners);
        self.encoders.retain(|slot, (session, _)| hearers.iter().any(|hearer| hearer.slot == *slot && hearer.session == *session));
    }

    /// Sends the span that was mixed last, which began at `pts`.
    pub fn send(&mut self, mixer: &Mixer, hearers: &[Hearer], pts: MediaTime) {
        for (slot, samples) in mixer.returns() {
            let Some(hearer) = hearers.iter().find(|hearer| hearer.slot == slot) else { continue };
            if !self.encoders.contains_key(&slot) {
                self.open(*hearer);
            }
            let Some((_, encoder)) = self.encoders.get(&slot) else { continue };
            let block = AudioBlock { source: slot, capture: pts, rate_hz: SAMPLE_RATE_HZ, channels: 2, samples: samples.into() };
            if let Err(error) = encoder.push(&block) {
                tracing::debug!(%slot, %error, "a run of return sound was not encoded");
            }
        }
    }

    fn open(&mut self, hearer: Hearer) {
        let (rtc, session) = (Arc::clone(&self.rtc), hearer.session);
        let encoder = OpusEncoder::new(SourceId { 0: 0 }, 2, BITRATE_BPS, move |unit| {
            // A phone that is gone hears nothing; the control loop learns of it from the receiver.
            rtc.send_return(session, &unit);
        });
        match encoder {
            Ok(encoder) => drop(self.encoders.insert(hearer.slot, (hearer.session, encoder))),
            Err(error) => tracing::warn!(slot = %hearer.slot, %error, "a phone cannot hear the programme"),
        }
    }
}
