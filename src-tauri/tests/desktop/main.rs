//! The program on a real display (Xvfb) with a window manager, and a person who types there (xdotool).

#![expect(clippy::expect_used, reason = "a test fails loudly")]

mod reader;
mod stage;

use std::path::Path;
use std::process::Command;

use reader::{Node, Reader};
use stage::{Program, Stage, clip, run_out, tools, wait};

/// Cameras 1 and 2: green and blue, each with a white bar that moves. No recordings of cameras.
fn two_cameras(data: &Path) -> String {
    let (green, blue) = (clip(data, "green.mp4", "0x10a040"), clip(data, "blue.mp4", "0x2040d0"));
    let camera = |slot: u16, path: &Path| format!("[[camera]]\nslot = {slot}\nprotocol = \"file\"\npath = \"{}\"\n", path.display());
    let settings = format!("[recording]\niso = false\n{}{}", camera(1, &green), camera(2, &blue));
    let file = data.join("touchline.toml");
    std::fs::write(&file, settings).expect("settings");
    file.display().to_string()
}

fn is_green([r, g, b]: &[u8; 3]) -> bool {
    *g > 110 && *r < 90 && *b < 120
}

fn is_blue([r, g, b]: &[u8; 3]) -> bool {
    *b > 150 && *r < 90 && *g < 110
}

/// Share of a window's pixels that are green, and that are blue.
fn shares(stage: &Stage, window: &str) -> (f64, f64) {
    let pixels = stage.pixels(window);
    let share = |what: fn(&[u8; 3]) -> bool| pixels.iter().filter(|pixel| what(pixel)).count() as f64 / pixels.len().max(1) as f64;
    (share(is_green), share(is_blue))
}

/// Waits until the window's picture changes by itself.
fn wait_for_movement(stage: &Stage, window: &str) {
    let mut first = stage.pixels(window);
    wait("a moving picture", || {
        let now = stage.pixels(window);
        if now.len() != first.len() {
            // It was just changing its size, or was not there yet.
            first = now;
            return None;
        }
        let moved = now.iter().zip(&first).filter(|(now, first)| now.iter().zip(*first).any(|(now, first)| now.abs_diff(*first) > 60)).count();
        (moved * 500 > now.len()).then_some(())
    });
}

#[test]
fn a_person_directs_at_the_window() {
    let Some(()) = tools() else { return };
    let stage = Stage::open(1_280, 760);
    let data = tempfile::tempdir().expect("a folder");
    let settings = two_cameras(data.path());
    let program = Program::start(Some(&stage.display), data.path(), &["--config", &settings, "--cameras", "4"]);
    let first = program.wait_for_cameras(2);
    let window = wait("the window", || stage.window("Touchline"));
    stage.xdotool(&["windowsize", &window, "1280", "720"]);
    wait_for_movement(&stage, &window);
    let live = first.program.live.map(|slot| slot.0);
    let (key, wanted) = if live == Some(2) { ("1", 1) } else { ("2", 2) };
    let more = |(green, blue): (f64, f64)| if wanted == 2 { blue - green } else { green - blue };

    // The other camera is small now, and large once its key is pressed.
    stage.xdotool(&["windowactivate", "--sync", &window]);
    let before = more(shares(&stage, &window));
    stage.keep(&window, "before_the_cut");
    stage.xdotool(&["key", key]);
    wait("the cut", || program.snapshot().filter(|snapshot| snapshot.program.live.map(|slot| slot.0) == Some(wanted)));
    wait("the cut in the window", || (more(shares(&stage, &window)) > before + 0.05).then_some(()));
    stage.keep(&window, "after_the_cut");
    let cut = wait("the event", || program.events().into_iter().find(|event| event["type"] == "cut_made" && event["by"] == "window"));
    assert_eq!(cut["to"], wanted, "{cut}");

    // The control page's process dies; the show knows nothing of it.
    let page = wait("the control page", || program.children("WebKitWebProces").first().copied());
    let seen = program.snapshot().expect("a snapshot").output.frames;
    assert!(Command::new("kill").args(["-9", &page.to_string()]).status().expect("kill starts").success());
    wait("the page's end", || program.children("WebKitWebProces").is_empty().then_some(()));
    wait("its window's end", || stage.window("Touchline: control page").is_none().then_some(()));
    wait("the programme", || program.snapshot().filter(|snapshot| snapshot.output.frames > seen + 30));
    wait_for_movement(&stage, &window);

    // Another size, gone, and back.
    stage.xdotool(&["windowsize", &window, "1000", "600"]);
    wait("the new size", || (stage.size(&window) == Some((1_000, 600))).then_some(()));
    // The rail lies at the right edge again.
    wait("the new layout", || stage.lights(&window, 940, 980).then_some(()));
    wait_for_movement(&stage, &window);
    stage.keep(&window, "smaller");
    stage.xdotool(&["windowminimize", "--sync", &window]);
    wait("the window's leave", || stage.window("Touchline").is_none().then_some(()));
    let seen = program.snapshot().expect("a snapshot").output.frames;
    wait("the programme", || program.snapshot().filter(|snapshot| snapshot.output.frames > seen + 30));
    stage.xdotool(&["windowactivate", "--sync", &window]);
    wait_for_movement(&stage, &window);
    stage.keep(&window, "back");
    program.finish();
}

