//! The list of recordings of a session: kept on disk at each change, repaired after a crash, joined at the end.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tl_base::{MediaTime, SlotId};
use tl_media::record;
use tl_wire::Recording;

use crate::records::library::{Done, Work};

/// One part: a file of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Absolute path.
    pub path: PathBuf,
    /// Capture time of its first sample.
    #[serde(rename = "start_ns")]
    pub start: MediaTime,
    /// Capture time behind its last sample; none while it is written.
    #[serde(rename = "end_ns")]
    pub end: Option<MediaTime>,
}

/// One recording: a list of parts and, at the end, one playable file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The camera; none: the programme.
    pub source: Option<SlotId>,
    /// `iso` or `programme`.
    pub kind: String,
    /// The one playable file.
    pub path: Option<PathBuf>,
    /// In order of time.
    pub parts: Vec<Part>,
    /// Whether the file was read back; none: not tried.
    pub playable: Option<bool>,
    /// `no`, `saved` or `damaged`, as the last check found; `checking` and `repairing` while it lasts.
    #[serde(default = "unverified")]
    pub verified: String,
    /// What is wrong with it; empty when nothing is known to be.
    #[serde(default)]
    pub problem: String,
    /// Its tracks, one phrase each, once it was read back.
    #[serde(default)]
    pub tracks: Vec<String>,
    /// How far a check is.
    #[serde(skip)]
    pub progress: Option<f64>,
    /// What is being read or was read last: a part that began meanwhile is not covered by what is found out.
    #[serde(skip)]
    read: Vec<PathBuf>,
}

fn unverified() -> String {
    "no".into()
}

impl Entry {
    /// Names it in commands.
    pub fn id(&self) -> String {
        self.source.map_or_else(|| "programme".to_owned(), |slot| format!("cam{slot}"))
    }

    /// What plays it: the one file, or its parts.
    pub fn files(&self) -> Vec<PathBuf> {
        match &self.path {
            Some(path) => vec![path.clone()],
            None => self.parts.iter().map(|part| part.path.clone()).collect(),
        }
    }

    /// Whether a part of it is being written. A part that held nothing is gone from the disk without an end.
    pub fn is_open(&self) -> bool {
        self.parts.iter().any(|part| part.end.is_none() && part.path.is_file())
    }

    /// What a check called saved holds only until something is written again.
    fn forget_check(&mut self) {
        self.verified = unverified();
        self.problem = String::new();
    }
}

/// All recordings of a session.
#[derive(Debug, Default)]
pub struct Recordings {
    dir: PathBuf,
    manifest: PathBuf,
    entries: Vec<Entry>,
}

/// What became of a file that a crash had left open.
#[derive(Debug, PartialEq, Eq)]
pub enum Repaired {
    /// Whole again; this many bytes behind the last whole fragment were cut off.
    Whole(u64),
    /// Not readable, and why.
    Unreadable(String),
}

