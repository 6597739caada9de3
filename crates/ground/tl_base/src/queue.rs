//! A bounded queue between two threads that says what happens when it is full.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// What a full queue does with one more item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The oldest item leaves: live pictures.
    DropOldest,
    /// The new item is given back: requests and clients.
    Refuse,
    /// The sender waits: files.
    Block,
}

/// Why an item was not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused<T> {
    /// The queue is full and its rule is [`WhenFull::Refuse`].
    Full(T),
    /// The other end is gone.
    Closed(T),
}

/// What a receiver got.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<T> {
    /// The oldest item.
    Item(T),
    /// Nothing came in time.
    TimedOut,
    /// Every sender is gone and the queue is empty.
    Closed,
}

struct State<T> {
    items: VecDeque<T>,
    dropped: u64,
    senders: usize,
    receiver_alive: bool,
    /// Somebody asked the receiver to look up although there is no item.
    woken: bool,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
    when_full: WhenFull,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sending end; may be cloned.
pub struct Sender<T>(Arc<Shared<T>>);

/// The one receiving end.
pub struct Receiver<T>(Arc<Shared<T>>);

/// Makes the receiver look up without sending it anything: for work that comes by another way than the queue. It does not keep the
/// queue open.
pub struct Waker<T>(Weak<Shared<T>>);

impl<T> Waker<T> {
    /// The receive that waits now, or else the next one that finds nothing, comes back as [`Received::TimedOut`] at once.
    pub fn wake(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.lock().woken = true;
            shared.changed.notify_all();
        }
    }
}

impl<T> Clone for Waker<T> {
    fn clone(&self) -> Self {
        Self(Weak::clone(&self.0))
    }
}

/// A queue of at most `capacity` items (at least one).
pub fn bounded<T>(capacity: usize, when_full: WhenFull) -> (Sender<T>, Receiver<T>) {
    let capacity = capacity.max(1);
    let state = State { items: VecDeque::with_capacity(capacity.min(1_024)), dropped: 0, senders: 1, receiver_alive: true, woken: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), capacity, when_full });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T> Sender<T> {
    /// Adds an item by the queue's rule. With [`WhenFull::DropOldest`] it never waits and only fails when closed.
    pub fn send(&self, item: T) -> Result<(), Refused<T>> {
        let mut state = self.0.lock();
        loop {
            if !state.receiver_alive {
                return Err(Refused::Closed(item));
            }
            if state.items.len() < self.0.capacity {
                break;
            }
            match self.0.when_full {
                WhenFull::DropOldest => {
                    state.items.pop_front();
                    state.dropped += 1;
                }
                WhenFull::Refuse => {
                    state.dropped += 1;
                    return Err(Refused::Full(item));
                }
                WhenFull::Block => state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
        state.items.push_back(item);
        drop(state);
        self.0.changed.notify_all();
        Ok(())
    }

    /// Items dropped or refused since the start.
    pub fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }

    /// Items waiting now.
    pub fn len(&self) -> usize {
        self.0.lock().items.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.lock().senders -= 1;
        self.0.changed.notify_all();
    }
}

impl<T> Receiver<T> {
    /// To make this end look up without an item.
    pub fn waker(&self) -> Waker<T> {
        Waker(Arc::downgrade(&self.0))
    }

    /// The oldest item, waiting at most `timeout` for one.
    pub fn recv_timeout(&self, timeout: Duration) -> Received<T> {
        let deadline = Instant::now() + timeout;
        let mut state = self.0.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                drop(state);
                self.0.changed.notify_all();
                return Received::Item(item);
            }
            if state.senders == 0 {
                return Received::Closed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if std::mem::take(&mut state.woken) || left.is_zero() {
                return Received::TimedOut;
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The oldest item, waiting until there is one; none when every sender is gone and the queue is empty.
    pub fn recv(&self) -> Option<T> {
        loop {
            match self.recv_timeout(Duration::from_secs(3_600)) {
                Received::Item(item) => return Some(item),
                Received::Closed => return None,
                Received::TimedOut => {}
            }
        }
    }

    /// The oldest item if one waits.
    pub fn try_recv(&self) -> Option<T> {
        let item = self.0.lock().items.pop_front();
        if item.is_some() {
            self.0.changed.notify_all();
        }
        item
    }

    /// Items that the rule dropped or refused since the start.
    pub fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.receiver_alive = false;
        state.items.clear();
        drop(state);
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drop_oldest_keeps_the_newest() {
        let (sender, receiver) = bounded(2, WhenFull::DropOldest);
        for item in 0..5 {
            assert!(sender.send(item).is_ok());
        }
        assert_eq!((receiver.try_recv(), receiver.try_recv(), receiver.try_recv()), (Some(3), Some(4), None));
        assert_eq!(receiver.dropped(), 3);
    }

    #[test]
    fn refuse_gives_the_item_back() {
        let (sender, _receiver) = bounded(1, WhenFull::Refuse);
        assert_eq!(sender.send(1), Ok(()));
        assert_eq!(sender.send(2), Err(Refused::Full(2)));
    }

    #[test]
    fn block_waits_for_room() {
        let (sender, receiver) = bounded(1, WhenFull::Block);
        assert!(sender.send(0).is_ok());
        let worker = std::thread::spawn(move || (1..100).all(|item| sender.send(item).is_ok()));
        let got: Vec<i32> = std::iter::from_fn(|| receiver.recv()).collect();
        assert_eq!(got, (0..100).collect::<Vec<_>>());
        assert!(worker.join().expect("the worker ends"));
    }

    #[test]
    fn a_woken_receiver_looks_up_once_and_keeps_its_items() {
        let (sender, receiver) = bounded(2, WhenFull::Refuse);
        let waker = receiver.waker();
        waker.wake();
        assert_eq!(sender.send(1), Ok(()));
        let hour = Duration::from_secs(3_600);
        assert_eq!(receiver.recv_timeout(hour), Received::Item(1));
        assert_eq!(receiver.recv_timeout(hour), Received::TimedOut, "the waking is not lost to the item");
        drop(sender);
        waker.wake();
        assert_eq!(receiver.recv_timeout(hour), Received::Closed, "a waker keeps nothing open");
    }

    #[test]
    fn each_end_notices_that_the_other_is_gone() {
        let (sender, receiver) = bounded::<u8>(1, WhenFull::Block);
        drop(receiver);
        assert_eq!(sender.send(1), Err(Refused::Closed(1)));
        let (sender, receiver) = bounded(4, WhenFull::Block);
        assert!(sender.send(7).is_ok());
        drop(sender);
        assert_eq!(receiver.recv(), Some(7));
        assert_eq!(receiver.recv_timeout(Duration::from_millis(1)), Received::Closed);
    }
}
