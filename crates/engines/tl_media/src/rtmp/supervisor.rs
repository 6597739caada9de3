//! Attempts, waits and the decision that there is no point in another.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::rtmp::address::Address;
use crate::rtmp::client::{Client, End};
use crate::rtmp::transport::connect;
use crate::rtmp::{Config, Counters, Event};
use crate::unit_queue::UnitQueue;

/// The longest first wait.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The longest wait of all.
const LAST_WAIT: Duration = Duration::from_secs(30);
/// No attempt follows another faster.
const LEAST_WAIT: Duration = Duration::from_millis(100);
/// A server that hangs up on a key without a word is asked once more, in case it was just going down.
const SECOND_LOOK: Duration = Duration::from_secs(1);
/// A key that was live before is given up after so many refusals in a row: the server may still hold our old connection.
const REFUSALS_AFTER_LIVE: u32 = 5;

pub(super) struct Supervisor {
    config: Config,
    address: Address,
    queue: Arc<UnitQueue>,
    counters: Arc<Counters>,
    on_event: Box<dyn FnMut(Event) + Send>,
    policy: Policy,
}

impl Supervisor {
    pub(super) fn new(config: Config, address: Address, queue: Arc<UnitQueue>, counters: Arc<Counters>, on_event: Box<dyn FnMut(Event) + Send>) -> Self {
        Self { config, address, queue, counters, on_event, policy: Policy::default() }
    }

    /// Runs until it is stopped or refused.
    pub(super) fn run(mut self) {
        loop {
            (self.on_event)(Event::Connecting);
            let end = self.attempt();
            match self.policy.after(&end, random()) {
                Next::Stop => {
                    (self.on_event)(Event::Stopped);
                    break;
                }
                Next::GiveUp(reason) => {
                    tracing::warn!(destination = self.config.name, reason, "a destination refuses the stream");
                    (self.on_event)(Event::Refused { reason });
                    break;
                }
                Next::Wait(retry_in, reason) => {
                    tracing::info!(destination = self.config.name, reason, retry_ms = retry_in.as_millis(), "a destination is tried again");
                    (self.on_event)(Event::Waiting { retry_in, reason });
                    if self.queue.wait_closed(retry_in) {
                        (self.on_event)(Event::Stopped);
                        break;
                    }
                }
            }
        }
        // Nobody takes from it any more: what waits is let go and what comes is not kept.
        self.queue.close();
        self.queue.restart();
    }

    fn attempt(&mut self) -> End {
        let io = match connect(&self.address, &self.config.extra_roots, &self.queue) {
            Ok(io) => io,
            Err(end) => return end,
        };
        let mut client = Client::new(io, &self.queue);
        if let Err(end) = client.open(&self.address) {
            return end;
        }
        if self.policy.note_live() {
            self.counters.reconnects.fetch_add(1, Ordering::Relaxed);
        }
        (self.on_event)(Event::Live);
        let before = self.counters.bytes.load(Ordering::Relaxed);
        let counters = Arc::clone(&self.counters);
        let end = client.run(self.config.has_audio, &mut |bytes| counters.bytes.store(before + bytes, Ordering::Relaxed));
        if client.has_proof() {
            self.policy.note_success();
        }
        end
    }
}

/// What to do after an attempt.
#[derive(Debug, PartialEq)]
enum Next {
    Stop,
    Wait(Duration, String),
    GiveUp(String),
}

/// When to try again, as a plain computation.
#[derive(Debug, Default)]
struct Policy {
    was_live: bool,
    refusals: u32,
    failures: u32,
}

impl Policy {
    /// The server took the stream; true when it had done so before.
    fn note_live(&mut self) -> bool {
        std::mem::replace(&mut self.was_live, true)
    }

    /// Data reached the server, so the next failure starts from the shortest wait.
    fn note_success(&mut self) {
        self.failures = 0;
        self.refusals = 0;
    }

    /// `random` is from 0 to 1.
    fn after(&mut self, end: &End, random: f64) -> Next {
        match end {
            End::Stopped => Next::Stop,
            End::Lost(reason) => {
                self.refusals = 0;
                Next::Wait(self.wait(random), reason.clone())
            }
            End::Refused(reason) => {
                self.refusals += 1;
                let limit = if self.was_live { REFUSALS_AFTER_LIVE } else { 1 };
                if self.refusals >= limit { Next::GiveUp(reason.clone()) } else { Next::Wait(self.wait(random), reason.clone()) }
            }
            End::HungUp => {
                self.refusals += 1;
                let limit = if self.was_live { REFUSALS_AFTER_LIVE } else { 2 };
                let reason = "the server hangs up on the stream key, which is probably wrong".to_owned();
                match self.refusals {
                    refusals if refusals >= limit => Next::GiveUp(reason),
                    _ if self.was_live => Next::Wait(self.wait(random), reason),
                    _ => Next::Wait(SECOND_LOOK, reason),
                }
            }
        }
    }

    /// Full jitter: anything up to a bound that grows.
    fn wait(&mut self, random: f64) -> Duration {
        let bound = FIRST_WAIT.mul_f64(1.5_f64.powi(self.failures.min(16) as i32)).min(LAST_WAIT);
        self.failures += 1;
        bound.mul_f64(random.clamp(0.0, 1.0)).max(LEAST_WAIT)
    }
}

/// From 0 to 1, different at each call.
fn random() -> f64 {
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> End {
        End::Lost("gone".to_owned())
    }

    #[test]
    fn waits_grow_to_a_bound_and_start_anew_after_success() {
        let mut policy = Policy::default();
        let waits: Vec<u128> = (0..9).map(|_| policy.wait(1.0).as_millis()).collect();
        assert_eq!(waits, [2_000, 3_000, 4_500, 6_750, 10_125, 15_187, 22_781, 30_000, 30_000]);
        policy.note_success();
        assert_eq!(policy.wait(0.5), Duration::from_secs(1));
        assert_eq!(policy.wait(0.0), LEAST_WAIT);
    }

    #[test]
    fn a_dead_network_is_tried_for_ever() {
        let mut policy = Policy::default();
        for _ in 0..1_000 {
            assert!(matches!(policy.after(&lost(), 1.0), Next::Wait(..)));
        }
    }

    #[test]
    fn a_refusal_is_final_unless_it_was_live() {
        let refused = End::Refused("no".to_owned());
        assert_eq!(Policy::default().after(&refused, 1.0), Next::GiveUp("no".to_owned()));
        let mut policy = Policy::default();
        assert!(!policy.note_live());
        assert!(matches!(policy.after(&refused, 1.0), Next::Wait(..)));
        assert!(matches!(policy.after(&lost(), 1.0), Next::Wait(..)));
        for _ in 0..4 {
            assert!(matches!(policy.after(&refused, 1.0), Next::Wait(..)));
        }
        assert!(matches!(policy.after(&refused, 1.0), Next::GiveUp(_)));
    }

    #[test]
    fn a_server_that_hangs_up_is_asked_once_more() {
        let mut policy = Policy::default();
        assert!(matches!(policy.after(&End::HungUp, 1.0), Next::Wait(SECOND_LOOK, _)));
        assert!(matches!(policy.after(&End::HungUp, 1.0), Next::GiveUp(_)));
    }
}
