//! Cameras and microphones of this machine, found and opened by GStreamer's device monitor: v4l2, ALSA and PulseAudio on
//! Linux, their kin elsewhere.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gst::prelude::*;
use serde::Serialize;

use tl_base::{MediaClock, MediaTime, Rate, Size, SourceStats};

use crate::input::branch::{self, Branch};
use crate::input::outlet::{Encoded, Outlet};
use crate::input::timeline::Stamp;
use crate::input::wake::{End, Wake};
use crate::input::watched::{Watched, sample_sink};
use crate::line::{element, set};
use crate::{Error, init};

/// No media for so long is a hang.
const HANG: Duration = Duration::from_secs(5);
/// Statistics are told this often.
const TICK: Duration = Duration::from_secs(1);
/// The id that means the system's own choice of microphone.
const DEFAULT: &str = "default";
/// Modes listed of one device.
const MAX_MODES: usize = 24;

/// What a device gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

/// A camera or microphone of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// What [`Kind::Device`](crate::input::Kind::Device) takes; the same after a restart.
    pub id: String,
    /// Its name for people.
    pub label: String,
    /// What it gives.
    pub kind: DeviceKind,
    /// Its forms in short, such as `1280x720 30 jpeg`; the first of many.
    pub modes: Vec<String>,
}

/// The cameras and microphones that this machine has now; takes a moment.
pub fn devices() -> Result<Vec<Device>, Error> {
    let found = probe(None)?;
    Ok(found.iter().map(describe).collect())
}

/// Plays the devices, until they end.
pub(super) fn attempt(video: Option<&str>, audio: Option<&str>, size: Size, rate: Rate, wake: &Arc<Wake>, outlet: &Arc<Outlet>) -> Result<End, Error> {
    let mut sources = Vec::new();
    if let Some(id) = video {
        sources.extend(open_video(id, size, rate)?);
    }
    if let Some(id) = audio {
        sources.push(open_audio(id)?);
    }
    play(sources, wake, outlet)
}

/// A source and what its stream runs through.
pub(super) struct Opened {
    pub(super) source: gst::Element,
    /// Which of its forms to take.
    pub(super) form: Option<gst::Caps>,
    pub(super) branch: Branch,
}

/// Plays opened sources, until one ends.
pub(super) fn play(sources: Vec<Opened>, wake: &Arc<Wake>, outlet: &Arc<Outlet>) -> Result<End, Error> {
    let pipeline = gst::Pipeline::new();
    // A sound card's clock would drift away from the studio's; the system's does not.
    let system = gst::SystemClock::obtain();
    pipeline.use_clock(Some(&system));
    for opened in sources {
        add(&pipeline, opened, &system, outlet)?;
    }
    let running = Watched::new(pipeline, wake, End::Lost("the device ended".to_owned()), |_| End::Lost("the device failed or is in use".to_owned()));
    running.play(wake, "the device");
    let end = loop {
        if let Some(end) = wake.wait(TICK) {
            break end;
        }
        if outlet.idle() > HANG {
            break End::Lost("no media for 5 s".to_owned());
        }
        outlet.report(SourceStats::default());
    };
    drop(running);
    Ok(end)
}

fn add(pipeline: &gst::Pipeline, opened: Opened, system: &gst::Clock, outlet: &Arc<Outlet>) -> Result<(), Error> {
    let Opened { source, form, branch } = opened;
    set(&source, "provide-clock", "false");
    set(&source, "do-timestamp", "true");
    set(&source, "buffer-time", "100000");
    set(&source, "latency-time", "10000");
    let (codec, delay, out) = (branch.codec, branch.delay, Arc::clone(outlet));
    let (clock, system, weak) = (outlet.clock(), system.clone(), pipeline.downgrade());
    let sink = sample_sink(branch.caps.as_ref(), move |sample| {
        let base = weak.upgrade().and_then(|pipeline| pipeline.base_time());
        let Some((data, pts, key)) = piece(&sample) else { return out.note_dropped() };
        let capture = base.map_or_else(|| clock.now(), |base| capture_of(clock, &system, base + pts)) - delay;
        out.push(Encoded { codec, data, stamp: Stamp::Known { capture }, key });
    });
    let mut elements = vec![source];
    if let Some(form) = form {
        let filter = element("capsfilter")?;
        filter.set_property("caps", form);
        elements.push(filter);
    }
    // Devices must not wait for an encoder.
    let queue = element("queue")?;
    for (name, value) in [("max-size-buffers", "30"), ("max-size-bytes", "0"), ("max-size-time", "0"), ("leaky", "downstream")] {
        set(&queue, name, value);
    }
    elements.push(queue);
    elements.extend(branch.elements);
    elements.push(sink);
    pipeline.add_many(&elements).and_then(|()| gst::Element::link_many(&elements)).map_err(Error::pipeline("device"))
}

