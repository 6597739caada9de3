//! Pictures to parts and segments.
//!
//! Times here are ticks of the picture grid, counted from the first key picture of a run. A run ends with a discontinuity.

use std::collections::VecDeque;

use bytes::Bytes;
use tl_base::Wall;
use tl_frame::h264::{self, Parameters};
use tl_frame::{AccessUnit, Codec};
use tl_mp4::{Sample, TrackConfig};

use crate::answer::Finished;
use crate::config::{Beginning, Plan, Ticks};
use crate::rendition::{Closed, Rendition, TIMESCALE, micros};

/// Decode time of the first picture: sound may start half a frame before it, and times are never negative.
pub(crate) const FIRST_DECODE_TIME: u64 = TIMESCALE as u64;
/// Distance in decode time kept between two runs whose own times would overlap.
const RUN_GAP: u64 = TIMESCALE as u64;
/// Boundaries that sound has not reached yet; it is at most some seconds behind, and the oldest would be of no use.
const MAX_BOUNDARIES: usize = 512;

/// A segment's extent as sound needs to know it; samples of 48 kHz in decode time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Boundary {
    pub msn: u64,
    pub start: u64,
    /// Known once the segment is whole.
    pub end: Option<u64>,
    /// Where the grid says that it will end.
    pub expected_end: u64,
    pub discontinuity: bool,
    /// Wall time of `start`.
    pub wall: Wall,
}

/// Presentation time to decode time; holds for one run or more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pts_samples: i64,
    decode_time: u64,
}

impl Origin {
    /// Decode time of a presentation time in samples of 48 kHz.
    pub fn decode_time(self, pts_samples: i64) -> i64 {
        pts_samples.saturating_sub(self.pts_samples).saturating_add(self.decode_time as i64)
    }
}

/// The picture's side of a presentation.
#[derive(Debug)]
pub(crate) struct Picture {
    pub rendition: Rendition,
    /// Extents of segments that sound has not finished.
    pub boundaries: VecDeque<Boundary>,
    /// Decode time up to which pictures are known.
    pub end: u64,
    pub origin: Option<Origin>,
    /// Whether a key picture would help: none is known to come.
    pub wants_key: bool,
    /// Microseconds by which the run's wall times are ahead of those given, since time must not go back.
    pub wall_ahead: i64,
    /// Access units that hold no picture.
    pub refused: u64,
    /// No run may start before this.
    told: Wall,
    ticks: Ticks,
    part_ticks: u64,
    target: u64,
    parameters: Option<Parameters>,
    run: Option<Run>,
    /// The next segment starts behind a discontinuity.
    broken_off: bool,
}

/// One unbroken run of pictures.
#[derive(Debug)]
struct Run {
    /// Presentation time of tick 0, samples.
    anchor: i64,
    /// Decode time of tick 0.
    base: u64,
    /// Wall time of tick 0; all others follow from it, so that a wall clock that jumps moves nothing.
    wall: Wall,
    /// First tick of the growing segment.
    segment_start: u64,
    /// Tick at which the grid says that it ends.
    segment_end: u64,
    /// First tick of the growing part.
    part_start: u64,
    /// Tick behind the newest picture.
    next: u64,
    /// Presentation time of the newest picture, samples.
    newest: i64,
    /// The growing part: tick, bytes, key.
    samples: Vec<(u64, Bytes, bool)>,
}

impl Run {
    /// The tick at which the growing part ends: after its pictures, or where a key picture will cut it.
    fn part_end(&self, part_ticks: u64) -> u64 {
        let end = self.part_start + part_ticks;
        if self.part_start < self.segment_end { end.min(self.segment_end) } else { end }
    }
}

impl Picture {
    pub fn new(rendition: Rendition, plan: &Plan, beginning: Beginning) -> Self {
        Self {
            rendition,
            boundaries: VecDeque::new(),
            end: beginning.time,
            origin: None,
            wants_key: true,
            wall_ahead: 0,
            refused: 0,
            told: beginning.wall,
            ticks: plan.ticks,
            part_ticks: plan.part_ticks,
            target: plan.target,
            parameters: None,
            run: None,
            broken_off: false,
        }
    }

