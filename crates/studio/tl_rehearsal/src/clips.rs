//! The cached material of a rehearsal: each camera's loop drawn and encoded once, and kept.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use serde_json::json;
use tl_base::Protocol;
use tl_frame::{AccessUnit, Codec, Frame};
use tl_media::file::ClipWriter;

use crate::rink::{self, FRAMES, POSITIONS, Painter, Position, RATE, SIZE, Scout};
use crate::{Error, forms, sound};

/// Rises when a clip of the same seed looks or sounds different.
const LOOK: u32 = 1;
/// Bits a second of a clip's pictures.
const BITRATE_BPS: u32 = 3_000_000;
/// Pictures from one key picture to the next.
pub(crate) const KEY_EVERY: u32 = 30;
/// Pictures of the black and the frozen variant.
const VARIANT_FRAMES: u32 = 60;
/// The most cameras: one for each position.
const MAX_CAMERAS: usize = POSITIONS.len();
/// No Opus packet is longer (RFC 6716, section 3.4).
const MAX_PACKET_BYTES: usize = 1_275 * 6;
/// Samples of each channel in an Opus packet of the loop.
const OPUS_SAMPLES: u32 = 960;

/// What is to be drawn.
#[derive(Clone, Debug)]
pub struct ClipOptions {
    /// Of the game.
    pub seed: u64,
    /// 1 to 8.
    pub cameras: usize,
    /// Where clips are kept; none: `touchline/rehearsal` in the user's cache folder.
    pub cache: Option<PathBuf>,
    /// How the cameras will be sent, one each, repeated when shorter: some ways need another form of the clip, made beside it.
    pub protocols: Vec<Protocol>,
}

impl Default for ClipOptions {
    fn default() -> Self {
        Self { seed: 1, cameras: 4, cache: None, protocols: vec![Protocol::Webrtc] }
    }
}

/// How far it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// What is being done.
    pub what: String,
    /// 0 to 1.
    pub share: f64,
}

/// All clips of a game.
#[derive(Clone, Debug)]
pub struct ClipSet {
    /// Of the game.
    pub seed: u64,
    /// Where they lie.
    pub folder: PathBuf,
    /// In the order of [`POSITIONS`].
    pub cameras: Vec<Clip>,
}

/// One camera's files.
#[derive(Clone, Debug)]
pub struct Clip {
    /// Counted from 1, as in the time code.
    pub camera: u8,
    /// Where it stands.
    pub position: Position,
    /// The loop: 300 pictures, 1280x720 at 30 a second, H.264 in MP4, a key picture every second.
    pub video: PathBuf,
    /// A covered lens, two seconds.
    pub black: PathBuf,
    /// The loop's first picture held for two seconds.
    pub frozen: PathBuf,
    /// The loop's sound: Opus packets of 20 ms, each after its length in two bytes, big-endian.
    pub sound: PathBuf,
    /// What each picture truly shows, JSON lines.
    pub truth: PathBuf,
    /// The loop's sound four times: raw AAC frames of 1,024 samples, each after its length in two bytes. Made where a protocol needs it.
    pub aac: PathBuf,
    /// The loop, a black and a frozen picture as JPEG, each after its length in four bytes. Made where a protocol needs it.
    pub jpeg: PathBuf,
    /// The loop with its sound in one MP4. Made where a protocol needs it.
    pub film: PathBuf,
}

/// A loop of sound in memory.
#[derive(Clone, Debug)]
pub(crate) struct Sound {
    pub(crate) codec: Codec,
    /// Samples of each channel in a packet.
    pub(crate) packet_samples: u32,
    /// Whole rounds of the game's loop; empty: no sound.
    pub(crate) packets: Vec<Bytes>,
}

/// A clip in memory, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) video: Vec<AccessUnit>,
    pub(crate) black: Vec<AccessUnit>,
    pub(crate) frozen: Vec<AccessUnit>,
    pub(crate) sound: Sound,
}

