//! What systemd is told of the limits.
//!
//! The values written to the cgroup's files afterwards are the exact ones; but systemd writes its own idea of a unit's
//! limits again whenever it is reloaded, so it has to have the same. They are read off the planned operations.

use super::Property;
use super::wire::Setting;
use crate::cgroup::devices::{Kind, Rule};
use crate::cgroup::op::{Op, Value};

/// The properties for the limits that operations set.
pub(in crate::cgroup) fn of(ops: &[Op]) -> Vec<Property> {
    let mut properties = Vec::new();
    for op in ops {
        match op {
            Op::Write { values } => {
                properties.extend(values.iter().filter_map(limit));
                properties.extend(quota(values));
            }
            Op::WriteFirst { choices } => properties.extend(choices.last().and_then(limit)),
            Op::DeviceList { rules, .. } | Op::DeviceFilter { rules, .. } => {
                properties.extend(devices(rules));
            }
            _ => {}
        }
    }
    properties
}

/// The files of v1 and of v2 that systemd has a property for.
const LIMITS: [(&str, &str); 14] = [
    ("memory.max", "MemoryMax"),
    ("memory.high", "MemoryHigh"),
    ("memory.low", "MemoryLow"),
    ("memory.min", "MemoryMin"),
    ("memory.swap.max", "MemorySwapMax"),
    ("memory.limit_in_bytes", "MemoryLimit"),
    ("pids.max", "TasksMax"),
    ("cpu.weight", "CPUWeight"),
    ("cpu.shares", "CPUShares"),
    ("io.weight", "IOWeight"),
    ("blkio.weight", "BlockIOWeight"),
    ("blkio.bfq.weight", "BlockIOWeight"),
    ("cpuset.cpus", "AllowedCPUs"),
    ("cpuset.mems", "AllowedMemoryNodes"),
];

fn file_name(value: &Value) -> &str {
    value.file.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn limit(value: &Value) -> Option<Property> {
    let (file, name) = LIMITS.iter().find(|(file, _)| *file == file_name(value))?;
    if file.starts_with("cpuset.") {
        return Some(Property::newer(name, Setting::Bytes(mask(&value.value)?)));
    }
    Some(Property::new(name, Setting::Number(number(&value.value)?)))
}

/// `max` and v1's −1 are the largest number.
fn number(text: &str) -> Option<u64> {
    if matches!(text, "max" | "-1") { Some(u64::MAX) } else { text.parse().ok() }
}

/// `0-2,5` as a row of bits, the lowest first.
fn mask(list: &str) -> Option<Vec<u8>> {
    let mut mask = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        // More processors than any kernel can have are no reason to fill the memory.
        if last >= 1 << 16 {
            return None;
        }
        for bit in first..=last {
            if mask.len() <= bit / 8 {
                mask.resize(bit / 8 + 1, 0);
            }
            mask[bit / 8] |= 1 << (bit % 8);
        }
    }
    Some(mask)
}

/// systemd counts the quota by the second, in whole hundredths of a processor.
fn quota(values: &[Value]) -> Vec<Property> {
    let find =
        |name: &str| values.iter().find(|value| file_name(value) == name).map(|value| value.value.as_str());
    let (quota, period) = match find("cpu.max") {
        Some(text) => {
            text.split_once(' ').map_or((Some(text), None), |(quota, period)| (Some(quota), Some(period)))
        }
        None => (find("cpu.cfs_quota_us"), find("cpu.cfs_period_us")),
    };
    let mut properties = Vec::new();
    let period = period.and_then(|period| period.parse::<u64>().ok()).filter(|period| *period != 0);
    if let Some(quota) = quota.and_then(number) {
        let each_second = match quota {
            u64::MAX => u64::MAX,
            quota => (quota.saturating_mul(1_000_000) / period.unwrap_or(100_000)).next_multiple_of(10_000),
        };
        properties.push(Property::new("CPUQuotaPerSecUSec", Setting::Number(each_second)));
    }
    properties.extend(period.map(|period| Property::newer("CPUQuotaPeriodUSec", Setting::Number(period))));
    properties
}