    /// Takes one picture. `Break` says that the run ended before it, and that this must be called again with the same
    /// picture once sound has followed.
    pub fn push(&mut self, unit: &AccessUnit, wall: Wall, out: &mut Vec<Finished>) -> Result<Step, tl_mp4::Error> {
        if unit.codec != Codec::H264 {
            return Ok(Step::Done);
        }
        let pts = unit.pts.to_samples();
        let data = Bytes::from(h264::to_length_prefixed(&unit.data, false));
        // A picture that says it is a key picture and is none would make a segment that nobody can start with.
        let key = unit.key && h264::is_key(&unit.data);
        if data.is_empty() || key != unit.key {
            self.refused += 1;
        }
        if data.is_empty() {
            return Ok(Step::Done);
        }
        let parameters = if key { Parameters::find(&unit.data) } else { None };
        let Some(run) = &self.run else {
            let Some(parameters) = parameters.or_else(|| self.parameters.clone()).filter(|_| key) else { return Ok(Step::Done) };
            self.parameters = Some(parameters);
            self.start_run(pts, wall);
            self.start_segment(0, out)?;
            self.add(0, 0, (pts, data, key));
            return Ok(Step::Done);
        };
        if parameters.is_some_and(|found| Some(&found) != self.parameters.as_ref()) {
            return Ok(Step::Break);
        }
        if pts <= run.newest {
            // A picture that comes twice is dropped; a clock that was set back is another timeline.
            return Ok(if run.newest.saturating_sub(pts) > i64::from(TIMESCALE) { Step::Break } else { Step::Done });
        }
        let nearest = u64::try_from(self.ticks.nearest(pts.saturating_sub(run.anchor))).unwrap_or(0);
        // Two pictures within one tick push the second to the next; a source that keeps doing so runs at another rate.
        let tick = nearest.max(run.next);
        let part_end = run.part_end(self.part_ticks);
        let place = if run.samples.is_empty() { run.part_start } else { tick.min(part_end) };
        if tick - nearest > self.part_ticks || tick - place >= self.part_ticks {
            return Ok(Step::Break);
        }
        let segment_samples = |until: u64| self.ticks.start(until) - self.ticks.start(run.segment_start);
        let cuts = key && (place >= run.segment_end || segment_samples(place) >= self.target);
        // The playlist rounds to whole seconds, so half a second more is all that a segment can take.
        let until = if cuts { place } else { tick + 1 };
        if segment_samples(until) * 2 > self.target * 2 + u64::from(TIMESCALE) - 2 {
            return Ok(Step::Break);
        }
        if !run.samples.is_empty() && (cuts || place == part_end) {
            self.close_part(place);
        }
        if cuts {
            self.close_segment(place, out);
            self.start_segment(place, out)?;
        }
        self.add(place, tick, (pts, data, key));
        Ok(Step::Done)
    }

    /// Ends the run: its part and segment are whole as they are; the next one stands behind a discontinuity.
    pub fn break_off(&mut self, out: &mut Vec<Finished>) {
        self.broken_off = true;
        self.wants_key = true;
        if let Some(next) = self.run.as_ref().map(|run| run.next) {
            self.close_part(next);
            self.close_segment(next, out);
            self.run = None;
        }
    }

    /// Number and part index of what comes next, as a preload hint names it.
    pub fn next_part(&self) -> (u64, usize) {
        let next = self.rendition.next_msn();
        match (self.rendition.growing(), &self.run) {
            (Some(growing), Some(run)) if run.samples.is_empty() && run.part_start >= run.segment_end && run.next == run.segment_end => (growing.msn + 1, 0),
            (Some(growing), _) => (growing.msn, growing.parts.len()),
            (None, _) => (next, 0),
        }
    }

    fn start_run(&mut self, pts: i64, wall: Wall) {
        let continued = self.origin.map(|origin| origin.decode_time(pts)).and_then(|time| u64::try_from(time).ok()).filter(|time| *time >= self.end);
        let base = continued.unwrap_or(if self.origin.is_some() { self.end + RUN_GAP } else { self.end });
        if continued.is_none() {
            self.origin = Some(Origin { pts_samples: pts, decode_time: base });
        }
        self.end = base;
        let given = wall;
        let wall = given.max(self.told);
        self.wall_ahead = wall.0.saturating_sub(given.0);
        self.run = Some(Run { anchor: pts, base, wall, segment_start: 0, segment_end: 0, part_start: 0, next: 0, newest: pts, samples: Vec::new() });
    }

