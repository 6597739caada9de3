//! The door as strangers meet it: real sockets on loopback, a fake studio behind it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that meets what it did not expect ends there")]

mod access;
mod bodies;
mod client;
mod contract;
mod document;
mod events;
mod fake;
mod files;
mod hostile;
mod join;
mod matrix;
mod media;
mod secrets;
mod slow;
mod sources;
mod threats;
mod tls;
mod traced;
mod whip;
