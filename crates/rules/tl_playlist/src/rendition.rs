//! The segments and parts of one rendition: what is listed, what is still kept, what comes next.

use std::collections::VecDeque;

use bytes::Bytes;
use tl_base::{MediaTime, Wall};
use tl_mp4::{Run, Sample, Track, TrackConfig};

use crate::answer::Finished;
use crate::config::Plan;

/// Ticks a second of both renditions.
pub(crate) const TIMESCALE: u32 = tl_base::SAMPLE_RATE_HZ;
/// The one track of each rendition's files.
const TRACK_ID: u32 = 1;

/// Microseconds from samples of 48 kHz.
pub(crate) fn micros(samples: i64) -> i64 {
    samples.saturating_mul(125).div_euclid(6)
}

/// A part that can be fetched.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Samples of 48 kHz.
    pub duration: u64,
    /// Whether decoding may start at its first sample.
    pub independent: bool,
    /// `moof` and `mdat`.
    pub bytes: Bytes,
}

/// A segment, whole or growing.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub msn: u64,
    /// Whether what stands before it belongs to another timeline or configuration.
    pub discontinuity: bool,
    /// Number of its initialisation segment.
    pub init: u64,
    /// Wall time of its first sample.
    pub wall: Wall,
    pub parts: Vec<Part>,
    /// Whether it is whole.
    pub closed: bool,
    /// Once it left the playlist: on [`Rendition::played`], when it may be forgotten.
    forget_at: Option<u64>,
}

impl Segment {
    /// Samples of 48 kHz so far.
    pub fn duration(&self) -> u64 {
        self.parts.iter().map(|part| part.duration).sum()
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes.len() as u64).sum()
    }

    /// All bytes in pieces.
    pub fn body(&self) -> Vec<Bytes> {
        self.parts.iter().map(|part| part.bytes.clone()).collect()
    }
}

/// One rendition.
#[derive(Debug)]
pub(crate) struct Rendition {
    /// Folder name.
    pub name: &'static str,
    /// PART-TARGET, samples of 48 kHz.
    pub part_target: u64,
    /// Target duration, samples of 48 kHz.
    pub target: u64,
    /// Kept segments, oldest first; the last may be growing.
    segments: VecDeque<Segment>,
    /// How many of the oldest left the playlist and are kept for those who hold an older one.
    unlisted: usize,
    /// Numbers and bytes of the initialisation segments that kept segments need, and the newest.
    inits: Vec<(u64, TrackConfig, Bytes)>,
    /// Discontinuities that left the playlist.
    pub discontinuity_sequence: u64,
    first_msn: u64,
    window: usize,
    /// Samples of all whole segments ever: the rendition's own measure of time.
    played: u64,
    fragment_sequence: u32,
    /// Whether ENDLIST stands.
    pub ended: bool,
    /// Rises with everything that a request could see.
    pub changes: u64,
    /// Highest and total bits of whole segments.
    pub bits: Bits,
}

/// Measured bit rates.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bits {
    /// Highest of a segment of about the target duration, bits a second.
    pub peak_bps: u64,
    total_bits: u64,
    total_samples: u64,
}

impl Bits {
    fn note(&mut self, segment: &Segment, target: u64) {
        let (bits, samples) = (segment.bytes() * 8, segment.duration().max(1));
        self.total_bits += bits;
        self.total_samples += samples;
        // A shorter one says nothing of a rate: it is a key picture with little behind it.
        if samples * 2 >= target {
            self.peak_bps = self.peak_bps.max((bits * u64::from(TIMESCALE)).div_ceil(samples));
        }
    }

    /// Over all whole segments, bits a second; zero before the first.
    pub fn average_bps(&self) -> u64 {
        (u128::from(self.total_bits) * u128::from(TIMESCALE)).div_ceil(u128::from(self.total_samples.max(1))) as u64
    }
}

impl Rendition {
    pub fn new(name: &'static str, part_target: u64, plan: &Plan, first_msn: u64, discontinuity_sequence: u64) -> Self {
        Self {
            name,
            part_target,
            target: plan.target,
            segments: VecDeque::new(),
            unlisted: 0,
            inits: Vec::new(),
            discontinuity_sequence,
            first_msn,
            window: plan.window,
            played: 0,
            fragment_sequence: 0,
            ended: false,
            changes: 0,
            bits: Bits::default(),
        }
    }

    /// Starts segment `msn`. Gives an initialisation segment when the configuration is not the one before.
    pub fn open(&mut self, msn: u64, wall: Wall, discontinuity: bool, config: &TrackConfig) -> Result<Option<Finished>, tl_mp4::Error> {
        let known = self.inits.last().filter(|(_, known, _)| known == config).map(|(number, ..)| *number);
        let mut finished = None;
        let init = match known {
            Some(number) => number,
            None => {
                let bytes = tl_mp4::init_segment(&[Track { id: TRACK_ID, timescale: TIMESCALE, config: config.clone() }])?;
                finished = Some(Finished { name: format!("{}/init{msn}.mp4", self.name), body: vec![bytes.clone()], duration: MediaTime::ZERO });
                self.inits.push((msn, config.clone(), bytes));
                msn
            }
        };
        self.segments.push_back(Segment { msn, discontinuity, init, wall, parts: Vec::new(), closed: false, forget_at: None });
        Ok(finished)
    }

