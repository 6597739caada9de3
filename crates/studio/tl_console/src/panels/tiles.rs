//! All cameras side by side, each in the place of its slot.

use egui::{Align2, Rect, Ui, vec2};
use tl_base::SlotId;
use tl_wire::{CameraView, Snapshot};

use crate::arrange::Grid;
use crate::code::Code;
use crate::panels::{door, tile};
use crate::text;
use crate::tokens::{dark, space};
use crate::widgets;
use crate::{Asked, View};

/// Most places that the way in for phones takes.
const DOOR_PLACES: usize = 2;

/// The camera of each place, in order. A place may be free.
pub fn placed(cameras: &[CameraView]) -> Vec<Option<&CameraView>> {
    let highest = cameras.iter().map(|camera| camera.slot).filter(|slot| slot.is_camera()).max().map_or(0, |slot| slot.0);
    (1..=highest).map(|slot| cameras.iter().find(|camera| camera.slot == SlotId(slot))).collect()
}

/// Draws the grid.
pub fn tiles_ui(ui: &mut Ui, grid: &Grid, show: &Snapshot, view: &View<'_>, code: &mut Code, asked: &mut Vec<Asked>) {
    let placed = placed(&show.cameras);
    // The way in stands where the last cameras will: in up to two free places at the end.
    let row = (grid.places - 1) / grid.columns * grid.columns;
    let first = placed.len().max(row).max(grid.places - DOOR_PLACES);
    let door = view.join.filter(|_| placed.len() < grid.places).map(|join| (join, first));
    for index in 0..grid.places {
        let rect = grid.at(index);
        match placed.get(index).copied().flatten() {
            Some(camera) => tile::tile_ui(ui, rect, grid.foot, camera, show, view, asked),
            None if door.is_some_and(|(_, first)| index >= first) => {}
            None => free(ui, rect, index + 1),
        }
    }
    if let Some((join, first)) = door {
        // To the end of the row, where that has more room than places.
        door::small_ui(ui, grid.span(first, row + grid.columns - 1), join, code);
    }
}

/// A place at which nobody stands.
fn free(ui: &Ui, rect: Rect, slot: usize) {
    widgets::card(ui, rect);
    let number = text::line(ui, &slot.to_string(), text::NUMBER.colour(dark::TEXT_FAINT), rect.width());
    let foot = rect.with_min_y(rect.bottom() - 26.0).shrink2(vec2(space::S2 + 1.0, 0.0));
    let lies = text::put(ui, number, foot, Align2::LEFT_CENTER);
    text::left(ui, "Free", text::SMALL.colour(dark::TEXT_FAINT), foot.with_min_x(lies.right() + space::S2));
    widgets::says(ui, rect, ("free", slot), &format!("Place {slot}, free"), "");
}
