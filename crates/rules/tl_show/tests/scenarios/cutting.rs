//! What may go on air, and what follows what.

use tl_base::EraId;
use tl_show::RefusalKind::{Conflict, Invalid};
use tl_show::{Fact, SourceState, TransitionKind};

use crate::stage::Stage;

#[test]
fn a_cut_puts_a_camera_on_air() {
    let mut stage = Stage::with_cameras(3);
    assert_eq!(stage.on_air(None, None).ask(r#"{"type":"cut","slot":2}"#), 1);
    stage.on_air(Some(2), None);
    assert_eq!(stage.ask(r#"{"type":"cut","slot":2}"#), 0, "it is on air already");
    assert!(matches!(stage.log.last(), Some((Fact::CutMade { by, transition: TransitionKind::Cut, .. }, _)) if by == "director"));
}

#[test]
fn take_and_mix_swap_live_and_next() {
    let mut stage = Stage::with_cameras(3);
    stage.refuse(r#"{"type":"take"}"#, Conflict, "choose one first");
    stage.ask(r#"{"type":"cut","slot":1}"#);
    stage.ask(r#"{"type":"preview","slot":2}"#);
    stage.on_air(Some(1), Some(2)).ask(r#"{"type":"take"}"#);
    stage.on_air(Some(2), Some(1)).ask(r#"{"type":"mix","kind":"wipe","duration_ms":700}"#);
    stage.on_air(Some(1), Some(2));
    let cut = stage
        .log
        .iter()
        .rev()
        .find_map(|(fact, _)| if let Fact::CutMade { transition, duration_ms, .. } = fact { Some((*transition, *duration_ms)) } else { None });
    assert_eq!(cut, Some((TransitionKind::Wipe, 700)));
    stage.ask(r#"{"type":"set_transition","kind":"dip","duration_ms":40}"#);
    stage.ask(r#"{"type":"mix"}"#);
    assert!(stage.log.iter().any(|(fact, _)| matches!(fact, Fact::CutMade { transition: TransitionKind::Dip, duration_ms: 40, .. })));
}

#[test]
fn a_camera_that_cannot_be_seen_is_refused() {
    let cut = r#"{"type":"cut","slot":1}"#;
    for (state, words) in [(SourceState::Empty, "no phone yet"), (SourceState::Joining, "still joining"), (SourceState::Lost, "is lost")] {
        Stage::with_cameras(2).source(1, state).refuse(cut, Conflict, words).refuse(r#"{"type":"preview","slot":1}"#, Conflict, words);
    }
    for state in [SourceState::Live, SourceState::Stale, SourceState::Returning] {
        Stage::with_cameras(2).source(1, state).ask(cut);
    }
    let mut stage = Stage::with_cameras(2);
    stage.refuse(r#"{"type":"cut","slot":0}"#, Invalid, "slots count from 1 to 32");
    stage.refuse(r#"{"type":"cut","slot":33}"#, Invalid, "slots count from 1 to 32");
    stage.ask(r#"{"type":"name_camera","slot":2,"name":"North goal","position":"goal_line_1"}"#);
    stage.source(2, SourceState::Lost).refuse(r#"{"type":"cut","slot":2}"#, Conflict, "Camera 2 (North goal) is lost");
}

#[test]
fn a_next_camera_that_died_is_not_taken() {
    let mut stage = Stage::with_cameras(2);
    stage.ask(r#"{"type":"preview","slot":2}"#);
    stage.source(2, SourceState::Lost).refuse(r#"{"type":"take"}"#, Conflict, "is lost").refuse(r#"{"type":"mix"}"#, Conflict, "is lost");
}

#[test]
fn the_slate_hides_the_camera_and_gives_it_back() {
    let mut stage = Stage::with_cameras(2);
    stage.ask(r#"{"type":"cut","slot":1}"#);
    stage.ask(r#"{"type":"slate","on":true}"#);
    assert!(stage.on_air(None, None).show.program().slate);
    assert_eq!(stage.ask(r#"{"type":"slate","on":true}"#), 0);
    stage.ask(r#"{"type":"slate","on":false}"#);
    assert!(!stage.on_air(Some(1), None).show.program().slate);
    // A cut leaves the slate as well.
    stage.ask(r#"{"type":"slate","on":true}"#);
    stage.ask(r#"{"type":"cut","slot":2}"#);
    assert!(!stage.on_air(Some(2), None).show.program().slate);
    // A camera that died meanwhile is not shown frozen.
    stage.ask(r#"{"type":"slate","on":true}"#);
    stage.source(2, SourceState::Lost).ask(r#"{"type":"slate","on":false}"#);
    stage.on_air(None, None);
}

#[test]
fn two_pictures_need_two_cameras() {
    let mut stage = Stage::with_cameras(3);
    stage.ask(r#"{"type":"cut","slot":1}"#);
    let inset = r#"{"type":"set_layout","layout":{"type":"picture_in_picture","inset":1}}"#;
    stage.refuse(inset, Conflict, "already the main picture");
    stage.refuse(r#"{"type":"set_layout","layout":{"type":"side_by_side","right":9}}"#, Conflict, "no phone yet");
    stage.ask(r#"{"type":"set_layout","layout":{"type":"side_by_side","right":3}}"#);
    stage.ask(r#"{"type":"set_layout","layout":{"type":"full"}}"#);
}

#[test]
fn transitions_stay_within_their_range() {
    let mut stage = Stage::with_cameras(2);
    stage.ask(r#"{"type":"preview","slot":2}"#);
    for ms in [0, 39, 5_001, u32::MAX] {
        stage.refuse(&format!(r#"{{"type":"mix","duration_ms":{ms}}}"#), Invalid, "40 to 5,000 ms");
        stage.refuse(&format!(r#"{{"type":"set_transition","kind":"dissolve","duration_ms":{ms}}}"#), Invalid, "40 to 5,000 ms");
    }
}

#[test]
fn a_new_run_of_the_studio_keeps_the_show_and_waits_for_its_phones() {
    let mut stage = Stage::with_cameras(2);
    stage.ask(r#"{"type":"cut","slot":1}"#);
    stage.ask(r#"{"type":"add_score","side":"home","points":2}"#);
    let fact = Fact::EraOpened { era: EraId(2), wall_anchor: tl_base::Wall(0), offset: stage.now };
    stage.happen(fact).score(2, 0).refuse(r#"{"type":"cut","slot":2}"#, Conflict, "is lost");
    assert_eq!(stage.show.era(), EraId(2));
    stage.source(2, SourceState::Live).ask(r#"{"type":"cut","slot":2}"#);
}

#[test]
fn after_the_end_nothing_is_taken() {
    let mut stage = Stage::with_cameras(1);
    assert_eq!(stage.ask(r#"{"type":"end_session"}"#), 0, "the studio says when it has ended");
    stage.ask(r#"{"type":"start_clock"}"#);
    stage.wait(5_000).happen(Fact::SessionEnded {}).wait(5_000).clock(20 * 60_000 - 5_000, false);
    stage.refuse(r#"{"type":"cut","slot":1}"#, Conflict, "has ended");
    assert!(stage.show.ended());
}
