//! Pictures and graphics on the device, kept while they are shown.

use std::sync::Arc;

use tl_base::{MediaTime, Size, SourceId};
use tl_frame::{Frame, Memory};

use crate::OverlayImage;
use crate::layout::{self, Spans};

/// Sets of picture planes at most: sixteen layers of a transition between two arrangements would still fit.
const MAX_PICTURES: usize = 20;
/// Graphics at most.
const MAX_GRAPHICS: usize = 24;
/// Unused for this many ticks, a texture is let go.
const KEEP_TICKS: u64 = 300;

/// Which picture lies in a set of planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    source: SourceId,
    seq: u64,
    capture: MediaTime,
    /// Where the samples lie: a source that starts anew counts anew.
    address: usize,
}

impl Key {
    pub fn of(frame: &Frame) -> Self {
        let address = match &frame.memory {
            Memory::Cpu(planes) => Arc::as_ptr(planes).cast::<()>().addr(),
            Memory::External(_, owner) => Arc::as_ptr(owner).cast::<()>().addr(),
        };
        Self { source: frame.source, seq: frame.seq, capture: frame.capture, address }
    }
}

struct Entry<K> {
    key: Option<K>,
    size: Size,
    textures: Vec<wgpu::Texture>,
    bind: wgpu::BindGroup,
    used: u64,
}

/// A graphic that waits to be written: textures and image are told apart by index.
pub(crate) struct Textures {
    layout: wgpu::BindGroupLayout,
    pictures: Vec<Entry<Key>>,
    graphics: Vec<Entry<u64>>,
    /// Bound where nothing is read.
    nothing: wgpu::BindGroup,
    turn: u64,
}

impl Textures {
    pub fn new(device: &wgpu::Device, layout: &wgpu::BindGroupLayout) -> Self {
        let nothing = planes(device, Size::new(2, 2), &[(1, wgpu::TextureFormat::R8Unorm)]);
        let nothing = bind(device, layout, &nothing);
        Self { layout: layout.clone(), pictures: Vec::new(), graphics: Vec::new(), nothing, turn: 0 }
    }

    pub fn nothing(&self) -> &wgpu::BindGroup {
        &self.nothing
    }

    /// Starts a tick: what was not used for long is let go.
    pub fn next_turn(&mut self) {
        self.turn += 1;
        let oldest = self.turn.saturating_sub(KEEP_TICKS);
        self.pictures.retain(|entry| entry.used >= oldest);
        self.graphics.retain(|entry| entry.used >= oldest);
    }

    /// Planes for a frame, and whether its samples still have to be copied there.
    pub fn picture(&mut self, device: &wgpu::Device, frame: &Frame) -> (usize, bool) {
        let key = Key::of(frame);
        let shapes = [(1, wgpu::TextureFormat::R8Unorm), (2, wgpu::TextureFormat::R8Unorm), (2, wgpu::TextureFormat::R8Unorm)];
        find(&mut self.pictures, MAX_PICTURES, self.turn, key, frame.size, || {
            let textures = planes(device, frame.size, &shapes);
            let bind = bind(device, &self.layout, &textures);
            (textures, bind)
        })
    }

    /// Copies a frame's planes from a filled buffer.
    pub fn fill_picture(&self, encoder: &mut wgpu::CommandEncoder, index: usize, buffer: &wgpu::Buffer, spans: &Spans) {
        let Some(entry) = self.pictures.get(index) else { return };
        for (texture, span) in entry.textures.iter().zip(spans) {
            let source = wgpu::TexelCopyBufferInfo { buffer, layout: span.texture_layout() };
            encoder.copy_buffer_to_texture(source, texture.as_image_copy(), span.extent());
        }
    }

    pub fn picture_bind(&self, index: usize) -> &wgpu::BindGroup {
        self.pictures.get(index).map_or(&self.nothing, |entry| &entry.bind)
    }

