//! What keys and clicks ask for, by role and label.

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use tl_base::SlotId;
use tl_console::Asked;
use tl_console::egui::accesskit::Role;
use tl_console::egui::{Event, Key, Modifiers};
use tl_show::{Action, Side, SourceState, TransitionKind};

use crate::show::{nobody_yet, on_air, request, warning};
use crate::stage::{Stage, window};

const USUAL: (f32, f32) = (1280.0, 720.0);

type Window = Harness<'static, Option<Stage>>;

fn asked(window: &mut Window) -> Vec<Asked> {
    window.run();
    std::mem::take(&mut window.state_mut().as_mut().expect("a stage").asked)
}

fn act(action: Action) -> Vec<Asked> {
    vec![Asked::Command(action)]
}

fn key(key: Key, physical_key: Option<Key>, modifiers: Modifiers) -> Event {
    Event::Key { key, physical_key, pressed: true, repeat: false, modifiers }
}

#[track_caller]
fn check_key(event: Event, expect: &[Asked]) {
    let mut window = window(USUAL, Some(on_air(6)));
    window.event(event);
    assert_eq!(asked(&mut window), expect);
}

#[test]
fn digits_cut_and_with_shift_choose() {
    let cut = act(Action::Cut { slot: SlotId(3) });
    let next = act(Action::Preview { slot: SlotId(3) });
    check_key(key(Key::Num3, Some(Key::Num3), Modifiers::NONE), &cut);
    check_key(key(Key::Num3, None, Modifiers::NONE), &cut);
    // The same place on a French keyboard types a quotation mark, and Shift and 3 an exclamation mark elsewhere.
    check_key(key(Key::Quote, Some(Key::Num3), Modifiers::NONE), &cut);
    check_key(key(Key::Exclamationmark, Some(Key::Num3), Modifiers::SHIFT), &next);
    // On the number pad, with the lock off.
    check_key(key(Key::PageDown, Some(Key::Num3), Modifiers::NONE), &cut);
    // A German slash is Shift and 7, not the question mark of others, and there is no camera 7.
    check_key(key(Key::Slash, Some(Key::Num7), Modifiers::SHIFT), &[]);
    check_key(key(Key::Num9, Some(Key::Num9), Modifiers::NONE), &[]);
    check_key(key(Key::Num3, Some(Key::Num3), Modifiers::CTRL), &[]);
    check_key(key(Key::Num3, Some(Key::Num3), Modifiers::ALT), &[]);
    // A key that is held repeats; it cuts once.
    let mut held = window(USUAL, Some(on_air(6)));
    held.event(key(Key::Num3, Some(Key::Num3), Modifiers::NONE));
    held.event(key(Key::Num3, Some(Key::Num3), Modifiers::NONE));
    assert_eq!(asked(&mut held), cut);
}

#[test]
fn the_other_keys_do_what_the_control_page_does() {
    let plain = |which| key(which, Some(which), Modifiers::NONE);
    check_key(plain(Key::Space), &act(Action::Take {}));
    check_key(plain(Key::Enter), &act(Action::Mix { kind: None, duration_ms: None }));
    check_key(plain(Key::B), &act(Action::Slate { on: true }));
    check_key(plain(Key::F11), &[Asked::FullScreen(true)]);
    check_key(plain(Key::Escape), &[]);
    check_key(key(Key::B, Some(Key::B), Modifiers::SHIFT), &[]);
}

#[test]
fn slate_and_full_screen_go_both_ways() {
    let mut show = on_air(2);
    show.program.slate = true;
    let mut window = window(USUAL, Some(show));
    window.state_mut().as_mut().expect("a stage").full_screen = true;
    window.key_press(Key::B);
    window.key_press(Key::Escape);
    assert_eq!(asked(&mut window), [Asked::Command(Action::Slate { on: false }), Asked::FullScreen(false)]);
}

#[test]
fn a_tile_is_clicked_by_its_name() {
    let mut window = window(USUAL, Some(on_air(6)));
    window.get_by_role_and_label(Role::Button, "Camera 3, Goal line").click();
    assert_eq!(asked(&mut window), act(Action::Cut { slot: SlotId(3) }));
    window.get_by_label("Camera 4, Bench").click_modifiers(Modifiers::SHIFT);
    assert_eq!(asked(&mut window), act(Action::Preview { slot: SlotId(4) }));
    window.get_by_label("Camera 5, Stand").click_secondary();
    assert_eq!(asked(&mut window), act(Action::Preview { slot: SlotId(5) }));
    window.get_by_label("Camera 2, Corner left, next").click_accesskit();
    assert_eq!(asked(&mut window), act(Action::Cut { slot: SlotId(2) }));
}

