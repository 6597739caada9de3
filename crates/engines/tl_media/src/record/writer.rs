//! The recorder's thread: which unit belongs to which part.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tl_frame::{AccessUnit, Codec, h264, vp8};

use crate::record::container::Picture;
use crate::record::part::{Failure, Part};
use crate::record::{Config, Event, PartInfo, Summary};
use crate::unit_queue::{Taken, UnitQueue};

/// How long a disk that refused is left alone.
const REST: Duration = Duration::from_secs(5);

pub(super) struct Writer {
    config: Config,
    on_event: Box<dyn FnMut(Event) + Send>,
    number: u32,
    part: Option<Part>,
    parts: Vec<PartInfo>,
    /// When the disk refused; none while it does not.
    refused: Option<Instant>,
    lost: u64,
}

impl Writer {
    pub(super) fn new(config: Config, on_event: Box<dyn FnMut(Event) + Send>) -> Self {
        Self { config, on_event, number: 0, part: None, parts: Vec::new(), refused: None, lost: 0 }
    }

    /// Runs until the queue is closed and empty.
    pub(super) fn run(mut self, queue: &UnitQueue) -> Summary {
        loop {
            match queue.take(Duration::from_secs(3_600)) {
                Taken::Unit(unit) if unit.codec.is_audio() => {
                    if let Some(part) = &mut self.part {
                        part.push_audio(&unit);
                    }
                }
                Taken::Unit(unit) => self.write(&unit),
                Taken::Gap(units) => (self.on_event)(Event::Dropped { units }),
                Taken::Mark => self.end_part(),
                Taken::TimedOut => {}
                Taken::Closed => break,
            }
        }
        self.end_part();
        Summary { kind: self.config.kind, parts: self.parts, dropped: queue.dropped() + self.lost }
    }

    fn write(&mut self, unit: &AccessUnit) {
        let picture = picture_of(unit);
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
        match Part::start(&self.config, &mut self.number, picture, unit) {
            Ok(part) => {
                (self.on_event)(Event::PartStarted { path: part.path().to_path_buf(), start: unit.capture });
                self.part = Some(part);
            }
            Err(failure) => self.report(failure),
        }
    }

    fn end_part(&mut self) {
        let Some(part) = self.part.take() else { return };
        let (info, failure) = part.finish();
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

/// What a key picture says about itself; none for other pictures.
fn picture_of(unit: &AccessUnit) -> Option<Picture> {
    match unit.codec {
        Codec::H264 if unit.key => h264::Parameters::find(&unit.data).map(Picture::H264),
        Codec::Vp8 if unit.key => vp8::size(&unit.data).map(Picture::Vp8),
        _ => None,
    }
}
