//! Files read back as pictures, sound or encoded units.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use tl_base::{MediaTime, SAMPLE_RATE_HZ, Size, SlotId, SourceId};
use tl_frame::{AccessUnit, AudioBlock, Codec, ConfigId, Frame, Memory, Rotation, av1, h264, h265};

use crate::Error;
use crate::file::source::{Branch, Kind, read};
use crate::line::{element, set};
use crate::mapped::{self, Mapped};
use crate::record::Picture;

/// What a file gave belongs to no camera; the caller knows better.
const NOBODY: SourceId = SlotId(0);

/// What decoding a whole file gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Pictures.
    pub video_frames: u64,
    /// Sound, seconds.
    pub audio_seconds: f64,
    /// From the first picture or sample to the end of the last.
    pub seconds: f64,
    /// Size of the last picture; none without pictures.
    pub size: Option<Size>,
}

/// What is in a file, found by reading its packets to the end without decoding them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct FileInfo {
    /// How its pictures are encoded; none without or when it is no codec of ours.
    pub video: Option<Codec>,
    /// How its sound is encoded.
    pub audio: Option<Codec>,
    /// Size of its first pictures.
    pub size: Option<Size>,
    /// Encoded pictures.
    pub video_units: u64,
    /// Key pictures among them.
    pub keys: u64,
    /// End of the last packet, seconds from the file's zero.
    pub seconds: f64,
}

/// Decodes a whole file. Pictures come as I420 or NV12 with `capture` = their time in the file, sound as 48 kHz stereo.
pub fn decode_file(path: &Path, on_video: impl FnMut(Frame), on_audio: impl FnMut(AudioBlock)) -> Result<Summary, Error> {
    decode_scaled(path, None, on_video, on_audio, &mut |_| Ok(()))
}

/// Decodes a whole file and keeps nothing; `step` hears the time reached and may end it.
pub(crate) fn decode_stoppable(path: &Path, step: &mut impl FnMut(MediaTime) -> Result<(), Error>) -> Result<Summary, Error> {
    decode_scaled(path, None, |_| {}, |_| {}, step)
}

/// The same with every picture fitted into one size, with bars where the shape differs.
pub(crate) fn decode_scaled(
    path: &Path,
    size: Option<Size>,
    mut on_video: impl FnMut(Frame),
    mut on_audio: impl FnMut(AudioBlock),
    step: &mut impl FnMut(MediaTime) -> Result<(), Error>,
) -> Result<Summary, Error> {
    let mut summary = Summary::default();
    let mut span: Option<(MediaTime, MediaTime)> = None;
    let mut grow = |start: MediaTime, length: MediaTime| {
        let (first, end) = span.unwrap_or((start, start));
        span = Some((first.min(start), end.max(start + length)));
    };
    let mut samples = 0;
    read(
        path,
        "decodebin",
        move |caps| decoded_branch(caps, size),
        |kind, sample| {
            let (start, length) = times(&sample);
            step(start)?;
            match kind {
                Kind::Video => {
                    let Some(frame) = frame_of(sample, start, summary.video_frames) else { return Ok(()) };
                    summary.video_frames += 1;
                    summary.size = Some(frame.size);
                    grow(start, length);
                    on_video(frame);
                }
                Kind::Audio => {
                    let Some(block) = block_of(&sample, start) else { return Ok(()) };
                    samples += block.frames() as i64;
                    grow(start, MediaTime::from_samples(block.frames() as i64));
                    on_audio(block);
                }
            }
            Ok(())
        },
    )?;
    summary.audio_seconds = MediaTime::from_samples(samples).as_secs_f64();
    summary.seconds = span.map_or(0.0, |(first, end)| (end - first).as_secs_f64());
    Ok(summary)
}

/// What is in a file.
pub fn probe(path: &Path) -> Result<FileInfo, Error> {
    let mut info = FileInfo::default();
    read(path, "parsebin", parsed_branch, |kind, sample| {
        let (start, length) = times(&sample);
        info.seconds = info.seconds.max((start + length).as_secs_f64());
        let codec = sample.caps().and_then(codec_of);
        match kind {
            Kind::Video => {
                info.video = codec;
                info.video_units += 1;
                info.keys += u64::from(is_key(&sample));
                info.size = info.size.or_else(|| sample.caps().and_then(size_of));
            }
            Kind::Audio => info.audio = codec,
        }
        Ok(())
    })?;
    if info.video_units == 0 && info.audio.is_none() {
        return Err(Error::Content { what: "no pictures and no sound".to_owned(), path: path.to_path_buf() });
    }
    Ok(info)
}

