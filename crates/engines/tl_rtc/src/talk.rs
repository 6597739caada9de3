//! The conversation with one phone over its data channel: what waits to be said, what was heard, and the pings.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use str0m::channel::{ChannelData, ChannelId};
use tl_base::MediaTime;

use crate::data::{self, FromPhone, ToPhone};

const PING_EVERY: Duration = Duration::from_secs(1);
/// Pings come faster at first, until this many were sent: 3 s worth.
const PINGS_AT_FIRST: u32 = 15;
const PING_AT_FIRST_EVERY: Duration = Duration::from_millis(200);
/// Pings whose answer is still awaited.
const MAX_PINGS: usize = 16;
/// Words a phone may say at once, and each second after.
const WORDS: u32 = 200;
const WORDS_A_SECOND: u32 = 50;
/// Data channels that a phone may open over time; one is used.
const MAX_CHANNELS: u32 = 8;
/// Words to the phone that may wait.
const MAX_OUTBOX: usize = 64;

/// What was heard.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// Words that make no sense, or come on a channel that is not ours.
    Nothing,
    /// An answered ping: when it was asked, and what the phone's clock showed, nanoseconds.
    Pong { sent: MediaTime, phone: i64 },
    /// Something for the owner.
    Words(FromPhone),
    /// More than anyone needs to say.
    TooMuch,
}

/// What the session should do with its protocol instance.
#[derive(Debug, PartialEq)]
pub(crate) enum Task {
    Write(ChannelId, String),
    Close(ChannelId),
}

/// One phone's conversation.
pub(crate) struct Talk {
    channel: Option<ChannelId>,
    channels: u32,
    unwanted: Vec<ChannelId>,
    outbox: VecDeque<String>,
    pings: VecDeque<(u32, MediaTime)>,
    pinged: u32,
    next_ping: Instant,
    words: u32,
}

impl Talk {
    pub fn new(now: Instant) -> Self {
        Self { channel: None, channels: 0, unwanted: Vec::new(), outbox: VecDeque::new(), pings: VecDeque::new(), pinged: 0, next_ping: now, words: WORDS }
    }

    /// When the next ping is due, if there is a channel to send it on.
    pub fn wake(&self) -> Option<Instant> {
        self.channel.map(|_| self.next_ping)
    }

    /// A channel opened; false when these are too many.
    pub fn opened(&mut self, id: ChannelId, label: &str, now: Instant) -> bool {
        self.channels += 1;
        if label == data::LABEL && self.channel.is_none() {
            self.channel = Some(id);
            self.next_ping = now;
        } else {
            self.unwanted.push(id);
        }
        self.channels <= MAX_CHANNELS
    }

    /// A channel closed.
    pub fn closed(&mut self, id: ChannelId) {
        self.channel = self.channel.filter(|channel| *channel != id);
    }

    /// Words to say; the oldest leave when too many wait.
    pub fn say(&mut self, text: String) {
        if self.outbox.len() == MAX_OUTBOX {
            self.outbox.pop_front();
        }
        self.outbox.push_back(text);
    }

    /// Asks for the phone's time when that is due.
    pub fn ping(&mut self, now: Instant, at: MediaTime) {
        if self.wake().is_none_or(|due| now < due) {
            return;
        }
        self.pinged = self.pinged.wrapping_add(1);
        self.next_ping = now + if self.pinged < PINGS_AT_FIRST { PING_AT_FIRST_EVERY } else { PING_EVERY };
        let Ok(text) = (ToPhone::Ping { id: self.pinged }).to_json() else { return };
        if self.pings.len() == MAX_PINGS {
            self.pings.pop_front();
        }
        self.pings.push_back((self.pinged, at));
        self.say(text);
    }

    /// The next thing to do; words without a channel are lost.
    pub fn task(&mut self) -> Option<Task> {
        if let Some(id) = self.unwanted.pop() {
            return Some(Task::Close(id));
        }
        let Some(id) = self.channel else {
            self.outbox.clear();
            return None;
        };
        self.outbox.pop_front().map(|text| Task::Write(id, text))
    }

    /// Takes a message.
    pub fn hear(&mut self, message: &ChannelData) -> Heard {
        if Some(message.id) != self.channel {
            return Heard::Nothing;
        }
        let Some(left) = self.words.checked_sub(1) else { return Heard::TooMuch };
        self.words = left;
        match FromPhone::parse(&message.data) {
            Some(FromPhone::Pong { id, clock_us }) => {
                let asked = self.pings.iter().position(|(ping, _)| *ping == id).and_then(|at| self.pings.remove(at));
                asked.map_or(Heard::Nothing, |(_, sent)| Heard::Pong { sent, phone: clock_us.saturating_mul(1_000) })
            }
            Some(words) => Heard::Words(words),
            None => Heard::Nothing,
        }
    }

    /// A second has passed.
    pub fn refill(&mut self) {
        self.words = (self.words + WORDS_A_SECOND).min(WORDS);
    }
}
