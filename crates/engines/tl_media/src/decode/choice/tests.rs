//! Devices that are believed, found out, and replaced in mid-stream. No machine of the tests has one: elements of the test stand
//! for them, which decode by software until they are told to fail.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;

use bytes::Bytes;

use tl_base::{MediaTime, SlotId};
use tl_frame::{AccessUnit, ConfigId, Frame};

use super::*;
use crate::VideoDecoder;
use crate::decode::Video;

const WORKS: u8 = 0;
/// Takes everything and gives nothing, like a driver that hangs.
const HANGS: u8 = 1;
/// Ends with an error, like a device that was pulled out.
const FAILS: u8 = 2;
/// Holds up whoever calls it, the end of its line too.
const BLOCKS: u8 = 3;

/// A bin with an H.264 decoder in it that calls itself hardware.
macro_rules! device {
    ($module:ident, $type_name:literal) => {
        mod $module {
            use std::sync::atomic::{AtomicU8, Ordering};

            use gst::glib;
            use gst::prelude::*;
            use gst::subclass::prelude::*;

            pub static MOOD: AtomicU8 = AtomicU8::new(super::WORKS);

            #[derive(Debug, Default)]
            pub struct Device;

            #[glib::object_subclass]
            impl ObjectSubclass for Device {
                const NAME: &'static str = $type_name;
                type Type = super::$module::Object;
                type ParentType = gst::Bin;
            }

            impl ObjectImpl for Device {
                fn constructed(&self) {
                    self.parent_constructed();
                    let decoder = super::make("avdec_h264").expect("a decoder");
                    self.obj().add(&decoder).expect("room");
                    for name in ["sink", "src"] {
                        let inner = decoder.static_pad(name).expect("a pad");
                        self.obj().add_pad(&gst::GhostPad::builder_with_target(&inner).expect("a pad").name(name).build()).expect("room");
                    }
                    let me = self.obj().downgrade();
                    decoder.static_pad("sink").expect("a pad").add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                        match MOOD.load(Ordering::Relaxed) {
                            super::WORKS => return gst::PadProbeReturn::Ok,
                            super::FAILS => {
                                let device = me.upgrade().expect("a device");
                                gst::element_error!(device, gst::ResourceError::Failed, ["pulled out"]);
                            }
                            super::BLOCKS => {
                                while MOOD.load(Ordering::Relaxed) == super::BLOCKS {
                                    std::thread::park_timeout(super::Duration::from_millis(5));
                                }
                            }
                            _ => {}
                        }
                        gst::PadProbeReturn::Drop
                    });
                }
            }

            impl GstObjectImpl for Device {}

            impl ElementImpl for Device {
                fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
                    static FOUND: std::sync::LazyLock<gst::subclass::ElementMetadata> = std::sync::LazyLock::new(|| {
                        gst::subclass::ElementMetadata::new("Test device", "Codec/Decoder/Video/Hardware", "A device", "Touchline")
                    });
                    Some(&*FOUND)
                }

                fn pad_templates() -> &'static [gst::PadTemplate] {
                    static FOUND: std::sync::LazyLock<Vec<gst::PadTemplate>> = std::sync::LazyLock::new(|| {
                        let pad =
                            |name, direction, caps: &gst::Caps| gst::PadTemplate::new(name, direction, gst::PadPresence::Always, caps).expect("a template");
                        let (taken, given) = (gst::Caps::new_empty_simple("video/x-h264"), gst::Caps::new_empty_simple("video/x-raw"));
                        vec![pad("sink", gst::PadDirection::Sink, &taken), pad("src", gst::PadDirection::Src, &given)]
                    });
                    FOUND.as_ref()
                }
            }

            impl BinImpl for Device {}

            glib::wrapper! {
                pub struct Object(ObjectSubclass<Device>) @extends gst::Bin, gst::Element, gst::Object;
            }
        }
    };
}

device!(sound_device, "TouchlineSoundDevice");
device!(dead_device, "TouchlineDeadDevice");

const SOUND: &str = "tlsounddec";
const DEAD: &str = "tldeaddec";

/// A key picture and what follows it, again and again.
fn stream() -> impl Iterator<Item = AccessUnit> {
    let clip: Vec<Bytes> =
        CLIPS.iter().find(|(codec, _)| *codec == Codec::H264).map(|(_, clip)| units(clip).map(Bytes::from_static).collect()).expect("a clip");
    let length = clip.len();
    clip.into_iter().cycle().enumerate().map(move |(at, data)| {
        let time = MediaTime::from_millis(33 * at as i64);
        let key = at % length == 0;
        AccessUnit { source: SlotId(1), codec: Codec::H264, config_id: ConfigId(0), capture: time, pts: time, dts: time, arrival: time, key, data }
    })
}

