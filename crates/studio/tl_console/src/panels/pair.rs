//! Next and Live, side by side.

use egui::{Color32, Rect, Stroke, StrokeKind, Ui, vec2};
use tl_wire::{CameraView, Snapshot};

use crate::arrange::{self, Arranged, CAPTION};
use crate::text;
use crate::tokens::{dark, meaning, space};
use crate::widgets::{self, FRAME, Tally};
use crate::{Texture, View, words};

/// Draws both.
pub fn pair_ui(ui: &Ui, places: &Arranged, show: &Snapshot, view: &View<'_>) {
    let next = words::camera(show, show.program.next);
    let texture = view.pictures.next.or_else(|| view.pictures.cameras.get(&next?.slot).copied());
    let blank = match next {
        Some(_) => "No picture yet",
        None => "Hold Shift and click a camera to make it next",
    };
    let title = next.map_or_else(|| "Nothing chosen".to_owned(), words::numbered_name);
    let picture = Big { tally: Tally::Next, title: &title, texture: texture.filter(|_| next.is_some()), blank, camera: next };
    picture.show(ui, places.next);

    let live = words::camera(show, show.program.live).filter(|_| !words::slate_shows(show));
    let title = live.map_or_else(|| "Slate".to_owned(), words::numbered_name);
    let blank = match (words::slate_shows(show), show.program.slate) {
        (true, true) => "The slate is on air",
        (true, false) => "No camera is live, so the slate is on air",
        _ => "No picture yet",
    };
    Big { tally: Tally::Live, title: &title, texture: view.pictures.program, blank, camera: live }.show(ui, places.live);
}

/// One large picture with its caption.
struct Big<'a> {
    tally: Tally,
    title: &'a str,
    texture: Option<Texture>,
    /// What is said where there is no picture.
    blank: &'a str,
    camera: Option<&'a CameraView>,
}

impl Big<'_> {
    fn show(&self, ui: &Ui, rect: Rect) {
        let frame = Stroke::new(FRAME, self.tally.frame());
        ui.painter().rect_stroke(rect, widgets::CORNERS, frame, StrokeKind::Inside);
        let inside = rect.shrink(FRAME);
        let caption = inside.with_max_y(inside.top() + CAPTION - FRAME);
        let flag = self.tally.flag(ui, caption.left_center() + vec2(space::S1, -11.0));
        let trouble = self.camera.map(words::trouble).unwrap_or_default();
        let mut title = caption.with_min_x(flag.right() + space::S2).shrink2(vec2(space::S2, 0.0));
        if !trouble.is_empty() {
            let words = text::line(ui, &trouble, text::SMALL_STRONG.colour(meaning::ATTENTION_ON_DARK), title.width() / 2.0);
            let lies = text::put(ui, words, title, egui::Align2::RIGHT_CENTER);
            widgets::triangle(ui, lies.left_center() - vec2(14.0, 0.0), meaning::ATTENTION, meaning::ATTENTION_TEXT);
            title.max.x = lies.left() - 30.0;
        }
        text::left(ui, self.title, text::NAME, title);
        let screen = inside.with_min_y(caption.bottom());
        match self.texture {
            Some(texture) => widgets::picture(ui, texture, arrange::fit(texture.size, screen), Color32::WHITE),
            None => drop(text::middle(ui, self.blank, text::BODY.colour(dark::TEXT_MUTED), screen.shrink(space::S3))),
        }
        let says =
            format!("{}: {}{}{trouble}", if self.tally == Tally::Live { "Live" } else { "Next" }, self.title, if trouble.is_empty() { "" } else { ", " });
        widgets::says(ui, rect, ("pair", self.tally.word()), &says, "");
    }
}
