//! Values of the specification, which speaks cgroup v1, as cgroup v2 takes them.

use crate::{Error, Result};

/// `cpu.weight` for `cpu.shares`: 2 … 1024 … 262144 becomes 1 … 100 … 10000.
///
/// Both scales are exponential, so the exponents are mapped, by the parabola through the two ends and the two
/// defaults. This is what runc does since 1.3.2 and crun since 1.23; before, a straight line made 39 of 1024.
pub(super) fn weight(shares: u64) -> u64 {
    if shares <= 2 {
        return 1;
    }
    if shares >= 262_144 {
        return 10_000;
    }
    // Exact: the value is below 2^18.
    let log = f64::from(u32::try_from(shares).unwrap_or(u32::MAX)).log2();
    let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
    // The margin keeps an exact power from being lifted by the rounding of the last bit.
    let weight = (10_f64.powf(exponent) - 1e-9).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 10000 by the range of the shares"
    )]
    let weight = weight as u64;
    weight
}

/// `io.weight` for `blkio.weight`: 10 … 1000 becomes 1 … 10000.
pub(super) fn io_weight(weight: u16) -> u64 {
    1 + (u64::from(weight).max(10) - 10) * 9999 / 990
}

/// `cpu.max`. A quota alone leaves the period as it is; a period alone would need the quota, so there is no
/// limit then.
pub(super) fn cpu_max(quota: Option<i64>, period: Option<u64>) -> Option<String> {
    let quota = quota.map(|quota| if quota > 0 { quota.to_string() } else { "max".to_owned() });
    match (quota, period) {
        (None, None) => None,
        (Some(quota), None) => Some(quota),
        (quota, Some(period)) => Some(format!("{} {period}", quota.as_deref().unwrap_or("max"))),
    }
}

/// `max` for −1, and the number otherwise; `None` for what means "not given".
pub(super) fn bytes_or_max(bytes: Option<i64>) -> Option<String> {
    match bytes {
        None | Some(0) => None,
        Some(bytes) if bytes < 0 => Some("max".to_owned()),
        Some(bytes) => Some(bytes.to_string()),
    }
}

/// `memory.swap.max`: v2 counts swap alone, the specification counts memory and swap together.
pub(super) fn swap_max(swap: Option<i64>, memory: Option<i64>) -> Result<Option<String>> {
    let field = "linux.resources.memory.swap";
    match (swap.unwrap_or(0), memory.unwrap_or(0)) {
        // Unlimited memory without a word about swap: both.
        (0, memory) => Ok((memory < 0).then(|| "max".to_owned())),
        (swap, _) if swap < 0 => Ok(Some("max".to_owned())),
        (swap, memory) if memory <= 0 => {
            Err(Error::invalid(format!("{field} {swap} without a memory limit"))
                .hint("cgroup v2 limits swap alone: give linux.resources.memory.limit too"))
        }
        (swap, memory) if swap < memory => {
            Err(Error::invalid(format!("{field} {swap} is below linux.resources.memory.limit {memory}"))
                .hint("it counts memory and swap together: give at least the memory limit"))
        }
        (swap, memory) => Ok(Some((swap - memory).to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_become_weights() {
        for (shares, expected) in [
            (0, 1),
            (2, 1),
            (3, 2),
            (512, 59),
            (1024, 100),
            (2000, 170),
            (2048, 174),
            (262_144, 10_000),
            (u64::MAX, 10_000),
        ] {
            assert_eq!(weight(shares), expected, "{shares} shares");
        }
        let weights: Vec<u64> = (2..262_145).step_by(7).map(weight).collect();
        assert!(weights.is_sorted(), "more shares never weigh less");
    }

    #[test]
    fn io_weights_span_the_range() {
        for (blkio, expected) in [(0, 1), (10, 1), (100, 910), (500, 4950), (1000, 10_000)] {
            assert_eq!(io_weight(blkio), expected);
        }
    }

    #[test]
    fn quota_and_period() {
        for (quota, period, expected) in [
            (None, None, None),
            (Some(50_000), None, Some("50000")),
            (Some(-1), Some(100_000), Some("max 100000")),
            (Some(50_000), Some(100_000), Some("50000 100000")),
            (None, Some(20_000), Some("max 20000")),
        ] {
            assert_eq!(cpu_max(quota, period).as_deref(), expected);
        }
    }

    #[test]
    fn swap_is_the_difference() {
        for (swap, memory, expected) in [
            (None, None, None),
            (None, Some(100), None),
            (None, Some(-1), Some("max")),
            (Some(-1), Some(100), Some("max")),
            (Some(0), Some(100), None),
            (Some(300), Some(100), Some("200")),
            (Some(100), Some(100), Some("0")),
        ] {
            assert_eq!(swap_max(swap, memory).unwrap().as_deref(), expected, "{swap:?} {memory:?}");
        }
        for (swap, memory) in [(Some(100), None), (Some(100), Some(-1)), (Some(50), Some(100))] {
            assert!(swap_max(swap, memory).is_err(), "{swap:?} {memory:?}");
        }
    }
}
