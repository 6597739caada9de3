//! Does this destination take our key, and does the uplink carry the programme? Asked before the game, by sending for some
//! seconds what the programme would cost and half as much again, and counting what the server acknowledges.

mod clip;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::Serialize;

use tl_base::{MediaTime, Rate, Secret, Size};
use tl_frame::AccessUnit;

use crate::push::{self, Push};
use crate::{Error, init};

pub use crate::push::Reached;

/// More than the programme needs by this much is sent, to see how much room there is.
const OFFERED: f64 = 1.5;
/// With at least this much room a show is safe from a busy hall.
const OK: f64 = 1.35;
/// With less than this the programme does not fit.
const FITS: f64 = 1.05;
/// How long a server may take until it has said yes or no.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// The start of a stream fills buffers on the way and is not counted.
const SETTLING: Duration = Duration::from_secs(1);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);
/// Between two reports of progress.
const REPORT: Duration = Duration::from_millis(250);
/// What a push tells that may wait to be read; a test of 25 s sees a dozen at most.
const EVENTS: usize = 64;
/// Encoded sound beside the pictures, bits a second.
const AUDIO_BPS: u64 = 128_000;

/// What to test.
#[derive(Clone, Debug)]
pub struct Config {
    /// The destination's whole address, as for [`push::Config`].
    pub url: Secret,
    /// Certificates (DER) trusted beside the system's.
    pub extra_roots: Vec<Vec<u8>>,
    /// Whether the programme has sound.
    pub has_audio: bool,
    /// The programme's pictures, bits a second.
    pub bitrate_bps: u32,
    /// Their size.
    pub size: Size,
    /// Pictures a second.
    pub rate: Rate,
    /// How long to send, 2 to 10.
    pub seconds: u32,
}

/// How far a test is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// The last step that worked.
    pub reached: Reached,
    /// Since the test began.
    pub elapsed_secs: f64,
    /// Bytes that the server has acknowledged.
    pub acked_bytes: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The key is taken and there is room to spare.
    Ok,
    /// The key is taken and the programme just fits.
    Tight,
    /// The key is taken and the programme does not fit.
    TooSlow,
    /// The server does not want the stream.
    Refused,
    /// The server was not reached.
    Unreachable,
    /// It was stopped from here.
    Cancelled,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The last step that worked.
    pub reached: Reached,
    /// Whether the server has taken the stream.
    pub accepted: bool,
    /// There and back; none when it was not measured.
    pub rtt_ms: Option<f64>,
    /// Bytes given to the network.
    pub sent_bytes: u64,
    /// Bytes that the server has acknowledged.
    pub acked_bytes: u64,
    /// Acknowledged bits a second, once the stream had settled.
    pub throughput_bps: u64,
    /// That over what the programme needs; at most what was offered, 1.5.
    pub headroom: f64,
    /// In one word.
    pub verdict: Verdict,
    /// In one sentence for a person; holds no key.
    pub message: String,
}

/// Tests a destination and blocks meanwhile: at most 15 s for the server's answer and `seconds` for sending. Setting
/// `cancel` ends it within a tenth of a second, or what a system takes to close a connection. Errors are those of a wrong
/// address and of encoders; whatever the network does is a report.
pub fn run(config: &Config, cancel: &AtomicBool, mut progress: impl FnMut(Progress)) -> Result<Report, Error> {
    init()?;
    let seconds = config.seconds.clamp(2, 10);
    let needed = u64::from(config.bitrate_bps) + if config.has_audio { AUDIO_BPS } else { 0 };
    let clip = clip::encode(config, (needed as f64 * OFFERED) as u64)?;
    let (sender, events) = mpsc::sync_channel(EVENTS);
    let push_config = push::Config { name: "test".to_owned(), url: config.url.clone(), has_audio: config.has_audio, extra_roots: config.extra_roots.clone() };
    let push = Push::start(push_config, move |event| {
        if sender.try_send(event).is_err() {
            tracing::debug!("a test's event came too late");
        }
    })?;
    let mut test = Test { push, begun: Instant::now(), reported: None, needed };
    let mut tell = |test: &mut Test| test.tell(&mut progress);
    let ended = match test.wait_until_live(&events, cancel, &mut tell) {
        Err(end) => end,
        Ok(()) => test.send(&clip, Duration::from_secs(seconds.into()), &events, cancel, &mut tell),
    };
    Ok(test.report(ended))
}

/// How a test ended.
enum Ended {
    Cancelled,
    Refused(String),
    /// The connection was not made, or not kept.
    Lost(String),
    /// Bits a second.
    Measured(f64),
}

struct Test {
    push: Push,
    begun: Instant,
    reported: Option<Instant>,
    needed: u64,
}

impl Test {
    fn tell(&mut self, progress: &mut dyn FnMut(Progress)) {
        if self.reported.is_none_or(|at| at.elapsed() >= REPORT) {
            self.reported = Some(Instant::now());
            let (reached, acked_bytes) = (self.push.worker().reached(), self.push.stats().bytes);
            progress(Progress { reached, elapsed_secs: self.begun.elapsed().as_secs_f64(), acked_bytes });
        }
    }

