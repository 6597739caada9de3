//! Who may do what: tokens of 256 bits, tickets that become one, and the crew code; all compared in constant time.

mod clock;
mod code;
mod entry;
mod random;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tl_base::{Secret, SlotId, Wall};
use tl_wire::Role;

use crate::files::{self, Privacy};
use crate::{Error, Hash};
pub use clock::Now;
use clock::TokenClock;
pub use entry::{Actor, StoredLink, TokenKind, TokenView};
use entry::{Crew, Entry, Written};
pub use random::random_token;

/// The most tokens that are kept at a time.
pub const MAX_TOKENS: usize = 1_024;

/// The most personal tickets that are remembered at a time, used ones included; the oldest leaves.
pub const MAX_TICKETS: usize = 256;

/// The longest label, bytes.
pub const MAX_LABEL_BYTES: usize = 64;

/// How long a personal ticket can be used.
pub const TICKET_LIFE: Duration = Duration::from_secs(120);

/// How long a token holds that was given for a ticket: a tournament's weekend.
pub const TOKEN_LIFE: Duration = Duration::from_secs(72 * 3_600);

/// The label of the crew code.
pub const CREW_CODE_LABEL: &str = "crew code";

/// Someone who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redeemed {
    /// Who.
    pub actor: Actor,
    /// Their token from now on.
    pub token: Secret,
}

/// Why a ticket opens nothing. Whoever shows one is told no more than that it is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// It was never issued, or long ago.
    Unknown,
    /// It was used.
    Used,
    /// It is too old.
    Expired,
}

/// The tokens of this studio, in `tokens.json` (mode 0600). May be shared between threads. Personal tickets live in memory
/// alone: a restart makes them void.
pub struct Tokens {
    path: PathBuf,
    clock: TokenClock,
    state: Mutex<State>,
    /// Held from before a change is made until it is on the disk, so that files are written in the order of the changes; the
    /// state itself is not, so that a slow disk keeps nobody out. Taken before `state`.
    saving: Mutex<()>,
    write: Write,
}

/// Puts the form on the disk.
type Write = Box<dyn Fn(&Path, &Written) -> Result<(), Error> + Send + Sync>;

/// What is kept on the disk.
struct Lasting {
    entries: Vec<Entry>,
    crew: Option<Crew>,
}

struct State {
    entries: Vec<Entry>,
    crew: Option<Crew>,
    tickets: Vec<Ticket>,
}

struct Ticket {
    entry: Entry,
    used: bool,
}

impl Tokens {
    /// Opens the tokens of a data folder. A file that cannot be read is set aside and told; its links are then void.
    pub fn open(data: &Path) -> Result<(Self, Vec<String>), Error> {
        Self::open_with(data, clock::system())
    }

    /// The same by another clock.
    pub fn open_with(data: &Path, now: Now) -> Result<(Self, Vec<String>), Error> {
        files::make_folder(data)?;
        let path = data.join("tokens.json");
        let mut problems = Vec::new();
        let written = match files::read_json::<Written>(&path) {
            Ok(written) => written.unwrap_or_default(),
            // The error may quote the file, and the file holds secrets.
            Err(_) => {
                let aside = data.join("tokens.damaged.json");
                std::fs::rename(&path, &aside).map_err(Error::io("set aside", &path))?;
                problems.push(format!("tokens.json cannot be read; all links are void and new ones are made; the old file is {}", aside.display()));
                Written::default()
            }
        };
        let (seen, mut entries, crew) = written.into_parts();
        let clock = TokenClock::new(now, seen);
        let at = clock.micros();
        entries.truncate(MAX_TOKENS);
        entries.retain_mut(|entry| {
            // A wall clock that was far ahead when it was issued must not make it live longer than it may.
            entry.expires = entry.expires.map(|expires| expires.min(at.saturating_add(clock::micros(TOKEN_LIFE))));
            entry.holds(at)
        });
        let state = Mutex::new(State { entries, crew, tickets: Vec::new() });
        let write = Box::new(|path: &Path, written: &Written| files::write_json(path, written, Privacy::Private));
        Ok((Self { path, clock, state, saving: Mutex::new(()), write }, problems))
    }

    /// Makes a token that cannot be read back: only its hash is kept.
    pub fn issue(&self, role: Role, label: &str, slot: Option<SlotId>) -> Result<Secret, Error> {
        self.add(role, label, slot, false, None)
    }

