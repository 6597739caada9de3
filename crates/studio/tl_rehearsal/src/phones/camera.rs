//! A camera of the network that the studio pulls from: RTSP, or JPEG images over HTTP.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tl_base::{MediaTime, Secret, SlotId};
use tl_frame::{Codec, h264};

use super::clock::PhoneClock;
use super::ear::{Call, Ear};
use super::line::{Answer, Errands, Line, Stage, What};
use super::requests::{Request, interleaved_channel, next_request};
use super::rtp::Stream;
use super::sending::Parcel;
use crate::clips::Loaded;
use crate::signalling::{Door, Refusal};
use crate::{Error, Seed};

/// Between two looks at the port.
const LOOK: Duration = Duration::from_millis(5);
/// The studio is told where the camera is again after this long when it did not hear.
const TELL_AGAIN: Duration = Duration::from_secs(1);
/// Sender reports come this often, as cameras' do.
const REPORT_EVERY_SECS: f64 = 1.0;
/// Its user, as cameras are delivered.
const USER: &str = "viewer";
/// Separates images.
const BOUNDARY: &str = "touchline-image";

/// What a camera speaks.
enum Speech {
    Rtsp(Box<Rtsp>),
    Mjpeg { playing: bool },
}

/// A camera with a port of its own, which stays as long as the camera does.
pub(super) struct Camera {
    slot: SlotId,
    /// The one who may tell the studio where it is.
    director: Secret,
    ear: Ear,
    password: Secret,
    speech: Speech,
    told: Told,
}

/// Whether the studio knows where the camera is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    NotYet(Instant),
    Asked,
    Yes,
}

impl Camera {
    pub(super) fn rtsp(slot: SlotId, director: &Secret, bind: IpAddr, media: &Loaded, clock: PhoneClock, seed: &Seed, now: Instant) -> Result<Self, Error> {
        let rtsp = Rtsp::new(slot, media, clock, &mut seed.child(&format!("rtsp {slot}")))?;
        Self::new(slot, director, bind, Speech::Rtsp(Box::new(rtsp)), seed, now)
    }

    pub(super) fn mjpeg(slot: SlotId, director: &Secret, bind: IpAddr, seed: &Seed, now: Instant) -> Result<Self, Error> {
        Self::new(slot, director, bind, Speech::Mjpeg { playing: false }, seed, now)
    }

    fn new(slot: SlotId, director: &Secret, bind: IpAddr, speech: Speech, seed: &Seed, now: Instant) -> Result<Self, Error> {
        let ear = Ear::open(bind).map_err(|error| Error::Phone { slot: slot.0, message: format!("no port: {error}") })?;
        let password = Secret::new(format!("{:016x}", seed.child(&format!("password {slot}")).bits()));
        Ok(Self { slot, director: director.clone(), ear, password, speech, told: Told::NotYet(now) })
    }

    /// What the studio is told of it.
    fn setup(&self) -> Value {
        let (protocol, scheme) = match &self.speech {
            Speech::Rtsp(_) => ("rtsp", "rtsp"),
            Speech::Mjpeg { .. } => ("mjpeg", "http"),
        };
        let url = format!("{scheme}://{}/camera{}", self.ear.address(), self.slot);
        json!({"protocol": protocol, "url": url, "user": USER, "password": self.password.expose()})
    }

    fn tell(&mut self, now: Instant, errands: &Errands<'_>) {
        if matches!(self.told, Told::NotYet(at) if now >= at) {
            let what = What::Source { slot: self.slot, token: self.director.clone(), setup: self.setup() };
            self.told = if errands.send(what) { Told::Asked } else { Told::NotYet(now + TELL_AGAIN) };
        }
    }

    /// Answers what the studio says.
    fn converse(&mut self) {
        let Self { ear, speech, password, .. } = self;
        let Some((call, fresh)) = ear.listen() else {
            speech.stop();
            return;
        };
        if fresh {
            speech.stop();
        }
        let expected = format!("Basic {}", BASE64.encode(format!("{USER}:{}", password.expose())));
        let going_on = loop {
            match next_request(&mut call.inbox) {
                Ok(Some(request)) => {
                    if !speech.answer(call, &request, request.authorization == expected) {
                        break false;
                    }
                }
                Ok(None) => break true,
                Err(problem) => {
                    tracing::debug!(problem, "a camera's caller is not understood");
                    break false;
                }
            }
        };
        if !going_on {
            speech.stop();
            ear.hang_up();
        }
    }
}

