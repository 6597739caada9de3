//! Tiles of cameras' pictures and the window's own picture on the device (`shaders/tiles.wgsl`).
//!
//! Samples come down to one for a pixel while they are copied ([`crate::shrink`]); the pass turns the picture upright and makes it red,
//! green and blue. A filter in the pass would cost the software driver five times as much. A tile whose picture has not changed is not
//! made again. A picture without samples in reach is left out and its tile stays as it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytemuck::{Pod, Zeroable};
use tl_base::Size;
use tl_frame::{Frame, Rotation};

use crate::bindings;
use crate::colour::rgb_rows;
use crate::layout::{self, Spans};
use crate::multiview::{Brush, MAX_TILES, Paint, Painted, Returned, Tile, Wanted, lies_on_its_side, tile_size};
use crate::shrink::{self, Scratch};
use crate::staging::{Mappable, Uploads};
use crate::textures::Key;

const SHADER: &str = include_str!("../../../../shaders/tiles.wgsl");
/// From one tile's numbers to the next in their buffer.
const STRIDE: u64 = 256;
const TILE: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;
/// What windows take without turning bytes around.
const WINDOW: wgpu::TextureFormat = wgpu::TextureFormat::Bgra8Unorm;

/// The numbers of one tile as the shader reads them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
struct Numbers {
    rgb: [[f32; 4]; 3],
    turn: [f32; 4],
    offset: [f32; 4],
}

impl Numbers {
    /// For a stored picture that was made `small`.
    fn of(frame: &Frame, small: Size) -> Self {
        let (right, bottom) = (small.width as f32 - 1.0, small.height as f32 - 1.0);
        let ([a, b, c, d], [x, y]) = match frame.rotation {
            Rotation::None => ([1.0, 0.0, 0.0, 1.0], [0.0, 0.0]),
            Rotation::Clockwise90 => ([0.0, 1.0, -1.0, 0.0], [0.0, bottom]),
            Rotation::Half => ([-1.0, 0.0, 0.0, -1.0], [right, bottom]),
            Rotation::Clockwise270 => ([0.0, -1.0, 1.0, 0.0], [right, 0.0]),
        };
        Self { rgb: rgb_rows(frame.colour), turn: [a, b, c, d], offset: [x, y, 0.0, 0.0] }
    }
}

/// The planes of a tile's picture on the device.
struct Planes {
    size: Size,
    textures: [wgpu::Texture; 3],
    bind: wgpu::BindGroup,
}

/// One place's textures.
struct Place {
    /// The picture that it shows.
    key: Option<Key>,
    planes: Option<Planes>,
    tile: Option<Tile>,
}

/// Everything that windows need on one device.
pub(crate) struct Tiles {
    pipeline: wgpu::RenderPipeline,
    planes_layout: wgpu::BindGroupLayout,
    numbers: wgpu::Buffer,
    numbers_bind: wgpu::BindGroup,
    places: Vec<Place>,
    /// The finished ones, for whoever paints now.
    list: Vec<Tile>,
    uploads: Uploads,
    scratch: Scratch,
    views: u64,
    target: Option<(Size, wgpu::Texture, wgpu::TextureView)>,
    returned: Returned,
}

/// A window's picture on the device.
pub(crate) struct Painting {
    paint: Paint,
    began: Instant,
    buffer: wgpu::Buffer,
    stride: u32,
    mapped: Arc<AtomicBool>,
}

