//! The console as a person meets it: by role and label, by key and click, and as pictures that somebody has looked at.

#![expect(clippy::expect_used, clippy::panic, reason = "a test may say at once that something cannot be")]

mod act;
mod cost;
mod golden;
mod pictures;
mod show;
mod stage;
