//! The memory of this process, and the load of the machine. Outside Linux the values are 0 and "".

use std::fs;

/// Resident memory of this process, in KiB.
pub fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

/// The machine's load averages over 1, 5 and 15 minutes.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_used_is_resident() {
        let before = resident_kib();
        let used = std::hint::black_box(vec![1u8; 64 << 20]);
        let after = resident_kib();
        assert!(
            before > 0 && after > before + (32 << 10),
            "{before}, then {after}"
        );
        drop(used);
    }

    #[test]
    fn the_load_has_three_numbers() {
        let numbers = load();
        let parsed: Vec<f64> = numbers.split(' ').map(|one| one.parse().unwrap()).collect();
        assert_eq!(parsed.len(), 3);
    }
}