impl Tiles {
    pub fn new(device: &wgpu::Device) -> Self {
        let numbers = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("tiles"),
            size: MAX_TILES as u64 * STRIDE,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let (numbers_layout, planes_layout) = layouts(device);
        let one = wgpu::BufferBinding { buffer: &numbers, offset: 0, size: wgpu::BufferSize::new(size_of::<Numbers>() as u64) };
        let numbers_bind = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("tiles"),
            layout: &numbers_layout,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::Buffer(one) }],
        });
        Self {
            pipeline: pipeline(device, &numbers_layout, &planes_layout),
            planes_layout,
            numbers,
            numbers_bind,
            places: (0..MAX_TILES).map(|_| Place { key: None, planes: None, tile: None }).collect(),
            list: Vec::with_capacity(MAX_TILES),
            uploads: Uploads::default(),
            scratch: Scratch::default(),
            views: 0,
            target: None,
            returned: Returned::default(),
        }
    }

    /// Whether a tile would be the same again.
    pub fn is_made(&self, wanted: &Wanted) -> bool {
        let size = tile_size(&wanted.frame, wanted.within);
        let place = self.places.get(usize::from(wanted.place));
        place.is_some_and(|place| place.key == Some(Key::of(&wanted.frame)) && place.tile.as_ref().is_some_and(|tile| tile.size == size))
    }

    /// Records the making of one tile; the buffer is to be given back when it was submitted. None: there was nothing to do.
    pub fn make(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, encoder: &mut wgpu::CommandEncoder, wanted: &Wanted) -> Option<Mappable> {
        let index = usize::from(wanted.place);
        let frame = &wanted.frame;
        if index >= self.places.len() || !layout::is_whole(frame) {
            return None;
        }
        let size = tile_size(frame, wanted.within);
        let within = if lies_on_its_side(frame) { Size::new(wanted.within.height, wanted.within.width) } else { wanted.within };
        let factor = shrink::factor(frame.size, within);
        let small = shrink::size(frame.size, factor);
        let (spans, bytes) = layout::place(small.width, small.height, 0);
        let upload = self.uploads.take(device, bytes);
        self.fill(&upload, frame, factor, &spans, bytes)?;
        self.prepare(device, index, small, size, wanted.place)?;
        let place = self.places.get_mut(index)?;
        let (Some(planes), Some(tile)) = (&place.planes, &place.tile) else { return Some(upload) };
        for (texture, span) in planes.textures.iter().zip(&spans) {
            let source = wgpu::TexelCopyBufferInfo { buffer: &upload.buffer, layout: span.texture_layout() };
            encoder.copy_buffer_to_texture(source, texture.as_image_copy(), span.extent());
        }
        let offset = index as u64 * STRIDE;
        queue.write_buffer(&self.numbers, offset, bytemuck::bytes_of(&Numbers::of(frame, small)));
        let ops = wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store };
        let target = wgpu::RenderPassColorAttachment { view: &tile.view, depth_slice: None, resolve_target: None, ops };
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor { label: Some("tile"), color_attachments: &[Some(target)], ..Default::default() });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.numbers_bind, &[offset as u32]);
        pass.set_bind_group(1, &planes.bind, &[]);
        pass.draw(0..3, 0..1);
        drop(pass);
        place.key = Some(Key::of(frame));
        if let Some(tile) = &mut place.tile {
            tile.picture += 1;
        }
        Some(upload)
    }

    /// Takes an upload back after its work was submitted.
    pub fn give_back(&mut self, upload: Mappable) {
        self.uploads.give_back(upload);
    }

    fn fill(&mut self, upload: &Mappable, frame: &Frame, factor: u32, spans: &Spans, bytes: u64) -> Option<()> {
        {
            let mut view = upload.buffer.get_mapped_range_mut(..bytes).ok()?;
            shrink::for_rows(frame, factor, &mut self.scratch, |plane, row, samples| {
                let Some(span) = spans.get(plane).filter(|span| row < span.height as usize) else { return };
                let start = span.offset as usize + row * span.stride as usize;
                let width = samples.len().min(span.width as usize);
                if let Some(samples) = samples.get(..width) {
                    view.slice(start..start + width).copy_from_slice(samples);
                }
            });
        }
        upload.buffer.unmap();
        Some(())
    }

    /// Textures of the right sizes for a place.
    fn prepare(&mut self, device: &wgpu::Device, index: usize, small: Size, size: Size, number: u16) -> Option<()> {
        let place = self.places.get_mut(index)?;
        if place.planes.as_ref().is_none_or(|planes| planes.size != small) {
            let half = Size::new(small.width.div_ceil(2), small.height.div_ceil(2));
            let usage = wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST;
            let textures = [small, half, half].map(|size| texture(device, "tile's picture", size, wgpu::TextureFormat::R8Unorm, usage));
            let bind = bind(device, &self.planes_layout, &textures);
            place.planes = Some(Planes { size: small, textures, bind });
        }
        if place.tile.as_ref().is_none_or(|tile| tile.size != size) {
            self.views += 1;
            let usage = wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_SRC;
            let view = texture(device, "tile", size, TILE, usage).create_view(&wgpu::TextureViewDescriptor::default());
            place.tile = Some(Tile { place: number, size, view, view_id: self.views, picture: 0 });
        }
        Some(())
    }

    /// Has a window's picture recorded and its way back to memory; says what is to be submitted.
    pub fn paint(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        mut encoder: wgpu::CommandEncoder,
        mut paint: Paint,
        device_number: u32,
    ) -> Option<(Vec<wgpu::CommandBuffer>, Painting)> {
        let began = Instant::now();
        let size = paint.size();
        let draw = paint.take_draw()?;
        let is_blank = self.target.as_ref().is_none_or(|(has, _, _)| *has != size);
        if is_blank {
            let usage = wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC;
            let target = texture(device, "window", size, WINDOW, usage);
            let view = target.create_view(&wgpu::TextureViewDescriptor::default());
            self.target = Some((size, target, view));
        }
        self.list.clear();
        self.list.extend(self.places.iter().filter_map(|place| place.tile.clone()));
        let (_, target, view) = self.target.as_ref()?;
        let brush = Brush { device, queue, encoder: &mut encoder, target: view, format: WINDOW, size, is_blank, tiles: &self.list, device_number };
        let mut commands = draw(brush);
        let stride = (size.width * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = take_buffer(device, &self.returned, u64::from(stride) * u64::from(size.height));
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(stride), rows_per_image: None };
        let extent = wgpu::Extent3d { width: size.width, height: size.height, depth_or_array_layers: 1 };
        encoder.copy_texture_to_buffer(target.as_image_copy(), wgpu::TexelCopyBufferInfo { buffer: &buffer, layout }, extent);
        commands.push(encoder.finish());
        Some((commands, Painting { paint, began, buffer, stride, mapped: Arc::default() }))
    }

    /// Hands a finished picture to its window.
    pub fn finished(&self, painting: Painting) {
        let Painting { paint, began, buffer, stride, mapped } = painting;
        // What cannot be read is answered as lost when it is dropped here.
        if mapped.load(Ordering::Acquire) {
            let times = (began.saturating_duration_since(paint.asked()), began.elapsed());
            let painted = Painted::new(buffer, paint.size(), stride, times, Arc::clone(&self.returned));
            paint.finished(painted);
        }
    }
}

