//! `barque build` and `barque builder`.

mod cache;
mod check;
mod images;
mod output;
mod progress;
mod sandbox;
mod secret;
mod source;

use std::os::fd::OwnedFd;
use std::path::Path;

use barque_build::Context;
use barque_build::dockerfile::Dockerfile;
use barque_build::execute::{self, Built, Surroundings, Wanted};
use barque_build::graph::{Choices, Network};
use barque_image::spec::Platform;

use super::Places;
use super::image::{Images, config};
use super::verb::{Group, Verb};
use crate::flags::{self, Parsed};
use crate::value::{now, rfc3339};
use crate::{Error, Result, console};
use source::Source;

/// The commands about builds.
pub(super) static GROUP: Group =
    Group { name: "builder", about: "Builds, and what they keep to be faster the next time.", verbs: VERBS };

const VERBS: &[Verb] = &[
    Verb::entering(&flags::build::BUILD, &["build"], &["build"], (1, 1), build),
    Verb::plain(&flags::build::DU, &["du"], &[], (0, 0), cache::du),
    Verb::plain(&flags::build::PRUNE, &["prune"], &[], (0, 0), cache::prune),
];

/// Builds an image, or only checks its Dockerfile.
fn build(flags: &Parsed, places: &Places, _executable: Option<OwnedFd>) -> Result<i32> {
    let source = Source::find(flags.value("file"), flags.positional().first().map_or("", String::as_str))?;
    if flags.switch("check") {
        return check::run(flags, &source);
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Error::unsupported("builds take root in this version of barque"));
    }
    let progress = progress::chosen(flags)?;
    let outputs = output::outputs(flags)?;
    let images = Images::open(places)?;
    let wanted = wanted(flags, &images)?;
    let context = source.context.as_deref().map(|path| context(path, &source)).transpose()?;
    let epoch = wanted.choices.epoch;
    let clock = || rfc3339(epoch.unwrap_or_else(now));
    let mut finder = images::Finder::new(&images, flags)?;
    let sandbox = sandbox::Sandbox::new(places, flags);
    let mut progress = progress;
    let parsed = Dockerfile::parse(&source.text);
    let built = parsed.and_then(|dockerfile| {
        execute::build(
            &dockerfile,
            &wanted,
            Surroundings {
                store: &images.store,
                places,
                context: context.as_ref(),
                images: &mut finder,
                sandbox: &sandbox,
                progress: &mut progress,
                clock: &clock,
            },
        )
    });
    let built = built.map_err(|error| source.told(error))?;
    for output in &outputs {
        output::write(&images, &built.image, &wanted.names, output)?;
    }
    report(flags, &wanted, &built, &mut progress)?;
    Ok(0)
}

fn context(path: &Path, source: &Source) -> Result<Context> {
    Context::new(path, source.ignore()?).map_err(|error| source.told(error))
}

fn wanted(flags: &Parsed, images: &Images) -> Result<Wanted> {
    let label = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (name.to_owned(), value.to_owned())
    };
    let platform = flags
        .value("platform")
        .map(|text| text.parse::<Platform>().map_err(|error| flags.invalid("platform", text, error)));
    let platform = platform.transpose()?;
    let own = Platform::of_this_machine();
    if let Some(other) = platform.as_ref().filter(|wanted| wanted.accepts(&own).is_none()) {
        console::err(&format!(
            "WARNING: the image is for {other}, and this machine is {own}: its programs may not run\n"
        ));
    }
    let names = flags.all("tag").map(|name| images.name(name)).collect::<Result<Vec<_>>>()?;
    Ok(Wanted {
        choices: Choices {
            arguments: source::given(flags),
            platform: source::platforms(flags.value("platform"))?,
            target: flags.value("target").map(str::to_owned),
            labels: flags.all("label").map(label).collect(),
            network: Network::parse(flags.value("network").unwrap_or_default()),
            epoch: config::source_date()?,
        },
        no_cache: flags.switch("no-cache"),
        platform,
        names,
        secrets: secret::secrets(flags)?,
    })
}

/// Says what has come of it.
fn report(flags: &Parsed, wanted: &Wanted, built: &Built, progress: &mut progress::Lines) -> Result<()> {
    let id = built.image.id().to_string();
    if !built.unused.is_empty() {
        let names = built.unused.join(" ");
        console::err(&format!("WARNING: one or more build-args were not consumed: {names}\n"));
    }
    if let Some(path) = flags.value("iidfile") {
        std::fs::write(path, &id).map_err(|error| Error::invalid(format!("--iidfile {path:?}: {error}")))?;
    }
    if let Some(path) = flags.value("metadata-file") {
        let names: Vec<String> = wanted.names.iter().map(ToString::to_string).collect();
        let text = serde_json::json!({
            "containerimage.config.digest": id,
            "containerimage.descriptor": &built.image.descriptor,
            "containerimage.digest": built.image.descriptor.digest.to_string(),
            "image.name": names.join(","),
        });
        std::fs::write(path, format!("{text:#}\n"))
            .map_err(|error| Error::invalid(format!("--metadata-file {path:?}: {error}")))?;
    }
    progress.end(&id, &wanted.names);
    if flags.switch("quiet") {
        console::out(&format!("{id}\n"));
    }
    Ok(())
}
