//! The disk fills up in the middle of a show: recordings end cleanly and the programme goes on.

use std::process::Command;

use tl_rehearsal::Faults;
use tl_tests::{Stage, alone, decodes_cleanly, skip, until};

/// A small file system of its own; none where this user may not mount.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &std::path::Path, megabytes: u32) -> Option<Self> {
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"]).arg(at).output().ok()?;
        done.status.success().then(|| Self(at.to_path_buf()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).output());
    }
}

#[test]
fn recordings_end_and_the_programme_goes_on() -> anyhow::Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    let Some(disk) = SmallDisk::mount(folder.path(), 12) else {
        skip("a small file system cannot be mounted here");
        return Ok(());
    };
    let stage = Stage::open(|config| {
        config.data_dir = folder.path().join("data");
        // The studio would keep more free than this disk holds.
        config.recording.keep_free_bytes = 0;
    })?;
    let phones = stage.phones(2, Faults::none(), false)?;
    let owner = stage.owner()?;
    until("a recording says that the disk is full", 60.0, || {
        owner.text("/api/v1/sessions/current/logs").is_ok_and(|log| log.contains("the disk is full") || log.contains("the disk is nearly full"))
    })?;
    let before = stage.studio.snapshot();
    until("three more seconds of show", 10.0, || (stage.studio.snapshot().media_time - before.media_time).as_secs_f64() > 3.0)?;
    let after = stage.studio.snapshot();
    assert!(after.output.frames - before.output.frames >= 80, "{:?}", after.output);
    assert_eq!(after.output.black, 0);
    phones.finish()?;
    let recordings = stage.studio.session_dir().join("recordings");
    // The end of a session on a full disk may have problems to tell; what was written must play all the same.
    drop(stage.studio.stop());
    let mut played = 0;
    for entry in std::fs::read_dir(&recordings)?.filter_map(Result::ok).filter(|entry| entry.metadata().is_ok_and(|meta| meta.len() > 100_000)) {
        decodes_cleanly(&entry.path())?;
        played += 1;
    }
    assert!(played >= 2, "{played} recordings were looked at");
    drop(disk);
    Ok(())
}
