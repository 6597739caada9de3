//! Units into an MPEG transport stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gst::prelude::*;

use tl_base::MediaTime;
use tl_frame::{AccessUnit, Codec, adts};

use crate::Error;
use crate::line::{Fate, element, set, watch};

/// Units that may wait inside; more means that one of the two inputs has dried up.
const MAX_WAITING: u64 = 64;
/// Seven packets of 188 bytes fill one SRT packet (libsrt's live mode, payload 1,316).
const PACKETS: &str = "7";

/// One transport stream, from the first key picture on.
pub(super) struct Mux {
    pipeline: gst::Pipeline,
    pictures: gst_app::AppSrc,
    sound: Option<gst_app::AppSrc>,
    fate: Arc<Fate>,
    begin: MediaTime,
    /// The programme's time that stands for `begin`.
    zero: Option<MediaTime>,
    /// The first key picture.
    start: Option<MediaTime>,
    flow: Flow,
    /// None while sound is waited for; otherwise whether it has come again since it was given up.
    given_up: Option<bool>,
}

/// Whether what goes in comes out.
#[derive(Default)]
struct Flow {
    /// Packets that came out.
    out: Arc<AtomicU64>,
    seen: u64,
    /// When the first unit came after the last packet.
    since: Option<Instant>,
}

/// Which input the other one waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    Pictures,
    Sound,
}

impl Mux {
    /// `on_bytes` gets whole packets on the pipeline's own thread. The stream's time begins at `begin`; the 33 bits that the
    /// wire has for it come round every 26.5 hours (ISO/IEC 13818-1, 2.4.3.7), which receivers expect.
    pub(super) fn start(has_audio: bool, begin: MediaTime, mut on_bytes: impl FnMut(gst::Buffer) + Send + 'static) -> Result<Self, Error> {
        let mux = element("mpegtsmux")?;
        set(&mux, "alignment", PACKETS);
        let flow = Flow::default();
        let out = Arc::clone(&flow.out);
        let callbacks = gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                if let Some(buffer) = sample.buffer_owned() {
                    out.fetch_add(1, Ordering::Relaxed);
                    on_bytes(buffer);
                }
                Ok(gst::FlowSuccess::Ok)
            })
            .build();
        let sink = gst_app::AppSink::builder().sync(false).qos(false).enable_last_sample(false).buffer_list(false).callbacks(callbacks).build();
        let h264 = gst::Caps::builder("video/x-h264").field("stream-format", "byte-stream").field("alignment", "au").build();
        let pictures = source(&h264);
        let aac = gst::Caps::builder("audio/mpeg")
            .field("mpegversion", 4)
            .field("stream-format", "adts")
            .field("framed", true)
            .field("rate", 48_000)
            .field("channels", 2)
            .build();
        let sound = has_audio.then(|| source(&aac));

        let pipeline = gst::Pipeline::new();
        let fate = watch(&pipeline);
        pipeline.add_many([pictures.upcast_ref(), &mux, sink.upcast_ref()]).map_err(Error::pipeline("SRT"))?;
        gst::Element::link_many([pictures.upcast_ref(), &mux, sink.upcast_ref()]).map_err(Error::pipeline("SRT"))?;
        if let Some(sound) = &sound {
            pipeline.add(sound).map_err(Error::pipeline("SRT"))?;
            sound.link(&mux).map_err(Error::pipeline("SRT"))?;
        }
        let mux = Self { pipeline, pictures, sound, fate, begin, zero: None, start: None, flow, given_up: None };
        mux.pipeline.set_state(gst::State::Playing).map_err(|error| Error::Pipeline { what: "SRT", detail: error.to_string() })?;
        Ok(mux)
    }

    /// The same anew, with sound again, and with its times where this one's would be.
    pub(super) fn renewed(&self, on_bytes: impl FnMut(gst::Buffer) + Send + 'static) -> Result<Self, Error> {
        let mut anew = Self::start(self.sound.is_some(), self.begin, on_bytes)?;
        anew.zero = self.zero;
        Ok(anew)
    }

    /// Which input has kept the other waiting, and for how long nothing has come out though something went in.
    pub(super) fn lack(&mut self) -> Option<(Lack, Duration)> {
        let since = self.flow.look()?;
        let sound = self.sound.as_ref().filter(|_| self.given_up.is_none())?;
        match (self.pictures.current_level_buffers(), sound.current_level_buffers()) {
            (1.., 0) => Some((Lack::Sound, since.elapsed())),
            (0, 1..) => Some((Lack::Pictures, since.elapsed())),
            _ => None,
        }
    }

    /// Nothing is to come out for now: what went in last may stay.
    pub(super) fn note_pause(&mut self) {
        self.flow.since = None;
    }

    /// Goes on without sound. What the stream says of itself stays, so that receivers need not look anew.
    pub(super) fn give_up_sound(&mut self) -> Result<(), Error> {
        self.flow.since = None;
        self.given_up = Some(false);
        let ended = self.sound.as_ref().map_or(Ok(gst::FlowSuccess::Ok), gst_app::AppSrc::end_of_stream);
        ended.map(|_| ()).map_err(|error| Error::Pipeline { what: "SRT", detail: error.to_string() })
    }

    /// Whether sound has come since it was given up; only another stream can take it.
    pub(super) fn is_sound_back(&self) -> bool {
        self.given_up == Some(true)
    }

    /// Takes a unit; what comes before the first key picture has no place in the stream. Errors are final.
    pub(super) fn push(&mut self, unit: &AccessUnit) -> Result<(), Error> {
        if let Some(detail) = self.fate.error() {
            return Err(Error::Pipeline { what: "SRT", detail });
        }
        match (unit.codec, self.start) {
            (Codec::H264, None) if unit.key => {
                let start = unit.dts.min(unit.pts);
                self.start = Some(start);
                self.zero.get_or_insert(start);
            }
            (Codec::H264, Some(_)) => {}
            (Codec::Aac, Some(start)) if self.sound.is_some() && unit.pts >= start => {}
            _ => return Ok(()),
        }
        if let Some(is_back) = self.given_up.as_mut().filter(|_| unit.codec == Codec::Aac) {
            *is_back = true;
            return Ok(());
        }
        self.flow.since.get_or_insert_with(Instant::now);
        let input = if unit.codec == Codec::Aac { self.sound.as_ref() } else { Some(&self.pictures) };
        let Some(input) = input else { return Ok(()) };
        if input.current_level_buffers() >= MAX_WAITING {
            return Err(Error::Full);
        }
        let bytes = if unit.codec == Codec::Aac { framed(&unit.data) } else { Some(unit.data.clone()) };
        let Some(bytes) = bytes else { return Ok(()) };
        let mut buffer = gst::Buffer::from_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(self.time_of(unit.pts));
            buffer.set_dts(self.time_of(unit.dts));
            if !unit.key && !unit.codec.is_audio() {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        input.push_buffer(buffer).map(|_| ()).map_err(|error| Error::Pipeline { what: "SRT", detail: error.to_string() })
    }

    fn time_of(&self, time: MediaTime) -> gst::ClockTime {
        let since = self.begin + (time - self.zero.unwrap_or(time));
        gst::ClockTime::from_nseconds(u64::try_from(since.nanos()).unwrap_or(0))
    }
}

