//! The programme to an SRT listener as an MPEG transport stream, with the supervisor that brings it back.
//!
//! The library is asked for single calls and never reconnects by itself: a connection counts as made when the listener has
//! acknowledged bytes, not when a socket was opened.

mod address;
mod mux;
mod wire;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tl_base::MediaTime;
use tl_frame::AccessUnit;

use crate::push::{Config, Destination, End, Event, Link, Reached, Stats, Worker};
use crate::srt::address::Address;
use crate::srt::mux::{Lack, Mux};
use crate::srt::wire::{Counts, Wire};
use crate::unit_queue::Taken;
use crate::{Error, init, rtmp};

/// How long a listener may take to answer and to acknowledge. libsrt itself gives up after 3 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// A call that ends sooner without an answer's silence was refused: silence takes libsrt's 3 s.
const REFUSAL_LIMIT: Duration = Duration::from_millis(2_500);
/// Addresses of one name that are called in one attempt, one after the other: silence costs 3 s each.
const CALLS: usize = 4;
/// How long pictures wait for sound before the stream goes on without it: the 64 that wait last two seconds.
const SOUND_LIMIT: Duration = Duration::from_secs(2);
/// How long sound waits for pictures before the connection is ended; another encoder takes less than that to start.
const PICTURE_LIMIT: Duration = Duration::from_secs(10);
/// How long acknowledgements may stay away while there is something to acknowledge.
const STALL_LIMIT: Duration = Duration::from_secs(6);
/// Between two looks at the counts.
const LOOK: Duration = Duration::from_millis(100);
/// Between two looks at a call that nobody has answered.
const SHORT_LOOK: Duration = Duration::from_millis(10);
/// Losses are looked at over this long.
const SPAN: Duration = Duration::from_secs(1);
/// Repairs mend what a hall's air loses; when more than this share is missed the network carries less than the stream has.
const TOO_MUCH: f64 = 0.3;
/// Fewer packets say nothing about a share.
const ENOUGH: i64 = 20;
/// Bytes acknowledged after which a connection was a good one.
const PROOF_BYTES: u64 = 64 << 10;

/// Pushes one stream on a thread of its own until it is dropped or refused.
///
/// A slow network costs pictures up to the next key; a dead one is tried again for ever, after 2 s x 1.5 up to 30 s with full
/// jitter. A listener that refuses the call (wrong passphrase or stream id) is not called again unless it took the stream before.
/// Sound that dries up is left out until the first key picture after it has come again.
pub struct SrtPush {
    worker: Worker,
}

impl SrtPush {
    /// Starts pushing; an address that cannot be read is refused here.
    pub fn start(config: Config, on_event: impl FnMut(Event) + Send + 'static) -> Result<Self, Error> {
        Self::start_at(config, MediaTime::ZERO, on_event)
    }

    /// The same with a stream whose own time begins later than at zero, to test what happens after days.
    #[doc(hidden)]
    pub fn start_at(config: Config, begin: MediaTime, on_event: impl FnMut(Event) + Send + 'static) -> Result<Self, Error> {
        init()?;
        let address = Address::parse(config.url.expose()).map_err(|reason| Error::Unsupported(reason.to_owned()))?;
        let caller = Box::new(Caller { address, has_audio: config.has_audio, begin, preferred: 0 });
        Ok(Self { worker: Worker::start(format!("srt-{}", config.name), caller, Box::new(on_event))? })
    }

    /// Takes a unit; never waits for the network.
    pub fn push(&self, unit: &AccessUnit) {
        self.worker.push(unit);
    }

    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        self.worker.stats()
    }

    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }
}

struct Caller {
    address: Address,
    has_audio: bool,
    begin: MediaTime,
    /// Of the name's addresses, the one that is called first.
    preferred: usize,
}

impl Destination for Caller {
    fn attempt(&mut self, link: &mut Link<'_>) -> End {
        match self.call(link) {
            Ok(end) | Err(end) => end,
        }
    }
}

impl Caller {
    fn call(&mut self, link: &mut Link<'_>) -> Result<End, End> {
        let found = rtmp::resolve(&self.address.host, self.address.port, link.queue)?;
        link.reached(Reached::Resolved);
        let (wire, counts) = self.call_each(&found, link)?;
        let broken = |error: Error| End::Lost(error.to_string());
        let mux = Mux::start(self.has_audio, self.begin, wire.sender()).map_err(broken)?;
        link.live();
        link.queue.restart();
        let now = Instant::now();
        let mut sending = Sending { wire, mux, counts, acked: 0, acked_at: now, looked: now, span: (now, counts) };
        loop {
            sending.turn(link)?;
        }
    }

