//! The canvas and the passes that draw on it (`shaders/compose.wgsl`).
//!
//! Luma and chroma are two passes, the second with U and V as two targets. A piece that comes late, early or not at all cannot be
//! told from here: each tick draws what its plan says, onto whatever lies on the canvas.

use bytemuck::{Pod, Zeroable};
use tl_base::Size;

use crate::bindings;
use crate::colour::Conversion;
use crate::layout::Spans;
use crate::plan::{MAX_OVERLAYS, MAX_PIECES, Mapping, PxRect};

const SHADER: &str = include_str!("../../../../shaders/compose.wgsl");
/// Draws of one tick.
pub(crate) const MAX_DRAWS: usize = MAX_PIECES + MAX_OVERLAYS;
/// From one draw's numbers to the next in their buffer.
const DRAW_STRIDE: usize = 256;
const PLANE: wgpu::TextureFormat = wgpu::TextureFormat::R8Unorm;

/// How a piece finds its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// Pixel on pixel.
    Copy,
    /// Enlarged: Catmull-Rom.
    Cubic,
    /// Made smaller along at least one side, to a half at most: mean over the area, colour linear.
    FineMean,
    /// To a third at most: mean over the area.
    SmallMean,
    /// Made smaller than that.
    LargeMean,
    /// One colour.
    Solid,
    /// A graphic.
    Graphic,
}

/// The numbers of one draw as the shader reads them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub(crate) struct Numbers {
    turn: [f32; 4],
    offset: [f32; 4],
    luma_row: [f32; 4],
    u_row: [f32; 4],
    v_row: [f32; 4],
    cover: [f32; 4],
}

impl Numbers {
    pub fn picture(mapping: &Mapping, conversion: &Conversion, opacity: f32, edge: Option<(f32, f32)>) -> Self {
        let ([ox, oy], [sx, sy]) = (mapping.offset, mapping.step);
        let [luma_row, u_row, v_row] = conversion.rows.map(|row| row.map(|value| value as f32));
        Self {
            turn: mapping.turn.map(|value| value as f32),
            offset: [ox as f32, oy as f32, sx as f32, sy as f32],
            luma_row,
            u_row,
            v_row,
            cover: cover(opacity, edge),
        }
    }

    pub fn solid((y, u, v): (u8, u8, u8), opacity: f32, edge: Option<(f32, f32)>) -> Self {
        let row = |value: u8| [0.0, 0.0, 0.0, f32::from(value)];
        Self { luma_row: row(y), u_row: row(u), v_row: row(v), cover: cover(opacity, edge), ..Self::default() }
    }

    pub fn graphic((x, y): (u32, u32), opacity: f32) -> Self {
        Self { offset: [x as f32, y as f32, 1.0, 1.0], cover: cover(opacity, None), ..Self::default() }
    }
}

fn cover(opacity: f32, edge: Option<(f32, f32)>) -> [f32; 4] {
    let (end, width) = edge.unwrap_or((0.0, 0.0));
    [opacity.clamp(0.0, 1.0), end, if width > 0.0 { 1.0 / width } else { 0.0 }, 0.0]
}

/// One piece or graphic to draw.
pub(crate) struct Draw {
    pub rect: PxRect,
    pub kernel: Kernel,
    /// Luma takes part of chroma.
    pub mixes_chroma: bool,
    /// Lets shine through what lies below.
    pub blends: bool,
    pub numbers: Numbers,
    pub source: Source,
}

/// What a draw reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Nothing,
    Picture(usize),
    Graphic(usize),
}

struct Pipelines {
    /// By kernel, then by whether luma mixes chroma and whether it blends.
    luma: Vec<(Kernel, bool, bool, wgpu::RenderPipeline)>,
    chroma: Vec<(Kernel, bool, wgpu::RenderPipeline)>,
}

/// The canvas' planes and everything to draw with.
pub(crate) struct Composer {
    canvas: Size,
    planes: [wgpu::Texture; 3],
    views: [wgpu::TextureView; 3],
    pipelines: Pipelines,
    numbers: wgpu::Buffer,
    numbers_bind: wgpu::BindGroup,
    /// The numbers of a tick on their way, `DRAW_STRIDE` apart.
    bytes: Vec<u8>,
    pub source_layout: wgpu::BindGroupLayout,
}

