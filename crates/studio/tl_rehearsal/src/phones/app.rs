//! An app that calls the studio: SRT or RTMP.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tl_base::{Secret, SlotId};
use tl_media::push::{self, Push};
use tl_rtc::publish::{Impairment, Shim};

use super::line::{Errands, Line, Stage};
use super::sending::Parcel;
use crate::Error;
use crate::signalling::Door;

/// An app gives up a call after this long.
const CALLING: Duration = Duration::from_secs(8);
/// Between two looks at a call.
const LOOK: Duration = Duration::from_millis(5);

/// One call. Dropping it hangs up and joins its threads, within half a second.
pub(super) struct App {
    slot: SlotId,
    push: Push,
    /// What the way does to datagrams, where anything is to happen to them.
    shim: Option<Shim>,
    stage: Arc<Mutex<Stage>>,
    until: Instant,
}

impl App {
    /// Calls `url`. With `impair` datagrams go through a way that can be made worse, which only SRT sends.
    pub(super) fn call(slot: SlotId, url: &Secret, impair: Option<Impairment>, now: Instant) -> Result<Self, Error> {
        let failed = |message: String| Error::Phone { slot: slot.0, message };
        let shim = match (impair, authority(url.expose())) {
            (Some(impair), Some(studio)) => Some(Shim::start(studio, impair, Impairment::default()).map_err(|error| failed(error.to_string()))?),
            _ => None,
        };
        let url = match &shim {
            Some(shim) => Secret::new(with_authority(url.expose(), shim.address())),
            None => url.clone(),
        };
        let stage = Arc::new(Mutex::new(Stage::Opening));
        let told = Arc::clone(&stage);
        let on_event = move |event: push::Event| {
            let next = match event {
                push::Event::Connecting => Stage::Opening,
                push::Event::Live => Stage::Open,
                push::Event::Waiting { reason, .. } | push::Event::Refused { reason } => Stage::Over(reason),
                push::Event::Stopped => return,
            };
            *told.lock().unwrap_or_else(PoisonError::into_inner) = next;
        };
        let config = push::Config { name: format!("phone-{slot}"), url, has_audio: true, extra_roots: Vec::new() };
        let push = Push::start(config, on_event).map_err(|error| failed(error.to_string()))?;
        Ok(Self { slot, push, shim, stage, until: now + CALLING })
    }
}

impl Line for App {
    fn poll(&mut self, now: Instant, _errands: &Errands<'_>) -> (Stage, Instant) {
        let stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let wake = now + LOOK;
        if stage == Stage::Opening && now > self.until {
            return (Stage::Over("the studio does not take the call".into()), wake);
        }
        (stage, wake)
    }

    fn send(&mut self, parcel: &Parcel, _now_secs: f64) -> bool {
        let before = self.push.stats().dropped;
        self.push.push(&parcel.unit);
        self.push.stats().dropped == before
    }

    fn impair(&mut self, wanted: Impairment) {
        if let Some(shim) = &self.shim {
            shim.set(wanted, Impairment::default());
        }
    }

    fn leave(self: Box<Self>, _door: &Door) {
        tracing::debug!(slot = self.slot.0, "an app hangs up");
    }
}

/// Host and port of an address, as they can be called.
fn authority(url: &str) -> Option<SocketAddr> {
    let (start, end) = authority_span(url)?;
    url.get(start..end)?.to_socket_addrs().ok()?.find(SocketAddr::is_ipv4)
}

fn with_authority(url: &str, address: SocketAddr) -> String {
    match authority_span(url) {
        Some((start, end)) => format!("{}{address}{}", url.get(..start).unwrap_or_default(), url.get(end..).unwrap_or_default()),
        None => url.to_owned(),
    }
}

fn authority_span(url: &str) -> Option<(usize, usize)> {
    let start = url.find("://")? + 3;
    let end = url.get(start..)?.find(['/', '?']).map_or(url.len(), |at| start + at);
    Some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_takes_the_place_of_the_address() {
        let url = "srt://127.0.0.1:9001?streamid=camera1&passphrase=not_a_secret";
        assert_eq!(authority(url), Some(([127, 0, 0, 1], 9_001).into()));
        let other = with_authority(url, ([127, 0, 0, 1], 5).into());
        assert_eq!(other, "srt://127.0.0.1:5?streamid=camera1&passphrase=not_a_secret");
        assert_eq!((authority("srt://"), authority("nonsense")), (None, None));
    }
}
