//! What the console says, and how it writes numbers; the control page says the same.

use std::borrow::Cow;

use tl_base::SlotId;
use tl_show::{Action, SourceState, TransitionKind};
use tl_wire::{CameraView, Load, OutputView, Snapshot};

/// A camera's name, or where it stands, or its number.
pub fn camera_name(camera: &CameraView) -> Cow<'_, str> {
    let numbered = format!("Camera {}", camera.slot);
    if !camera.name.is_empty() && camera.name != numbered {
        Cow::Borrowed(&camera.name)
    } else if camera.position.is_empty() {
        Cow::Owned(numbered)
    } else {
        Cow::Owned(position(&camera.position))
    }
}

/// The same with the number that a key presses: `3 Goal line`, but `Camera 3`.
pub fn numbered_name(camera: &CameraView) -> String {
    let name = camera_name(camera);
    if name == format!("Camera {}", camera.slot) { name.into_owned() } else { format!("{} {name}", camera.slot) }
}

/// A position as people say it.
fn position(position: &str) -> String {
    match position {
        "center_ice" => "Centre ice".into(),
        "corner_cam_1" => "Corner 1".into(),
        "corner_cam_2" => "Corner 2".into(),
        "goal_line_1" => "Goal line 1".into(),
        "goal_line_2" => "Goal line 2".into(),
        "bench_side" => "Bench side".into(),
        other => sentence_start(&other.replace('_', " ")),
    }
}

/// The same beginning with a capital.
fn sentence_start(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Whether a cut to this camera would show a picture.
pub fn can_show(camera: &CameraView) -> bool {
    matches!(camera.state, SourceState::Live | SourceState::Stale | SourceState::Returning)
}

/// What is wrong with a camera; empty when all is well.
pub fn trouble(camera: &CameraView) -> Cow<'_, str> {
    let gone = camera.state == SourceState::Lost;
    if !can_show(camera) && camera.input.state == "waiting" {
        let again = again(camera.input.retry_in_ms);
        return Cow::Owned(if gone { format!("Gone, {again}") } else { sentence_start(&again) });
    }
    if !can_show(camera) && camera.input.state == "refused" {
        return if camera.input.detail.is_empty() { Cow::Borrowed("Refused") } else { Cow::Borrowed(&camera.input.detail) };
    }
    if let Some(admission) = camera.admission.as_ref().filter(|admission| !admission.accepted && camera.state != SourceState::Empty) {
        let own = [format!("{}: ", camera.name), format!("Camera {}: ", camera.slot)];
        let reason = own.iter().find_map(|own| admission.reason.strip_prefix(own.as_str())).unwrap_or(&admission.reason);
        let reason = if reason.is_empty() { "Not good enough for air" } else { reason };
        return if gone { Cow::Owned(format!("Not taken: {reason}")) } else { Cow::Borrowed(reason) };
    }
    Cow::Borrowed(match camera.state {
        SourceState::Empty => "Nobody here yet",
        SourceState::Joining => "Joining",
        SourceState::Live => "",
        SourceState::Stale => "Picture is late",
        SourceState::Lost => "Gone, waiting for it",
        SourceState::Returning => "Coming back",
    })
}

/// Whether what is wrong asks for a person; waiting for somebody who never came does not.
pub fn is_alarming(camera: &CameraView) -> bool {
    !matches!(camera.state, SourceState::Empty | SourceState::Joining) || camera.input.state == "refused"
}

/// A countdown that a person can wait by.
pub fn again(millis: Option<u32>) -> String {
    millis.map_or_else(|| "trying again".into(), |millis| format!("trying again in {} s", millis.div_ceil(1000).max(1)))
}

/// A camera's network in four steps, 0 when it sends nothing.
pub fn network_steps(camera: &CameraView) -> u8 {
    if !can_show(camera) {
        return 0;
    }
    let stats = &camera.stats;
    let (loss, trip) = (stats.loss.unwrap_or(0.0), stats.rtt_ms.unwrap_or(0.0));
    let bad = [loss > 0.01 || trip > 100.0, loss > 0.04 || trip > 250.0, stats.fps.is_some_and(|fps| fps < 23.5)];
    4 - bad.iter().filter(|bad| **bad).count() as u8
}

/// A destination's state in a few words.
pub fn destination(output: &OutputView) -> String {
    match output.state.as_str() {
        "live" => bitrate(output.bitrate_bps),
        "waiting" => again(output.retry_in_ms),
        other => other.to_owned(),
    }
}

/// Whether a destination asks for a person.
pub fn is_failing(output: &OutputView) -> bool {
    matches!(output.state.as_str(), "waiting" | "refused")
}

