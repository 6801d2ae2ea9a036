//! Sizes in options of log drivers: `10m`, `64k`, `1.5g`.

/// Bytes; `unit` is what a k is: 1000 for `json-file`, 1024 for all else, as in Docker.
pub(super) fn parse(text: &str, unit: u64) -> Result<u64, String> {
    let invalid = || format!("invalid size: '{text}'");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > 9 || fraction.contains('.') {
        return Err(invalid());
    }
    let factor = factor(suffix.trim_start(), unit)
        .ok_or_else(|| format!("invalid suffix: '{}'", suffix.trim_start()))?;
    let billionths: u128 = format!("{whole}{fraction:0<9}").parse().map_err(|_| invalid())?;
    let bytes = billionths.checked_mul(factor.into()).ok_or_else(invalid)? / 1_000_000_000;
    u64::try_from(bytes).map_err(|_| invalid())
}

fn factor(suffix: &str, unit: u64) -> Option<u64> {
    let suffix = suffix.to_ascii_lowercase();
    let letter = match suffix.as_str() {
        "" | "b" => return Some(1),
        _ => suffix.strip_suffix("ib").or_else(|| suffix.strip_suffix('b')).unwrap_or(&suffix),
    };
    let power = ["k", "m", "g", "t", "p"].iter().position(|name| *name == letter)?;
    (0..=power).try_fold(1_u64, |factor, _| factor.checked_mul(unit))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn units_of_both_kinds() {
        for (text, unit, bytes) in [
            ("10m", 1000, 10_000_000),
            ("10m", 1024, 10 << 20),
            ("512", 1000, 512),
            ("1.5k", 1000, 1500),
            ("20MB", 1000, 20_000_000),
            ("1GiB", 1024, 1 << 30),
            ("3 kb", 1024, 3072),
        ] {
            assert_eq!(parse(text, unit), Ok(bytes), "{text}");
        }
        for (text, why) in [
            ("", "invalid size: ''"),
            ("m", "invalid size: 'm'"),
            ("-5m", "invalid size: '-5m'"),
            ("5x", "invalid suffix: 'x'"),
            ("1.2.3", "invalid size: '1.2.3'"),
            ("99999999999999999999p", "invalid size: '99999999999999999999p'"),
        ] {
            assert_eq!(parse(text, 1000), Err(why.to_owned()), "{text}");
        }
    }
}
