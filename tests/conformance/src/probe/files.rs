//! Facts about files, and attempts on them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use rustix::fs::{AtFlags, FileType, Mode, StatVfsMountFlags};
use serde_json::{Value, json};

use super::Answer;

/// Answers a question about a file.
pub(super) fn answer(name: &str, operand: &str) -> Answer {
    match name {
        "read" => read(operand),
        "write" => write(operand, false),
        "create" => write(operand, true),
        "append" => OpenOptions::new().append(true).open(operand).map(|_| json!(true)),
        "exists" => Ok(json!(fs::symlink_metadata(operand).is_ok())),
        "stat" => stat(operand),
        "link" => Ok(json!(fs::read_link(operand)?)),
        "list" => list(operand),
        "mkdir" => fs::create_dir(operand).map(|()| json!(true)),
        "remove" => fs::remove_file(operand).map(|()| json!(true)),
        "mknod" => mknod(operand),
        "chown" => chown(operand),
        "vfs" => vfs(operand),
        "seek" => File::open("/probe")?
            .seek(SeekFrom::Start(operand.parse().unwrap_or_default()))
            .map(|at| json!(at)),
        "device" => device(operand),
        "stdout" => io::stdout().write_all(operand.as_bytes()).map(|()| json!(true)),
        "mount" => mount(operand),
        _ => Err(io::Error::other(format!("the probe knows no {name:?}"))),
    }
}

/// At most 64 KiB, as text.
fn read(path: &str) -> Answer {
    let mut bytes = Vec::new();
    File::open(path)?.take(65536).read_to_end(&mut bytes)?;
    Ok(json!(String::from_utf8_lossy(&bytes)))
}

/// `PATH` or `PATH:DATA`.
fn write(operand: &str, create: bool) -> Answer {
    let (path, data) = operand.split_once(':').unwrap_or((operand, "x"));
    let mut options = OpenOptions::new();
    options.write(true);
    if create {
        options.create_new(true);
    }
    options.open(path)?.write_all(data.as_bytes())?;
    Ok(json!(true))
}

fn stat(path: &str) -> Answer {
    let meta = fs::symlink_metadata(path)?;
    let kind = meta.file_type();
    let letter = [
        (kind.is_dir(), "d"),
        (kind.is_symlink(), "l"),
        (kind.is_char_device(), "c"),
        (kind.is_block_device(), "b"),
        (kind.is_fifo(), "p"),
        (kind.is_socket(), "s"),
    ];
    Ok(json!({
        "type": letter.iter().find(|pair| pair.0).map_or("f", |pair| pair.1),
        "mode": meta.mode() & 0o7777, "uid": meta.uid(), "gid": meta.gid(), "size": meta.len(),
        "major": rustix::fs::major(meta.rdev()), "minor": rustix::fs::minor(meta.rdev()),
    }))
}

fn list(path: &str) -> Answer {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(json!(names))
}

/// `PATH:c:1:3`.
fn mknod(operand: &str) -> Answer {
    let parts: Vec<&str> = operand.split(':').collect();
    let [path, kind, major, minor] = parts[..] else { return Err(io::ErrorKind::InvalidInput.into()) };
    let kind = if kind == "b" { FileType::BlockDevice } else { FileType::CharacterDevice };
    let device = rustix::fs::makedev(major.parse().unwrap_or_default(), minor.parse().unwrap_or_default());
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, Mode::from_raw_mode(0o600), device)?;
    Ok(json!(true))
}

/// `PATH:UID`.
fn chown(operand: &str) -> Answer {
    let (path, uid) = operand.split_once(':').unwrap_or((operand, "0"));
    std::os::unix::fs::chown(path, uid.parse().ok(), None)?;
    Ok(json!(true))
}

/// The mount's flags and size, as `statvfs` sees them from `PATH`.
fn vfs(path: &str) -> Answer {
    let vfs = rustix::fs::statvfs(path)?;
    Ok(
        json!({"readonly": vfs.f_flag.contains(StatVfsMountFlags::RDONLY), "size": vfs.f_blocks * vfs.f_frsize}),
    )
}

/// Opens a device for reading and writing without blocking.
fn device(path: &str) -> Answer {
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    rustix::fs::openat(rustix::fs::CWD, path, flags, Mode::empty())?;
    rustix::fs::accessat(rustix::fs::CWD, path, rustix::fs::Access::EXISTS, AtFlags::empty())?;
    Ok(json!(true))
}

/// `SOURCE:TARGET`: tries to bind one on the other, `tmpfs:TARGET` to mount a tmpfs.
fn mount(operand: &str) -> Answer {
    let (source, target) = operand.split_once(':').ok_or(io::ErrorKind::InvalidInput)?;
    if source == "tmpfs" {
        rustix::mount::mount("tmpfs", target, "tmpfs", rustix::mount::MountFlags::empty(), None)?;
    } else {
        rustix::mount::mount_bind(source, target)?;
    }
    Ok(Value::Bool(true))
}
