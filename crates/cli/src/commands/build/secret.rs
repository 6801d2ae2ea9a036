//! `--secret id=NAME[,src=FILE|,env=VARIABLE]`.

use std::collections::BTreeMap;

use crate::flags::Parsed;
use crate::{Error, Result};

/// More than any key or token has.
const MOST: u64 = 512 << 10;

/// The secrets, read.
pub(super) fn secrets(flags: &Parsed) -> Result<BTreeMap<String, Vec<u8>>> {
    flags.all("secret").map(|text| secret(flags, text)).collect()
}

fn secret(flags: &Parsed, text: &str) -> Result<(String, Vec<u8>)> {
    let (mut id, mut source, mut variable, mut kind) = (None, None, None, None);
    for field in text.split(',') {
        let (key, value) = field.split_once('=').ok_or_else(|| {
            flags.invalid("secret", text, format!("invalid field '{field}': write key=value"))
        })?;
        match key.to_ascii_lowercase().as_str() {
            "id" => id = Some(value),
            "src" | "source" => source = Some(value),
            "env" => variable = Some(value),
            "type" => kind = Some(value),
            _ => return Err(flags.invalid("secret", text, format!("unexpected key '{key}' in '{field}'"))),
        }
    }
    let id =
        id.filter(|id| !id.is_empty()).ok_or_else(|| flags.invalid("secret", text, "it needs id=NAME"))?;
    // `type=env,src=VARIABLE` is the old way to write `env=VARIABLE`.
    let variable = if kind == Some("env") { variable.or(source.take()) } else { variable };
    let value = match (source, variable) {
        (Some(path), _) => read(path)?,
        (None, Some(name)) => value_of(name)
            .ok_or_else(|| flags.invalid("secret", text, format!("the variable {name} is not set")))?,
        (None, None) => match value_of(id) {
            Some(value) => value,
            None => read(id)?,
        },
    };
    Ok((id.to_owned(), value))
}

fn value_of(name: &str) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    std::env::var_os(name).map(OsStringExt::into_vec)
}

fn read(path: &str) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| Error::invalid(format!("--secret: open {path}: {error}"));
    if std::fs::metadata(path).map_err(failed)?.len() > MOST {
        return Err(Error::invalid(format!("--secret: {path} is longer than {} KiB", MOST >> 10)));
    }
    std::fs::read(path).map_err(failed)
}