#[test]
fn closing_on_air_asks_first_and_ends_well() {
    let Some(()) = tools() else { return };
    let stage = Stage::open(1_280, 760);
    let data = tempfile::tempdir().expect("a folder");
    let settings = two_cameras(data.path());
    let mut program = Program::start(Some(&stage.display), data.path(), &["--config", &settings, "--cameras", "2"]);
    program.wait_for_cameras(2);
    let window = wait("the window", || stage.window("Touchline"));
    wait_for_movement(&stage, &window);
    wait("the programme's recording", || program.snapshot().filter(|snapshot| snapshot.recordings.iter().any(|recording| recording.writing)));

    // Even while it is minimised: then it comes back and asks.
    stage.xdotool(&["windowminimize", "--sync", &window]);
    wait("the window's leave", || stage.window("Touchline").is_none().then_some(()));
    stage.ask_to_close(&window);
    wait("the question", || stage.window("Touchline"));
    let seen = program.snapshot().expect("a snapshot").output.frames;
    wait("the show", || program.snapshot().filter(|snapshot| snapshot.output.frames > seen + 30));
    wait_for_movement(&stage, &window);
    stage.keep(&window, "asked");

    // The answer is a button of the dialog, which the keys reach.
    stage.xdotool(&["windowfocus", "--sync", &window]);
    stage.xdotool(&["key", "Escape"]);
    let seen = program.snapshot().expect("a snapshot").output.frames;
    wait("the show", || program.snapshot().filter(|snapshot| snapshot.output.frames > seen + 30));
    // A request to end from the system is not asked about, and its files are whole.
    assert!(Command::new("kill").arg(program.child.id().to_string()).status().expect("kill starts").success());
    assert!(program.ended(), "{}", program.said());
}

#[test]
fn a_studio_that_cannot_start_takes_its_window_away_and_says_why() {
    let Some(()) = tools() else { return };
    let stage = Stage::open(1_280, 760);
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("no folder");
    std::fs::write(&file, "a file").expect("written");
    let (code, said) = run_out(Some(&stage.display), &file);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.lines().last().is_some_and(|line| line.starts_with("touchline: ") && line.contains("no folder")), "{said}");
}

#[test]
fn a_start_from_a_menu_shows_why_it_failed() {
    let Some(()) = tools() else { return };
    let stage = Stage::open(1_280, 760);
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("no folder");
    std::fs::write(&file, "a file").expect("written");
    let mut program = Program::start_as(&["--from-menu"], &[], Some(&stage.display), &file, &[]);
    let shown = wait("the reason", || stage.window("Touchline: stopped"));
    assert!(program.said().contains("no folder"), "{}", program.said());
    stage.keep(&shown, "stopped");
    stage.xdotool(&["windowfocus", "--sync", &shown]);
    stage.xdotool(&["key", "Escape"]);
    assert!(!program.ended(), "it ended as if all were well");
}

