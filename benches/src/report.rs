//! The results as Markdown.

use std::fs;
use std::io::{self, Write};

use crate::contender::{Contender, OURS};
use crate::measure::Series;
use crate::memory::Resident;
use crate::scenario::{Kind, Scenario};
use crate::statistics::{milliseconds, paired, summary};

/// The machine, the contenders, and who is missing.
pub(crate) fn head(out: &mut dyn Write, contenders: &[Contender], absent: &[String]) -> io::Result<()> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    writeln!(out, "Kernel {}, {cores} cores.\n", kernel.trim())?;
    for contender in contenders {
        writeln!(out, "- {}: {}", contender.name, contender.version)?;
    }
    for reason in absent {
        writeln!(out, "- absent: {reason}")?;
    }
    Ok(())
}

fn find<'a>(results: &'a [Series], name: &str) -> Option<&'a Series> {
    results.iter().find(|series| series.name == name)
}

/// The table of a latency scenario; how many targets were missed.
pub(crate) fn latency(out: &mut dyn Write, scenario: &Scenario, results: &[Series]) -> io::Result<usize> {
    let base = &results[0];
    writeln!(out, "\n### {} (`{}`)\n", scenario.title, scenario.name)?;
    writeln!(
        out,
        "| | min ms | median ms | p95 ms | failed | × {}: medians | pair by pair (quartiles) |",
        base.name
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    let base_median = summary(base.times.iter().copied().map(milliseconds)).map_or(f64::NAN, |s| s.median);
    for series in results {
        let (Some(time), Some(ratio)) =
            (summary(series.times.iter().copied().map(milliseconds)), paired(&series.times, &base.times))
        else {
            continue;
        };
        writeln!(
            out,
            "| {} | {:.2} | {:.2} | {:.2} | {} | {:.2} | {:.2} ({:.2}–{:.2}) |",
            series.name,
            time.min,
            time.median,
            time.p95,
            series.failures,
            time.median / base_median,
            ratio.median,
            ratio.lower,
            ratio.upper,
        )?;
    }
    targets(out, scenario, results)
}

/// The table of a throughput scenario; how many targets were missed.
pub(crate) fn throughput(out: &mut dyn Write, scenario: &Scenario, results: &[Series]) -> io::Result<usize> {
    let Kind::Throughput { starts, .. } = scenario.kind else { return Ok(0) };
    writeln!(out, "\n### {} (`{}`)\n", scenario.title, scenario.name)?;
    writeln!(out, "| | median s | starts/s | failed |\n|---|---|---|---|")?;
    for series in results {
        let Some(time) = summary(series.times.iter().map(|time| time.as_secs_f64())) else { continue };
        let rate = f64::from(u32::try_from(starts).unwrap_or(u32::MAX)) / time.median;
        writeln!(out, "| {} | {:.2} | {rate:.0} | {} |", series.name, time.median, series.failures)?;
    }
    targets(out, scenario, results)
}

/// The table of what stays in memory; more than nothing of ours after `start` is a miss.
pub(crate) fn resident(out: &mut dyn Write, scenario: &Scenario, results: &[Resident]) -> io::Result<usize> {
    writeln!(out, "\n### {} (`{}`)\n", scenario.title, scenario.name)?;
    writeln!(out, "| | after create: processes | private KiB | after start: processes | private KiB |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    for Resident { name, created, started } in results {
        writeln!(
            out,
            "| {name} | {} | {} | {} | {} |",
            created.processes, created.private_kib, started.processes, started.private_kib
        )?;
    }
    let ours = results.iter().find(|result| result.name == OURS);
    Ok(usize::from(ours.is_some_and(|result| result.started.processes > 0)))
}

/// Our ratios beside the targets. A target is a time, so throughput counts the other way round: at most the same time.
fn targets(out: &mut dyn Write, scenario: &Scenario, results: &[Series]) -> io::Result<usize> {
    let Some(ours) = find(results, OURS) else {
        return Ok(0);
    };
    let mut missed = usize::from(ours.failures > 0);
    writeln!(out)?;
    for target in scenario.targets {
        let Some(ratio) = find(results, target.against).and_then(|peer| paired(&ours.times, &peer.times))
        else {
            writeln!(out, "- target {:.2} × {}: the peer is absent", target.ratio, target.against)?;
            continue;
        };
        let met = ratio.median <= target.ratio;
        missed += usize::from(!met);
        let verdict = if met { "met" } else { "MISSED" };
        writeln!(
            out,
            "- target {:.2} × {} in time: {:.2}, {verdict}",
            target.ratio, target.against, ratio.median
        )?;
    }
    Ok(missed)
}
