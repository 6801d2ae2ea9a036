//! `barque explain`: the plan of a start, printed instead of executed.

use barque_engine::start::{Purpose, Start};
use barque_engine::{Container, Containers, ErrorKind, Places};
use barque_runtime::container::{self, Creation, Options};
use barque_runtime::execute::Trace;
use barque_runtime::explain;
use barque_runtime::plan::Plan;

use super::Prepared;
use crate::flags::Parsed;
use crate::oci::bundle::Bundle;
use crate::{Error, Result, console, json};

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Script,
    Json,
}

impl Format {
    fn read(flags: &Parsed) -> Result<Self> {
        match flags.value("format").unwrap_or("sh") {
            "sh" => Ok(Self::Script),
            "json" => Ok(Self::Json),
            other => Err(flags.invalid("format", other, "it is neither \"sh\" nor \"json\"")),
        }
    }
}

/// Prints the plan that `run` with the same flags, or `oci run` of the bundle, would execute.
pub fn explain(flags: &Parsed, places: &Places) -> Result<i32> {
    let format = Format::read(flags)?;
    match flags.value("bundle") {
        Some(directory) => bundle(flags, format, directory)?,
        None => match existing(flags, places)? {
            Some(container) => start_of(flags, format, &container)?,
            None => command(flags, format, places)?,
        },
    }
    Ok(0)
}

/// Explains `run`, down to the request and the plan by the same way.
fn command(flags: &Parsed, format: Format, places: &Places) -> Result<()> {
    let prepared = Prepared::new(flags, places, Purpose::Explain)?;
    let Prepared { request, definition, spec, config, .. } = &prepared;
    let networks = definition.network.request.as_ref();
    let start = Start::prepare(places, definition, spec, config, networks, Purpose::Explain)?;
    for warning in request.warnings.iter().chain(start.warnings()) {
        console::err(&format!("WARNING: {warning}\n"));
    }
    let plan = container::plan_of(&start.creation(Trace::default()))?;
    print(flags, format, &definition.id, &plan)
}

/// The container that is meant: one name without flags of `run`. One of an image has a tag, or no container has it.
fn existing(flags: &Parsed, places: &Places) -> Result<Option<Container>> {
    let [name] = flags.positional() else { return Ok(None) };
    match Containers::new(places.clone()).find(name) {
        Ok(container) => Ok(Some(container)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Explains the start of a container that is there.
fn start_of(flags: &Parsed, format: Format, container: &Container) -> Result<()> {
    let config = container.config()?;
    let spec = container.spec(&config)?;
    let (places, definition) = (container.places(), &container.definition);
    let networks = definition.network.request.as_ref();
    let start = Start::prepare(places, definition, &spec, config.as_bytes(), networks, Purpose::Explain)?;
    for warning in start.warnings() {
        console::err(&format!("WARNING: {warning}\n"));
    }
    let plan = container::plan_of(&start.creation(Trace::default()))?;
    print(flags, format, container.id(), &plan)
}

/// Explains `oci run`. The container's id, which names its cgroup, may follow; else it is the directory's name.
fn bundle(flags: &Parsed, format: Format, directory: &str) -> Result<()> {
    let bundle = Bundle::open(directory, "config.json")?;
    let spec = bundle.spec()?;
    let name = bundle.path.file_name().map_or("container".into(), |name| name.to_string_lossy());
    let id = flags.positional().first().map_or(&*name, String::as_str);
    let plan = container::plan_of(&Creation {
        id,
        bundle: &bundle.path,
        spec: &spec,
        config: bundle.config.as_bytes(),
        executable: None,
        root: None,
        files: Vec::new(),
        unpack: container::no_archives,
        connect: None,
        console_socket: None,
        cgroups: true,
        options: Options::default(),
        trace: Trace::default(),
    })?;
    print(flags, format, id, &plan)
}

/// Prints a plan as the flags ask for it.
fn print(flags: &Parsed, format: Format, id: &str, plan: &Plan) -> Result<()> {
    let seccomp_file = flags.value("seccomp-out").map(std::path::Path::new);
    if let Some(path) = seccomp_file {
        write_filter(path, plan)?;
    }
    match format {
        Format::Script => {
            console::out(explain::script(plan, &explain::Options { id, seccomp_file }).as_str());
        }
        Format::Json => console::out(&json::indented(plan, "  ")),
    }
    Ok(())
}

fn write_filter(path: &std::path::Path, plan: &Plan) -> Result<()> {
    let program = explain::seccomp_program(plan)
        .ok_or_else(|| Error::invalid("--seccomp-out: this container has no system call filter"))?;
    std::fs::write(path, program).map_err(|error| Error::invalid(format!("--seccomp-out {path:?}: {error}")))
}
