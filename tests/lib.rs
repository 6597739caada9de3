//! What the tests with real peers share: a studio in a folder of its own, virtual phones, a client, and waiting for a condition.
//!
//! These tests run one at a time, each bounded in time, on loopback only.

mod client;
mod peers;
mod phones;
mod stage;
mod tools;

pub use client::Client;
pub use peers::{MjpegCamera, Peer, clip, ffmpeg_once, ffmpeg_to, vlc_rtsp};
pub use phones::Phones;
pub use stage::{Stage, quiet_config};
pub use tools::{alone, browser, browser_script, built_program, decodes_cleanly, duration_secs, installed, nginx_rtmp, skip, until};