/// The studio's time at which the system's clock showed `at`.
fn capture_of(clock: MediaClock, system: &gst::Clock, at: gst::ClockTime) -> MediaTime {
    let ago = system.time().nseconds() as i128 - i128::from(at.nseconds());
    clock.now() - MediaTime(i64::try_from(ago).unwrap_or_default())
}

/// Bytes, place on the pipeline's time, and whether decoding may start here.
fn piece(sample: &gst::Sample) -> Option<(Bytes, gst::ClockTime, bool)> {
    let buffer = sample.buffer_owned()?;
    let segment = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
    let pts = buffer.pts()?;
    let at = segment.and_then(|segment| segment.to_running_time(pts)).unwrap_or(pts);
    let key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
    Some((Bytes::from_owner(buffer.into_mapped_buffer_readable().ok()?), at, key))
}

fn open_audio(id: &str) -> Result<Opened, Error> {
    let source = if id == DEFAULT { element("autoaudiosrc")? } else { open(id, DeviceKind::Audio)?.0 };
    let form = gst::Caps::new_empty_simple("audio/x-raw");
    let branch = branch::of_stream(&form).ok_or_else(|| Error::Unsupported("PCM".to_owned()))??;
    Ok(Opened { source, form: None, branch })
}

fn open_video(id: &str, size: Size, rate: Rate) -> Result<Option<Opened>, Error> {
    let (source, caps) = open(id, DeviceKind::Video)?;
    let form = best_form(&caps, size, rate).ok_or_else(|| Error::Unsupported("the camera's pictures".to_owned()))?;
    let branch = branch::of_stream(&form).ok_or_else(|| Error::Unsupported("the camera's pictures".to_owned()))??;
    Ok(Some(Opened { source, form: Some(form), branch }))
}

fn open(id: &str, kind: DeviceKind) -> Result<(gst::Element, gst::Caps), Error> {
    let found = probe(Some(kind))?.into_iter().find(|device| id_of(device) == id);
    let device = found.ok_or_else(|| Error::Pipeline { what: "device", detail: format!("{id} is not there") })?;
    let source = device.create_element(None).map_err(Error::pipeline("device"))?;
    Ok((source, device.caps().unwrap_or_else(gst::Caps::new_any)))
}

/// The form nearest to what is wanted; encoded ones first, since they cost neither bus nor processor.
fn best_form(caps: &gst::Caps, size: Size, rate: Rate) -> Option<gst::Caps> {
    let rank = |name: &str| ["video/x-h264", "image/jpeg", "video/x-raw"].iter().position(|known| *known == name);
    let mut forms: Vec<(u64, usize, gst::Caps)> = Vec::new();
    for form in caps.iter() {
        let Some(rank) = rank(form.name().as_str()) else { continue };
        let mut fixed = gst::Caps::builder_full().structure(form.to_owned()).build();
        let Some(structure) = fixed.make_mut().structure_mut(0) else { continue };
        structure.fixate_field_nearest_int("width", i32::try_from(size.width).unwrap_or(1_280));
        structure.fixate_field_nearest_int("height", i32::try_from(size.height).unwrap_or(720));
        structure.fixate_field_nearest_fraction("framerate", gst::Fraction::new(i32::try_from(rate.num).unwrap_or(30), i32::try_from(rate.den).unwrap_or(1)));
        let side = |name: &str| structure.get::<i32>(name).ok().and_then(|side| u64::try_from(side).ok()).unwrap_or_default();
        let fps = structure
            .get::<gst::Fraction>("framerate")
            .ok()
            .filter(|rate| rate.denom() > 0)
            .map_or(0.0, |rate| f64::from(rate.numer()) / f64::from(rate.denom()));
        // A rate that is missed by 10 weighs like a size that is missed by 100 pixels.
        let off = side("width").abs_diff(u64::from(size.width)) + side("height").abs_diff(u64::from(size.height)) + ((fps - rate.as_f64()).abs() * 10.0) as u64;
        forms.push((off, rank, fixed));
    }
    forms.into_iter().min_by_key(|(off, rank, _)| (*off, *rank)).map(|(_, _, caps)| caps)
}

fn probe(kind: Option<DeviceKind>) -> Result<Vec<gst::Device>, Error> {
    init()?;
    let monitor = gst::DeviceMonitor::new();
    for (class, of) in [("Video/Source", DeviceKind::Video), ("Audio/Source", DeviceKind::Audio)] {
        // A class that no provider knows gives no devices.
        if kind.is_none_or(|kind| kind == of) && monitor.add_filter(Some(class), None).is_none() {
            tracing::debug!(class, "no provider of devices");
        }
    }
    if monitor.start().is_err() {
        return Ok(Vec::new());
    }
    let found = monitor.devices().into_iter().collect();
    monitor.stop();
    Ok(found)
}

