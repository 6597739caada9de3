//! How the C library keeps its memory.

/// Pools of memory that all threads share. glibc would make eight for each processor, and every pool keeps what its busiest moment
/// took: decoders come and go with each reconnect, so an evening's game would hold hundreds of megabytes that nobody uses.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const POOLS: i32 = 2;

/// How often memory that nobody uses goes back to the system. What a reconnect or a crowd at the door took is spread over the pools in
/// small holes, which the library keeps by itself.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const GIVE_BACK_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// Giving back that takes longer than this holds up whoever asks for memory meanwhile, so it is done more seldom from then on.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const TOO_LONG: std::time::Duration = std::time::Duration::from_millis(10);
/// And no more seldom than this.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const AT_LEAST_EVERY: std::time::Duration = std::time::Duration::from_secs(600);

/// Gives back what has been unused for a while, when it is time again.
pub struct Keeper {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    given: std::time::Instant,
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    every: std::time::Duration,
}

impl Keeper {
    pub fn new() -> Self {
        Self {
            #[cfg(all(target_os = "linux", target_env = "gnu"))]
            given: std::time::Instant::now(),
            #[cfg(all(target_os = "linux", target_env = "gnu"))]
            every: GIVE_BACK_EVERY,
        }
    }

    /// To be called now and then, by a thread that has time.
    pub fn look(&mut self) {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        if self.given.elapsed() >= self.every {
            let began = std::time::Instant::now();
            // SAFETY: malloc_trim only hands whole unused pages back (malloc_trim(3)); it takes each pool's lock for that.
            let gave = unsafe { libc::malloc_trim(0) } == 1;
            self.given = std::time::Instant::now();
            let took = began.elapsed();
            if took > TOO_LONG {
                self.every = (self.every * 2).min(AT_LEAST_EVERY);
            }
            tracing::debug!(gave, ms = took.as_secs_f64() * 1e3, "unused memory goes back");
        }
    }
}

/// To be called before other threads begin.
pub fn keep_together() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: mallopt only sets a number inside the C library (mallopt(3)), and no other thread allocates yet.
        let set = unsafe { libc::mallopt(libc::M_ARENA_MAX, POOLS) };
        if set == 0 {
            tracing::debug!("the C library keeps as many pools of memory as it likes");
        }
    }
}
