//! A show with its log, and short words for what happens on it.

use tl_base::{MediaTime, SlotId};
use tl_show::{Action, Fact, RefusalKind, Show, SourceState};

pub struct Stage {
    pub show: Show,
    pub log: Vec<(Fact, MediaTime)>,
    pub now: MediaTime,
}

impl Stage {
    /// A show with cameras in slots 1 to `cameras`, all live.
    pub fn with_cameras(cameras: u16) -> Self {
        let mut stage = Self { show: Show::new(), log: Vec::new(), now: MediaTime::ZERO };
        for slot in 1..=cameras {
            stage.source(slot, SourceState::Live);
        }
        stage
    }

    /// Lets time pass.
    pub fn wait(&mut self, millis: i64) -> &mut Self {
        self.now += MediaTime::from_millis(millis);
        self
    }

    pub fn happen(&mut self, fact: Fact) -> &mut Self {
        self.log.push((fact.clone(), self.now));
        self.show.apply(&fact, self.log.len() as u64, self.now);
        self
    }

    pub fn source(&mut self, slot: u16, to: SourceState) -> &mut Self {
        let from = self.show.source_state(SlotId(slot));
        self.happen(Fact::SourceChanged { slot: SlotId(slot), from, to, reason: String::new() })
    }

    /// Asks for something, as JSON, that is granted. Returns how many facts it made.
    #[track_caller]
    pub fn ask(&mut self, json: &str) -> usize {
        let before = self.show.clone();
        let facts = self.show.decide(&action(json), "director", self.now);
        assert_eq!(self.show, before, "deciding changes nothing");
        let facts = facts.unwrap_or_else(|refusal| panic!("{json}: {refusal}"));
        let count = facts.len();
        for fact in facts {
            self.happen(fact);
        }
        count
    }

    /// Asks for something that is refused with a sentence that holds `words`.
    #[track_caller]
    pub fn refuse(&mut self, json: &str, kind: RefusalKind, words: &str) -> &mut Self {
        let refusal = match self.show.decide(&action(json), "director", self.now) {
            Ok(facts) => panic!("{json} was granted: {facts:?}"),
            Err(refusal) => refusal,
        };
        assert_eq!(refusal.kind, kind, "{json}: {refusal}");
        assert!(refusal.message.contains(words), "{json}: {refusal:?}");
        assert!(refusal.message.ends_with('.') && !refusal.message.contains('\n'), "one sentence: {refusal}");
        self
    }

    #[track_caller]
    pub fn on_air(&mut self, live: Option<u16>, next: Option<u16>) -> &mut Self {
        let program = self.show.program();
        assert_eq!((program.live.map(|slot| slot.0), program.next.map(|slot| slot.0)), (live, next));
        self
    }

    #[track_caller]
    pub fn score(&mut self, home: u32, away: u32) -> &mut Self {
        assert_eq!(self.show.teams().map(|team| team.score), [home, away]);
        self
    }

    #[track_caller]
    pub fn clock(&mut self, millis: u32, running: bool) -> &mut Self {
        let clock = self.show.clock();
        assert_eq!((clock.millis_at(self.now), clock.running), (millis, running));
        self
    }

    /// The same show again from its log, through JSON as it would be stored.
    pub fn replayed(&self) -> Show {
        let mut show = Show::new();
        for ((fact, at), seq) in self.log.iter().zip(1..) {
            let stored = serde_json::to_string(fact).expect("a fact is JSON");
            show.apply(&serde_json::from_str(&stored).expect("and comes back"), seq, *at);
        }
        show
    }
}

pub fn action(json: &str) -> Action {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}
