//! The formats of the kernel's statistics files.

use std::collections::BTreeMap;

use super::{BlkioEntry, Psi, PsiData};

/// One number; `max` is the largest, a negative one (v1's "no limit") too.
pub(super) fn number(text: &str) -> u64 {
    let text = text.trim();
    text.parse().unwrap_or(if text == "max" || text.starts_with('-') { u64::MAX } else { 0 })
}

/// Lines of `key number`.
pub(super) fn table(text: &str) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let (key, value) = line.split_once(' ')?;
        Some((key.to_owned(), value.trim().parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

/// Numbers in a row.
pub(super) fn numbers(text: &str) -> Vec<u64> {
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// `0-3,7` as single numbers.
pub(super) fn list(text: &str) -> Vec<u16> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<u16>().ok()?..=last.parse::<u16>().ok()?)
    };
    text.trim().split(',').filter_map(range).flatten().collect()
}

/// v1's `cpuacct.usage_all`: a head line, then `cpu user system`. User, then system.
pub(super) fn usage_all(text: &str) -> (Vec<u64>, Vec<u64>) {
    text.lines()
        .skip(1)
        .filter_map(|line| match numbers(line)[..] {
            [_, user, system] => Some((user, system)),
            _ => None,
        })
        .unzip()
}

/// v1: lines of `major:minor operation number`; the line of the sum has no device.
pub(super) fn blkio_v1(text: &str) -> Vec<BlkioEntry> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let (major, minor) = words.next()?.split_once(':')?;
        let (op, value) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
        Some(BlkioEntry { major: major.parse().ok()?, minor: minor.parse().ok()?, op, value })
    };
    text.lines().filter_map(line).collect()
}

/// v2's `io.stat`: `major:minor rbytes=… wbytes=… rios=… …`; the entries of these keys.
pub(super) fn io_stat(text: &str, keys: [(&str, &str); 3]) -> Vec<BlkioEntry> {
    let mut entries = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some((major, minor)) = words.next().and_then(|device| device.split_once(':')) else { continue };
        let (Ok(major), Ok(minor)) = (major.parse(), minor.parse()) else { continue };
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            if let (Some((_, op)), Ok(value)) = (keys.iter().find(|(known, _)| *known == key), value.parse())
            {
                entries.push(BlkioEntry { major, minor, op: (*op).to_owned(), value });
            }
        }
    }
    entries
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and the same for `full`.
pub(super) fn psi(text: &str) -> Option<Psi> {
    let mut psi = Psi::default();
    for line in text.lines() {
        let (kind, rest) = line.split_once(' ')?;
        let field = |name: &str| rest.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let share = |name: &str| field(name)?.parse::<f64>().ok();
        let data = PsiData {
            avg10: share("avg10")?,
            avg60: share("avg60")?,
            avg300: share("avg300")?,
            total: field("total")?.parse().ok()?,
        };
        match kind {
            "some" => psi.some = data,
            "full" => psi.full = data,
            _ => {}
        }
    }
    (!text.is_empty()).then_some(psi)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lists() {
        for (text, expected) in [
            ("12\n", 12),
            ("max", u64::MAX),
            ("-1", u64::MAX),
            ("9223372036854771712", 9_223_372_036_854_771_712),
            ("", 0),
        ] {
            assert_eq!(number(text), expected, "{text:?}");
        }
        for (text, expected) in
            [("0-3,7\n", &[0, 1, 2, 3, 7][..]), ("1", &[1]), ("\n", &[]), ("x,2-3", &[2, 3])]
        {
            assert_eq!(list(text), expected);
        }
        let table = table("cache 1\nrss 2\nbroken\nnr_periods x\n");
        assert_eq!(table.into_iter().collect::<Vec<_>>(), [("cache".to_owned(), 1), ("rss".to_owned(), 2)]);
        assert_eq!(usage_all("cpu user system\n0 1 2\n1 3 4\n"), (vec![1, 3], vec![2, 4]));
    }

    #[test]
    fn block_devices() {
        let entry = |op: &str, value| BlkioEntry { major: 8, minor: 16, op: op.to_owned(), value };
        assert_eq!(
            blkio_v1("8:16 Read 10\n8:16 Write 20\nTotal 30\n"),
            [entry("Read", 10), entry("Write", 20)]
        );
        let text = "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n7:0 \n";
        let bytes = [("rbytes", "Read"), ("wbytes", "Write"), ("dbytes", "Discard")];
        assert_eq!(io_stat(text, bytes), [entry("Read", 1), entry("Write", 2), entry("Discard", 5)]);
    }

    #[test]
    fn pressure() {
        let text = "some avg10=1.50 avg60=0.20 avg300=0.00 total=42\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        let psi = psi(text).unwrap();
        assert_eq!((psi.some.avg10, psi.some.avg60, psi.some.total, psi.full.total), (1.5, 0.2, 42, 7));
        assert_eq!(super::psi(""), None);
        assert_eq!(super::psi("some nonsense"), None);
    }
}
