//! The camera on air dies without a word: another takes over, nothing goes black, and the phone comes back to its own slot.

use tl_base::SlotId;
use tl_rehearsal::{Fault, FaultKind, Faults};
use tl_show::SourceState;
use tl_tests::{Stage, alone, until};

#[test]
fn another_camera_takes_over_and_the_phone_returns() -> anyhow::Result<()> {
    let _alone = alone();
    let stage = Stage::open(|_| {})?;
    let faults = Faults(vec![Fault { slot: SlotId(1), at_secs: 9.0, for_secs: 5.0, kind: FaultKind::Die }]);
    let phones = stage.phones(2, faults, false)?;
    let owner = stage.owner()?;
    let (status, _) = owner.command("cut-1", serde_json::json!({ "type": "cut", "slot": 1 }))?;
    assert_eq!(status, 200);
    until("camera 1 is on air", 3.0, || stage.studio.snapshot().program.live == Some(SlotId(1)))?;

    until("camera 2 takes over", 20.0, || stage.studio.snapshot().program.live == Some(SlotId(2)))?;
    let events = owner.text("/api/v1/sessions/current/logs")?;
    assert!(events.contains("failover"), "{events}");
    let state = |slot: u16| stage.studio.snapshot().cameras.iter().find(|camera| camera.slot.0 == slot).map(|camera| (camera.state, camera.reconnects));
    until("camera 1 is live again in its own slot", 30.0, || state(1).is_some_and(|(state, reconnects)| state == SourceState::Live && reconnects > 0))?;

    // Then everybody leaves: the slate, which is not black.
    let session = stage.studio.session_dir().to_path_buf();
    phones.finish()?;
    until("the slate shows", 5.0, || stage.studio.snapshot().program.live.is_none())?;
    let gone = stage.studio.snapshot().output.frames;
    until("the slate is on air", 5.0, || stage.studio.snapshot().output.frames > gone + 15)?;
    assert_eq!(stage.studio.snapshot().output.black, 0, "never black");
    let folder = stage.close()?;

    // How long the programme showed the dead camera's last picture, from the trace of ticks.
    let trace = std::fs::read_to_string(session.join("trace.jsonl"))?;
    let ticks: Vec<serde_json::Value> = trace.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let first_on_two = ticks.iter().rposition(|tick| tick["source"] == 1).map_or(0, |last| last + 1);
    let standing = ticks[..first_on_two].iter().rev().take_while(|tick| tick["seq"] == ticks[first_on_two - 1]["seq"]).count();
    assert!(standing as f64 / 30.0 <= 0.7, "the dead camera's picture stood for {standing} ticks");
    drop(folder);
    Ok(())
}
