//! How the C library keeps its memory.

/// Pools of memory that all threads share. glibc would make eight for each processor, and every pool keeps what its busiest moment
/// took: decoders come and go with each reconnect, so an evening's game would hold hundreds of megabytes that nobody uses.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const POOLS: i32 = 2;

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
