//! Attempts, waits and the decision that there is no point in another.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::push::{Counters, Destination, End, Event, Link};
use crate::retry::BackOff;
use crate::unit_queue::UnitQueue;

/// A server that hangs up without a word is asked once more, in case it was just going down.
const SECOND_LOOK: Duration = Duration::from_secs(1);
/// So many servers that hang up in a row, before any took the stream, mean that they do not want it.
const SILENT_REFUSALS: u32 = 2;

/// Waits so long; true when the queue was closed meanwhile.
type Pause = Box<dyn FnMut(&UnitQueue, Duration) -> bool + Send>;

pub(super) struct Supervisor {
    name: String,
    destination: Box<dyn Destination>,
    queue: Arc<UnitQueue>,
    counters: Arc<Counters>,
    on_event: Box<dyn FnMut(Event) + Send>,
    policy: Policy,
    pause: Pause,
}

impl Supervisor {
    pub(super) fn new(
        name: String,
        destination: Box<dyn Destination>,
        queue: Arc<UnitQueue>,
        counters: Arc<Counters>,
        on_event: Box<dyn FnMut(Event) + Send>,
    ) -> Self {
        Self { name, destination, queue, counters, on_event, policy: Policy::default(), pause: Box::new(UnitQueue::wait_closed) }
    }

