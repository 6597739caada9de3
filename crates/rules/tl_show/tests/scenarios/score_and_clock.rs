//! Score, clock, teams and graphics, and taking them back.

use tl_show::RefusalKind::{Conflict, Invalid};
use tl_show::{Fact, Graphic, Side};

use crate::stage::Stage;

const GOAL: &str = r#"{"type":"add_score","side":"home","points":1}"#;
const UNDO: &str = r#"{"type":"undo"}"#;
const MINUTE: u32 = 60_000;

#[test]
fn scores_stay_in_range() {
    let mut stage = Stage::with_cameras(0);
    stage.ask(GOAL);
    stage.score(1, 0).refuse(r#"{"type":"add_score","side":"away","points":-1}"#, Invalid, "between 0 and 999");
    stage.refuse(r#"{"type":"set_score","side":"away","points":1000}"#, Invalid, "between 0 and 999");
    stage.refuse(r#"{"type":"add_score","side":"home","points":2147483647}"#, Invalid, "between 0 and 999");
    stage.refuse(r#"{"type":"add_score","side":"home","points":-2147483648}"#, Invalid, "between 0 and 999");
    stage.ask(r#"{"type":"set_score","side":"away","points":999}"#);
    assert_eq!(stage.score(1, 999).ask(r#"{"type":"add_score","side":"away","points":0}"#), 0);
}

#[test]
fn the_clock_counts_down_stops_and_runs_out() {
    let mut stage = Stage::with_cameras(0);
    stage.clock(20 * MINUTE, false).ask(r#"{"type":"start_clock"}"#);
    stage.wait(5_000).clock(20 * MINUTE - 5_000, true);
    assert_eq!(stage.ask(r#"{"type":"start_clock"}"#), 0);
    stage.ask(r#"{"type":"stop_clock"}"#);
    stage.wait(60_000).clock(20 * MINUTE - 5_000, false);
    assert_eq!(stage.ask(r#"{"type":"stop_clock"}"#), 0);
    stage.ask(r#"{"type":"set_clock","millis":3000}"#);
    stage.ask(r#"{"type":"start_clock"}"#);
    stage.wait(10_000).clock(0, true).ask(r#"{"type":"stop_clock"}"#);
    stage.clock(0, false).refuse(r#"{"type":"start_clock"}"#, Conflict, "set it first");
    stage.refuse(r#"{"type":"set_clock","millis":36000000}"#, Invalid, "9:59:59");
    stage.ask(r#"{"type":"set_clock","millis":35999999}"#);
    // A period does not disturb a running clock.
    stage.ask(r#"{"type":"start_clock"}"#);
    stage.wait(1_000).ask(r#"{"type":"set_period","period":2}"#);
    stage.wait(1_000).clock(35_997_999, true);
    assert_eq!(stage.show.clock().period, 2);
    stage.refuse(r#"{"type":"set_period","period":0}"#, Invalid, "1 to 99").refuse(r#"{"type":"set_period","period":100}"#, Invalid, "1 to 99");
}

#[test]
fn undo_takes_back_one_change_after_the_other() {
    let mut stage = Stage::with_cameras(1);
    stage.refuse(UNDO, Conflict, "nothing to undo");
    stage.ask(GOAL);
    stage.ask(r##"{"type":"set_team","side":"away","name":"Rovers","short":"ROV","colour":"#A0B1C2"}"##);
    stage.ask(r#"{"type":"cut","slot":1}"#);
    stage.ask(r##"{"type":"graphic","graphic":"lower_third","on":true,"title":"Anna Berg","subtitle":"Goalkeeper"}"##);
    stage.ask(GOAL);
    stage.score(2, 0).ask(UNDO);
    stage.score(1, 0).ask(UNDO);
    assert!(!stage.show.graphic(Graphic::LowerThird).on);
    assert_eq!(stage.show.team(Side::Away).colour, "#a0b1c2");
    stage.ask(UNDO);
    assert_eq!(stage.show.team(Side::Away).name, "Away");
    stage.ask(UNDO);
    stage.score(0, 0).on_air(Some(1), None).refuse(UNDO, Conflict, "nothing to undo");
    // What is done after an undo can be taken back as well.
    stage.ask(GOAL);
    stage.ask(UNDO);
    stage.score(0, 0);
}

#[test]
fn undoing_a_stop_is_as_if_the_clock_had_never_stopped() {
    let mut stage = Stage::with_cameras(0);
    stage.ask(r#"{"type":"start_clock"}"#);
    stage.wait(10_000).ask(r#"{"type":"stop_clock"}"#);
    stage.wait(3_000).ask(UNDO);
    stage.clock(20 * MINUTE - 13_000, true).ask(UNDO);
    stage.clock(20 * MINUTE, false);
}

#[test]
fn an_undo_whose_second_half_was_lost_still_holds() {
    let mut stage = Stage::with_cameras(0);
    stage.ask(GOAL);
    stage.ask(GOAL);
    stage.ask(UNDO);
    assert!(matches!(stage.log.pop(), Some((Fact::TeamSet { .. }, _))));
    let show = stage.replayed();
    assert_eq!(show.team(Side::Home).score, 1);
    stage.show = show;
    stage.ask(UNDO);
    stage.score(0, 0).refuse(UNDO, Conflict, "nothing to undo");
}

#[test]
fn an_undo_of_something_else_does_nothing() {
    let mut stage = Stage::with_cameras(0);
    stage.ask(GOAL);
    stage.happen(Fact::Undone { seq: 77 }).score(1, 0);
}

#[test]
fn only_the_last_hundred_changes_can_be_taken_back() {
    let mut stage = Stage::with_cameras(0);
    for _ in 0..150 {
        stage.ask(GOAL);
    }
    for _ in 0..100 {
        stage.ask(UNDO);
    }
    stage.score(50, 0).refuse(UNDO, Conflict, "nothing to undo");
}

#[test]
fn words_are_short_plain_lines() {
    let mut stage = Stage::with_cameras(1);
    let team =
        |name: &str, short: &str, colour: &str| serde_json::json!({"type":"set_team","side":"home","name":name,"short":short,"colour":colour}).to_string();
    stage.ask(&team("Kölner Haie Ü15", "KÖLN", "#FFFFFF"));
    assert_eq!(stage.show.team(Side::Home).colour, "#ffffff");
    stage.refuse(&team(&"x".repeat(41), "X", "#000000"), Invalid, "40 characters");
    stage.refuse(&team("X", "SIXSIX", "#000000"), Invalid, "5 characters");
    stage.refuse(&team(" ", "X", "#000000"), Invalid, "needs a name");
    stage.refuse(&team("a\nb", "X", "#000000"), Invalid, "one line");
    stage.refuse(&team("a\u{202e}b", "X", "#000000"), Invalid, "one line");
    for colour in ["", "000000", "#00000", "#0000000", "#00000g", "#ü0000", "red"] {
        stage.refuse(&team("X", "X", colour), Invalid, "#rrggbb");
    }
    stage.refuse(r#"{"type":"graphic","graphic":"lower_third","on":true}"#, Invalid, "needs a first line");
    let long = serde_json::json!({"type":"graphic","graphic":"lower_third","on":true,"title":"x".repeat(81)}).to_string();
    stage.refuse(&long, Invalid, "80 characters");
    stage.ask(r#"{"type":"graphic","graphic":"lower_third","on":true,"title":"One","subtitle":"Two"}"#);
    stage.ask(r#"{"type":"graphic","graphic":"lower_third","on":false}"#);
    let kept = stage.show.graphic(Graphic::LowerThird);
    assert_eq!((kept.on, kept.title.as_str(), kept.subtitle.as_str()), (false, "One", "Two"));
    stage.refuse(r#"{"type":"name_camera","slot":1,"name":"x","position":"moon"}"#, Invalid, "center_ice");
    stage.refuse(r#"{"type":"destination","name":"","on":true}"#, Invalid, "which destination");
}

#[test]
fn faders_stay_in_range() {
    let mut stage = Stage::with_cameras(1);
    stage.ask(r#"{"type":"set_fader","slot":1,"gain_db":-60.0,"muted":true,"delay_ms":500}"#);
    stage.ask(r#"{"type":"set_fader","slot":5,"gain_db":12,"muted":false,"delay_ms":0}"#);
    stage.refuse(r#"{"type":"set_fader","slot":1,"gain_db":12.1,"muted":false,"delay_ms":0}"#, Invalid, "-60 to +12 dB");
    stage.refuse(r#"{"type":"set_fader","slot":1,"gain_db":1e39,"muted":false,"delay_ms":0}"#, Invalid, "-60 to +12 dB");
    stage.refuse(r#"{"type":"set_fader","slot":1,"gain_db":0,"muted":false,"delay_ms":501}"#, Invalid, "0 to 500 ms");
    stage.refuse(r#"{"type":"set_sound","sound":{"type":"fixed","slot":2}}"#, Conflict, "no phone yet");
    stage.ask(r#"{"type":"set_sound","sound":{"type":"fixed","slot":1}}"#);
    stage.ask(r#"{"type":"set_sound","sound":{"type":"mix"}}"#);
}

#[test]
fn the_show_is_the_fold_of_its_log() {
    // A seeded game: whatever is granted is logged, and the log gives the same show again.
    let asks = [
        GOAL,
        UNDO,
        r#"{"type":"start_clock"}"#,
        r#"{"type":"stop_clock"}"#,
        r#"{"type":"cut","slot":1}"#,
        r#"{"type":"preview","slot":2}"#,
        r#"{"type":"take"}"#,
        r#"{"type":"slate","on":true}"#,
        r#"{"type":"slate","on":false}"#,
        r#"{"type":"set_period","period":3}"#,
        r#"{"type":"graphic","graphic":"score_bug","on":true}"#,
        r#"{"type":"set_fader","slot":2,"gain_db":-3,"muted":false,"delay_ms":20}"#,
        r#"{"type":"name_camera","slot":3,"name":"Bench","position":"bench_side"}"#,
    ];
    for seed in 1..30_u64 {
        let mut stage = Stage::with_cameras(3);
        let mut state = seed;
        for _ in 0..200 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let json = asks.get((state >> 33) as usize % asks.len()).expect("within the list");
            if let Ok(facts) = stage.show.decide(&crate::stage::action(json), "director", stage.now) {
                facts.into_iter().for_each(|fact| {
                    stage.happen(fact);
                });
            }
            stage.wait(700);
        }
        assert_eq!(stage.replayed(), stage.show, "seed {seed}");
    }
}