    fn wait_until_live(&mut self, events: &mpsc::Receiver<push::Event>, cancel: &AtomicBool, tell: &mut dyn FnMut(&mut Self)) -> Result<(), Ended> {
        let deadline = Instant::now() + ANSWER_LIMIT;
        // A server that hangs up without a word is asked twice before that counts as a refusal.
        let mut last = None;
        while Instant::now() < deadline {
            if cancel.load(Ordering::Relaxed) {
                return Err(Ended::Cancelled);
            }
            match events.recv_timeout(LOOK) {
                Ok(push::Event::Live) => return Ok(()),
                Ok(push::Event::Refused { reason }) => return Err(Ended::Refused(reason)),
                Ok(push::Event::Waiting { reason, .. }) if self.push.worker().reached() < Reached::Handshake => return Err(Ended::Lost(reason)),
                Ok(push::Event::Waiting { reason, .. }) => last = Some(reason),
                _ => {}
            }
            tell(self);
        }
        Err(Ended::Lost(last.unwrap_or_else(|| "the server does not answer".to_owned())))
    }

    /// Gives the clip out at the pace of life and measures what arrives.
    fn send(
        &mut self,
        clip: &clip::Clip,
        length: Duration,
        events: &mpsc::Receiver<push::Event>,
        cancel: &AtomicBool,
        tell: &mut dyn FnMut(&mut Self),
    ) -> Ended {
        let start = Instant::now();
        let mut settled: Option<(Instant, u64)> = None;
        for round in 0.. {
            let shift = MediaTime(clip.length.0 * round);
            for unit in &clip.units {
                let due = start + (unit.pts + shift).to_duration();
                while Instant::now() < due.min(start + length) {
                    match events.recv_timeout(due.min(start + length).saturating_duration_since(Instant::now()).min(LOOK)) {
                        Ok(push::Event::Refused { reason }) => return Ended::Refused(reason),
                        Ok(push::Event::Waiting { reason, .. }) => return Ended::Lost(reason),
                        _ => {}
                    }
                    if cancel.load(Ordering::Relaxed) {
                        return Ended::Cancelled;
                    }
                    tell(self);
                }
                let now = Instant::now();
                if settled.is_none() && now >= start + SETTLING {
                    settled = Some((now, self.push.stats().bytes));
                }
                if now >= start + length {
                    let (since, before) = settled.unwrap_or((start, 0));
                    let bits = self.push.stats().bytes.saturating_sub(before) as f64 * 8.0;
                    return Ended::Measured(bits / now.duration_since(since).as_secs_f64().max(0.001));
                }
                self.push.push(&AccessUnit { capture: unit.capture + shift, pts: unit.pts + shift, dts: unit.dts + shift, ..unit.clone() });
            }
        }
        Ended::Cancelled
    }

    fn report(&self, ended: Ended) -> Report {
        let worker = self.push.worker();
        let reached = worker.reached();
        let throughput = if let Ended::Measured(bps) = ended { bps } else { 0.0 };
        let headroom = throughput / self.needed.max(1) as f64;
        let mbit = |bps: f64| bps / 1e6;
        // Reasons of the system's may end like sentences.
        let ended = match ended {
            Ended::Refused(reason) => Ended::Refused(reason.trim_end_matches('.').to_owned()),
            Ended::Lost(reason) => Ended::Lost(reason.trim_end_matches('.').to_owned()),
            other => other,
        };
        let (verdict, message) = match ended {
            Ended::Cancelled => (Verdict::Cancelled, "The test was stopped.".to_owned()),
            Ended::Refused(reason) => (Verdict::Refused, format!("The server refuses the stream: {reason}.")),
            Ended::Lost(reason) if reached == Reached::Sending => {
                (Verdict::TooSlow, format!("The server took the stream and the connection did not hold: {reason}."))
            }
            Ended::Lost(reason) => (Verdict::Unreachable, format!("The server was not reached: {reason}.")),
            Ended::Measured(bps) if headroom >= OK => (
                Verdict::Ok,
                format!("The key is right and the uplink carries at least {:.1} Mbit/s, {headroom:.1} times what the programme needs.", mbit(bps)),
            ),
            Ended::Measured(bps) if headroom >= FITS => (
                Verdict::Tight,
                format!("The key is right, but the uplink carries {:.1} Mbit/s, only {headroom:.1} times what the programme needs.", mbit(bps)),
            ),
            Ended::Measured(bps) => {
                let needed = mbit(self.needed as f64);
                (Verdict::TooSlow, format!("The key is right, but the uplink carries {:.1} Mbit/s and the programme needs {needed:.1}.", mbit(bps)))
            }
        };
        Report {
            reached,
            accepted: reached == Reached::Sending,
            rtt_ms: worker.rtt().map(|rtt| rtt.as_secs_f64() * 1_000.0),
            sent_bytes: worker.sent(),
            acked_bytes: self.push.stats().bytes,
            throughput_bps: throughput as u64,
            headroom,
            verdict,
            message,
        }
    }
}
