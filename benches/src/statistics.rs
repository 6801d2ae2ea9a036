//! Order statistics of a series of measurements.

use std::time::Duration;

/// Minimum, quartiles and the 95th percentile of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    /// The smallest value.
    pub min: f64,
    /// A quarter of the values are below.
    pub lower: f64,
    /// Half of the values are below.
    pub median: f64,
    /// Three quarters of the values are below.
    pub upper: f64,
    /// All but one in twenty are below.
    pub p95: f64,
}

/// Summarises a series; nothing when it is empty.
pub(crate) fn summary(values: impl IntoIterator<Item = f64>) -> Option<Summary> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = |percent: usize| sorted[(last * percent + 50) / 100];
    Some(Summary { min: sorted[0], lower: at(25), median: at(50), upper: at(75), p95: at(95) })
}

/// Milliseconds, for tables.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The ratios of the runs of one round.
pub(crate) fn paired(ours: &[Duration], theirs: &[Duration]) -> Option<Summary> {
    summary(ours.iter().zip(theirs).map(|(a, b)| a.as_secs_f64() / b.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_order_statistics() {
        let summary = summary((1..=101).rev().map(f64::from)).unwrap();
        assert_eq!(summary, Summary { min: 1.0, lower: 26.0, median: 51.0, upper: 76.0, p95: 96.0 });
        assert_eq!(super::summary([]), None);
        assert!((super::summary([7.0]).unwrap().p95 - 7.0).abs() < f64::EPSILON);
    }

    #[test]
    fn pairs_runs_of_one_round() {
        let [fast, slow] = [2, 4].map(Duration::from_millis);
        // The second round was slow for both, so the ratio stays.
        let ratio = paired(&[fast, slow], &[slow, slow * 2]).unwrap();
        assert!((ratio.median - 0.5).abs() < 1e-9 && (ratio.p95 - 0.5).abs() < 1e-9);
    }
}