impl Line for Camera {
    fn poll(&mut self, now: Instant, errands: &Errands<'_>) -> (Stage, Instant) {
        self.tell(now, errands);
        self.converse();
        (if self.speech.is_playing() { Stage::Open } else { Stage::Opening }, now + LOOK)
    }

    fn send(&mut self, parcel: &Parcel, now_secs: f64) -> bool {
        let Some(call) = self.ear.call() else { return false };
        match &mut self.speech {
            Speech::Rtsp(rtsp) => rtsp.send(call, parcel, now_secs),
            Speech::Mjpeg { playing: true } => send_image(call, parcel),
            Speech::Mjpeg { playing: false } => false,
        }
    }

    fn answered(&mut self, answer: Result<Answer, Refusal>, now: Instant) {
        self.told = match answer {
            Ok(_) => Told::Yes,
            Err(refusal) => {
                tracing::info!(slot = self.slot.0, %refusal, "the studio does not take the camera's address");
                Told::NotYet(now + TELL_AGAIN)
            }
        };
    }

    fn fade(&mut self) -> bool {
        self.ear.refuse();
        self.speech.stop();
        true
    }

    fn leave(self: Box<Self>, door: &Door) {
        if self.told == Told::Yes
            && let Err(refusal) = door.clear_source(self.slot, &self.director)
        {
            tracing::debug!(%refusal, "the studio did not hear that a camera is gone");
        }
    }
}

impl Speech {
    fn is_playing(&self) -> bool {
        match self {
            Self::Rtsp(rtsp) => rtsp.playing,
            Self::Mjpeg { playing } => *playing,
        }
    }

    fn stop(&mut self) {
        match self {
            Self::Rtsp(rtsp) => rtsp.stop(),
            Self::Mjpeg { playing } => *playing = false,
        }
    }

    /// False: hang up.
    fn answer(&mut self, call: &mut Call, request: &Request, known: bool) -> bool {
        match self {
            Self::Rtsp(rtsp) => rtsp.answer(call, request, known),
            Self::Mjpeg { playing } => {
                if request.method != "GET" || !known {
                    let (status, more) =
                        if known { ("405 Method Not Allowed", "Allow: GET\r\n") } else { ("401 Unauthorized", "WWW-Authenticate: Basic realm=\"camera\"\r\n") };
                    return call.say(format!("HTTP/1.1 {status}\r\n{more}Content-Length: 0\r\n\r\n").as_bytes());
                }
                *playing = true;
                let kind = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
                call.say(format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n").as_bytes())
            }
        }
    }
}

/// One image with the camera's own time, as mjpg-streamer writes it.
fn send_image(call: &mut Call, parcel: &Parcel) -> bool {
    if parcel.unit.codec != Codec::Mjpeg {
        return false;
    }
    let (secs, micros) = (parcel.capture_ns.div_euclid(1_000_000_000), parcel.capture_ns.rem_euclid(1_000_000_000) / 1_000);
    let length = parcel.unit.data.len();
    let head = format!("--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\nX-Timestamp: {secs}.{micros:06}\r\n\r\n");
    call.say(&[head.as_bytes(), &parcel.unit.data, b"\r\n"].concat())
}

/// An RTSP server's one session.
struct Rtsp {
    sdp: String,
    session: String,
    clock: PhoneClock,
    /// Pictures, sound; none that nobody set up.
    streams: [Stream; 2],
    set_up: [bool; 2],
    playing: bool,
    report_at: f64,
    out: Vec<u8>,
}

impl Rtsp {
    fn new(slot: SlotId, media: &Loaded, clock: PhoneClock, chance: &mut Seed) -> Result<Self, Error> {
        let head = media.video.first().and_then(|unit| h264::Parameters::find(&unit.data));
        let head = head.ok_or_else(|| Error::Phone { slot: slot.0, message: "a clip without parameter sets".into() })?;
        let mut stream = |payload_type, rate_hz| {
            let (ssrc, base, seq) = (chance.bits() as u32, chance.bits() as u32, chance.bits() as u16);
            Stream { channel: 0, payload_type, rate_hz, ssrc, base, seq, packets: 0, bytes: 0 }
        };
        let streams = [stream(96, 90_000), stream(97, tl_base::SAMPLE_RATE_HZ)];
        let session = format!("{:016x}", chance.bits());
        Ok(Self { sdp: sdp(slot, &head), session, clock, streams, set_up: [false; 2], playing: false, report_at: 0.0, out: Vec::new() })
    }

    fn stop(&mut self) {
        (self.playing, self.set_up) = (false, [false; 2]);
    }

