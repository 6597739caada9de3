//! Attempts, waits, and what is told about them.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use crate::Error;
use crate::input::outlet::Outlet;
use crate::input::wake::{End, Wake};
use crate::input::{Config, Event, Kind, device, file, mjpeg, rtsp, srt, url};
use crate::retry::BackOff;

/// Shortest and longest passphrase of SRT (draft-sharabayko-srt, section 6).
const PASSPHRASE: std::ops::RangeInclusive<usize> = 10..=79;

/// Refuses what no retry mends and takes a port where any will do. Returns where callers call.
pub(super) fn prepare(kind: &mut Kind) -> Result<Option<SocketAddr>, Error> {
    match kind {
        Kind::Rtsp { url, .. } => url::Address::parse(url.expose(), &["rtsp", "rtsps"]).map(|_| None),
        Kind::Mjpeg { url } => url::Address::parse(url.expose(), &["http", "https"]).map(|_| None),
        Kind::Srt { bind, passphrase, .. } => {
            if passphrase.as_ref().is_some_and(|passphrase| !PASSPHRASE.contains(&passphrase.expose().len())) {
                return Err(Error::Unsupported("an SRT passphrase needs 10 to 79 characters".to_owned()));
            }
            if bind.port() == 0 {
                let probe = UdpSocket::bind(*bind).and_then(|socket| socket.local_addr());
                *bind = probe.map_err(|error| Error::Pipeline { what: "SRT listener", detail: error.to_string() })?;
            }
            Ok(Some(*bind))
        }
        Kind::Device { video: None, audio: None, .. } => Err(Error::Unsupported("a device input without a device".to_owned())),
        Kind::File { .. } | Kind::Device { .. } => Ok(None),
    }
}

pub(super) struct Supervisor {
    pub(super) config: Config,
    pub(super) wake: Arc<Wake>,
    pub(super) outlet: Arc<Outlet>,
}

impl Supervisor {
    /// Runs until it is stopped, refused or over.
    pub(super) fn run(self) {
        let mut back_off = BackOff::default();
        loop {
            self.wake.clear();
            self.outlet.begin(None);
            let end = self.attempt();
            // A password that was right a moment ago is right: a camera refuses it while it restarts, or with too many viewers.
            let end = match end {
                End::Refused(reason) if self.may_pass() => End::Barred(reason),
                end => end,
            };
            let reason = match &end {
                End::Stopped => "stopped",
                End::Ended => "the file is over",
                End::Lost(reason) | End::Barred(reason) | End::Left(reason) | End::Refused(reason) => reason,
            };
            let was_connected = self.outlet.end(reason);
            if was_connected {
                tracing::info!(input = self.config.name, reason, "an input is lost");
                back_off.note_success();
            }
            match &end {
                End::Stopped => return self.outlet.tell(Event::Stopped),
                End::Ended => return self.outlet.tell(Event::Ended),
                End::Refused(reason) => {
                    tracing::warn!(input = self.config.name, reason, "an input is refused");
                    return self.outlet.tell(Event::Refused { reason: reason.clone() });
                }
                // A port is open again at once: the next call is the caller's to make.
                End::Left(reason) if !was_connected => self.outlet.turn_away(reason.clone()),
                End::Left(_) => {}
                End::Lost(_) | End::Barred(_) => {
                    let barred = matches!(end, End::Barred(_));
                    // So rare that no camera counts it as an attack.
                    let retry_in = if barred { BackOff::longest_wait() } else { back_off.next_wait() };
                    let reason = reason.to_owned();
                    tracing::debug!(input = self.config.name, reason, retry_ms = retry_in.as_millis(), "an input is tried again");
                    self.outlet.tell(Event::Waiting { retry_in, reason });
                    if self.wake.sleep(retry_in) {
                        return self.outlet.tell(Event::Stopped);
                    }
                }
            }
        }
    }

    /// Whether a refusal is doubted: a camera that is pulled and gave media in this run. One that never did may have a wrong password,
    /// and asking again would make it lock us out.
    fn may_pass(&self) -> bool {
        matches!(self.config.kind, Kind::Rtsp { .. } | Kind::Mjpeg { .. }) && self.outlet.counters().connects > 0
    }

    fn attempt(&self) -> End {
        if !matches!(self.config.kind, Kind::Srt { .. }) {
            self.outlet.tell(Event::Connecting);
        }
        let (wake, outlet) = (&self.wake, &self.outlet);
        let ended = match &self.config.kind {
            Kind::Rtsp { url, transport, latency } => rtsp::attempt(url, *transport, *latency, wake, outlet),
            Kind::Srt { bind, stream_id, passphrase, latency } => {
                let listener = srt::Listener { bind: *bind, stream_id: stream_id.as_deref(), passphrase: passphrase.as_ref(), latency: *latency };
                srt::attempt(&listener, wake, outlet)
            }
            Kind::Mjpeg { url } => mjpeg::attempt(url, wake, outlet),
            Kind::File { path, looped } => file::attempt(path, *looped, wake, outlet),
            Kind::Device { video, audio, size, rate } => device::attempt(video.as_deref(), audio.as_deref(), *size, *rate, wake, outlet),
        };
        ended.unwrap_or_else(|error| match error {
            Error::Missing(_) | Error::Unsupported(_) => End::Refused(error.to_string()),
            _ => End::Lost(error.to_string()),
        })
    }
}
