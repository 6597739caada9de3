//! Before there is a show.

use egui::{Align2, Rect, Ui, vec2};

use crate::text;
use crate::tokens::{dark, size};
use crate::widgets;

/// Draws what is known: that it starts, and what the shell has to say.
pub fn starting_ui(ui: &Ui, rect: Rect, notice: Option<&str>) {
    let block = Rect::from_center_size(rect.center(), vec2(rect.width().min(560.0), 150.0));
    text::put(ui, text::line(ui, "Touchline", text::BIG_NUMBER.points(size::HUGE), block.width()), block, Align2::CENTER_TOP);
    let words = notice.unwrap_or("The studio is starting. Pictures appear here in a moment.");
    let galley = text::centred(ui, words, text::BODY.colour(dark::TEXT_MUTED), block.width(), 4);
    text::put(ui, galley, block.with_min_y(block.top() + 76.0), Align2::CENTER_TOP);
    widgets::says(ui, block, "starting", words, "");
}
