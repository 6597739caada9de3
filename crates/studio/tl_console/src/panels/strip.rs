//! The show at a glance: score, clock, on air, recording, destinations. What does not fit is left out from the right.

use egui::{Align2, Color32, Rect, Stroke, StrokeKind, Ui, pos2, vec2};
use tl_show::{Side, Team};
use tl_wire::{OutputView, SessionState, Snapshot};

use crate::text;
use crate::tokens::{dark, meaning, space};
use crate::widgets::{self, Tally};
use crate::words;

/// Most destinations that are named; of more, the number that works is told.
const MOST_NAMED: usize = 2;
/// Disk time from which on it is told in amber, seconds: design, "warn at 30 minutes".
pub const LOW_DISK_S: f64 = 1800.0;

/// Draws the strip.
pub fn strip_ui(ui: &Ui, rect: Rect, show: &Snapshot) {
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, dark::LINE));
    let mut row = Row { ui, left: rect.left() + space::S4, rect };
    score(&mut row, show);
    on_air(&mut row, show);
    recording(&mut row, show);
    destinations(&mut row, show);
    row.item("watching", Mark::None, &format!("{} watching", show.viewers), "Viewers now, by every way");
}

/// What stands before the words of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    None,
    /// It asks for attention.
    Alarm,
    /// A dot in a ring: it records.
    Recording,
    /// Steps: it sends.
    Sending,
}

impl Mark {
    fn draw(self, ui: &Ui, center: egui::Pos2) {
        match self {
            Self::None => {}
            Self::Alarm => widgets::triangle(ui, center, meaning::ATTENTION, meaning::ATTENTION_TEXT),
            Self::Recording => {
                ui.painter().circle(center, 7.0, Color32::TRANSPARENT, Stroke::new(2.0, dark::TEXT_MUTED));
                ui.painter().circle_filled(center, 3.0, dark::TEXT_MUTED);
            }
            Self::Sending => drop(widgets::steps(ui, center + vec2(9.0, 6.0), 4)),
        }
    }
}

/// Fills the strip from the left.
struct Row<'a> {
    ui: &'a Ui,
    left: f32,
    rect: Rect,
}

impl Row<'_> {
    /// The next `width` points; none when they are not there any more.
    fn take(&mut self, width: f32, gap: f32) -> Option<Rect> {
        let right = self.left + width;
        if right > self.rect.right() - space::S3 {
            self.left = f32::INFINITY;
            return None;
        }
        let place = Rect::from_min_max(pos2(self.left, self.rect.top()), pos2(right, self.rect.bottom()));
        self.left = right + gap;
        Some(place)
    }

    /// Words with a mark before them: a triangle where they ask for attention.
    fn item(&mut self, id: &str, mark: Mark, words: &str, more: &str) {
        let style = if mark == Mark::Alarm { text::NAME.colour(meaning::ATTENTION_ON_DARK) } else { text::BODY };
        let galley = text::line(self.ui, words, style, 240.0);
        let before = if mark == Mark::None { 0.0 } else { 24.0 };
        let Some(place) = self.take(galley.size().x + before, space::S5) else { return };
        mark.draw(self.ui, place.left_center() + vec2(8.0, 0.0));
        text::put(self.ui, galley, place.with_min_x(place.left() + before), Align2::LEFT_CENTER);
        widgets::says(self.ui, place, ("strip", id), words, more);
    }
}

fn score(row: &mut Row<'_>, show: &Snapshot) {
    let ui = row.ui;
    let narrow = row.rect.width() < 1000.0;
    let [home, away] = &show.teams;
    let number = |team: &Team| text::line(ui, &team.score.to_string(), text::BIG_NUMBER, 60.0);
    let name = |team: &Team, side| text::line(ui, team_name(team, side, narrow), text::NAME, if narrow { 60.0 } else { 150.0 });
    let clock = words::clock(show.clock_millis, show.clock.down);
    let start = row.left;
    for (team, side) in [(home, Side::Home), (away, Side::Away)] {
        let (words, points) = (name(team, side), number(team));
        let Some(place) = row.take(4.0 + 8.0 + words.size().x + 10.0 + points.size().x, space::S4) else { return };
        chip(ui, team, Rect::from_center_size(place.left_center() + vec2(2.0, 0.0), vec2(4.0, 24.0)));
        text::put(ui, words, place.with_min_x(place.left() + 12.0), Align2::LEFT_CENTER);
        text::put(ui, points, place, Align2::RIGHT_CENTER);
    }
    let period = text::line(ui, &format!("P{}", show.clock.period), text::NUMBER.colour(dark::TEXT_MUTED), 40.0);
    let time = text::line(ui, &clock, text::BIG_NUMBER, 100.0);
    // The widest time keeps its place free: what stands behind it does not move when a minute ends.
    let widest = text::line(ui, "00:00", text::BIG_NUMBER, 100.0).size().x.max(time.size().x);
    let Some(place) = row.take(period.size().x + 8.0 + widest, space::S6) else { return };
    let behind = text::put(ui, period, place, Align2::LEFT_CENTER);
    text::put(ui, time, place.with_min_x(behind.right() + 8.0), Align2::LEFT_CENTER);
    let says = format!(
        "{} {}, {} {}, period {}, clock {clock}{}",
        team_name(home, Side::Home, false),
        home.score,
        team_name(away, Side::Away, false),
        away.score,
        show.clock.period,
        if show.clock.running { "" } else { ", stopped" }
    );
    widgets::says(ui, place.with_min_x(start), "score", &says, if show.clock.running { "" } else { "The clock is stopped." });
}

