//! Viewers by WebRTC: who let each in, from where, and by which name its browser ends it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tl_rtc::{Server, SessionId};
use tl_server::WhipAnswer;
use tl_wire::{Refusal, RefusalCode};

/// A viewer's session is named by so many random bytes: whoever knows the name may end it.
const NAME_BYTES: usize = 16;
/// Viewers at a time from one address in the network, so that one device does not take every place. This machine's own tools and
/// proxies have as many as there are.
const MOST_OF_ADDRESS: usize = 8;
/// The receiver lets a viewer go that has not connected after 10 s, and measures the others every second: one that it does not
/// know after this long is over.
const CONNECTING: Duration = Duration::from_secs(20);

struct Viewer {
    session: SessionId,
    /// By whose link.
    label: String,
    address: IpAddr,
    since: Instant,
}

/// The open sessions by their names. May be shared between threads.
#[derive(Default)]
pub struct Viewers(Mutex<HashMap<String, Viewer>>);

fn refusal(code: RefusalCode, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into() }
}

impl Viewers {
    /// Answers the offer of a viewer who came by `label`'s link.
    pub fn view(&self, rtc: &Server, label: &str, address: IpAddr, offer: &str) -> Result<WhipAnswer, Refusal> {
        let full = || refusal(RefusalCode::Busy, "As many people watch this way as can; the page goes on another way.");
        let address = address.to_canonical();
        let mut open = self.open();
        let known: Vec<SessionId> = rtc.viewer_stats().into_iter().map(|(session, _)| session).collect();
        open.retain(|_, viewer| viewer.since.elapsed() < CONNECTING || known.contains(&viewer.session));
        if !has_room(&open, address) {
            return Err(refusal(RefusalCode::TooMany, "Too many pages of this device watch this way; this one goes on another way."));
        }
        let answer = rtc.view(offer).map_err(|error| match error {
            tl_rtc::Error::Full(_) | tl_rtc::Error::Busy => full(),
            error => refusal(RefusalCode::Invalid, format!("The viewer's offer was not understood: {error}.")),
        })?;
        // It stands in an address, where no name begins with a dash.
        let Ok(random) = tl_store::random_token(NAME_BYTES) else {
            rtc.close(answer.session);
            return Err(full());
        };
        let name = format!("v{random}");
        open.insert(name.clone(), Viewer { session: answer.session, label: label.to_owned(), address, since: Instant::now() });
        Ok(WhipAnswer { session: name, sdp: answer.sdp })
    }

    /// Ends the session of this name; false when there is none.
    pub fn end(&self, rtc: &Server, name: &str) -> bool {
        let viewer = self.open().remove(name);
        viewer.map(|viewer| rtc.close(viewer.session)).is_some()
    }

    /// Ends every session that was begun by this label's links.
    pub fn end_of(&self, rtc: &Server, label: &str) {
        self.open().retain(|_, viewer| {
            let theirs = viewer.label == label;
            if theirs {
                rtc.close(viewer.session);
            }
            !theirs
        });
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Viewer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_room(open: &HashMap<String, Viewer>, address: IpAddr) -> bool {
    address.is_loopback() || open.values().filter(|viewer| viewer.address == address).count() < MOST_OF_ADDRESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_device_takes_so_many_places_and_another_still_gets_in() {
        let viewer =
            |address: &str| Viewer { session: SessionId(1), label: "watch link".into(), address: address.parse().expect("an address"), since: Instant::now() };
        let of = |address: &str| -> HashMap<String, Viewer> { (0..MOST_OF_ADDRESS).map(|number| (number.to_string(), viewer(address))).collect() };
        let asks = |open: &HashMap<String, Viewer>, address: &str| has_room(open, address.parse().expect("an address"));
        let crowd = of("192.0.2.7");
        assert!(!asks(&crowd, "192.0.2.7") && asks(&crowd, "192.0.2.8"));
        assert!(asks(&of("127.0.0.1"), "127.0.0.1"), "proxies and tools of this machine");
        assert!(asks(&crowd.into_iter().skip(1).collect(), "192.0.2.7"), "a place that came free");
    }

    #[test]
    fn a_label_s_viewers_end_and_others_stay() {
        let clock = tl_base::MediaClock::starting_at(tl_base::MediaTime::ZERO);
        let rtc = Server::start(tl_rtc::Config { addresses: vec![[127, 0, 0, 1].into()], port: 0, clock, max_viewers: 4 }, |_| {}).expect("a server");
        let (viewers, here) = (Viewers::default(), IpAddr::from([127, 0, 0, 1]));
        let offer = || tl_rtc::watch::Watcher::new(here).and_then(|mut watcher| watcher.offer()).expect("an offer");
        let names: Vec<String> = ["guest", "watch link", "guest"].map(|label| viewers.view(&rtc, label, here, &offer()).expect("a place").session).into();
        assert!(viewers.view(&rtc, "guest", here, "nonsense").is_err());
        assert_eq!((rtc.viewers(), viewers.open().len()), (3, 3));
        viewers.end_of(&rtc, "guest");
        assert_eq!(viewers.open().keys().collect::<Vec<_>>(), [&names[1]]);
        let limit = Instant::now() + Duration::from_secs(10);
        while rtc.viewers() != 1 {
            assert!(Instant::now() < limit, "{} viewers are left", rtc.viewers());
            std::thread::yield_now();
        }
        assert!(!viewers.end(&rtc, &names[0]) && viewers.end(&rtc, &names[1]));
    }
}
