//! The buses: which sources are heard, and the span that leaves.

use std::collections::BTreeMap;

use tl_base::{MediaTime, SlotId, SourceId};
use tl_frame::AudioBlock;

use crate::duck::Ducker;
use crate::limiter::{LOOK_AHEAD_FRAMES, Limiter};
use crate::meter::{Meters, ProgrammeMeter};
use crate::processing::Processing;
use crate::returns::{Buses, Listener, MAX_RETURNS, Return, add};
use crate::ride::Ride;
use crate::source::{Fader, Source, SourceStats};
use crate::{Error, Stereo};

/// How far behind the end of a span its sound must have come: the limiter's look-ahead, and the resampler's, less than 1 ms.
pub const LOOK_AHEAD: MediaTime = MediaTime::from_micros(LOOK_AHEAD_FRAMES as i64 * 1_000_000 / 48_000 + 1_000);
/// Longest span that is mixed at once.
const MAX_SPAN_FRAMES: usize = 48_000;
/// Frames mixed in one go, so that gains are as fine in a long span as in a short one.
const PIECE_FRAMES: usize = 1_024;

/// How the programme's sound is made.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Channels of the programme: 2.
    pub channels: u16,
    /// How it is finished.
    pub processing: Processing,
}

impl Default for Config {
    fn default() -> Self {
        Self { channels: 2, processing: Processing::default() }
    }
}

/// Which cameras are heard. The commentator is heard whatever is chosen, the talkback never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The live camera's; the caller names it anew with each cut.
    Follow(Option<SourceId>),
    /// One source's, whatever is live.
    Fixed(SourceId),
    /// All.
    Mix,
}

impl Choice {
    fn hears(self, source: SourceId) -> bool {
        match self {
            Self::Follow(live) => live == Some(source),
            Self::Fixed(fixed) => fixed == source,
            Self::Mix => true,
        }
    }
}

/// The sound mixer.
pub struct Mixer {
    sources: BTreeMap<SourceId, Source>,
    choice: Choice,
    ducker: Ducker,
    ride: Ride,
    limiter: Limiter,
    meter: ProgrammeMeter,
    returns: Vec<Return>,
    talks: bool,
    piece: Piece,
    /// Capture time up to which sources were asked for.
    mixed_to: Option<MediaTime>,
}

/// Room for the buses of one piece.
#[derive(Default)]
struct Piece {
    source: Vec<Stereo>,
    bed: Vec<Stereo>,
    voice: Vec<Stereo>,
    talkback: Vec<Stereo>,
    duck: Vec<f32>,
    ride: Vec<f32>,
}

impl Mixer {
    /// A mixer without sources that follows nothing.
    pub fn new(config: Config) -> Result<Self, Error> {
        if config.channels != 2 {
            return Err(Error::Channels(config.channels));
        }
        let processing = config.processing.limited();
        Ok(Self {
            sources: BTreeMap::new(),
            choice: Choice::Follow(None),
            ducker: Ducker::new(processing.ducking_lu)?,
            ride: Ride::new(processing.riding, processing.target_lufs)?,
            limiter: Limiter::new(),
            meter: ProgrammeMeter::new()?,
            returns: Vec::new(),
            talks: false,
            piece: Piece::default(),
            mixed_to: None,
        })
    }

    /// Takes sound of a source; a new source appears with an open fader. Blocks that are late or broken are counted.
    pub fn push(&mut self, block: AudioBlock) {
        let mixed_to = self.mixed_to;
        if let Some(source) = self.source(block.source) {
            source.push(block, mixed_to);
        }
    }

    /// Moves a source's fader; values beyond its limits are brought within.
    pub fn set(&mut self, source: SourceId, fader: Fader) {
        if let Some(source) = self.source(source) {
            source.set(fader);
        }
    }

    /// Chooses which cameras are heard; the change takes 20 ms.
    pub fn choose(&mut self, choice: Choice) {
        self.choice = choice;
    }

    /// Changes how the programme is finished; values beyond their limits are brought within.
    pub fn set_processing(&mut self, processing: Processing) {
        let processing = processing.limited();
        self.ducker.set(processing.ducking_lu);
        self.ride.set(processing.riding, processing.target_lufs);
    }

    /// Lets the integrated loudness and the highest true peak begin anew, as when a programme begins.
    pub fn restart_loudness(&mut self) {
        self.meter.restart();
    }

    /// Says who hears a return from the next span on, and gives how many were taken: the first [`MAX_RETURNS`], one for each
    /// microphone that is left out. A return that begins fades in; one that is no longer named ends.
    pub fn listen(&mut self, listeners: &[Listener]) -> usize {
        let mut kept: Vec<Return> = Vec::with_capacity(listeners.len().min(MAX_RETURNS));
        self.talks = false;
        for listener in listeners {
            if kept.len() == MAX_RETURNS || !listener.own.is_source() || kept.iter().any(|taken| taken.own == listener.own) {
                continue;
            }
            let at = self.returns.iter().position(|known| known.own == listener.own);
            let mut taken = at.map_or_else(|| Return::new(listener.own), |at| self.returns.swap_remove(at));
            taken.address(listener.talkback);
            self.talks |= listener.talkback;
            kept.push(taken);
        }
        self.returns = kept;
        self.returns.len()
    }

