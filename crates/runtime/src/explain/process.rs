//! The end of the inner script: the process changes itself and becomes the program.

use super::functions::Function;
use super::writer::Writer;
use super::{Options, seccomp};
use crate::plan::ProcessOp;
use crate::plan::process::LoadSeccomp;
use crate::plan::script::quote;

/// What one command does in the end, gathered on the way: `setpriv(1)` changes user, groups and capabilities at once.
#[derive(Debug, Default)]
pub(super) struct Ending {
    setpriv: Vec<String>,
    umask: Option<u32>,
    limits: Vec<String>,
    directory: Option<String>,
    personality: Option<u32>,
    filter: Option<Box<LoadSeccomp>>,
    program: Option<Program>,
    /// Whether the root was moved: it lies upon the shell's own then, which only the last command leaves.
    pub(super) moved: bool,
    /// What the program's child becomes, where the program is the init of `--init`.
    pub(super) forks: Option<Vec<String>>,
}

#[derive(Debug)]
struct Program {
    arguments: Vec<String>,
    environment: Vec<String>,
    home_of: Option<u32>,
}

impl Ending {
    /// Does or remembers one change.
    pub(super) fn step(&mut self, writer: &mut Writer, op: &ProcessOp) {
        match op {
            ProcessOp::NewKeyring { name } => writer.comment(&format!(
                "A new session keyring {name:?} belongs here: keyctl(1), where it is installed, makes one."
            )),
            ProcessOp::SetOomScore { value } => {
                writer.because("Who is killed first when memory runs out.");
                writer.write_file("/proc/self/oom_score_adj", &value.to_string());
            }
            ProcessOp::SetLimit { name, soft, hard, .. } => {
                writer.needs(Function::Limit);
                self.limits.push(format!("limit {name} {} {}", amount(*soft), amount(*hard)));
            }
            ProcessOp::SetScheduler { .. } => scheduler(writer, op),
            ProcessOp::SetIoPriority { class, level } => {
                writer.because("Priority of input and output: class and level.");
                writer.command(format!("$loader ./bin/ionice -c {class} -n {level} -p $$"));
            }
            ProcessOp::SetAffinity { cpus } => {
                let list: Vec<_> = cpus.iter().map(usize::to_string).collect();
                writer.because("Which processors it runs on.");
                writer.command(format!("$loader ./bin/taskset --pid --cpu-list {} $$", list.join(",")));
            }
            ProcessOp::SetMemoryPolicy { mode, nodes } => writer.comment(&format!(
                "The memory policy {mode:#x} on nodes {nodes:?} belongs here: numactl(8), where it is installed, sets it."
            )),
            ProcessOp::SetPersonality { persona } => self.personality = Some(*persona),
            ProcessOp::SetLabel { module, label } => {
                let flag = if module == "apparmor" { "--apparmor-profile" } else { "--selinux-label" };
                self.setpriv.push(format!("{flag} {}", quote(label)));
            }
            ProcessOp::SetUser { uid, gid, groups, umask } => {
                self.user(*uid, *gid, groups.as_deref());
                self.umask = Some(*umask);
            }
            ProcessOp::ChangeDirectory { path } => self.directory = Some(path.clone()),
            // env(1) looks the program up in the PATH it sets.
            ProcessOp::FindProgram { .. } => {}
            ProcessOp::DropBounding { keep } => self.capabilities("--bounding-set", keep),
            // The program's exec works out effective and permitted from the other three.
            ProcessOp::SetCapabilities { inheritable, ambient, .. } => {
                self.capabilities("--inh-caps", inheritable);
                self.capabilities("--ambient-caps", ambient);
            }
            ProcessOp::SetNoNewPrivileges => self.setpriv.push("--no-new-privs".to_owned()),
            ProcessOp::LoadSeccomp(load) => self.filter = Some(load.clone()),
        }
    }

    fn user(&mut self, uid: u32, gid: u32, groups: Option<&[u32]>) {
        let groups = match groups {
            None => "--keep-groups".to_owned(),
            Some([]) => "--clear-groups".to_owned(),
            Some(groups) => {
                let list: Vec<_> = groups.iter().map(u32::to_string).collect();
                format!("--groups {}", list.join(","))
            }
        };
        self.setpriv.push(format!("--reuid {uid} --regid {gid} {groups}"));
    }

    fn capabilities(&mut self, flag: &str, names: &[String]) {
        let short = |name: &String| format!(",+{}", name.trim_start_matches("CAP_").to_lowercase());
        self.setpriv.push(format!("{flag} -all{}", names.iter().map(short).collect::<String>()));
    }

