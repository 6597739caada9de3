//! Prints what each thread of a show takes from the heap, per tick of the programme; exits with 1 when the programme loop takes any.
//!
//! Usage: `./studio bench allocations [--ticks 600]`.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[path = "../allocations/mod.rs"]
mod allocations;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn main() -> anyhow::Result<std::process::ExitCode> {
    let mut words = std::env::args().skip_while(|word| word != "--ticks").skip(1);
    let ticks = words.next().map_or(Ok(600), |word| word.parse())?;
    let report = allocations::watch(ticks)?;
    println!("allocations per tick of the programme, by thread, C libraries included; 4 file cameras, sound, score and clock, live playlist, recordings");
    let mut clean = true;
    for (part, counted) in [("one camera on air", &report.steady), ("directed, one change a second", &report.directed)] {
        println!("\n{part}, {} ticks", counted.ticks);
        println!("| thread | threads | allocations a tick | kB a tick |\n|---|---|---|---|");
        let mut rows: Vec<_> = counted.by_thread.iter().filter(|(name, _)| *name != "allocations").collect();
        rows.sort_by_key(|(_, taken)| std::cmp::Reverse(taken.allocations));
        let own = ("programme".to_owned(), counted.of("programme"));
        rows.retain(|(name, _)| **name != own.0);
        rows.insert(0, (&own.0, &own.1));
        for (name, taken) in rows {
            let per = |value: u64| value as f64 / counted.ticks.max(1) as f64;
            println!("| {name} | {} | {:.3} | {:.2} |", taken.threads, per(taken.allocations), per(taken.bytes) / 1e3);
        }
        clean &= own.1.allocations == 0;
    }
    println!("\nprogramme loop: {}", if clean { "0 allocations" } else { "it allocates" });
    Ok(if clean { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE })
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn main() {
    eprintln!("allocations are counted on Linux with the GNU C library only");
}
