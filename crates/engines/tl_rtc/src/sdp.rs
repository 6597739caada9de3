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
/// What the programme's stream is called in answers.
const STREAM: &str = "programme";
/// Payload types to begin with; the answer takes over the offer's.
const FIRST_PT: u8 = 96;

/// How an offer will be answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// The one video codec of the answer; none when only sound is offered.
    pub codec: Option<Codec>,
    /// The offer without the phone's candidates: it finds us, we never dial what a stranger wrote down.
    pub offer: String,
    /// The synchronisation sources that it names; none named, any may come.
    pub ssrcs: Vec<u32>,
}

/// How a viewer's offer will be answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ViewPlan {
    /// The H.264 profile and level of the answer, as `profile-level-id` writes it.
    pub profile_level: u32,
    /// The offer without the viewer's candidates.
    pub offer: String,
}

/// One media line of an offer.
struct Line<'a> {
    kind: &'a str,
    attributes: Vec<&'a str>,
}

impl Line<'_> {
    /// Whether the one who offers sends on it, and whether it receives.
    fn directions(&self) -> (bool, bool) {
        let named = self.attributes.iter().rev().find_map(|line| match *line {
            "a=sendonly" => Some((true, false)),
            "a=recvonly" => Some((false, true)),
            "a=inactive" => Some((false, false)),
            "a=sendrecv" => Some((true, true)),
            _ => None,
        });
        // RFC 8866, section 6.7: without a word it is both.
        named.unwrap_or((true, true))
    }

    /// Payload types of a codec, with their format parameters.
    fn formats(&self, name: &str) -> Vec<(&str, Option<&str>)> {
        let maps = self.attributes.iter().filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' '));
        let format = |pt: &str| self.attributes.iter().filter_map(|line| line.strip_prefix("a=fmtp:")?.split_once(' ')).find(|(of, _)| *of == pt);
        maps.filter(|(_, codec)| codec.eq_ignore_ascii_case(name)).map(|(pt, _)| (pt, format(pt).map(|(_, format)| format))).collect()
    }

    /// `profile-level-id` of each form of H.264 that may be sent in pieces (packetization-mode 1); the standard's own where none is named.
    fn h264(&self) -> Vec<u32> {
        let value = |format: &str, key: &str| {
            format.split(';').filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == key).map(|(_, v)| v.to_owned())
        };
        let whole = self
            .formats("H264/90000")
            .into_iter()
            .filter_map(|(_, format)| format)
            .filter(|format| value(format, "packetization-mode").as_deref() == Some("1"));
        let profile = |format: &str| value(format, "profile-level-id").map_or(Some(0x42_000a), |text| u32::from_str_radix(&text, 16).ok());
        whole.filter_map(profile).filter(|id| matches!(id >> 16, 0x42 | 0x4d | 0x64)).collect()
    }
}

/// Reads an offer's lines, and copies it without its candidates.
fn read(offer: &str) -> Result<(Vec<Line<'_>>, String), Error> {
    if offer.len() > MAX_OFFER_BYTES {
        return Err(Error::OfferTooLong { bytes: offer.len(), limit: MAX_OFFER_BYTES });
    }
    if offer.lines().count() > MAX_LINES {
        return Err(refused("too many lines"));
    }
    if offer.contains("a=simulcast") {
        return Err(refused("one picture is expected, not several sizes of it"));
    }
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut kept = String::with_capacity(offer.len());
    for line in offer.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if let Some(media) = line.strip_prefix("m=") {
            lines.push(Line { kind: media.split(' ').next().unwrap_or_default(), attributes: Vec::new() });
        } else if let Some(last) = lines.last_mut() {
            last.attributes.push(line);
        }
        if !line.starts_with("a=candidate:") && !line.starts_with("a=end-of-candidates") {
            kept.push_str(line);
            kept.push_str("\r\n");
        }
    }
    Ok((lines, kept))
}

fn refused(why: &str) -> Error {
    Error::OfferRefused(why.to_owned())
}

