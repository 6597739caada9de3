//! Units as the bodies of FLV tags (Adobe FLV 10.1, annex E), which RTMP carries.

use tl_base::Size;
use tl_frame::{AccessUnit, h264};

use crate::rtmp::amf::{self, Value};

/// AudioSpecificConfig of AAC-LC, 48 kHz, stereo (ISO/IEC 14496-3, 1.6.2.1).
const AAC_CONFIG: [u8; 2] = [0x11, 0x90];
/// Sound format AAC, and the rate, size and channels that the format always states for it.
const AAC: u8 = 0xaf;

/// The tag body that says how pictures are encoded.
pub(super) fn video_config(parameters: &h264::Parameters) -> Vec<u8> {
    let mut out = vec![0x17, 0, 0, 0, 0];
    out.extend_from_slice(&[1]);
    out.extend_from_slice(&parameters.profile);
    // Lengths of 4 bytes, one SPS.
    out.extend_from_slice(&[0xff, 0xe1]);
    push_sized(&mut out, &parameters.sps);
    out.push(1);
    push_sized(&mut out, &parameters.pps);
    if matches!(parameters.profile.first(), Some(100 | 110 | 122 | 144)) {
        // 4:2:0, 8 bits, no SPS extension.
        out.extend_from_slice(&[0xfd, 0xf8, 0xf8, 0]);
    }
    out
}

fn push_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// The tag body of a picture; empty when the unit holds none.
pub(super) fn video(unit: &AccessUnit) -> Vec<u8> {
    let nals = h264::to_length_prefixed(&unit.data, false);
    if nals.is_empty() {
        return nals;
    }
    let offset_ms = i32::try_from((unit.pts - unit.dts).nanos() / 1_000_000).unwrap_or(0);
    let mut out = Vec::with_capacity(nals.len() + 5);
    out.extend_from_slice(&[if unit.key { 0x17 } else { 0x27 }, 1]);
    out.extend_from_slice(offset_ms.to_be_bytes().get(1..).unwrap_or_default());
    out.extend(nals);
    out
}

/// The tag body that says how sound is encoded.
pub(super) fn audio_config() -> Vec<u8> {
    let [first, second] = AAC_CONFIG;
    vec![AAC, 0, first, second]
}

/// The tag body of one AAC frame.
pub(super) fn audio(unit: &AccessUnit) -> Vec<u8> {
    [&[AAC, 1], unit.data.as_ref()].concat()
}

/// What a player may want to know before the first picture.
pub(super) fn metadata(size: Size, has_audio: bool) -> Vec<u8> {
    let mut members = vec![
        ("width".to_owned(), Value::Number(size.width.into())),
        ("height".to_owned(), Value::Number(size.height.into())),
        ("videocodecid".to_owned(), Value::Number(7.0)),
        ("encoder".to_owned(), Value::string("Touchline")),
    ];
    if has_audio {
        members.push(("audiocodecid".to_owned(), Value::Number(10.0)));
        members.push(("audiosamplerate".to_owned(), Value::Number(48_000.0)));
        members.push(("stereo".to_owned(), Value::Boolean(true)));
    }
    amf::write(&[Value::string("@setDataFrame"), Value::string("onMetaData"), Value::Object(members)])
}