/// A team's name, or its short one, or its side.
pub fn team_name(team: &Team, side: Side, short: bool) -> &str {
    let wanted = if short { [&team.short, &team.name] } else { [&team.name, &team.short] };
    let fallback = match side {
        Side::Home => "Home",
        Side::Away => "Away",
    };
    wanted.into_iter().find(|name| !name.is_empty()).map_or(fallback, String::as_str)
}

/// A team's colour, with a line around it so that a dark one is seen.
pub fn chip(ui: &Ui, team: &Team, rect: Rect) {
    let colour = Color32::from_hex(&team.colour).unwrap_or(dark::LINE_STRONG);
    ui.painter().rect(rect, 0.0, colour, Stroke::new(1.0, dark::LINE_STRONG), StrokeKind::Outside);
}

fn on_air(row: &mut Row<'_>, show: &Snapshot) {
    let ui = row.ui;
    let time = text::line(ui, &words::elapsed(show.media_time.as_secs_f64()), text::NUMBER, 120.0);
    let on_air = is_on_air(show);
    let head = if on_air { 66.0 } else { 60.0 };
    let Some(place) = row.take(head + time.size().x, space::S5) else { return };
    if on_air {
        Tally::Live.flag(ui, pos2(place.left(), place.center().y - 11.0));
    } else {
        text::left(
            ui,
            if show.state == SessionState::Running { "Off air" } else { "Session over" },
            text::SMALL_STRONG,
            place.with_max_x(place.left() + head - 4.0),
        );
    }
    text::put(ui, time, place, Align2::RIGHT_CENTER);
    let says = format!("{} for {}", if on_air { "On air" } else { "Off air, session runs" }, words::elapsed(show.media_time.as_secs_f64()));
    widgets::says(ui, place, "on air", &says, "Time since the session began");
}

/// Whether the programme reaches anybody.
pub fn is_on_air(show: &Snapshot) -> bool {
    show.state == SessionState::Running && show.outputs.iter().any(|output| output.state == "live")
}

fn recording(row: &mut Row<'_>, show: &Snapshot) {
    let writing = show.recordings.iter().filter(|recording| recording.writing).count();
    let Some(left_s) = show.health.disk_left_s.filter(|_| writing > 0) else {
        let cameras = show.cameras.iter().any(words::can_show);
        let (mark, words) = match writing {
            0 if cameras && show.state == SessionState::Running => (Mark::Alarm, "Not recording"),
            0 => (Mark::None, "Not recording"),
            _ => (Mark::Recording, "REC"),
        };
        return row.item("rec", mark, words, "");
    };
    let left = words::roughly(left_s);
    let mark = if left_s < LOW_DISK_S { Mark::Alarm } else { Mark::Recording };
    row.item("rec", mark, &format!("REC {left} left"), &format!("{writing} recordings are being written; the disk lasts {left} at this rate."));
}

fn destinations(row: &mut Row<'_>, show: &Snapshot) {
    let leaving = |output: &&OutputView| output.state != "off" && !matches!(output.kind.as_str(), "hls" | "whep" | "recording");
    let (count, failing) = show.outputs.iter().filter(leaving).fold((0, 0), |(all, bad), output| (all + 1, bad + usize::from(words::is_failing(output))));
    if count > MOST_NAMED {
        let words = format!("{} of {count} destinations", count - failing);
        return row.item("destinations", if failing > 0 { Mark::Alarm } else { Mark::Sending }, &words, "Destinations that take the programme now");
    }
    for output in show.outputs.iter().filter(leaving) {
        let mut name: String = output.name.chars().take(16).collect();
        if name.len() < output.name.len() {
            name.push('…');
        }
        let more = if output.detail.is_empty() { &output.url } else { &output.detail };
        let mark = if words::is_failing(output) { Mark::Alarm } else { Mark::Sending };
        row.item(&output.name, mark, &format!("{name} {}", words::destination(output)), more);
    }
}