/// Draws and encodes what the cache lacks. `progress` is called from several threads.
pub fn clips(options: &ClipOptions, progress: &(dyn Fn(Progress) + Sync)) -> Result<ClipSet, Error> {
    if options.cameras == 0 || options.cameras > MAX_CAMERAS {
        return Err(Error::Invalid(format!("{} cameras: 1 to {MAX_CAMERAS} can be rehearsed", options.cameras)));
    }
    let base = options.cache.clone().or_else(cache_folder).ok_or_else(|| Error::Invalid("no cache folder: set XDG_CACHE_HOME or HOME".into()))?;
    let folder = base.join(format!("{}.{LOOK}-{}-{}x{}", env!("CARGO_PKG_VERSION"), options.seed, SIZE.width, SIZE.height));
    std::fs::create_dir_all(&folder).map_err(Error::file("cannot make the clip folder", &folder))?;
    let cameras: Vec<Clip> = POSITIONS.iter().take(options.cameras).zip(1_u8..).map(|(position, camera)| Clip::new(&folder, camera, *position)).collect();
    let missing: Vec<&Clip> = cameras.iter().filter(|clip| !clip.is_whole()).collect();
    if !missing.is_empty() {
        make_all(options.seed, &missing, progress)?;
    }
    let pairs = cameras.iter().cycle().zip(options.protocols.iter().cycle()).take(cameras.len().max(options.protocols.len()));
    let mut forms: Vec<(&Clip, Form)> = Vec::new();
    for (clip, form) in pairs.filter_map(|(clip, protocol)| Some((clip, Form::of(*protocol)?))) {
        if !is_there(clip.form(form)) && !forms.iter().any(|(known, other)| known.camera == clip.camera && *other == form) {
            forms.push((clip, form));
        }
    }
    if !forms.is_empty() {
        make_forms(options.seed, &forms, progress)?;
    }
    progress(Progress { what: "rehearsal clips".into(), share: 1.0 });
    Ok(ClipSet { seed: options.seed, folder, cameras })
}

/// Another form of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Aac,
    Jpeg,
    Film,
}

impl Form {
    fn of(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::Webrtc | Protocol::Device => None,
            Protocol::Rtsp | Protocol::Srt | Protocol::Rtmp | Protocol::Chunks => Some(Self::Aac),
            Protocol::Mjpeg => Some(Self::Jpeg),
            Protocol::File => Some(Self::Film),
        }
    }
}

fn is_there(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.len() > 0)
}

fn make_forms(seed: u64, forms: &[(&Clip, Form)], progress: &(dyn Fn(Progress) + Sync)) -> Result<(), Error> {
    tl_media::init().map_err(Error::media("the media library"))?;
    let done = AtomicUsize::new(0);
    in_parallel(forms.len(), &|index| {
        let Some((clip, form)) = forms.get(index) else { return Ok(()) };
        match form {
            Form::Aac => write_whole(&clip.aac, &forms::aac_loop(&sound::hall(seed, clip.camera))?)?,
            Form::Jpeg => write_whole(&clip.jpeg, &forms::jpeg_loop(clip)?)?,
            Form::Film => write_whole(&clip.film, &forms::film(clip)?)?,
        }
        let share = 0.99 * (done.fetch_add(1, Ordering::Relaxed) + 1) as f64 / forms.len() as f64;
        progress(Progress { what: format!("preparing camera {}", clip.camera), share });
        Ok(())
    })
}

fn cache_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").filter(|path| path.is_absolute()).or_else(|| set("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("touchline").join("rehearsal"))
}

fn make_all(seed: u64, missing: &[&Clip], progress: &(dyn Fn(Progress) + Sync)) -> Result<(), Error> {
    tl_media::init().map_err(Error::media("the media library"))?;
    let drawn = AtomicU64::new(0);
    let total = missing.len() as u64 * u64::from(FRAMES);
    let tick = |camera: u8| {
        let done = drawn.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(15) {
            progress(Progress { what: format!("drawing camera {camera}"), share: 0.99 * done as f64 / total as f64 });
        }
    };
    in_parallel(missing.len(), &|index| missing.get(index).map_or(Ok(()), |clip| clip.make(seed, &|| tick(clip.camera))))
}

