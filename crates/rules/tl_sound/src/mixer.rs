//! The bus: which sources are heard, and the span that leaves.

use std::collections::BTreeMap;

use tl_base::{MediaTime, SlotId, SourceId};
use tl_frame::AudioBlock;

use crate::limiter::{LOOK_AHEAD_FRAMES, Limiter};
use crate::meter::{Meters, ProgrammeMeter};
use crate::source::{Fader, Source, SourceStats};
use crate::{Error, Stereo};

/// How far behind the end of a span its sound must have come: the limiter looks ahead by 2.5 ms, the resampler by less than
/// 1 ms more.
pub const LOOK_AHEAD: MediaTime = MediaTime::from_micros(3_500);
/// Longest span that is mixed at once.
const MAX_SPAN_FRAMES: usize = 48_000;

/// How the programme's sound is made.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Channels of the programme: 2.
    pub channels: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self { channels: 2 }
    }
}

/// Which sources are heard.
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
    limiter: Limiter,
    meter: ProgrammeMeter,
    /// Capture time up to which sources were asked for.
    mixed_to: Option<MediaTime>,
}

impl Mixer {
    /// A mixer without sources that follows nothing.
    pub fn new(config: Config) -> Result<Self, Error> {
        if config.channels != 2 {
            return Err(Error::Channels(config.channels));
        }
        Ok(Self { sources: BTreeMap::new(), choice: Choice::Follow(None), limiter: Limiter::new(), meter: ProgrammeMeter::new()?, mixed_to: None })
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

    /// Chooses which sources are heard; the change takes 20 ms.
    pub fn choose(&mut self, choice: Choice) {
        self.choice = choice;
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
        let look_ahead = MediaTime::from_samples(LOOK_AHEAD_FRAMES as i64);
        for (id, source) in &mut self.sources {
            source.hear(self.choice.hears(*id));
        }
        if self.mixed_to.is_none() {
            let mut unheard = Vec::new();
            self.mix_into(&mut unheard, capture_start, LOOK_AHEAD_FRAMES);
        }
        let mut out = Vec::with_capacity(frames * 2);
        self.mix_into(&mut out, capture_start + look_ahead, frames);
        let mixed_to = capture_start + look_ahead + MediaTime::from_samples(frames as i64);
        self.mixed_to = Some(mixed_to);
        self.sources.retain(|_, source| !(source.leaving && source.is_silent()));
        self.meter.note(&out);
        let per_source_peak = self.sources.iter().filter_map(|(id, source)| Some((*id, source.peak_dbfs(mixed_to)?))).collect();
        (out, Meters { limiter_db: self.limiter.reduction_db(), per_source_peak, ..self.meter.read() })
    }

    fn mix_into(&mut self, out: &mut Vec<f32>, start: MediaTime, frames: usize) {
        let mut bus: Vec<Stereo> = vec![[0.0; 2]; frames];
        for source in self.sources.values_mut() {
            source.add_to(&mut bus, start);
        }
        out.extend(bus.into_iter().flat_map(|frame| self.limiter.pass(frame)));
    }

    /// A source by its slot; none for a slot that no session has, so that what is kept stays bounded.
    fn source(&mut self, id: SourceId) -> Option<&mut Source> {
        (1..=SlotId::MAX).contains(&id.0).then(|| self.sources.entry(id).or_insert_with(Source::new))
    }
}
