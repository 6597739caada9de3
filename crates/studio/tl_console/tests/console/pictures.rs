//! Every state of the window, to look at.

use egui_kittest::kittest::Queryable as _;
use tl_base::SlotId;
use tl_console::egui::Key;
use tl_show::{SoundChoice, SourceState};
use tl_wire::{InputView, Load, Snapshot};

use crate::golden::assert_golden_window;
use crate::show::{camera, empty_camera, nobody_yet, on_air, output, refused, request, warning};
use crate::stage::{Stage, window};

const SMALL: (f32, f32) = (800.0, 600.0);
const USUAL: (f32, f32) = (1280.0, 720.0);
const LARGE: (f32, f32) = (1920.0, 1080.0);

#[track_caller]
fn check(name: &str, size: (f32, f32), show: Option<Snapshot>, change: impl FnOnce(&mut Stage)) {
    let mut window = window(size, show);
    change(window.state_mut().as_mut().expect("a stage"));
    window.run();
    assert_golden_window(name, &mut window);
}

#[test]
fn starting() {
    check("starting", USUAL, None, |_| {});
}

#[test]
fn starting_with_trouble() {
    let notice = "The control page did not open: no webview is installed here. The show runs; open the link on another device.";
    check("starting_with_trouble", SMALL, None, |stage| stage.notice = Some(notice.into()));
}

#[test]
fn empty() {
    check("empty", USUAL, Some(nobody_yet()), |_| {});
    check("empty_large", LARGE, Some(nobody_yet()), |_| {});
    check("empty_small", SMALL, Some(nobody_yet()), |_| {});
    check("empty_without_a_door", USUAL, Some(nobody_yet()), |stage| stage.join = None);
}

#[test]
fn six_cameras_on_air() {
    check("six", USUAL, Some(on_air(6)), |_| {});
    check("six_large", LARGE, Some(on_air(6)), |_| {});
    check("six_small", SMALL, Some(on_air(6)), |_| {});
}

#[test]
fn one_camera() {
    check("one", USUAL, Some(on_air(1)), |_| {});
}

#[test]
fn twelve_cameras() {
    check("twelve", USUAL, Some(on_air(12)), |_| {});
    check("twelve_large", LARGE, Some(on_air(12)), |_| {});
    check("twelve_small", SMALL, Some(on_air(12)), |_| {});
}

#[test]
fn cameras_come_and_go() {
    let mut show = on_air(8);
    let away = |state: &str, retry| InputView { state: state.into(), retry_in_ms: retry, ..InputView::default() };
    (show.cameras[1].state, show.cameras[1].input) = (SourceState::Lost, away("waiting", Some(2_600)));
    show.cameras[2].state = SourceState::Returning;
    show.cameras[3].state = SourceState::Stale;
    show.cameras[4] = tl_wire::CameraView { state: SourceState::Joining, name: "Stand".into(), ..empty_camera(5) };
    show.cameras[5].admission = refused("Picture too small: ask for landscape and 720p");
    show.cameras[6].state = SourceState::Lost;
    show.cameras.pop();
    show.cameras[0].locked = false;
    show.cameras[0].level_dbfs = Some(-1.0);
    show.warnings = vec![warning("camera 2", "Corner left is gone.", "Ask who holds it to unlock the phone; it comes back by itself.")];
    check("come_and_go", USUAL, Some(show), |_| {});
}

#[test]
fn slate() {
    let mut show = on_air(4);
    show.program.slate = true;
    check("slate", USUAL, Some(show), |_| {});
}