    fn answer(&mut self, call: &mut Call, request: &Request, known: bool) -> bool {
        let session = format!("Session: {};timeout=60\r\n", self.session);
        let (status, more, body) = match request.method.as_str() {
            "OPTIONS" => ("200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN\r\n".to_owned(), ""),
            _ if !known => ("401 Unauthorized", "WWW-Authenticate: Basic realm=\"camera\"\r\n".to_owned(), ""),
            "DESCRIBE" => {
                let base = request.url.trim_end_matches('/');
                ("200 OK", format!("Content-Base: {base}/\r\nContent-Type: application/sdp\r\n"), self.sdp.as_str())
            }
            "SETUP" => match self.set_up(request) {
                Ok(transport) => ("200 OK", format!("{session}Transport: {transport}\r\n"), ""),
                Err(status) => (status, String::new(), ""),
            },
            "PLAY" if self.set_up.contains(&true) => {
                (self.playing, self.report_at) = (true, 0.0);
                ("200 OK", format!("{session}Range: npt=0.000-\r\n"), "")
            }
            "GET_PARAMETER" => ("200 OK", session, ""),
            "TEARDOWN" => {
                self.playing = false;
                ("200 OK", session, "")
            }
            "PLAY" => ("455 Method Not Valid in This State", String::new(), ""),
            _ => ("501 Not Implemented", String::new(), ""),
        };
        let length = body.len();
        call.say(format!("RTSP/1.0 {status}\r\nCSeq: {}\r\n{more}Content-Length: {length}\r\n\r\n{body}", request.number).as_bytes())
    }

    /// Gives a stream its channel; the transport that was agreed on, or the refusal.
    fn set_up(&mut self, request: &Request) -> Result<String, &'static str> {
        let index = usize::from(request.url.ends_with("track1"));
        let channel = interleaved_channel(&request.transport).ok_or("461 Unsupported Transport")?;
        let (Some(stream), Some(done)) = (self.streams.get_mut(index), self.set_up.get_mut(index)) else { return Err("404 Not Found") };
        (stream.channel, *done) = (channel, true);
        Ok(format!("RTP/AVP/TCP;unicast;interleaved={channel}-{};ssrc={:08X}", channel + 1, stream.ssrc))
    }

    fn send(&mut self, call: &mut Call, parcel: &Parcel, now_secs: f64) -> bool {
        let index = usize::from(parcel.unit.codec.is_audio());
        if !self.playing || self.set_up.get(index) != Some(&true) {
            return false;
        }
        let Self { out, streams, set_up, clock, report_at, .. } = self;
        out.clear();
        match (streams.get_mut(index), index) {
            (Some(stream), 0) => stream.picture(out, &parcel.unit.data, parcel.unit.pts),
            (Some(stream), _) => stream.sound(out, &parcel.unit.data, parcel.unit.pts),
            (None, _) => return false,
        }
        if now_secs >= *report_at {
            *report_at = now_secs + REPORT_EVERY_SECS;
            let (shown, start) = (clock.shows_ns(now_secs), clock.shows_ns(0.0));
            let known = streams.iter().zip(set_up.iter()).filter(|(_, set_up)| **set_up);
            known.for_each(|(stream, _)| stream.report(out, shown, MediaTime(shown - start)));
        }
        call.say(out)
    }
}

/// What DESCRIBE answers (RFC 4566, RFC 6184, RFC 3640).
fn sdp(slot: SlotId, head: &h264::Parameters) -> String {
    let [profile, constraints, level] = head.profile;
    let sets = format!("{},{}", BASE64.encode(&head.sps), BASE64.encode(&head.pps));
    let lines = [
        "v=0".to_owned(),
        format!("o=- {slot} 1 IN IP4 127.0.0.1"),
        format!("s=Camera {slot}"),
        "c=IN IP4 0.0.0.0".to_owned(),
        "t=0 0".to_owned(),
        "a=control:*".to_owned(),
        "a=range:npt=0-".to_owned(),
        "m=video 0 RTP/AVP 96".to_owned(),
        "a=rtpmap:96 H264/90000".to_owned(),
        format!("a=fmtp:96 packetization-mode=1;profile-level-id={profile:02X}{constraints:02X}{level:02X};sprop-parameter-sets={sets}"),
        "a=control:track0".to_owned(),
        "m=audio 0 RTP/AVP 97".to_owned(),
        "a=rtpmap:97 MPEG4-GENERIC/48000/2".to_owned(),
        // 1190: AAC-LC, 48 kHz, two channels (ISO/IEC 14496-3, 1.6.2.1).
        "a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1190".to_owned(),
        "a=control:track1".to_owned(),
    ];
    lines.map(|line| line + "\r\n").concat()
}
