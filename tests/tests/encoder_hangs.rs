//! The programme's encoder stands still: it is started again, and the programme goes on.

use tl_rehearsal::Faults;
use tl_tests::{Stage, alone, until};

#[test]
fn a_hung_encoder_is_started_again() -> anyhow::Result<()> {
    let _alone = alone();
    let stage = Stage::open(|_| {})?;
    let phones = stage.phones(1, Faults::none(), false)?;
    let owner = stage.owner()?;
    let frames = || stage.studio.snapshot().output.frames;
    stage.studio.hang_encoder();
    until("the log tells of it", 15.0, || owner.text("/api/v1/sessions/current/logs").is_ok_and(|logs| logs.contains("encoder_changed")))?;
    let before = frames();
    until("pictures are encoded again", 10.0, || frames() > before + 60)?;
    let session = stage.studio.session_dir().to_path_buf();
    phones.finish()?;
    let folder = stage.close()?;
    for entry in std::fs::read_dir(session.join("recordings"))? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("programme")) {
            tl_tests::decodes_cleanly(&path)?;
        }
    }
    drop(folder);
    Ok(())
}