    /// The token for this role, label and slot that a resumed studio shows again; made when there is none.
    pub fn issue_lasting(&self, role: Role, label: &str, slot: Option<SlotId>) -> Result<Secret, Error> {
        let known = self.links().into_iter().find(|link| link.actor.role == role && link.actor.slot == slot && link.actor.label == label);
        known.map_or_else(|| self.add(role, label, slot, true, None), |link| Ok(link.token))
    }

    /// A token that holds for [`TOKEN_LIFE`], for somebody whom the director let in.
    pub fn let_in(&self, role: Role, label: &str, slot: Option<SlotId>) -> Result<Redeemed, Error> {
        let token = self.add(role, label, slot, false, Some(TOKEN_LIFE))?;
        Ok(Redeemed { actor: Actor { role, label: label.to_owned(), slot }, token })
    }

    /// A personal ticket: 128 bits, to be used once within [`TICKET_LIFE`]; and when it becomes void.
    pub fn issue_ticket(&self, role: Role, label: &str, slot: Option<SlotId>) -> Result<(Secret, Wall), Error> {
        check_label(label)?;
        let text = random_token(16)?;
        let expires = self.clock.micros().saturating_add(clock::micros(TICKET_LIFE));
        let mut state = self.lock();
        if state.tickets.len() >= MAX_TICKETS {
            state.tickets.remove(0);
        }
        let entry = Entry { role, label: label.to_owned(), slot, sha256: hash_of(&text), issued: self.clock.wall(), expires: Some(expires), token: None };
        state.tickets.push(Ticket { entry, used: false });
        Ok((Secret::new(text), self.clock.wall_of(expires)))
    }

    /// Trades a personal ticket for a token. Every ticket is looked at, so that time tells nothing.
    pub fn redeem(&self, ticket: &str) -> Result<Result<Redeemed, Void>, Error> {
        let shown = hash_of(ticket.get(..128).unwrap_or(ticket));
        let at = self.clock.micros();
        let mut found = Err(Void::Unknown);
        for ticket in &mut self.lock().tickets {
            if bool::from(ticket.entry.sha256.as_bytes().ct_eq(shown.as_bytes())) {
                found = match (ticket.used, ticket.entry.holds(at)) {
                    (true, _) => Err(Void::Used),
                    (false, false) => Err(Void::Expired),
                    (false, true) => Ok(ticket.entry.actor()),
                };
                ticket.used = true;
            }
        }
        let actor = match found {
            Ok(actor) => actor,
            Err(void) => return Ok(Err(void)),
        };
        let redeemed = self.let_in(actor.role, &actor.label, actor.slot);
        if redeemed.is_err() {
            // Nobody got in by it: it may be tried again.
            self.lock().tickets.iter_mut().filter(|ticket| ticket.entry.sha256 == shown).for_each(|ticket| ticket.used = false);
        }
        redeemed.map(Ok)
    }

    /// The crew code; made when there is none.
    pub fn crew_code(&self) -> Result<Secret, Error> {
        let known = self.lock().crew.as_ref().map(|crew| Secret::new(&crew.code));
        known.map_or_else(|| self.renew_crew_code(), Ok)
    }

    /// A new crew code; the one before is void.
    pub fn renew_crew_code(&self) -> Result<Secret, Error> {
        let code = code::fresh()?;
        self.change(|state| {
            state.crew = Some(Crew { code: code.clone(), issued: self.clock.wall() });
            Ok(())
        })?;
        Ok(Secret::new(code))
    }

    /// Whether this is the crew code as people type it. In constant time.
    pub fn is_crew_code(&self, text: &str) -> bool {
        let (Some(shown), state) = (code::typed(text), self.lock()) else { return false };
        state.crew.as_ref().is_some_and(|crew| bool::from(hash_of(&crew.code).as_bytes().ct_eq(hash_of(&shown).as_bytes())))
    }

    /// The links that a resumed studio shows again.
    pub fn links(&self) -> Vec<StoredLink> {
        let link = |entry: &Entry| entry.token.as_ref().map(|token| StoredLink { actor: entry.actor(), token: Secret::new(token) });
        self.lock().entries.iter().filter_map(link).collect()
    }

    /// Whose token this is. Every stored hash is looked at, so that time tells nothing.
    pub fn authenticate(&self, token: &str) -> Option<Actor> {
        if token.is_empty() || token.len() > 128 {
            return None;
        }
        let (shown, at) = (hash_of(token), self.clock.micros());
        let state = self.lock();
        let mut found = None;
        for entry in &state.entries {
            if bool::from(entry.sha256.as_bytes().ct_eq(shown.as_bytes())) {
                found = Some(entry);
            }
        }
        found.filter(|entry| entry.holds(at)).map(Entry::actor)
    }

