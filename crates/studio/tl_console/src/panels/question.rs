//! Whether to go off air: the one thing that cannot be undone, so the one thing that is asked.

use egui::{Align2, Rect, Ui, pos2, vec2};
use tl_wire::Snapshot;

use crate::Asked;
use crate::panels::help::dialog;
use crate::text;
use crate::tokens::{dark, space};
use crate::widgets::{Button, Kind};

/// Draws the question.
pub fn question_ui(ui: &Ui, window: Rect, show: Option<&Snapshot>, asked: &mut Vec<Asked>) {
    const TITLE: &str = "Close and go off air?";
    let panel = dialog(ui, window, vec2(520.0, 236.0), TITLE);
    let inside = panel.shrink(space::S6);
    text::left(ui, TITLE, text::TITLE, inside.with_max_y(inside.top() + 36.0));
    let viewers = show.map_or(0, |show| show.viewers);
    let watching = match viewers {
        0 => String::new(),
        1 => "One viewer is watching. ".into(),
        _ => format!("{viewers} viewers are watching. "),
    };
    let words = format!("{watching}The programme ends for everybody and all phones are let go. The session ends; its recordings are finished and kept.");
    let galley = text::wrapped(ui, &[(&words, text::BODY.colour(dark::TEXT))], inside.width(), 5);
    text::put(ui, galley, inside.with_min_y(inside.top() + 48.0), Align2::LEFT_TOP);
    let row = inside.with_min_y(inside.bottom() - 56.0);
    let stay = Rect::from_min_max(pos2(row.right() - 200.0, row.top()), row.max);
    let close = Rect::from_min_max(row.min, pos2(stay.left() - space::S3, row.bottom()));
    if (Button { kind: Kind::Primary, style: text::NAME, ..Button::new("Stay on air") }).show(ui, stay, "stay") {
        asked.push(Asked::StayOpen);
    }
    if (Button { style: text::NAME, ..Button::new("Close and go off air") }).show(ui, close, "close") {
        asked.push(Asked::Close);
    }
}
