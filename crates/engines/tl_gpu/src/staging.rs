//! Buffers that stay mapped between their turns: one kind to fill for the device, one kind to read from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Buffers of one kind at most; two ticks are in the works at a time.
const MAX_BUFFERS: usize = 8;

const PENDING: u8 = 0;
const MAPPED: u8 = 1;
const FAILED: u8 = 2;

/// A buffer and whether the processor may touch it.
pub(crate) struct Mappable {
    pub buffer: wgpu::Buffer,
    state: Arc<AtomicU8>,
}

impl Mappable {
    fn map(&self, mode: wgpu::MapMode) {
        self.state.store(PENDING, Ordering::Release);
        let state = Arc::clone(&self.state);
        self.buffer.map_async(mode, .., move |result| state.store(if result.is_ok() { MAPPED } else { FAILED }, Ordering::Release));
    }

    /// Asks for the content, which is there when the work before has been waited for.
    pub fn map_to_read(&self) {
        self.map(wgpu::MapMode::Read);
    }

    pub fn is_mapped(&self) -> bool {
        self.state.load(Ordering::Acquire) == MAPPED
    }
}

/// Buffers that the processor fills.
#[derive(Default)]
pub(crate) struct Uploads {
    buffers: Vec<Mappable>,
}

impl Uploads {
    /// A mapped buffer of at least this size.
    pub fn take(&mut self, device: &wgpu::Device, bytes: u64) -> Mappable {
        take(&mut self.buffers, bytes, Mappable::is_mapped).unwrap_or_else(|| {
            let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
            let size = round_up(bytes);
            let descriptor = wgpu::BufferDescriptor { label: Some("upload"), size, usage, mapped_at_creation: true };
            Mappable { buffer: device.create_buffer(&descriptor), state: Arc::new(AtomicU8::new(MAPPED)) }
        })
    }

    /// Takes a buffer back after the work that reads it was submitted.
    pub fn give_back(&mut self, upload: Mappable) {
        upload.map(wgpu::MapMode::Write);
        keep(&mut self.buffers, upload);
    }
}

/// Buffers that the device fills.
#[derive(Default)]
pub(crate) struct Downloads {
    buffers: Vec<Mappable>,
}

impl Downloads {
    /// An unmapped buffer of at least this size.
    pub fn take(&mut self, device: &wgpu::Device, bytes: u64) -> Mappable {
        take(&mut self.buffers, bytes, |_| true).unwrap_or_else(|| {
            let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
            let size = round_up(bytes);
            let descriptor = wgpu::BufferDescriptor { label: Some("read back"), size, usage, mapped_at_creation: false };
            Mappable { buffer: device.create_buffer(&descriptor), state: Arc::new(AtomicU8::new(PENDING)) }
        })
    }

    /// Takes a buffer back that was read; no view of it is left.
    pub fn give_back(&mut self, download: Mappable) {
        download.buffer.unmap();
        keep(&mut self.buffers, download);
    }
}

/// Sizes come in few steps, so that a graphic that grows by a pixel finds a buffer.
fn round_up(bytes: u64) -> u64 {
    bytes.max(65_536).next_multiple_of(262_144)
}

/// The smallest buffer that is large enough, unless it would waste much.
fn take(buffers: &mut Vec<Mappable>, bytes: u64, ready: impl Fn(&Mappable) -> bool) -> Option<Mappable> {
    let fitting = buffers.iter().enumerate().filter(|(_, buffer)| buffer.buffer.size() >= bytes && ready(buffer));
    let best = fitting.min_by_key(|(_, buffer)| buffer.buffer.size()).map(|(index, _)| index)?;
    Some(buffers.swap_remove(best))
}

/// The oldest buffer leaves when there are too many: sizes of a former arrangement die out.
fn keep(buffers: &mut Vec<Mappable>, buffer: Mappable) {
    if buffers.len() >= MAX_BUFFERS {
        buffers.remove(0);
    }
    buffers.push(buffer);
}
