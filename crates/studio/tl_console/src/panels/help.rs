//! All keys, over everything.

use egui::{Align2, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::text;
use crate::tokens::{dark, size, space};
use crate::widgets::{self, Button, Kind};

const KEYS: [(&str, &str); 8] = [
    ("1 – 9", "Cut to that camera at once; so does a click"),
    ("Shift + 1 – 9", "Make that camera next; so does Shift and a click"),
    ("Space", "Take: next goes live, live becomes next"),
    ("Enter", "Mix: the same with the chosen transition"),
    ("B", "Slate on or off"),
    ("F11", "Full screen on or off"),
    ("Esc", "Close this list, or leave full screen"),
    ("?", "This list"),
];
const ROW: f32 = 36.0;

/// Draws the list; true when it is to be closed.
pub fn help_ui(ui: &Ui, window: Rect) -> bool {
    let panel = dialog(ui, window, vec2(560.0, 150.0 + ROW * KEYS.len() as f32), "Keys");
    let inside = panel.shrink(space::S6);
    text::left(ui, "Keys", text::TITLE, inside.with_max_y(inside.top() + 36.0));
    for (index, (key, meaning)) in KEYS.into_iter().enumerate() {
        let top = inside.top() + 44.0 + index as f32 * ROW;
        let row = Rect::from_min_max(pos2(inside.left(), top), pos2(inside.right(), top + ROW));
        let words = text::line(ui, key, text::SMALL_STRONG, 130.0);
        let cap = Rect::from_min_size(pos2(row.left(), row.center().y - 13.0), vec2((words.size().x + 16.0).max(28.0), 26.0));
        ui.painter().rect_stroke(cap, widgets::CORNERS, Stroke::new(1.0, dark::LINE_STRONG), StrokeKind::Inside);
        text::put(ui, words, cap, Align2::CENTER_CENTER);
        text::left(ui, meaning, text::BODY.points(size::BODY), row.with_min_x(row.left() + 132.0));
        widgets::says(ui, row, ("key", key), &format!("{key}: {meaning}"), "");
    }
    let button = Rect::from_min_max(inside.max - vec2(120.0, 44.0), inside.max);
    Button { kind: Kind::Primary, style: text::NAME, ..Button::new("Close") }.show(ui, button, "close help")
}

/// Keeps clicks from what lies below, and gives the ground of a dialogue with this size. The show around it stays bright: whoever
/// reads still directs with his eyes.
pub fn dialog(ui: &Ui, window: Rect, size: egui::Vec2, title: &str) -> Rect {
    // Whoever clicks beside the dialogue means nothing behind it.
    ui.interact(window, ui.scope_id().with("behind"), egui::Sense::click_and_drag());
    let size = size.min(window.size() - vec2(space::S4, space::S4));
    let at = (window.center() - size / 2.0).round();
    let panel = Rect::from_min_size(at, size);
    ui.painter().rect(panel, widgets::CORNERS, dark::RAISED, Stroke::new(2.0, dark::LINK), StrokeKind::Inside);
    let response = ui.interact(panel, ui.scope_id().with(("dialog", title)), egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Dialog, true, title));
    panel
}