/// Two or more workers take one job after the other; the first failure ends all.
fn in_parallel(jobs: usize, work_on: &(dyn Fn(usize) -> Result<(), Error> + Sync)) -> Result<(), Error> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from).min(jobs);
    let next = AtomicUsize::new(0);
    let problem: Mutex<Option<Error>> = Mutex::new(None);
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= jobs {
                return;
            }
            if let Err(error) = work_on(index) {
                let mut problem = problem.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                problem.get_or_insert(error);
                next.store(jobs, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for worker in 1..workers {
            // Without a second worker the first one does it all.
            if let Err(error) = std::thread::Builder::new().name(format!("draw-{worker}")).spawn_scoped(scope, work) {
                tracing::warn!(%error, "clips are drawn by fewer threads");
            }
        }
        work();
    });
    problem.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map_or(Ok(()), Err)
}

impl Clip {
    fn new(folder: &Path, camera: u8, position: Position) -> Self {
        let file = |ending: &str| folder.join(format!("cam{camera}{ending}"));
        Self {
            camera,
            position,
            video: file(".mp4"),
            black: file("-black.mp4"),
            frozen: file("-frozen.mp4"),
            sound: file(".opus"),
            truth: file(".jsonl"),
            aac: file(".aac"),
            jpeg: file(".jpegs"),
            film: file("-film.mp4"),
        }
    }

    fn is_whole(&self) -> bool {
        [&self.video, &self.black, &self.frozen, &self.sound, &self.truth].into_iter().all(|path| is_there(path))
    }

    fn form(&self, form: Form) -> &Path {
        match form {
            Form::Aac => &self.aac,
            Form::Jpeg => &self.jpeg,
            Form::Film => &self.film,
        }
    }

    fn make(&self, seed: u64, tick: &dyn Fn()) -> Result<(), Error> {
        let mut painter = Painter::new(seed, self.camera).ok_or_else(|| Error::Invalid("not enough memory to draw the rink".into()))?;
        let first = painter.frame(0);
        encode(&self.frozen, (0..VARIANT_FRAMES).map(|index| rink::framed_again(&first, index)))?;
        encode(&self.black, (0..VARIANT_FRAMES).map(|index| rink::black(self.camera, index)))?;
        let frames = (0..FRAMES).map(|index| {
            tick();
            painter.frame(index)
        });
        encode(&self.video, frames)?;
        let samples = sound::hall(seed, self.camera);
        write_whole(&self.sound, &opus_loop(&samples)?)?;
        write_whole(&self.truth, &truth_lines(seed, self.camera))
    }

    /// Reads what a protocol sends into memory; nothing where the studio reads for itself.
    pub(crate) fn load(&self, protocol: Protocol) -> Result<Option<Loaded>, Error> {
        let opus = || Ok(Sound { codec: Codec::Opus, packet_samples: OPUS_SAMPLES, packets: read_packets(&self.sound)? });
        let sound = match protocol {
            Protocol::Webrtc => opus()?,
            Protocol::Rtsp | Protocol::Srt | Protocol::Rtmp | Protocol::Chunks => {
                Sound { codec: Codec::Aac, packet_samples: forms::AAC_SAMPLES, packets: read_packets(&self.aac)? }
            }
            Protocol::Mjpeg => return forms::read_jpegs(&self.jpeg).map(Some),
            Protocol::File | Protocol::Device => return Ok(None),
        };
        let read = |path: &Path| tl_media::file::read_access_units(path).map_err(Error::media("a clip cannot be read"));
        Ok(Some(Loaded { video: read(&self.video)?, black: read(&self.black)?, frozen: read(&self.frozen)?, sound }))
    }
}