    /// Calls one address after the other until one answers: a name may have one that leads nowhere from here, as IPv6 does
    /// in many halls. The one that answered is called first the next time.
    fn call_each(&mut self, found: &[SocketAddr], link: &Link<'_>) -> Result<(Wire, Counts), End> {
        let mut ended = None;
        for (step, to) in found.iter().cycle().skip(self.preferred % found.len().max(1)).take(found.len().min(CALLS)).enumerate() {
            let wire = Wire::call(*to, &self.address).map_err(|error| End::Lost(error.to_string()));
            match wire.and_then(|wire| answer(&wire, link).map(|counts| (wire, counts))) {
                Ok(answered) => {
                    self.preferred += step;
                    return Ok(answered);
                }
                Err(End::Stopped) => return Err(End::Stopped),
                // That somebody refuses says more than that others are silent.
                Err(end) if !matches!(ended, Some(End::Refused(_))) => ended = Some(end),
                Err(_) => {}
            }
        }
        self.preferred += found.len().min(CALLS);
        Err(ended.unwrap_or_else(|| End::Lost("the server's name has no address".to_owned())))
    }
}

/// Waits until the listener has acknowledged something.
fn answer(wire: &Wire, link: &Link<'_>) -> Result<Counts, End> {
    let begun = Instant::now();
    loop {
        let counts = wire.counts();
        if counts.is_some() {
            link.reached(Reached::Publish);
        }
        if let Some(counts) = counts.filter(|counts| counts.acknowledgements > 0) {
            return Ok(counts);
        }
        if wire.error().is_some() {
            let refused = counts.is_none() && begun.elapsed() < REFUSAL_LIMIT;
            return Err(if refused {
                link.reached(Reached::Connected);
                End::Refused("the server refuses the call: the passphrase or the stream id is probably wrong".to_owned())
            } else {
                End::Lost("the server does not answer".to_owned())
            });
        }
        if begun.elapsed() > ANSWER_LIMIT {
            return Err(End::Lost("the server does not answer".to_owned()));
        }
        if link.queue.wait_closed(SHORT_LOOK) {
            return Err(End::Stopped);
        }
    }
}

/// A connection that was answered.
struct Sending {
    wire: Wire,
    mux: Mux,
    counts: Counts,
    /// Bytes that the listener has seen.
    acked: u64,
    acked_at: Instant,
    looked: Instant,
    /// Where the span begins over which losses are looked at.
    span: (Instant, Counts),
}

impl Sending {
    fn turn(&mut self, link: &Link<'_>) -> Result<(), End> {
        if self.wire.error().is_some() {
            return Err(End::Lost("the connection was cut".to_owned()));
        }
        if self.looked.elapsed() >= LOOK {
            self.look(link)?;
        }
        if link.queue.is_closed() {
            return Err(End::Stopped);
        }
        if self.wire.waiting() > wire::MAX_WAITING {
            self.mux.note_pause();
            return if link.queue.wait_closed(SHORT_LOOK) { Err(End::Stopped) } else { Ok(()) };
        }
        match link.queue.take(Duration::from_millis(20)) {
            Taken::Unit(unit) => self.mux(&unit, link)?,
            Taken::Closed => return Err(End::Stopped),
            Taken::Gap(_) | Taken::Mark | Taken::TimedOut => {}
        }
        Ok(())
    }

    fn mux(&mut self, unit: &AccessUnit, link: &Link<'_>) -> Result<(), End> {
        let broken = |error: Error| End::Lost(error.to_string());
        if self.mux.is_sound_back() && unit.key && !unit.codec.is_audio() {
            tracing::info!("an SRT destination has sound again");
            self.mux = self.mux.renewed(self.wire.sender()).map_err(broken)?;
        }
        match self.mux.push(unit) {
            // One of the two inputs has dried up: nothing can be put in order until it comes again or is given up.
            Err(Error::Full) => link.queue.restart(),
            Err(error) => return Err(broken(error)),
            Ok(()) => {}
        }
        Ok(())
    }

