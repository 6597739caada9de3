//! The segments and parts of one rendition: what is listed, what is still kept, what comes next.

mod write;

use std::collections::VecDeque;

use bytes::Bytes;
use tl_base::{MediaTime, Rate, Wall};
use tl_mp4::{TrackConfig, codec_string};

use crate::answer::{Facts, Finished, Kind};
use crate::config::{Config, Plan};
use crate::fault::Fault;
use crate::notice::Finding;

/// Ticks a second of both renditions.
pub(crate) const TIMESCALE: u32 = tl_base::SAMPLE_RATE_HZ;

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
    /// `moof` and `mdat`; empty where the part is a gap.
    pub bytes: Bytes,
}

impl Part {
    /// Whether there is nothing to fetch.
    pub fn is_gap(&self) -> bool {
        self.bytes.is_empty()
    }
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
    /// Decode time of its first sample; known with its first part.
    pub start: u64,
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

    /// Whether a part of it is missing, so that it cannot be fetched as a whole.
    pub fn is_gap(&self) -> bool {
        self.parts.iter().any(Part::is_gap)
    }

    /// Wall time behind its newest sample.
    pub fn end_wall(&self) -> Wall {
        Wall(self.wall.0.saturating_add(micros(self.duration() as i64)))
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

/// How a segment ended.
#[derive(Debug)]
pub(crate) enum Closed {
    /// It can be fetched.
    Whole(Finished),
    /// It is listed and cannot be fetched.
    Gap,
    /// There was no part, and so there is no segment.
    Nothing,
}

/// What happened to a rendition and is not told yet.
#[derive(Debug)]
pub(crate) enum Happened {
    Ready { msn: u64, duration: MediaTime, bytes: u64, end: Wall },
    Failed { duration: MediaTime, reason: String },
    Found(Finding),
}

/// One rendition.
#[derive(Debug)]
pub(crate) struct Rendition {
    pub kind: Kind,
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
    /// Pictures a second, for what is told of an initialisation segment.
    rate: Option<Rate>,
    /// Decode time at which the newest part ended; none where the next one need not continue it.
    due: Option<u64>,
    /// What is wrong with the newest part that is a gap.
    reason: String,
    /// Whether something of the growing segment was made again.
    remade: bool,
    /// What tests spoil.
    pub fault: Fault,
    /// Since it was last told; at most some entries for each part of one push.
    pub happened: Vec<Happened>,
    pub parts_ready: u64,
    pub parts_remade: u64,
    pub parts_failed: u64,
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
    pub fn new(kind: Kind, part_target: u64, plan: &Plan, config: &Config) -> Self {
        Self {
            kind,
            part_target,
            target: plan.target,
            segments: VecDeque::new(),
            unlisted: 0,
            inits: Vec::new(),
            discontinuity_sequence: config.discontinuity_sequence,
            first_msn: config.start_msn,
            window: plan.window,
            played: 0,
            fragment_sequence: 0,
            ended: false,
            changes: 0,
            bits: Bits::default(),
            rate: (kind == Kind::Video).then_some(config.rate),
            due: None,
            reason: String::new(),
            remade: false,
            fault: Fault::None,
            happened: Vec::new(),
            parts_ready: 0,
            parts_remade: 0,
            parts_failed: 0,
        }
    }

    /// Starts segment `msn`. Gives an initialisation segment when the configuration is not the one before.
    pub fn open(&mut self, msn: u64, wall: Wall, discontinuity: bool, config: &TrackConfig) -> Result<Option<Finished>, tl_mp4::Error> {
        let known = self.inits.last().filter(|(_, known, _)| known == config).map(|(number, ..)| *number);
        let mut finished = None;
        let init = match known {
            Some(number) => number,
            None => {
                let bytes = self.write_init(msn, config)?;
                let size = if let TrackConfig::H264(parameters) = config { Some(parameters.size) } else { None };
                let facts = Facts::Init { codecs: codec_string(config), size, rate: self.rate };
                let name = format!("{}/init{msn}.mp4", self.kind.folder());
                finished = Some(Finished { name, body: vec![bytes.clone()], duration: MediaTime::ZERO, kind: self.kind, number: msn, facts });
                self.inits.push((msn, config.clone(), bytes));
                msn
            }
        };
        if discontinuity {
            self.due = None;
        }
        self.remade = false;
        self.segments.push_back(Segment { msn, discontinuity, init, wall, start: 0, parts: Vec::new(), closed: false, forget_at: None });
        Ok(finished)
    }

    /// Makes the growing segment whole; one without a part is taken back.
    pub fn close(&mut self) -> Closed {
        let Some(segment) = self.segments.back_mut().filter(|segment| !segment.closed) else { return Closed::Nothing };
        if segment.parts.is_empty() {
            self.segments.pop_back();
            return Closed::Nothing;
        }
        segment.closed = true;
        self.changes += 1;
        let (msn, ticks, bytes) = (segment.msn, segment.duration(), segment.bytes());
        let duration = MediaTime::from_samples(ticks as i64);
        let closed = if segment.is_gap() {
            self.happened.push(Happened::Failed { duration, reason: std::mem::take(&mut self.reason) });
            Closed::Gap
        } else {
            self.bits.note(segment, self.target);
            self.happened.push(Happened::Ready { msn, duration, bytes, end: segment.end_wall() });
            let facts = Facts::Segment { time: segment.start, ticks, discontinuity: segment.discontinuity };
            let name = format!("{}/s{msn}.m4s", self.kind.folder());
            Closed::Whole(Finished { name, body: segment.body(), duration, kind: self.kind, number: msn, facts })
        };
        self.played += ticks;
        self.slide();
        closed
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

    /// The configuration of an initialisation segment that is still kept.
    pub fn config_of(&self, number: u64) -> Option<&TrackConfig> {
        self.inits.iter().find(|(known, ..)| *known == number).map(|(_, config, _)| config)
    }

    pub fn init(&self, number: u64) -> Option<&Bytes> {
        self.inits.iter().find(|(known, ..)| *known == number).map(|(.., bytes)| bytes)
    }

    pub fn segment(&self, msn: u64) -> Option<&Segment> {
        // Numbers rise without a hole.
        let index = usize::try_from(msn.checked_sub(self.segments.front()?.msn)?).ok()?;
        self.segments.get(index).filter(|segment| segment.msn == msn)
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