fn kind_of(device: &gst::Device) -> DeviceKind {
    if device.has_classes("Video") { DeviceKind::Video } else { DeviceKind::Audio }
}

/// What names a device for good: its path or its sound server's name, else its label.
fn id_of(device: &gst::Device) -> String {
    let properties = device.properties();
    let named = ["device.path", "api.v4l2.path", "node.name", "device.strid", "device.id", "unique-id"].iter().find_map(|name| {
        let properties = properties.as_ref()?;
        properties.get::<String>(*name).ok().filter(|id| !id.is_empty())
    });
    // PulseAudio's devices carry their name as the element's `device`.
    let pulse = || {
        let source = device.create_element(None).ok()?;
        source.find_property("device").filter(|property| property.value_type() == gst::glib::Type::STRING)?;
        source.property::<Option<String>>("device").filter(|id| !id.is_empty())
    };
    named.or_else(pulse).unwrap_or_else(|| device.display_name().to_string())
}

fn describe(device: &gst::Device) -> Device {
    let mut modes: Vec<String> = device.caps().map(|caps| caps.iter().map(mode_of).collect()).unwrap_or_default();
    modes.dedup();
    modes.truncate(MAX_MODES);
    Device { id: id_of(device), label: device.display_name().to_string(), kind: kind_of(device), modes }
}

fn mode_of(form: &gst::StructureRef) -> String {
    let name = form.name().as_str().rsplit(['/', '-']).next().unwrap_or_default();
    let field = |name: &str| form.get::<i32>(name).ok();
    let rate = form.get::<gst::Fraction>("framerate").ok().filter(|rate| rate.denom() > 0);
    match (field("width"), field("height"), field("rate"), field("channels")) {
        (Some(width), Some(height), ..) => {
            let fps = rate.map_or_else(String::new, |rate| format!(" {}", rate.numer() / rate.denom()));
            format!("{width}x{height}{fps} {name}")
        }
        (_, _, Some(rate), Some(channels)) => format!("{rate} Hz {channels} ch"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tl_base::SlotId;
    use tl_frame::{Codec, h264};

    use super::*;
    use crate::input::Event;
    use crate::line::lock;

    fn caps(text: &str) -> gst::Caps {
        text.parse().expect("caps")
    }

    #[test]
    fn encoded_forms_and_the_wanted_size_are_preferred() {
        init().expect("the library");
        let offered = caps(
            "video/x-raw,format=YUY2,width=[160,1920],height=[120,1080],framerate=[1/1,30/1];image/jpeg,width=1280,height=720,framerate={60/1,30/1};\
             video/x-h264,width=640,height=480,framerate=30/1",
        );
        let best = |width, height| best_form(&offered, Size::new(width, height), Rate::FPS_30).map(|caps| mode_of(caps.structure(0).expect("one")));
        assert_eq!(best(1_280, 720).as_deref(), Some("1280x720 30 jpeg"));
        assert_eq!(best(640, 480).as_deref(), Some("640x480 30 h264"));
        assert_eq!(best(1_920, 1_080).as_deref(), Some("1920x1080 30 raw"));
        assert!(best_form(&caps("audio/x-raw"), Size::new(640, 480), Rate::FPS_30).is_none());
    }

    /// There is no camera here: the library's own test picture stands for one that gives raw pictures.
    #[test]
    fn raw_pictures_become_h264_with_the_time_they_were_taken() {
        init().expect("the library");
        let form = caps("video/x-raw,format=YUY2,width=320,height=240,framerate=30/1");
        let source = element("videotestsrc").expect("a source");
        source.set_property("is-live", true);
        let branch = branch::of_stream(&form).expect("known").expect("an encoder");
        let (wake, seen) = (Arc::new(Wake::default()), Arc::new(Mutex::new(Vec::new())));
        let (ended, taken) = (Arc::clone(&wake), Arc::clone(&seen));
        let on_event = move |event| {
            if let Event::Unit(unit) = event {
                lock(&taken).push(unit);
                if lock(&taken).len() == 60 {
                    ended.end(End::Ended);
                }
            }
        };
        let outlet = Arc::new(Outlet::new(SlotId(1), MediaClock::starting_at(MediaTime::ZERO), Box::new(on_event)));
        let end = play(vec![Opened { source, form: Some(form), branch }], &wake, &outlet).expect("it plays");
        assert_eq!(end, End::Ended);
        let units = lock(&seen).clone();
        assert!(units[0].key && h264::Parameters::find(&units[0].data).is_some_and(|found| found.size == Size::new(320, 240)));
        for pair in units.windows(2) {
            let step = (pair[1].capture - pair[0].capture).as_millis_f64();
            assert!(pair[1].codec == Codec::H264 && (30.0..37.0).contains(&step) && pair[1].capture <= pair[1].arrival, "{step}");
        }
    }
}
