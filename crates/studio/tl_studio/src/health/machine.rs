//! What the system tells of this machine. Where it tells nothing this way, nothing is known.

use std::fs;

/// Processor time since the system's start, in ticks: proc_stat(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu {
    busy: u64,
    all: u64,
}

impl Cpu {
    /// Share in use since then, 0 to 1.
    pub fn share_since(self, before: Self) -> Option<f64> {
        let all = self.all.checked_sub(before.all).filter(|all| *all > 0)?;
        Some((self.busy.saturating_sub(before.busy) as f64 / all as f64).clamp(0.0, 1.0))
    }
}

/// Processor time of the whole machine.
pub fn cpu() -> Option<Cpu> {
    parse_cpu(&fs::read_to_string("/proc/stat").ok()?)
}

fn parse_cpu(stat: &str) -> Option<Cpu> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guests are in user already.
    let all: u64 = fields.iter().take(8).sum();
    let idle = fields.get(3)? + fields.get(4).copied().unwrap_or(0);
    Some(Cpu { busy: all.saturating_sub(idle), all })
}

/// Memory that programs can still take.
pub fn memory_free_bytes() -> Option<u64> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}

/// Bytes received and sent since the system's start by every interface but the machine's own loop: proc_net_dev(5).
pub fn network_bytes() -> Option<(u64, u64)> {
    Some(parse_network(&fs::read_to_string("/proc/net/dev").ok()?))
}

fn parse_network(table: &str) -> (u64, u64) {
    let rows = table.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| name.trim() != "lo");
    rows.fold((0, 0), |(received, sent), (_, row)| {
        let fields: Vec<u64> = row.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
        (received + fields.first().copied().unwrap_or(0), sent + fields.get(8).copied().unwrap_or(0))
    })
}

/// Hottest thermal zone that says something likely, degrees Celsius.
pub fn temperature_c() -> Option<f64> {
    let zones = fs::read_dir("/sys/class/thermal").ok()?.filter_map(Result::ok);
    let millis = zones.filter_map(|zone| fs::read_to_string(zone.path().join("temp")).ok()?.trim().parse::<f64>().ok());
    millis.map(|millis| millis / 1e3).filter(|celsius| (1.0..130.0).contains(celsius)).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_waiting_is_not_busy() {
        let before = parse_cpu("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3\n").expect("a line");
        let after = parse_cpu("cpu  150 0 75 1000 75 0 0 0 0 0\n").expect("a line");
        assert_eq!(after.share_since(before), Some(75.0 / 300.0));
        assert_eq!(after.share_since(after), None);
        for bad in ["", "cpu", "cpu ", "cpu  1 2 3", "intr 5"] {
            assert_eq!(parse_cpu(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_machines_own_loop_is_no_network() {
        let table = "Inter-| Receive | Transmit\n face |bytes packets|bytes\n    lo: 900 1 0 0 0 0 0 0 900 1\n  eth0: 500 4 0 0 0 0 0 0 70 2\n  wlan0:10 1 0 0 0 0 0 0 5 1\n";
        assert_eq!(parse_network(table), (510, 75));
        assert_eq!(parse_network("nothing"), (0, 0));
    }
}
