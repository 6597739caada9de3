//! The ways in that the studio supervises itself: what is pulled, what is listened for, who publishes, who uploads.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, PoisonError};

use tl_base::{MediaTime, Protocol, SlotId};
use tl_media::{input, rtmp_server};
use tl_show::{Fact, SoundProcessing};
use tl_store::Actor;
use tl_wire::{Refusal, RefusalCode};

use super::Control;
use super::commands::refusal;
use crate::config::Source;
use crate::inputs::holder::Sender;
use crate::inputs::keys::SlotKeys;
use crate::inputs::ways::{Published, Told, serve_rtmp};
use tl_store::setup::SourceSetup;

impl Control {
    /// Starts what the settings name and listens for apps. What does not start is told and costs nothing else.
    pub(super) fn open_ways(&mut self) {
        let wanted = self.parts.config.processing;
        if self.parts.show.processing() == SoundProcessing::default() && wanted != SoundProcessing::default() {
            self.log(Fact::SoundProcessingSet { processing: wanted }, "studio", None);
        }
        for setup in std::mem::take(&mut self.parts.config.sources) {
            let slot = setup.slot;
            if let Err(error) = self.start_source(&setup) {
                tracing::warn!(%slot, error, "a source was not started");
            }
        }
        if self.parts.config.inputs.srt {
            for slot in (1..=self.parts.config.cameras).map(SlotId) {
                self.listen(slot);
            }
        }
        if self.parts.config.inputs.rtmp {
            self.serve_rtmp();
        }
        self.parts.ports.set_ready();
    }

    /// Opens a slot's SRT port: the one it had before, the one of the settings, or any free one.
    fn listen(&mut self, slot: SlotId) {
        let Some(feed) = self.parts.shared.feeds.get(&slot).cloned() else { return };
        let inputs = self.parts.config.inputs;
        let (passphrase, last) = {
            let keys = self.parts.keys.lock().unwrap_or_else(PoisonError::into_inner);
            (keys.passphrase(slot), keys.last_port(slot))
        };
        let wished = if inputs.srt_port == 0 { last.unwrap_or(0) } else { inputs.srt_port.saturating_add(slot.0 - 1) };
        let kind = |port: u16| input::Kind::Srt {
            bind: SocketAddr::new(self.parts.config.address, port),
            stream_id: Some(SlotKeys::stream_id(slot)),
            passphrase: passphrase.clone(),
            latency: inputs.srt_latency,
        };
        // The library that speaks SRT shares a port with another program's listener and says nothing; callers would then reach either.
        let taken = wished != 0 && UdpSocket::bind((self.parts.config.address, wished)).is_err();
        if taken {
            tracing::warn!(%slot, port = wished, "an SRT port is taken; another is used");
        }
        let wished = if taken { 0 } else { wished };
        let opened = match self.ways.listen(slot, kind(wished), &feed) {
            Err(error) if wished != 0 => {
                tracing::warn!(%slot, port = wished, %error, "an SRT port is taken; another is used");
                self.ways.listen(slot, kind(0), &feed)
            }
            opened => opened,
        };
        match opened {
            Ok(Some(address)) => {
                self.parts.ports.set_srt(slot, address.port());
                self.parts.keys.lock().unwrap_or_else(PoisonError::into_inner).note_port(slot, address.port());
            }
            Ok(None) => tl_base::never!("a listener without an address"),
            Err(error) => tracing::warn!(%slot, %error, "no app can reach this camera by SRT"),
        }
    }

    fn serve_rtmp(&mut self) {
        let config = &self.parts.config;
        let feeds = self.parts.shared.feeds.iter().filter(|(slot, _)| slot.0 <= config.cameras).map(|(slot, feed)| (*slot, Arc::clone(feed))).collect();
        let server = |port: u16| rtmp_server::Config {
            bind: SocketAddr::new(config.address, port),
            tls: config.inputs.rtmps.then(|| config.tls_files()),
            clock: self.parts.clock,
            limits: rtmp_server::Limits::default(),
        };
        let start = |port: u16, feeds| serve_rtmp(server(port), &self.parts.keys, feeds, self.parts.clock, self.parts.wakes.clone());
        let last = self.parts.keys.lock().unwrap_or_else(PoisonError::into_inner).last_rtmp_port();
        let wished = if config.inputs.rtmp_port == 0 { last.unwrap_or(0) } else { config.inputs.rtmp_port };
        let feeds: std::collections::BTreeMap<_, _> = feeds;
        let opened = start(wished, feeds.clone()).or_else(|error| {
            if wished == 0 {
                return Err(error);
            }
            tracing::warn!(port = wished, %error, "the RTMP port is taken; another is used");
            start(0, feeds)
        });
        match opened {
            Ok(server) => {
                let port = server.address().port();
                self.parts.ports.set_rtmp(port, self.parts.config.inputs.rtmps);
                self.parts.keys.lock().unwrap_or_else(PoisonError::into_inner).note_rtmp_port(port);
                self.rtmp = Some(server);
            }
            Err(error) => tracing::warn!(%error, "no app can reach this studio by RTMP"),
        }
    }

