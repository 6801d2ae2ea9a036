//! `barque build --check`.

use barque_build::check::{Surroundings, Warning, check};
use barque_build::dockerfile::Dockerfile;

use super::source::{self, Source};
use crate::flags::Parsed;
use crate::{Result, console};

/// Checks a Dockerfile; returns the exit code: 1 when something was found.
pub(super) fn run(flags: &Parsed, source: &Source) -> Result<i32> {
    let surroundings = Surroundings {
        given: source::given(flags),
        platform: source::platforms(flags.value("platform"))?,
        ignore: source.ignore()?,
        target: flags.value("target").map(str::to_owned),
    };
    let found = Dockerfile::parse(&source.text).and_then(|dockerfile| check(&dockerfile, &surroundings));
    match found {
        Ok(warnings) => {
            console::out(&report(source, &warnings));
            Ok(i32::from(!warnings.is_empty()))
        }
        Err(error) => Err(source.told(error)),
    }
}

fn report(source: &Source, warnings: &[Warning]) -> String {
    let mut text = match warnings.len() {
        0 => "Check complete, no warnings found.\n".to_owned(),
        1 => "Check complete, 1 warning has been found!\n".to_owned(),
        count => format!("Check complete, {count} warnings have been found!\n"),
    };
    for warning in warnings {
        text.push_str(&format!("\nWARNING: {}\n{}\n", warning.rule.name(), warning.message));
        text.push_str(&source.excerpt(warning.lines));
        text.push_str(&format!("hint: {}\n", warning.cure));
    }
    text
}
