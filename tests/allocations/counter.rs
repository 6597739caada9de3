//! Counts what each thread of this process takes from the heap.
//!
//! It stands in front of the C library's own allocator, so that what the media and graphics libraries take is counted like what Rust
//! takes. Threads are told apart by their number in the kernel, since most of them are not ours.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

/// Threads that are told apart; what later ones take is counted with the last.
const THREADS: usize = 2_048;

struct Account {
    thread: AtomicI32,
    allocations: AtomicU64,
    bytes: AtomicU64,
}

static ACCOUNTS: [Account; THREADS] = [const { Account { thread: AtomicI32::new(0), allocations: AtomicU64::new(0), bytes: AtomicU64::new(0) } }; THREADS];
static OPENED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    // Without a destructor and made by the compiler: reading it allocates nothing.
    static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
}

fn note(bytes: usize) {
    let own = OWN.get();
    let own = if own == usize::MAX { open() } else { own };
    if let Some(account) = ACCOUNTS.get(own) {
        account.allocations.fetch_add(1, Ordering::Relaxed);
        account.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

fn open() -> usize {
    let own = OPENED.fetch_add(1, Ordering::Relaxed).min(THREADS - 1);
    OWN.set(own);
    if let Some(account) = ACCOUNTS.get(own) {
        // SAFETY: gettid(2) takes nothing and cannot fail.
        account.thread.store(unsafe { libc::gettid() }, Ordering::Relaxed);
    }
    own
}

/// What threads of one name took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Calls.
    pub allocations: u64,
    /// What they asked for.
    pub bytes: u64,
    /// Threads of this name that took any.
    pub threads: usize,
}

/// What every thread has taken so far, by its number.
#[derive(Clone, Debug, Default)]
pub struct Reading(BTreeMap<i32, (u64, u64)>);

/// Reads all accounts.
pub fn read() -> Reading {
    let opened = ACCOUNTS.iter().filter(|account| account.thread.load(Ordering::Relaxed) != 0);
    let mut read: BTreeMap<i32, (u64, u64)> = BTreeMap::new();
    for account in opened {
        // The kernel gives the number of a thread that ended to another one.
        let entry = read.entry(account.thread.load(Ordering::Relaxed)).or_default();
        entry.0 += account.allocations.load(Ordering::Relaxed);
        entry.1 += account.bytes.load(Ordering::Relaxed);
    }
    Reading(read)
}

impl Reading {
    /// What was taken since `before`, by the threads' names; threads that have ended have none any more.
    pub fn since(&self, before: &Self) -> BTreeMap<String, Taken> {
        let mut by_name: BTreeMap<String, Taken> = BTreeMap::new();
        for (thread, (allocations, bytes)) in &self.0 {
            let (earlier, earlier_bytes) = before.0.get(thread).copied().unwrap_or_default();
            if *allocations == earlier {
                continue;
            }
            let name = std::fs::read_to_string(format!("/proc/self/task/{thread}/comm"));
            let name = name.map_or_else(|_| "(ended)".to_owned(), |name| name.trim().to_owned());
            let taken = by_name.entry(name).or_default();
            taken.allocations += allocations - earlier;
            taken.bytes += bytes - earlier_bytes;
            taken.threads += 1;
        }
        by_name
    }
}

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(old: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
}

/// malloc(3).
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    note(size);
    // SAFETY: the caller's promise is handed on.
    unsafe { __libc_malloc(size) }
}

/// calloc(3).
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    note(count.saturating_mul(size));
    // SAFETY: the caller's promise is handed on.
    unsafe { __libc_calloc(count, size) }
}

/// realloc(3).
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(old: *mut c_void, size: usize) -> *mut c_void {
    note(size);
    // SAFETY: the caller's promise is handed on; every block of this process comes from the C library.
    unsafe { __libc_realloc(old, size) }
}

/// aligned_alloc(3).
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    note(size);
    // SAFETY: the caller's promise is handed on.
    unsafe { __libc_memalign(alignment, size) }
}

/// memalign(3).
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    note(size);
    // SAFETY: the caller's promise is handed on.
    unsafe { __libc_memalign(alignment, size) }
}

/// posix_memalign(3).
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    if !alignment.is_power_of_two() || !alignment.is_multiple_of(size_of::<*mut c_void>()) {
        return libc::EINVAL;
    }
    note(size);
    // SAFETY: the alignment was looked at above.
    let block = unsafe { __libc_memalign(alignment, size) };
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller promises a place for the answer.
    unsafe { *out = block };
    0
}
