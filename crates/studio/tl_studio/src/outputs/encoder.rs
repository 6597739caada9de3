//! The one encoder of the programme, watched: one that hangs is started anew, and replaced when that does not help.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tl_base::MediaTime;
use tl_frame::{Frame, PixelFormat};
use tl_media::encode;

use crate::outputs::Outputs;

/// Key pictures off the grid come at most this often: one a second.
const EXTRA_KEYS_APART: MediaTime = MediaTime::from_secs(1);

/// What became of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It is being encoded.
    Taken,
    /// It was left out to save time: the picture before it stands twice as long.
    Spared,
}

/// The programme's encoder.
pub struct ProgramEncoder {
    encoder: encode::Supervised,
    outputs: Arc<Outputs>,
    keyed: Mutex<MediaTime>,
    counted: AtomicU64,
}

impl ProgramEncoder {
    /// Opens the encoder; what it makes goes to `outputs`, what is done to it to `on_event`.
    pub fn open(config: encode::Video, outputs: Arc<Outputs>, on_event: impl FnMut(encode::Event) + Send + 'static) -> Result<Self, tl_media::Error> {
        let taken = Arc::clone(&outputs);
        let encoder = encode::Supervised::start(config, PixelFormat::I420, move |unit| taken.video(&unit), on_event)?;
        Ok(Self { encoder, outputs, keyed: Mutex::new(MediaTime(i64::MIN / 2)), counted: AtomicU64::new(0) })
    }

    /// Encodes one picture, whose capture time is its output time; `key` when it falls on the grid.
    pub fn push(&self, picture: Frame, key: bool) -> Result<Pushed, tl_media::Error> {
        let mut keyed = self.keyed.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = key || (self.outputs.wants_key() && picture.capture - *keyed >= EXTRA_KEYS_APART);
        if asked {
            *keyed = picture.capture;
        }
        drop(keyed);
        let odd = !self.counted.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        if odd && !asked && self.outputs.is_coarse() {
            return Ok(Pushed::Spared);
        }
        self.encoder.push(picture, asked).map(|()| Pushed::Taken)
    }

    /// Which encoder it is, and what it aims at, bits a second.
    pub fn quality(&self) -> encode::Quality {
        self.encoder.quality()
    }

    /// For tests: the encoder in use stops giving anything.
    pub fn inject_hang(&self) {
        self.encoder.inject_hang();
    }
}