    fn start_segment(&mut self, place: u64, out: &mut Vec<Finished>) -> Result<(), tl_mp4::Error> {
        let (Some(run), Some(parameters)) = (&mut self.run, &self.parameters) else { return Ok(()) };
        let start = run.base + self.ticks.start(place);
        // The grid of segments is that of presentation time, so that every rendition and every run cuts alike.
        let start_pts = run.anchor.saturating_add(self.ticks.start(place) as i64);
        let to_grid = self.target as i64 - start_pts.rem_euclid(self.target as i64);
        run.segment_start = place;
        run.segment_end = self.ticks.at_or_after(self.ticks.start(place) + to_grid.unsigned_abs()).max(place + 1);
        run.part_start = place;
        let expected_end = run.base + self.ticks.start(run.segment_end);
        let wall = Wall(run.wall.0.saturating_add(micros(self.ticks.start(place) as i64)));
        let msn = self.rendition.next_msn();
        let discontinuity = self.broken_off;
        out.extend(self.rendition.open(msn, wall, discontinuity, &TrackConfig::H264(parameters.clone()))?);
        self.broken_off = false;
        self.wants_key = false;
        if self.boundaries.len() == MAX_BOUNDARIES {
            self.boundaries.pop_front();
        }
        self.boundaries.push_back(Boundary { msn, start, end: None, expected_end, discontinuity, wall });
        Ok(())
    }

    fn add(&mut self, place: u64, tick: u64, (pts, data, key): (i64, Bytes, bool)) {
        let Some(run) = &mut self.run else { return };
        run.samples.push((place, data, key));
        run.next = tick + 1;
        run.newest = pts;
        self.end = run.base + self.ticks.start(run.next);
        self.wants_key = run.next > run.segment_end;
        if run.next >= run.part_end(self.part_ticks) {
            let end = run.next;
            self.close_part(end);
        }
    }

    /// Publishes the growing part, its last picture lasting up to tick `end`.
    fn close_part(&mut self, end: u64) {
        let Some(run) = &mut self.run else { return };
        let pictures = std::mem::take(&mut run.samples);
        let ends = pictures.iter().skip(1).map(|(tick, ..)| *tick).chain([end]);
        let length = |from: u64, to: u64| u32::try_from(self.ticks.start(to).saturating_sub(self.ticks.start(from))).unwrap_or(u32::MAX);
        let samples: Vec<Sample> =
            pictures.iter().zip(ends).map(|((tick, data, key), until)| Sample { data: data.clone(), duration: length(*tick, until), key: *key }).collect();
        let start = run.base + self.ticks.start(run.part_start);
        run.part_start = end;
        run.next = run.next.max(end);
        self.end = self.end.max(run.base + self.ticks.start(end));
        self.told = Wall(run.wall.0.saturating_add(micros(self.ticks.start(end) as i64)));
        if !samples.is_empty() {
            self.rendition.push_part(start, &samples);
        }
    }

    fn close_segment(&mut self, end: u64, out: &mut Vec<Finished>) {
        let Some(run) = &self.run else { return };
        match self.rendition.close() {
            Closed::Whole(finished) => out.push(finished),
            Closed::Gap => {}
            Closed::Nothing => {
                // Without a part there is no such segment, and sound must not make one.
                if self.boundaries.back().is_some_and(|boundary| boundary.end.is_none()) {
                    self.boundaries.pop_back();
                }
                return;
            }
        }
        if let Some(boundary) = self.boundaries.back_mut() {
            boundary.end = Some(run.base + self.ticks.start(end));
        }
    }

    /// Wall time behind all that was told.
    pub fn told(&self) -> Wall {
        self.told
    }
}

/// How a picture was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is in, or was of no use.
    Done,
    /// The run ends before it.
    Break,
}
