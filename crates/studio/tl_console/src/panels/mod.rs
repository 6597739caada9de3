//! The parts of the console, each drawn into the rectangle that it is given.

pub mod bottom;
pub mod cut;
pub mod door;
pub mod game;
pub mod help;
pub mod notices;
pub mod pair;
pub mod question;
pub mod records;
pub mod sound;
pub mod starting;
pub mod strip;
pub mod tile;
pub mod tiles;
