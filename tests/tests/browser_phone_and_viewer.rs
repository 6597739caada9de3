//! A real browser as a phone, and a real browser as a viewer.

use tl_rehearsal::Faults;
use tl_tests::{Stage, alone, browser, browser_script, until};

#[test]
fn a_browser_joins_is_cut_to_and_sees_that_it_is_live() -> anyhow::Result<()> {
    let _alone = alone();
    if !browser() {
        return Ok(());
    }
    let stage = Stage::open(|_| {})?;
    let (_, page) = stage.studio.links().phones.first().cloned().expect("a phone's link");
    let child = browser_script("phone.mjs", &[&page, "8"])?;
    until("the phone is live", 60.0, || stage.studio.snapshot().cameras.iter().any(|camera| camera.slot.0 == 1 && camera.is_live()))?;
    let camera = stage.studio.snapshot().cameras[0].clone();
    assert!(matches!(camera.codec.as_deref(), Some("h264" | "vp8")), "{camera:?}");
    until("it is on air", 10.0, || stage.studio.snapshot().program.live.is_some())?;
    until("its clock is known by round trips", 10.0, || stage.studio.snapshot().cameras[0].clock.is_some_and(|clock| clock.two_way))?;
    let clock = stage.studio.snapshot().cameras[0].clock.expect("it was known");
    assert!(clock.offset_ms.abs() < 100.0, "the same machine's clock: {clock:?}");
    let done = child.wait_with_output()?;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let seen: serde_json::Value = serde_json::from_slice(&done.stdout)?;
    let bands = seen["bands"].to_string();
    assert!(bands.contains("LIVE"), "the phone was told that it is on air: {seen}");
    assert_eq!(seen["problems"], serde_json::json!([]));
    stage.close()?;
    Ok(())
}

#[test]
fn a_browser_watches_close_to_the_live_edge() -> anyhow::Result<()> {
    let _alone = alone();
    if !browser() {
        return Ok(());
    }
    let stage = Stage::open(|_| {})?;
    let phones = stage.phones(1, Faults::none(), false)?;
    let child = browser_script("viewer.mjs", &[&stage.studio.links().watch, "10"])?;
    let done = child.wait_with_output()?;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let seen: serde_json::Value = serde_json::from_slice(&done.stdout)?;
    assert!(seen["samples"].as_u64().is_some_and(|samples| samples > 5), "{seen}");
    assert!(seen["p50"].as_f64().is_some_and(|behind| behind < 6_000.0), "within the playlist's reach: {seen}");
    assert_eq!(seen["problems"], serde_json::json!([]));
    phones.finish()?;
    stage.close()?;
    Ok(())
}
