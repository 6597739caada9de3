//! What each kind of stream runs through to become whole encoded pictures or sound packets.

use tl_base::{MediaTime, SAMPLE_RATE_HZ};
use tl_frame::Codec;

use crate::Error;
use crate::line::{element, set};

/// libopus looks this far ahead at 48 kHz, so what a packet sounds like was captured that much earlier (RFC 7845, 4.2).
const OPUS_LOOK_AHEAD: MediaTime = MediaTime::from_micros(6_500);
/// Sound that had another codec becomes Opus at this rate, bits a second.
const OPUS_BITRATE: &str = "128000";

/// Elements and what leaves them.
pub(super) struct Branch {
    pub(super) codec: Codec,
    pub(super) elements: Vec<gst::Element>,
    pub(super) caps: Option<gst::Caps>,
    /// How much earlier than its stamp says a piece was captured.
    pub(super) delay: MediaTime,
}

impl Branch {
    fn new(codec: Codec, names: &[&str]) -> Result<Self, Error> {
        let elements = names.iter().map(|name| element(name)).collect::<Result<Vec<_>, _>>()?;
        for parser in &elements {
            // Parameter sets stand before each key picture.
            set(parser, "config-interval", "-1");
            set(parser, "request-keyframe", "false");
        }
        Ok(Self { codec, elements, caps: caps_of(codec), delay: MediaTime::ZERO })
    }

    /// Decodes sound and encodes it again as Opus.
    fn to_opus(names: &[&str]) -> Result<Self, Error> {
        let mut elements = names.iter().map(|name| element(name)).collect::<Result<Vec<_>, _>>()?;
        elements.extend(opus_tail()?);
        Ok(Self { codec: Codec::Opus, elements, caps: None, delay: OPUS_LOOK_AHEAD })
    }

    pub(super) fn is_audio(&self) -> bool {
        self.codec.is_audio()
    }
}

/// PCM of any form to Opus.
pub(super) fn opus_tail() -> Result<Vec<gst::Element>, Error> {
    let form = element("capsfilter")?;
    let caps = gst::Caps::builder("audio/x-raw").field("format", "S16LE").field("rate", SAMPLE_RATE_HZ as i32).field("channels", 2).build();
    gst::prelude::ObjectExt::set_property(&form, "caps", caps);
    let encoder = element("opusenc")?;
    for (name, value) in [("frame-size", "20"), ("bitrate", OPUS_BITRATE), ("audio-type", "generic"), ("complexity", "5"), ("hard-resync", "true")] {
        set(&encoder, name, value);
    }
    Ok(vec![element("audioconvert")?, element("audioresample")?, form, encoder])
}

/// Raw pictures to H.264 without delay. `bitrate_bps` is what to aim at.
pub(super) fn h264_tail(bitrate_bps: u32) -> Result<Vec<gst::Element>, Error> {
    let name = first_of(&["x264enc", "openh264enc"])?;
    let encoder = element(name)?;
    let (kbps, bps) = ((bitrate_bps / 1_000).to_string(), bitrate_bps.to_string());
    let properties: &[(&str, &str)] = match name {
        "x264enc" => &[("tune", "zerolatency"), ("speed-preset", "ultrafast"), ("bitrate", &kbps), ("key-int-max", "60"), ("bframes", "0"), ("threads", "1")],
        _ => &[("bitrate", &bps), ("rate-control", "bitrate"), ("gop-size", "60"), ("complexity", "low"), ("multi-thread", "1")],
    };
    for (property, value) in properties {
        set(&encoder, property, value);
    }
    let form = element("capsfilter")?;
    gst::prelude::ObjectExt::set_property(&form, "caps", gst::Caps::builder("video/x-raw").field("format", "I420").build());
    let parser = element("h264parse")?;
    set(&parser, "config-interval", "-1");
    Ok(vec![element("videoconvert")?, form, encoder, parser])
}

/// What an RTP stream runs through; none for what cannot be used.
pub(super) fn of_rtp(caps: &gst::CapsRef) -> Option<Result<Branch, Error>> {
    let form = caps.structure(0)?;
    let (media, name) = (form.get::<&str>("media").ok()?, form.get::<&str>("encoding-name").ok()?);
    let static_type = form.get::<i32>("payload").ok();
    Some(match (media, name.to_ascii_uppercase().as_str(), static_type) {
        ("video", "H264", _) => Branch::new(Codec::H264, &["rtph264depay", "h264parse"]),
        ("video", "H265", _) => Branch::new(Codec::H265, &["rtph265depay", "h265parse"]),
        ("video", "JPEG", _) => Branch::new(Codec::Mjpeg, &["rtpjpegdepay"]),
        ("video", "VP8", _) => Branch::new(Codec::Vp8, &["rtpvp8depay"]),
        ("video", "VP9", _) => Branch::new(Codec::Vp9, &["rtpvp9depay", "vp9parse"]),
        ("audio", "MPEG4-GENERIC", _) => Branch::new(Codec::AacAdts, &["rtpmp4gdepay", "aacparse"]),
        ("audio", "MP4A-LATM", _) => Branch::new(Codec::AacAdts, &["rtpmp4adepay", "aacparse"]),
        ("audio", "OPUS", _) => Branch::new(Codec::Opus, &["rtpopusdepay"]),
        ("audio", "PCMU", _) => Branch::to_opus(&["rtppcmudepay", "mulawdec"]),
        ("audio", "PCMA", _) => Branch::to_opus(&["rtppcmadepay", "alawdec"]),
        ("audio", "L16", _) => Branch::to_opus(&["rtpL16depay"]),
        ("audio", "G722", _) => Branch::to_opus(&["rtpg722depay", "avdec_g722"]),
        ("audio", "MPA", _) => first_of(&MPEG_SOUND).and_then(|decoder| Branch::to_opus(&["rtpmpadepay", "mpegaudioparse", decoder])),
        ("audio", "AC3", _) => first_of(&AC3).and_then(|decoder| Branch::to_opus(&["rtpac3depay", "ac3parse", decoder])),
        _ => return None,
    })
}