/// All encoded pictures of a file, as sources send them: H.264 and H.265 as Annex B with parameter sets before every key
/// picture. `capture`, `pts` and `dts` are the times in the file.
pub fn read_access_units(path: &Path) -> Result<Vec<AccessUnit>, Error> {
    let mut units: Vec<AccessUnit> = Vec::new();
    for_each_unit(path, |unit| {
        units.push(unit);
        Ok(())
    })?;
    if units.is_empty() {
        return Err(Error::Content { what: "no pictures".to_owned(), path: path.to_path_buf() });
    }
    Ok(units)
}

/// The same, one after the other.
pub(crate) fn for_each_unit(path: &Path, mut on_unit: impl FnMut(AccessUnit) -> Result<(), Error>) -> Result<(), Error> {
    let mut known: Option<Picture> = None;
    let mut config_id = ConfigId(0);
    read(path, "parsebin", parsed_branch, |kind, sample| {
        let Some(codec) = sample.caps().and_then(codec_of).filter(|_| kind == Kind::Video) else { return Ok(()) };
        let Some(data) = sample.buffer().and_then(|buffer| buffer.map_readable().ok()).map(|bytes| Bytes::copy_from_slice(&bytes)) else { return Ok(()) };
        let (pts, _) = times(&sample);
        let dts = sample.buffer().and_then(gst::BufferRef::dts).map_or(pts, from_clock);
        let mut unit = AccessUnit { source: NOBODY, codec, config_id, capture: pts, pts, dts, arrival: pts, key: is_key(&sample), data };
        if let Some(found) = Picture::find(&unit)
            && known.as_ref() != Some(&found)
        {
            config_id.0 += u32::from(known.is_some());
            known = Some(found);
        }
        unit.config_id = config_id;
        if let Some(picture) = known.as_ref().filter(|_| unit.key) {
            unit.data = complete(&unit.data, picture);
        }
        on_unit(unit)
    })
}

/// A key picture with its configuration in front.
fn complete(data: &Bytes, picture: &Picture) -> Bytes {
    match picture {
        Picture::H264(parameters) => h264::with_parameter_sets(data, parameters),
        Picture::H265(parameters) => h265::with_parameter_sets(data, parameters),
        Picture::Av1(sequence) => av1::with_sequence_header(data, sequence),
        Picture::Vp8(_) | Picture::Vp9(_) | Picture::Mjpeg(_) => data.clone(),
    }
}

fn decoded_branch(caps: &gst::CapsRef, size: Option<Size>) -> Result<Option<Branch>, Error> {
    let name = caps.structure(0).map_or("", |structure| structure.name().as_str());
    if name == "video/x-raw" {
        let mut elements = vec![element("videoconvert")?];
        let mut out = gst_video::VideoCapsBuilder::new().format_list([gst_video::VideoFormat::I420, gst_video::VideoFormat::Nv12]);
        if let Some(size) = size {
            let scale = element("videoscale")?;
            set(&scale, "add-borders", "true");
            elements.push(scale);
            let side = |side: u32| i32::try_from(side).unwrap_or(i32::MAX);
            out = gst_video::VideoCapsBuilder::new().format(gst_video::VideoFormat::I420).width(side(size.width)).height(side(size.height));
            out = out.pixel_aspect_ratio(gst::Fraction::new(1, 1));
        }
        return Ok(Some(Branch { kind: Kind::Video, elements, out_caps: Some(out.build()) }));
    }
    if name == "audio/x-raw" {
        let elements = vec![element("audioconvert")?, element("audioresample")?];
        let info = gst_audio::AudioInfo::builder(gst_audio::AudioFormat::F32le, SAMPLE_RATE_HZ, 2).build();
        let caps = info.and_then(|info| info.to_caps()).map_err(Error::pipeline("file reader"))?;
        return Ok(Some(Branch { kind: Kind::Audio, elements, out_caps: Some(caps) }));
    }
    Ok(None)
}

