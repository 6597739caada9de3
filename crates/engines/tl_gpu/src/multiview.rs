//! What a window asks of the GPU thread: tiles of cameras' pictures, and its own picture painted with them.
//!
//! The window's thread hands over and goes on; nothing here waits for the GPU thread or lets it wait. The GPU thread takes what lies
//! here when the programme leaves it time ([`crate::spare`]): tiles in turn, then the window's picture. What the window asks for
//! while the last is not done replaces it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tl_base::Size;
use tl_base::queue::Waker;
use tl_frame::{Frame, Rotation};

use crate::{Job, shrink};

/// Tiles at most: every camera, the programme, and the next camera once more.
pub const MAX_TILES: usize = 40;
/// A window's longer side at most, pixels.
const MAX_SIDE: u32 = 8_192;

/// One tile that a window wants.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which tile: a number below [`MAX_TILES`] of the window's own choice.
    pub place: u16,
    /// The picture it shows.
    pub frame: Frame,
    /// It is as large as fits within this, pixels.
    pub within: Size,
}

/// A finished tile, on the device.
#[derive(Clone, Debug)]
pub struct Tile {
    /// As it was asked for.
    pub place: u16,
    /// Its pixels.
    pub size: Size,
    /// Red, green, blue and 1, each 0 to 1 and coded as sRGB (`Rgba8Unorm`).
    pub view: wgpu::TextureView,
    /// Another number means another view: the one bound before is of no use.
    pub view_id: u64,
    /// Another number means another picture in it.
    pub picture: u64,
}

/// What a window's picture is painted with, on the GPU thread.
pub struct Brush<'a> {
    /// The device.
    pub device: &'a wgpu::Device,
    /// For writing textures and buffers; whoever paints never submits.
    pub queue: &'a wgpu::Queue,
    /// Passes are recorded here.
    pub encoder: &'a mut wgpu::CommandEncoder,
    /// The window's picture. It holds the last one of this size on this device, unless [`Brush::is_blank`].
    pub target: &'a wgpu::TextureView,
    /// Its format.
    pub format: wgpu::TextureFormat,
    /// Its pixels.
    pub size: Size,
    /// Nothing was painted on the target yet.
    pub is_blank: bool,
    /// The tiles there are.
    pub tiles: &'a [Tile],
    /// Which device it is, counted from 1: what was made on another is gone.
    pub device_number: u32,
}

/// Records a window's picture. It runs on the GPU thread and must be quick; what it returns is submitted before its encoder.
pub type Draw = Box<dyn FnOnce(Brush<'_>) -> Vec<wgpu::CommandBuffer> + Send>;
/// Hears what became of a picture, on the GPU thread: none when the device was lost, or refused it.
pub type Reply = Box<dyn FnOnce(Option<Painted>) + Send>;

/// A window's picture to be painted. A reply always comes, also when this is dropped.
pub struct Paint {
    size: Size,
    asked: Instant,
    draw: Option<Draw>,
    reply: Option<Reply>,
}

impl Paint {
    /// A picture of `size` pixels.
    pub fn new(size: Size, draw: Draw, reply: Reply) -> Self {
        let side = |side: u32| side.clamp(1, MAX_SIDE);
        Self { size: Size::new(side(size.width), side(size.height)), asked: Instant::now(), draw: Some(draw), reply: Some(reply) }
    }

    /// Its pixels.
    pub fn size(&self) -> Size {
        self.size
    }

    /// When it was asked for.
    pub(crate) fn asked(&self) -> Instant {
        self.asked
    }

    /// What records it; once.
    pub(crate) fn take_draw(&mut self) -> Option<Draw> {
        self.draw.take()
    }

    /// Tells that it is finished.
    pub(crate) fn finished(mut self, painted: Painted) {
        if let Some(reply) = self.reply.take() {
            reply(Some(painted));
        }
    }
}

impl Drop for Paint {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            reply(None);
        }
    }
}

/// Buffers that finished pictures came in, for the next ones.
pub(crate) type Returned = Arc<Mutex<Vec<wgpu::Buffer>>>;