/// What a stream of a file or device runs through; none for what cannot be used.
pub(super) fn of_stream(caps: &gst::CapsRef) -> Option<Result<Branch, Error>> {
    let form = caps.structure(0)?;
    let version = form.get::<i32>("mpegversion").ok();
    Some(match form.name().as_str() {
        "video/x-h264" => Branch::new(Codec::H264, &["h264parse"]),
        "video/x-h265" => Branch::new(Codec::H265, &["h265parse"]),
        "video/x-vp8" => Branch::new(Codec::Vp8, &[]),
        "video/x-vp9" => Branch::new(Codec::Vp9, &["vp9parse"]),
        "video/x-av1" => Branch::new(Codec::Av1, &["av1parse"]),
        "image/jpeg" => Branch::new(Codec::Mjpeg, &[]),
        "video/x-raw" => {
            h264_tail(bitrate_for(form)).map(|elements| Branch { codec: Codec::H264, elements, caps: caps_of(Codec::H264), delay: MediaTime::ZERO })
        }
        "audio/mpeg" if version == Some(4) || version == Some(2) => Branch::new(Codec::AacAdts, &["aacparse"]),
        "audio/mpeg" => first_of(&MPEG_SOUND).and_then(|decoder| Branch::to_opus(&["mpegaudioparse", decoder])),
        "audio/x-ac3" | "audio/ac3" => first_of(&AC3).and_then(|decoder| Branch::to_opus(&["ac3parse", decoder])),
        "audio/x-opus" if form.get::<i32>("channels").is_ok_and(|channels| channels > 2) => Branch::to_opus(&["opusdec"]),
        "audio/x-opus" => Branch::new(Codec::Opus, &[]),
        "audio/x-raw" => Branch::to_opus(&[]),
        _ => return None,
    })
}

const MPEG_SOUND: [&str; 2] = ["mpg123audiodec", "avdec_mp3"];
const AC3: [&str; 2] = ["a52dec", "avdec_ac3"];

/// The first of these that this machine has.
fn first_of<'a>(names: &[&'a str]) -> Result<&'a str, Error> {
    names.iter().copied().find(|name| gst::ElementFactory::find(name).is_some()).ok_or_else(|| Error::Missing(names.join(" or ")))
}

/// Encoded forms that leave a file as they are; everything else is decoded. A container that does not say when a picture is shown
/// (`tells_presentation` is false) is decoded wherever pictures may stand in another order than they are shown in.
pub(super) fn untouched_forms(tells_presentation: bool) -> gst::Caps {
    const REORDERED: [&str; 2] = ["video/x-h264", "video/x-h265"];
    let mut forms = gst::Caps::new_empty();
    if let Some(list) = forms.get_mut() {
        let names = ["video/x-h264", "video/x-h265", "video/x-vp8", "video/x-vp9", "video/x-av1", "image/jpeg", "audio/x-opus", "video/x-raw", "audio/x-raw"];
        for name in names.into_iter().filter(|name| tells_presentation || !REORDERED.contains(name)) {
            list.append_structure(gst::Structure::new_empty(name));
        }
        list.append_structure(gst::Structure::builder("audio/mpeg").field("mpegversion", gst::List::new([2, 4])).build());
    }
    forms
}

/// What must leave the elements for a codec.
fn caps_of(codec: Codec) -> Option<gst::Caps> {
    let whole = |name: &str, alignment: &str| gst::Caps::builder(name).field("stream-format", "byte-stream").field("alignment", alignment).build();
    match codec {
        Codec::H264 => Some(whole("video/x-h264", "au")),
        Codec::H265 => Some(whole("video/x-h265", "au")),
        Codec::Vp9 => Some(gst::Caps::builder("video/x-vp9").field("alignment", "super-frame").build()),
        Codec::Av1 => Some(gst::Caps::builder("video/x-av1").field("stream-format", "obu-stream").field("alignment", "tu").build()),
        Codec::AacAdts => Some(gst::Caps::builder("audio/mpeg").field("mpegversion", 4).field("stream-format", "adts").build()),
        _ => None,
    }
}

/// A tenth of a bit for each pixel, 1 to 12 Mbit/s: a lightly compressed picture that is encoded once more later.
fn bitrate_for(form: &gst::StructureRef) -> u32 {
    let side = |name: &str| form.get::<i32>(name).ok().and_then(|side| u64::try_from(side).ok()).unwrap_or(720);
    let fps =
        form.get::<gst::Fraction>("framerate").ok().filter(|rate| rate.denom() > 0).map_or(30, |rate| u64::try_from(rate.numer() / rate.denom()).unwrap_or(30));
    let bits = side("width") * side("height") * fps.clamp(1, 60) / 8;
    u32::try_from(bits).unwrap_or(u32::MAX).clamp(1_000_000, 12_000_000)
}