    /// Somebody tells where a source's pictures come from.
    pub(super) fn set_source(&mut self, actor: &Actor, slot: SlotId, setup: Option<SourceSetup>) -> Result<(), Refusal> {
        let known = slot == SlotId::COMMENTARY || (slot.is_camera() && slot.0 <= self.parts.config.cameras);
        if !known {
            return Err(refusal(RefusalCode::NotFound, format!("There is no camera position {slot}; this session has {}.", self.parts.config.cameras)));
        }
        let Some(setup) = setup else {
            self.parts.setup.clear_source(slot).map_err(|error| refusal(RefusalCode::Busy, format!("The source was not taken out: {error}.")))?;
            if let Some(sender) = self.ways.clear(slot) {
                self.left(slot, sender, "its address was taken out");
            }
            self.reach(slot, |reached| *reached = crate::inputs::camera::Reached::default());
            self.log(Fact::SourceSet { slot, protocol: Protocol::Webrtc.to_string(), address: String::new() }, &actor.label, None);
            return Ok(());
        };
        let busy = |error: tl_store::Error| refusal(RefusalCode::Busy, format!("The source was not kept: {error}."));
        let setup = self.parts.setup.set_source(slot, setup).map_err(busy)?;
        let source = Source::of(slot, &setup, &self.parts.config).map_err(|error| refusal(RefusalCode::Invalid, error))?;
        self.start_source(&source).map_err(|error| refusal(RefusalCode::Invalid, error))?;
        let (protocol, address) = (source.protocol().to_string(), source.address);
        self.log(Fact::SourceSet { slot, protocol, address }, &actor.label, None);
        Ok(())
    }

    fn start_source(&mut self, setup: &Source) -> Result<(), String> {
        let slot = setup.slot;
        let feed = self.parts.shared.feeds.get(&slot).cloned().ok_or_else(|| format!("There is no camera position {slot}."))?;
        // Whoever sends there now makes way for what somebody asked for.
        if self.cameras.get(&slot).is_some_and(|camera| camera.sender.is_some()) {
            self.disconnect(slot, "another source was chosen");
        }
        let protocol = setup.protocol();
        if let Some(kind) = &setup.kind {
            self.ways.set(slot, kind.clone(), &feed).map_err(|error| format!("The source was not started: {error}."))?;
        } else {
            self.ways.clear(slot);
        }
        if let Some(camera) = self.camera(slot, protocol) {
            camera.protocol = protocol;
        }
        let address = setup.address.clone();
        let state = if setup.kind.is_some() { "connecting" } else { "listening" };
        self.reach(slot, |reached| (reached.state, reached.address, reached.retry_at) = (state, address, None));
        if slot.is_camera() {
            let camera = self.parts.show.camera(slot);
            if camera.name.is_empty() && !(setup.name.is_empty() && setup.position.is_empty()) {
                self.log(Fact::CameraNamed { slot, name: setup.name.clone(), position: setup.position.clone() }, "studio", None);
            }
            if let Some(trim_ms) = setup.trim_ms.filter(|_| !self.parts.show.is_trimmed(slot)) {
                self.log(Fact::TrimSet { slot, trim_ms }, "studio", None);
                self.apply_times(slot);
            }
            if let Some(priority) = setup.priority.filter(|priority| *priority != self.parts.show.priority(slot)) {
                self.log(Fact::PrioritySet { slot, priority }, "studio", None);
            }
        }
        Ok(())
    }

    /// Changes what people read of how a source is reached.
    fn reach(&mut self, slot: SlotId, change: impl FnOnce(&mut crate::inputs::camera::Reached)) {
        if let Some(microphone) = self.microphones.get_mut(&slot) {
            change(&mut microphone.reached);
        } else if let Some(camera) = self.cameras.get_mut(&slot) {
            change(&mut camera.reached);
        }
    }

