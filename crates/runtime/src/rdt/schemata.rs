//! Lines of a group's `schemata`: `L3:0=7f0;1=1f`, `MB:0=20;1=70`.

/// The values of a line: which resource, of which cache, how much; nothing for what is not such a line. The kernel pads
/// names and values, and writes masks in as many digits as the longest has.
pub(super) fn parse(line: &str) -> impl Iterator<Item = (&str, u32, u64)> {
    let (resource, values) = line.split_once(':').unwrap_or_default();
    let resource = resource.trim();
    let radix = if resource.starts_with("MB") { 10 } else { 16 };
    let value = move |text: &str| {
        let (cache, value) = text.split_once('=')?;
        let value = u64::from_str_radix(value.trim().trim_start_matches("0x"), radix).ok()?;
        Some((cache.trim().parse().ok()?, value))
    };
    let values: Option<Vec<(u32, u64)>> = values.split(';').map(value).collect();
    let values = values.filter(|_| !resource.is_empty()).unwrap_or_default();
    values.into_iter().map(move |(cache, value)| (resource, cache, value))
}

/// The first line of `wanted` with a value that a group's `schemata` has not.
pub(super) fn mismatch<'w>(schemata: &str, wanted: &'w str) -> Option<&'w str> {
    let has = |value| schemata.lines().flat_map(parse).any(|found| found == value);
    wanted.lines().find(|line| !parse(line).all(has))
}
