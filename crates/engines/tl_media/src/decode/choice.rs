//! Which decoders this machine has, and which of them really work.
//!
//! Hardware is believed only after it decoded a real clip in a pipeline of its own: drivers are installed on many machines
//! whose device is missing, busy or broken.

use std::sync::{Mutex, OnceLock, mpsc};
use std::time::Duration;

use gst::prelude::*;
use serde::Serialize;

use tl_base::Size;
use tl_frame::Codec;

use crate::decode::{codec, retired};
use crate::line::{Line, Plan, element, lock, set};
use crate::mapped::{self, Mapped};
use crate::{Error, init};

/// One decoder of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DecoderInfo {
    /// What it decodes.
    pub codec: Codec,
    /// The element's name.
    pub name: String,
    /// Whether it runs on a device of its own.
    pub hardware: bool,
    /// Whether it decoded a clip on this machine just now.
    pub works: bool,
}

/// A decoder that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) name: &'static str,
    pub(super) hardware: bool,
}

/// The codecs of pictures, each with a clip of up to four pictures, dark on the left and bright on the right. A length of two
/// bytes stands in front of each access unit.
const CLIPS: [(Codec, &[u8]); 6] = [
    (Codec::H264, include_bytes!("clips/h264.bin")),
    (Codec::H265, include_bytes!("clips/h265.bin")),
    (Codec::Vp8, include_bytes!("clips/vp8.bin")),
    (Codec::Vp9, include_bytes!("clips/vp9.bin")),
    (Codec::Av1, include_bytes!("clips/av1.bin")),
    (Codec::Mjpeg, include_bytes!("clips/mjpeg.bin")),
];
/// Size of the clips' pictures: the least that every device takes.
const CLIP_SIZE: Size = Size::new(320, 192);
/// More than any clip holds.
const CLIP_UNITS: u64 = 8;
/// A device that gives no picture in this time is not there.
const TRIAL: Duration = Duration::from_secs(3);

/// The decoders that run on the processor, best first.
fn software(codec: Codec) -> &'static [&'static str] {
    match codec {
        Codec::H264 => &["avdec_h264", "openh264dec"],
        Codec::H265 => &["avdec_h265", "libde265dec"],
        Codec::Vp8 => &["vp8dec", "avdec_vp8"],
        Codec::Vp9 => &["vp9dec", "avdec_vp9"],
        Codec::Av1 => &["dav1ddec", "av1dec"],
        Codec::Mjpeg => &["jpegdec", "avdec_mjpeg"],
        Codec::Opus | Codec::Aac | Codec::AacAdts => &[],
    }
}

/// Every decoder there is, hardware first, best first within a codec, and whether it works here. Each is tried once with a
/// real clip, which may take seconds: ask at start-up, away from anything live.
///
/// Until somebody has asked, [`VideoDecoder`](crate::VideoDecoder) uses software alone.
pub fn decoders() -> Vec<DecoderInfo> {
    if init().is_err() {
        return Vec::new();
    }
    let _one_at_a_time = lock(&TRIALS);
    if let Some(found) = TRIED.get() {
        return found.clone();
    }
    let all = CLIPS.iter().flat_map(|(codec, clip)| {
        let names = hardware(*codec).into_iter().map(|name| (name, true));
        let names = names.chain(software(*codec).iter().filter(|name| exists(name)).map(|name| ((*name).to_owned(), false)));
        names.map(|(name, hardware)| {
            let tried = try_out(&name, *codec, clip);
            if let Err(error) = &tried {
                tracing::info!(decoder = name, %error, "a decoder does not work here");
            }
            DecoderInfo { codec: *codec, name, hardware, works: tried.is_ok() }
        })
    });
    let found: Vec<DecoderInfo> = all.collect();
    // The lock above makes this the only one.
    TRIED.get_or_init(|| found).clone()
}

static TRIED: OnceLock<Vec<DecoderInfo>> = OnceLock::new();
static TRIALS: Mutex<()> = Mutex::new(());

/// The decoders to try for a stream, best first; never waits for a trial. A device that hangs in another stream is left out.
pub(super) fn candidates(codec: Codec) -> Vec<Candidate> {
    let proven = TRIED.get().map(Vec::as_slice).unwrap_or_default();
    let hardware = proven.iter().filter(|info| info.codec == codec && info.hardware && info.works && !retired::is_stuck(&info.name));
    let hardware = hardware.map(|info| Candidate { name: info.name.as_str(), hardware: true });
    let software = software(codec).iter().filter(|name| exists(name)).map(|name| Candidate { name, hardware: false });
    hardware.chain(software).collect()
}