#[test]
fn tiles_say_what_they_show() {
    let mut show = on_air(6);
    show.cameras[1].state = SourceState::Lost;
    show.cameras[2].state = SourceState::Returning;
    show.cameras[3].name = "Camera 4".into();
    let window = window(USUAL, Some(show));
    for name in ["Camera 1, Centre, live", "Camera 2, Corner left, next, Gone, waiting for it", "Camera 3, Goal line, Coming back", "Camera 4"] {
        window.get_by_role_and_label(Role::Button, name);
    }
    for words in [
        "Lions 2, Bears 1, period 2, clock 12:34",
        "On air for 00:41:12",
        "REC 3 h 10 left",
        "YouTube 4.5 Mb/s",
        "Live: 1 Centre",
        "Next: 2 Corner left, Gone, waiting for it",
    ] {
        window.get_by_label(words);
    }
    window.get_by_role_and_label(Role::Meter, "Sound of Centre");
    window.get_by_label("Let a phone join: open 192.168.1.20:8443 and type 48217730");
}

#[test]
fn the_rail_cuts_and_mixes() {
    let mut window = window(USUAL, Some(on_air(6)));
    let expect = [
        ("Take", Action::Take {}),
        ("Mix", Action::Mix { kind: None, duration_ms: None }),
        ("Slate", Action::Slate { on: true }),
        ("Mix by wipe", Action::SetTransition { kind: TransitionKind::Wipe, duration_ms: 500 }),
        ("Mix in 1 s", Action::SetTransition { kind: TransitionKind::Dissolve, duration_ms: 1000 }),
        ("One point more for Lions", Action::AddScore { side: Side::Home, points: 1 }),
        ("One point less for Bears", Action::AddScore { side: Side::Away, points: -1 }),
        ("Stop the clock", Action::StopClock {}),
        ("Period 2. Go to the next", Action::SetPeriod { period: 3 }),
        ("Undo", Action::Undo {}),
    ];
    for (label, action) in expect {
        window.get_by_role_and_label(Role::Button, label).click();
        assert_eq!(asked(&mut window), act(action), "{label}");
    }
    window.get_by_label("Control page").click();
    assert_eq!(asked(&mut window), [Asked::OpenDesk]);
}

#[test]
fn without_a_next_camera_there_is_nothing_to_take() {
    let mut window = window(USUAL, Some(on_air(1)));
    window.get_by_role_and_label(Role::Button, "Take").click();
    assert_eq!(asked(&mut window), []);
}

#[test]
fn who_waits_at_the_door_is_let_in_to_the_first_free_place() {
    let mut show = on_air(4);
    show.joins = vec![request("r7", "Jo", "771002")];
    let mut window = window(USUAL, Some(show));
    window.get_by_label("Jo waits to come in, number 771 002");
    window.get_by_label("Let Jo in").click();
    assert_eq!(asked(&mut window), act(Action::AdmitPhone { request: "r7".into(), slot: SlotId(5) }));
    window.get_by_label("Send Jo away").click();
    assert_eq!(asked(&mut window), act(Action::RefusePhone { request: "r7".into() }));
}

#[test]
fn the_list_of_keys_opens_and_shields_the_show() {
    let mut window = window(USUAL, Some(on_air(6)));
    window.key_press(Key::Questionmark);
    assert_eq!(asked(&mut window), []);
    window.get_by_role_and_label(Role::Dialog, "Keys");
    window.key_press(Key::Space);
    window.get_by_label("Camera 3, Goal line").click();
    assert_eq!(asked(&mut window), []);
    window.key_press(Key::Escape);
    asked(&mut window);
    assert!(window.query_by_role_and_label(Role::Dialog, "Keys").is_none());
    window.get_by_label("All keys").click();
    asked(&mut window);
    window.get_by_label("Close").click();
    asked(&mut window);
    assert!(window.query_by_role_and_label(Role::Dialog, "Keys").is_none());
    window.key_press(Key::Space);
    assert_eq!(asked(&mut window), act(Action::Take {}));
}

