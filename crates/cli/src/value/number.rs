//! Integers.

use std::num::IntErrorKind;
use std::str::FromStr;

/// An integer of the wanted type; the complaint is worded as Go's.
pub fn integer<T>(text: &str) -> Result<T, String>
where
    T: FromStr<Err = std::num::ParseIntError>,
{
    text.parse().map_err(|error: std::num::ParseIntError| {
        let why = match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.ParseInt: parsing {text:?}: {why}")
    })
}