/// Reads a phone's offer: one picture that is sent unless only a microphone is expected, at most one sound that is sent, at most
/// one that is received (which may be the same line), and at most one data line.
pub(crate) fn plan(offer: &str, camera: bool) -> Result<Plan, Error> {
    let (lines, offer) = read(offer)?;
    let of = |kind: &str| lines.iter().filter(|line| line.kind == kind).collect::<Vec<_>>();
    let (video, audio, data) = (of("video"), of("audio"), of("application"));
    let sent = audio.iter().filter(|line| line.directions().0).count();
    let heard = audio.iter().filter(|line| line.directions().1).count();
    if video.len() + audio.len() + data.len() != lines.len() || data.len() > 1 || audio.len() > 2 || sent > 1 || heard > 1 {
        return Err(refused("at most one sound each way and one data line are expected"));
    }
    let codec = match video.as_slice() {
        [] if camera => return Err(refused("a picture is expected")),
        [] if sent == 0 => return Err(refused("a microphone is expected")),
        [] => None,
        [_] if !camera => return Err(refused("sound alone is expected")),
        [only] if !only.directions().0 => return Err(refused("the video line does not send")),
        [only] => Some(codec(only).ok_or(Error::NoCommonCodec)?),
        _ => return Err(refused("one picture is expected")),
    };
    let named = lines.iter().flat_map(|line| &line.attributes).filter_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok());
    let mut ssrcs: Vec<u32> = named.take(MAX_LINES).collect();
    ssrcs.sort_unstable();
    ssrcs.dedup();
    Ok(Plan { codec, offer, ssrcs })
}

/// H.264 when it is offered in a form that is received here, else VP8.
fn codec(video: &Line<'_>) -> Option<Codec> {
    if !video.h264().is_empty() {
        return Some(Codec::H264);
    }
    (!video.formats("VP8/90000").is_empty()).then_some(Codec::Vp8)
}

/// Reads a viewer's offer: one picture and at most one sound, both received. `profile` is the programme's `profile_idc`, 0 while
/// it is not known.
pub(crate) fn view_plan(offer: &str, profile: u8) -> Result<ViewPlan, Error> {
    let (lines, offer) = read(offer)?;
    let of = |kind: &str| lines.iter().filter(|line| line.kind == kind).collect::<Vec<_>>();
    let (video, audio, data) = (of("video"), of("audio"), of("application"));
    if video.len() + audio.len() + data.len() != lines.len() || video.len() > 1 || audio.len() > 1 || data.len() > 1 {
        return Err(refused("one picture and one sound are expected"));
    }
    let Some(picture) = video.first().filter(|line| line.directions().1) else { return Err(refused("no picture is received")) };
    if audio.iter().any(|line| !line.directions().1) {
        return Err(refused("the sound line does not receive"));
    }
    let offered = picture.h264();
    // Browsers decode every profile whatever they list, but the one that is sent is the honest answer; then the nearest above.
    let rank = |id: &u32| match (id >> 16) as u8 {
        same if same == profile => 0,
        0x64 => 1,
        0x4d => 2,
        _ => 3,
    };
    let profile_level = offered.into_iter().min_by_key(rank).ok_or(Error::NoCommonCodec)?;
    Ok(ViewPlan { profile_level, offer })
}

/// Settings for a viewer: H.264 in one profile, Opus, and the word that pictures be shown at once.
pub(crate) fn view_config(profile_level: u32) -> RtcConfig {
    let mut extensions = ExtensionMap::empty();
    extensions.set(2, Extension::AbsoluteSendTime);
    extensions.set(3, Extension::TransportSequenceNumber);
    extensions.set(4, Extension::RtpMid);
    extensions.set(5, Extension::PlayoutDelay);
    let mut config = Rtc::builder().clear_codecs().enable_opus(true, false).set_extension_map(extensions);
    config.codec_config().add_h264(FIRST_PT.into(), Some((FIRST_PT + 1).into()), true, profile_level);
    config
}

