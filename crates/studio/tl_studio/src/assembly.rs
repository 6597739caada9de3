//! How single engines are set up for a studio.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tl_base::MediaClock;
use tl_base::Wall;
use tl_base::queue::Sender;
use tl_playlist::{Notice, Presentation, Progress};
use tl_server::{Names, Streaming, StreamingLog};

use crate::Error;
use crate::config::Config;
use crate::control::{Shared, Wake};
use crate::inputs::holder::Sender as Holding;
use crate::outputs::{Notices, Outputs};

/// The live playlist of this run. `breaks` is how often the session was broken off before: the newest break stands in front of the
/// first segment, so that viewers of the run before go on.
pub fn presentation(config: &Config, start_msn: u64, breaks: u64, resume: Option<tl_playlist::ResumePoint>) -> Presentation {
    let fresh = playlist_config(config, start_msn, breaks.saturating_sub(1));
    if let Some(point) = &resume {
        return Presentation::resumed(fresh, point);
    }
    let mut presentation = Presentation::new(fresh);
    if breaks > 0 && !presentation.discontinuity().is_empty() {
        tl_base::never!("a playlist without segments finished one");
    }
    presentation
}

fn playlist_config(config: &Config, start_msn: u64, discontinuity_sequence: u64) -> tl_playlist::Config {
    tl_playlist::Config {
        rate: config.rate,
        size: config.size,
        segment: config.segment,
        video_part: config.part,
        audio_part_frames: 10,
        window_segments: config.window_segments,
        bandwidth_bps: config.bitrate_bps + config.aac_bitrate_bps,
        has_audio: config.sound,
        start_msn,
        discontinuity_sequence,
    }
}

/// Starts the receiver; pictures and sound go straight to their feeds, everything else to the control loop.
pub fn start_rtc(
    config: &Config,
    names: &Names,
    clock: MediaClock,
    shared: &Arc<Shared>,
    outputs: &Arc<Outputs>,
    wakes: &Sender<Wake>,
) -> Result<tl_rtc::Server, Error> {
    let (shared, outputs, wakes) = (Arc::clone(shared), Arc::downgrade(outputs), wakes.clone());
    let mut addresses: Vec<IpAddr> = if config.address.is_unspecified() { names.lan_ips() } else { vec![config.address] };
    if config.address.is_unspecified() {
        addresses.push(Ipv4Addr::LOCALHOST.into());
    }
    let settings = tl_rtc::Config { addresses, port: config.media_port, clock, max_viewers: config.whep_max };
    let server = tl_rtc::Server::start(settings, move |event| match event {
        tl_rtc::Event::Media { session, unit } => {
            if let Some(feed) = shared.feeds.get(&unit.source) {
                feed.push_from(Holding::of_session(session), unit);
            }
        }
        tl_rtc::Event::KeyWanted => {
            if let Some(outputs) = outputs.upgrade() {
                outputs.ask_key();
            }
        }
        // A control loop that is behind loses statistics first; the next ones replace them.
        other => drop(wakes.send(Wake::Rtc(other))),
    })?;
    Ok(server)
}

/// Tells whoever watches live delivery what happened to it, and the control loop what had to be mended.
pub fn listen_to_delivery(log: &Arc<StreamingLog>, wakes: &Sender<Wake>) -> Notices {
    let (log, wakes) = (Arc::clone(log), wakes.clone());
    Box::new(move |notice| {
        let seconds = |time: tl_base::MediaTime| time.as_secs_f64();
        let what = match notice {
            // A control loop that is behind finds it in the figures.
            Notice::Found(finding) => return drop(wakes.send(Wake::Mended(finding))),
            Notice::SegmentReady { kind, name, msn, duration, bytes, latency } => {
                Streaming::SegmentReady { kind: word(kind), name, msn, seconds: seconds(duration), bytes, latency_ms: latency.map(|time| time.as_millis_f64()) }
            }
            Notice::ManifestUpdated { kind, path, msn, bytes } => Streaming::ManifestUpdated { kind: word(kind), path: path.into(), msn, bytes },
            Notice::ProgressUpdate(Progress { played, segments_ready, segments_failed }) => {
                Streaming::ProgressUpdate { played_s: seconds(played), segments_ready, segments_failed }
            }
            Notice::TranscodeCompleted(Progress { played, segments_ready, segments_failed }) => {
                Streaming::TranscodeCompleted { played_s: seconds(played), segments_ready, segments_failed }
            }
            Notice::TranscodeFailed { kind, reason } => Streaming::TranscodeFailed { kind: word(kind), reason },
        };
        log.push(Wall::now(), what);
    })
}

fn word(kind: tl_playlist::Kind) -> String {
    match kind {
        tl_playlist::Kind::Video => "video".into(),
        tl_playlist::Kind::Audio => "audio".into(),
    }
}
