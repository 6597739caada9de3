//! The line of keys, and what else the window can do.

use egui::{Rect, Ui, pos2, vec2};

use crate::text;
use crate::tokens::{dark, space};
use crate::widgets::Button;
use crate::{Asked, View};

const KEYS: &str = "1–9 cut   ·   Shift+1–9 next   ·   Space take   ·   Enter mix   ·   B slate";

/// Draws the line; true when the list of all keys is wanted.
pub fn bottom_ui(ui: &Ui, rect: Rect, view: &View<'_>, asked: &mut Vec<Asked>) -> bool {
    let inside = rect.shrink2(vec2(space::S2, space::S1));
    let mut right = inside.right();
    let mut button = |words: &str, says: &str, width: f32| {
        let place = Rect::from_min_max(pos2(right - width, inside.top()), pos2(right, inside.bottom()));
        right -= width + space::S1;
        Button { says, ..Button::new(words) }.show(ui, place, ("bottom", says))
    };
    let help = button("? All keys", "All keys", 96.0);
    if button(
        if view.full_screen { "Leave full screen" } else { "Full screen" },
        if view.full_screen { "Leave full screen" } else { "Full screen" },
        if view.full_screen { 132.0 } else { 96.0 },
    ) {
        asked.push(Asked::FullScreen(!view.full_screen));
    }
    if button("Control page", "Control page", 108.0) {
        asked.push(Asked::OpenDesk);
    }
    if view.snapshot.is_none() {
        return help;
    }
    text::left(
        ui,
        KEYS,
        text::SMALL.colour(dark::TEXT_MUTED),
        Rect::from_min_max(pos2(inside.left() + space::S1, inside.top()), pos2(right - space::S2, inside.bottom())),
    );
    help
}
