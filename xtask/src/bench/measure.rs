//! What a process costs: time, and the most memory that it had.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use bootwright::command::Command;
use bootwright::error::{Error, Result};

/// How often the memory of a process is looked at: the kernel keeps the peak, only the last moment before
/// the end is missed.
const LOOK: Duration = Duration::from_millis(2);

/// The cost of one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// From start to end.
    pub(super) time: Duration,
    /// `VmHWM`: bytes of memory at the peak.
    pub(super) peak: u64,
}

/// Runs a command to its end.
///
/// # Errors
/// Where it cannot be started, or fails.
pub(super) fn measure(command: &Command) -> Result<Cost> {
    let started = Instant::now();
    let mut child = command.spawn(Stdio::null(), Stdio::null(), Stdio::null())?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        peak = fs::read_to_string(&status).ok().and_then(|text| high_water(&text)).unwrap_or(peak);
        if let Some(ended) = child.try_wait()? {
            let time = started.elapsed();
            return match ended.success() {
                true => Ok(Cost { time, peak }),
                false => {
                    Err(Error::new(format!("it failed: {ended}")).context(format!("{command}")))
                }
            };
        }
        thread::sleep(LOOK);
    }
}

/// `VmHWM` of `/proc/PID/status`, in bytes.
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// Least, middle and greatest value.
pub(super) fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    [at(0), at(values.len() / 2), at(values.len().saturating_sub(1))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_a_time_and_a_peak() {
        let cost = measure(&Command::new("sleep").arg("0.05")).expect("runs");
        assert!(cost.time >= Duration::from_millis(50) && cost.peak > 0);
        assert!(measure(&Command::new("false")).is_err());
        assert_eq!(high_water("Name:\tsh\nVmHWM:\t    1024 kB\n"), Some(1 << 20));
    }
}
