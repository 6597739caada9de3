//! What an offer must hold to be answered, and how the answer is built.

use str0m::format::FormatParams;
use str0m::media::Frequency;
use str0m::rtp::{Extension, ExtensionMap};
use str0m::{Rtc, RtcConfig};
use tl_frame::Codec;

use crate::Error;

/// The longest offer that is read, bytes.
pub(crate) const MAX_OFFER_BYTES: usize = 64 << 10;
/// Lines in an offer at most; real ones have a few hundred.
const MAX_LINES: usize = 2_000;
/// Where a Chromium sender starts, kilobits a second; left to itself it would start at 300.
const START_KBITS: u32 = 2_500;
/// H.264 profiles that are received: constrained baseline, baseline, main, high, constrained high, all at level 3.1 or another.
const H264_PROFILES: [u32; 5] = [0x42_e01f, 0x42_001f, 0x4d_001f, 0x64_001f, 0x64_0c1f];
/// Payload types to begin with; the answer takes over the offer's.
const FIRST_PT: u8 = 96;

/// How an offer will be answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// The one video codec of the answer.
    pub codec: Codec,
    /// The offer without the phone's candidates: it finds us, we never dial what a stranger wrote down.
    pub offer: String,
}

/// Reads an offer.
pub(crate) fn plan(offer: &str) -> Result<Plan, Error> {
    if offer.len() > MAX_OFFER_BYTES {
        return Err(Error::OfferTooLong { bytes: offer.len(), limit: MAX_OFFER_BYTES });
    }
    let refuse = |why: &str| Error::OfferRefused(why.to_owned());
    if offer.lines().count() > MAX_LINES {
        return Err(refuse("too many lines"));
    }
    if offer.contains("a=simulcast") {
        return Err(refuse("one picture is expected, not several sizes of it"));
    }
    let (mut video, mut audio, mut channel) = (0, 0, 0);
    let mut in_video = false;
    let mut video_lines: Vec<&str> = Vec::new();
    let mut kept = String::with_capacity(offer.len());
    for line in offer.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if let Some(media) = line.strip_prefix("m=") {
            in_video = media.starts_with("video ");
            video += u32::from(in_video);
            audio += u32::from(media.starts_with("audio "));
            channel += u32::from(media.starts_with("application "));
        }
        if in_video {
            video_lines.push(line);
        }
        if !line.starts_with("a=candidate:") && !line.starts_with("a=end-of-candidates") {
            kept.push_str(line);
            kept.push_str("\r\n");
        }
    }
    let lines = offer.lines().filter(|line| line.starts_with("m=")).count();
    if video != 1 || audio > 1 || channel > 1 || lines != (video + audio + channel) as usize {
        return Err(refuse("one video, at most one audio and one data line are expected"));
    }
    if video_lines.iter().any(|line| matches!(*line, "a=recvonly" | "a=inactive")) {
        return Err(refuse("the video line does not send"));
    }
    let codec = codec(&video_lines).ok_or(Error::NoCommonCodec)?;
    Ok(Plan { codec, offer: kept })
}

/// H.264 when it is offered in a form that is received here, else VP8.
fn codec(video_lines: &[&str]) -> Option<Codec> {
    let named = |name: &str| -> Vec<&str> {
        let maps = video_lines.iter().filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' '));
        maps.filter(|(_, codec)| codec.eq_ignore_ascii_case(name)).map(|(pt, _)| pt).collect()
    };
    let fits = |pt: &&str| {
        let format = video_lines.iter().filter_map(|line| line.strip_prefix("a=fmtp:")?.split_once(' ')).find(|(of, _)| of == pt);
        let Some((_, format)) = format else { return false };
        let mut profile = true;
        let mut whole = false;
        for (key, value) in format.split(';').filter_map(|pair| pair.trim().split_once('=')) {
            match key {
                "packetization-mode" => whole = value == "1",
                "profile-level-id" => profile = ["42", "4d", "64"].iter().any(|known| value.to_ascii_lowercase().starts_with(known)),
                _ => {}
            }
        }
        whole && profile
    };
    if named("H264/90000").iter().any(fits) {
        return Some(Codec::H264);
    }
    (!named("VP8/90000").is_empty()).then_some(Codec::Vp8)
}

