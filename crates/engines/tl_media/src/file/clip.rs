//! Plain MP4 clips from pictures: the cached material of rehearsals and tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gst::prelude::*;

use tl_base::{MediaTime, Rate, Size, SlotId};
use tl_frame::{Colour, Frame, PixelFormat};

use crate::encode::{Video, configure_x264};
use crate::line::{Fate, element, set, watch};
use crate::mapped;
use crate::{Error, init};

/// How long an ending clip may take.
const DRAIN: Duration = Duration::from_secs(120);

/// Writes one clip: H.264 without B-frames at an even rate, a key picture every so many pictures and nowhere else.
///
/// The file appears under its name when it is finished; a writer that is dropped before leaves nothing.
pub struct ClipWriter {
    path: PathBuf,
    partial: PathBuf,
    size: Size,
    rate: Rate,
    format: Option<PixelFormat>,
    next: u64,
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    fate: Arc<Fate>,
}

impl ClipWriter {
    /// A writer for pictures of `size`; the capture times of what is pushed are not used, `rate` alone counts.
    pub fn new(path: &Path, size: Size, rate: Rate, bitrate_bps: u32, key_every: u32) -> Result<Self, Error> {
        init()?;
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.partial", std::process::id()));
        let partial = path.with_file_name(name);
        let location = partial.to_str().ok_or_else(|| Error::Content { what: "the file's name is no text".to_owned(), path: path.to_path_buf() })?;
        std::fs::File::create(&partial).map_err(Error::file("create", &partial))?;

        let encoder = element("x264enc")?;
        configure_x264(&encoder, &Video { source: SlotId(0), size, rate, bitrate_bps, gop: MediaTime::ZERO, encoder: None });
        set(&encoder, "key-int-max", &key_every.max(1).to_string());
        let mux = element("mp4mux")?;
        let sink = element("filesink")?;
        sink.set_property("location", location);
        set(&sink, "sync", "false");
        let source = gst_app::AppSrc::builder().format(gst::Format::Time).max_buffers(4).max_bytes(0).block(true).build();
        let pipeline = gst::Pipeline::new();
        let fate = watch(&pipeline);
        let elements = [source.upcast_ref(), &encoder, &element("h264parse")?, &mux, &sink];
        pipeline.add_many(elements).map_err(Error::pipeline("clip writer"))?;
        gst::Element::link_many(elements).map_err(Error::pipeline("clip writer"))?;
        let writer = Self { path: path.to_path_buf(), partial, size, rate, format: None, next: 0, pipeline, source, fate };
        writer.pipeline.set_state(gst::State::Playing).map_err(|error| writer.failure(error.to_string()))?;
        Ok(writer)
    }

    /// Adds a picture; waits while the encoder is busy. The first one's sample layout and colour hold for all.
    pub fn push(&mut self, frame: &Frame) -> Result<(), Error> {
        if frame.size != self.size {
            return Err(Error::OtherSize { expected: self.size, got: frame.size });
        }
        match self.format {
            None => {
                self.source.set_caps(Some(&self.caps(frame.format, frame.colour)?));
                self.format = Some(frame.format);
            }
            Some(format) if format != frame.format => return Err(Error::Unsupported(format!("{:?} in a clip of {format:?}", frame.format))),
            Some(_) => {}
        }
        let mut buffer = mapped::lend(frame)?;
        let (start, end) = (self.rate.tick_start(self.next), self.rate.tick_start(self.next + 1));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(start.nanos().unsigned_abs()));
            buffer.set_duration(gst::ClockTime::from_nseconds((end - start).nanos().unsigned_abs()));
        }
        self.source.push_buffer(buffer).map_err(|error| self.failure(error.to_string()))?;
        self.next += 1;
        Ok(())
    }

    /// Ends the clip and gives it its name.
    pub fn finish(self) -> Result<PathBuf, Error> {
        if self.next == 0 {
            return Err(Error::Content { what: "a clip without pictures".to_owned(), path: self.path.clone() });
        }
        self.source.end_of_stream().map_err(|error| self.failure(error.to_string()))?;
        if !self.fate.wait(DRAIN) {
            return Err(self.failure("it did not end".to_owned()));
        }
        if let Some(detail) = self.fate.error() {
            return Err(self.failure(detail));
        }
        // The muxer's last bytes reach the file when its sink closes.
        self.pipeline.set_state(gst::State::Null).map_err(|error| self.failure(error.to_string()))?;
        std::fs::rename(&self.partial, &self.path).map_err(Error::file("rename", &self.path))?;
        Ok(self.path.clone())
    }

    fn caps(&self, format: PixelFormat, colour: Colour) -> Result<gst::Caps, Error> {
        let fraction = gst::Fraction::new(i32::try_from(self.rate.num).unwrap_or(30), i32::try_from(self.rate.den).unwrap_or(1));
        let info = gst_video::VideoInfo::builder(mapped::video_format(format), self.size.width, self.size.height).fps(fraction);
        let info = info.colorimetry(&mapped::colorimetry(colour)).build();
        info.and_then(|info| info.to_caps()).map_err(Error::pipeline("clip writer"))
    }

    fn failure(&self, detail: String) -> Error {
        Error::Pipeline { what: "clip writer", detail: self.fate.error().unwrap_or(detail) }
    }
}

impl Drop for ClipWriter {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            tracing::warn!(%error, "a clip writer did not stop");
        }
        if self.partial.exists()
            && let Err(error) = std::fs::remove_file(&self.partial)
        {
            tracing::warn!(%error, "an unfinished clip stays behind");
        }
    }
}
