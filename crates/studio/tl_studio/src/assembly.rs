//! How single engines are set up for a studio.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tl_base::MediaClock;
use tl_base::queue::Sender;
use tl_playlist::Presentation;
use tl_server::Names;

use crate::Error;
use crate::config::Config;
use crate::control::{Shared, Wake};

/// The live playlist of this run. `breaks` is how often the session was broken off before: the newest break stands in front of the
/// first segment, so that viewers of the run before go on.
pub fn presentation(config: &Config, start_msn: u64, breaks: u64) -> Presentation {
    let mut presentation = Presentation::new(playlist_config(config, start_msn, breaks.saturating_sub(1)));
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
pub fn start_rtc(config: &Config, names: &Names, clock: MediaClock, shared: &Arc<Shared>, wakes: &Sender<Wake>) -> Result<tl_rtc::Server, Error> {
    let (shared, wakes) = (Arc::clone(shared), wakes.clone());
    let mut addresses: Vec<IpAddr> = if config.address.is_unspecified() { names.lan_ips() } else { vec![config.address] };
    if config.address.is_unspecified() {
        addresses.push(Ipv4Addr::LOCALHOST.into());
    }
    let server = tl_rtc::Server::start(tl_rtc::Config { addresses, port: config.media_port, clock }, move |event| match event {
        tl_rtc::Event::Media { unit, .. } => {
            if let Some(feed) = shared.feeds.load().get(&unit.source) {
                feed.push(unit);
            }
        }
        // A control loop that is behind loses statistics first; the next ones replace them.
        other => drop(wakes.send(Wake::Rtc(other))),
    })?;
    Ok(server)
}
