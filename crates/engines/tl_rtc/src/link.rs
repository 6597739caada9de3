//! One protocol instance and what every session does with it: time and datagrams in, datagrams and events out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::net::{Protocol, Receive};
use str0m::{Event, Input, Output, Rtc};

use crate::server::SessionId;
use crate::socket::Port;

/// Output steps taken in one go; a library that never finishes must not hold the thread.
const MAX_STEPS: u32 = 20_000;
/// Datagrams that leave in one go; the rest waits until the other sessions had their turn.
const MAX_SENT: u32 = 96;
/// Failures of the protocol instance before the session is given up.
const MAX_FAILURES: u32 = 1_000;
/// DTLS record types (RFC 6347, section 4.1) and the first handshake message (RFC 5246, section 7.4).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// A failed instance is asked again after this time.
const PAUSE: Duration = Duration::from_millis(10);

/// A protocol instance.
pub(crate) struct Link {
    pub rtc: Rtc,
    id: SessionId,
    /// When the instance wants to be told the time.
    wake: Instant,
    over: Option<String>,
    failures: u32,
    /// The handshake is done.
    secured: bool,
    /// The random number of the first handshake.
    hello: Option<[u8; 32]>,
    steps: u32,
    sent: u32,
}

impl Link {
    pub fn new(id: SessionId, rtc: Rtc, now: Instant) -> Self {
        Self { rtc, id, wake: now, over: None, failures: 0, secured: false, hello: None, steps: MAX_STEPS, sent: MAX_SENT }
    }

    pub fn id(&self) -> SessionId {
        self.id
    }

    /// When it is due.
    pub fn wake(&self) -> Instant {
        self.wake
    }

    /// Makes it due at `now`: something that was handed to the instance is to leave.
    pub fn hurry(&mut self, now: Instant) {
        self.wake = self.wake.min(now);
    }

    /// Why it ended, once it has.
    pub fn over(&self) -> Option<&str> {
        self.over.as_deref()
    }

    /// Marks it as over without a further word; the first reason stands.
    pub fn fail(&mut self, reason: &str) {
        self.over.get_or_insert_with(|| reason.to_owned());
    }

    /// Says goodbye; what is to be sent for that comes out of [`Link::next_event`].
    pub fn close(&mut self, reason: &str) {
        if let Err(error) = self.rtc.close() {
            tracing::debug!(session = %self.id, %error, "not closed cleanly");
        }
        self.fail(reason);
    }

    /// Begins a turn: the limits of one go count anew.
    pub fn begin(&mut self) {
        (self.steps, self.sent) = (MAX_STEPS, MAX_SENT);
    }

    /// Tells the time.
    pub fn tick(&mut self, now: Instant) {
        self.input(Input::Timeout(now));
    }

    /// Takes a datagram; tells whether it belongs to this instance.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, local: SocketAddr, datagram: &[u8]) -> bool {
        let Ok(receive) = Receive::new(Protocol::Udp, from, local, datagram) else { return false };
        let input = Input::Receive(now, receive);
        if !self.rtc.accepts(&input) {
            return false;
        }
        if self.is_second_handshake(datagram) {
            return false;
        }
        self.input(input);
        true
    }

    /// Whether somebody else begins a handshake, or breaks one off, in this peer's name: its address can be forged, and records of a
    /// handshake are not protected. Before this peer's own handshake is done nobody can tell the two apart, so the session ends and
    /// the peer comes again; after it such records are passed over.
    fn is_second_handshake(&mut self, datagram: &[u8]) -> bool {
        let Some(&[kind, _, _, epoch_high, epoch_low, ..]) = datagram.first_chunk::<13>() else { return false };
        if (epoch_high, epoch_low) != (0, 0) || !matches!(kind, ALERT | HANDSHAKE) {
            return false;
        }
        // Message type, length, sequence and the fragment's place, which is the beginning here; then version and random.
        let random = match datagram.get(13..) {
            Some([CLIENT_HELLO, _, _, _, _, _, 0, 0, 0, rest @ ..]) if kind == HANDSHAKE => rest.get(3 + 2..).and_then(|rest| rest.first_chunk::<32>()),
            _ => None,
        };
        if self.secured {
            return kind == ALERT || random.is_some();
        }
        let Some(random) = random else { return false };
        let other = *self.hello.get_or_insert(*random) != *random;
        if other {
            self.fail("two handshakes at once");
        }
        other
    }

    /// Sends what is to be sent, and gives the next event; none when nothing more comes at `now`, or the turn is over.
    pub fn next_event(&mut self, now: Instant, port: &Port) -> Option<Event> {
        loop {
            let Some(left) = self.steps.checked_sub(1) else {
                self.fail("its packets have no end");
                return None;
            };
            self.steps = left;
            match self.rtc.poll_output() {
                // The instance spaces its packets by asking for the time again, at once.
                Ok(Output::Timeout(wake)) if wake <= now && self.sent > 0 && self.over.is_none() => {
                    self.sent -= 1;
                    self.input(Input::Timeout(now));
                }
                Ok(Output::Timeout(wake)) => {
                    self.wake = wake;
                    break;
                }
                Ok(Output::Transmit(transmit)) => port.send(transmit.destination, &transmit.contents),
                Ok(Output::Event(event)) => {
                    self.secured |= matches!(event, Event::Connected);
                    return Some(event);
                }
                Err(error) => {
                    self.note_failure(&error);
                    self.wake = now + PAUSE;
                    break;
                }
            }
        }
        if !self.rtc.is_alive() {
            self.fail("the connection ended");
        }
        None
    }

    fn input(&mut self, input: Input<'_>) {
        if let Err(error) = self.rtc.handle_input(input) {
            self.note_failure(&error);
        }
    }

    /// What fails on one datagram may be a stranger's forgery, so only many failures end a session.
    fn note_failure(&mut self, error: &dyn std::fmt::Display) {
        self.failures += 1;
        tracing::debug!(session = %self.id, %error, failures = self.failures, "protocol");
        if self.failures >= MAX_FAILURES {
            self.fail("its packets make no sense");
        }
    }
}
