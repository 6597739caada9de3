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
    // A virtual phone is on air first, so that the browser has to be cut to.
    let phones = stage.phones(1, Faults::none(), false)?;
    let (_, page) = stage.studio.links().phones.get(1).cloned().expect("a phone's link");
    let child = browser_script("phone.mjs", &[&page, "8"])?;
    let browser = || stage.studio.snapshot().cameras.iter().find(|camera| camera.slot.0 == 2).cloned();
    until("the phone is live", 60.0, || browser().is_some_and(|camera| camera.is_live()))?;
    assert!(browser().is_some_and(|camera| matches!(camera.codec.as_deref(), Some("h264" | "vp8"))), "{:?}", browser());
    let (status, answer) = stage.owner()?.command("to the browser", serde_json::json!({ "type": "cut", "slot": 2 }))?;
    assert_eq!(status, 200, "{answer}");
    until("it is on air", 5.0, || browser().is_some_and(|camera| camera.live))?;
    until("its clock is known by round trips", 10.0, || browser().and_then(|camera| camera.clock).is_some_and(|clock| clock.two_way))?;
    let clock = browser().and_then(|camera| camera.clock).expect("it was known");
    assert!(clock.offset_ms.abs() < 100.0, "the same machine's clock: {clock:?}");
    let done = child.wait_with_output()?;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let seen: serde_json::Value = serde_json::from_slice(&done.stdout)?;
    let bands = seen["bands"].to_string();
    assert!(bands.contains("LIVE"), "the phone was told that it is on air: {seen}");
    assert_eq!(seen["problems"], serde_json::json!([]));
    phones.finish()?;
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

#[test]
fn a_browser_watches_by_webrtc_and_goes_to_the_playlist_when_it_is_full() -> anyhow::Result<()> {
    let _alone = alone();
    if !browser() {
        return Ok(());
    }
    let stage = Stage::open(|config| config.whep_max = 1)?;
    let phones = stage.phones(1, Faults::none(), false)?;
    let first = browser_script("viewer.mjs", &[&stage.studio.links().watch, "10", "whep"])?;
    until("one watches by WebRTC", 40.0, || stage.studio.snapshot().viewers_whep == 1)?;
    // The place is taken: without a word about the way, the page finds the other one by itself.
    let second = browser_script("viewer.mjs", &[&stage.studio.links().watch, "4", "auto"])?;
    let second = second.wait_with_output()?;
    assert!(second.status.success(), "{}", String::from_utf8_lossy(&second.stderr));
    let seen: serde_json::Value = serde_json::from_slice(&second.stdout)?;
    assert_eq!(seen["via"], serde_json::json!(["hls"]), "{seen}");
    let first = first.wait_with_output()?;
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let seen: serde_json::Value = serde_json::from_slice(&first.stdout)?;
    assert_eq!(seen["via"], serde_json::json!(["whep"]), "{seen}");
    assert_eq!(seen["problems"], serde_json::json!([]));
    until("its place is free again", 20.0, || stage.studio.snapshot().viewers_whep == 0)?;
    phones.finish()?;
    stage.close()?;
    Ok(())
}
