//! Take, Mix, Slate, and how a mix goes.

use egui::{Rect, Ui, pos2, vec2};
use tl_show::{Action, TransitionKind};
use tl_wire::Snapshot;

use crate::Asked;
use crate::text;
use crate::tokens::{size, space, target};
use crate::widgets::{self, Button, Kind};
use crate::words;

const KINDS: [TransitionKind; 4] = [TransitionKind::Cut, TransitionKind::Dissolve, TransitionKind::Dip, TransitionKind::Wipe];
/// Lengths of a transition to choose from, milliseconds.
const LENGTHS: [u32; 4] = [250, 500, 1000, 2000];
const ROW: f32 = 32.0;

/// Height that the panel asks for, points; without the lengths where the rail is short.
pub fn height(short: bool) -> f32 {
    let rows = if short { 1.0 } else { 2.0 };
    target::CONSOLE + rows * (ROW + space::S1) + space::S2 + 2.0 * space::S2 - space::S1
}

/// Draws the panel.
pub fn cut_ui(ui: &Ui, rect: Rect, show: &Snapshot, asked: &mut Vec<Asked>) {
    widgets::card(ui, rect);
    let inside = rect.shrink(space::S2);
    let program = &show.program;
    let mut act = |action| asked.push(Asked::Command(action));
    let [take, mix, slate] = thirds(inside.with_max_y(inside.top() + target::CONSOLE));
    let main = |words| Button { style: text::NAME.points(size::LEAD), enabled: program.next.is_some(), ..Button::new(words) };
    if (Button { kind: Kind::Primary, ..main("Take") }).show(ui, take, "take") {
        act(Action::Take {});
    }
    if main("Mix").show(ui, mix, "mix") {
        act(Action::Mix { kind: None, duration_ms: None });
    }
    let kind = if program.slate { Kind::OnAir } else { Kind::Plain };
    let (words, says) = if program.slate { ("Slate on", "Slate, on air") } else { ("Slate", "Slate") };
    if (Button { kind, says, enabled: true, style: if program.slate { text::NAME } else { text::NAME.points(size::LEAD) }, ..main(words) })
        .show(ui, slate, "slate")
    {
        act(Action::Slate { on: !program.slate });
    }
    let row = inside.with_min_y(inside.top() + target::CONSOLE + space::S2).with_max_y(inside.top() + target::CONSOLE + space::S2 + ROW);
    for (kind, place) in KINDS.into_iter().zip(quarters(row, [0.22, 0.32, 0.21, 0.25])) {
        let chosen = if program.transition == kind { Kind::Chosen } else { Kind::Plain };
        let says = format!("Mix by {}", words::transition(kind).to_lowercase());
        if (Button { kind: chosen, says: &says, ..Button::new(words::transition(kind)) }).show(ui, place, ("kind", words::transition(kind))) {
            act(Action::SetTransition { kind, duration_ms: program.transition_ms });
        }
    }
    let row = row.translate(vec2(0.0, ROW + space::S1));
    if row.bottom() > rect.bottom() {
        return;
    }
    for (length, place) in LENGTHS.into_iter().zip(quarters(row, [0.25; 4])) {
        let chosen = if program.transition_ms == length { Kind::Chosen } else { Kind::Plain };
        let words = format!("{} s", f64::from(length) / 1000.0);
        let says = format!("Mix in {words}");
        let button = Button { kind: chosen, says: &says, enabled: program.transition != TransitionKind::Cut, ..Button::new(&words) };
        if button.show(ui, place, ("length", length)) {
            act(Action::SetTransition { kind: program.transition, duration_ms: length });
        }
    }
}

/// Take is the widest.
fn thirds(row: Rect) -> [Rect; 3] {
    let wide = ((row.width() - 2.0 * space::S2) * 0.34).round();
    let small = ((row.width() - wide - 2.0 * space::S2) / 2.0).floor();
    let take = row.with_max_x(row.left() + wide);
    let mix = Rect::from_min_size(row.min + vec2(wide + space::S2, 0.0), vec2(small, row.height()));
    [take, mix, row.with_min_x(row.right() - small)]
}

/// Four beside each other, each with its share of the width.
fn quarters(row: Rect, shares: [f32; 4]) -> [Rect; 4] {
    let (width, mut left) = (row.width() - 3.0 * space::S1, row.left());
    shares.map(|share| {
        let place = Rect::from_min_size(pos2(left, row.top()), vec2(width * share, row.height()));
        left = place.right() + space::S1;
        place
    })
}