    /// Everything that holds, without its secret: links and tokens in the order in which they were made, tickets, the crew code.
    pub fn list(&self) -> Vec<TokenView> {
        let at = self.clock.micros();
        let state = self.lock();
        let view = |entry: &Entry, kind: TokenKind| TokenView {
            label: entry.label.clone(),
            kind,
            role: entry.role,
            slot: entry.slot,
            issued: entry.issued,
            expires: entry.expires.map(|expires| self.clock.wall_of(expires)),
        };
        let kind = |entry: &Entry| if entry.expires.is_some() { TokenKind::Token } else { TokenKind::Link };
        let tokens = state.entries.iter().filter(|entry| entry.holds(at)).map(|entry| view(entry, kind(entry)));
        let tickets = state.tickets.iter().filter(|ticket| !ticket.used && ticket.entry.holds(at)).map(|ticket| view(&ticket.entry, TokenKind::Personal));
        let crew = state.crew.as_ref().map(|crew| TokenView {
            label: CREW_CODE_LABEL.to_owned(),
            kind: TokenKind::Crew,
            role: Role::Camera,
            slot: None,
            issued: crew.issued,
            expires: None,
        });
        tokens.chain(tickets).chain(crew).collect()
    }

    /// Makes everything with this label void: tokens, links, tickets, the crew code. Tells how many there were.
    pub fn revoke(&self, label: &str) -> Result<usize, Error> {
        let kept = self.change(|state| {
            let count = |state: &Lasting| state.entries.len() + usize::from(state.crew.is_some());
            let before = count(state);
            state.entries.retain(|entry| entry.label != label);
            if label == CREW_CODE_LABEL {
                state.crew = None;
            }
            Ok(before - count(state))
        })?;
        let mut state = self.lock();
        let before = state.tickets.len();
        state.tickets.retain(|ticket| ticket.entry.label != label);
        Ok(kept + before - state.tickets.len())
    }

    /// Keeps how late it is, so that a wall clock which is set back while the studio is off gives nothing more time. Blocks on
    /// the disk; once a minute is often enough.
    pub fn keep_time(&self) -> Result<(), Error> {
        self.change(|_| Ok(()))
    }

    fn add(&self, role: Role, label: &str, slot: Option<SlotId>, lasting: bool, life: Option<Duration>) -> Result<Secret, Error> {
        check_label(label)?;
        let token = random_token(32)?;
        let at = self.clock.micros();
        let expires = life.map(|life| at.saturating_add(clock::micros(life)));
        let kept = lasting.then(|| token.clone());
        let entry = Entry { role, label: label.to_owned(), slot, sha256: hash_of(&token), issued: self.clock.wall(), expires, token: kept };
        self.change(|state| {
            state.entries.retain(|entry| entry.holds(at));
            if state.entries.len() >= MAX_TOKENS {
                return Err(Error::Refused(format!("{MAX_TOKENS} links are out; revoke some")));
            }
            state.entries.push(entry);
            Ok(())
        })?;
        Ok(Secret::new(token))
    }

    /// Makes a change and keeps it; one that cannot be kept is not made. Blocks on the disk, and only those who change too.
    fn change<T>(&self, edit: impl FnOnce(&mut Lasting) -> Result<T, Error>) -> Result<T, Error> {
        let _one_at_a_time = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = {
            let state = self.lock();
            Lasting { entries: state.entries.clone(), crew: state.crew.clone() }
        };
        let done = edit(&mut next)?;
        (self.write)(&self.path, &Written::of(Wall(self.clock.micros()), &next.entries, next.crew.as_ref()))?;
        // Nobody else changes these: tickets alone, which are not kept, may be others by now.
        let mut state = self.lock();
        (state.entries, state.crew) = (next.entries, next.crew);
        Ok(done)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash_of(text: &str) -> Hash {
    Hash::from_bytes(Sha256::digest(text.as_bytes()).into())
}

fn check_label(label: &str) -> Result<(), Error> {
    if label.is_empty() || label.len() > MAX_LABEL_BYTES || label.chars().any(char::is_control) {
        return Err(Error::Refused(format!("a label has 1 to {MAX_LABEL_BYTES} bytes and no control characters")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
