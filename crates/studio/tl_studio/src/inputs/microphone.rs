//! A microphone without a picture: the commentator's, or the director's.

use std::sync::Arc;

use tl_base::{MediaTime, Protocol};
use tl_rtc::SessionId;
use tl_show::SourceState;

use crate::inputs::camera::Reached;
use crate::inputs::feed::Feed;
use crate::inputs::holder::Sender;

/// A microphone that said nothing for this long, not even silence, is lost.
const LOST_AFTER: MediaTime = MediaTime::from_secs(5);

/// One microphone.
pub struct Microphone {
    /// Its way of sound.
    pub feed: Arc<Feed>,
    /// How it comes in.
    pub protocol: Protocol,
    /// How it is reached.
    pub reached: Reached,
    /// Who sends.
    pub sender: Option<Sender>,
    /// Whose sender that is.
    pub holder: String,
    /// Its state.
    pub state: SourceState,
    /// Whether its holder hears the programme without this microphone.
    pub listens: bool,
    /// Whether the director speaks to its holder.
    pub addressed: bool,
    joined_at: MediaTime,
}

impl Microphone {
    /// A microphone that nobody has yet.
    pub fn new(feed: Arc<Feed>) -> Self {
        Self {
            feed,
            protocol: Protocol::Webrtc,
            reached: Reached::default(),
            sender: None,
            holder: String::new(),
            state: SourceState::Empty,
            listens: false,
            addressed: false,
            joined_at: MediaTime::ZERO,
        }
    }

    /// Somebody takes it, or comes back.
    pub fn join(&mut self, sender: Sender, protocol: Protocol, holder: &str, now: MediaTime) {
        self.sender = Some(sender);
        self.protocol = protocol;
        self.holder = holder.to_owned();
        self.joined_at = now;
        self.listens = false;
        self.state = if self.state == SourceState::Empty { SourceState::Joining } else { SourceState::Returning };
    }

    /// Whoever had it left.
    pub fn leave(&mut self) {
        self.sender = None;
        self.state = SourceState::Lost;
    }

    /// Whether somebody may take it: nobody has it, it is silent, or its holder comes back.
    pub fn may_join(&self, holder: &str, now: MediaTime) -> bool {
        let silent = !self.feed.has_sound(now) && now - self.joined_at > LOST_AFTER;
        self.sender.is_none() || holder == self.holder || silent
    }

    /// Follows what arrives.
    pub fn look(&mut self, now: MediaTime) {
        self.state = match self.state {
            SourceState::Empty => SourceState::Empty,
            _ if self.feed.has_sound(now) => SourceState::Live,
            SourceState::Live => SourceState::Stale,
            state if now - self.joined_at > LOST_AFTER && self.sender.is_none() => match state {
                SourceState::Joining => SourceState::Empty,
                _ => SourceState::Lost,
            },
            state => state,
        };
    }

    /// The WebRTC session it sends through.
    pub fn session(&self) -> Option<SessionId> {
        self.sender.and_then(Sender::session)
    }
}
