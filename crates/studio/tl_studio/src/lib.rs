//! The one place where engines meet: loops, supervision, snapshots; it runs without a screen.
//!
//! Three loops. [`control`](crate::Studio) decides, logs and publishes; the programme loop and the sound loop are OS threads with
//! absolute deadlines that read an atomically swapped mix and never wait for the first. Media travels from the receiver's thread to
//! feeds, decoders and recorders without passing through any of them.
//!
//! This room refuses to draw windows, speak HTTP, or know that a camera is rehearsed.
//!
//! Invariant: nothing on the path of a picture waits for the control loop, a disk or a destination.
//!
//! ```no_run
//! use tl_studio::{Config, Studio};
//!
//! let studio = Studio::start(Config::default())?;
//! println!("{}", studio.links().desk);
//! studio.stop();
//! # Ok::<(), tl_studio::Error>(())
//! ```

mod access;
mod air;
mod assembly;
mod backend;
mod config;
mod control;
mod error;
mod health;
mod inputs;
mod leaving;
mod metrics;
mod outputs;
mod overload;
mod ports;
mod records;
mod studio;
mod system;
mod viewers;
mod window;

pub use config::{Config, Destination, Inputs, RecordingConfig, Source};
pub use error::{Error, Severity};
pub use studio::{AppLink, Ending, Links, Studio};
pub use system::{default_data_dir, on_interrupt, random_name, write_private};
pub use window::{Answer, Joining, Multiview};
