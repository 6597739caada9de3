//! The programme's sound: level left and right, loudness, and which sound it is.

use egui::{Align2, Rect, Ui, pos2, vec2};
use tl_show::SoundChoice;
use tl_wire::Snapshot;

use crate::text;
use crate::tokens::{dark, meaning, space};
use crate::widgets;
use crate::words;

/// Height that the panel asks for, points.
pub const HEIGHT: f32 = 74.0;
/// True peak from which on it is told: EBU R 128 allows -1 dBTP.
const PEAK_DBFS: f32 = -1.0;

/// Draws the panel.
pub fn sound_ui(ui: &Ui, rect: Rect, show: &Snapshot) {
    widgets::card(ui, rect);
    let inside = rect.shrink2(vec2(space::S3, space::S2));
    let head = inside.with_max_y(inside.top() + 26.0);
    let unit = text::put(ui, text::line(ui, "LUFS", text::SMALL, 60.0), head, Align2::RIGHT_CENTER);
    let number = text::line(ui, &words::loudness(show.meter.short_term_lufs), text::BIG_NUMBER, 90.0);
    // A number as wide as any keeps the words beside it where they are.
    let ends = unit.left() - space::S1;
    text::put(ui, number, head.with_max_x(ends), Align2::RIGHT_CENTER);
    widgets::says(
        ui,
        head,
        "loudness",
        &format!("Loudness {} LUFS, aim −16", words::loudness(show.meter.short_term_lufs)),
        "Loudness of the last 3 s; the aim is −16 LUFS.",
    );
    let words = head.with_max_x(ends - 60.0);
    let [left, right] = show.meter.peak_dbfs;
    if left.max(right) > PEAK_DBFS {
        widgets::triangle(ui, words.left_center() + vec2(8.0, 0.0), meaning::ATTENTION, meaning::ATTENTION_TEXT);
        let say = if words.width() < 150.0 { "Too loud" } else { "Too loud: turn down" };
        text::left(ui, say, text::SMALL_STRONG.colour(meaning::ATTENTION_ON_DARK), words.with_min_x(words.left() + 22.0));
    } else {
        text::left(ui, &choice(show), text::SMALL_STRONG.colour(dark::TEXT), words);
    }
    let bar = |top: f32| Rect::from_min_max(pos2(inside.left(), inside.top() + top), pos2(inside.right(), inside.top() + top + 9.0));
    widgets::meter(ui, bar(34.0), Some(left), "left", "Programme left");
    widgets::meter(ui, bar(47.0), Some(right), "right", "Programme right");
}

fn choice(show: &Snapshot) -> String {
    match show.sound {
        SoundChoice::FollowVideo => "Sound of live".into(),
        SoundChoice::Fixed { slot } => format!("Sound of camera {slot}"),
        SoundChoice::Mix => "All sounds".into(),
    }
}