fn troubled() -> Snapshot {
    let mut show = on_air(6);
    show.cameras[3].state = SourceState::Lost;
    show.joins = vec![request("r1", "Katharina from the upper balcony", "204913"), request("r2", "Jo", "771002")];
    show.warnings = vec![
        warning("camera 4", "Bench is gone.", "Ask who holds it to unlock the phone; it comes back by itself."),
        warning("YouTube", "YouTube cannot be reached.", "Viewers there see a pause. It is tried again in 8 s; check the internet line."),
        warning("disk", "The disk is filling up.", "Recording stops in 25 minutes. Free some space or plug in another drive."),
        warning("camera 3", "Goal line is shaking.", "Ask them to lean on the rail."),
        warning("machine", "This computer runs hot: 88 °C.", "Let air to its sides."),
    ];
    show.load =
        Load { level: 2, shed: vec!["small pictures of cameras come less often".into(), "cameras that are off air show a picture now and then".into()] };
    show.meter.peak_dbfs = [-0.4, -2.0];
    show.sound = SoundChoice::Mix;
    show
}

#[test]
fn many_warnings() {
    check("warnings", USUAL, Some(troubled()), |_| {});
    check("warnings_large", LARGE, Some(troubled()), |stage| stage.notice = Some("The control page did not open. Open its link in a browser.".into()));
    check("warnings_small", SMALL, Some(troubled()), |_| {});
}

#[test]
fn destinations_fail() {
    let mut show = on_air(4);
    (show.outputs[1].state, show.outputs[1].retry_in_ms, show.outputs[1].bitrate_bps) = ("waiting".into(), Some(7_400), None);
    let mut second = output("Verbands-Livestream Nordwest", "rtmp");
    second.state = "refused".into();
    show.outputs.push(second);
    check("destinations", USUAL, Some(show.clone()), |_| {});
    show.outputs.push(output("Club server", "srt"));
    check("destinations_three", USUAL, Some(show), |_| {});
}

#[test]
fn disk_nearly_full() {
    let mut show = on_air(4);
    (show.health.disk_left_s, show.health.disk_free_bytes) = (Some(1500.0), Some(4_100_000_000));
    show.recordings[2].problem = "Its end is torn: the last 3 s cannot be read. Repair it.".into();
    show.warnings = vec![warning("disk", "The disk is filling up.", "Recording stops in 25 minutes. Free some space or plug in another drive.")];
    check("disk", USUAL, Some(show), |_| {});
}

#[test]
fn help() {
    for (name, size) in [("help", USUAL), ("help_small", SMALL)] {
        let mut window = window(size, Some(on_air(6)));
        window.key_press(Key::Questionmark);
        window.run();
        assert_golden_window(name, &mut window);
    }
}

#[test]
fn closing_on_air() {
    check("question", USUAL, Some(on_air(6)), |stage| stage.asking_to_close = true);
    check("question_small", SMALL, Some(on_air(6)), |stage| stage.asking_to_close = true);
}

#[test]
fn very_long_names() {
    let mut show = on_air(6);
    for camera in &mut show.cameras {
        camera.name = format!("Katharina from the upper balcony {}", camera.slot);
    }
    show.teams[0].name = "Rheinland-Pfalz Eislöwen Jugend A".into();
    show.teams[1].name = "Schwenninger Wild Wings U17 Reserve".into();
    (show.teams[0].score, show.teams[1].score) = (107, 12);
    show.clock.period = 12;
    show.outputs[1].name = "Verbands-Livestream Nordwest".into();
    show.warnings = vec![warning("camera 4", "Katharina from the upper balcony 4 is gone since a long while.", &"Ask who holds it. ".repeat(9))];
    show.program.live = Some(SlotId(3));
    check("long_names", USUAL, Some(show.clone()), |_| {});
    check("long_names_small", SMALL, Some(show), |_| {});
}

#[test]
fn places_with_gaps() {
    let mut show = on_air(3);
    show.cameras.push(camera(7));
    show.cameras[1] = empty_camera(2);
    show.program.next = None;
    check("gaps", USUAL, Some(show), |stage| stage.full_screen = true);
}

#[test]
fn keyboard_and_pointer() {
    let mut window = window(USUAL, Some(on_air(6)));
    window.get_by_label("Camera 3, Goal line").focus();
    window.run();
    window.get_by_label("Mix").hover();
    window.run();
    assert_golden_window("focus", &mut window);
}
