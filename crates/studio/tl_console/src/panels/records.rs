//! What is being recorded, and how long the disk lasts.

use egui::{Rect, Ui, vec2};
use tl_wire::{SessionState, Snapshot};

use crate::panels::strip::LOW_DISK_S;
use crate::text::{self, Style};
use crate::tokens::{meaning, space};
use crate::widgets;
use crate::words;

/// Height that the panel asks for, points.
pub const HEIGHT: f32 = 58.0;

/// Draws the panel.
pub fn records_ui(ui: &Ui, rect: Rect, show: &Snapshot) {
    widgets::card(ui, rect);
    let inside = rect.shrink2(vec2(space::S3, space::S2));
    let (first, second) = inside.split_top_bottom_at_fraction(0.5);
    let (head, calm) = headline(show);
    let (line, fine) = disk(show);
    row(ui, first, &head, calm, text::SMALL_STRONG);
    row(ui, second, &line, fine, text::SMALL);
    widgets::says(ui, rect, "recordings", &format!("{head}. {line}"), "");
}

fn row(ui: &Ui, rect: Rect, words: &str, calm: bool, style: Style) {
    if calm {
        text::left(ui, words, style, rect);
    } else {
        widgets::triangle(ui, rect.left_center() + vec2(8.0, 0.0), meaning::ATTENTION, meaning::ATTENTION_TEXT);
        text::left(ui, words, text::SMALL_STRONG.colour(meaning::ATTENTION_ON_DARK), rect.with_min_x(rect.left() + 22.0));
    }
}

/// What is recorded, and whether that is as it should be.
fn headline(show: &Snapshot) -> (String, bool) {
    let count = |wanted: fn(&tl_wire::Recording) -> bool| show.recordings.iter().filter(|recording| wanted(recording)).count();
    let (writing, torn) = (count(|recording| recording.writing), count(|recording| !recording.problem.is_empty()));
    let programme = show.recordings.iter().any(|recording| recording.writing && recording.source.is_none());
    match (writing, torn) {
        (_, 1..) => (format!("{torn} recordings need a look").replace("1 recordings need", "1 recording needs"), false),
        (0, _) if show.state != SessionState::Running => (format!("{} recordings", show.recordings.len()), true),
        (0, _) => ("Nothing is recorded".into(), !show.cameras.iter().any(words::can_show)),
        (1, _) if programme => ("Recording the programme".into(), true),
        (1, _) => ("Recording 1 camera".into(), true),
        _ if programme => (format!("Recording programme and {} cameras", writing - 1).replace("and 1 cameras", "and 1 camera"), true),
        _ => (format!("Recording {writing} cameras"), true),
    }
}

fn disk(show: &Snapshot) -> (String, bool) {
    let free = show.health.disk_free_bytes.map(|bytes| format!("{:.0} GB free", bytes as f64 / 1e9));
    match (show.health.disk_left_s, free) {
        (Some(left), _) if left < LOW_DISK_S => (format!("Disk full in {}: free some space", words::roughly(left)), false),
        (Some(left), Some(free)) => (format!("Disk lasts {}, {free}", words::roughly(left)), true),
        (Some(left), None) => (format!("Disk lasts {}", words::roughly(left)), true),
        (None, Some(free)) => (free, true),
        (None, None) => ("Disk not measured".into(), true),
    }
}
