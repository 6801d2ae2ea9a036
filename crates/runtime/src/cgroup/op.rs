//! What making a container's cgroup does, as values.

use std::path::PathBuf;

use serde::Serialize;

use super::devices::Rule;
use super::systemd::{Property, Scope};
use crate::plan::{Script, script::quote};

/// One step in making, limiting or joining a cgroup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "op")]
pub enum Op {
    /// Makes the directory and those missing above it. One that is there already is taken when it holds no process.
    Create {
        /// The cgroup.
        dir: PathBuf,
    },
    /// Lets systemd make the cgroup and move the container's process there. Undone by stopping the scope.
    StartScope {
        /// The scope.
        scope: Scope,
        /// What systemd is told about it.
        properties: Vec<Property>,
    },
    /// Tells systemd of new limits, before they are written.
    SetProperties {
        /// The scope.
        scope: Scope,
        /// The limits.
        properties: Vec<Property>,
    },
    /// v2: hands controllers to the cgroup's children.
    Enable {
        /// The cgroup whose `cgroup.subtree_control` is written.
        dir: PathBuf,
        /// Without these the limits asked for cannot be set.
        required: Vec<String>,
        /// These only make statistics and later updates possible.
        optional: Vec<String>,
    },
    /// v1 cpuset: gives the cgroup, and empty ones above it, their parent's value. A cgroup with an empty
    /// `cpuset.cpus` or `cpuset.mems` takes no process, and v1 leaves new ones empty.
    Inherit {
        /// The file in the container's cgroup.
        file: PathBuf,
    },
    /// Refuses to go on when the container uses more memory than the new limit (`checkBeforeUpdate`).
    CheckUsage {
        /// The file with the present use.
        file: PathBuf,
        /// The new limit, in bytes.
        limit: u64,
    },
    /// Writes values of which the kernel checks each against the others (memory against memory and swap, quota
    /// against period): one that is refused is tried again after the rest, so raising and lowering both work.
    Write {
        /// In the order that is right for a new cgroup.
        values: Vec<Value>,
    },
    /// Writes the first of these whose file the kernel has.
    WriteFirst {
        /// By preference.
        choices: Vec<Value>,
    },
    /// v1: the device allow list, rule by rule.
    DeviceList {
        /// The cgroup.
        dir: PathBuf,
        /// In order; the last that matches counts.
        rules: Vec<Rule>,
    },
    /// v2: a BPF program that allows devices, in the place of ours that was there before.
    DeviceFilter {
        /// The cgroup.
        dir: PathBuf,
        /// In order; the last that matches counts, and what none matches is denied.
        rules: Vec<Rule>,
    },
    /// The process that runs this enters the cgroup (it must have one thread on v1).
    Join {
        /// `tasks` on v1, `cgroup.procs` on v2.
        file: PathBuf,
    },
}

/// A value for a file of the kernel's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Value {
    /// The field of `config.json` that asks for it.
    pub field: &'static str,
    /// The file.
    pub file: PathBuf,
    /// What to write, in one `write(2)`.
    pub value: String,
    /// Whether a kernel without the file already does what is asked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// What executing an operation changed, for undoing it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// The directories it made, the outermost first.
    pub made: Vec<PathBuf>,
}

impl Op {
    /// The operation that would make things as they are now, of one that only writes values.
    pub fn present(&self) -> Option<Self> {
        let now = |value: &Value| {
            let text = super::io::read(&value.file).ok()?;
            Some(Value { value: text.trim_end().to_owned(), ..value.clone() })
        };
        match self {
            Self::Write { values } => Some(Self::Write { values: values.iter().filter_map(now).collect() }),
            Self::WriteFirst { choices } => Some(Self::Write { values: vec![choices.iter().find_map(now)?] }),
            _ => None,
        }
    }

    /// Adds the commands that a person would type for it.
    pub fn script(&self, script: &mut Script) {
        match self {
            Self::Create { dir } => script.command(format!("mkdir -p {}", quote(&dir.to_string_lossy()))),
            Self::StartScope { scope, properties } => scope.start_script(properties, script),
            Self::SetProperties { scope, properties } => scope.set_script(properties, script),
            Self::Enable { dir, required, optional } => {
                let file = dir.join("cgroup.subtree_control");
                for controller in required {
                    write(script, &file.to_string_lossy(), &format!("+{controller}"));
                }
                for controller in optional {
                    // One that is not to be had is no reason to stop.
                    script.command(format!(
                        "printf %s +{controller} > {} || :",
                        quote(&file.to_string_lossy())
                    ));
                }
            }
            Self::Inherit { file } => inherit_script(file, script),
            Self::CheckUsage { file, limit } => {
                script.command(format!("[ \"$(cat {})\" -le {limit} ]", quote(&file.to_string_lossy())));
            }
            Self::Write { values } => {
                for value in values {
                    value.script(script);
                }
            }
            Self::WriteFirst { choices } => choices_script(choices, script),
            Self::DeviceList { dir, rules } => {
                for (file, line) in super::devices::v1_lines(rules) {
                    write(script, &dir.join(file).to_string_lossy(), &line);
                }
            }
            Self::DeviceFilter { dir, rules } => {
                script.comment(&format!(
                    "no stock tool attaches this: a BPF_PROG_TYPE_CGROUP_DEVICE program on {} that knows",
                    dir.display()
                ));
                for (file, line) in super::devices::v1_lines(rules) {
                    script.comment(&format!("  {} {line}", file.trim_start_matches("devices.")));
                }
            }
            // 0 is the process that writes it: the shell itself, whose printf is a builtin.
            Self::Join { file } => write(script, &file.to_string_lossy(), "0"),
        }
    }
}

impl Value {
    /// A value whose file the kernel must have.
    pub(super) fn new(field: &'static str, file: PathBuf, value: impl ToString) -> Self {
        Self { field, file, value: value.to_string(), optional: false }
    }

    /// The same, but a kernel without the file will do.
    pub(super) fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    fn script(&self, script: &mut Script) {
        let file = self.file.to_string_lossy();
        if self.optional {
            let words = format!("printf %s {} > {}", quote(&self.value), quote(&file));
            script.command(format!("[ ! -e {} ] || {words}", quote(&file)));
        } else {
            write(script, &file, &self.value);
        }
    }
}

fn write(script: &mut Script, file: &str, value: &str) {
    script.write_file(file, value);
}

fn inherit_script(file: &std::path::Path, script: &mut Script) {
    let (Some(dir), Some(name)) = (file.parent(), file.file_name()) else { return };
    let name = name.to_string_lossy();
    script.comment(&format!("{name} of a new v1 cgroup is empty: take the parent's, from the top down"));
    script.command(format!(
        "inherit() {{ [ -n \"$(cat \"$1/{name}\")\" ] && return; inherit \"$(dirname \"$1\")\""
    ));
    script.command(format!("  cat \"$(dirname \"$1\")/{name}\" > \"$1/{name}\"; }}"));
    script.command(format!("inherit {}", quote(&dir.to_string_lossy())));
}

fn choices_script(choices: &[Value], script: &mut Script) {
    for (index, value) in choices.iter().enumerate() {
        let file = quote(&value.file.to_string_lossy()).clone();
        let words = format!("printf %s {} > {file}", quote(&value.value));
        let last = index + 1 == choices.len();
        script.command(match (index, last) {
            (0, true) => words,
            (0, false) => format!("if [ -e {file} ]; then {words}"),
            (_, false) => format!("elif [ -e {file} ]; then {words}"),
            (_, true) => format!("else {words}; fi"),
        });
    }
}