    /// Textures of a graphic, written when it is new.
    pub fn graphic(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, image: &OverlayImage) -> usize {
        let shapes = [(1, wgpu::TextureFormat::Rg8Unorm), (2, wgpu::TextureFormat::Rgba8Unorm)];
        let (index, new) = find(&mut self.graphics, MAX_GRAPHICS, self.turn, image.id(), image.size(), || {
            let textures = planes(device, image.size(), &shapes);
            let bind = bind(device, &self.layout, &textures);
            (textures, bind)
        });
        if let Some(entry) = self.graphics.get(index).filter(|_| new) {
            let Size { width, height } = image.size();
            let data = [(image.luma(), width * 2, width, height), (image.chroma(), width * 2, width / 2, height / 2)];
            for (texture, (bytes, stride, width, height)) in entry.textures.iter().zip(data) {
                let rows = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(stride), rows_per_image: None };
                queue.write_texture(texture.as_image_copy(), bytes, rows, wgpu::Extent3d { width, height, depth_or_array_layers: 1 });
            }
        }
        index
    }

    pub fn graphic_bind(&self, index: usize) -> &wgpu::BindGroup {
        self.graphics.get(index).map_or(&self.nothing, |entry| &entry.bind)
    }
}

/// Bytes that a frame takes in an upload buffer, from `offset` on.
pub(crate) fn spans_of(frame: &Frame, offset: u64) -> (Spans, u64) {
    layout::place(frame.size.width, frame.size.height, offset)
}

/// The entry that holds `key`, else one of the same size that this tick does not use, else a new one.
fn find<K: PartialEq>(
    entries: &mut Vec<Entry<K>>,
    most: usize,
    turn: u64,
    key: K,
    size: Size,
    make: impl FnOnce() -> (Vec<wgpu::Texture>, wgpu::BindGroup),
) -> (usize, bool) {
    if let Some((index, entry)) = entries.iter_mut().enumerate().find(|(_, entry)| entry.key.as_ref() == Some(&key) && entry.size == size) {
        entry.used = turn;
        return (index, false);
    }
    // The one used in the last tick may come back in the next, so an older one goes first.
    let old = entries.iter().enumerate().filter(|(_, entry)| entry.size == size && entry.used < turn).min_by_key(|(_, entry)| entry.used);
    if let Some((index, entry)) = old.map(|(index, _)| index).and_then(|index| entries.get_mut(index).map(|entry| (index, entry))) {
        *entry = Entry { key: Some(key), used: turn, textures: std::mem::take(&mut entry.textures), bind: entry.bind.clone(), size };
        return (index, true);
    }
    let (textures, bind) = make();
    let entry = Entry { key: Some(key), size, textures, bind, used: turn };
    let oldest = entries.iter().enumerate().filter(|(_, entry)| entry.used < turn).min_by_key(|(_, entry)| entry.used).map(|(index, _)| index);
    match oldest.filter(|_| entries.len() >= most).and_then(|index| entries.get_mut(index).map(|old| (index, old))) {
        Some((index, old)) => {
            *old = entry;
            (index, true)
        }
        None => {
            entries.push(entry);
            (entries.len() - 1, true)
        }
    }
}

/// Textures whose sides are those of `size` divided by each shape's divisor, rounded up.
fn planes(device: &wgpu::Device, size: Size, shapes: &[(u32, wgpu::TextureFormat)]) -> Vec<wgpu::Texture> {
    let make = |&(divisor, format): &(u32, wgpu::TextureFormat)| {
        device.create_texture(&wgpu::TextureDescriptor {
            label: Some("picture"),
            size: wgpu::Extent3d { width: size.width.div_ceil(divisor).max(1), height: size.height.div_ceil(divisor).max(1), depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        })
    };
    shapes.iter().map(make).collect()
}

/// Binds up to three textures; where one is missing, the last one stands in.
fn bind(device: &wgpu::Device, layout: &wgpu::BindGroupLayout, textures: &[wgpu::Texture]) -> wgpu::BindGroup {
    let views: Vec<wgpu::TextureView> = textures.iter().map(|texture| texture.create_view(&wgpu::TextureViewDescriptor::default())).collect();
    // Outside the picture its edge goes on.
    let nearest = device.create_sampler(&wgpu::SamplerDescriptor { label: Some("nearest"), ..Default::default() });
    let mut entries: Vec<wgpu::BindGroupEntry> = (0..3_u32)
        .filter_map(|binding| {
            let view = views.get(binding as usize).or(views.last())?;
            Some(wgpu::BindGroupEntry { binding, resource: wgpu::BindingResource::TextureView(view) })
        })
        .collect();
    entries.push(wgpu::BindGroupEntry { binding: 3, resource: wgpu::BindingResource::Sampler(&nearest) });
    device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some("picture"), layout, entries: &entries })
}