impl Painting {
    /// Asks for the content, after the work was submitted.
    pub fn map(&self) {
        let mapped = Arc::clone(&self.mapped);
        self.buffer.map_async(wgpu::MapMode::Read, .., move |result| mapped.store(result.is_ok(), Ordering::Release));
    }
}

/// A buffer that came back with the right size, or a new one; others are let go, since the window has another size now.
fn take_buffer(device: &wgpu::Device, returned: &Returned, bytes: u64) -> wgpu::Buffer {
    let mut returned = returned.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    returned.retain(|buffer| buffer.size() == bytes);
    returned.pop().unwrap_or_else(|| {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        device.create_buffer(&wgpu::BufferDescriptor { label: Some("window"), size: bytes, usage, mapped_at_creation: false })
    })
}

fn texture(device: &wgpu::Device, label: &str, size: Size, format: wgpu::TextureFormat, usage: wgpu::TextureUsages) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some(label),
        size: wgpu::Extent3d { width: size.width.max(1), height: size.height.max(1), depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage,
        view_formats: &[],
    })
}

fn bind(device: &wgpu::Device, layout: &wgpu::BindGroupLayout, textures: &[wgpu::Texture; 3]) -> wgpu::BindGroup {
    let views = textures.each_ref().map(|texture| texture.create_view(&wgpu::TextureViewDescriptor::default()));
    let entries: Vec<wgpu::BindGroupEntry> =
        (0..).zip(&views).map(|(binding, view)| wgpu::BindGroupEntry { binding, resource: wgpu::BindingResource::TextureView(view) }).collect();
    device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some("tile"), layout, entries: &entries })
}

fn layouts(device: &wgpu::Device) -> (wgpu::BindGroupLayout, wgpu::BindGroupLayout) {
    let numbers = bindings::numbers(device, "tiles", size_of::<Numbers>());
    let planes = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("tile"),
        entries: &[bindings::plane(0), bindings::plane(1), bindings::plane(2)],
    });
    (numbers, planes)
}

fn pipeline(device: &wgpu::Device, numbers: &wgpu::BindGroupLayout, planes: &wgpu::BindGroupLayout) -> wgpu::RenderPipeline {
    let shader = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some("tiles"), source: wgpu::ShaderSource::Wgsl(SHADER.into()) });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("tiles"),
        bind_group_layouts: &[Some(numbers), Some(planes)],
        ..Default::default()
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("tiles"),
        layout: Some(&layout),
        vertex: wgpu::VertexState { module: &shader, entry_point: Some("whole_tile"), compilation_options: Default::default(), buffers: &[] },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: &shader,
            entry_point: Some("picture"),
            compilation_options: Default::default(),
            targets: &[Some(wgpu::ColorTargetState { format: TILE, blend: None, write_mask: wgpu::ColorWrites::ALL })],
        }),
        multiview_mask: None,
        cache: None,
    })
}
