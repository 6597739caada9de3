//! What is on air: the programme loop and the sound loop, what they read and what they write.

pub mod budget;
pub mod graphics;
pub mod mix;
pub mod program;
pub mod returns;
pub mod scene;
pub mod sound;
pub mod trace;
