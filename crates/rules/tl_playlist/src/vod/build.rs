//! From stored pieces to a manifest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tl_base::{Rate, Size};

use super::{Manifest, Rendition, Segment};
use crate::answer::{Facts, Finished, Kind};
use crate::rendition::TIMESCALE;

/// A stored piece; one JSON line each while a session runs is enough to make its manifest, whatever happens to the studio.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    kind: Kind,
    number: u64,
    hash: String,
    bytes: u64,
    facts: Stored,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stored {
    Init { codecs: String, size: Option<Size>, rate: Option<Rate> },
    Segment { time: u64, ticks: u64, discontinuity: bool },
}

impl Entry {
    /// What was stored under `hash`, 64 lower-case hexadecimal digits.
    pub fn of(finished: &Finished, hash: &str) -> Self {
        let bytes = finished.body.iter().map(|piece| piece.len() as u64).sum();
        let facts = match finished.facts.clone() {
            Facts::Init { codecs, size, rate } => Stored::Init { codecs, size, rate },
            Facts::Segment { time, ticks, discontinuity } => Stored::Segment { time, ticks, discontinuity },
        };
        Self { kind: finished.kind, number: finished.number, hash: hash.to_owned(), bytes, facts }
    }
}

/// Codecs, size and rate of an initialisation segment.
type Description<'a> = (&'a str, Option<Size>, Option<Rate>);
/// Decode time, duration and whether it starts anew.
type Extent = (u64, u64, bool);

/// All pieces of one kind, by number. Where a number comes twice the later piece counts.
#[derive(Debug, Default)]
struct Pieces<'a> {
    inits: BTreeMap<u64, (&'a str, Description<'a>)>,
    segments: BTreeMap<u64, (&'a str, u64, Extent)>,
}

impl<'a> Pieces<'a> {
    fn of(kind: Kind, entries: &'a [Entry]) -> Self {
        let mut pieces = Self::default();
        for entry in entries.iter().filter(|entry| entry.kind == kind) {
            match &entry.facts {
                Stored::Init { codecs, size, rate } => {
                    pieces.inits.insert(entry.number, (&entry.hash, (codecs, *size, *rate)));
                }
                Stored::Segment { time, ticks, discontinuity } => {
                    pieces.segments.insert(entry.number, (&entry.hash, entry.bytes, (*time, *ticks, *discontinuity)));
                }
            }
        }
        pieces
    }

    /// The initialisation segment in force at a segment.
    fn init_at(&self, number: u64) -> Option<(&'a str, Description<'a>)> {
        self.inits.range(..=number).next_back().map(|(_, init)| *init)
    }

    fn has(&self, number: u64) -> bool {
        self.segments.contains_key(&number) && self.init_at(number).is_some()
    }
}

impl Manifest {
    /// The manifest of what was stored, in any order; none where nothing can be played. A segment counts when every rendition
    /// that has any has it.
    pub fn from_entries(entries: impl IntoIterator<Item = Entry>) -> Option<Self> {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let all = [Kind::Video, Kind::Audio].map(|kind| (kind, Pieces::of(kind, &entries)));
        let present = || all.iter().filter(|(kind, pieces)| *kind == Kind::Video || !pieces.segments.is_empty());
        let (_, video) = all.first()?;
        let numbers: Vec<u64> = video.segments.keys().copied().filter(|number| present().all(|(_, pieces)| pieces.has(*number))).collect();
        let renditions = present().map(|(kind, pieces)| rendition(*kind, pieces, &numbers)).collect::<Option<_>>()?;
        let manifest = Self { renditions };
        manifest.check().is_ok().then_some(manifest)
    }
}

fn rendition(kind: Kind, pieces: &Pieces<'_>, numbers: &[u64]) -> Option<Rendition> {
    let (first_init, (codecs, size, rate)) = pieces.init_at(*numbers.first()?)?;
    let mut segments = Vec::with_capacity(numbers.len());
    let mut before: Option<(u64, u64, &str)> = None;
    for number in numbers {
        let ((hash, bytes, (time, ticks, anew)), (init, _)) = (*pieces.segments.get(number)?, pieces.init_at(*number)?);
        let continues = before.is_none_or(|(last, end, _)| last + 1 == *number && end == time);
        let changed = before.is_some_and(|(_, _, last)| last != init);
        segments.push(Segment {
            time,
            duration: ticks,
            hash: hash.to_owned(),
            bytes,
            discontinuity: before.is_some() && (anew || !continues || changed),
            init: changed.then(|| init.to_owned()),
        });
        before = Some((*number, time.saturating_add(ticks), init));
    }
    let longest = segments.iter().map(|segment| segment.duration).max()?;
    // A much shorter one says nothing of a rate: it is a key picture with little behind it.
    let rates = segments.iter().filter(|segment| segment.duration * 2 >= longest);
    let bandwidth = rates.map(|segment| (u128::from(segment.bytes) * 8 * u128::from(TIMESCALE)).div_ceil(u128::from(segment.duration.max(1)))).max()?;
    Some(Rendition { kind, codecs: codecs.to_owned(), size, rate, bandwidth: u64::try_from(bandwidth).ok()?, init: first_init.to_owned(), segments })
}
