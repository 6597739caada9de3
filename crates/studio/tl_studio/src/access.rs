//! Who is let in: tickets, the crew code, and who waits for the director.

use std::net::IpAddr;
use std::sync::Arc;

use tl_base::{Secret, SlotId};
use tl_server::{JoinAnswer, JoinAsked, WaitingRoom};
use tl_store::{Redeemed, Tokens, Void};
use tl_wire::{JoinRequest, Refusal, RefusalCode, Role};

/// The label of the crew code, for taking it back.
pub const CREW: &str = tl_store::tokens::CREW_CODE_LABEL;

/// Everything about getting in. May be shared between threads.
pub struct Access {
    tokens: Arc<Tokens>,
    waiting: WaitingRoom,
}

fn refusal(code: RefusalCode, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into() }
}

fn busy(error: &tl_store::Error) -> Refusal {
    refusal(RefusalCode::Busy, format!("The studio cannot let anybody in now: {error}."))
}

impl Access {
    /// Nobody waits yet.
    pub fn new(tokens: Arc<Tokens>) -> Self {
        Self { tokens, waiting: WaitingRoom::default() }
    }

    /// The tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Who waits.
    pub fn waiting(&self) -> Vec<JoinRequest> {
        self.waiting.list()
    }

    /// Somebody comes with a ticket, which becomes a token, or with the crew code, and waits.
    pub fn join(&self, address: IpAddr, asked: &JoinAsked) -> Result<JoinAnswer, Refusal> {
        match asked {
            JoinAsked::Ticket { ticket } => self.redeem(ticket),
            JoinAsked::Crew { code, name } if self.tokens.is_crew_code(code.expose()) => self.waiting.ask(address, name),
            JoinAsked::Crew { .. } => Err(refusal(RefusalCode::Unauthenticated, "This is not the crew's code; ask the director for it.")),
        }
    }

    fn redeem(&self, ticket: &Secret) -> Result<JoinAnswer, Refusal> {
        match self.tokens.redeem(ticket.expose()).map_err(|error| busy(&error))? {
            Ok(Redeemed { actor, token }) => Ok(JoinAnswer::In { token, role: actor.role, slot: actor.slot, label: actor.label }),
            Err(Void::Unknown) => Err(refusal(RefusalCode::Unauthenticated, "This ticket is not known here; ask the director for another.")),
            Err(Void::Used | Void::Expired) => Err(refusal(RefusalCode::Gone, "This ticket was used or is too old; ask the director for another.")),
        }
    }

    /// What became of a request; waits for the director for a while.
    pub async fn decision(&self, request: &str) -> Result<JoinAnswer, Refusal> {
        self.waiting.wait(request).await
    }

    /// Lets somebody in; gives the label by which events name them.
    pub fn admit(&self, id: &str, slot: SlotId) -> Result<String, Refusal> {
        let label = |digits: &str| format!("camera {slot} ({digits})");
        let seen = self.waiting.admit(id, |seen| self.tokens.let_in(Role::Camera, &label(&seen.digits), Some(slot)).map_err(|error| busy(&error)))?;
        Ok(label(&seen.digits))
    }

    /// Sends somebody away; gives what they called themselves.
    pub fn refuse(&self, id: &str) -> Result<String, Refusal> {
        self.waiting.refuse(id).map(|seen| seen.name)
    }
}

/// The name under which somebody is invited.
pub fn label_of(role: Role, slot: Option<SlotId>) -> String {
    match (role, slot) {
        (Role::Camera, Some(slot)) => format!("camera {slot}"),
        (Role::Camera, None) => CREW.to_owned(),
        (Role::Viewer, _) => "watch link".to_owned(),
        (Role::Director, _) => "director".to_owned(),
        (Role::Commentator, _) => "commentator".to_owned(),
        (Role::Owner, _) => "owner".to_owned(),
    }
}
