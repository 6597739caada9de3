//! The control loop's part for recordings: what is recorded, what a filling disk sheds, what is read back, mended and deleted.

use std::path::{Path, PathBuf};

use tl_base::{MediaTime, SlotId};
use tl_media::record;
use tl_show::{Fact, SourceState};
use tl_store::space::Level;
use tl_wire::{Refusal, RefusalCode};

use super::commands::refusal;
use super::{Control, Wake};
use crate::records::library::{Done, Progress, Work};
use crate::records::recordings::{Entry, Repaired};

/// A programme recording that could not be started is tried again after this long.
const TRY_AGAIN: MediaTime = MediaTime::from_secs(2);

/// The file name of a recording's part, for events.
fn short(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

impl Control {
    /// Notes in the log what became of files that a crash had left open.
    pub(crate) fn tell_repairs(&mut self, repaired: &[(PathBuf, Repaired)]) {
        for (path, outcome) in repaired {
            let (state, reason) = match outcome {
                Repaired::Whole(cut) => ("repaired", format!("{cut} bytes of an unfinished fragment were cut off")),
                Repaired::Unreadable(reason) => ("failed", reason.clone()),
            };
            self.log(tl_show::Fact::RecordingChanged { file: short(path), state: state.into(), reason }, "studio", None);
        }
    }

    /// Records what a camera sends, as it comes, unless the disk is nearly full.
    pub(super) fn record_camera(&mut self, slot: SlotId) {
        let Some(camera) = self.cameras.get(&slot).filter(|_| self.parts.config.recording.iso && self.disk < Level::ShedIso) else { return };
        let wakes = self.parts.wakes.clone();
        let dir = self.parts.recordings.dir().to_path_buf();
        // A control loop that is gone needs no report.
        let started = camera.feed.record(dir, &self.parts.config.recording, move |event| drop(wakes.send(Wake::Recording(Some(slot), event))));
        if let Err(error) = started {
            self.log(Fact::RecordingChanged { file: format!("cam{slot}"), state: "failed".into(), reason: error.to_string() }, "studio", None);
        }
    }

    /// Sheds recordings as the disk fills, cameras first, and starts them again when there is room.
    pub(super) fn mind_disk(&mut self) {
        let before = self.disk;
        self.disk = self.parts.health.disk(self.parts.config.recording.keep_free_bytes);
        if self.disk == before {
            return;
        }
        let slots: Vec<SlotId> = self.cameras.keys().copied().collect();
        if self.disk >= Level::ShedIso {
            for slot in slots.into_iter().filter(|_| before < Level::ShedIso) {
                let summary = self.cameras.get(&slot).and_then(|camera| camera.feed.stop_recording());
                self.note_stopped(Some(slot), summary, "less than ten minutes of disk are left; the programme is recorded on");
            }
        } else if before >= Level::ShedIso {
            for slot in slots {
                self.record_camera(slot);
            }
        }
        if self.disk == Level::Stop {
            let summary = self.parts.outputs.stop_recording();
            self.note_stopped(None, summary, "the disk is nearly full; the programme goes on air unrecorded");
        }
    }

    fn note_stopped(&mut self, source: Option<SlotId>, summary: Option<record::Summary>, reason: &str) {
        let Some(summary) = summary else { return };
        for part in &summary.parts {
            self.parts.recordings.part_ended(source, part);
        }
        let file = source.map_or_else(|| "programme".to_owned(), |slot| format!("cam{slot}"));
        self.log(Fact::RecordingChanged { file, state: "finished".into(), reason: reason.into() }, "studio", None);
    }

    pub(super) fn start_programme_recording(&mut self) {
        let due = self.parts.config.recording.programme && self.disk < Level::Stop && self.cameras.values().any(|camera| camera.state == SourceState::Live);
        let now = self.parts.clock.now();
        if !due || self.parts.outputs.is_recording() || self.parts.show.ended() || now < self.record_again {
            return;
        }
        let wakes = self.parts.wakes.clone();
        let dir = self.parts.recordings.dir().to_path_buf();
        // A control loop that is gone needs no report.
        let started = self.parts.outputs.record(dir, &self.parts.config.recording, move |event| drop(wakes.send(Wake::Recording(None, event))));
        if let Err(error) = started {
            self.record_again = now + TRY_AGAIN;
            tracing::error!(%error, "the programme is not recorded");
        }
    }

    pub(super) fn recording(&mut self, source: Option<SlotId>, event: record::Event) {
        let name = || source.map_or_else(|| "programme".to_owned(), |slot| format!("cam{slot}"));
        let (file, state, reason) = match event {
            record::Event::PartStarted { path, start } => {
                let file = short(&path);
                self.parts.recordings.part_started(source, path, start);
                (file, "started", String::new())
            }
            record::Event::PartEnded(info) => {
                self.parts.recordings.part_ended(source, &info);
                (short(&info.path), "finished", String::new())
            }
            record::Event::Dropped { units } => (name(), "failed", format!("the disk was too slow: {units} pictures are missing")),
            record::Event::DiskFull { path } => (short(&path), "failed", "the disk is full; recording goes on when there is room".to_owned()),
            record::Event::Failed { path, reason } => (short(&path), "failed", reason),
            record::Event::Resumed => (name(), "started", "recording goes on".to_owned()),
        };
        self.log(Fact::RecordingChanged { file, state: state.into(), reason }, "studio", None);
    }

    /// Ends every recording and notes its parts.
    pub(super) fn stop_recordings(&mut self) {
        let cameras = self.cameras.iter().map(|(slot, camera)| (Some(*slot), camera.feed.stop_recording()));
        let summaries: Vec<(Option<SlotId>, Option<record::Summary>)> = cameras.chain(std::iter::once((None, self.parts.outputs.stop_recording()))).collect();
        for (source, summary) in summaries {
            for part in summary.iter().flat_map(|summary| &summary.parts) {
                self.parts.recordings.part_ended(source, part);
            }
        }
    }

    /// The recording that a command means, if nothing is writing it.
    fn finished_recording(&self, id: &str) -> Result<(), Refusal> {
        let known = self.parts.recordings.find(id);
        if known.is_none() && !self.parts.library.knows(id) {
            return Err(refusal(RefusalCode::NotFound, format!("There is no recording {id}.")));
        }
        match known.filter(|entry| self.is_writing(entry)).map(|entry| entry.source) {
            Some(Some(slot)) => {
                let text = format!("Camera {slot} is being recorded; ask again when it is gone. When the session ends every recording is checked.");
                Err(refusal(RefusalCode::Conflict, text))
            }
            Some(None) => {
                let text = "The programme is being recorded; it is checked when the session ends, and the next session can repair or delete it.";
                Err(refusal(RefusalCode::Conflict, text))
            }
            None => Ok(()),
        }
    }

    /// Whether a part of a recording is open. A recorder whose camera is away writes none.
    pub(super) fn is_writing(&self, entry: &Entry) -> bool {
        let has_recorder = match entry.source {
            Some(slot) => self.cameras.get(&slot).is_some_and(|camera| camera.feed.is_recording()),
            None => self.parts.outputs.is_recording(),
        };
        has_recorder && entry.is_open()
    }

    pub(super) fn verify_recording(&mut self, id: &str) -> Result<(), Refusal> {
        self.finished_recording(id)?;
        self.ask_library(id, Work::Verify)
    }

    pub(super) fn repair_recording(&mut self, id: &str) -> Result<(), Refusal> {
        self.finished_recording(id)?;
        self.ask_library(id, Work::Repair)
    }

    fn ask_library(&mut self, id: &str, work: Work) -> Result<(), Refusal> {
        let files = self.parts.recordings.find(id).map(Entry::files);
        if !self.parts.library.ask(id, files, work) {
            return Err(refusal(RefusalCode::TooMany, "Many recordings are being read already; try again in a moment."));
        }
        self.parts.recordings.note_work(id, work);
        Ok(())
    }

    pub(super) fn delete_recording(&mut self, actor: &str, command: &str, id: &str) -> Result<(), Refusal> {
        self.finished_recording(id)?;
        let deleted = if self.parts.recordings.find(id).is_some() { self.parts.recordings.delete(id) } else { self.parts.library.delete(id) };
        deleted.map_err(|error| refusal(RefusalCode::Busy, format!("The recording was not deleted whole: {error}.")))?;
        self.log(Fact::RecordingChanged { file: id.to_owned(), state: "deleted".into(), reason: String::new() }, actor, Some(command));
        Ok(())
    }

    /// What the library found.
    pub(super) fn library(&mut self, progress: Progress) {
        let Progress { id, share, done } = progress;
        let Some(done) = done else {
            self.parts.recordings.note_progress(&id, share);
            return;
        };
        let (state, reason) = match &done {
            Done::Verified(found) if found.problems.is_empty() => ("verified", format!("{:.1} s play from beginning to end", found.seconds)),
            Done::Verified(found) => ("failed", found.problems.join("; ")),
            Done::Repaired { lost_bytes } => ("repaired", format!("{lost_bytes} bytes of an unfinished piece were cut off")),
            Done::Failed(reason) => ("failed", reason.clone()),
        };
        self.parts.recordings.note_done(&id, &done);
        self.parts.library.note_done(&id, &done);
        self.log(Fact::RecordingChanged { file: id, state: state.into(), reason }, "studio", None);
    }
}