impl Composer {
    pub fn new(device: &wgpu::Device, canvas: Size) -> Self {
        let plane = |width: u32, height: u32| {
            device.create_texture(&wgpu::TextureDescriptor {
                label: Some("canvas"),
                size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: PLANE,
                usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC | wgpu::TextureUsages::COPY_DST,
                view_formats: &[],
            })
        };
        let planes = [plane(canvas.width, canvas.height), plane(canvas.width / 2, canvas.height / 2), plane(canvas.width / 2, canvas.height / 2)];
        let views = planes.each_ref().map(|plane| plane.create_view(&wgpu::TextureViewDescriptor::default()));
        let numbers = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("draws"),
            size: (MAX_DRAWS * DRAW_STRIDE) as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let (numbers_layout, source_layout) = layouts(device);
        let window = wgpu::BufferBinding { buffer: &numbers, offset: 0, size: wgpu::BufferSize::new(size_of::<Numbers>() as u64) };
        let numbers_bind = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("draws"),
            layout: &numbers_layout,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::Buffer(window) }],
        });
        let pipelines = Pipelines::new(device, &numbers_layout, &source_layout);
        Self { canvas, planes, views, pipelines, numbers, numbers_bind, bytes: Vec::with_capacity(MAX_DRAWS * DRAW_STRIDE), source_layout }
    }

    /// Copies planes from an upload buffer to their place on the canvas.
    pub fn copy_in(&self, encoder: &mut wgpu::CommandEncoder, buffer: &wgpu::Buffer, spans: &Spans, rect: PxRect) {
        for (index, (plane, span)) in self.planes.iter().zip(spans).enumerate() {
            let source = wgpu::TexelCopyBufferInfo { buffer, layout: span.texture_layout() };
            encoder.copy_buffer_to_texture(source, at(plane, index, rect), span.extent());
        }
    }

    /// Copies a part of the canvas to a buffer.
    pub fn copy_out(&self, encoder: &mut wgpu::CommandEncoder, buffer: &wgpu::Buffer, spans: &Spans, rect: PxRect) {
        for (index, (plane, span)) in self.planes.iter().zip(spans).enumerate() {
            let target = wgpu::TexelCopyBufferInfo { buffer, layout: span.texture_layout() };
            encoder.copy_texture_to_buffer(at(plane, index, rect), target, span.extent());
        }
    }

    /// Draws in the given order; `bind` finds what a draw reads.
    pub fn draw<'a>(&mut self, queue: &wgpu::Queue, encoder: &mut wgpu::CommandEncoder, draws: &[Draw], bind: impl Fn(Source) -> &'a wgpu::BindGroup) {
        let draws = draws.get(..MAX_DRAWS).unwrap_or(draws);
        if draws.is_empty() {
            return;
        }
        self.bytes.clear();
        for draw in draws {
            self.bytes.extend_from_slice(bytemuck::bytes_of(&draw.numbers));
            self.bytes.resize(self.bytes.len().next_multiple_of(DRAW_STRIDE), 0);
        }
        queue.write_buffer(&self.numbers, 0, &self.bytes);
        let [y, u, v] = &self.views;
        self.pass(encoder, "luma", &[keep(y)], 1, draws, &bind, |draw| self.pipelines.luma(draw));
        self.pass(encoder, "chroma", &[keep(u), keep(v)], 2, draws, &bind, |draw| self.pipelines.chroma(draw));
    }

    #[expect(clippy::too_many_arguments, reason = "the two passes differ in nothing else")]
    fn pass<'a, 'b>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        label: &str,
        targets: &[Option<wgpu::RenderPassColorAttachment<'_>>],
        divisor: u32,
        draws: &[Draw],
        bind: impl Fn(Source) -> &'a wgpu::BindGroup,
        pipeline: impl Fn(&Draw) -> Option<&'b wgpu::RenderPipeline>,
    ) {
        let descriptor = wgpu::RenderPassDescriptor { label: Some(label), color_attachments: targets, ..Default::default() };
        let mut pass = encoder.begin_render_pass(&descriptor);
        for (index, draw) in draws.iter().enumerate() {
            let Some(pipeline) = pipeline(draw) else { continue };
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &self.numbers_bind, &[(index * DRAW_STRIDE) as u32]);
            pass.set_bind_group(1, bind(draw.source), &[]);
            pass.set_scissor_rect(draw.rect.x / divisor, draw.rect.y / divisor, draw.rect.width / divisor, draw.rect.height / divisor);
            pass.draw(0..3, 0..1);
        }
    }

    /// Draws once with each pipeline, since drivers compile at the first draw and not before.
    pub fn warm_up(&mut self, queue: &wgpu::Queue, encoder: &mut wgpu::CommandEncoder, picture: &wgpu::BindGroup, graphic: &wgpu::BindGroup) {
        let rect = PxRect::new(0, 0, self.canvas.width.min(8), self.canvas.height.min(8));
        let mapping = Mapping { turn: [1.0, 0.0, 0.0, 1.0], offset: [0.0; 2], step: [2.0; 2] };
        let conversion = Conversion::to_programme(tl_frame::Colour::PROGRAMME);
        let mut draws = Vec::new();
        for (kernel, mixes_chroma, blends, _) in &self.pipelines.luma {
            let source = match kernel {
                Kernel::Solid => Source::Nothing,
                Kernel::Graphic => Source::Graphic(0),
                _ => Source::Picture(0),
            };
            let numbers = Numbers::picture(&mapping, &conversion, 0.5, None);
            draws.push(Draw { rect, kernel: *kernel, mixes_chroma: *mixes_chroma, blends: *blends, numbers, source });
        }
        self.draw(queue, encoder, &draws, |source| if matches!(source, Source::Graphic(_)) { graphic } else { picture });
    }
}

