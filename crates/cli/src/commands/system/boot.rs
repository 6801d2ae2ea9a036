//! `barque system boot`, `barque gen boot`.

use std::os::fd::OwnedFd;

use barque_engine::monitor::Streams;
use barque_engine::{Containers, Places, boot as engine, life};

use crate::flags::Parsed;
use crate::{Error, Result, console};

/// Starts the containers that their policies want to run after a boot. What cannot be started keeps no other from it.
pub(super) fn boot(_flags: &Parsed, places: &Places, executable: Option<OwnedFd>) -> Result<i32> {
    let mut executable = executable;
    let mut code = 0;
    for container in engine::wanted(&Containers::new(places.clone()))? {
        match life::start(&container, Streams::default(), executable.take(), false) {
            Ok(_) => console::out(&format!("{}\n", container.name())),
            Err(error) => {
                let error = error.context(format_args!("container {}", container.name()));
                console::err(&console::complaint(&error, None));
                code = 1;
            }
        }
    }
    Ok(code)
}

const SYSTEMD: &str = "\
# /etc/systemd/system/barque.service; then: systemctl enable barque
[Unit]
Description=Containers of Barque
After=network-online.target local-fs.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=none
ExecStart=@PROGRAM@ system boot

[Install]
WantedBy=multi-user.target
";

const OPENRC: &str = "\
#!/sbin/openrc-run
# /etc/init.d/barque, mode 0755; then: rc-update add barque default
description=\"Containers of Barque\"

depend() {
\tneed localmount
\tafter net
}

start() {
\tebegin \"Starting containers\"
\t@PROGRAM@ system boot
\teend $?
}
";

const CRON: &str = "\
# /etc/cron.d/barque
@reboot root @PROGRAM@ system boot
";

/// Prints what makes this machine's init start containers.
pub(super) fn generate(flags: &Parsed, _: &Places) -> Result<i32> {
    let kind = flags.positional().first().map_or("systemd", String::as_str);
    let text = match kind {
        "systemd" => SYSTEMD,
        "openrc" => OPENRC,
        "cron" => CRON,
        _ => {
            return Err(
                Error::invalid(format!("unknown kind of init: {kind}")).hint("use systemd, openrc or cron")
            );
        }
    };
    let program = std::env::current_exe()
        .map_or_else(|_| "/usr/bin/barque".to_owned(), |path| path.display().to_string());
    console::out(&text.replace("@PROGRAM@", &program));
    Ok(0)
}
