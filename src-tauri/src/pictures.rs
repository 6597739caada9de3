//! Which pictures the window wants, and how large.

use std::collections::BTreeMap;

use tl_base::{Size, SlotId};
use tl_console::{Pictures, Texture};
use tl_gpu::{MAX_TILES, Wanted, tile_size};
use tl_studio::Multiview;
use tl_wire::Snapshot;

use crate::painter::texture_of;

const PROGRAMME: u16 = 0;
const NEXT: u16 = 1;
/// Camera 1 is behind it.
const CAMERAS: u16 = 1;
/// Where pictures are dear, programme and next are no larger.
const LARGEST_SLOW: Size = Size::new(640, 360);
/// More is not seen beside other pictures.
const LARGEST: Size = Size::new(1_280, 720);

/// Boxes for the large pictures and for cameras, in a window of so many pixels.
fn boxes(window: Size, slow: bool) -> (Size, Size) {
    let part = |share: u32, of: u32| window.width.saturating_mul(share) / of;
    let most = if slow { LARGEST_SLOW } else { LARGEST };
    let wide = |width: u32| Size::new(width.clamp(64, most.width), (width * 9 / 16).clamp(36, most.height));
    (wide(part(2, 5)), wide(part(1, 5)))
}

/// What there is to show now, and how the console finds it; `shows` says whether a place holds a picture already.
pub fn wanted(studio: &Multiview, snapshot: &Snapshot, window: Size, slow: bool, shows: impl Fn(u16) -> bool) -> (Vec<Wanted>, Pictures) {
    let (large, small) = boxes(window, slow);
    let mut tiles = Vec::new();
    let mut texture = |place: u16, frame, within: Size| {
        let size = tile_size(&frame, within);
        tiles.push(Wanted { place, frame, within });
        Texture { id: texture_of(place), size: [size.width, size.height] }
    };
    let program = studio.programme().map(|frame| texture(PROGRAMME, frame, large));
    let next = snapshot.program.next.and_then(|slot| studio.camera(slot)).map(|frame| texture(NEXT, frame, large));
    // Until its large picture is made the camera's small one stands there.
    let next = next.filter(|_| shows(NEXT));
    let cameras: BTreeMap<SlotId, Texture> = snapshot
        .cameras
        .iter()
        .filter(|camera| usize::from(CAMERAS + camera.slot.0) < MAX_TILES)
        .filter_map(|camera| Some((camera.slot, texture(CAMERAS + camera.slot.0, studio.camera(camera.slot)?, small))))
        .collect();
    (tiles, Pictures { program, next, cameras })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_grow_with_the_window_and_stay_small_where_they_are_dear() {
        assert_eq!(boxes(Size::new(1_280, 720), false), (Size::new(512, 288), Size::new(256, 144)));
        assert_eq!(boxes(Size::new(1_920, 1_080), true), (Size::new(640, 360), Size::new(384, 216)));
        assert_eq!(boxes(Size::new(3_840, 2_160), false).0, Size::new(1_280, 720));
        assert_eq!(boxes(Size::new(1, 1), true).1, Size::new(64, 36));
    }
}
