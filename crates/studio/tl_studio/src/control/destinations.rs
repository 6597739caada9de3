//! Destinations: switched on and off, added and taken out, and told how they fare.

use tl_base::MediaTime;
use tl_media::push;
use tl_show::Fact;
use tl_store::Actor;
use tl_store::setup::DestinationSetup;
use tl_wire::{Refusal, RefusalCode};

use super::commands::refusal;
use super::{Control, Wake};
use crate::config::Destination;

impl Control {
    pub(super) fn switch_destination(&mut self, name: &str, on: bool) -> Result<(), Refusal> {
        let Some(destination) = self.destination_named(name) else {
            return Err(refusal(RefusalCode::NotFound, format!("There is no destination called {name}; add it first.")));
        };
        if on {
            self.connect(&destination);
        } else {
            self.parts.outputs.disconnect(name);
            self.log(Fact::DestinationChanged { name: name.to_owned(), state: "off".into(), reason: String::new() }, "studio", None);
        }
        Ok(())
    }

    fn destination_named(&self, name: &str) -> Option<Destination> {
        self.parts.config.destinations.iter().find(|destination| destination.name == name).cloned()
    }

    fn connect(&mut self, destination: &Destination) {
        let wakes = self.parts.wakes.clone();
        let has_audio = self.parts.config.sound;
        let name = destination.name.as_str();
        // A control loop that is behind hears the next state instead.
        let connected = self.parts.outputs.connect(destination, has_audio, move |event| drop(wakes.send(Wake::Destination(event))));
        if let Err(error) = connected {
            let reason = tl_base::log::redact(&error.to_string());
            self.parts.outputs.note_state(name, "refused", &reason, None);
            self.log(Fact::DestinationChanged { name: name.to_owned(), state: "refused".into(), reason }, "studio", None);
        }
    }

    /// Destinations that were on when the last run ended are reached again unaided.
    pub(super) fn reconnect_destinations(&mut self) {
        // What the log knows decides: one that somebody switched off stays off, whatever the command line says.
        let was_on = |name: &str| self.parts.show.destinations().get(name).map(|state| state != "off" && state != "refused");
        let wanted = |destination: &&Destination| was_on(&destination.name).unwrap_or(destination.on);
        let on: Vec<Destination> = self.parts.config.destinations.iter().filter(wanted).cloned().collect();
        for destination in on {
            self.connect(&destination);
        }
    }

    /// Somebody adds a destination, gives it another address, or takes it out.
    pub(super) fn set_destination(&mut self, actor: &Actor, name: &str, setup: Option<DestinationSetup>) -> Result<(), Refusal> {
        let busy = |error: tl_store::Error| refusal(RefusalCode::Busy, format!("The destination was not kept: {error}."));
        let before = self.destination_named(name);
        let Some(setup) = setup else {
            let Some(before) = before else {
                return Err(refusal(RefusalCode::NotFound, format!("There is no destination called {name}.")));
            };
            self.parts.setup.remove_destination(name, before.in_settings).map_err(busy)?;
            self.parts.outputs.disconnect(name);
            self.parts.config.destinations.retain(|destination| destination.name != name);
            self.share_destinations();
            self.log(Fact::DestinationRemoved { name: name.to_owned() }, &actor.label, None);
            return Ok(());
        };
        let setup = self.parts.setup.set_destination(name, setup, before.as_ref().and_then(|before| before.setup.as_ref())).map_err(busy)?;
        let mut destination = Destination::of(name, setup).map_err(|error| refusal(RefusalCode::Invalid, error))?;
        destination.in_settings = before.as_ref().is_some_and(|before| before.in_settings);
        let was_sending = self.parts.outputs.is_connected(name);
        if was_sending {
            self.parts.outputs.disconnect(name);
        }
        self.parts.config.destinations.retain(|known| known.name != name);
        self.parts.config.destinations.push(destination.clone());
        self.share_destinations();
        self.log(Fact::DestinationSet { name: name.to_owned(), kind: destination.kind().into(), address: destination.shown() }, &actor.label, None);
        if was_sending {
            self.connect(&destination);
        }
        Ok(())
    }

    /// Lets the door know what is set up.
    fn share_destinations(&self) {
        self.parts.shared.destinations.store(std::sync::Arc::new(self.parts.config.destinations.clone()));
    }

    pub(super) fn destination(&mut self, name: &str, event: push::Event) {
        let mut retry_at = None;
        let (state, reason) = match event {
            push::Event::Connecting => ("connecting", String::new()),
            push::Event::Live => {
                // The stream begins with a key picture: one is made now rather than waited for.
                self.parts.outputs.ask_key();
                ("live", String::new())
            }
            push::Event::Waiting { retry_in, reason } => {
                retry_at = Some(self.parts.clock.now() + MediaTime::from(retry_in));
                ("waiting", reason)
            }
            push::Event::Refused { reason } => ("refused", reason),
            push::Event::Stopped => ("off", String::new()),
        };
        self.parts.outputs.note_state(name, state, &reason, retry_at);
        if self.parts.show.destinations().get(name).map(String::as_str) != Some(state) {
            self.log(Fact::DestinationChanged { name: name.to_owned(), state: state.into(), reason }, "studio", None);
        }
    }
}
