//! Who came with the crew code and waits for the director. Lives in memory: a restart sends everybody back to the door.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tl_base::{Secret, Wall};
use tl_store::{Redeemed, random_token};
use tl_wire::{JoinRequest, Refusal, RefusalCode};
use tokio::sync::watch;

use crate::asked::JoinAnswer;

/// Requests at a time.
pub const MAX_WAITING: usize = 32;

/// Requests at a time from one address: somebody who knows the code must not fill the director's list.
const MAX_PER_ADDRESS: usize = 4;

/// The longest name, characters.
const MAX_NAME_CHARS: usize = 40;

/// How long a request waits for the director, and an answer for its phone.
const LIFE: Duration = Duration::from_secs(300);

/// How long one question waits.
const WAIT: Duration = Duration::from_secs(10);

/// The waiting room. May be shared between threads.
pub struct WaitingRoom {
    life: Duration,
    waiting: Mutex<Vec<Waiting>>,
    version: watch::Sender<u64>,
}

struct Waiting {
    seen: JoinRequest,
    /// What only the phone knows, so that nobody else fetches its token.
    secret: Secret,
    address: IpAddr,
    since: Instant,
    decided: Option<Decided>,
}

enum Decided {
    In(Redeemed),
    Refused,
}

impl Default for WaitingRoom {
    fn default() -> Self {
        Self::with_life(LIFE)
    }
}

impl WaitingRoom {
    /// An empty room in which requests wait for at most this long.
    pub fn with_life(life: Duration) -> Self {
        Self { life, waiting: Mutex::default(), version: watch::channel(0).0 }
    }

    /// Somebody with the crew code asks to be let in.
    pub fn ask(&self, address: IpAddr, name: &str) -> Result<JoinAnswer, Refusal> {
        let name = name.trim();
        if !(1..=MAX_NAME_CHARS).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return Err(refusal(RefusalCode::Invalid, format!("A name has 1 to {MAX_NAME_CHARS} characters on one line; say who you are.")));
        }
        let busy = |_| refusal(RefusalCode::Busy, "The studio could not take the request; try again.");
        let (id, secret) = (fresh_id().map_err(busy)?, random_token(16).map_err(busy)?);
        let digits = digits_of(&random_token(16).map_err(busy)?);
        let request = format!("{id}-{secret}");
        let mut waiting = self.lock();
        if waiting.len() >= MAX_WAITING || waiting.iter().filter(|known| known.address == address).count() >= MAX_PER_ADDRESS {
            return Err(refusal(RefusalCode::TooMany, "Too many phones wait to be let in; ask the director, then try again."));
        }
        let seen = JoinRequest { id, name: name.to_owned(), digits: digits.clone(), since: Wall::now() };
        waiting.push(Waiting { seen, secret: Secret::new(secret), address, since: Instant::now(), decided: None });
        drop(waiting);
        self.changed();
        Ok(JoinAnswer::Waiting { request, digits })
    }

    /// Who waits, oldest first, for the snapshot.
    pub fn list(&self) -> Vec<JoinRequest> {
        self.lock().iter().filter(|waiting| waiting.decided.is_none()).map(|waiting| waiting.seen.clone()).collect()
    }

    /// Lets somebody in: `redeem` makes the token and is called only when they still wait.
    pub fn admit(&self, id: &str, redeem: impl FnOnce(&JoinRequest) -> Result<Redeemed, Refusal>) -> Result<JoinRequest, Refusal> {
        self.decide(id, |seen| redeem(seen).map(Decided::In))
    }

    /// Sends somebody away.
    pub fn refuse(&self, id: &str) -> Result<JoinRequest, Refusal> {
        self.decide(id, |_| Ok(Decided::Refused))
    }

    /// What became of a request; waits for the director for a while. A token is told once.
    pub async fn wait(&self, request: &str) -> Result<JoinAnswer, Refusal> {
        let mut version = self.version.subscribe();
        let deadline = tokio::time::sleep(WAIT);
        tokio::pin!(deadline);
        loop {
            version.borrow_and_update();
            let answer = self.look(request);
            if !matches!(answer, Ok(JoinAnswer::Waiting { .. })) {
                return answer;
            }
            tokio::select! {
                // The sender lives as long as this room.
                _ = version.changed() => {}
                () = &mut deadline => return answer,
            }
        }
    }

    /// Rises whenever somebody comes, is let in or goes.
    pub fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn look(&self, request: &str) -> Result<JoinAnswer, Refusal> {
        let gone = || refusal(RefusalCode::Gone, "This request is over; type the crew code again.");
        let (id, secret) = request.split_once('-').ok_or_else(gone)?;
        let mut waiting = self.lock();
        let own = |waiting: &Waiting| waiting.seen.id == id && bool::from(waiting.secret.expose().as_bytes().ct_eq(secret.as_bytes()));
        let at = waiting.iter().position(own).ok_or_else(gone)?;
        let undecided = waiting.get(at).filter(|found| found.decided.is_none());
        if let Some(found) = undecided {
            return Ok(JoinAnswer::Waiting { request: request.to_owned(), digits: found.seen.digits.clone() });
        }
        match waiting.remove(at).decided {
            Some(Decided::In(Redeemed { actor, token })) => Ok(JoinAnswer::In { token, role: actor.role, slot: actor.slot, label: actor.label }),
            Some(Decided::Refused) | None => Err(refusal(RefusalCode::Forbidden, "The director did not let this phone in; ask in person.")),
        }
    }

    fn decide(&self, id: &str, decide: impl FnOnce(&JoinRequest) -> Result<Decided, Refusal>) -> Result<JoinRequest, Refusal> {
        let gone = || refusal(RefusalCode::NotFound, "Nobody waits by this name any more; look at the list again.");
        let mut waiting = self.lock();
        let found = waiting.iter_mut().find(|waiting| waiting.seen.id == id && waiting.decided.is_none()).ok_or_else(gone)?;
        found.decided = Some(decide(&found.seen)?);
        let seen = found.seen.clone();
        drop(waiting);
        self.changed();
        Ok(seen)
    }

    fn changed(&self) {
        self.version.send_modify(|version| *version = version.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|waiting| waiting.since.elapsed() < self.life);
        waiting
    }
}

