//! Sound to parts and segments that follow the picture's.
//!
//! Frames lie on a grid of 1,024 samples that starts with the first frame of a run. One that is missing is replaced by silence,
//! so that decode times have no hole; one that comes twice or too late is dropped.

use std::collections::VecDeque;

use bytes::Bytes;
use tl_base::Wall;
use tl_frame::{AccessUnit, Codec};
use tl_mp4::{Sample, TrackConfig};

use crate::answer::Finished;
use crate::config::{AAC_FRAME, Plan};
use crate::picture::{Boundary, Picture};
use crate::rendition::{Closed, Rendition, TIMESCALE, micros};

/// One AAC-LC frame of stereo silence.
const SILENCE: &[u8] = &[0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c];
/// Frames held while the picture has not decided where a segment ends; the oldest leaves when there are more.
const MAX_HELD: usize = 256;
/// A boundary is moved to the nearest frame.
const HALF_FRAME: i64 = AAC_FRAME as i64 / 2;
/// Sound that is this far behind the picture is not waited for any longer.
const PATIENCE: u64 = TIMESCALE as u64;
/// Sound that is further ahead than this belongs to another timeline.
const MAX_AHEAD: i64 = 5 * TIMESCALE as i64;
/// The most that an AAC-LC frame of two channels takes, bytes: 6,144 bits a channel (ISO/IEC 14496-3, 4.5.3.2).
const MAX_FRAME_BYTES: usize = 2 * 6_144 / 8;
/// What the sound is.
const CONFIG: TrackConfig = TrackConfig::Aac { channels: 2 };

/// The sound's side of a presentation.
#[derive(Debug)]
pub(crate) struct Sound {
    pub rendition: Rendition,
    frames_in_part: usize,
    /// Presentation time in samples, and bytes, of frames that have no place yet.
    held: VecDeque<(i64, Bytes)>,
    /// Decode time of the next frame; none before the first of a run.
    next: Option<u64>,
    /// Frames that cannot be sound.
    pub refused: u64,
    /// The growing part.
    samples: Vec<Sample>,
    part_start: u64,
}

impl Sound {
    pub fn new(rendition: Rendition, plan: &Plan) -> Self {
        Self { rendition, frames_in_part: plan.audio_part_frames, held: VecDeque::new(), next: None, refused: 0, samples: Vec::new(), part_start: 0 }
    }

    /// Takes one frame; [`Sound::follow`] finds its place.
    pub fn push(&mut self, unit: &AccessUnit) {
        if unit.codec != Codec::Aac {
            return;
        }
        if unit.data.is_empty() || unit.data.len() > MAX_FRAME_BYTES {
            self.refused += 1;
            return;
        }
        if self.held.len() == MAX_HELD {
            self.held.pop_front();
        }
        self.held.push_back((unit.pts.to_samples(), unit.data.clone()));
    }

    /// Publishes what the picture's progress allows.
    pub fn follow(&mut self, picture: &mut Picture, out: &mut Vec<Finished>) -> Result<(), tl_mp4::Error> {
        self.advance(picture, false, out)
    }

    /// The picture's run has ended: sound is made whole up to there, with silence where it is not known yet.
    pub fn break_off(&mut self, picture: &mut Picture, out: &mut Vec<Finished>) -> Result<(), tl_mp4::Error> {
        self.advance(picture, true, out)?;
        self.next = None;
        Ok(())
    }

    fn advance(&mut self, picture: &mut Picture, at_once: bool, out: &mut Vec<Finished>) -> Result<(), tl_mp4::Error> {
        while let Some(boundary) = picture.boundaries.front().copied() {
            let Some(next) = self.next.or_else(|| self.first(picture, boundary, at_once)) else { break };
            self.next = Some(next);
            let opened = self.rendition.growing().is_some_and(|growing| growing.msn == boundary.msn);
            let reached = |limit: u64| next as i64 >= limit as i64 - HALF_FRAME;
            if opened && boundary.end.is_some_and(reached) {
                self.close_part();
                if let Closed::Whole(finished) = self.rendition.close() {
                    out.push(finished);
                }
                picture.boundaries.pop_front();
                continue;
            }
            // Beyond the newest picture the segment may end anywhere. Nobody plays sound before its picture, so nothing is lost.
            let certain = boundary.end.unwrap_or(picture.end);
            if opened && reached(certain) {
                break;
            }
            let Some(data) = self.frame_at(next, picture, at_once) else { break };
            if !opened {
                let wall = Wall(boundary.wall.0.saturating_add(micros(next as i64 - boundary.start as i64)));
                out.extend(self.rendition.open(boundary.msn, wall, boundary.discontinuity, &CONFIG)?);
                self.part_start = next;
            }
            self.samples.push(Sample { data, duration: AAC_FRAME as u32, key: true });
            self.next = Some(next + AAC_FRAME);
            if self.samples.len() >= self.frames_in_part {
                self.close_part();
            }
        }
        Ok(())
    }

    /// Decode time of the first frame of a run, within half a frame of the picture's start.
    fn first(&mut self, picture: &Picture, boundary: Boundary, at_once: bool) -> Option<u64> {
        let origin = picture.origin?;
        let start = boundary.start as i64;
        while let Some((pts, _)) = self.held.front() {
            let ahead = origin.decode_time(*pts).saturating_sub(start);
            if (-HALF_FRAME..=MAX_AHEAD).contains(&ahead) {
                let missing = (ahead - HALF_FRAME).max(0).unsigned_abs().div_ceil(AAC_FRAME);
                return u64::try_from(start + ahead).ok()?.checked_sub(missing * AAC_FRAME);
            }
            self.held.pop_front();
        }
        (at_once || picture.end >= boundary.start + PATIENCE).then_some(boundary.start)
    }

    /// The frame that belongs at `next`; silence when it is known to be missing or is no longer waited for.
    fn frame_at(&mut self, next: u64, picture: &Picture, at_once: bool) -> Option<Bytes> {
        let silence = || Bytes::from_static(SILENCE);
        let origin = picture.origin?;
        while let Some((pts, data)) = self.held.front() {
            let time = origin.decode_time(*pts);
            let off = time.saturating_sub(next as i64);
            if off.abs() < HALF_FRAME || off == -HALF_FRAME {
                let data = data.clone();
                self.held.pop_front();
                return Some(data);
            }
            if off > 0 && time <= picture.end as i64 + MAX_AHEAD {
                return Some(silence());
            }
            self.held.pop_front();
        }
        (at_once || picture.end >= next + PATIENCE).then(silence)
    }

    fn close_part(&mut self) {
        let samples = std::mem::take(&mut self.samples);
        let start = self.part_start;
        self.part_start += samples.len() as u64 * AAC_FRAME;
        if !samples.is_empty() {
            self.rendition.push_part(start, &samples);
        }
    }

    /// Number and part index of what comes next.
    pub fn next_part(&self, picture: &Picture) -> (u64, usize) {
        let Some(growing) = self.rendition.growing() else { return (self.rendition.next_msn(), 0) };
        let boundary = picture.boundaries.front().filter(|boundary| boundary.msn == growing.msn);
        let expected = boundary.map(|boundary| boundary.end.unwrap_or(boundary.expected_end)).filter(|end| picture.end <= *end);
        let reached = |end: u64| self.next.is_some_and(|next| next as i64 >= end as i64 - HALF_FRAME);
        let is_full = self.samples.is_empty() && expected.is_some_and(reached);
        if is_full { (growing.msn + 1, 0) } else { (growing.msn, growing.parts.len()) }
    }
}