fn at(plane: &wgpu::Texture, index: usize, rect: PxRect) -> wgpu::TexelCopyTextureInfo<'_> {
    let divisor = if index == 0 { 1 } else { 2 };
    let origin = wgpu::Origin3d { x: rect.x / divisor, y: rect.y / divisor, z: 0 };
    wgpu::TexelCopyTextureInfo { origin, ..plane.as_image_copy() }
}

fn keep(view: &wgpu::TextureView) -> Option<wgpu::RenderPassColorAttachment<'_>> {
    let ops = wgpu::Operations { load: wgpu::LoadOp::Load, store: wgpu::StoreOp::Store };
    Some(wgpu::RenderPassColorAttachment { view, depth_slice: None, resolve_target: None, ops })
}

fn layouts(device: &wgpu::Device) -> (wgpu::BindGroupLayout, wgpu::BindGroupLayout) {
    let numbers = bindings::numbers(device, "draws", size_of::<Numbers>());
    let sampler = wgpu::BindGroupLayoutEntry {
        binding: 3,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty: wgpu::BindingType::Sampler(wgpu::SamplerBindingType::NonFiltering),
        count: None,
    };
    let source = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("picture"),
        entries: &[bindings::plane(0), bindings::plane(1), bindings::plane(2), sampler],
    });
    (numbers, source)
}

impl Pipelines {
    fn new(device: &wgpu::Device, numbers: &wgpu::BindGroupLayout, source: &wgpu::BindGroupLayout) -> Self {
        let shader = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some("compose"), source: wgpu::ShaderSource::Wgsl(SHADER.into()) });
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("compose"),
            bind_group_layouts: &[Some(numbers), Some(source)],
            ..Default::default()
        });
        let make = |entry: &str, count: usize, kernel: Kernel, mixes_chroma: bool, blends: bool| {
            let number = match kernel {
                Kernel::Cubic => 1.0,
                Kernel::FineMean => 2.0,
                Kernel::SmallMean => 3.0,
                Kernel::LargeMean => 4.0,
                Kernel::Copy | Kernel::Solid | Kernel::Graphic => 0.0,
            };
            let constants = [("kernel", number), ("mixes_chroma", f64::from(u8::from(mixes_chroma)))];
            let options = wgpu::PipelineCompilationOptions { constants: &constants, ..Default::default() };
            let target =
                wgpu::ColorTargetState { format: PLANE, blend: blends.then_some(wgpu::BlendState::ALPHA_BLENDING), write_mask: wgpu::ColorWrites::RED };
            let targets = [Some(target.clone()), Some(target)];
            device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
                label: Some(entry),
                layout: Some(&layout),
                vertex: wgpu::VertexState { module: &shader, entry_point: Some("whole_target"), compilation_options: Default::default(), buffers: &[] },
                primitive: wgpu::PrimitiveState::default(),
                depth_stencil: None,
                multisample: wgpu::MultisampleState::default(),
                fragment: Some(wgpu::FragmentState {
                    module: &shader,
                    entry_point: Some(entry),
                    compilation_options: options,
                    targets: targets.get(..count).unwrap_or(&targets),
                }),
                multiview_mask: None,
                cache: None,
            })
        };
        let mut luma = Vec::new();
        let mut chroma = Vec::new();
        for blends in [false, true] {
            for kernel in [Kernel::Copy, Kernel::Cubic, Kernel::FineMean, Kernel::SmallMean, Kernel::LargeMean] {
                for mixes in [false, true] {
                    luma.push((kernel, mixes, blends, make("layer_luma", 1, kernel, mixes, blends)));
                }
                chroma.push((kernel, blends, make("layer_chroma", 2, kernel, false, blends)));
            }
            luma.push((Kernel::Solid, false, blends, make("solid_luma", 1, Kernel::Solid, false, blends)));
            chroma.push((Kernel::Solid, blends, make("solid_chroma", 2, Kernel::Solid, false, blends)));
        }
        luma.push((Kernel::Graphic, false, true, make("graphic_luma", 1, Kernel::Graphic, false, true)));
        chroma.push((Kernel::Graphic, true, make("graphic_chroma", 2, Kernel::Graphic, false, true)));
        Self { luma, chroma }
    }

    fn luma(&self, draw: &Draw) -> Option<&wgpu::RenderPipeline> {
        let fits = |kernel: &Kernel, mixes: &bool, blends: &bool| *kernel == draw.kernel && *mixes == draw.mixes_chroma && *blends == draw.blends;
        self.luma.iter().find(|(kernel, mixes, blends, _)| fits(kernel, mixes, blends)).map(|(.., pipeline)| pipeline)
    }

    fn chroma(&self, draw: &Draw) -> Option<&wgpu::RenderPipeline> {
        self.chroma.iter().find(|(kernel, blends, _)| *kernel == draw.kernel && *blends == draw.blends).map(|(.., pipeline)| pipeline)
    }
}
