//! What this machine does: CPU, memory and disk of the studio, and what a filling disk asks for.

use std::path::PathBuf;

use tl_base::{MediaClock, MediaTime, RateMeter};
use tl_store::space::{self, Level};
use tl_wire::Health;

mod machine;

/// Network figures are told over this time.
const NETWORK_OVER: MediaTime = MediaTime::from_secs(6);
/// The machine's load is told over this time.
const MACHINE_OVER: MediaTime = MediaTime::from_millis(450);

/// Reads the machine once in a while.
pub struct HealthProbe {
    clock: MediaClock,
    dir: PathBuf,
    read: MediaTime,
    cpu_before: Option<f64>,
    machine_before: Option<machine::Cpu>,
    machine_read: MediaTime,
    received: (Option<u64>, RateMeter),
    sent: (Option<u64>, RateMeter),
    health: Health,
    bytes_before: Option<(MediaTime, u64)>,
    bytes_per_second: Option<f64>,
    /// What was written at most: a recording that was stopped to save the disk must not make it look empty.
    peak_per_second: f64,
    level: Level,
}

impl HealthProbe {
    /// A probe for recordings in `dir`.
    pub fn new(clock: MediaClock, dir: PathBuf) -> Self {
        Self {
            clock,
            dir,
            read: MediaTime(i64::MIN / 2),
            cpu_before: None,
            machine_before: None,
            machine_read: MediaTime(i64::MIN / 2),
            received: (None, RateMeter::new(NETWORK_OVER)),
            sent: (None, RateMeter::new(NETWORK_OVER)),
            health: Health::default(),
            bytes_before: None,
            bytes_per_second: None,
            peak_per_second: 0.0,
            level: Level::Plenty,
        }
    }

    /// The newest figures; `recorded` is what all recordings hold now, in bytes.
    pub fn health(&mut self, recorded: u64) -> Health {
        let now = self.clock.now();
        let since = now - self.read;
        if since < MediaTime::from_secs(2) {
            return self.health;
        }
        self.read = now;
        let cpu = cpu_seconds();
        self.health.cpu = match (cpu, self.cpu_before) {
            (Some(cpu), Some(before)) => Some((cpu - before) / since.as_secs_f64()),
            _ => None,
        };
        self.cpu_before = cpu;
        self.health.rss_bytes = rss_bytes();
        self.health.memory_free_bytes = machine::memory_free_bytes();
        self.health.temperature_c = machine::temperature_c();
        if let Some((received, sent)) = machine::network_bytes() {
            self.health.network_in_bps = rate(&mut self.received, now, received);
            self.health.network_out_bps = rate(&mut self.sent, now, sent);
        }
        self.health.disk_free_bytes = tl_store::space::free_bytes(&self.dir).ok();
        if let Some((then, bytes)) = self.bytes_before {
            let rate = recorded.saturating_sub(bytes) as f64 / (now - then).as_secs_f64().max(1e-3);
            self.bytes_per_second = Some(self.bytes_per_second.map_or(rate, |before| before * 0.7 + rate * 0.3));
        }
        self.bytes_before = Some((now, recorded));
        self.peak_per_second = self.peak_per_second.max(self.bytes_per_second.unwrap_or(0.0));
        self.health.disk_left_s = match (self.health.disk_free_bytes, self.bytes_per_second) {
            (Some(free), Some(rate)) if rate > 1_000.0 => Some(free as f64 / rate),
            _ => None,
        };
        self.health
    }
}

impl HealthProbe {
    /// Share of all processors in use by everything on this machine, over the last half second or so.
    pub fn machine_cpu(&mut self) -> Option<f64> {
        let now = self.clock.now();
        if now - self.machine_read < MACHINE_OVER {
            return self.health.machine_cpu;
        }
        self.machine_read = now;
        let cpu = machine::cpu();
        self.health.machine_cpu = cpu.zip(self.machine_before).and_then(|(cpu, before)| cpu.share_since(before));
        self.machine_before = cpu;
        self.health.machine_cpu
    }

    /// Hottest sensor, as it was read last.
    pub fn temperature_c(&self) -> Option<f64> {
        self.health.temperature_c
    }

    /// What the disk asks for, keeping `keep_free` bytes. Recordings that were stopped start again only when there is room for long.
    pub fn disk(&mut self, keep_free: u64) -> Level {
        let Some(free) = self.health.disk_free_bytes else { return self.level };
        // The marks count from the space that is kept free.
        let level = space::level(free.saturating_add(space::STOP_BELOW_BYTES).saturating_sub(keep_free), self.peak_per_second);
        self.level = settled(self.level, level);
        self.level
    }
}

/// Bits a second of a counter that only rises; a counter that was set back counts as nothing.
fn rate(counter: &mut (Option<u64>, RateMeter), now: MediaTime, bytes: u64) -> Option<f64> {
    if let Some(before) = counter.0.replace(bytes) {
        counter.1.note(now, bytes.saturating_sub(before) as f64 * 8.0);
    }
    counter.1.per_second(now)
}

/// What was stopped starts again one mark later than it stopped, so that a disk at a mark does not make it flap.
fn settled(before: Level, now: Level) -> Level {
    match (before, now) {
        (Level::Stop, Level::ShedIso) => Level::Stop,
        (Level::ShedIso, Level::Warn) => Level::ShedIso,
        (_, now) => now,
    }
}

/// CPU time of this process, seconds; none where the system does not tell it this way.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Fields are counted behind the name in brackets, which may hold spaces (proc_pid_stat(5): utime is 14, stime 15).
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    // USER_HZ is 100 on every Linux that this runs on (time(7)).
    Some(ticks / 100.0)
}

fn rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_at_a_mark_does_not_make_recordings_flap() {
        let marks = [Level::Warn, Level::ShedIso, Level::Warn, Level::Stop, Level::ShedIso, Level::Warn, Level::Plenty];
        let mut level = Level::Plenty;
        let seen: Vec<Level> = marks
            .into_iter()
            .map(|mark| {
                level = settled(level, mark);
                level
            })
            .collect();
        assert_eq!(seen, [Level::Warn, Level::ShedIso, Level::ShedIso, Level::Stop, Level::Stop, Level::Warn, Level::Plenty]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_cpu_and_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut probe = HealthProbe::new(MediaClock::starting_at(MediaTime::ZERO), folder.path().to_path_buf());
        let health = probe.health(0);
        assert!(health.rss_bytes.is_some_and(|bytes| bytes > 1_000_000) && health.disk_free_bytes.is_some(), "{health:?}");
    }
}