    /// Runs until it is stopped or refused.
    pub(super) fn run(mut self) {
        loop {
            (self.on_event)(Event::Connecting);
            let end = self.attempt();
            match self.policy.after(&end) {
                Next::Stop => {
                    (self.on_event)(Event::Stopped);
                    break;
                }
                Next::GiveUp(reason) => {
                    tracing::warn!(destination = self.name, reason, "a destination refuses the stream");
                    (self.on_event)(Event::Refused { reason });
                    break;
                }
                Next::Wait(retry_in, reason) => {
                    tracing::info!(destination = self.name, reason, retry_ms = retry_in.as_millis(), "a destination is tried again");
                    (self.on_event)(Event::Waiting { retry_in, reason });
                    if (self.pause)(&self.queue, retry_in) {
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
        let Self { destination, queue, counters, on_event, policy, .. } = self;
        counters.proof.store(false, Ordering::Relaxed);
        let before = (counters.sent.load(Ordering::Relaxed), counters.bytes.load(Ordering::Relaxed));
        let mut on_live = || {
            if policy.note_live() {
                counters.reconnects.fetch_add(1, Ordering::Relaxed);
            }
            on_event(Event::Live);
        };
        let end = destination.attempt(&mut Link { queue, counters, before, on_live: &mut on_live });
        if counters.proof.load(Ordering::Relaxed) {
            policy.note_success();
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
    /// Attempts in a row that ended by the server hanging up.
    hung_up: u32,
    back_off: BackOff,
}

impl Policy {
    /// The server took the stream; true when it had done so before.
    fn note_live(&mut self) -> bool {
        std::mem::replace(&mut self.was_live, true)
    }

    /// Data reached the server, so the next failure starts from the shortest wait.
    fn note_success(&mut self) {
        self.back_off.note_success();
        self.hung_up = 0;
    }

    fn after(&mut self, end: &End) -> Next {
        match end {
            End::Stopped => Next::Stop,
            End::Lost(reason) => {
                self.hung_up = 0;
                Next::Wait(self.back_off.next_wait(), reason.clone())
            }
            // The server took this very stream before: it may still hold our old connection, or be on its way back behind a
            // proxy that speaks for it. Nobody is there to start it again during a show.
            End::Refused(reason) if self.was_live => Next::Wait(self.back_off.next_wait(), reason.clone()),
            End::HungUp(reason) if self.was_live => Next::Wait(self.back_off.next_wait(), (*reason).to_owned()),
            End::Refused(reason) => Next::GiveUp(reason.clone()),
            End::HungUp(reason) => {
                self.hung_up += 1;
                if self.hung_up >= SILENT_REFUSALS { Next::GiveUp((*reason).to_owned()) } else { Next::Wait(SECOND_LOOK, (*reason).to_owned()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use crate::line::lock;
    use crate::unit_queue::WhenFull;

    use super::*;

    /// A server that does at each attempt what the script says.
    struct Server<F>(F);

    impl<F: FnMut(&mut Link<'_>) -> End + Send> Destination for Server<F> {
        fn attempt(&mut self, link: &mut Link<'_>) -> End {
            (self.0)(link)
        }
    }

    /// Every wait of a supervisor on a clock that jumps over them, until they come to `limit`.
    fn waits(limit: Duration, script: impl FnMut(&mut Link<'_>) -> End + Send + 'static) -> (Vec<Duration>, Vec<Event>) {
        let queue = Arc::new(UnitQueue::new(1_000, WhenFull::DropAll));
        let (waits, events) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (into, told) = (Arc::clone(&waits), Arc::clone(&events));
        let on_event = Box::new(move |event| lock(&told).push(event));
        let mut supervisor = Supervisor::new("test".to_owned(), Box::new(Server(script)), queue, Arc::default(), on_event);
        let mut passed = Duration::ZERO;
        supervisor.pause = Box::new(move |_, wait| {
            lock(&into).push(wait);
            passed += wait;
            passed >= limit
        });
        supervisor.run();
        (lock(&waits).clone(), lock(&events).clone())
    }

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_server_that_is_away_for_a_day_is_asked_all_day_and_not_in_step() {
        let (first, events) = waits(24 * HOUR, |_| lost());
        let (second, _) = waits(24 * HOUR, |_| lost());
        assert_eq!(events.last(), Some(&Event::Stopped));
        assert!(first.iter().all(|wait| *wait <= Duration::from_secs(30)));
        // Each bound is 1.5 times the one before, up to 30 s.
        let bounds = [2.0, 3.0, 4.5, 6.75, 10.125, 15.1875, 22.78125, 30.0];
        assert!(first.iter().zip(bounds).all(|(wait, bound)| wait.as_secs_f64() <= bound + 1e-9), "{first:?}");
        // Full jitter: half of the bound on average, spread over all of it, and another row for each destination.
        let mean = first.iter().sum::<Duration>().as_secs_f64() / first.len() as f64;
        assert!((13.5..16.5).contains(&mean), "{mean}");
        let share = |from: f64, to: f64| first.iter().filter(|wait| (from..to).contains(&wait.as_secs_f64())).count() as f64 / first.len() as f64;
        for quarter in [(0.0, 7.5), (7.5, 15.0), (15.0, 22.5), (22.5, 30.1)] {
            assert!((0.2..0.3).contains(&share(quarter.0, quarter.1)), "{quarter:?}");
        }
        assert!(first.iter().zip(&second).filter(|(one, other)| one == other).count() < 10);
    }

    #[test]
    fn a_server_that_hangs_up_after_each_good_start_is_asked_soon_each_time() {
        let (found, events) = waits(HOUR, |link| {
            link.live();
            link.note_proof();
            lost()
        });
        // The bound stays that of the first failure, and the key is never thought wrong.
        assert!(found.len() > 3_000 && found.iter().all(|wait| *wait <= Duration::from_secs(2)), "{}", found.len());
        assert!(!events.iter().any(|event| matches!(event, Event::Refused { .. })));
    }

    #[test]
    fn a_start_without_data_is_no_good_start() {
        let (found, _) = waits(HOUR, |link| {
            link.live();
            lost()
        });
        assert!(found.iter().any(|wait| *wait > Duration::from_secs(20)));
    }

    fn lost() -> End {
        End::Lost("gone".to_owned())
    }

    #[test]
    fn a_dead_network_is_tried_for_ever() {
        let mut policy = Policy::default();
        for _ in 0..1_000 {
            assert!(matches!(policy.after(&lost()), Next::Wait(..)));
        }
    }

    #[test]
    fn a_refusal_is_final_before_the_stream_was_ever_live() {
        assert_eq!(Policy::default().after(&End::Refused("no".to_owned())), Next::GiveUp("no".to_owned()));
        let mut policy = Policy::default();
        assert!(matches!(policy.after(&lost()), Next::Wait(..)));
        assert_eq!(policy.after(&End::Refused("no".to_owned())), Next::GiveUp("no".to_owned()));
    }

    #[test]
    fn a_stream_that_was_live_is_tried_on_whatever_the_server_says() {
        for end in [End::Refused("no".to_owned()), End::HungUp("no")] {
            let mut is_first = true;
            let (found, events) = waits(24 * HOUR, move |link| {
                if std::mem::take(&mut is_first) {
                    link.live();
                    link.note_proof();
                    return lost();
                }
                end.clone()
            });
            assert_eq!(events.last(), Some(&Event::Stopped));
            assert!(!events.iter().any(|event| matches!(event, Event::Refused { .. })));
            // Each refusal is shown, and the waits come up to the bound and no further.
            let told = events.iter().filter(|event| matches!(event, Event::Waiting { reason, .. } if reason == "no")).count();
            assert_eq!(told, found.len() - 1);
            let longest = found.iter().max().expect("waits");
            assert!((Duration::from_secs(29)..=Duration::from_secs(30)).contains(longest), "{longest:?}");
        }
    }

    #[test]
    fn a_server_that_hangs_up_is_asked_once_more() {
        let mut policy = Policy::default();
        assert!(matches!(policy.after(&End::HungUp("gone")), Next::Wait(SECOND_LOOK, _)));
        assert!(matches!(policy.after(&End::HungUp("gone")), Next::GiveUp(_)));
    }
}