    /// Adds a part of these samples to the growing segment.
    pub fn push_part(&mut self, start: u64, samples: Vec<Sample>) -> Result<(), tl_mp4::Error> {
        let Some(segment) = self.segments.back_mut().filter(|segment| !segment.closed) else { return Ok(()) };
        let duration = samples.iter().map(|sample| u64::from(sample.duration)).sum();
        let independent = samples.first().is_some_and(|sample| sample.key);
        self.fragment_sequence = self.fragment_sequence.wrapping_add(1);
        let bytes = tl_mp4::fragment(self.fragment_sequence, &[Run { track_id: TRACK_ID, base_decode_time: start, samples }])?;
        segment.parts.push(Part { duration, independent, bytes });
        self.changes += 1;
        Ok(())
    }

    /// Makes the growing segment whole; one without a part is taken back.
    pub fn close(&mut self) -> Option<Finished> {
        let segment = self.segments.back_mut().filter(|segment| !segment.closed)?;
        if segment.parts.is_empty() {
            self.segments.pop_back();
            return None;
        }
        segment.closed = true;
        self.changes += 1;
        self.bits.note(segment, self.target);
        self.played += segment.duration();
        let duration = MediaTime::from_samples(segment.duration() as i64);
        let finished = Finished { name: format!("{}/s{}.m4s", self.name, segment.msn), body: segment.body(), duration };
        self.slide();
        Some(finished)
    }

    /// Nothing will come any more.
    pub fn end(&mut self) {
        self.ended = true;
        self.changes += 1;
    }

    /// Takes old segments out of the playlist, and forgets those that left it long enough ago.
    fn slide(&mut self) {
        loop {
            let whole = || self.listed().filter(|segment| segment.closed);
            let listed_samples: u64 = whole().map(Segment::duration).sum();
            let first = whole().next().map_or(0, Segment::duration);
            // Short segments must not leave viewers with less than they need to start and to merge a delta update.
            if whole().count() <= self.window || listed_samples - first < 6 * self.target {
                break;
            }
            let forget_at = self.played + listed_samples + first;
            let Some(segment) = self.segments.get_mut(self.unlisted) else { break };
            segment.forget_at = Some(forget_at);
            self.discontinuity_sequence += u64::from(segment.discontinuity);
            self.unlisted += 1;
        }
        while self.segments.front().is_some_and(|segment| segment.forget_at.is_some_and(|at| at <= self.played)) {
            self.segments.pop_front();
            self.unlisted -= 1;
        }
        let newest = self.inits.last().map(|(number, ..)| *number);
        let segments = &self.segments;
        self.inits.retain(|(number, ..)| Some(*number) == newest || segments.iter().any(|segment| segment.init == *number));
    }

    /// Segments of the playlist, oldest first; the last may be growing.
    pub fn listed(&self) -> impl DoubleEndedIterator<Item = &Segment> + Clone {
        self.segments.iter().skip(self.unlisted)
    }

    /// Whether a playlist has something for a player: one whole segment.
    pub fn is_ready(&self) -> bool {
        self.segments.iter().any(|segment| segment.closed)
    }

    /// The growing segment.
    pub fn growing(&self) -> Option<&Segment> {
        self.segments.back().filter(|segment| !segment.closed)
    }

    /// The newest whole segment.
    pub fn newest_whole(&self) -> Option<&Segment> {
        self.segments.iter().rev().find(|segment| segment.closed)
    }

    /// Number of the newest segment that has a part, and that part's index.
    pub fn newest_part(&self) -> Option<(u64, usize)> {
        let segment = self.segments.iter().rev().find(|segment| !segment.parts.is_empty())?;
        Some((segment.msn, segment.parts.len() - 1))
    }

    /// The configuration in force.
    pub fn config(&self) -> Option<&TrackConfig> {
        self.inits.last().map(|(_, config, _)| config)
    }

    pub fn init(&self, number: u64) -> Option<&Bytes> {
        self.inits.iter().find(|(known, ..)| *known == number).map(|(.., bytes)| bytes)
    }

    pub fn segment(&self, msn: u64) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.msn == msn)
    }

    /// Whether this number was used and is forgotten.
    pub fn is_forgotten(&self, msn: u64) -> bool {
        msn >= self.first_msn && self.segments.front().is_some_and(|oldest| msn < oldest.msn)
    }

    /// Number of the segment that comes first or next when none is growing.
    pub fn next_msn(&self) -> u64 {
        self.segments.back().map_or(self.first_msn, |segment| segment.msn + 1)
    }

    /// Media bytes held.
    pub fn held_bytes(&self) -> u64 {
        self.segments.iter().map(Segment::bytes).sum::<u64>() + self.inits.iter().map(|(.., bytes)| bytes.len() as u64).sum::<u64>()
    }
}