/// systemd's list knows no denials and only whole majors or single devices: it gets what is allowed, a little wider
/// where it must be, and the filter that is attached beside systemd's own (v2), or written over it (v1), is exact.
fn devices(rules: &[Rule]) -> [Property; 3] {
    let open = rules.first().is_some_and(|rule| rule.allow);
    let mut pairs: Vec<(String, String)> = Vec::new();
    for rule in rules.iter().filter(|rule| rule.allow && !open) {
        for kind in match rule.kind {
            Kind::Any => &["char", "block"][..],
            Kind::Char => &["char"],
            Kind::Block => &["block"],
        } {
            let device = match (rule.major, rule.minor) {
                (None, _) => format!("{kind}-*"),
                (Some(major), None) => format!("{kind}-{major}"),
                (Some(major), Some(minor)) => format!("/dev/{kind}/{major}:{minor}"),
            };
            pairs.push((device, rule.access.to_string()));
        }
    }
    [
        Property::new("DevicePolicy", Setting::Text(if open { "auto" } else { "strict" }.to_owned())),
        // An empty list takes back what was set before.
        Property::new("DeviceAllow", Setting::Pairs(Vec::new())),
        Property::new("DeviceAllow", Setting::Pairs(pairs)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(values: &[(&str, &str)]) -> String {
        let value = |(file, value): &(&str, &str)| Value::new("", format!("/c/{file}").into(), value);
        let properties = of(&[Op::Write { values: values.iter().map(value).collect() }]);
        let one = |property: &Property| match &property.value {
            Setting::Number(u64::MAX) => format!("{}=infinity", property.name),
            Setting::Number(number) => format!("{}={number}", property.name),
            other => format!("{}={other:?}", property.name),
        };
        properties.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn limits_become_properties() {
        for (values, expected) in [
            (
                &[("memory.max", "4096"), ("memory.swap.max", "max")][..],
                "MemoryMax=4096 MemorySwapMax=infinity",
            ),
            (&[("memory.limit_in_bytes", "-1")], "MemoryLimit=infinity"),
            (&[("pids.max", "max")], "TasksMax=infinity"),
            (
                &[("cpu.weight", "100"), ("cpu.max", "50000 100000")],
                "CPUWeight=100 CPUQuotaPerSecUSec=500000 CPUQuotaPeriodUSec=100000",
            ),
            (&[("cpu.max", "33333")], "CPUQuotaPerSecUSec=340000"),
            (&[("cpu.max", "max 20000")], "CPUQuotaPerSecUSec=infinity CPUQuotaPeriodUSec=20000"),
            (
                &[("cpu.cfs_period_us", "50000"), ("cpu.cfs_quota_us", "-1")],
                "CPUQuotaPerSecUSec=infinity CPUQuotaPeriodUSec=50000",
            ),
            (&[("cpuset.cpus", "0-2,9")], "AllowedCPUs=Bytes([7, 2])"),
            (&[("cpuset.cpus", "x"), ("hugetlb.2MB.max", "1")], ""),
        ] {
            assert_eq!(written(values), expected);
        }
    }

    #[test]
    fn devices_become_a_list() {
        use crate::cgroup::devices::{policy, tests::rule};
        let rules =
            policy(&[rule("allow c 10:229 rw"), rule("allow b 8:* r"), rule("deny b 8:1 r")]).unwrap();
        let [policy_of, reset, list] = devices(&rules);
        assert_eq!(policy_of.value, Setting::Text("strict".to_owned()));
        assert_eq!(reset.value, Setting::Pairs(Vec::new()));
        let Setting::Pairs(pairs) = list.value else { panic!("a list of pairs") };
        for (device, access) in [
            ("/dev/char/10:229", "rw"),
            ("block-8", "r"),
            ("char-*", "m"),
            ("char-136", "rwm"),
            ("/dev/char/1:3", "rwm"),
        ] {
            assert!(pairs.contains(&(device.to_owned(), access.to_owned())), "{device} of {pairs:?}");
        }
        assert!(!pairs.iter().any(|(device, _)| device == "/dev/block/8:1"), "{pairs:?}");
        let [open, _, list] = devices(&policy(&[rule("allow a")]).unwrap());
        assert_eq!((open.value, list.value), (Setting::Text("auto".to_owned()), Setting::Pairs(Vec::new())));
    }
}
