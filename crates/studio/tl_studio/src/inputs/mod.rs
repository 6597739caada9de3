//! Everything that comes in: one feed a source, who may send into it, and the supervised ways that do.

pub mod camera;
pub mod feed;
pub mod holder;
pub mod keys;
pub mod lag;
pub mod luma;
pub mod microphone;
pub mod opening;
pub mod uploads;
pub mod ways;
