//! Score and clock.

use egui::{Rect, Ui, pos2, vec2};
use tl_show::{Action, Side, Team};
use tl_wire::Snapshot;

use crate::Asked;
use crate::panels::strip::{chip, team_name};
use crate::text;
use crate::tokens::{dark, space};
use crate::widgets::{self, Button, Kind};
use crate::words;

const ROW: f32 = 36.0;
/// Height that the panel asks for, points.
pub const HEIGHT: f32 = 3.0 * ROW + 2.0 * space::S1 + 2.0 * space::S2;

/// Draws the panel.
pub fn game_ui(ui: &Ui, rect: Rect, show: &Snapshot, asked: &mut Vec<Asked>) {
    widgets::card(ui, rect);
    let inside = rect.shrink(space::S2);
    let row = |index: f32| Rect::from_min_size(inside.min + vec2(0.0, index * (ROW + space::S1)), vec2(inside.width(), ROW));
    team_ui(ui, row(0.0), &show.teams[0], Side::Home, asked);
    team_ui(ui, row(1.0), &show.teams[1], Side::Away, asked);
    clock_ui(ui, row(2.0), show, asked);
}

fn team_ui(ui: &Ui, row: Rect, team: &Team, side: Side, asked: &mut Vec<Asked>) {
    let name = team_name(team, side, false);
    let cell =
        |from_right: f32, width: f32| Rect::from_min_max(pos2(row.right() - from_right - width, row.top()), pos2(row.right() - from_right, row.bottom()));
    chip(ui, team, Rect::from_center_size(row.left_center() + vec2(4.0, 0.0), vec2(4.0, 24.0)));
    let (less, points, more) = (cell(92.0, ROW), cell(ROW, 56.0), cell(0.0, ROW));
    text::left(ui, name, text::NAME, Rect::from_min_max(pos2(row.left() + 14.0, row.top()), pos2(less.left() - space::S2, row.bottom())));
    text::middle(ui, &team.score.to_string(), text::BIG_NUMBER, points);
    widgets::says(ui, points, ("points", name, side == Side::Home), &format!("{name} {}", team.score), "");
    let says = format!("One point less for {name}");
    if (Button { says: &says, enabled: team.score > 0, style: text::NAME, ..Button::new("−") }).show(ui, less, ("less", side == Side::Home)) {
        asked.push(Asked::Command(words::add_score(side, -1)));
    }
    let says = format!("One point more for {name}");
    if (Button { says: &says, style: text::NAME, ..Button::new("+") }).show(ui, more, ("more", side == Side::Home)) {
        asked.push(Asked::Command(words::add_score(side, 1)));
    }
}

fn clock_ui(ui: &Ui, row: Rect, show: &Snapshot, asked: &mut Vec<Asked>) {
    let clock = &show.clock;
    let time = words::clock(show.clock_millis, clock.down);
    let colour = if clock.running { dark::TEXT } else { dark::TEXT_MUTED };
    let lies = text::left(ui, &time, text::BIG_NUMBER.colour(colour), row.with_max_x(row.left() + 110.0));
    widgets::says(ui, lies, "clock", &format!("Clock {time}, {}", if clock.running { "running" } else { "stopped" }), "");
    let (run, undo) = (vec2(60.0, ROW), vec2(56.0, ROW));
    let right = |offset: f32, size: egui::Vec2| Rect::from_min_size(pos2(row.right() - offset - size.x, row.top()), size);
    if Button::new("Undo").show(ui, right(0.0, undo), "undo") {
        asked.push(Asked::Command(Action::Undo {}));
    }
    let (words, kind, says, action) = if clock.running {
        ("Stop", Kind::Plain, "Stop the clock", Action::StopClock {})
    } else {
        ("Start", Kind::Primary, "Start the clock", Action::StartClock {})
    };
    if (Button { kind, says, ..Button::new(words) }).show(ui, right(undo.x + space::S1, run), "run") {
        asked.push(Asked::Command(action));
    }
    let ends = row.right() - undo.x - run.x - 2.0 * space::S1;
    let place = Rect::from_min_max(pos2((ends - 48.0).max(lies.right() + space::S1), row.top()), pos2(ends, row.bottom()));
    if place.width() < 24.0 {
        return;
    }
    let words = format!("P{}", clock.period);
    let says = format!("Period {}. Go to the next", clock.period);
    let button = Button { says: &says, enabled: clock.period < 99, ..Button::new(&words) };
    if button.show(ui, place, "period") {
        asked.push(Asked::Command(Action::SetPeriod { period: clock.period.saturating_add(1) }));
    }
}