impl Flow {
    /// Since when nothing has come out though something went in.
    fn look(&mut self) -> Option<Instant> {
        let out = self.out.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.seen, out) != out {
            self.since = None;
        }
        self.since
    }
}

impl Drop for Mux {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            tracing::warn!(%error, "a transport stream's pipeline did not stop");
        }
    }
}

fn source(caps: &gst::Caps) -> gst_app::AppSrc {
    gst_app::AppSrc::builder().caps(caps).format(gst::Format::Time).max_bytes(0).max_buffers(MAX_WAITING).build()
}

/// The programme's AAC-LC, 48 kHz, stereo, behind a header that says so.
fn framed(frame: &[u8]) -> Option<Bytes> {
    let header = adts::Header::write(2, adts::rate_index(48_000)?, 2, frame.len())?;
    Some([&header, frame].concat().into())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tl_base::{Rate, SlotId};
    use tl_frame::ConfigId;

    use crate::line::lock;

    use super::*;

    /// Times are 33 bits of a clock of 90 kHz (ISO/IEC 13818-1, 2.4.3.7).
    const ROUND: u64 = 1 << 33;

    /// A picture's time as it stands on the wire: in a PES packet of a video stream that begins in this packet.
    fn time_in(packet: &[u8]) -> Option<u64> {
        let starts = packet[1] & 0x40 != 0;
        let skip = if packet[3] & 0x20 != 0 { 5 + usize::from(packet[4]) } else { 4 };
        let pes = packet.get(skip..).filter(|pes| starts && pes.starts_with(&[0, 0, 1]) && pes[3] & 0xf0 == 0xe0 && pes[7] & 0x80 != 0)?;
        let [a, b, c, d, e] = [pes[9], pes[10], pes[11], pes[12], pes[13]].map(u64::from);
        Some((a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1)
    }

    fn unit(codec: Codec, at: MediaTime, key: bool, data: Vec<u8>) -> AccessUnit {
        AccessUnit { source: SlotId(0), codec, config_id: ConfigId(0), capture: at, pts: at, dts: at, arrival: at, key, data: data.into() }
    }

    fn picture(number: u64, key: bool) -> AccessUnit {
        let sets = [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0xda, 0x02, 0x80, 0xf6, 0x84, 0, 0, 3, 0, 4, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80];
        let picture = [&[0, 0, 0, 1, if key { 0x65 } else { 0x41 }][..], &[0x88; 2_000]].concat();
        unit(Codec::H264, Rate::FPS_30.tick_start(number), key, if key { [&sets[..], &picture].concat() } else { picture })
    }

    /// A frame of AAC, of which the mux reads no byte.
    fn frame(number: i64) -> AccessUnit {
        unit(Codec::Aac, MediaTime::from_samples(1_024 * number), true, vec![0x21; 300])
    }

    /// Times on the wire of a second of pictures of a stream that begins at `begin`.
    fn times(begin: MediaTime) -> Vec<u64> {
        crate::init().expect("a library");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&seen);
        let on_bytes = move |buffer: gst::Buffer| {
            let bytes = buffer.map_readable().expect("readable");
            lock(&into).extend(bytes.chunks_exact(188).filter_map(time_in));
        };
        let mut mux = Mux::start(false, begin, on_bytes).expect("a mux");
        for number in 0..30 {
            mux.push(&picture(number, number == 0)).expect("taken");
        }
        let deadline = Instant::now() + std::time::Duration::from_secs(10);
        while lock(&seen).len() < 25 {
            assert!(Instant::now() < deadline, "{} times", lock(&seen).len());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        drop(mux);
        lock(&seen).clone()
    }

    /// A thirtieth of a second is no whole number of nanoseconds.
    fn are_even(times: &[u64]) -> bool {
        times.windows(2).all(|pair| ((pair[1] + ROUND - pair[0]) % ROUND).abs_diff(3_000) <= 1)
    }

    #[test]
    fn times_on_the_wire_come_round_without_a_step() {
        let from_zero = times(MediaTime::ZERO);
        assert!(are_even(&from_zero), "{from_zero:?}");
        // The element adds a beginning of its own.
        let begin = |ticks: u64| MediaTime(i64::try_from(ticks * 100_000 / 9).expect("fits"));
        let round = times(begin(ROUND - from_zero[0] - 30_000));
        assert!(are_even(&round) && round.windows(2).any(|pair| pair[1] < pair[0]), "{round:?}");
        let two_days = times(begin(48 * 3_600 * 90_000));
        assert!(are_even(&two_days), "{two_days:?}");
        assert_eq!(two_days[0], (from_zero[0] + 48 * 3_600 * 90_000) % ROUND);
    }
    #[track_caller]
    fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !done() {
            assert!(Instant::now() < deadline, "waited for {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sound that stops, or never came, holds the pictures up until it is given up; when it comes again both go on.
    #[test]
    fn pictures_go_on_without_sound_that_has_stopped() {
        for heard in [0, 20] {
            crate::init().expect("a library");
            let seen = Arc::new(Mutex::new(Vec::new()));
            let on_bytes = || {
                let into = Arc::clone(&seen);
                move |buffer: gst::Buffer| {
                    let bytes = buffer.map_readable().expect("readable");
                    lock(&into).extend(bytes.chunks_exact(188).filter_map(time_in));
                }
            };
            let mut mux = Mux::start(true, MediaTime::ZERO, on_bytes()).expect("a mux");
            mux.push(&picture(0, true)).expect("taken");
            for number in 0..heard {
                mux.push(&frame(number)).expect("taken");
            }
            let mut next = 1;
            wait_until("the lack", || {
                if next < 60 {
                    mux.push(&picture(next, false)).expect("taken");
                    next += 1;
                }
                matches!(mux.lack(), Some((Lack::Sound, waited)) if waited > Duration::from_millis(100))
            });
            assert!(lock(&seen).len() < 20, "{}", lock(&seen).len());
            mux.give_up_sound().expect("given up");
            wait_until("the pictures", || lock(&seen).len() as u64 >= next - 1);
            assert_eq!((mux.lack(), mux.is_sound_back()), (None, false));
            mux.push(&frame(90)).expect("let go");
            assert!(mux.is_sound_back());
            let renewed = mux.renewed(on_bytes()).expect("a mux");
            drop(std::mem::replace(&mut mux, renewed));
            let before = lock(&seen).len();
            for number in 60..75 {
                mux.push(&picture(number, number == 60)).expect("taken");
                mux.push(&frame(94 + (number as i64 - 60) * 2)).expect("taken");
            }
            wait_until("more pictures", || lock(&seen).len() > before + 5);
            // Its times go on where those of the first would be.
            let times = lock(&seen).clone();
            let since = (times[before] + ROUND - times[0]) % ROUND;
            assert!(since.abs_diff(60 * 3_000) <= 3_000, "{since}");
        }
    }
}
