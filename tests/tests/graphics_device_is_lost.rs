//! The graphics device is lost on air, as when a driver resets: the programme goes on and pictures are new again within two seconds.

use tl_rehearsal::Faults;
use tl_tests::{Stage, alone, until};

#[test]
fn a_lost_device_is_rebuilt_on_air() -> anyhow::Result<()> {
    let _alone = alone();
    let stage = Stage::open(|_| {})?;
    let phones = stage.phones(1, Faults::none(), false)?;
    let before = stage.studio.snapshot();
    stage.studio.lose_gpu();
    until("five more seconds of show", 15.0, || (stage.studio.snapshot().media_time - before.media_time).as_secs_f64() > 5.0)?;
    let after = stage.studio.snapshot();
    let encoded = after.output.frames - before.output.frames;
    assert!(encoded >= 5 * 30 - 8, "the encoder never stopped: {encoded} pictures in five seconds");
    assert!(after.output.repeated - before.output.repeated <= 2 * 30, "at most two seconds repeat: {:?}", after.output);
    assert_eq!(after.output.black, before.output.black);
    phones.finish()?;
    stage.close()?;
    Ok(())
}