#[test]
fn closing_on_air_is_asked_and_enter_does_not_mean_yes() {
    let mut window = window(USUAL, Some(on_air(6)));
    window.state_mut().as_mut().expect("a stage").asking_to_close = true;
    window.key_press(Key::Enter);
    window.key_press(Key::Num3);
    assert_eq!(asked(&mut window), []);
    window.key_press(Key::Escape);
    assert_eq!(asked(&mut window), [Asked::StayOpen]);
    window.get_by_label("Stay on air").click();
    assert_eq!(asked(&mut window), [Asked::StayOpen]);
    window.get_by_role_and_label(Role::Button, "Close and go off air").click();
    assert_eq!(asked(&mut window), [Asked::Close]);
}

#[test]
fn a_button_reached_by_keyboard_keeps_space_and_enter() {
    let mut window = window(USUAL, Some(on_air(6)));
    window.get_by_label("Undo").focus();
    asked(&mut window);
    window.key_press(Key::Space);
    assert_eq!(asked(&mut window), act(Action::Undo {}));
    window.key_press(Key::Num4);
    assert_eq!(asked(&mut window), act(Action::Cut { slot: SlotId(4) }));
}

#[test]
fn an_empty_studio_shows_the_way_in() {
    let mut window = window(USUAL, Some(nobody_yet()));
    window.get_by_label("Let a phone join: open 192.168.1.20:8443 and type 48217730");
    window.get_by_label("Open the control page").click();
    assert_eq!(asked(&mut window), [Asked::OpenDesk]);
    window.key_press(Key::Num1);
    assert_eq!(asked(&mut window), act(Action::Cut { slot: SlotId(1) }));
}

#[test]
fn warnings_and_overload_are_read_out_and_move_nothing() {
    let mut calm = window(USUAL, Some(on_air(4)));
    let places = |window: &Window| ["Take", "Undo", "Camera 1, Centre, live"].map(|label| window.get_by_label(label).rect());
    let before = places(&calm);
    let show = calm.state_mut().as_mut().and_then(|stage| stage.show.as_mut()).expect("a show");
    show.warnings = vec![warning("camera 4", "Bench is gone.", "Ask who holds it.")];
    show.load = tl_wire::Load { level: 3, shed: vec!["the programme is encoded less finely".into()] };
    asked(&mut calm);
    calm.get_by_role_and_label(Role::Alert, "Bench is gone. Ask who holds it.");
    calm.get_by_label_contains("Viewers see a simpler picture.");
    assert_eq!(places(&calm), before);
}

#[test]
fn the_gaps_can_be_dragged_and_are_remembered() {
    let mut window = window(USUAL, Some(on_air(6)));
    let rail = window.get_by_label("Take").rect().left();
    let from = tl_console::egui::pos2(rail - 12.0, 300.0);
    window.hover_at(from);
    asked(&mut window);
    window.drag_at(from);
    asked(&mut window);
    window.hover_at(from - tl_console::egui::vec2(60.0, 0.0));
    asked(&mut window);
    window.drop_at(from - tl_console::egui::vec2(60.0, 0.0));
    assert_eq!(asked(&mut window), []);
    let points = window.state().as_ref().expect("a stage").layout().rail_points;
    assert!((330.0..350.0).contains(&points), "{points}");
}

#[test]
fn a_studio_that_says_nothing_is_told_and_one_that_speaks_again_is_not() {
    let mut window = window(USUAL, Some(on_air(4)));
    let later = |window: &mut Window, seconds, spoken| {
        let stage = window.state_mut().as_mut().expect("a stage");
        stage.now += std::time::Duration::from_secs(seconds);
        if let Some(show) = stage.show.as_mut().filter(|_| spoken) {
            show.media_time += tl_base::MediaTime::from_secs(1);
        }
        asked(window);
    };
    later(&mut window, 2, false);
    assert!(window.query_by_label_contains("has said nothing").is_none());
    later(&mut window, 2, false);
    window.get_by_label_contains("The studio has said nothing for 4 s.");
    later(&mut window, 1, true);
    assert!(window.query_by_label_contains("has said nothing").is_none());
}

#[test]
fn keys_belong_to_whoever_writes() {
    let mut window = window(USUAL, Some(on_air(6)));
    window.state_mut().as_mut().expect("a stage").field = Some(String::new());
    asked(&mut window);
    for typed in [Key::Num3, Key::B, Key::Space, Key::Questionmark] {
        window.key_press(typed);
        assert_eq!(asked(&mut window), [], "{typed:?}");
    }
}