/// Adds to a viewer's answer what its writer does not know: that the sound has two channels (RFC 7587, section 7.1), and that
/// picture and sound are one stream (RFC 8830), without which browsers do not line them up.
pub(crate) fn finish_view(answer: &str) -> String {
    let mut out = String::with_capacity(answer.len() + 64);
    let mut in_audio = false;
    for line in answer.lines().filter(|line| !line.is_empty()) {
        if line.starts_with("m=") {
            in_audio = line.starts_with("m=audio ");
        }
        if line.starts_with("a=msid-semantic:") {
            out.push_str(&format!("a=msid-semantic: WMS {STREAM}"));
        } else if let Some((before, (_, track))) = line.split_once("msid:").and_then(|(before, ids)| Some((before, ids.split_once(' ')?))) {
            out.push_str(&format!("{before}msid:{STREAM} {track}"));
        } else {
            out.push_str(line);
        }
        if in_audio && line.starts_with("a=fmtp:") && !line.contains("stereo=1") {
            out.push_str(";stereo=1;sprop-stereo=1");
        }
        out.push_str("\r\n");
    }
    out
}

/// A protocol instance's settings with at most this one video codec, and Opus. VideoOrientation is left out, so that phones turn the
/// pixels.
pub(crate) fn config(codec: Option<Codec>) -> RtcConfig {
    let mut extensions = ExtensionMap::empty();
    extensions.set(2, Extension::AbsoluteSendTime);
    extensions.set(3, Extension::TransportSequenceNumber);
    extensions.set(4, Extension::RtpMid);
    extensions.set(10, Extension::RtpStreamId);
    extensions.set(11, Extension::RepairedRtpStreamId);
    let mut config = Rtc::builder().clear_codecs().enable_opus(true, false).set_extension_map(extensions);
    let codecs = config.codec_config();
    match codec {
        None => {}
        Some(Codec::H264) => {
            for (profile, pt) in H264_PROFILES.into_iter().zip((FIRST_PT..).step_by(2)) {
                codecs.add_h264(pt.into(), Some((pt + 1).into()), true, profile);
            }
        }
        Some(_) => {
            codecs.add_config(FIRST_PT.into(), Some((FIRST_PT + 1).into()), str0m::format::Codec::Vp8, Frequency::NINETY_KHZ, None, FormatParams::default())
        }
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
    const VIEW: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 98 99\r\na=recvonly\r\n";
    const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\n";
    const LISTEN: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=recvonly\r\na=rtpmap:111 opus/48000/2\r\n";
    const VP8: &str = "a=rtpmap:96 VP8/90000\r\n";
    const H264: &str = "a=rtpmap:98 H264/90000\r\na=fmtp:98 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";
    const H264_MODE_0: &str = "a=rtpmap:99 H264/90000\r\na=fmtp:99 packetization-mode=0;profile-level-id=42e01f\r\n";

    #[test]
    fn h264_is_taken_alone_where_it_is_offered_in_full() {
        let check = |lines: &[&str], expect: Option<Codec>| {
            let offer = format!("v=0\r\n{VIDEO}{}", lines.concat());
            assert_eq!(plan(&offer, true).ok().and_then(|plan| plan.codec), expect, "{offer}");
        };
        check(&[VP8, H264], Some(Codec::H264));
        check(&[VP8, H264_MODE_0], Some(Codec::Vp8));
        check(&[H264_MODE_0], None);
        check(&["a=rtpmap:96 VP9/90000\r\n"], None);
        check(&[VP8], Some(Codec::Vp8));
    }

    #[test]
    fn offers_that_are_not_one_camera_are_refused() {
        let check = |offer: String| assert!(plan(&offer, true).is_err(), "{offer}");
        check(String::new());
        check(format!("v=0\r\n{VIDEO}{VP8}{VIDEO}{VP8}"));
        check(format!("v=0\r\n{}{VP8}", VIDEO.replace("sendonly", "recvonly")));
        check(format!("v=0\r\n{VIDEO}{VP8}a=simulcast:send h;l\r\n"));
        check(format!("v=0\r\n{VIDEO}{VP8}m=image 9 UDP/TLS/RTP/SAVPF 0\r\n"));
        check(format!("v=0\r\n{AUDIO}"));
        check(format!("v=0\r\n{VIDEO}{VP8}{AUDIO}{AUDIO}"));
        assert!(matches!(plan(&"v".repeat(MAX_OFFER_BYTES + 1), true), Err(Error::OfferTooLong { .. })));
    }

    #[test]
    fn sound_may_go_both_ways_and_microphones_come_without_a_picture() {
        assert!(plan(&format!("v=0\r\n{VIDEO}{VP8}{AUDIO}{LISTEN}"), true).is_ok());
        assert!(plan(&format!("v=0\r\n{VIDEO}{VP8}{}", AUDIO.replace("sendonly", "sendrecv")), true).is_ok());
        assert_eq!(plan(&format!("v=0\r\n{AUDIO}"), false).expect("a plan").codec, None);
        for offer in [format!("v=0\r\n{LISTEN}"), format!("v=0\r\n{VIDEO}{VP8}{AUDIO}"), "v=0\r\n".into()] {
            assert!(plan(&offer, false).is_err(), "{offer}");
        }
    }

    #[test]
    fn a_viewer_is_answered_with_the_programme_s_own_profile() {
        let formats = |ids: &[&str]| {
            let one = |(pt, id): (usize, &&str)| {
                format!("a=rtpmap:{pt} H264/90000\r\na=fmtp:{pt} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={id}\r\n")
            };
            ids.iter().enumerate().map(|(index, id)| one((98 + index, id))).collect::<String>()
        };
        let check = |ids: &[&str], profile: u8, expect: Option<u32>| {
            let offer = format!("v=0\r\n{VIEW}{}{LISTEN}", formats(ids));
            assert_eq!(view_plan(&offer, profile).ok().map(|plan| plan.profile_level), expect, "{offer}");
        };
        check(&["42001f", "42e01f", "4d001f", "64001f"], 0x64, Some(0x64_001f));
        check(&["42001f", "42e01f", "4d001f", "64001f"], 0x42, Some(0x42_001f));
        check(&["42e01f", "640c1f"], 0, Some(0x64_0c1f));
        check(&["42e01f"], 0x64, Some(0x42_e01f));
        check(&[], 0x64, None);
        let viewer = |lines: &str| view_plan(&format!("v=0\r\n{lines}"), 0x64).is_ok();
        assert!(viewer(&format!("{VIEW}{H264}")));
        assert!(!viewer(&format!("{VIEW}{H264_MODE_0}")) && !viewer(LISTEN) && !viewer(&format!("{VIDEO}{H264}")));
        assert!(!viewer(&format!("{VIEW}{H264}{AUDIO}")) && !viewer(&format!("{VIEW}{H264}{VIEW}{H264}")));
    }

    #[test]
    fn candidates_of_strangers_are_not_kept() {
        let offer = format!("v=0\r\n{VIDEO}{VP8}a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n");
        assert!(!plan(&offer, true).expect("a plan").offer.contains("candidate"));
    }

    #[test]
    fn the_start_rate_stands_in_the_answer() {
        let answer = finish("m=audio 9 X 111\r\na=fmtp:111 minptime=10\r\nm=video 9 X 98 99\r\na=fmtp:98 packetization-mode=1\r\na=fmtp:99 apt=98\r\n");
        assert_eq!(answer.matches("x-google-start-bitrate=2500").count(), 1);
        assert!(finish("m=video 9 X 96\r\na=rtpmap:96 VP8/90000\r\n").ends_with("a=fmtp:96 x-google-start-bitrate=2500\r\n"));
    }

    #[test]
    fn picture_and_sound_of_the_programme_are_one_stream_with_two_channels() {
        let answer = finish_view(
            "a=msid-semantic: WMS a b\r\nm=video 9 X 98\r\na=msid:a t1\r\na=ssrc:7 msid:a t1\r\nm=audio 9 X 111\r\na=msid:b t2\r\na=fmtp:111 minptime=10\r\n",
        );
        let expect = "a=msid-semantic: WMS programme\r\nm=video 9 X 98\r\na=msid:programme t1\r\na=ssrc:7 msid:programme t1\r\nm=audio 9 X 111\r\na=msid:programme t2\r\na=fmtp:111 minptime=10;stereo=1;sprop-stereo=1\r\n";
        assert_eq!(answer, expect);
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            // What is refused here is refused; only a panic would be wrong.
            drop((plan(&text, true), view_plan(&text, 0)));
            drop(plan(&format!("v=0\r\n{VIDEO}{VP8}{text}"), true));
            drop(view_plan(&format!("v=0\r\n{VIEW}{H264}{text}"), 0x64));
            finish(&text);
            finish_view(&text);
            attribute(&text, "ice-ufrag");
        });
    }
}