    /// Remembers the program.
    pub(super) fn program(&mut self, arguments: &[String], environment: &[String], home_of: Option<u32>) {
        self.program =
            Some(Program { arguments: arguments.to_vec(), environment: environment.to_vec(), home_of });
    }

    /// Writes the last commands.
    pub(super) fn write(self, writer: &mut Writer, options: &Options<'_>) {
        let Some(program) = &self.program else {
            writer.comment("The configuration has no process: there is nothing to run.");
            writer.command("exit 0");
            return;
        };
        if let Some(filter) = &self.filter {
            writer.comment(&seccomp::comment(filter, options));
        }
        if let Some(uid) = program.home_of {
            home(writer, uid, if self.moved { "/../etc/passwd" } else { "/etc/passwd" });
        }
        if let Some(umask) = self.umask {
            writer.because("The mask of modes that new files do not get.");
            writer.command(format!("umask {umask:04o}"));
        }
        for limit in &self.limits {
            writer.because("Resource limits, last: they bind the tools here as well.");
            writer.command(limit);
        }
        writer.because("User, groups, capabilities; then the environment, the directory and the program.");
        if let Some(arguments) = &self.forks {
            let words: Vec<_> = arguments.iter().map(|argument| quote(argument)).collect();
            writer.comment(&format!(
                "The program is an init, barque's own: it forks, and its child executes\n  {}\n\
                 It stays process 1, which passes signals on and reaps what is orphaned.",
                words.join(" ")
            ));
        }
        let mut lines = Vec::new();
        if self.moved {
            lines.push("nsenter --root=/.. --wd=.".to_owned());
        }
        if let Some(persona) = self.personality {
            let name = if persona == 0 { "linux64" } else { "linux32" };
            lines.push(format!("$loader ./bin/setarch {name}"));
        }
        lines.push(format!("$loader ./bin/setpriv {}", self.setpriv.join(" \\\n        ")));
        lines.push(format!("$loader ./bin/env -i{}", self.environment(program)));
        let arguments: Vec<_> = program.arguments.iter().map(|argument| quote(argument)).collect();
        lines.push(arguments.join(" "));
        writer.command(format!("exec {}", lines.join(" \\\n    ")));
    }

    fn environment(&self, program: &Program) -> String {
        let directory = self.directory.iter().map(|path| format!("--chdir={}", quote(path)));
        let variables = program.environment.iter().map(|variable| quote(variable));
        let home = program.home_of.map(|_| "\"HOME=$home\"".to_owned());
        let words = directory.chain(variables).chain(home);
        words.map(|word| format!(" \\\n        {word}")).collect()
    }
}

fn amount(value: u64) -> String {
    if value == u64::MAX { "unlimited".to_owned() } else { value.to_string() }
}

/// `HOME`, where the environment lacks it: the home directory of the container's own user.
fn home(writer: &mut Writer, uid: u32, file: &str) {
    writer.because("The home directory of the user, from the container's own /etc/passwd.");
    writer.command("home=/");
    writer.command(format!("[ ! -r {file} ] || while IFS=: read -r _ _ id _ _ directory _; do"));
    writer.command(format!(
        "    if [ \"$id\" = {uid} ] && [ -n \"$directory\" ]; then home=$directory; break; fi"
    ));
    writer.command(format!("done < {file}"));
}

fn scheduler(writer: &mut Writer, op: &ProcessOp) {
    let ProcessOp::SetScheduler { policy, flags, nice, priority, deadline } = op else { return };
    writer.because("The scheduler.");
    let [runtime, end, period] = deadline;
    let policy = match policy {
        0 => "--other",
        1 => "--fifo",
        2 => "--rr",
        3 => "--batch",
        5 => "--idle",
        6 => &format!("--deadline --sched-runtime {runtime} --sched-deadline {end} --sched-period {period}"),
        _ => return writer.comment(&format!("No tool sets the scheduling policy {policy}.")),
    };
    let reset = if flags & 1 != 0 { " --reset-on-fork" } else { "" };
    writer.command(format!("$loader ./bin/chrt {policy}{reset} --pid {priority} $$"));
    if flags & !1 != 0 {
        writer.comment(&format!("No tool sets the scheduling flags {:#x}.", flags & !1));
    }
    if *nice != 0 {
        writer.command(format!("$loader ./bin/renice -n {nice} -p $$"));
    }
}
