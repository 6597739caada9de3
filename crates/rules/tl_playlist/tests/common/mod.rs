//! An encoder that encodes nothing, and a viewer that believes nothing.
#![allow(dead_code, reason = "each test uses its part of this")]

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use tl_base::{MediaTime, Rate, Size, SourceId, Wall};
use tl_frame::{AccessUnit, Codec, ConfigId, h264};
use tl_playlist::conformance::{self, Chunks, Problem};
use tl_playlist::{Answer, Config, Finished, Presentation};

/// x264, 1280x720, High profile, level 3.1.
pub const SPS_720: [u8; 24] =
    [0x67, 0x64, 0x00, 0x1f, 0xac, 0xb4, 0x02, 0x80, 0x2d, 0xd8, 0x08, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x1e, 0x47, 0x8c, 0x19, 0x50];
pub const PPS: [u8; 4] = [0x68, 0xef, 0x0f, 0xcb];
/// A different picture parameter set stands for a new configuration.
pub const OTHER_PPS: [u8; 4] = [0x68, 0xef, 0x0f, 0xcf];

/// Seeded noise.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }
}

pub fn wall_of(pts: MediaTime) -> Wall {
    Wall(1_795_129_440_000_000 + pts.0 / 1_000)
}

fn unit(codec: Codec, pts: MediaTime, key: bool, data: Vec<u8>) -> AccessUnit {
    AccessUnit {
        source: SourceId::parse("1").expect("a slot"),
        codec,
        config_id: ConfigId(0),
        capture: pts,
        pts,
        dts: pts,
        arrival: pts,
        key,
        data: Bytes::from(data),
    }
}

/// Picture `tick` of the grid; a key picture carries its parameter sets.
pub fn picture_with(rate: Rate, tick: u64, key: bool, bytes: usize, pps: &[u8]) -> AccessUnit {
    let mut data = Vec::new();
    if key {
        for set in [&SPS_720[..], pps] {
            data.extend_from_slice(&[0, 0, 0, 1]);
            data.extend_from_slice(set);
        }
    }
    data.extend_from_slice(&[0, 0, 0, 1, if key { 0x65 } else { 0x41 }, 0x88]);
    data.extend((0..bytes).map(|at| (at % 251) as u8 | 1));
    unit(Codec::H264, rate.tick_start(tick), key, data)
}

pub fn picture(rate: Rate, tick: u64, key: bool) -> AccessUnit {
    picture_with(rate, tick, key, 3_000, &PPS)
}

/// Whether an encoder would put a key picture at this tick: the first one at or behind a line of the 2 s grid.
pub fn is_grid(rate: Rate, tick: u64) -> bool {
    let line = |tick: u64| rate.tick_start(tick).to_samples() / 96_000;
    tick == 0 || line(tick) != line(tick - 1)
}

/// AAC frame `index` counted from `start`.
pub fn sound(start: MediaTime, index: u64) -> AccessUnit {
    let pts = MediaTime::from_samples(start.to_samples() + index as i64 * 1_024);
    unit(Codec::Aac, pts, true, vec![0x21; 300])
}

pub fn config() -> Config {
    Config { start_msn: 100, ..Config::new(Rate::FPS_30, Size::new(1280, 720), 3_000_000) }
}

/// What a request gets when it is ready.
pub fn body(presentation: &Presentation, path: &str, query: &str) -> Option<Vec<u8>> {
    match presentation.get(path, query) {
        Answer::Ready(reply) => Some(reply.body.concat()),
        _ => None,
    }
}

pub fn text(presentation: &Presentation, path: &str, query: &str) -> Option<String> {
    body(presentation, path, query).map(|bytes| String::from_utf8(bytes).expect("text"))
}

/// Looks at everything after every push.
pub struct Viewer {
    pub presentation: Presentation,
    pub finished: Vec<Finished>,
    pub most_bytes: u64,
    version: u64,
    before: HashMap<&'static str, String>,
    /// The newest whole segment of each rendition that was checked, to see that the next one continues it.
    checked: HashMap<&'static str, (u64, Vec<u8>)>,
    has_audio: bool,
    /// Whether playlists are known to lag behind the media.
    pub withheld: bool,
    /// Rules that this test breaks on purpose.
    pub tolerates: &'static [&'static str],
}

impl Viewer {
    pub fn new(config: Config) -> Self {
        let has_audio = config.has_audio;
        let presentation = Presentation::new(config);
        Self {
            presentation,
            finished: Vec::new(),
            most_bytes: 0,
            version: 0,
            before: HashMap::new(),
            checked: HashMap::new(),
            has_audio,
            withheld: false,
            tolerates: &[],
        }
    }

    pub fn push(&mut self, unit: &AccessUnit) {
        let wall = wall_of(unit.pts);
        let finished = if unit.codec.is_audio() { self.presentation.push_audio(unit, wall) } else { self.presentation.push_video(unit, wall) };
        self.after(finished);
    }

    pub fn after(&mut self, finished: Vec<Finished>) {
        self.look();
        let withheld = self.withheld;
        if withheld {
            self.checked.clear();
        }
        for segment in finished.iter().filter(|_| !withheld) {
            self.segment(segment);
        }
        self.finished.extend(finished);
    }

