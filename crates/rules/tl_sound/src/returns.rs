//! What phones and the commentator hear back: the programme without themselves, and the director's voice.
//!
//! A return is summed from the others and never subtracted from the whole, so what is left out is out however the common gains
//! move. It has a limiter of its own, since the talkback comes on top.

use tl_base::SourceId;

use crate::Stereo;
use crate::level::Ramp;
use crate::limiter::Limiter;

/// Most returns at once; more listeners are refused.
pub const MAX_RETURNS: usize = 8;
/// -12 dB: how far the programme steps back behind the director's voice.
const DIP: f32 = 0.251_188_6;

/// Who hears a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The source that is left out: the listener's own microphone.
    pub own: SourceId,
    /// Whether the director speaks to this listener now.
    pub talkback: bool,
}

/// The buses of a span, before the programme's gain.
pub(crate) struct Buses<'a> {
    /// Gain of the bed at each frame; empty = 1.
    pub(crate) duck: &'a [f32],
    /// What the commentator says.
    pub(crate) voice: &'a [Stereo],
    /// The programme's gain at each frame.
    pub(crate) ride: &'a [f32],
    /// What the director says.
    pub(crate) talkback: &'a [Stereo],
}

/// One return.
pub(crate) struct Return {
    pub(crate) own: SourceId,
    limiter: Limiter,
    /// Everything else than `own` and the commentator, in the span that is mixed.
    bed: Vec<Stereo>,
    hears_voice: bool,
    /// Rises when somebody begins to listen, so that the first frames do not click.
    entry: Ramp,
    dip: Ramp,
    talk: Ramp,
    out: Vec<Stereo>,
}

impl Return {
    pub(crate) fn new(own: SourceId) -> Self {
        let mut entry = Ramp::at(0.0);
        entry.go_to(1.0);
        Self {
            own,
            limiter: Limiter::new(),
            bed: Vec::new(),
            hears_voice: own != SourceId::COMMENTARY,
            entry,
            dip: Ramp::at(1.0),
            talk: Ramp::at(0.0),
            out: Vec::new(),
        }
    }

    /// Lets the director's voice be heard, or not.
    pub(crate) fn address(&mut self, talkback: bool) {
        self.dip.go_to(if talkback { DIP } else { 1.0 });
        self.talk.go_to(if talkback { 1.0 } else { 0.0 });
    }

    /// Forgets the span before.
    pub(crate) fn clear(&mut self) {
        self.out.clear();
    }

    /// Begins a piece of a span.
    pub(crate) fn begin(&mut self, frames: usize) {
        self.bed.clear();
        self.bed.resize(frames, [0.0; 2]);
    }

    /// Adds a source's sound to the bed, unless it is the listener's own.
    pub(crate) fn add(&mut self, source: SourceId, sound: &[Stereo]) {
        if source != self.own {
            add(&mut self.bed, sound);
        }
    }

    /// Ends the piece.
    pub(crate) fn finish(&mut self, buses: &Buses<'_>) {
        let from = self.out.len();
        let mut duck = buses.duck.iter();
        for ((frame, ride), (voice, talkback)) in self.bed.iter().zip(buses.ride).zip(buses.voice.iter().zip(buses.talkback)) {
            let (bed, talk) = (duck.next().copied().unwrap_or(1.0), self.talk.next());
            let (shared, entry) = (ride * self.dip.next(), self.entry.next());
            let voice = if self.hears_voice { *voice } else { [0.0; 2] };
            let mixed = |bed_value: f32, voice: f32, talkback: f32| ((bed_value * bed + voice) * shared + talkback * talk) * entry;
            self.out.push([mixed(frame[0], voice[0], talkback[0]), mixed(frame[1], voice[1], talkback[1])]);
        }
        if let Some(piece) = self.out.get_mut(from..) {
            self.limiter.process(piece);
        }
    }

    /// The span mixed last, interleaved.
    pub(crate) fn samples(&self) -> &[f32] {
        self.out.as_flattened()
    }
}

/// Adds sound to a bus.
pub(crate) fn add(bus: &mut [Stereo], sound: &[Stereo]) {
    for (sum, value) in bus.as_flattened_mut().iter_mut().zip(sound.as_flattened()) {
        *sum += value;
    }
}