fn fresh_id() -> Result<String, tl_store::Error> {
    let letters: String = random_token(12)?.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    Ok(format!("j{letters}"))
}

/// Six digits of a random word.
fn digits_of(random: &str) -> String {
    let number = Sha256::digest(random.as_bytes()).iter().take(7).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{:06}", number % 1_000_000)
}

fn refusal(code: RefusalCode, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into() }
}

#[cfg(test)]
mod tests {
    use tl_base::SlotId;
    use tl_store::Actor;
    use tl_wire::Role;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 9));

    fn asked(room: &WaitingRoom) -> (String, String) {
        match room.ask(HERE, "Anna") {
            Ok(JoinAnswer::Waiting { request, digits }) => (request, digits),
            other => panic!("{other:?}"),
        }
    }

    fn let_in(_: &JoinRequest) -> Result<Redeemed, Refusal> {
        Ok(Redeemed { actor: Actor { role: Role::Camera, label: "Anna".to_owned(), slot: Some(SlotId(2)) }, token: Secret::new("t") })
    }

    #[test]
    fn the_director_sees_who_waits_and_only_the_phone_gets_its_token() {
        let room = WaitingRoom::default();
        let (request, digits) = asked(&room);
        let [seen] = &room.list()[..] else { panic!("one waits") };
        assert_eq!((seen.name.as_str(), &seen.digits, digits.len()), ("Anna", &digits, 6));
        assert!(request.starts_with(&seen.id) && request.len() > seen.id.len() + 20);
        assert!(matches!(room.look(&request), Ok(JoinAnswer::Waiting { .. })));
        room.admit(&seen.id, let_in).expect("let in");
        assert_eq!(room.look(&seen.id).expect_err("no secret").code, RefusalCode::Gone);
        assert_eq!(room.look(&format!("{}-guess", seen.id)).expect_err("a guess").code, RefusalCode::Gone);
        assert!(matches!(room.look(&request), Ok(JoinAnswer::In { slot: Some(SlotId(2)), .. })));
        assert_eq!(room.look(&request).expect_err("once").code, RefusalCode::Gone);
        assert_eq!(room.admit(&seen.id, let_in).expect_err("gone").code, RefusalCode::NotFound);
    }

    #[test]
    fn who_is_sent_away_is_told_and_a_token_that_cannot_be_made_leaves_them_waiting() {
        let room = WaitingRoom::default();
        let (request, _) = asked(&room);
        let id = room.list()[0].id.clone();
        room.admit(&id, |_| Err(refusal(RefusalCode::Busy, "no"))).expect_err("no token");
        assert_eq!(room.list().len(), 1);
        room.refuse(&id).expect("sent away");
        assert!(room.list().is_empty());
        assert_eq!(room.look(&request).expect_err("refused").code, RefusalCode::Forbidden);
    }

    #[test]
    fn the_room_is_small_and_nobody_waits_for_ever() {
        let room = WaitingRoom::with_life(Duration::from_secs(60));
        for number in 0..MAX_WAITING {
            let from = IpAddr::V4((number as u32 / MAX_PER_ADDRESS as u32).into());
            room.ask(from, "x").expect("room");
        }
        assert_eq!(room.ask(HERE, "x").expect_err("full").code, RefusalCode::TooMany);
        let room = WaitingRoom::with_life(Duration::from_secs(60));
        for _ in 0..MAX_PER_ADDRESS {
            asked(&room);
        }
        assert_eq!(room.ask(HERE, "x").expect_err("one address").code, RefusalCode::TooMany);
        for bad in ["", "  ", "a\nb", &"x".repeat(41)] {
            assert_eq!(WaitingRoom::default().ask(HERE, bad).expect_err(bad).code, RefusalCode::Invalid);
        }
        let short = WaitingRoom::with_life(Duration::ZERO);
        let (request, _) = asked(&short);
        assert_eq!((short.list().len(), short.look(&request).expect_err("late").code), (0, RefusalCode::Gone));
    }
}
