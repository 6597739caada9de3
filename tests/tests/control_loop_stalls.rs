//! The control loop does nothing for two seconds: the programme does not notice.

use std::time::Duration;

use tl_rehearsal::Faults;
use tl_tests::{Stage, alone, until};

#[test]
fn two_seconds_without_control_cost_no_picture() -> anyhow::Result<()> {
    let _alone = alone();
    let stage = Stage::open(|_| {})?;
    let phones = stage.phones(1, Faults::none(), false)?;
    let before = stage.studio.snapshot();
    assert!(stage.studio.stall_control(Duration::from_secs(2)));
    // The snapshot is the control loop's, so it stands still meanwhile and jumps afterwards.
    until("the control loop is back", 10.0, || (stage.studio.snapshot().media_time - before.media_time).as_secs_f64() > 2.5)?;
    let after = stage.studio.snapshot();
    let ticks = ((after.media_time - before.media_time).as_secs_f64() * 30.0) as u64;
    let encoded = after.output.frames - before.output.frames;
    assert!(encoded + 6 >= ticks, "{encoded} of {ticks} ticks were encoded");
    phones.finish()?;
    stage.close()?;
    Ok(())
}