fn decoder() -> (VideoDecoder, mpsc::Receiver<Frame>) {
    let (sender, frames) = mpsc::sync_channel(1_024);
    let config = Video { source: SlotId(1), codec: Codec::H264, max_queue: 64 };
    (VideoDecoder::new(config, move |frame| sender.send(frame).expect("the test listens")).expect("a decoder"), frames)
}

/// Pushes units until so many pictures came from a decoder with this name, at most half a minute.
fn push_until(decoder: &VideoDecoder, frames: &mpsc::Receiver<Frame>, stream: &mut impl Iterator<Item = AccessUnit>, name: &str, pictures: u64) {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    let mut seen = 0;
    while seen < pictures {
        assert!(std::time::Instant::now() < deadline, "no pictures by {name}: {:?}", decoder.stats());
        // One that fails in this very moment refuses the unit.
        decoder.push(stream.next().expect("endless")).ok();
        if frames.recv_timeout(Duration::from_millis(40)).is_ok() && decoder.stats().decoder == name {
            seen += 1;
        }
    }
}

#[test]
fn a_device_is_used_once_it_proved_itself_and_software_takes_its_stream_over() {
    init().expect("the library");
    gst::Element::register(None, SOUND, gst::Rank::SECONDARY, <sound_device::Object as gst::glib::types::StaticType>::static_type()).expect("registered");
    gst::Element::register(None, DEAD, gst::Rank::PRIMARY, <dead_device::Object as gst::glib::types::StaticType>::static_type()).expect("registered");
    dead_device::MOOD.store(HANGS, Ordering::Relaxed);
    let (early, frames) = decoder();
    let (_, software) = (candidates(Codec::H264), "avdec_h264");
    push_until(&early, &frames, &mut stream(), software, 4);

    let found = decoders();
    let of = |name: &str| found.iter().find(|info| info.name == name).map(|info| (info.codec, info.hardware, info.works));
    assert_eq!((of(DEAD), of(SOUND)), (Some((Codec::H264, true, false)), Some((Codec::H264, true, true))), "{found:?}");
    assert!(of(software).is_some_and(|(_, hardware, works)| !hardware && works));

    let mood = |mood: u8, of: &AtomicU8| of.store(mood, Ordering::Relaxed);
    for trouble in [FAILS, HANGS] {
        mood(WORKS, &sound_device::MOOD);
        let ((hit, hit_frames), (other, other_frames)) = (decoder(), decoder());
        let (mut hit_units, mut other_units) = (stream(), stream());
        push_until(&hit, &hit_frames, &mut hit_units, SOUND, 6);
        push_until(&other, &other_frames, &mut other_units, SOUND, 6);
        mood(trouble, &sound_device::MOOD);
        push_until(&hit, &hit_frames, &mut hit_units, software, 6);
        let stats = hit.stats();
        assert_eq!((stats.decoder, stats.fallbacks), (software, 1), "{trouble}: {stats:?}");
        // Another stream's device is its own affair, and a stream that left its device does not go back.
        mood(WORKS, &sound_device::MOOD);
        push_until(&other, &other_frames, &mut other_units, SOUND, 6);
        push_until(&hit, &hit_frames, &mut hit_units, software, 6);
        assert_eq!((other.stats().decoder, other.stats().fallbacks, hit.stats().fallbacks), (SOUND, 0, 1), "{trouble}");
    }

    // A driver that never comes back holds up nobody: neither who drops the decoder at once, nor who waited for software.
    mood(WORKS, &sound_device::MOOD);
    let ((hung, hung_frames), (left, left_frames)) = (decoder(), decoder());
    let (mut hung_units, mut left_units) = (stream(), stream());
    push_until(&hung, &hung_frames, &mut hung_units, SOUND, 6);
    push_until(&left, &left_frames, &mut left_units, SOUND, 6);
    mood(BLOCKS, &sound_device::MOOD);
    left.push(left_units.next().expect("endless")).ok();
    push_until(&hung, &hung_frames, &mut hung_units, software, 6);
    let (done, dropped) = mpsc::sync_channel(1);
    let dropping = std::thread::spawn(move || {
        drop((hung, left));
        done.send(()).expect("the test listens");
    });
    assert!(dropped.recv_timeout(Duration::from_secs(30)).is_ok(), "dropping waits for a device that hangs");
    dropping.join().expect("dropped");
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while candidates(Codec::H264).iter().any(|candidate| candidate.hardware) {
        assert!(std::time::Instant::now() < deadline, "a device that hangs is taken for new streams");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    mood(WORKS, &sound_device::MOOD);
    while !candidates(Codec::H264).iter().any(|candidate| candidate.hardware) {
        assert!(std::time::Instant::now() < deadline, "a device that came back is not taken again");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
