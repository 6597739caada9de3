//! Finds how far apart two sources' clocks are by what both heard or saw: a clap, a whistle, a flash.
//!
//! Sound travels 1 m in 2.9 ms: two microphones at different distances hear the same clap at different times, and nothing here can
//! know that. What is not sure is refused.

mod envelope;
mod flash;
mod onsets;
mod sound;

pub use envelope::Envelope;
pub use flash::flash_offset;
pub use sound::sound_offset;
use tl_base::MediaTime;

/// Furthest that two sources are looked for, either way.
pub const RANGE: MediaTime = MediaTime::from_secs(2);

/// How far source b is from source a.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offset {
    /// What must be added to b's capture times so that what both heard or saw has a's time.
    pub offset: MediaTime,
    /// How far off this may be: 1 ms for a clap, 4 ms for what rises slowly or in noise, or what the cameras' picture rates leave open.
    pub uncertainty: MediaTime,
    /// 0 to 1: how alike both are there, less how alike they are elsewhere.
    pub confidence: f32,
}

/// Why no offset is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsure {
    /// One of the two holds no sharp sound, or no flash.
    #[error("nothing sharp was heard or seen")]
    Silence,
    /// Both hold something, but not the same within [`RANGE`].
    #[error("the two do not match")]
    NoMatch,
    /// They match at several offsets, as what repeats itself does.
    #[error("the two match at several offsets")]
    Ambiguous,
}