#[test]
fn the_show_outlives_its_display() {
    let Some(()) = tools() else { return };
    let mut stage = Stage::open(1_280, 760);
    let data = tempfile::tempdir().expect("a folder");
    let settings = two_cameras(data.path());
    let program = Program::start(Some(&stage.display), data.path(), &["--config", &settings, "--cameras", "2"]);
    program.wait_for_cameras(2);
    let window = wait("the window", || stage.window("Touchline"));
    wait_for_movement(&stage, &window);
    // What the start costs is no matter of the display.
    program.wait_for_a_calm_second();
    stage.kill_display();
    let before = program.snapshot().expect("a snapshot").output;
    let after = wait("two more seconds of show", || program.snapshot().map(|snapshot| snapshot.output).filter(|output| output.frames > before.frames + 60));
    assert!(after.dropped - before.dropped <= 15, "half a second at most: {before:?} {after:?}");
    assert!(program.said().contains("The display is gone"), "{}", program.said());
    program.finish();
}

#[test]
fn the_show_outlives_its_session_bus() {
    let (Some(()), Some(mut reader)) = (tools(), Reader::start()) else { return };
    let stage = Stage::open(1_280, 760);
    let data = tempfile::tempdir().expect("a folder");
    let settings = two_cameras(data.path());
    let words = ["--config", &settings, "--cameras", "2"];
    let program = Program::start_as(&[], &[("DBUS_SESSION_BUS_ADDRESS", &reader.bus)], Some(&stage.display), data.path(), &words);
    program.wait_for_cameras(2);
    let window = wait("the window", || stage.window("Touchline"));
    wait_for_movement(&stage, &window);
    reader.kill_bus();
    let before = program.snapshot().expect("a snapshot").output.frames;
    wait("three more seconds of show", || program.snapshot().filter(|snapshot| snapshot.output.frames > before + 90));
    wait_for_movement(&stage, &window);
    program.finish();
}

#[test]
fn a_window_without_a_show_closes_without_a_question() {
    let Some(()) = tools() else { return };
    let stage = Stage::open(1_280, 760);
    let data = tempfile::tempdir().expect("a folder");
    std::fs::write(data.path().join("window.json"), "{ broken").expect("written");
    let mut program = Program::start(Some(&stage.display), data.path(), &[]);
    let window = wait("the window", || stage.window("Touchline"));
    assert!(program.said().contains("the window starts as it usually looks"), "{}", program.said());
    wait("its content", || (stage.pixels(&window).iter().collect::<std::collections::HashSet<_>>().len() > 20).then_some(()));
    stage.keep(&window, "empty");

    // A second start with the same folder ends at once, well, and says so.
    let (code, said) = run_out(Some(&stage.display), data.path());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("runs already"), "{said}");

    stage.xdotool(&["windowfocus", "--sync", &window]);
    stage.xdotool(&["key", "--clearmodifiers", "alt+F4"]);
    assert!(program.ended(), "{}", program.said());
    let kept = std::fs::read_to_string(data.path().join("window.json")).expect("what is remembered");
    assert!(kept.contains("multiview") && !data.path().join("window.instance.json").exists(), "{kept}");
}

#[test]
fn a_screen_reader_finds_every_control_and_presses_one() {
    let (Some(()), Some(reader)) = (tools(), Reader::start()) else { return };
    let stage = Stage::open(1_280, 760);
    let data = tempfile::tempdir().expect("a folder");
    let program = Program::start_as(&[], &[("DBUS_SESSION_BUS_ADDRESS", &reader.bus)], Some(&stage.display), data.path(), &[]);
    let button = wait("the button that shows all keys", || reader.all().into_iter().find(|node| node.is_button() && node.name == "All keys"));
    let buttons: Vec<_> = reader.all().into_iter().filter(Node::is_button).collect();
    assert!(buttons.len() > 10 && buttons.iter().all(|button| !button.name.is_empty()), "{buttons:?}");
    assert!(!reader.all().iter().any(|node| node.name.contains("Cut to that camera")), "the keys are not shown yet");
    reader.press(&button);
    wait("all keys", || reader.all().into_iter().find(|node| node.name.contains("Cut to that camera")));
    program.finish();
}

#[test]
fn without_a_display_the_studio_runs_without_a_window() {
    for (display, words) in [(None, "there is no display here"), (Some(":9876"), "does not answer")] {
        let data = tempfile::tempdir().expect("a folder");
        let program = Program::start(display, data.path(), &[]);
        wait("the studio", || program.snapshot());
        assert!(program.said().lines().any(|line| line.starts_with("No window") && line.contains(words)), "{}", program.said());
        program.finish();
    }
}
