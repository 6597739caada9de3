//! Where everything lies: window in, rectangles out.
//!
//! The grid has a place for every slot, at least eight: a camera that comes, goes or returns moves no other picture.

use std::ops::RangeInclusive;

use egui::{Pos2, Rect, Vec2, pos2, vec2};

use crate::Layout;
use crate::tokens::space;

/// Height of the top strip, points.
const STRIP: f32 = 44.0;
/// Height of the line of keys at the bottom, points.
const KEYS: f32 = 36.0;
/// Height of the caption above Next and Live, points.
pub const CAPTION: f32 = 32.0;
/// Height of a tile's foot with one line, points.
pub const FOOT: f32 = 26.0;
/// What a second line adds to it, points.
pub const FOOT_MORE: f32 = 18.0;
/// How narrow and how wide the rail may be, points.
pub const RAIL: RangeInclusive<f32> = 248.0..=420.0;
/// Room for the meter at the right of a tile's picture, points.
pub const METER: f32 = 12.0;
/// Pictures are 16:9.
const RATIO: f32 = 9.0 / 16.0;
/// Between things, points.
pub const GAP: f32 = space::S2;
/// Of nearly equally large answers the widest row wins: the eye follows numbers along a line.
const CLOSE_ENOUGH: f32 = 0.88;
/// Fewest places of the grid.
const FEWEST: usize = 8;

/// What lies where, points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arranged {
    /// Top strip.
    pub strip: Rect,
    /// Everything left of the rail between strip and keys.
    pub stage: Rect,
    /// Next, with its caption.
    pub next: Rect,
    /// Live, with its caption.
    pub live: Rect,
    /// The cameras.
    pub grid: Grid,
    /// The rail.
    pub rail: Rect,
    /// The line of keys.
    pub keys: Rect,
}

/// Places of equal size, row after row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// All of it.
    pub rect: Rect,
    /// Places in a row.
    pub columns: usize,
    /// How many places.
    pub places: usize,
    /// Size of one.
    pub place: Vec2,
    /// Height of a tile's foot.
    pub foot: f32,
}

impl Grid {
    /// The place with this index.
    pub fn at(&self, index: usize) -> Rect {
        let step = self.place + Vec2::splat(GAP);
        let (column, row) = (index % self.columns, index / self.columns);
        Rect::from_min_size(self.rect.min + vec2(column as f32 * step.x, row as f32 * step.y), self.place)
    }

    /// Height below the last row that no place uses.
    fn spare(&self) -> f32 {
        let rows = self.places.div_ceil(self.columns) as f32;
        self.rect.height() - rows * self.place.y - (rows - 1.0) * GAP
    }

    /// From one place to another in the same row.
    pub fn span(&self, first: usize, last: usize) -> Rect {
        self.at(first).union(self.at(last))
    }
}

/// How many places a grid has for slots up to `highest`: whole steps, so that it seldom changes.
pub fn places(highest: usize) -> usize {
    [FEWEST, 12, 16, 24].into_iter().find(|places| *places >= highest).unwrap_or(32)
}

/// Arranges a window with a grid of so many places.
pub fn arrange(window: Rect, layout: &Layout, places: usize) -> Arranged {
    let strip = Rect::from_min_size(window.min, vec2(window.width(), STRIP));
    let keys = Rect::from_min_max(pos2(window.left(), window.bottom() - KEYS), window.max);
    let body = Rect::from_min_max(pos2(window.left() + GAP, strip.bottom() + GAP), pos2(window.right() - GAP, keys.top()));
    let rail_width = layout.rail_points.min(body.width() * 0.3).clamp(*RAIL.start(), *RAIL.end());
    let rail = Rect::from_min_max(pos2((body.right() - rail_width).round(), body.top()), body.max);
    let stage = Rect::from_min_max(body.min, pos2(rail.left() - GAP, body.bottom()));
    let half = ((stage.width() - GAP) / 2.0).floor();
    let natural = half * RATIO + CAPTION;
    let left_over = stage.height() - GAP;
    // Next and Live take what their width asks for; where that leaves little, the tiles get their share first.
    let tiles = match layout.tiles_share {
        Some(share) => stage.height() * share.clamp(0.2, 0.7),
        None => (left_over - natural).max(stage.height() * 0.4),
    };
    let pair_height = (left_over - tiles).min(natural).max(CAPTION * 2.0).floor();
    let below = |height: f32| grid(stage.with_min_y(stage.top() + height + GAP), places);
    // What the tiles cannot use makes the frames above them higher, so that all ends where the rail does.
    let pair_height = pair_height + below(pair_height).spare().max(0.0).floor();
    let next = Rect::from_min_size(stage.min, vec2(half, pair_height));
    let live = Rect::from_min_max(pos2(stage.right() - half, stage.top()), pos2(stage.right(), next.bottom()));
    let grid = below(pair_height);
    Arranged { strip, stage, next, live, grid, rail, keys }
}

