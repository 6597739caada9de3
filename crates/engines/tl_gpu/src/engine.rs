//! One open device and all that lives on it: turns a job into work for the device, and finished work into a picture.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tl_base::{MediaTime, Size, SourceId};
use tl_frame::{Colour, Frame, Memory, PixelFormat, Rotation};

use crate::colour::Conversion;
use crate::compose::{Composer, Draw, Kernel, Numbers, Source};
use crate::device::{self, Device};
use crate::layout::{self, Spans};
use crate::plan::{self, Fill, Mapping, Piece, Plan, PxRect};
use crate::pool::{Pool, Pooled};
use crate::staging::{Downloads, Mappable, Uploads};
use crate::textures::{Textures, spans_of};
use crate::{AdapterChoice, Error, Job, Picture, Scene};

/// A device that does not answer within this time is lost.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// The first picture waits for the driver's compiler.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);

/// How long the parts of one picture took on this thread.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub upload: Duration,
    pub passes: Duration,
    pub readback: Duration,
}

/// What became of a job.
pub(crate) enum Begun {
    /// Nothing had to be done: this is the picture.
    Finished(Picture),
    /// The device works on it.
    Under(Flight),
}

/// A job on the device.
pub(crate) struct Flight {
    tick: u64,
    pts: MediaTime,
    started: Instant,
    submission: wgpu::SubmissionIndex,
    download: Mappable,
    parts: Vec<(PxRect, Spans)>,
    bytes: u64,
    out: Pooled,
    times: Times,
}

/// Bytes that go to the device.
struct Upload {
    layer: usize,
    region: PxRect,
    spans: Spans,
    to: Target,
}

enum Target {
    Canvas(PxRect),
    Texture(usize),
}

/// The device is gone, or does not answer.
pub(crate) struct Lost;

/// One open device and all that lives on it.
pub(crate) struct Engine {
    pub device: Device,
    canvas: Size,
    composer: Composer,
    textures: Textures,
    uploads: Uploads,
    downloads: Downloads,
    plan: Plan,
    draws: Vec<Draw>,
    pending: Vec<Upload>,
    spare_parts: Vec<Vec<(PxRect, Spans)>>,
    row: Vec<u8>,
}

impl Engine {
    /// Opens the first adapter that draws, starting with number `first` of their order, and says which one it was.
    pub fn open(choice: AdapterChoice, canvas: Size, first: usize) -> Result<(Self, usize), Error> {
        let adapters = device::adapters(choice);
        let tried = adapters.len();
        for index in (0..tried).map(|at| (first + at) % tried) {
            let Some(adapter) = adapters.get(index) else { continue };
            let opened =
                device::open(adapter).and_then(|device| catch_unwind(AssertUnwindSafe(|| Self::new(device, canvas))).unwrap_or_else(|_| Err(panicked())));
            match opened {
                Ok(engine) => return Ok((engine, index)),
                Err(error) => tracing::warn!("graphics adapter {} cannot be used: {error}", adapter.get_info().name),
            }
        }
        Err(Error::NoAdapter { tried })
    }

    fn new(device: Device, canvas: Size) -> Result<Self, Error> {
        let composer = Composer::new(&device.device, canvas);
        let textures = Textures::new(&device.device, &composer.source_layout);
        let mut engine = Self {
            device,
            canvas,
            composer,
            textures,
            uploads: Uploads::default(),
            downloads: Downloads::default(),
            plan: Plan::default(),
            draws: Vec::new(),
            pending: Vec::new(),
            spare_parts: Vec::new(),
            row: Vec::new(),
        };
        engine.warm_up()?;
        Ok(engine)
    }

