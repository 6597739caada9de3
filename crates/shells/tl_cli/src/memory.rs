//! Where memory comes from.
//!
//! Decoders come and go with each reconnect, and decoded pictures of over a megabyte are taken and given back a hundred times a second between
//! small pieces that stay. glibc keeps the holes that this leaves: an hour with a fault every two minutes cost 56 MB with two of its pools and
//! 140 MB with its usual number. jemalloc keeps large pieces apart from small ones and hands back to the system what was unused for ten seconds;
//! it serves GStreamer, the codecs and the graphics driver too, since its functions stand in front of the C library's.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod linux {
    use std::ffi::c_char;

    #[global_allocator]
    static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

    /// What jemalloc(3) reads at its start (see TUNING there). Two pools for all threads: every pool keeps what its busiest moment took. What is
    /// unused goes back by a thread of jemalloc's own, which holds up nobody who asks for memory.
    #[used]
    #[unsafe(export_name = "malloc_conf")]
    // SAFETY: the name is jemalloc's own for this; it reads a string that ends with a zero and lives as long as the program.
    static CONF: Option<&'static c_char> = Some(unsafe { &*c"narenas:2,background_thread:true".as_ptr() });
}
