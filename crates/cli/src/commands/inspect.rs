//! `barque inspect`, of whatever has the name; and how all objects are shown.

use barque_engine::start::from_network;
use barque_engine::{Containers, Volumes};
use barque_network::Networks;
use serde_json::Value;

use super::image::Images;
use super::verb::each;
use super::{Places, container, image, network, volume};
use crate::flags::Parsed;
use crate::format::Template;
use crate::{Error, ErrorKind, Result, console, json};

/// What finds an object of one kind by its name.
type Find = fn(&str, &Places) -> Result<Value>;

/// The kinds of objects, in the order in which a name is looked for.
const KINDS: [(&str, Find); 4] = [
    ("container", |name, places| container::object(&Containers::new(places.clone()).find(name)?)),
    ("image", |name, places| {
        let images = Images::open(places)?;
        images.store.inspect(&images.find(name)?).map_err(image::told)
    }),
    ("network", |name, places| {
        let networks = Networks::new(&places.root);
        Ok(network::object(&networks.find(name).map_err(from_network)?, &networks))
    }),
    ("volume", |name, places| Ok(volume::object(&Volumes::new(places).find(name)?))),
];

/// Shows all that is known about objects of any kind.
pub(super) fn inspect(flags: &Parsed, places: &Places) -> Result<i32> {
    let wanted = flags.value("type").filter(|kind| !kind.is_empty());
    if let Some(kind) = wanted.filter(|wanted| KINDS.iter().all(|(kind, _)| kind != wanted)) {
        return Err(flags.invalid("type", kind, "it is container, image, network or volume"));
    }
    let mut found = Vec::new();
    let code = each(flags.positional(), |name| {
        found.push(object(name, wanted, places)?);
        Ok(())
    });
    show(flags, found)?;
    Ok(code)
}

fn object(name: &str, wanted: Option<&str>, places: &Places) -> Result<Value> {
    for (_, find) in KINDS.iter().filter(|(kind, _)| wanted.is_none_or(|wanted| wanted == *kind)) {
        match find(name, places) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => return other,
        }
    }
    Err(Error::new(ErrorKind::NotFound, format!("No such {}: {name}", wanted.unwrap_or("object"))))
}

/// Prints objects as `--format` asks for it.
pub(super) fn show(flags: &Parsed, found: Vec<Value>) -> Result<()> {
    match flags.value("format").filter(|format| !format.is_empty()) {
        None => console::out(&json::indented(&found, "    ")),
        Some("json") => console::out(&format!("{}\n", Value::Array(found))),
        Some(format) => {
            let template = Template::lenient(format)?;
            for object in &found {
                let text = template.execute(object).map_err(|error| error.context("--format"))?;
                console::out(&format!("{text}\n"));
            }
        }
    }
    Ok(())
}