/// The columns that make the tiles large.
fn grid(rect: Rect, places: usize) -> Grid {
    let answer = |columns: usize| {
        let rows = places.div_ceil(columns);
        let place = (rect.size() - vec2((columns - 1) as f32, (rows - 1) as f32) * GAP) / vec2(columns as f32, rows as f32);
        let picture = (place.x - METER).min((place.y - FOOT) / RATIO);
        (columns, place.floor(), picture)
    };
    let answers = || (1..=places).map(answer);
    let most = answers().map(|(.., picture)| picture).fold(0.0, f32::max);
    // An empty iterator is impossible: there are at least eight places.
    let (columns, place, _) = answers().rev().find(|(.., picture)| *picture >= most * CLOSE_ENOUGH).unwrap_or_else(|| answer(1));
    let picture = (place.x - METER) * RATIO;
    let spare = place.y - picture - FOOT;
    let foot = if spare >= FOOT_MORE { FOOT + FOOT_MORE } else { FOOT };
    let place = vec2(place.x, place.y.min((picture + foot).ceil()));
    Grid { rect, columns, places, place, foot }
}

/// The largest rectangle of a picture's shape in the middle of another.
pub fn fit(size: [u32; 2], into: Rect) -> Rect {
    let picture = vec2(size[0].max(1) as f32, size[1].max(1) as f32);
    let scale = (into.width() / picture.x).min(into.height() / picture.y).max(0.0);
    let lies = Rect::from_center_size(into.center(), picture * scale);
    Rect::from_min_max(rounded(lies.min), rounded(lies.max))
}

fn rounded(at: Pos2) -> Pos2 {
    pos2(at.x.round(), at.y.round())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(width: f32, height: f32) -> Rect {
        Rect::from_min_size(Pos2::ZERO, vec2(width, height))
    }

    #[test]
    fn nothing_overlaps_or_leaves_the_window() {
        for (width, height) in
            [(640.0, 480.0), (800.0, 600.0), (1024.0, 768.0), (1280.0, 720.0), (1920.0, 1080.0), (3840.0, 2160.0), (2560.0, 1080.0), (900.0, 1400.0)]
        {
            for highest in [0, 4, 8, 9, 12, 20, 32] {
                for tiles_share in [None, Some(0.0), Some(0.5), Some(1.0)] {
                    let all = arrange(window(width, height), &Layout { tiles_share, ..Layout::default() }, places(highest));
                    let mut parts = vec![all.strip, all.next, all.live, all.rail, all.keys];
                    parts.extend((0..all.grid.places).map(|index| all.grid.at(index)));
                    for (index, part) in parts.iter().enumerate() {
                        let of = format!("{width}x{height}, {highest} cameras, share {tiles_share:?}, part {index}: {part:?}");
                        assert!(window(width, height).contains_rect(*part) && part.is_positive(), "{of}");
                        assert!(!parts[..index].iter().any(|other| other.shrink(0.5).intersects(part.shrink(0.5))), "{of}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_camera_more_moves_nothing() {
        let places_of = |highest| arrange(window(1280.0, 720.0), &Layout::default(), places(highest)).grid;
        assert_eq!(places_of(1), places_of(8));
        assert_eq!(places_of(9), places_of(12));
        assert_eq!(places_of(6).columns, 4);
        assert_eq!(places_of(12).columns, 6);
    }

    #[test]
    fn pictures_keep_their_shape() {
        let into = Rect::from_min_size(pos2(10.0, 20.0), vec2(320.0, 320.0));
        assert_eq!(fit([1280, 720], into), Rect::from_min_size(pos2(10.0, 90.0), vec2(320.0, 180.0)));
        assert_eq!(fit([720, 1280], into).height(), 320.0);
        assert!(fit([0, 0], into).is_finite());
    }
}
