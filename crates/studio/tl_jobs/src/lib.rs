//! Jobs without a show: what this machine can do and has, and whether stored files are whole.
//!
//! This room refuses to run a show, and to print: it returns what it found.
//!
//! Invariant: a job changes nothing that it was not asked to change.
//!
//! ```no_run
//! let found = tl_jobs::probe::machine();
//! println!("{} cores", found.cores);
//! ```

pub mod devices;
pub mod fsck;
pub mod probe;