    /// Draws once with everything, so that no compiler runs on air and a device that cannot draw is found out.
    fn warm_up(&mut self) -> Result<(), Error> {
        let Device { device, queue, .. } = &self.device;
        let image = crate::OverlayImage::empty(self.canvas);
        let graphic = self.textures.graphic(device, queue, &image);
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        self.composer.warm_up(queue, &mut encoder, self.textures.nothing(), self.textures.graphic_bind(graphic));
        let submission = queue.submit([encoder.finish()]);
        let waited = device.poll(wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(FIRST_PATIENCE) });
        waited.map_err(|error| Error::Device(error.to_string()))?;
        if self.device.is_lost() { Err(Error::Device("it failed in its first picture".into())) } else { Ok(()) }
    }

    /// Starts on a job. Frames of the job are free when this returns, unless one is the picture itself.
    pub fn begin(&mut self, job: &Job, pool: &Pool) -> Result<Begun, Lost> {
        let started = Instant::now();
        self.plan.make(&job.scene, self.canvas);
        if let Some(frame) = self.untouched(&job.scene) {
            let frame = programme_frame(job.tick, job.pts, frame.memory.clone(), self.canvas);
            return Ok(Begun::Finished(Picture { tick: job.tick, pts: job.pts, frame, render: started.elapsed().into() }));
        }
        self.textures.next_turn();
        let mut encoder = self.device.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let bytes = self.prepare(&job.scene);
        let upload = if bytes > 0 { Some(self.fill(&mut encoder, &job.scene, bytes)?) } else { None };
        let uploaded = Instant::now();
        let textures = &self.textures;
        self.composer.draw(&self.device.queue, &mut encoder, &self.draws, |source| match source {
            Source::Nothing => textures.nothing(),
            Source::Picture(index) => textures.picture_bind(index),
            Source::Graphic(index) => textures.graphic_bind(index),
        });
        let mut parts = self.spare_parts.pop().unwrap_or_default();
        parts.clear();
        let mut bytes = 0;
        for dirty in &self.plan.dirty {
            let (spans, end) = layout::place(dirty.rect.width, dirty.rect.height, bytes);
            bytes = end;
            parts.push((dirty.rect, spans));
        }
        let download = self.downloads.take(&self.device.device, bytes);
        for (rect, spans) in &parts {
            self.composer.copy_out(&mut encoder, &download.buffer, spans, *rect);
        }
        let submission = self.device.queue.submit([encoder.finish()]);
        download.map_to_read();
        if let Some(upload) = upload {
            self.uploads.give_back(upload);
        }
        let passes = uploaded.elapsed();
        let copying = Instant::now();
        let mut out = pool.take();
        self.copy_base(&job.scene, &mut out);
        let times = Times { upload: uploaded.duration_since(started), passes, readback: copying.elapsed() };
        Ok(Begun::Under(Flight { tick: job.tick, pts: job.pts, started, submission, download, parts, bytes, out, times }))
    }

    /// Waits for the device and puts the picture together.
    pub fn finish(&mut self, flight: Flight) -> Result<(Picture, Times), Lost> {
        let Flight { tick, pts, started, submission, download, parts, bytes, mut out, mut times } = flight;
        let waiting = Instant::now();
        let waited = self.device.device.poll(wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(PATIENCE) });
        if waited.is_err() || !download.is_mapped() {
            return Err(Lost);
        }
        {
            let view = download.buffer.get_mapped_range(..bytes).map_err(|_| Lost)?;
            for (rect, spans) in &parts {
                for (index, span) in spans.iter().enumerate() {
                    let divisor = if index == 0 { 1 } else { 2 };
                    let (plane, stride) = out.plane_mut(index);
                    let (left, top) = ((rect.x / divisor) as usize, (rect.y / divisor) as usize);
                    let (width, from_stride) = (span.width as usize, span.stride as usize);
                    let rows = view.get(span.offset as usize..).unwrap_or_default().chunks(from_stride).take(span.height as usize);
                    let targets = plane.chunks_exact_mut(stride).skip(top);
                    for (row, target) in rows.zip(targets) {
                        if let (Some(target), Some(row)) = (target.get_mut(left..left + width), row.get(..width)) {
                            target.copy_from_slice(row);
                        }
                    }
                }
            }
        }
        self.downloads.give_back(download);
        self.spare_parts.push(parts);
        times.readback += waiting.elapsed();
        let frame = programme_frame(tick, pts, Memory::Cpu(Arc::new(out)), self.canvas);
        Ok((Picture { tick, pts, frame, render: started.elapsed().into() }, times))
    }

    /// The frame that is the whole picture already.
    fn untouched<'a>(&self, scene: &'a Scene) -> Option<&'a Frame> {
        let (index, shift) = self.plan.base.filter(|_| self.plan.dirty.is_empty())?;
        let frame = scene.layers.get(index).and_then(plan::frame_of)?;
        (shift == (0, 0) && frame.size == self.canvas && frame.format == PixelFormat::I420).then_some(frame)
    }

    /// Turns the plan into draws and uploads; says how many bytes the uploads take.
    fn prepare(&mut self, scene: &Scene) -> u64 {
        self.draws.clear();
        self.pending.clear();
        let mut bytes = 0;
        if let Some((layer, shift)) = self.plan.base {
            for dirty in self.plan.dirty.iter().filter(|dirty| dirty.needs_base) {
                let (spans, end) = layout::place(dirty.rect.width, dirty.rect.height, bytes);
                bytes = end;
                self.pending.push(Upload { layer, region: shifted(dirty.rect, shift), spans, to: Target::Canvas(dirty.rect) });
            }
        }
        for piece in &self.plan.pieces {
            let (layer, mapping) = match piece.fill {
                Fill::Colour(y, u, v) => {
                    self.draws.push(draw(piece, Kernel::Solid, false, Numbers::solid((y, u, v), piece.opacity, piece.edge), Source::Nothing));
                    continue;
                }
                Fill::Picture(layer, mapping) => (layer, mapping),
            };
            let Some((on_layer, frame)) = scene.layers.get(layer).and_then(|on| Some((on, plan::frame_of(on)?))) else { continue };
            if let Some(shift) = plan::direct(on_layer, &mapping).filter(|_| !blends(piece)) {
                let (spans, end) = layout::place(piece.rect.width, piece.rect.height, bytes);
                bytes = end;
                self.pending.push(Upload { layer, region: shifted(piece.rect, shift), spans, to: Target::Canvas(piece.rect) });
                continue;
            }
            let (texture, new) = self.textures.picture(&self.device.device, frame);
            if new {
                let (spans, end) = spans_of(frame, bytes);
                bytes = end;
                let whole = PxRect::new(0, 0, frame.size.width, frame.size.height);
                self.pending.push(Upload { layer, region: whole, spans, to: Target::Texture(texture) });
            }
            let conversion = Conversion::to_programme(frame.colour);
            let numbers = Numbers::picture(&mapping, &conversion, piece.opacity, piece.edge);
            self.draws.push(draw(piece, kernel(&mapping), conversion.mixes_chroma(), numbers, Source::Picture(texture)));
        }
        for (index, rect) in &self.plan.overlays {
            let Some(placed) = scene.overlays.get(*index) else { continue };
            let texture = self.textures.graphic(&self.device.device, &self.device.queue, &placed.image);
            let numbers = Numbers::graphic(placed.image.origin(), placed.opacity);
            let source = Source::Graphic(texture);
            self.draws.push(Draw { rect: *rect, kernel: Kernel::Graphic, mixes_chroma: false, blends: true, numbers, source });
        }
        bytes
    }

    /// Writes all pending bytes into one buffer and records the copies from there.
    fn fill(&mut self, encoder: &mut wgpu::CommandEncoder, scene: &Scene, bytes: u64) -> Result<Mappable, Lost> {
        let upload = self.uploads.take(&self.device.device, bytes);
        {
            let mut view = upload.buffer.get_mapped_range_mut(..bytes).map_err(|_| Lost)?;
            for pending in &self.pending {
                let Some(frame) = scene.layers.get(pending.layer).and_then(plan::frame_of) else { continue };
                layout::for_rows(frame, pending.region, |plane, row, samples| {
                    let Some(span) = pending.spans.get(plane) else { return };
                    let start = span.offset as usize + row * span.stride as usize;
                    let width = span.width as usize;
                    let mut place = view.slice(start..start + width);
                    match samples.plain() {
                        Some(plain) if plain.len() == width => place.copy_from_slice(plain),
                        _ => {
                            self.row.resize(width, 0);
                            samples.copy_to(&mut self.row);
                            place.copy_from_slice(&self.row);
                        }
                    }
                });
            }
        }
        upload.buffer.unmap();
        for pending in &self.pending {
            match pending.to {
                Target::Canvas(rect) => self.composer.copy_in(encoder, &upload.buffer, &pending.spans, rect),
                Target::Texture(index) => self.textures.fill_picture(encoder, index, &upload.buffer, &pending.spans),
            }
        }
        Ok(upload)
    }

    /// What no part of the device touches comes straight from the frame.
    fn copy_base(&self, scene: &Scene, out: &mut Pooled) {
        let Some((index, shift)) = self.plan.base else { return };
        let Some(frame) = scene.layers.get(index).and_then(plan::frame_of) else { return };
        layout::for_rows(frame, shifted(PxRect::whole(self.canvas), shift), |plane, row, samples| {
            let (bytes, stride) = out.plane_mut(plane);
            if let Some(target) = bytes.get_mut(row * stride..(row + 1) * stride) {
                samples.copy_to(target);
            }
        });
    }
}