/// Makes a decoder and tells it to be quick, quiet and alone.
pub(super) fn make(name: &str) -> Result<gst::Element, Error> {
    let decoder = element(name)?;
    // One thread each: cameras are decoded side by side. Frame threads would also hold pictures back.
    for (property, value) in [
        ("max-threads", "1"),
        ("threads", "1"),
        ("n-threads", "1"),
        ("max-frame-delay", "1"),
        // Outside a live pipeline the decoder picks strict compliance, which holds back pictures in case of reordering.
        ("std-compliance", "normal"),
        ("output-corrupt", "false"),
        ("discard-corrupted-frames", "true"),
        ("qos", "false"),
        ("max-errors", "-1"),
    ] {
        set(&decoder, property, value);
    }
    Ok(decoder)
}

/// What leaves a decoder's line.
pub(super) fn picture_caps() -> gst::Caps {
    gst_video::VideoCapsBuilder::new().format_list([gst_video::VideoFormat::I420, gst_video::VideoFormat::Nv12]).build()
}

fn exists(name: &str) -> bool {
    gst::ElementFactory::find(name).is_some()
}

/// The library's hardware decoders for a codec, by rank. Those of rank none are known to be unready.
fn hardware(codec: Codec) -> Vec<String> {
    let Some(caps) = codec::caps(codec) else { return Vec::new() };
    let kinds = gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_VIDEO | gst::ElementFactoryType::MEDIA_IMAGE;
    let mut found: Vec<gst::ElementFactory> = gst::ElementFactory::factories_with_type(kinds, gst::Rank::MARGINAL)
        .into_iter()
        .filter(|factory| factory.has_type(gst::ElementFactoryType::HARDWARE) && factory.can_sink_any_caps(&caps))
        .collect();
    found.sort_by_key(|factory| std::cmp::Reverse(factory.rank()));
    found.iter().map(|factory| factory.name().to_string()).collect()
}

/// Decodes the clip in a pipeline that is thrown away, and looks at what came out.
fn try_out(name: &str, codec: Codec, clip: &'static [u8]) -> Result<(), Error> {
    let caps = codec::caps(codec).ok_or_else(|| Error::Unsupported(format!("{codec:?} is not video")))?;
    let (sender, receiver) = mpsc::sync_channel(1);
    let elements = vec![make(name)?, element("videoconvert")?];
    let plan = Plan { what: "decoder trial", caps, elements, out_caps: Some(picture_caps()), max_buffers: CLIP_UNITS, block: false };
    let line = Line::start(plan, move |sample| {
        if sender.try_send(looks_right(&sample)).is_err() {
            tracing::trace!("a trial saw enough");
        }
    })?;
    for (at, unit) in (0..).zip(units(clip)) {
        let mut buffer = gst::Buffer::from_slice(unit);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_mseconds(at * 33));
            if at > 0 && !codec::is_all_keys(codec) {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        line.push(buffer)?;
    }
    let silent = || Error::Unsupported(format!("{name} gave no picture"));
    // The end pushes out what a device holds back; a picture that came before is all that is asked.
    let drained = line.drain(TRIAL);
    match receiver.try_recv() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::Unsupported(format!("{name} gave another picture"))),
        Err(_) => Err(drained.err().unwrap_or_else(silent)),
    }
}

/// The access units of a clip.
fn units(clip: &'static [u8]) -> impl Iterator<Item = &'static [u8]> {
    let mut rest = clip;
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        let (unit, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        rest = behind;
        Some(unit)
    })
}

fn looks_right(sample: &gst::Sample) -> bool {
    let Some(info) = sample.caps().and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok()) else { return false };
    let Some(format) = mapped::pixel_format(&info) else { return false };
    let Some(picture) = sample.buffer_owned().and_then(|buffer| Mapped::new(buffer, &info, format)) else { return false };
    let Some(luma) = tl_frame::Planes::plane(&picture, 0) else { return false };
    let at = |x: usize| luma.row(CLIP_SIZE.height as usize / 2).get(x).copied().unwrap_or(128);
    Size::new(info.width(), info.height()) == CLIP_SIZE && at(80) < 90 && at(240) > 160
}

#[cfg(test)]
mod tests;