    /// Live means that something is sent: pictures go on without sound that has dried up, and without pictures there is no show.
    fn mind_what_lacks(&mut self) -> Result<(), End> {
        match self.mux.lack() {
            Some((Lack::Sound, waited)) if waited > SOUND_LIMIT => {
                tracing::warn!("an SRT destination goes on without sound, of which none comes");
                self.mux.give_up_sound().map_err(|error| End::Lost(error.to_string()))
            }
            Some((Lack::Pictures, waited)) if waited > PICTURE_LIMIT => Err(End::Lost("no pictures come to be sent".to_owned())),
            _ => Ok(()),
        }
    }

    fn look(&mut self, link: &Link<'_>) -> Result<(), End> {
        self.looked = Instant::now();
        if self.wire.waiting() <= wire::MAX_WAITING {
            self.mind_what_lacks()?;
        }
        // The library stops counting when it has given up the connection, which it tells nobody.
        let Some(now) = self.wire.counts() else { return Err(End::Lost("the connection was cut".to_owned())) };
        if now.acknowledgements != self.counts.acknowledgements {
            // An acknowledgement names no bytes here; what was sent before the last look has had time to be seen.
            self.acked = self.counts.bytes_sent;
            self.acked_at = self.looked;
            link.note_rtt(now.rtt);
        }
        if now.packets_dropped > self.counts.packets_dropped || self.loses_too_much(&now) {
            // Parts of pictures are lost already: the rest up to the next key would only fill the network.
            link.queue.restart();
        }
        self.counts = now;
        link.progress(now.bytes_sent, self.acked);
        if self.acked > PROOF_BYTES {
            link.note_proof();
        }
        let owed = now.bytes_sent > self.acked || self.wire.waiting() > 0;
        if owed && self.acked_at.elapsed() > STALL_LIMIT {
            return Err(End::Lost("the server has stopped taking data".to_owned()));
        }
        if !owed {
            self.acked_at = self.looked;
        }
        Ok(())
    }

    /// The listener jumps over what comes too late and says so to nobody; what it missed at first is all that is told.
    fn loses_too_much(&mut self, now: &Counts) -> bool {
        let (since, before) = self.span;
        if since.elapsed() < SPAN {
            return false;
        }
        self.span = (Instant::now(), *now);
        let sent = now.packets_sent - before.packets_sent;
        sent >= ENOUGH && f64::from(now.packets_lost.saturating_sub(before.packets_lost)) > TOO_MUCH * sent as f64
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};

    use gst::prelude::*;

    use crate::line::{element, set};
    use crate::push::Counters;
    use crate::unit_queue::{UnitQueue, WhenFull};

    use super::*;

    /// Somebody who listens on an address of IPv4 alone.
    fn listener() -> (gst::Pipeline, [SocketAddr; 2]) {
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr()).expect("a port").port();
        let (source, sink) = (element("srtsrc").expect("srtsrc"), element("fakesink").expect("fakesink"));
        set(&source, "mode", "listener");
        source.set_property("uri", format!("srt://127.0.0.1:{port}?mode=listener"));
        source.set_property("localaddress", "127.0.0.1");
        source.set_property("localport", u32::from(port));
        source.set_property("passphrase", "open-sesame-1");
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([&source, &sink]).expect("added");
        source.link(&sink).expect("linked");
        pipeline.set_state(gst::State::Playing).expect("listening");
        (pipeline, [SocketAddr::from((Ipv6Addr::LOCALHOST, port)), SocketAddr::from((Ipv4Addr::LOCALHOST, port))])
    }

    /// A name with an address that leads nowhere before the one that somebody listens on.
    #[test]
    fn every_address_of_a_name_is_called_and_the_one_that_answers_is_called_first_from_then_on() {
        crate::init().expect("a library");
        let (queue, counters) = (UnitQueue::new(1_000, WhenFull::DropAll), Counters::default());
        let mut on_live = || {};
        let link = Link::alone(&queue, &counters, &mut on_live);
        let call = |passphrase: &str| {
            let (pipeline, found) = listener();
            let address = Address::parse(&format!("srt://two.example:9?passphrase={passphrase}")).expect("an address");
            let mut caller = Caller { address, has_audio: false, begin: MediaTime::ZERO, preferred: 0 };
            let end = caller.call_each(&found, &link).map(|_| caller.preferred % found.len());
            pipeline.set_state(gst::State::Null).expect("ended");
            end
        };
        assert_eq!(call("open-sesame-1"), Ok(1));
        // A refusal is told though the other address is silent.
        let end = call("wrong-sesame-1");
        assert!(matches!(end, Err(End::Refused(_))), "{end:?}");
    }
}
