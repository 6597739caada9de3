//! Pictures of a file, decoded one after the other to see that they decode.

use std::time::Duration;

use tl_frame::{AccessUnit, Codec};

use crate::decode::{choice, codec};
use crate::line::{Line, Plan, element};
use crate::{Error, init};

/// Units that may wait; one more makes the reader wait.
const MAX_QUEUE: u64 = 4;

/// A decoder in software whose pictures are counted and thrown away.
pub(crate) struct FileDecoder(Line);

impl FileDecoder {
    /// A decoder that calls `on_picture` for each picture, on its own thread.
    pub(crate) fn new(codec: Codec, mut on_picture: impl FnMut() + Send + 'static) -> Result<Self, Error> {
        init()?;
        let missing = || Error::Missing(format!("decoder for {}", codec.name()));
        let candidate = choice::candidates(codec).into_iter().find(|candidate| !candidate.hardware).ok_or_else(missing)?;
        let caps = codec::caps(codec).ok_or_else(missing)?;
        let elements = vec![choice::make(candidate.name)?, element("videoconvert")?];
        let plan = Plan { what: "file decoder", caps, elements, out_caps: Some(choice::picture_caps()), max_buffers: MAX_QUEUE, block: true };
        Line::start(plan, move |_| on_picture()).map(Self)
    }

    /// Takes a unit; waits for room.
    pub(crate) fn push(&self, unit: &AccessUnit) -> Result<(), Error> {
        codec::check_size(unit, unit.key)?;
        let mut buffer = gst::Buffer::from_slice(unit.data.clone());
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(unit.pts.nanos().max(0).unsigned_abs()));
            if !unit.key {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        self.0.push(buffer)
    }

    /// Waits for the last pictures.
    pub(crate) fn finish(self, limit: Duration) -> Result<(), Error> {
        self.0.drain(limit)
    }
}
