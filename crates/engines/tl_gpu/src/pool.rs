//! Memory that goes round: finished pictures, and scenes between who fills and who draws them.

use std::sync::{Arc, Mutex, PoisonError};

use tl_base::Size;
use tl_frame::{Layout, PixelFormat, Plane, Planes, VecPlanes};

use crate::Scene;

/// Memory kept for later; encoders and recorders hold a handful.
const MAX_KEPT: usize = 12;

/// Where the memory of dropped pictures waits.
#[derive(Clone)]
pub(crate) struct Pool {
    size: Size,
    free: Arc<Mutex<Vec<VecPlanes>>>,
}

impl Pool {
    pub fn new(size: Size) -> Self {
        Self { size, free: Arc::new(Mutex::new(Vec::with_capacity(MAX_KEPT))) }
    }

    /// I420 planes of unknown content.
    pub fn take(&self) -> Pooled {
        let used = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Pooled { planes: Some(used.unwrap_or_else(|| VecPlanes::new(PixelFormat::I420, self.size))), home: self.clone() }
    }
}

/// Planes that return to their pool when they are dropped.
pub(crate) struct Pooled {
    /// None only while it is dropped.
    planes: Option<VecPlanes>,
    home: Pool,
}

impl Pooled {
    /// Bytes and bytes per row of a plane.
    pub fn plane_mut(&mut self, index: usize) -> (&mut [u8], usize) {
        let Some(planes) = &mut self.planes else { return (&mut [], 1) };
        let stride = planes.plane(index).map_or(1, |Plane { layout: Layout { stride, .. }, .. }| stride);
        (planes.plane_mut(index), stride)
    }
}

impl Planes for Pooled {
    fn plane(&self, index: usize) -> Option<Plane<'_>> {
        self.planes.as_ref()?.plane(index)
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let mut free = self.home.free.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(planes) = self.planes.take()
            && free.len() < MAX_KEPT
        {
            free.push(planes);
        }
    }
}

/// Emptied scenes: those of the jobs that may wait, of the one that is drawn, and of the one that is being filled.
pub(crate) struct Scenes(Mutex<Vec<Scene>>);

impl Scenes {
    /// Scenes for a queue of so many jobs.
    pub fn for_queue(jobs: usize) -> Self {
        Self(Mutex::new((0..jobs + 2).map(|_| Scene::with_room()).collect()))
    }

    /// An empty scene.
    pub fn take(&self) -> Scene {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_else(Scene::with_room)
    }

    /// Takes a scene back. One too many is let go.
    pub fn give_back(&self, mut scene: Scene) {
        scene.clear();
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < free.capacity() {
            free.push(scene);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_goes_round() {
        let pool = Pool::new(Size::new(32, 16));
        let address = |planes: &Pooled| planes.plane(0).map(|plane| plane.bytes.as_ptr());
        let first = pool.take();
        let place = address(&first);
        drop(first);
        assert_eq!(address(&pool.take()), place);
    }

    #[test]
    fn scenes_go_round_with_their_room() {
        let scenes = Scenes::for_queue(1);
        let mut first = scenes.take();
        first.layers.push(crate::Layer::new(crate::LayerPicture::Colour(16, 128, 128), crate::Rect::default()));
        let place = first.layers.as_ptr();
        scenes.give_back(first);
        let again = scenes.take();
        assert!(again.layers.is_empty() && again.layers.as_ptr() == place);
    }
}