impl Recordings {
    /// The recordings of the session in `session_dir`, with those of earlier runs.
    pub fn open(session_dir: &Path) -> std::io::Result<Self> {
        let dir = session_dir.join("recordings");
        std::fs::create_dir_all(&dir)?;
        let manifest = session_dir.join("recordings.json");
        let entries = match std::fs::read(&manifest) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, file = %manifest.display(), "the list of recordings is unreadable and starts anew; the files stay");
                Vec::new()
            }),
            Err(_) => Vec::new(),
        };
        Ok(Self { dir, manifest, entries })
    }

    /// The recordings of a session that is over, as its list says; none when there is no list.
    pub fn read(session_dir: &Path) -> Option<Self> {
        let manifest = session_dir.join("recordings.json");
        let entries = tl_store::files::read_json(&manifest).unwrap_or_else(|error| {
            tracing::warn!(%error, "an earlier session's list of recordings is unreadable");
            None
        })?;
        Some(Self { dir: session_dir.join("recordings"), manifest, entries })
    }

    /// A recording by its id.
    pub fn find(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id() == id)
    }

    /// Recordings that nobody has read back since they were written, by id.
    pub fn unverified(&self) -> Vec<String> {
        self.entries.iter().filter(|entry| entry.verified == unverified()).map(Entry::id).collect()
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id() == id) {
            change(entry);
        }
    }

    /// Notes that a recording is being read.
    pub fn note_work(&mut self, id: &str, work: Work) {
        self.change(id, |entry| {
            entry.verified = match work {
                Work::Verify => "checking".into(),
                Work::Repair => "repairing".into(),
            };
            entry.progress = Some(0.0);
            entry.read = entry.files();
        });
    }

    /// Notes how far that is.
    pub fn note_progress(&mut self, id: &str, share: f64) {
        self.change(id, |entry| entry.progress = Some(share));
    }

    /// Notes what was found out.
    pub fn note_done(&mut self, id: &str, done: &Done) {
        self.change(id, |entry| {
            entry.progress = None;
            let (verified, problem) = match done {
                Done::Verified(found) if found.problems.is_empty() => ("saved", String::new()),
                Done::Verified(found) => ("damaged", found.problems.join("; ")),
                Done::Repaired { .. } => ("no", String::new()),
                Done::Failed(reason) => ("damaged", reason.clone()),
            };
            // What was written meanwhile is not vouched for.
            let all = entry.read.is_empty() || entry.read == entry.files();
            entry.verified = if verified == "saved" && !all { unverified() } else { verified.into() };
            entry.problem = problem;
            if let Done::Verified(found) = done {
                entry.tracks = found.tracks.iter().map(phrase).collect();
                entry.playable = Some(found.problems.is_empty());
            }
        });
        self.save();
    }

    /// Deletes a recording with all its files. What cannot be deleted stays in the list.
    pub fn delete(&mut self, id: &str) -> std::io::Result<()> {
        let Some(at) = self.entries.iter().position(|entry| entry.id() == id) else {
            return Err(std::io::Error::new(std::io::ErrorKind::NotFound, "there is no such recording"));
        };
        let entry = &self.entries[at];
        for path in entry.path.iter().chain(entry.parts.iter().map(|part| &part.path)) {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.entries.remove(at);
        self.save();
        Ok(())
    }

    /// Where recordings are written.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn entry(&mut self, source: Option<SlotId>) -> &mut Entry {
        let at = self.entries.iter().position(|entry| entry.source == source).unwrap_or_else(|| {
            let kind = if source.is_some() { "iso" } else { "programme" };
            let (verified, problem) = (unverified(), String::new());
            let entry = Entry {
                source,
                kind: kind.into(),
                path: None,
                parts: Vec::new(),
                playable: None,
                verified,
                problem,
                tracks: Vec::new(),
                progress: None,
                read: Vec::new(),
            };
            self.entries.push(entry);
            self.entries.len() - 1
        });
        &mut self.entries[at]
    }

    /// Notes that a part began.
    pub fn part_started(&mut self, source: Option<SlotId>, path: PathBuf, start: MediaTime) {
        let entry = self.entry(source);
        entry.forget_check();
        entry.parts.push(Part { path, start, end: None });
        self.save();
    }

    /// Notes that a part ended. One that was deleted meanwhile is not brought back.
    pub fn part_ended(&mut self, source: Option<SlotId>, info: &record::PartInfo) {
        let known = self.entries.iter_mut().filter(|entry| entry.source == source).flat_map(|entry| &mut entry.parts).find(|part| part.path == info.path);
        match known {
            Some(part) => part.end = Some(info.end),
            None if info.path.is_file() => self.entry(source).parts.push(Part { path: info.path.clone(), start: info.start, end: Some(info.end) }),
            None => return,
        }
        self.save();
    }

    /// Closes what a crash left open, and says what became of each file.
    pub fn repair(&mut self) -> Vec<(PathBuf, Repaired)> {
        let mut told = Vec::new();
        for part in self.entries.iter_mut().flat_map(|entry| entry.parts.iter_mut()).filter(|part| part.end.is_none()) {
            let repaired = repair_part(part);
            told.push((part.path.clone(), repaired));
        }
        // A part in which nothing whole was written says nothing.
        for entry in &mut self.entries {
            entry.parts.retain(|part| part.end.is_some_and(|end| end > part.start));
            // Whoever was reading it is gone.
            if matches!(entry.verified.as_str(), "checking" | "repairing") {
                entry.forget_check();
            }
        }
        self.save();
        told
    }

    /// Makes one playable file of each recording and reads its head back. Returns problems, one line each.
    pub fn finalise(&mut self, mut progress: impl FnMut(usize, usize)) -> Vec<String> {
        let mut problems = Vec::new();
        // A part that a full disk ended before its first fragment left no file.
        for entry in &mut self.entries {
            entry.parts.retain(|part| part.path.is_file());
        }
        self.entries.retain(|entry| !entry.parts.is_empty());
        let total = self.entries.len();
        for index in 0..total {
            progress(index, total);
            let Some(entry) = self.entries.get(index).cloned() else { continue };
            let stem = entry.source.map_or_else(|| "programme".to_owned(), |slot| format!("cam{slot}"));
            match one_file(&entry, &self.dir.join(format!("{stem}.mp4"))) {
                Ok(path) => {
                    let playable = path.as_ref().map(|path| tl_media::file::probe(path).is_ok());
                    let entry = self.entry(entry.source);
                    entry.path = path;
                    entry.playable = playable;
                }
                Err(error) => {
                    problems.push(format!("{stem}: {error}; its parts stay as they are"));
                    self.entry(entry.source).playable = Some(false);
                }
            }
        }
        self.save();
        progress(total, total);
        problems
    }

    /// Reads every recording back, so that it can be called saved. `progress` hears how many of how many are read, and the share of the
    /// next. Returns problems, one line each.
    pub fn check(&mut self, cancel: &std::sync::atomic::AtomicBool, mut progress: impl FnMut(usize, usize, f64)) -> Vec<String> {
        let mut problems = Vec::new();
        let all: Vec<(String, Vec<PathBuf>)> = self.entries.iter().map(|entry| (entry.id(), entry.files())).collect();
        let total = all.len();
        for (index, (id, files)) in all.into_iter().enumerate() {
            progress(index, total, 0.0);
            let done = crate::records::library::verify(&files, cancel, &mut |share| progress(index, total, share));
            self.note_work(&id, Work::Verify);
            self.note_done(&id, &done);
            if let Some(entry) = self.find(&id).filter(|entry| entry.verified == "damaged") {
                problems.push(format!("{id}: {}", entry.problem));
            }
        }
        progress(total, total, 0.0);
        problems
    }

    /// For snapshots and the API. `writing` tells whether a recording is being written; a part that is still open counts up to `now`.
    pub fn view(&self, now: MediaTime, writing: impl Fn(&Entry) -> bool) -> Vec<Recording> {
        let view = |entry: &Entry| {
            let writing = writing(entry);
            let length = |part: &Part| match part.end {
                Some(end) => (end - part.start).as_secs_f64(),
                None if writing => (now - part.start).as_secs_f64().max(0.0),
                None => 0.0,
            };
            let size = |part: &Part| std::fs::metadata(&part.path).map_or(0, |meta| meta.len());
            Recording {
                id: entry.id(),
                source: entry.source,
                kind: entry.kind.clone(),
                path: entry.path.as_ref().map(|path| path.display().to_string()),
                parts: entry.parts.iter().map(|part| part.path.display().to_string()).collect(),
                seconds: entry.parts.iter().map(length).sum(),
                playable: entry.playable,
                writing,
                bytes: entry.parts.iter().map(size).sum(),
                verified: entry.verified.clone(),
                progress: entry.progress,
                problem: entry.problem.clone(),
                tracks: entry.tracks.clone(),
            }
        };
        self.entries.iter().map(view).collect()
    }

    fn save(&self) {
        if let Err(error) = tl_store::files::write_json(&self.manifest, &self.entries, tl_store::files::Privacy::Open) {
            tracing::warn!(%error, file = %self.manifest.display(), "the list of recordings was not saved");
        }
    }
}

