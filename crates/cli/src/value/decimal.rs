//! Decimal numbers, exactly.

/// Why a decimal number could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inexact {
    /// It is no number.
    NotANumber,
    /// It has more digits after the point than there is room for.
    TooPrecise,
    /// It is too large.
    TooLarge,
}

/// A non-negative decimal number times 10^`digits`: `scaled("1.5", 3)` is 1500.
pub fn scaled(text: &str, digits: u32) -> Result<u128, Inexact> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits_only(whole) || !digits_only(fraction) {
        return Err(Inexact::NotANumber);
    }
    let fraction = fraction.trim_end_matches('0');
    let missing = usize::try_from(digits)
        .ok()
        .and_then(|digits| digits.checked_sub(fraction.len()))
        .ok_or(Inexact::TooPrecise)?;
    let all = format!("{whole}{fraction}{:0<missing$}", "");
    if all.is_empty() { Ok(0) } else { all.parse().map_err(|_| Inexact::TooLarge) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_exactly() {
        for (text, digits, expected) in [
            ("1.5", 3, Ok(1500)),
            ("0", 0, Ok(0)),
            (".5", 1, Ok(5)),
            ("2.", 2, Ok(200)),
            ("1.500", 1, Ok(15)),
            ("1.25", 1, Err(Inexact::TooPrecise)),
            ("", 1, Err(Inexact::NotANumber)),
            (".", 1, Err(Inexact::NotANumber)),
            ("-1", 1, Err(Inexact::NotANumber)),
            ("1e3", 1, Err(Inexact::NotANumber)),
            ("1.2.3", 5, Err(Inexact::NotANumber)),
            ("9999999999999999999999999999999999999999", 0, Err(Inexact::TooLarge)),
        ] {
            assert_eq!(scaled(text, digits), expected, "{text:?}");
        }
    }
}
