//! The `process_*` metrics that every Prometheus client gives, read from `/proc`. Elsewhere than on
//! Linux they are left out.

use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

use super::metrics::append;

/// Appends what can be read now.
pub(super) fn render(text: &mut String) {
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse) {
        let cpu = seconds(stat.cpu_ticks);
        append(text, "process_cpu_seconds_total", "counter", "CPU time used, user and system.", cpu.as_secs_f64());
        let resident = stat.resident_pages * page_size();
        append(text, "process_resident_memory_bytes", "gauge", "Memory held in RAM.", resident);
        append(text, "process_virtual_memory_bytes", "gauge", "Address space used.", stat.virtual_bytes);
        if let Some(boot) = boot_time() {
            let start = (boot + seconds(stat.start_ticks)).as_secs_f64();
            append(text, "process_start_time_seconds", "gauge", "Start of the process, in Unix time.", start);
        }
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them is the listing itself.
        append(text, "process_open_fds", "gauge", "Open file descriptors.", open.count().saturating_sub(1));
    }
    if let Some(max) = fs::read_to_string("/proc/self/limits").ok().as_deref().and_then(max_fds) {
        append(text, "process_max_fds", "gauge", "File descriptors that may be open.", max);
    }
}

/// Fields of `/proc/self/stat`, see `proc_pid_stat(5)`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The second field is the program's name in parentheses and may hold spaces and parentheses.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        // The manual counts from 1 and the list begins with its third field.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

fn seconds(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1))
}

fn page_size() -> u64 {
    u64::try_from(rustix::param::page_size()).unwrap_or(4096)
}

/// When the machine started. Read once, because it moves when the wall clock is set.
fn boot_time() -> Option<Duration> {
    static BOOT: OnceLock<Option<Duration>> = OnceLock::new();
    *BOOT.get_or_init(|| {
        let text = fs::read_to_string("/proc/stat").ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("btime "))?;
        line.trim().parse().ok().map(Duration::from_secs)
    })
}

fn max_fds(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_past_a_name_with_spaces_and_parentheses() {
        let text = "7 (a ) b) S 1 7 7 0 -1 4194560 1 0 0 0 30 12 0 0 20 0 9 0 5000 1048576 256 1844 1 1 0";
        let expected = Stat { cpu_ticks: 42, start_ticks: 5000, virtual_bytes: 1_048_576, resident_pages: 256 };
        assert_eq!(Stat::parse(text), Some(expected));
        assert_eq!(Stat::parse("7 (a) S 1"), None);
    }

    #[test]
    fn soft_limit_of_open_files_is_found() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 1048576              files\n";
        assert_eq!(max_fds(limits), Some(1024));
    }
}