/// What an overloaded studio leaves out; none when all is done in time.
pub fn load(load: &Load) -> Option<(&'static str, String)> {
    // From the third step on the programme itself is made with less care; before it only the console sees what is shed.
    let message = match load.level {
        0 => return None,
        1 | 2 => "This computer is short of time. Viewers see no difference.",
        _ => "This computer is short of time. Viewers see a simpler picture.",
    };
    Some((message, format!("Left out for now: {}. Close other programs.", load.shed.join("; "))))
}

/// How one picture follows another.
pub fn transition(kind: TransitionKind) -> &'static str {
    match kind {
        TransitionKind::Cut => "Cut",
        TransitionKind::Dissolve => "Dissolve",
        TransitionKind::Dip => "Dip",
        TransitionKind::Wipe => "Wipe",
    }
}

/// The camera of a slot.
pub fn camera(show: &Snapshot, slot: Option<SlotId>) -> Option<&CameraView> {
    show.cameras.iter().find(|camera| Some(camera.slot) == slot)
}

/// Whether the slate fills the programme.
pub fn slate_shows(show: &Snapshot) -> bool {
    show.program.slate || show.program.live.is_none()
}

/// Where somebody who waits at the door would stand: a known place that is empty, else the first new one.
pub fn free_place(show: &Snapshot) -> Option<SlotId> {
    let empty = show.cameras.iter().filter(|camera| camera.state == SourceState::Empty).map(|camera| camera.slot).min();
    empty.or_else(|| (1..=SlotId::MAX).map(SlotId).find(|slot| camera(show, Some(*slot)).is_none()))
}

/// Points for a side.
pub fn add_score(side: tl_show::Side, points: i32) -> Action {
    Action::AddScore { side, points }
}

/// 4.5 Mb/s.
pub fn bitrate(bps: Option<f64>) -> String {
    match bps {
        None => "–".into(),
        Some(bps) if bps >= 1e6 => format!("{:.1} Mb/s", bps / 1e6),
        Some(bps) => format!("{:.0} kb/s", bps / 1e3),
    }
}

/// 3 h 10, 12 min, 40 s.
pub fn roughly(seconds: f64) -> String {
    let minutes = (seconds.max(0.0) / 60.0) as u64;
    match minutes {
        0 => format!("{} s", seconds.max(0.0) as u64),
        1..60 => format!("{minutes} min"),
        60..6000 => format!("{} h {:02}", minutes / 60, minutes % 60),
        _ => "over 99 h".into(),
    }
}

/// 00:41:12.
pub fn elapsed(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    format!("{:02}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
}

/// 12:34; the last minute of a clock that counts down shows tenths, as rinks do.
pub fn clock(millis: u32, down: bool) -> String {
    if down && millis < 60_000 {
        return format!("{}.{}", millis / 1000, millis / 100 % 10);
    }
    let seconds = if down { millis.div_ceil(1000) } else { millis / 1000 };
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes:02}:{seconds:02}") }
}

/// −16.3, with a real minus sign; a dash when it was not measured or is silence.
pub fn loudness(lufs: Option<f32>) -> String {
    lufs.filter(|lufs| *lufs > -70.0).map_or_else(|| "–".into(), |lufs| format!("{lufs:.1}").replace('-', "−"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_on_the_control_page() {
        assert_eq!([bitrate(Some(4.52e6)), bitrate(Some(640e3)), bitrate(None)], ["4.5 Mb/s", "640 kb/s", "–"]);
        assert_eq!([roughly(11_400.0), roughly(719.0), roughly(40.9), roughly(1e9), roughly(-1.0)], ["3 h 10", "11 min", "40 s", "over 99 h", "0 s"]);
        assert_eq!([elapsed(2472.9), elapsed(-4.0)], ["00:41:12", "00:00:00"]);
        assert_eq!([clock(754_000, true), clock(753_001, true), clock(59_949, true), clock(59_949, false)], ["12:34", "12:34", "59.9", "00:59"]);
        assert_eq!(clock(3_723_000, false), "1:02:03");
        assert_eq!([loudness(Some(-16.34)), loudness(Some(-120.0)), loudness(None)], ["−16.3", "–", "–"]);
        assert_eq!([again(Some(7400)), again(Some(0)), again(None)], ["trying again in 8 s", "trying again in 1 s", "trying again"]);
    }

    #[test]
    fn overload_says_what_viewers_see() {
        let shed = vec!["small pictures come less often".to_owned()];
        assert_eq!(load(&Load::default()), None);
        assert!(load(&Load { level: 2, shed: shed.clone() }).is_some_and(|(message, _)| message.contains("no difference")));
        let (message, remedy) = load(&Load { level: 3, shed }).expect("words");
        assert!(message.contains("simpler") && remedy.contains("small pictures"));
    }
}
