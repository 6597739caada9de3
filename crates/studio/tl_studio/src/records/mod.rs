//! What is kept: the session on disk, its recordings, and those of sessions before.

pub mod library;
pub mod recordings;
pub mod session;
