//! The second script: in the container's namespaces, step by step as the plan has it.

use super::functions::Function;
use super::writer::Writer;
use super::{Options, devices, mounts, process, root};
use crate::plan::script::quote;
use crate::plan::{Connection, HookPoint, Op, Plan, Script};
use crate::spec::Hook;

/// The steps of the container's side, and those of the creator that come while it is made.
pub(super) fn script(plan: &Plan, options: &Options<'_>) -> Script {
    let mut writer = Writer::default();
    let mut ending = process::Ending::default();
    for step in &plan.steps {
        one(&mut writer, &mut ending, plan, &step.op);
    }
    if plan.steps.iter().any(|step| matches!(step.op, Op::MoveNetDevice { .. } | Op::ConnectNetwork(_))) {
        writer.because("The program gets no descriptor of the host's.");
        writer.command("exec 9<&-");
    }
    ending.write(&mut writer, options);
    writer.finish()
}

fn one(writer: &mut Writer, ending: &mut process::Ending, plan: &Plan, op: &Op) {
    match op {
        Op::LoopbackUp | Op::MakeNetwork => {
            writer.because("A new network namespace has a loopback interface, switched off.");
            writer.command("ip link set dev lo up");
        }
        Op::MoveNetDevice { name, inside } => move_net_device(writer, name, inside),
        Op::ConnectNetwork(connection) => connect(writer, connection),
        Op::SetPropagation { .. }
        | Op::AttachRoot(_)
        | Op::HideHostViews
        | Op::PivotRoot { .. }
        | Op::ReadonlyRoot => {
            root::step(writer, plan, op);
            ending.moved |= *op == Op::PivotRoot { by_move: true };
        }
        Op::AttachPrepared { slot, path } => mounts::layer(writer, plan, *slot, path),
        Op::Mount(mount) => mounts::mount(writer, plan, mount),
        Op::MaskPath { path } => mounts::mask(writer, path),
        Op::ReadonlyPath { path } => mounts::readonly(writer, path),
        Op::MakeDevice { .. } | Op::MakeLink { .. } => devices::step(writer, op),
        Op::MakeWorkingDirectory { path } => {
            writer.because("The working directory, unless it is there or cannot be made here.");
            writer.needs(Function::Dir);
            writer.forget_at();
            writer.command(format!("dir {} || :", quote(path)));
        }
        Op::SetHostname { name } => {
            writer.because("The names of the uts namespace.");
            writer.command(format!("hostname {}", quote(name)));
        }
        Op::SetDomainname { name } => {
            writer.because("The names of the uts namespace.");
            writer.command(format!("domainname {}", quote(name)));
        }
        Op::SetSysctl { key, value } => sysctl(writer, key, value),
        Op::MakeConsole { .. } => writer.comment(
            "No tool opens a terminal of the container's own devpts: it keeps the one this script runs on,\n\
             and has no /dev/console.",
        ),
        Op::RunHooks { point, hooks } => self::hooks(writer, *point, hooks),
        Op::Process(op) => ending.step(writer, op),
        Op::ForkUnderInit { arguments } => ending.forks = Some(arguments.clone()),
        Op::Exec { arguments, environment, home_of } => {
            ending.program(arguments, environment, *home_of);
        }
        Op::MakeDirectory { .. }
        | Op::MakeSharedDirectory { .. }
        | Op::WriteFile { .. }
        | Op::CopyProgram { .. }
        | Op::ReleaseExecutable
        | Op::UnpackArchive { .. }
        | Op::Clone { .. }
        | Op::CloneAgain { .. }
        | Op::MapIds(_)
        | Op::Cgroup(_)
        | Op::Rdt(_)
        | Op::Join { .. }
        | Op::JoinProcess { .. }
        | Op::DropGroups
        | Op::Unshare { .. }
        | Op::JoinNetwork
        | Op::SetTimeOffsets { .. } => {} // done before this script begins
        Op::BecomeRoot => {}                                // nsenter did it
        Op::PrepareMount { .. } => {}                       // shown where it is mounted
        Op::Signal(_) | Op::Await(_) | Op::AwaitStart => {} // one script waits for nobody
    }
}

fn sysctl(writer: &mut Writer, key: &str, value: &str) {
    writer.because("Kernel parameters of the container's namespaces, while the host's /proc is in sight.");
    let path = if key.contains('/') { key.to_owned() } else { key.replace('.', "/") };
    writer.write_file(&format!("/proc/sys/{path}"), value);
}

fn move_net_device(writer: &mut Writer, name: &str, inside: &str) {
    writer.because("A network device of the host's, fetched into this network namespace.");
    writer.command(format!(
        "nsenter --net=/proc/self/fd/9 ip link set dev {} netns $$ name {}",
        quote(name),
        quote(inside)
    ));
}

fn connect(writer: &mut Writer, connection: &Connection) {
    writer.because("Its network: the host's side through descriptor 9, the container's side from here.");
    for command in &connection.commands {
        let side = if command.inside { "" } else { "nsenter --net=/proc/self/fd/9 " };
        writer.command(format!("{side}{}", command.text));
    }
}

/// The state that hooks read names processes and a status that only a runtime knows.
fn hooks(writer: &mut Writer, point: HookPoint, hooks: &[Hook<'_>]) {
    let mut text =
        format!("Here {} hooks would run, with the container's state on their input:", point.name());
    for hook in hooks {
        let arguments = hook.args.iter().skip(1).map(|argument| quote(argument));
        let words: Vec<_> = std::iter::once(quote(&hook.path)).chain(arguments).collect();
        text.push_str(&format!("\n  {}", words.join(" ")));
    }
    writer.comment(&text);
}
