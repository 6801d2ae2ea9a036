//! `RUN --mount=…`: what a command sees beside the image.

use crate::{Error, Result};

/// A mount of one command. Values may hold variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted.
    pub kind: MountKind,
    /// `target` (`dst`, `destination`): where.
    pub target: Option<String>,
    /// `source` (`src`): a path in `from`.
    pub source: Option<String>,
    /// `from`: a stage, an image, a named context.
    pub from: Option<String>,
    /// `readonly` (`ro`) or `readwrite` (`rw`), where one is said.
    pub read_only: Option<bool>,
    /// `id` of a cache, a secret, an agent.
    pub id: Option<String>,
    /// `sharing` of a cache.
    pub sharing: Sharing,
    /// `required`: whether a secret or an agent must be there.
    pub required: bool,
    /// `env`: the variable that gets a secret.
    pub env: Option<String>,
    /// `mode`, as it is written.
    pub mode: Option<String>,
    /// `uid`, as it is written.
    pub uid: Option<String>,
    /// `gid`, as it is written.
    pub gid: Option<String>,
    /// `size` of a tmpfs, as it is written.
    pub size: Option<String>,
}

/// What is mounted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MountKind {
    /// Files of the context, a stage or an image.
    #[default]
    Bind,
    /// A directory that outlives the build.
    Cache,
    /// Memory.
    Tmpfs,
    /// A file that never becomes part of the image.
    Secret,
    /// An agent that signs.
    Ssh,
}

/// How builds share a cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sharing {
    /// All use it at once.
    #[default]
    Shared,
    /// Each that finds it in use gets one of its own.
    Private,
    /// One after another.
    Locked,
}

impl Mount {
    /// Reads `type=cache,target=/root/.cache,…`. Fields are those of a line of CSV.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut mount = Self {
            kind: MountKind::default(),
            target: None,
            source: None,
            from: None,
            read_only: None,
            id: None,
            sharing: Sharing::default(),
            required: false,
            env: None,
            mode: None,
            uid: None,
            gid: None,
            size: None,
        };
        for field in fields(text) {
            mount.set(&field).map_err(|what| Error::invalid(format!("{what} in --mount={text}")))?;
        }
        mount.complete().map_err(|what| Error::invalid(format!("{what} in --mount={text}")))?;
        Ok(mount)
    }

    fn set(&mut self, field: &str) -> std::result::Result<(), String> {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_ascii_lowercase(), Some(value)),
            None => (field.to_ascii_lowercase(), None),
        };
        let flag = || match value {
            None | Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(other) => Err(format!("invalid value '{other}' for {key}")),
        };
        match key.as_str() {
            "readonly" | "ro" => self.read_only = Some(flag()?),
            "readwrite" | "rw" => self.read_only = Some(!flag()?),
            "required" => self.required = flag()?,
            _ => {
                let value =
                    value.ok_or_else(|| format!("invalid field '{field}': must be a key=value pair"))?;
                self.set_value(&key, value)?;
            }
        }
        Ok(())
    }

    fn set_value(&mut self, key: &str, value: &str) -> std::result::Result<(), String> {
        let text = Some(value.to_owned());
        match key {
            "type" => self.kind = kind(value)?,
            "target" | "dst" | "destination" => self.target = text,
            "source" | "src" => self.source = text,
            "from" => self.from = text,
            "id" => self.id = text,
            "sharing" => self.sharing = sharing(value)?,
            "env" => self.env = text,
            "mode" => self.mode = text,
            "uid" => self.uid = text,
            "gid" => self.gid = text,
            "size" => self.size = text,
            _ => return Err(format!("unexpected key '{key}'")),
        }
        Ok(())
    }

    fn complete(&self) -> std::result::Result<(), String> {
        match self.kind {
            MountKind::Bind | MountKind::Cache | MountKind::Tmpfs if self.target.is_none() => {
                Err("target is required".to_owned())
            }
            MountKind::Bind | MountKind::Tmpfs | MountKind::Ssh if self.sharing != Sharing::default() => {
                Err("sharing is for type=cache only".to_owned())
            }
            MountKind::Tmpfs if self.from.is_some() => Err("from is not for type=tmpfs".to_owned()),
            _ => Ok(()),
        }
    }
}

fn kind(value: &str) -> std::result::Result<MountKind, String> {
    Ok(match value {
        "bind" => MountKind::Bind,
        "cache" => MountKind::Cache,
        "tmpfs" => MountKind::Tmpfs,
        "secret" => MountKind::Secret,
        "ssh" => MountKind::Ssh,
        _ => return Err(format!("unsupported mount type '{value}' (bind, cache, tmpfs, secret or ssh)")),
    })
}

fn sharing(value: &str) -> std::result::Result<Sharing, String> {
    Ok(match value {
        "shared" => Sharing::Shared,
        "private" => Sharing::Private,
        "locked" => Sharing::Locked,
        _ => return Err(format!("unsupported sharing '{value}' (shared, private or locked)")),
    })
}

/// Apart at commas that are not between double quotes; a quote is doubled to stand for itself.
fn fields(text: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            _ => field.push(c),
        }
    }
    fields.push(field);
    fields
}