fn encode(path: &Path, frames: impl Iterator<Item = Frame>) -> Result<(), Error> {
    let mut writer = ClipWriter::new(path, SIZE, RATE, BITRATE_BPS, KEY_EVERY).map_err(Error::media("a clip cannot be encoded"))?;
    for frame in frames {
        writer.push(&frame).map_err(Error::media("a clip cannot be encoded"))?;
    }
    writer.finish().map(|_| ()).map_err(Error::media("a clip cannot be finished"))
}

/// The loop's packets. The encoder hears the loop's last second first, so that the seam is inaudible.
fn opus_loop(samples: &[f32]) -> Result<Vec<u8>, Error> {
    const LEAD_PACKETS: usize = 50;
    let lead = samples.get(samples.len().saturating_sub(LEAD_PACKETS * 960 * 2)..).unwrap_or_default();
    let mut all = lead.to_vec();
    all.extend_from_slice(samples);
    let packets = tl_media::encode_opus(&all).map_err(Error::media("the sound cannot be encoded"))?;
    let wanted = samples.len() / 2 / 960;
    let mut out = Vec::new();
    for packet in packets.iter().skip(LEAD_PACKETS).take(wanted) {
        let length = u16::try_from(packet.len()).map_err(|_| Error::Invalid("an Opus packet of more than 64 KiB".into()))?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(packet);
    }
    Ok(out)
}

/// Packets of sound, each after its length in two bytes.
pub(crate) fn read_packets(path: &Path) -> Result<Vec<Bytes>, Error> {
    let bytes = Bytes::from(std::fs::read(path).map_err(Error::file("cannot read the sound", path))?);
    let mut packets = Vec::new();
    let mut at = 0;
    while let Some(&[high, low]) = bytes.get(at..at + 2) {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let end = at + 2 + length;
        if length == 0 || length > MAX_PACKET_BYTES || end > bytes.len() {
            return Err(Error::Unreadable { path: path.into(), problem: format!("no packet of sound at byte {at}; delete the file to have it made again") });
        }
        packets.push(bytes.slice(at + 2..end));
        at = end;
    }
    Ok(packets)
}

fn truth_lines(seed: u64, camera: u8) -> Vec<u8> {
    let scout = Scout::new(seed, camera);
    let mut out = Vec::new();
    for index in 0..FRAMES {
        let seen = scout.seen(index);
        let line = json!({"camera": camera, "frame": index, "t": f64::from(index) / RATE.as_f64(), "clap": sound::is_clap(index), "puck": seen.puck, "people": seen.people});
        out.extend_from_slice(line.to_string().as_bytes());
        out.push(b'\n');
    }
    out
}

/// Writes a file that is there whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    let write = || {
        let mut file = std::fs::File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&partial, path)
    };
    write().map_err(Error::file("cannot write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_sound_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bad.opus");
        std::fs::write(&path, [0, 3, 1, 2, 3, 0, 9, 1]).expect("written");
        assert!(matches!(read_packets(&path), Err(Error::Unreadable { .. })));
        std::fs::write(&path, [0, 3, 1, 2, 3, 0, 1, 9]).expect("written");
        assert_eq!(read_packets(&path).expect("two packets").len(), 2);
    }

    #[test]
    fn a_number_of_cameras_that_cannot_be_is_refused() {
        for cameras in [0, 9, 1_000] {
            let options = ClipOptions { cameras, ..ClipOptions::default() };
            assert!(matches!(clips(&options, &|_| ()), Err(Error::Invalid(_))));
        }
    }

    #[test]
    fn truth_names_every_picture() {
        let lines = truth_lines(1, 1);
        let text = String::from_utf8(lines).expect("text");
        assert_eq!(text.lines().count(), FRAMES as usize);
        assert_eq!(text.lines().filter(|line| line.contains("\"clap\":true")).count(), 2);
    }
}
