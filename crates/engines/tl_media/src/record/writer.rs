//! The recorder's thread: which unit belongs to which part.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tl_base::MediaTime;
use tl_frame::{AccessUnit, Codec};

use crate::record::part::{Expected, Failure, Part, Voice};
use crate::record::picture::Picture;
use crate::record::{Config, Event, PROGRAMME, PartInfo, Summary};
use crate::unit_queue::{Taken, UnitQueue};

/// How long a disk that refused is left alone.
const REST: Duration = Duration::from_secs(5);
/// How long an ended part waits for the programme's sound of its last pictures, which leaves the studio later than they came.
const LAST_SOUND: Duration = Duration::from_secs(2);

/// A part whose pictures have ended.
struct Closing {
    part: Part,
    since: Instant,
}

pub(super) struct Writer {
    config: Config,
    on_event: Box<dyn FnMut(Event) + Send>,
    number: u32,
    part: Option<Part>,
    closing: Option<Closing>,
    expects_programme: Arc<AtomicBool>,
    own_is_aac: bool,
    parts: Vec<PartInfo>,
    /// When the disk refused; none while it does not.
    refused: Option<Instant>,
    lost: u64,
}

impl Writer {
    pub(super) fn new(config: Config, expects_programme: Arc<AtomicBool>, on_event: Box<dyn FnMut(Event) + Send>) -> Self {
        Self { config, on_event, number: 0, part: None, closing: None, expects_programme, own_is_aac: false, parts: Vec::new(), refused: None, lost: 0 }
    }

    /// Runs until the queue is closed and empty.
    pub(super) fn run(mut self, queue: &UnitQueue) -> Summary {
        loop {
            let patience = if self.closing.is_some() { LAST_SOUND } else { Duration::from_secs(3_600) };
            match queue.take(patience) {
                Taken::Unit(unit) if unit.codec.is_audio() && unit.source == PROGRAMME => self.write_programme(&unit),
                Taken::Unit(unit) if unit.codec.is_audio() => {
                    self.own_is_aac = unit.codec != Codec::Opus;
                    if let Some(part) = &mut self.part {
                        part.push_audio(Voice::Own, &unit);
                    }
                }
                Taken::Unit(unit) => self.write(&unit),
                Taken::Gap(units) => (self.on_event)(Event::Dropped { units }),
                Taken::Mark => self.end_part(),
                Taken::TimedOut => {}
                Taken::Closed => break,
            }
            if self.closing.as_ref().is_some_and(|closing| closing.since.elapsed() >= LAST_SOUND) {
                self.close();
            }
        }
        self.end_part();
        self.close();
        Summary { kind: self.config.kind, parts: self.parts, dropped: queue.dropped() + self.lost }
    }

    /// Gives the programme's sound to the part whose pictures it goes with.
    fn write_programme(&mut self, unit: &AccessUnit) {
        self.expects_programme.store(true, Ordering::Relaxed);
        if let Some(closing) = &mut self.closing {
            closing.part.push_audio(Voice::Programme, unit);
        }
        if self.closing.as_ref().is_some_and(|closing| unit.capture >= closing.part.end()) {
            self.close();
        }
        if let Some(part) = &mut self.part {
            part.push_audio(Voice::Programme, unit);
        }
    }

    fn write(&mut self, unit: &AccessUnit) {
        let picture = Picture::find(unit);
        if self.part.as_ref().is_some_and(|part| part.must_end_before(unit, picture.as_ref())) {
            self.end_part();
        }
        if self.part.is_none() {
            // Only a key picture that says what it is can begin a file.
            let Some(picture) = picture else {
                self.lost += u64::from(self.refused.is_some());
                return;
            };
            if self.refused.is_some_and(|at| at.elapsed() < REST) {
                self.lost += 1;
                return;
            }
            self.begin_part(picture, unit);
        }
        let Some(part) = &mut self.part else { return };
        if let Err(failure) = part.push_video(&self.config, unit) {
            self.give_up(failure);
        } else if self.refused.is_some() && self.part.as_ref().is_some_and(Part::has_written) {
            self.refused = None;
            (self.on_event)(Event::Resumed);
        }
    }

    fn begin_part(&mut self, picture: Picture, unit: &AccessUnit) {
        let expected = Expected { own: None, programme: self.expects_programme.load(Ordering::Relaxed), own_is_aac: self.own_is_aac };
        match Part::start(&self.config, &mut self.number, picture, unit, expected) {
            Ok(part) => {
                (self.on_event)(Event::PartStarted { path: part.path().to_path_buf(), start: unit.capture });
                self.part = Some(part);
            }
            Err(failure) => self.report(failure),
        }
    }

    /// Ends the pictures of the part; with the programme's sound it stays open for the last of that.
    fn end_part(&mut self) {
        let Some(mut part) = self.part.take() else { return };
        self.close();
        if let Err(failure) = part.end_pictures() {
            self.part = Some(part);
            return self.give_up(failure);
        }
        let waits = part.has_programme() && part.end() > MediaTime::ZERO;
        self.closing = Some(Closing { part, since: Instant::now() });
        if !waits {
            self.close();
        }
    }

    /// Ends the file of a part whose pictures have ended.
    fn close(&mut self) {
        let Some(closing) = self.closing.take() else { return };
        let (info, failure) = closing.part.finish();
        self.note_end(info);
        if let Some(failure) = failure {
            self.report(failure);
        }
    }

    /// Ends the part with what is on the disk.
    fn give_up(&mut self, failure: Failure) {
        if let Some(part) = self.part.take() {
            let (info, late) = part.abandon();
            self.note_end(info);
            if let Some(Failure::Disk(path, error)) = late {
                tracing::warn!(path = %path.display(), %error, "an ended recording could not be closed");
            }
        }
        self.report(failure);
    }

    fn note_end(&mut self, info: Option<PartInfo>) {
        if let Some(info) = info {
            self.parts.push(info.clone());
            (self.on_event)(Event::PartEnded(info));
        }
    }

    /// Tells once, until it works again, that the disk refuses.
    fn report(&mut self, failure: Failure) {
        let first = self.refused.is_none();
        self.refused = Some(Instant::now());
        if first {
            (self.on_event)(event_of(failure));
        }
    }
}

fn event_of(failure: Failure) -> Event {
    let failed = |path: PathBuf, reason: String| Event::Failed { path, reason };
    match failure {
        Failure::Disk(path, error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => Event::DiskFull { path },
        Failure::Disk(path, error) => failed(path, error.to_string()),
        Failure::Content(path, error) => failed(path, error.to_string()),
    }
}
