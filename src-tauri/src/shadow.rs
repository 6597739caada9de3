//! A copy of the textures that egui draws with (its letters, mostly), so that they can be given to a device that is opened anew:
//! egui itself tells only what changes.

use std::collections::HashMap;
use std::sync::Arc;

use tl_console::egui::TextureId;
use tl_console::egui::epaint::textures::{TextureOptions, TexturesDelta};
use tl_console::egui::epaint::{ColorImage, ImageData, ImageDelta};

/// Textures as egui means them to be now.
#[derive(Default)]
pub struct Shadow(HashMap<TextureId, (Arc<ColorImage>, TextureOptions)>);

impl Shadow {
    /// Follows one change.
    pub fn apply(&mut self, delta: &TexturesDelta) {
        for (id, change) in changes(delta) {
            let ImageData::Color(patch) = &change.image;
            match change.pos {
                None => drop(self.0.insert(id, (Arc::clone(patch), change.options))),
                Some(at) => {
                    if let Some((image, _)) = self.0.get_mut(&id) {
                        paste(Arc::make_mut(image), patch, at);
                    }
                }
            }
        }
        for id in &delta.free {
            self.0.remove(id);
        }
    }

    /// Every texture whole.
    pub fn all(&self) -> impl Iterator<Item = (TextureId, ImageDelta)> {
        self.0.iter().map(|(id, (image, options))| (*id, ImageDelta::full(ImageData::Color(Arc::clone(image)), *options)))
    }

    /// Whether there is such a texture.
    pub fn has(&self, id: TextureId) -> bool {
        self.0.contains_key(&id)
    }
}

/// Every change, in the order in which they were made.
pub fn changes(delta: &TexturesDelta) -> impl Iterator<Item = (TextureId, &ImageDelta)> {
    delta.set.iter().flat_map(|(id, changes)| changes.iter().map(|change| (*id, change)))
}

/// What would lie outside is left out.
fn paste(image: &mut ColorImage, patch: &ColorImage, [left, top]: [usize; 2]) {
    let [width, _] = image.size;
    let [patch_width, _] = patch.size;
    let rows = patch.pixels.chunks(patch_width.max(1));
    for (row, pixels) in rows.enumerate() {
        let start = (top + row) * width + left;
        let length = patch_width.min(width.saturating_sub(left));
        if let (Some(target), Some(pixels)) = (image.pixels.get_mut(start..start + length), pixels.get(..length)) {
            target.copy_from_slice(pixels);
        }
    }
}

#[cfg(test)]
mod tests {
    use tl_console::egui::Color32;

    use super::*;

    fn image(size: [usize; 2], colour: Color32) -> ImageData {
        ImageData::Color(Arc::new(ColorImage::filled(size, colour)))
    }

    fn change(id: TextureId, change: ImageDelta) -> TexturesDelta {
        let mut delta = TexturesDelta::default();
        delta.push(id, change);
        delta
    }

    fn follow(shadow: &mut Shadow, mut delta: TexturesDelta) {
        shadow.apply(&delta);
        delta.clear();
    }

    #[test]
    fn patches_add_up_and_what_is_freed_is_gone() {
        let (id, options) = (TextureId::Managed(0), TextureOptions::LINEAR);
        let mut shadow = Shadow::default();
        follow(&mut shadow, change(id, ImageDelta::full(image([4, 3], Color32::BLACK), options)));
        follow(&mut shadow, change(id, ImageDelta::partial([2, 1], image([2, 2], Color32::WHITE), options)));
        // Beyond the edge, and of a texture that is not there.
        follow(&mut shadow, change(id, ImageDelta::partial([3, 2], image([9, 9], Color32::RED), options)));
        follow(&mut shadow, change(TextureId::Managed(7), ImageDelta::partial([0, 0], image([1, 1], Color32::RED), options)));
        let all: Vec<_> = shadow.all().collect();
        let [(found, ImageDelta { image: ImageData::Color(pixels), pos: None, .. })] = &all[..] else { panic!("{} textures", all.len()) };
        assert_eq!((*found, pixels.size), (id, [4, 3]));
        let (b, w, r) = (Color32::BLACK, Color32::WHITE, Color32::RED);
        assert_eq!(pixels.pixels, [b, b, b, b, b, b, w, w, b, b, w, r]);
        let mut freed = TexturesDelta::default();
        freed.free(id);
        follow(&mut shadow, freed);
        assert!(!shadow.has(id) && shadow.all().next().is_none());
    }
}
