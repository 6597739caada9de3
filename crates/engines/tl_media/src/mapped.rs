//! Pictures that travel uncopied between this process's records and the media library's buffers.

use std::sync::Arc;

use gst_video::prelude::*;

use tl_base::Size;
use tl_frame::{Colour, Frame, Layout, Matrix, Memory, PixelFormat, Plane, Planes, Range};

use crate::Error;

/// A decoder's buffer, mapped for reading as long as somebody holds the picture.
pub(crate) struct Mapped {
    frame: gst_video::VideoFrame<gst_video::video_frame::Readable>,
    layouts: Vec<Layout>,
}

impl Mapped {
    /// Maps `buffer`, whose caps say `info`.
    pub(crate) fn new(buffer: gst::Buffer, info: &gst_video::VideoInfo, format: PixelFormat) -> Option<Self> {
        let frame = gst_video::VideoFrame::from_buffer_readable(buffer, info).ok()?;
        let (width, height) = (info.width() as usize, info.height() as usize);
        let layouts = (0..format.planes()).map(|index| {
            let stride = usize::try_from(*frame.plane_stride().get(index)?).ok()?;
            Some(plane_layout(format, index, width, height, stride))
        });
        let layouts = layouts.collect::<Option<Vec<_>>>()?;
        Some(Self { frame, layouts })
    }
}

impl Planes for Mapped {
    fn plane(&self, index: usize) -> Option<Plane<'_>> {
        let layout = *self.layouts.get(index)?;
        let bytes = self.frame.plane_data(u32::try_from(index).ok()?).ok()?;
        Some(Plane { layout, bytes })
    }
}

fn plane_layout(format: PixelFormat, index: usize, width: usize, height: usize, stride: usize) -> Layout {
    match (index, format) {
        (0, _) => Layout { stride, width, height, bytes_per_sample: 1 },
        (_, PixelFormat::I420) => Layout { stride, width: width.div_ceil(2), height: height.div_ceil(2), bytes_per_sample: 1 },
        (_, PixelFormat::Nv12) => Layout { stride, width: width.div_ceil(2), height: height.div_ceil(2), bytes_per_sample: 2 },
    }
}

/// The sample layout that caps name, if it is one of ours.
pub(crate) fn pixel_format(info: &gst_video::VideoInfo) -> Option<PixelFormat> {
    match info.format() {
        gst_video::VideoFormat::I420 => Some(PixelFormat::I420),
        gst_video::VideoFormat::Nv12 => Some(PixelFormat::Nv12),
        _ => None,
    }
}

/// The library's name of a sample layout.
pub(crate) fn video_format(format: PixelFormat) -> gst_video::VideoFormat {
    match format {
        PixelFormat::I420 => gst_video::VideoFormat::I420,
        PixelFormat::Nv12 => gst_video::VideoFormat::Nv12,
    }
}

/// What the numbers mean: as the caps say, else as is common practice for the size. A full range is believed even where
/// the coefficients are not told.
pub(crate) fn colour(info: &gst_video::VideoInfo, size: Size) -> Colour {
    let stated = info.colorimetry();
    let assumed = Colour::assumed_for(size);
    let matrix = match stated.matrix() {
        gst_video::VideoColorMatrix::Bt709 => Matrix::Bt709,
        gst_video::VideoColorMatrix::Bt601 => Matrix::Bt601,
        _ => assumed.matrix,
    };
    let range = match stated.range() {
        gst_video::VideoColorRange::Range0_255 => Range::Full,
        _ => Range::Limited,
    };
    Colour { matrix, range }
}

/// The library's name of what the numbers mean.
pub(crate) fn colorimetry(colour: Colour) -> gst_video::VideoColorimetry {
    use gst_video::{VideoColorMatrix, VideoColorPrimaries, VideoColorRange, VideoTransferFunction};
    let range = match colour.range {
        Range::Limited => VideoColorRange::Range16_235,
        Range::Full => VideoColorRange::Range0_255,
    };
    match colour.matrix {
        Matrix::Bt709 => gst_video::VideoColorimetry::new(range, VideoColorMatrix::Bt709, VideoTransferFunction::Bt709, VideoColorPrimaries::Bt709),
        Matrix::Bt601 => gst_video::VideoColorimetry::new(range, VideoColorMatrix::Bt601, VideoTransferFunction::Bt601, VideoColorPrimaries::Smpte170m),
    }
}

/// One plane of a picture, kept alive while the library reads it.
struct Lent {
    owner: Arc<dyn Planes>,
    index: usize,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.owner.plane(self.index).map_or(&[], |plane| plane.bytes)
    }
}

/// The picture's planes as one buffer that points to them.
pub(crate) fn lend(frame: &Frame) -> Result<gst::Buffer, Error> {
    let Memory::Cpu(planes) = &frame.memory else { return Err(Error::Unreadable) };
    let mut buffer = gst::Buffer::new();
    let (mut offsets, mut strides) = (Vec::with_capacity(3), Vec::with_capacity(3));
    let whole = buffer.get_mut().ok_or(Error::Unreadable)?;
    let (width, height) = (frame.size.width as usize, frame.size.height as usize);
    let mut offset = 0;
    for index in 0..frame.format.planes() {
        let plane = planes.plane(index).ok_or(Error::Unreadable)?;
        let expected = plane_layout(frame.format, index, width, height, plane.layout.stride);
        let row = expected.width * expected.bytes_per_sample;
        // The library reads by these numbers without looking back, so what does not add up stays out.
        let needed = expected.stride.checked_mul(expected.height.saturating_sub(1)).and_then(|bytes| bytes.checked_add(row));
        if plane.layout != expected || expected.stride < row || needed.is_none_or(|needed| plane.bytes.len() < needed) {
            return Err(Error::Unreadable);
        }
        offsets.push(offset);
        strides.push(i32::try_from(plane.layout.stride).map_err(|_| Error::Unreadable)?);
        offset += plane.bytes.len();
        whole.append_memory(gst::Memory::from_slice(Lent { owner: Arc::clone(planes), index }));
    }
    let flags = gst_video::VideoFrameFlags::empty();
    gst_video::VideoMeta::add_full(whole, flags, video_format(frame.format), frame.size.width, frame.size.height, &offsets, &strides)
        .map_err(|_| Error::Unreadable)?;
    Ok(buffer)
}