/// A finished picture of a window, in memory that the device wrote. Dropping it lets the memory be used again.
pub struct Painted {
    buffer: wgpu::Buffer,
    size: Size,
    stride: usize,
    waited: Duration,
    took: Duration,
    home: Returned,
}

impl Painted {
    pub(crate) fn new(buffer: wgpu::Buffer, size: Size, stride: u32, (waited, took): (Duration, Duration), home: Returned) -> Self {
        Self { buffer, size, stride: stride as usize, waited, took, home }
    }

    /// How long it waited until the programme left time for it.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// How long it took from then on.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Its pixels.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Gives each row from the top as bytes: blue, green, red, alpha for each pixel.
    pub fn for_rows(&self, mut each: impl FnMut(usize, &[u8])) {
        let height = self.size.height as usize;
        // A buffer of a device that was lost in between may be unreadable; the window then keeps what it shows.
        let Ok(view) = self.buffer.get_mapped_range(..(self.stride * height) as u64) else { return };
        for (row, bytes) in view.chunks(self.stride).take(height).enumerate() {
            each(row, bytes.get(..self.size.width as usize * 4).unwrap_or_default());
        }
    }
}

impl Drop for Painted {
    fn drop(&mut self) {
        self.buffer.unmap();
        let mut home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        if home.len() < 3 {
            home.push(self.buffer.clone());
        }
    }
}

/// What lies ready for the GPU thread.
#[derive(Default)]
pub(crate) struct Asked {
    /// In turn; one entry for each place.
    pub tiles: VecDeque<(Wanted, Instant)>,
    pub paint: Option<(Paint, Instant)>,
    /// No more is taken: the GPU thread ended.
    pub closed: bool,
}

/// Where window and GPU thread meet. Neither holds the lock for longer than moving a few entries.
#[derive(Default)]
pub(crate) struct Mailbox(Mutex<Asked>);

impl Mailbox {
    pub fn lock(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A window's way to the GPU thread; it does not keep that thread alive.
#[derive(Clone)]
pub struct Multiview {
    mailbox: Arc<Mailbox>,
    waker: Waker<Job>,
}

impl Multiview {
    pub(crate) fn new(mailbox: Arc<Mailbox>, waker: Waker<Job>) -> Self {
        Self { mailbox, waker }
    }

    /// Asks for tiles. One that waits already keeps its turn and shows the newer picture.
    pub fn show(&self, wanted: impl IntoIterator<Item = Wanted>) {
        let now = Instant::now();
        let mut asked = self.mailbox.lock();
        for wanted in wanted.into_iter().filter(|wanted| usize::from(wanted.place) < MAX_TILES) {
            match asked.tiles.iter_mut().find(|(waiting, _)| waiting.place == wanted.place) {
                Some((waiting, _)) => *waiting = wanted,
                None => asked.tiles.push_back((wanted, now)),
            }
        }
        drop(asked);
        self.waker.wake();
    }

    /// Asks for the window's picture. One that waits is given up for it, and its reply comes at once, on this thread.
    pub fn paint(&self, paint: Paint) {
        let mut asked = self.mailbox.lock();
        let given_up = if asked.closed { Some((paint, Instant::now())) } else { asked.paint.replace((paint, Instant::now())) };
        drop(asked);
        drop(given_up);
        self.waker.wake();
    }
}

/// The size of a tile that shows a whole picture upright within `within`: the picture's own by a whole number, so that its making needs
/// no filter on the device; it is never enlarged. A sixteenth is the smallest.
pub fn tile_size(frame: &Frame, within: Size) -> Size {
    let turned = lies_on_its_side(frame);
    let turn = |size: Size| if turned { Size::new(size.height, size.width) } else { size };
    turn(shrink::size(frame.size, shrink::factor(frame.size, turn(within))))
}

/// Whether a frame is stored with its sides changed.
pub(crate) fn lies_on_its_side(frame: &Frame) -> bool {
    matches!(frame.rotation, Rotation::Clockwise90 | Rotation::Clockwise270)
}
