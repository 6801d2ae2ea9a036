//! The bundle that every contender starts: runc's default spec with a static `/bin/true`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Returns at once, or waits for a signal when it is called with an argument.
const PROGRAM: &str =
    "#include <unistd.h>\nint main(int c, char **v) { (void)v; if (c > 1) pause(); return 0; }\n";

/// A directory with two bundles over one root file system.
#[derive(Debug)]
pub(crate) struct Bundle {
    dir: PathBuf,
}

impl Bundle {
    /// Makes the bundle in a new directory.
    pub(crate) fn make(dir: &Path) -> io::Result<Self> {
        let bundle = Self { dir: dir.to_path_buf() };
        for name in ["rootfs/bin", "rootfs/proc", "rootfs/sys", "rootfs/dev", "rootfs/etc", "rootfs/tmp"] {
            fs::create_dir_all(dir.join(name))?;
        }
        compile(&dir.join("rootfs/bin/true"))?;
        let spec = default_spec(dir)?;
        for (path, args) in
            [(bundle.once(), json!(["/bin/true"])), (bundle.waiting(), json!(["/bin/true", "wait"]))]
        {
            let mut config = spec.clone();
            config["process"]["terminal"] = json!(false);
            config["process"]["args"] = args;
            config["root"]["path"] = json!(bundle.root());
            fs::create_dir_all(&path)?;
            fs::write(path.join("config.json"), config.to_string())?;
        }
        Ok(bundle)
    }

    /// The bundle whose process returns at once.
    pub(crate) fn once(&self) -> PathBuf {
        self.dir.join("once")
    }

    /// The bundle whose process waits.
    pub(crate) fn waiting(&self) -> PathBuf {
        self.dir.join("waiting")
    }

    /// The root file system.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.join("rootfs")
    }
}

fn default_spec(dir: &Path) -> io::Result<Value> {
    let output = Command::new("runc").args(["spec", "--bundle"]).arg(dir).output().map_err(|e| {
        io::Error::new(e.kind(), format!("runc spec: {e}: scripts/install-test-deps installs it"))
    })?;
    if !output.status.success() {
        return Err(io::Error::other(format!("runc spec: {}", String::from_utf8_lossy(&output.stderr))));
    }
    Ok(serde_json::from_slice(&fs::read(dir.join("config.json"))?)?)
}

fn compile(program: &Path) -> io::Result<()> {
    let mut compiler = Command::new("cc")
        .args(["-static", "-O2", "-s", "-x", "c", "-", "-o"])
        .arg(program)
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|e| io::Error::new(e.kind(), format!("cc: {e}")))?;
    if let Some(mut stdin) = compiler.stdin.take() {
        stdin.write_all(PROGRAM.as_bytes())?;
    }
    let status = compiler.wait()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("cc -static: {status}"))) }
}
