//! A film on the studio's own disk that stands for a camera: the studio plays it, the phone only says which.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use tl_base::{Secret, SlotId};

use super::line::{Answer, Errands, Line, Stage, What};
use super::sending::Parcel;
use crate::signalling::{Door, Refusal};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

enum State {
    New,
    Asked,
    Set,
    Refused(String),
}

/// A film that was set as a source.
pub(super) struct Film {
    slot: SlotId,
    /// The one who may have this machine's files played.
    owner: Secret,
    path: PathBuf,
    state: State,
}

impl Film {
    pub(super) fn new(slot: SlotId, owner: &Secret, path: &Path) -> Self {
        Self { slot, owner: owner.clone(), path: path.into(), state: State::New }
    }
}

impl Line for Film {
    fn poll(&mut self, now: Instant, errands: &Errands<'_>) -> (Stage, Instant) {
        let stage = match &self.state {
            State::New => {
                let setup = json!({"protocol": "file", "path": self.path});
                if errands.send(What::Source { slot: self.slot, token: self.owner.clone(), setup }) {
                    self.state = State::Asked;
                }
                Stage::Opening
            }
            State::Asked => Stage::Opening,
            State::Set => Stage::Open,
            State::Refused(why) => Stage::Over(why.clone()),
        };
        (stage, now + LOOK)
    }

    fn send(&mut self, _parcel: &Parcel, _now_secs: f64) -> bool {
        false
    }

    fn answered(&mut self, answer: Result<Answer, Refusal>, _now: Instant) {
        self.state = answer.map_or_else(|refusal| State::Refused(refusal.to_string()), |_| State::Set);
    }

    fn leave(self: Box<Self>, door: &Door) {
        if matches!(self.state, State::Set)
            && let Err(refusal) = door.clear_source(self.slot, &self.owner)
        {
            tracing::debug!(%refusal, "the studio did not hear that a film is over");
        }
    }
}
