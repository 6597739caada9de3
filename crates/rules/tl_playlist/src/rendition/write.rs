//! Parts and initialisation segments: written, looked at, and written again.

use bytes::Bytes;
use tl_mp4::{Run, Sample, Track, TrackConfig};

use super::{Happened, Part, Rendition, TIMESCALE};
use crate::check::{self, Wanted};
use crate::notice::{Action, Finding, What};

/// The one track of each rendition's files.
const TRACK_ID: u32 = 1;
/// How often a part is written before it is given up.
const ATTEMPTS: usize = 2;

impl Rendition {
    /// An initialisation segment that reads back as what it was made of; the second try is the last.
    pub(super) fn write_init(&mut self, msn: u64, config: &TrackConfig) -> Result<Bytes, tl_mp4::Error> {
        let track = Track { id: TRACK_ID, timescale: TIMESCALE, config: config.clone() };
        let mut reason = String::new();
        for attempt in 0..ATTEMPTS {
            let bytes = tl_mp4::init_segment(std::slice::from_ref(&track)).map(|bytes| self.fault.init(bytes))?;
            match tl_mp4::inspect::read_init(&bytes) {
                Ok(tracks) if tracks == [track.clone()] => {
                    if attempt > 0 {
                        self.parts_remade += 1;
                        self.found(What::Init, format!("{}/init{msn}.mp4", self.kind.folder()), reason, Action::Remade);
                    }
                    return Ok(bytes);
                }
                Ok(_) => reason = "it describes another track".to_owned(),
                Err(error) => reason = error.to_string(),
            }
        }
        self.found(What::Init, format!("{}/init{msn}.mp4", self.kind.folder()), reason, Action::Gap);
        Err(tl_mp4::Error::Malformed { kind: "moov", reason: "does not read back" })
    }

    /// Adds a part of these samples to the growing segment: looked at, made again when it is not as it must be, and a gap
    /// when that does not help.
    pub fn push_part(&mut self, start: u64, samples: &[Sample]) {
        let due = self.due;
        let Some(segment) = self.segments.back_mut().filter(|segment| !segment.closed) else { return };
        if segment.parts.is_empty() {
            segment.start = start;
        }
        let (msn, index, is_first, damaged) = (segment.msn, segment.parts.len(), segment.parts.is_empty(), segment.is_gap());
        let duration: u64 = samples.iter().map(|sample| u64::from(sample.duration)).sum();
        let independent = samples.first().is_some_and(|sample| sample.key);
        let lasts = segment.duration() + duration;
        self.due = Some(start + duration);
        let flaw = if due.is_some_and(|due| due != start) {
            Some("it does not continue the part before")
        } else if is_first && !independent {
            Some("the segment does not start with a sync sample")
        } else if duration > self.part_target || lasts * 2 >= self.target * 2 + u64::from(TIMESCALE) {
            Some("it lasts longer than the playlist says")
        } else if damaged && !independent {
            // Nothing could be decoded of it.
            Some("the part before it is missing")
        } else {
            None
        };
        let written = match flaw {
            Some(flaw) => Err(flaw.to_owned()),
            None => self.write_part(msn, index, start, samples),
        };
        let bytes = match written {
            Ok(bytes) => {
                self.parts_ready += 1;
                bytes
            }
            Err(reason) => {
                self.parts_failed += 1;
                if !damaged {
                    self.found(What::Part, format!("{}/s{msn}.p{index}.m4s", self.kind.folder()), reason.clone(), Action::Gap);
                    self.reason = reason;
                }
                Bytes::new()
            }
        };
        if let Some(segment) = self.segments.back_mut() {
            segment.parts.push(Part { duration, independent, bytes });
        }
        self.changes += 1;
    }

    /// A part that is what it was made of; the second try is the last.
    fn write_part(&mut self, msn: u64, index: usize, start: u64, samples: &[Sample]) -> Result<Bytes, String> {
        self.fragment_sequence = self.fragment_sequence.wrapping_add(1);
        let wanted = Wanted { track_id: TRACK_ID, sequence: self.fragment_sequence, start, samples };
        let mut reason = String::new();
        for attempt in 0..ATTEMPTS {
            let run = Run { track_id: TRACK_ID, base_decode_time: start, samples: samples.to_vec() };
            let bytes = tl_mp4::fragment(self.fragment_sequence, &[run]).map(|bytes| self.fault.part(bytes)).map_err(|error| error.to_string())?;
            match check::part(&bytes, &wanted) {
                Ok(()) if attempt == 0 => return Ok(bytes),
                Ok(()) => {
                    self.parts_remade += 1;
                    if !std::mem::replace(&mut self.remade, true) {
                        self.found(What::Part, format!("{}/s{msn}.p{index}.m4s", self.kind.folder()), reason, Action::Remade);
                    }
                    return Ok(bytes);
                }
                Err(flaw) => reason = flaw.to_owned(),
            }
        }
        Err(reason)
    }

    fn found(&mut self, what: What, place: String, reason: String, action: Action) {
        self.happened.push(Happened::Found(Finding { what, place, reason, action }));
    }
}
