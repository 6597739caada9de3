//! Tokens as they are kept and as they are listed.

use serde::{Deserialize, Serialize};
use tl_base::{Secret, SlotId, Wall};
use tl_wire::Role;

use crate::Hash;

/// Someone who showed a token that we issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What they may do.
    pub role: Role,
    /// The token's label, as events name it.
    pub label: String,
    /// The camera position, for a camera.
    pub slot: Option<SlotId>,
}

/// A link that a resumed studio shows again.
#[derive(Clone, Debug)]
pub struct StoredLink {
    /// Whose it is.
    pub actor: Actor,
    /// Its token.
    pub token: Secret,
}

/// What something is that lets people in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// A ticket that was not used yet.
    Personal,
    /// The crew code.
    Crew,
    /// A link that holds until it is made void.
    Link,
    /// A token that was given for a ticket or by the director.
    Token,
}

/// One thing that lets people in, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    /// Its label; several may have the same.
    pub label: String,
    /// What it is.
    pub kind: TokenKind,
    /// What its holder may do.
    pub role: Role,
    /// The camera position, for a camera.
    pub slot: Option<SlotId>,
    /// When it was made.
    pub issued: Wall,
    /// When it becomes void; none: when somebody makes it so.
    pub expires: Option<Wall>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) role: Role,
    pub(super) label: String,
    pub(super) slot: Option<SlotId>,
    pub(super) sha256: Hash,
    pub(super) issued: Wall,
    /// By the tokens' own clock, microseconds; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<i64>,
    /// Only for links that a resumed studio must show again; the file is readable for its owner alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
}

impl Entry {
    pub(super) fn actor(&self) -> Actor {
        Actor { role: self.role, label: self.label.clone(), slot: self.slot }
    }

    pub(super) fn holds(&self, at: i64) -> bool {
        self.expires.is_none_or(|expires| at < expires)
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Crew {
    /// Shown again after a restart, so it is kept as it is.
    pub(super) code: String,
    pub(super) issued: Wall,
}

/// The form on the disk.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Written {
    /// Of earlier versions.
    Tokens(Vec<Entry>),
    /// Of this one.
    All {
        /// The tokens' own clock when it was written.
        seen: Wall,
        tokens: Vec<Entry>,
        crew: Option<Crew>,
    },
}

impl Default for Written {
    fn default() -> Self {
        Self::Tokens(Vec::new())
    }
}

impl Written {
    pub(super) fn of(seen: Wall, tokens: &[Entry], crew: Option<&Crew>) -> Self {
        Self::All { seen, tokens: tokens.to_vec(), crew: crew.cloned() }
    }

    pub(super) fn into_parts(self) -> (Wall, Vec<Entry>, Option<Crew>) {
        match self {
            Self::Tokens(tokens) => (Wall(0), tokens, None),
            Self::All { seen, tokens, crew } => (seen, tokens, crew),
        }
    }
}