/// A track in one phrase.
fn phrase(track: &tl_media::file::TrackLength) -> String {
    format!("{} {}", if track.audio { "sound" } else { "video" }, track.codec)
}

fn repair_part(part: &mut Part) -> Repaired {
    if part.path.extension().is_some_and(|extension| extension == "mkv") {
        // Matroska clusters need no repair; its length is what a reader finds.
        let length = tl_media::file::probe(&part.path).map(|info| MediaTime::from_secs_f64(info.seconds));
        return match length {
            Ok(length) => {
                part.end = Some(part.start + length);
                Repaired::Whole(0)
            }
            Err(error) => Repaired::Unreadable(error.to_string()),
        };
    }
    let before = std::fs::metadata(&part.path).map_or(0, |meta| meta.len());
    match tl_mp4::repair(&part.path) {
        Ok(scan) => {
            let length =
                scan.tracks.iter().map(|track| (track.end_decode_time.saturating_sub(track.first_decode_time)) as f64 / f64::from(track.timescale.max(1)));
            part.end = Some(part.start + MediaTime::from_secs_f64(length.fold(0.0, f64::max)));
            Repaired::Whole(before.saturating_sub(scan.whole_bytes))
        }
        Err(error) => Repaired::Unreadable(error.to_string()),
    }
}

fn one_file(entry: &Entry, out: &Path) -> Result<Option<PathBuf>, String> {
    let parts: Vec<PathBuf> = entry.parts.iter().map(|part| part.path.clone()).collect();
    let Some(first) = entry.parts.first() else { return Ok(None) };
    if parts.len() == 1 {
        return Ok(Some(first.path.clone()));
    }
    let offsets: Vec<MediaTime> = entry.parts.iter().map(|part| part.start - first.start).collect();
    let all_mp4 = parts.iter().all(|path| path.extension().is_some_and(|extension| extension == "mp4"));
    let joined = if all_mp4 { tl_mp4::join(&parts, &offsets, out).map_err(|error| error.to_string())? } else { tl_mp4::Join::ConfigsDiffer };
    if joined == tl_mp4::Join::ConfigsDiffer {
        tl_media::file::join_reencoded(&parts, &offsets, out, &std::sync::atomic::AtomicBool::new(false), |_| {}).map_err(|error| error.to_string())?;
    }
    Ok(Some(out.to_path_buf()))
}

#[cfg(test)]
mod tests;