    pub(super) fn way(&mut self, told: Told) {
        let Told { slot, sender, event } = told;
        if !self.ways.knows(slot, sender) {
            return;
        }
        let now = self.parts.clock.now();
        match event {
            input::Event::Connected { peer } => self.way_connected(slot, sender, peer.as_deref()),
            input::Event::Lost { reason } => {
                self.left(slot, sender, &reason);
                self.reach(slot, |reached| (reached.state, reached.detail) = ("waiting", reason));
            }
            input::Event::Waiting { retry_in, reason } => {
                let retry_at = Some(now + MediaTime::from(retry_in));
                self.reach(slot, |reached| (reached.state, reached.detail, reached.retry_at) = ("waiting", reason, retry_at));
            }
            input::Event::Refused { reason } => {
                self.left(slot, sender, &reason);
                self.reach(slot, |reached| (reached.state, reached.detail, reached.retry_at) = ("refused", reason, None));
            }
            input::Event::Connecting => self.reach(slot, |reached| (reached.state, reached.retry_at) = ("connecting", None)),
            input::Event::Ended | input::Event::Stopped => self.left(slot, sender, "it ended"),
            input::Event::Clock(state) => {
                if let Some(camera) = self.sending(slot, sender) {
                    camera.clock = Some(state);
                }
            }
            input::Event::Stats(stats) => {
                if let Some(camera) = self.sending(slot, sender) {
                    camera.stats = stats;
                }
            }
            input::Event::TurnedAway { peer, reason } => tracing::info!(%slot, peer, reason, "a caller was turned away"),
            input::Event::Listening { addr } => tracing::debug!(%slot, %addr, "listening"),
            // Units go straight to the feed.
            input::Event::Unit(_) => {}
        }
    }

    fn sending(&mut self, slot: SlotId, sender: Sender) -> Option<&mut crate::inputs::camera::Camera> {
        self.cameras.get_mut(&slot).filter(|camera| camera.sender == Some(sender))
    }

    fn way_connected(&mut self, slot: SlotId, sender: Sender, peer: Option<&str>) {
        let Some(feed) = self.parts.shared.feeds.get(&slot).cloned() else { return };
        let protocol = self.ways.protocol(slot, sender).unwrap_or(Protocol::File);
        let now = self.parts.clock.now();
        let wanted = self.ways.is_set(slot, sender);
        // What the director chose for a slot takes it; a caller that nobody chose waits until whoever has it is gone.
        if !feed.holder().is(sender) {
            if !wanted && feed.is_taken(now) {
                tracing::info!(%slot, peer, "a caller was sent away: another phone sends to this camera");
                self.ways.turn_away(slot, sender, &feed);
                return;
            }
            if let Some(before) = feed.take_over(sender) {
                self.close_sender(slot, before);
                self.left(slot, before, "another source took its place");
            }
        }
        let holder = peer.map_or_else(|| protocol.to_string(), |peer| format!("{protocol} {peer}"));
        if slot.is_camera() {
            self.joined(slot, sender, protocol, &holder);
        } else if let Some(microphone) = self.microphones.get_mut(&slot) {
            microphone.join(sender, protocol, &holder, now);
            microphone.reached.state = "connected";
        }
    }

    pub(super) fn published(&mut self, published: Published) {
        match published {
            Published::Began { slot, sender, connection, peer } => {
                self.publishers.insert(sender, connection);
                if let Some(before) = self.cameras.get(&slot).and_then(|camera| camera.sender).filter(|before| *before != sender) {
                    self.close_sender(slot, before);
                    self.left(slot, before, "another sender took its place");
                }
                self.joined(slot, sender, Protocol::Rtmp, &format!("rtmp {}", peer.ip()));
            }
            Published::Ended { slot, sender, reason } => self.left(slot, sender, &reason),
            Published::Stats { slot, sender, stats } => {
                if let Some(camera) = self.sending(slot, sender) {
                    camera.stats = stats;
                }
            }
            Published::Clock { slot, sender, state } => {
                if let Some(camera) = self.sending(slot, sender) {
                    camera.clock = Some(state);
                }
            }
            Published::NoSound { slot, reason } => self.reach(slot, |reached| reached.detail = format!("Its sound cannot be used: {reason}.")),
        }
    }

    pub(super) fn uploading(&mut self, slot: SlotId, sender: Sender, label: &str) {
        let before = self.cameras.get(&slot).and_then(|camera| camera.sender).filter(|before| *before != sender);
        if let Some(before) = before {
            self.close_sender(slot, before);
        }
        self.joined(slot, sender, Protocol::Chunks, label);
    }

    /// A camera that is about to be seen is decoded whole again, from its next key picture on.
    pub(super) fn wake_camera(&mut self, slot: SlotId) {
        let Some(camera) = self.cameras.get(&slot).filter(|camera| camera.feed.is_keys_only()) else { return };
        camera.feed.set_keys_only(false);
        if let (Some(rtc), Some(session)) = (&self.parts.rtc, camera.session()) {
            rtc.request_key(session);
        }
    }
}