fn parsed_branch(caps: &gst::CapsRef) -> Result<Option<Branch>, Error> {
    let annex_b = |parser: &str, name: &str| {
        let parser = element(parser)?;
        set(&parser, "config-interval", "-1");
        let out = gst::Caps::builder(name).field("stream-format", "byte-stream").field("alignment", "au").build();
        Ok::<_, Error>(Some(Branch { kind: Kind::Video, elements: vec![parser], out_caps: Some(out) }))
    };
    match codec_of(caps) {
        Some(Codec::H264) => annex_b("h264parse", "video/x-h264"),
        Some(Codec::H265) => annex_b("h265parse", "video/x-h265"),
        Some(Codec::Av1) => {
            let out = gst::Caps::builder("video/x-av1").field("stream-format", "obu-stream").field("alignment", "tu").build();
            Ok(Some(Branch { kind: Kind::Video, elements: vec![element("av1parse")?], out_caps: Some(out) }))
        }
        Some(Codec::Vp9) => {
            let out = gst::Caps::builder("video/x-vp9").field("alignment", "super-frame").build();
            Ok(Some(Branch { kind: Kind::Video, elements: vec![element("vp9parse")?], out_caps: Some(out) }))
        }
        Some(Codec::Vp8 | Codec::Mjpeg) => Ok(Some(Branch { kind: Kind::Video, elements: Vec::new(), out_caps: None })),
        Some(Codec::Opus | Codec::Aac | Codec::AacAdts) => Ok(Some(Branch { kind: Kind::Audio, elements: Vec::new(), out_caps: None })),
        None => Ok(None),
    }
}

fn codec_of(caps: &gst::CapsRef) -> Option<Codec> {
    let structure = caps.structure(0)?;
    match structure.name().as_str() {
        "video/x-h264" => Some(Codec::H264),
        "video/x-h265" => Some(Codec::H265),
        "video/x-vp8" => Some(Codec::Vp8),
        "video/x-vp9" => Some(Codec::Vp9),
        "video/x-av1" => Some(Codec::Av1),
        "image/jpeg" => Some(Codec::Mjpeg),
        "audio/x-opus" => Some(Codec::Opus),
        "audio/mpeg" if structure.get::<i32>("mpegversion").is_ok_and(|version| version == 4 || version == 2) => Some(Codec::Aac),
        _ => None,
    }
}

fn size_of(caps: &gst::CapsRef) -> Option<Size> {
    let structure = caps.structure(0)?;
    let side = |name: &str| structure.get::<i32>(name).ok().and_then(|side| u32::try_from(side).ok());
    Some(Size::new(side("width")?, side("height")?))
}

fn is_key(sample: &gst::Sample) -> bool {
    sample.buffer().is_some_and(|buffer| !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT))
}

fn from_clock(time: gst::ClockTime) -> MediaTime {
    MediaTime(i64::try_from(time.nseconds()).unwrap_or(i64::MAX))
}

/// A sample's place on the file's own timeline and its length.
fn times(sample: &gst::Sample) -> (MediaTime, MediaTime) {
    let Some(buffer) = sample.buffer() else { return (MediaTime::ZERO, MediaTime::ZERO) };
    let pts = buffer.pts();
    let stream = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>()).and_then(|segment| segment.to_stream_time(pts));
    let start = stream.or(pts).map_or(MediaTime::ZERO, from_clock);
    (start, buffer.duration().map_or(MediaTime::ZERO, from_clock))
}

fn frame_of(sample: gst::Sample, capture: MediaTime, seq: u64) -> Option<Frame> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let format = mapped::pixel_format(&info)?;
    let size = Size::new(info.width(), info.height());
    let memory = Mapped::new(sample.buffer_owned()?, &info, format)?;
    Some(Frame {
        source: NOBODY,
        seq,
        format,
        colour: mapped::colour(&info, size),
        size,
        rotation: Rotation::None,
        capture,
        arrival: capture,
        memory: Memory::Cpu(Arc::new(memory)),
    })
}

fn block_of(sample: &gst::Sample, capture: MediaTime) -> Option<AudioBlock> {
    let bytes = sample.buffer()?.map_readable().ok()?;
    let samples = bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    Some(AudioBlock { source: NOBODY, capture, rate_hz: SAMPLE_RATE_HZ, channels: 2, samples })
}