    fn names(&self) -> &'static [&'static str] {
        if self.has_audio { &["v0/media.m3u8", "a0/media.m3u8"] } else { &["v0/media.m3u8"] }
    }

    /// Playlists as they are now, against themselves, each other and what they were.
    pub fn look(&mut self) {
        self.most_bytes = self.most_bytes.max(self.presentation.held_bytes());
        if self.presentation.version() == self.version {
            return;
        }
        self.version = self.presentation.version();
        let mut now = Vec::new();
        for &path in self.names() {
            let Some(full) = text(&self.presentation, path, "") else { continue };
            none(&self.unexpected(conformance::media(&full)), &full);
            let delta = text(&self.presentation, path, "_HLS_skip=YES").expect("as ready as the full one");
            none(&conformance::delta(&full, &delta), &delta);
            if let Some(before) = self.before.insert(path, full.clone()) {
                let problems = self.unexpected(conformance::change(&before, &full));
                none(&problems, &format!("{before}\n--- then ---\n{full}"));
            }
            now.push((path, full));
        }
        if now.len() == self.names().len() {
            let borrowed: Vec<_> = now.iter().map(|(path, full)| (*path, full.as_str())).collect();
            none(&conformance::renditions(&borrowed), &format!("{now:#?}"));
            let live = text(&self.presentation, "live.m3u8", "").expect("both renditions are ready");
            none(&conformance::multivariant(&live), &live);
        }
    }

    fn unexpected(&self, mut problems: Vec<Problem>) -> Vec<Problem> {
        problems.retain(|problem| !self.tolerates.contains(&problem.rule));
        problems
    }

    fn segment(&mut self, finished: &Finished) {
        let Some((folder, name)) = finished.name.split_once('/') else { panic!("{}", finished.name) };
        let Some(msn) = name.strip_prefix('s').and_then(|rest| rest.strip_suffix(".m4s")).map(|msn| msn.parse::<u64>().expect("number")) else {
            assert_eq!(body(&self.presentation, &finished.name, ""), Some(finished.body.concat()));
            return;
        };
        let path = if folder == "v0" { "v0/media.m3u8" } else { "a0/media.m3u8" };
        let playlist = text(&self.presentation, path, "").expect("a whole segment is there");
        let map = map_of(&playlist, name);
        let init = body(&self.presentation, &format!("{folder}/{map}"), "").expect("init");
        let whole = finished.body.concat();
        assert_eq!(body(&self.presentation, &finished.name, "").as_ref(), Some(&whole));
        let parts: Vec<Vec<u8>> = (0..).map_while(|part| body(&self.presentation, &format!("{folder}/s{msn}.p{part}.m4s"), "")).collect();
        let before = self.checked.insert(path, (msn, whole.clone()));
        let borrowed: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let this = Chunks { uri: name, whole: &whole, parts: &borrowed };
        let mut chunks = Vec::new();
        let before_name = format!("s{}.m4s", msn - 1);
        if let Some((before_msn, before_whole)) = &before {
            for missing in before_msn + 1..msn {
                let lines = playlist.lines().collect::<Vec<_>>();
                let listed = lines.windows(3).any(|three| three[0] == "#EXT-X-GAP" && three[2] == format!("s{missing}.m4s"));
                assert!(listed || !playlist.contains(&format!("\ns{missing}.m4s")), "{path} lost {missing}\n{playlist}");
            }
            if before_msn + 1 == msn {
                chunks.push(Chunks { uri: &before_name, whole: before_whole, parts: &[] });
            }
        }
        chunks.push(this);
        none(&conformance::segments(&playlist, &init, &chunks), &playlist);
        if folder == "a0"
            && let Some((video_msn, video)) = self.checked.get("v0/media.m3u8").filter(|(video, _)| *video == msn)
        {
            let video_playlist = text(&self.presentation, "v0/media.m3u8", "").expect("there");
            let map = map_of(&video_playlist, &format!("s{video_msn}.m4s"));
            let video_init = body(&self.presentation, &format!("v0/{map}"), "").expect("init");
            none(&conformance::aligned((&video_init, video), (&init, &whole), 1_024.0 / 48_000.0), name);
        }
    }
}

/// The initialisation segment in force at a segment.
fn map_of(playlist: &str, name: &str) -> String {
    let mut map = String::new();
    for line in playlist.lines() {
        if let Some(uri) = line.strip_prefix("#EXT-X-MAP:URI=\"") {
            map = uri.trim_end_matches('"').to_owned();
        }
        if line == name {
            return map;
        }
    }
    panic!("{name} is not in\n{playlist}");
}

pub fn none(problems: &[Problem], context: &str) {
    let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}\n{context}", list.join("\n"));
}

/// The durations of whole segments in a playlist, seconds.
pub fn durations(playlist: &str) -> Vec<f64> {
    playlist.lines().filter_map(|line| line.strip_prefix("#EXTINF:")?.trim_end_matches(',').parse().ok()).collect()
}

/// Real pictures, one access unit each.
pub fn real_pictures(folder: &Path) -> Vec<Vec<u8>> {
    let arguments = "-v error -y -f lavfi -i testsrc2=size=320x180:rate=30:duration=5 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -bf 0 -g 60 -sc_threshold 0 -bsf:v h264_mp4toannexb,h264_metadata=aud=insert -f h264 out.h264";
    let made = Command::new("ffmpeg").current_dir(folder).args(arguments.split(' ')).status().expect("ffmpeg runs");
    assert!(made.success());
    let stream = std::fs::read(folder.join("out.h264")).expect("stream");
    let mut units: Vec<Vec<u8>> = Vec::new();
    for nal in h264::nals(&stream) {
        if h264::kind(nal) == h264::AUD {
            units.push(Vec::new());
        }
        let unit = units.last_mut().expect("a delimiter in front");
        unit.extend_from_slice(&[0, 0, 0, 1]);
        unit.extend_from_slice(nal);
    }
    units
}
