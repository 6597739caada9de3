//! The way in for phones: large while there is no camera, small beside those that are there.

use egui::{Align2, Rect, Ui, pos2, vec2};

use crate::code::Code;
use crate::text;
use crate::tokens::{dark, size, space};
use crate::widgets::{self, Button, Kind};
use crate::{Asked, Join};

/// The crew code in two groups of four, as it is read aloud.
fn grouped(code: &str) -> String {
    match (code.chars().count(), code.split_at_checked(4)) {
        (8, Some((first, second))) => format!("{first} {second}"),
        _ => code.to_owned(),
    }
}

/// What a person has to know, for a screen reader.
fn says(join: &Join) -> String {
    format!("Let a phone join: open {} and type {}", join.host, join.code)
}

/// The whole stage while no camera has come.
pub fn large_ui(ui: &mut Ui, rect: Rect, join: Option<&Join>, code: &mut Code, asked: &mut Vec<Asked>) {
    widgets::card(ui, rect);
    let side = (rect.height() - 160.0).min(rect.width() * 0.36).clamp(120.0, 340.0).floor();
    let words_width = (rect.width() - side - 3.0 * space::S6).clamp(160.0, 420.0);
    let block = Rect::from_center_size(rect.center(), vec2(side + space::S6 + words_width, side.max(300.0)));
    let square = Rect::from_min_size(pos2(block.left(), block.center().y - side / 2.0), vec2(side, side)).round_to_pixels(ui);
    let mut at = Rect::from_min_max(pos2(square.right() + space::S6, block.center().y - 150.0), pos2(block.right(), block.center().y + 150.0));
    let mut next = |height: f32| {
        let line = at.with_max_y(at.top() + height);
        at.min.y += height;
        line
    };
    let drawn = join.is_some_and(|join| code.draw(ui, &join.link, square));
    if !drawn {
        widgets::outline(ui, square, dark::LINE_STRONG);
        text::middle(ui, "No code yet", text::BODY.colour(dark::TEXT_MUTED), square);
    }
    text::left(ui, "Let the first phone join", text::TITLE, next(40.0));
    match join {
        Some(join) => {
            let scan = "Scan the code with the phone's camera. No app is needed.";
            let galley = text::wrapped(ui, &[(scan, text::BODY.colour(dark::TEXT_MUTED))], words_width, 2);
            text::put(ui, galley, next(52.0), Align2::LEFT_TOP);
            text::left(ui, "Or open this page on the phone", text::SMALL, next(22.0));
            text::left(ui, &join.host, text::NAME.points(size::LEAD), next(30.0));
            text::left(ui, "and type", text::SMALL, next(26.0));
            text::left(ui, &grouped(&join.code), text::BIG_NUMBER.points(size::HUGE), next(60.0));
            widgets::says(ui, rect, "door", &says(join), "");
        }
        None => {
            let wait = "The door for phones is not open yet. If it stays shut, open the control page: it says what is missing.";
            text::put(ui, text::wrapped(ui, &[(wait, text::BODY.colour(dark::TEXT_MUTED))], words_width, 4), next(190.0), Align2::LEFT_TOP);
            widgets::says(ui, rect, "door", wait, "");
        }
    }
    let button = Button { kind: Kind::Plain, style: text::NAME, ..Button::new("Open the control page") };
    let place = next(60.0);
    if button.show(ui, Rect::from_min_size(place.min + vec2(0.0, 16.0), vec2(words_width.min(240.0), 44.0)), "desk at the door") {
        asked.push(Asked::OpenDesk);
    }
}

/// The same in the free places of the grid.
pub fn small_ui(ui: &Ui, rect: Rect, join: &Join, code: &mut Code) {
    widgets::card(ui, rect);
    let inside = rect.shrink(space::S3);
    let mut words = inside;
    let side = inside.height().min(inside.width() * 0.45).floor();
    let square = Rect::from_min_size(inside.min, vec2(side, side)).round_to_pixels(ui);
    let drawn = inside.width() >= 280.0 && code.draw(ui, &join.link, square);
    if drawn {
        words.min.x = square.right() + space::S4;
    }
    let mut line = |height: f32| {
        let line = words.with_max_y(words.top() + height);
        words.min.y += height;
        line
    };
    text::left(ui, "Let a phone join", text::NAME, line(24.0));
    text::left(ui, &join.host, text::SMALL, line(20.0));
    text::left(ui, &grouped(&join.code), text::BIG_NUMBER.points(size::LARGE), line(44.0));
    let how =
        if drawn { "Scan, or open the page and type the code. You let each phone in here." } else { "Type the code on that page. You let each phone in here." };
    let rows = (words.height() / 18.0) as usize;
    if rows > 0 && words.width() > 120.0 {
        text::put(ui, text::wrapped(ui, &[(how, text::SMALL)], words.width(), rows), words, Align2::LEFT_TOP);
    }
    widgets::says(ui, rect, "door", &says(join), "");
}

/// Onto whole pixels, so that the code's edges are sharp.
trait RoundToPixels {
    fn round_to_pixels(self, ui: &Ui) -> Self;
}

impl RoundToPixels for Rect {
    fn round_to_pixels(self, ui: &Ui) -> Self {
        let round = |at: f32| (at * ui.pixels_per_point()).round() / ui.pixels_per_point();
        Self::from_min_max(pos2(round(self.min.x), round(self.min.y)), pos2(round(self.max.x), round(self.max.y)))
    }
}