/// A protocol instance's settings with this one video codec and Opus. VideoOrientation is left out, so that phones turn the pixels.
pub(crate) fn config(codec: Codec) -> RtcConfig {
    let mut extensions = ExtensionMap::empty();
    extensions.set(2, Extension::AbsoluteSendTime);
    extensions.set(3, Extension::TransportSequenceNumber);
    extensions.set(4, Extension::RtpMid);
    extensions.set(10, Extension::RtpStreamId);
    extensions.set(11, Extension::RepairedRtpStreamId);
    let mut config = Rtc::builder().clear_codecs().enable_opus(true, false).set_extension_map(extensions);
    let codecs = config.codec_config();
    match codec {
        Codec::H264 => {
            for (profile, pt) in H264_PROFILES.into_iter().zip((FIRST_PT..).step_by(2)) {
                codecs.add_h264(pt.into(), Some((pt + 1).into()), true, profile);
            }
        }
        _ => codecs.add_config(FIRST_PT.into(), Some((FIRST_PT + 1).into()), str0m::format::Codec::Vp8, Frequency::NINETY_KHZ, None, FormatParams::default()),
    }
    config
}

/// Adds to an answer what its writer does not know: where Chromium's rate control starts.
pub(crate) fn finish(answer: &str) -> String {
    let start = format!("x-google-start-bitrate={START_KBITS}");
    let mut out = String::with_capacity(answer.len() + 256);
    let mut in_video = false;
    for line in answer.lines().filter(|line| !line.is_empty()) {
        if line.starts_with("m=") {
            in_video = line.starts_with("m=video ");
        }
        out.push_str(line);
        if in_video && line.starts_with("a=fmtp:") && !line.contains("apt=") {
            out.push(';');
            out.push_str(&start);
        }
        out.push_str("\r\n");
        // VP8 has no parameters of its own to add to.
        if let Some((pt, _)) = line.strip_prefix("a=rtpmap:").and_then(|map| map.split_once(" VP8/")).filter(|_| in_video) {
            out.push_str(&format!("a=fmtp:{pt} {start}\r\n"));
        }
    }
    out
}

/// The value of the first attribute of this name.
pub(crate) fn attribute<'a>(sdp: &'a str, name: &str) -> Option<&'a str> {
    sdp.lines().find_map(|line| line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 98 99\r\na=sendonly\r\n";
    const VP8: &str = "a=rtpmap:96 VP8/90000\r\n";
    const H264: &str = "a=rtpmap:98 H264/90000\r\na=fmtp:98 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";
    const H264_MODE_0: &str = "a=rtpmap:99 H264/90000\r\na=fmtp:99 packetization-mode=0;profile-level-id=42e01f\r\n";

    #[test]
    fn h264_is_taken_alone_where_it_is_offered_in_full() {
        let check = |lines: &[&str], expect: Option<Codec>| {
            let offer = format!("v=0\r\n{VIDEO}{}", lines.concat());
            assert_eq!(plan(&offer).ok().map(|plan| plan.codec), expect, "{offer}");
        };
        check(&[VP8, H264], Some(Codec::H264));
        check(&[VP8, H264_MODE_0], Some(Codec::Vp8));
        check(&[H264_MODE_0], None);
        check(&["a=rtpmap:96 VP9/90000\r\n"], None);
        check(&[VP8], Some(Codec::Vp8));
    }

    #[test]
    fn offers_that_are_not_one_camera_are_refused() {
        let check = |offer: String| assert!(plan(&offer).is_err(), "{offer}");
        check(String::new());
        check(format!("v=0\r\n{VIDEO}{VP8}{VIDEO}{VP8}"));
        check(format!("v=0\r\n{}{VP8}", VIDEO.replace("sendonly", "recvonly")));
        check(format!("v=0\r\n{VIDEO}{VP8}a=simulcast:send h;l\r\n"));
        check(format!("v=0\r\n{VIDEO}{VP8}m=image 9 UDP/TLS/RTP/SAVPF 0\r\n"));
        assert!(matches!(plan(&"v".repeat(MAX_OFFER_BYTES + 1)), Err(Error::OfferTooLong { .. })));
    }

    #[test]
    fn candidates_of_strangers_are_not_kept() {
        let offer = format!("v=0\r\n{VIDEO}{VP8}a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n");
        assert!(!plan(&offer).expect("a plan").offer.contains("candidate"));
    }

    #[test]
    fn the_start_rate_stands_in_the_answer() {
        let answer = finish("m=audio 9 X 111\r\na=fmtp:111 minptime=10\r\nm=video 9 X 98 99\r\na=fmtp:98 packetization-mode=1\r\na=fmtp:99 apt=98\r\n");
        assert_eq!(answer.matches("x-google-start-bitrate=2500").count(), 1);
        assert!(finish("m=video 9 X 96\r\na=rtpmap:96 VP8/90000\r\n").ends_with("a=fmtp:96 x-google-start-bitrate=2500\r\n"));
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            // What is refused here is refused; only a panic would be wrong.
            drop(plan(&text));
            drop(plan(&format!("v=0\r\n{VIDEO}{VP8}{text}")));
            finish(&text);
            attribute(&text, "ice-ufrag");
        });
    }
}
