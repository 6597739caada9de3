//! A computer without any graphics driver: the programme shows one camera at a time, and says what is missing.

use tl_rehearsal::Faults;
use tl_tests::{Stage, alone, until};

#[test]
fn the_show_goes_on_without_a_graphics_driver() -> anyhow::Result<()> {
    let _alone = alone();
    for name in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
        // SAFETY: nothing else runs in this process yet.
        unsafe { std::env::set_var(name, "/nonexistent") };
    }
    let stage = Stage::open(|_| {})?;
    let phones = stage.phones(2, Faults::none(), false)?;
    let owner = stage.owner()?;
    let before = stage.studio.snapshot();
    assert_eq!(before.output.gpu, None);
    assert!(
        before.warnings.iter().any(|warning| warning.message.contains("one camera at a time") && warning.remedy.contains("driver")),
        "{:?}",
        before.warnings
    );
    let other = if before.program.live.map(|slot| slot.0) == Some(1) { 2 } else { 1 };
    let (status, answer) = owner.command("another", serde_json::json!({ "type": "cut", "slot": other }))?;
    assert_eq!(status, 200, "{answer}");
    until("the other camera", 10.0, || stage.studio.snapshot().program.live.map(|slot| slot.0) == Some(other))?;
    until("three more seconds of show", 10.0, || (stage.studio.snapshot().media_time - before.media_time).as_secs_f64() > 3.0)?;
    let after = stage.studio.snapshot();
    let (frames, repeated) = (after.output.frames - before.output.frames, after.output.repeated - before.output.repeated);
    assert!(frames >= 80 && repeated * 5 <= frames, "{:?}", after.output);
    assert_eq!(after.output.black, 0);
    phones.finish()?;
    stage.close()?;
    Ok(())
}
