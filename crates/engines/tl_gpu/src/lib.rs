//! The programme picture: layers and graphics in, one finished YUV picture out for each tick.
//!
//! One thread, `gpu`, owns the device and its queue; nobody else submits. The canvas stays in the planes in which cameras deliver and
//! encoders take (8-bit Y, U and V, BT.709, limited range), so a picture that already fits is copied and never computed. Where
//! nothing is to be done at all, the camera's own frame is handed on. Graphics are drawn from SVG templates by [`graphics`] on a
//! thread of the caller's choice, turned into planes once, and blended only inside their rectangle.
//!
//! The same thread makes what a window shows, in the time that the programme leaves: RGB tiles of cameras' pictures and the window's own
//! picture, recorded by the window and handed back in memory ([`Multiview`]). A window presents that by itself, so that no display
//! server, however slow, is ever waited for here. (Presenting through a surface of this device would hold its queue's lock meanwhile, and
//! on the software driver that is a copy of the whole picture through the display server's socket.)
//!
//! This room refuses to know about shows, clocks, codecs and files, to make RGB pictures of the programme, to wait for a slow
//! device, and to fail on a lost one: it rebuilds, on the next adapter when it must, on software at last.
//!
//! Invariant: every job that was accepted is answered by at most one picture, in the order of submission, and a picture whose
//! only layer fits the canvas equals that layer bit for bit outside the graphics.
//!
//! ```no_run
//! use tl_base::{MediaTime, Size};
//! use tl_gpu::{Config, Gpu, Job, Scene};
//!
//! let gpu = Gpu::start(Config::new(Size::new(1280, 720)), |picture| println!("tick {}", picture.tick))?;
//! let refused = gpu.submit(Job { tick: 0, pts: MediaTime::ZERO, scene: Scene::default() });
//! assert!(refused.is_ok());
//! # Ok::<(), tl_gpu::Error>(())
//! ```

mod bindings;
mod colour;
mod compose;
mod device;
mod engine;
mod error;
mod gpu;
pub mod graphics;
mod layout;
mod multiview;
mod plain;
mod plan;
mod pool;
pub mod scene;
mod shrink;
mod side;
mod spare;
mod staging;
mod textures;
mod tiles;
mod worker;

pub use error::Error;
pub use gpu::{AdapterChoice, AdapterInfo, Config, Gpu, Job, Picture, Stats};
pub use graphics::{Graphics, OverlayImage};
pub use multiview::{Brush, Draw, MAX_TILES, Multiview, Paint, Painted, Reply, Tile, Wanted, tile_size};
pub use scene::{Fit, Layer, LayerPicture, Placed, Rect, Scene, Wipe};
pub use wgpu;
