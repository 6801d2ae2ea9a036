//! Every target, on its seeds and on some thousand inputs made from them: enough to see that targets work and that nobody
//! has broken a parser badly. `BARQUE_FUZZ_ROUNDS` asks for more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use barque_fuzz_targets::{Mutations, Target, seeds, targets};

/// How many inputs a target gets.
fn rounds() -> usize {
    std::env::var("BARQUE_FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(2_000)
}

/// A parser that takes longer than this for less than a few kilobytes can be made to hang.
const PATIENCE: Duration = Duration::from_secs(5);

fn try_target((name, run): Target) -> Vec<String> {
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "{name}: no seeds");
    // Files are made for each of these.
    let rounds = if name == "layer" { rounds() / 10 } else { rounds() };
    let mut wrong = Vec::new();
    for input in seeds.iter().cloned().chain(Mutations::new(&seeds).take(rounds)) {
        let start = Instant::now();
        if catch_unwind(AssertUnwindSafe(|| run(&input))).is_err() {
            wrong.push(format!("{name} panics on {:?}", input.escape_ascii().to_string()));
        }
        if start.elapsed() > PATIENCE {
            wrong.push(format!(
                "{name} takes {:?} for {:?}",
                start.elapsed(),
                input.escape_ascii().to_string()
            ));
        }
        if wrong.len() > 3 {
            break;
        }
    }
    wrong
}

#[test]
fn parsers_return_whatever_they_are_given() {
    let wrong: Vec<_> = targets().into_iter().flat_map(try_target).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A seed that no parser takes would leave its target without a way in.
#[test]
fn seeds_are_of_the_right_kind() {
    let names: Vec<_> = targets().into_iter().map(|(name, _)| name).collect();
    assert!(names.len() >= 20, "{names:?}");
    for text in seeds("bundle").iter().take(2) {
        let spec = barque_runtime::spec::spec_from_json(std::str::from_utf8(text).unwrap_or_default());
        assert!(spec.is_ok(), "{spec:?}");
    }
    for text in seeds("manifest").iter().take(1) {
        let manifest = barque_image::spec::Manifest::parse(text);
        assert!(manifest.is_ok(), "{manifest:?}");
    }
    for text in seeds("dockerfile").iter().take(2) {
        let dockerfile =
            barque_build::dockerfile::Dockerfile::parse(std::str::from_utf8(text).unwrap_or_default());
        assert!(dockerfile.is_ok(), "{dockerfile:?}");
    }
    let place = std::env::temp_dir().join(format!("barque-fuzz-seed-{}", std::process::id()));
    assert!(std::fs::create_dir(&place).is_ok());
    let options =
        barque_image::layer::Options { rights: barque_image::layer::Rights::Own, ..Default::default() };
    let unpacked = barque_image::layer::unpack(&seeds("layer")[0][..], &place, &options);
    assert!(unpacked.is_ok() && place.join("etc/a").exists(), "{unpacked:?}");
    assert!(std::fs::remove_dir_all(&place).is_ok());
}
