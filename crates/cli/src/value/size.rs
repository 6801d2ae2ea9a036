//! Sizes in bytes, with binary units: Docker's `512m`, `2g`, `1gb`.

use super::{Inexact, scaled};

/// Bytes from `NUMBER[.FRACTION][ ][k|m|g|t|p][i][b]`, units being powers of 1024.
pub fn size(text: &str) -> Result<i64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let shift = shift(suffix.strip_prefix(' ').unwrap_or(suffix));
    let billionths = match scaled(number, 9) {
        Ok(value) => value,
        Err(Inexact::TooPrecise) => return Err(format!("invalid size: '{text}': too many digits")),
        Err(Inexact::TooLarge) => return Err(format!("invalid size: '{text}': too large")),
        Err(Inexact::NotANumber) => return Err(format!("invalid size: '{text}'")),
    };
    let shift = shift.ok_or_else(|| format!("invalid suffix: '{}'", suffix.trim_start()))?;
    billionths
        .checked_mul(1 << shift)
        .and_then(|bytes| i64::try_from(bytes / 1_000_000_000).ok())
        .ok_or_else(|| format!("invalid size: '{text}': too large"))
}

/// The power of two that a unit stands for.
fn shift(unit: &str) -> Option<u32> {
    let unit = unit.to_ascii_lowercase();
    let letter = match unit.as_str() {
        "" | "b" => return Some(0),
        _ => unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit),
    };
    ["k", "m", "g", "t", "p"]
        .iter()
        .zip([10, 20, 30, 40, 50])
        .find(|(name, _)| **name == letter)
        .map(|(_, n)| n)
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn reads_binary_units() {
        for (text, bytes) in [
            ("0", 0),
            ("1024", 1024),
            ("42b", 42),
            ("512m", 512 << 20),
            ("512M", 512 << 20),
            ("2g", 2 << 30),
            ("1gb", 1 << 30),
            ("1GiB", 1 << 30),
            ("1.5k", 1536),
            ("0.5g", 1 << 29),
            ("3 kb", 3072),
            ("1t", 1 << 40),
            ("7p", 7 << 50),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn refuses_with_dockers_words() {
        for (text, why) in [
            ("", "invalid size: ''"),
            ("g", "invalid size: 'g'"),
            ("-1", "invalid size: '-1'"),
            ("1x", "invalid suffix: 'x'"),
            ("1mm", "invalid suffix: 'mm'"),
            ("1 kB s", "invalid suffix: 'kB s'"),
            ("10000p", "invalid size: '10000p': too large"),
        ] {
            assert_eq!(size(text), Err(why.to_owned()), "{text}");
        }
    }
}