    /// The returns of the span that [`Mixer::mix`] gave last: whose microphone is left out, and interleaved stereo as long as the
    /// programme's.
    pub fn returns(&self) -> impl Iterator<Item = (SourceId, &[f32])> {
        self.returns.iter().map(|taken| (taken.own, taken.samples()))
    }

    /// Lets a source go, fader and all; if it is heard, it fades first.
    pub fn remove(&mut self, source: SourceId) {
        if let Some(source) = self.sources.get_mut(&source) {
            source.leaving = true;
        }
    }

    /// What is counted and measured of a source.
    pub fn stats(&self, source: SourceId) -> Option<SourceStats> {
        self.sources.get(&source).map(|source| source.stats)
    }

    /// The sound captured from `capture_start` on, `frames` frames (at most one second) of interleaved stereo at 48 kHz, and
    /// the meters at its end. Spans usually follow each other; one that starts up to 40 ms off is reached by bending the
    /// pitch by at most 1 %, one further off by a crossfade.
    pub fn mix(&mut self, capture_start: MediaTime, frames: usize) -> (Vec<f32>, Meters) {
        let frames = frames.min(MAX_SPAN_FRAMES);
        self.open_and_close();
        if self.mixed_to.is_none() {
            // The first frames only fill the limiter.
            self.mix_into(&mut Vec::new(), capture_start, LOOK_AHEAD_FRAMES);
        }
        self.returns.iter_mut().for_each(Return::clear);
        let start = capture_start + MediaTime::from_samples(LOOK_AHEAD_FRAMES as i64);
        let mut out = Vec::with_capacity(frames * 2);
        self.mix_into(&mut out, start, frames);
        let mixed_to = start + MediaTime::from_samples(frames as i64);
        self.mixed_to = Some(mixed_to);
        self.sources.retain(|_, source| !(source.leaving && source.is_silent()));
        let meters = self.meters(mixed_to);
        (out, meters)
    }

    fn meters(&mut self, mixed_to: MediaTime) -> Meters {
        Meters {
            limiter_db: self.limiter.reduction_db(),
            ride_db: self.ride.gain_db(),
            ducking_db: self.ducker.deepest_db(),
            sources: self.sources.iter().filter_map(|(id, source)| source.meter(*id, mixed_to)).collect(),
            ..self.meter.read()
        }
    }

    /// Lets each source be heard or not.
    fn open_and_close(&mut self) {
        for (id, source) in &mut self.sources {
            source.hear(match *id {
                SlotId::COMMENTARY => true,
                SlotId::TALKBACK => self.talks,
                camera => self.choice.hears(camera),
            });
        }
    }

    fn mix_into(&mut self, out: &mut Vec<f32>, start: MediaTime, frames: usize) {
        let mut done = 0;
        while done < frames {
            let count = (frames - done).min(PIECE_FRAMES);
            self.gather(start + MediaTime::from_samples(done as i64), count);
            self.finish(out);
            done += count;
        }
    }

    /// Reads the sources into their buses.
    fn gather(&mut self, time: MediaTime, frames: usize) {
        let Piece { source: sound, bed, voice, talkback, .. } = &mut self.piece;
        for bus in [&mut *bed, &mut *voice, &mut *talkback] {
            bus.clear();
            bus.resize(frames, [0.0; 2]);
        }
        self.returns.iter_mut().for_each(|taken| taken.begin(frames));
        for (id, source) in &mut self.sources {
            sound.clear();
            sound.resize(frames, [0.0; 2]);
            if !source.add_to(sound, time) {
                continue;
            }
            match *id {
                SlotId::COMMENTARY => add(voice, sound),
                SlotId::TALKBACK => add(talkback, sound),
                camera => {
                    add(bed, sound);
                    self.returns.iter_mut().for_each(|taken| taken.add(camera, sound));
                }
            }
        }
    }

    /// Makes the programme and the returns of the buses.
    fn finish(&mut self, out: &mut Vec<f32>) {
        let Piece { bed, voice, talkback, duck, ride, .. } = &mut self.piece;
        duck.clear();
        let commentator = self.sources.get(&SlotId::COMMENTARY).is_some_and(Source::is_open);
        if commentator || !self.ducker.rests() {
            self.ducker.gains(bed, voice, duck);
        }
        for (frame, gain) in bed.iter_mut().zip(&*duck) {
            *frame = frame.map(|value| value * gain);
        }
        add(bed, voice);
        self.ride.gains(bed, self.meter.integrated(), ride);
        for (frame, gain) in bed.iter_mut().zip(&*ride) {
            *frame = frame.map(|value| value * gain);
        }
        self.limiter.process(bed);
        self.meter.note(bed);
        out.extend_from_slice(bed.as_flattened());
        let buses = Buses { duck, voice, ride, talkback };
        self.returns.iter_mut().for_each(|taken| taken.finish(&buses));
    }

    /// A source by its slot; none for a slot that no session has, so that what is kept stays bounded.
    fn source(&mut self, id: SourceId) -> Option<&mut Source> {
        id.is_source().then(|| self.sources.entry(id).or_insert_with(Source::new))
    }
}
