//! The programme loop takes nothing from the heap, whatever is shown.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

#[path = "../allocations/mod.rs"]
mod allocations;

use tl_tests::alone;

#[test]
fn a_tick_allocates_nothing_on_the_programme_thread() -> anyhow::Result<()> {
    let _alone = alone();
    // Long enough for every step of the script.
    let report = allocations::watch(270)?;
    for (part, counted) in [("steady", &report.steady), ("directed", &report.directed)] {
        assert!(counted.ticks >= 270, "{part}: {} ticks", counted.ticks);
        assert_eq!(counted.of("programme").allocations, 0, "{part}: over {} ticks", counted.ticks);
        // Others allocate for every picture and block; a counter that sees nothing of that would prove nothing.
        for busy in ["encoder-hand", "sound"] {
            assert!(counted.of(busy).allocations >= counted.ticks, "{part}: {busy} {:?}", counted.of(busy));
        }
    }
    Ok(())
}
