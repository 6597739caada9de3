//! What the list says while recordings are written, read and deleted.
#![allow(clippy::expect_used, reason = "helpers of tests say at once that something cannot be")]

use tl_frame::Codec;
use tl_media::file::Verified;

use super::*;

const CAMERA: Option<SlotId> = Some(SlotId(1));

fn list() -> (tempfile::TempDir, Recordings) {
    let folder = tempfile::tempdir().expect("a folder");
    let recordings = Recordings::open(folder.path()).expect("a list");
    (folder, recordings)
}

/// A part that is written now.
fn begin(recordings: &mut Recordings, name: &str) -> record::PartInfo {
    let path = recordings.dir().join(name);
    std::fs::write(&path, b"pictures").expect("a file");
    recordings.part_started(CAMERA, path.clone(), MediaTime::ZERO);
    record::PartInfo { path, start: MediaTime::ZERO, end: MediaTime::from_secs(4), bytes: 8, codec: Codec::H264 }
}

fn whole() -> Done {
    Done::Verified(Verified { seconds: 4.0, ..Verified::default() })
}

fn entry(recordings: &Recordings) -> &Entry {
    recordings.find("cam1").expect("it is listed")
}

#[test]
fn a_recording_is_open_only_while_a_part_of_it_is() {
    let (_folder, mut recordings) = list();
    let first = begin(&mut recordings, "cam1-001.mp4");
    assert!(entry(&recordings).is_open());
    recordings.part_ended(CAMERA, &first);
    assert!(!entry(&recordings).is_open());
    // A part that held nothing is gone without an end.
    let empty = begin(&mut recordings, "cam1-002.mp4");
    std::fs::remove_file(empty.path).expect("it was there");
    assert!(!entry(&recordings).is_open());
}

#[test]
fn nothing_is_called_saved_that_was_written_during_the_check() {
    let (_folder, mut recordings) = list();
    let first = begin(&mut recordings, "cam1-001.mp4");
    recordings.part_ended(CAMERA, &first);
    recordings.note_work("cam1", Work::Verify);
    let second = begin(&mut recordings, "cam1-002.mp4");
    recordings.note_done("cam1", &whole());
    assert_eq!(entry(&recordings).verified, "no");
    assert_eq!(recordings.unverified(), ["cam1"]);
    recordings.part_ended(CAMERA, &second);
    recordings.note_work("cam1", Work::Verify);
    recordings.note_done("cam1", &whole());
    assert_eq!(entry(&recordings).verified, "saved");
    assert!(recordings.unverified().is_empty());
}

#[test]
fn what_was_deleted_stays_away_when_its_recorder_ends() {
    let (_folder, mut recordings) = list();
    let first = begin(&mut recordings, "cam1-001.mp4");
    recordings.part_ended(CAMERA, &first);
    recordings.delete("cam1").expect("deleted");
    recordings.part_ended(CAMERA, &first);
    assert!(recordings.find("cam1").is_none());
}

#[test]
fn a_check_that_was_cut_off_is_not_going_on() {
    let (folder, mut recordings) = list();
    let first = begin(&mut recordings, "cam1-001.mp4");
    recordings.part_ended(CAMERA, &first);
    recordings.note_work("cam1", Work::Verify);
    recordings.save();
    let mut next = Recordings::open(folder.path()).expect("a list");
    assert_eq!(entry(&next).verified, "checking");
    assert!(next.repair().is_empty());
    assert_eq!(entry(&next).verified, "no");
}