fn shifted(rect: PxRect, (x, y): (i64, i64)) -> PxRect {
    let by = |value: u32, shift: i64| u32::try_from(i64::from(value) + shift).unwrap_or(0);
    PxRect::new(by(rect.x, x), by(rect.y, y), rect.width, rect.height)
}

fn blends(piece: &Piece) -> bool {
    piece.opacity < 1.0 || piece.edge.is_some()
}

fn kernel(mapping: &Mapping) -> Kernel {
    let [x, y] = mapping.step;
    match mapping.shift() {
        Some(_) => Kernel::Copy,
        None if x <= 1.0 && y <= 1.0 => Kernel::Cubic,
        None if x <= 2.0 && y <= 2.0 => Kernel::FineMean,
        None if x <= 3.02 && y <= 3.02 => Kernel::SmallMean,
        None => Kernel::LargeMean,
    }
}

fn draw(piece: &Piece, kernel: Kernel, mixes_chroma: bool, numbers: Numbers, source: Source) -> Draw {
    Draw { rect: piece.rect, kernel, mixes_chroma, blends: blends(piece), numbers, source }
}

/// A finished picture as a frame.
pub(crate) fn programme_frame(tick: u64, pts: MediaTime, memory: Memory, canvas: Size) -> Frame {
    Frame {
        source: PROGRAMME,
        seq: tick,
        format: PixelFormat::I420,
        colour: Colour::PROGRAMME,
        size: canvas,
        rotation: Rotation::None,
        capture: pts,
        arrival: pts,
        memory,
    }
}

fn panicked() -> Error {
    Error::Device("the driver's layer panicked".into())
}

/// Pictures of the programme carry no camera's number.
const PROGRAMME: SourceId = tl_base::SlotId(0);
