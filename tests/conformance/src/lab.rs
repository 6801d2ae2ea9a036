//! One test on one runtime: its directory, its containers, its deadline, and the sweep afterwards.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::bundle::Bundle;
use crate::case::{Outcome, Verdict, check, fail};
use crate::runtime::Runtime;
use crate::sweep;
use crate::wait::{self, Deadline, Done};

/// The cgroup below which every container of the suite lives.
pub(crate) fn cgroup_parent() -> String {
    format!("/barque-conformance-{}", std::process::id())
}

/// One test on one runtime. Dropping it removes everything that the test made.
#[derive(Debug)]
pub(crate) struct Lab {
    /// The runtime under test.
    pub(crate) runtime: Runtime,
    /// A directory of this test alone.
    pub(crate) dir: PathBuf,
    /// A name of this test alone, fit for containers and cgroups.
    pub(crate) id: String,
    seed: PathBuf,
    deadline: Deadline,
    calls: Cell<u32>,
    children: RefCell<Vec<Child>>,
}

impl Lab {
    /// Makes the directory; `seed` is the run's directory with the probe to be linked into root filesystems.
    pub(crate) fn new(
        runtime: &Runtime,
        seed: &Path,
        id: String,
        deadline: Deadline,
    ) -> std::io::Result<Self> {
        let dir = seed.join(&id);
        fs::create_dir_all(dir.join("state"))?;
        Ok(Self {
            runtime: runtime.clone(),
            dir,
            id,
            seed: seed.to_owned(),
            deadline,
            calls: Cell::new(0),
            children: RefCell::default(),
        })
    }

    /// The cgroup path that [`Lab::bundle`] configures.
    pub(crate) fn cgroup(&self) -> String {
        format!("{}/{}", cgroup_parent(), self.id)
    }

    /// The probe as a program of the host (for hooks).
    pub(crate) fn probe_path(&self) -> PathBuf {
        self.seed.join("probe")
    }

    /// A path in the test's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A path in the test's directory, as text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.dir.join(name).to_string_lossy().into_owned()
    }

    /// Writes a file in the test's directory and returns its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> Verdict<String> {
        let path = self.dir.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, content)?;
        Ok(self.text(name))
    }

    /// Makes a directory in the test's directory and returns its path.
    pub(crate) fn folder(&self, name: &str) -> Verdict<String> {
        fs::create_dir_all(self.dir.join(name))?;
        Ok(self.text(name))
    }

    /// A bundle with the suite's usual configuration.
    pub(crate) fn bundle(&self) -> Verdict<Bundle> {
        self.bundle_named("bundle")
    }

    /// The same under another name, for a test with several.
    pub(crate) fn bundle_named(&self, name: &str) -> Verdict<Bundle> {
        Ok(Bundle::new(&self.dir.join(name), &self.seed, &self.cgroup())?)
    }

    /// One more bundle, for a test that needs many.
    pub(crate) fn next_bundle(&self) -> Verdict<Bundle> {
        self.bundle_named(&format!("bundle-{}", self.calls.get()))
    }

    /// The runtime with this test's state directory.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.runtime.command();
        command.arg("--root").arg(self.dir.join("state")).args(args);
        command
    }

    /// Runs a command to its end.
    pub(crate) fn finish(&self, mut command: Command) -> Verdict<Done> {
        let number = self.calls.replace(self.calls.get() + 1);
        let (out, err) = (self.dir.join(format!("out-{number}")), self.dir.join(format!("err-{number}")));
        let child = wait::spawn(&mut command, &out, &err)?;
        wait::finish(child, &command, (&out, &err), &self.deadline).map_err(Outcome::Fail)
    }

    /// Starts a command that the end of the test kills; returns its pid and the file of its output.
    pub(crate) fn spawn(&self, mut command: Command) -> Verdict<(u32, PathBuf)> {
        let number = self.calls.replace(self.calls.get() + 1);
        let (out, err) = (self.dir.join(format!("out-{number}")), self.dir.join(format!("err-{number}")));
        let child = wait::spawn(&mut command, &out, &err)?;
        let pid = child.id();
        self.children.borrow_mut().push(child);
        Ok((pid, out))
    }

    /// Whether a program of [`Lab::spawn`] has ended, with its status.
    pub(crate) fn ended(&self, pid: u32) -> Option<i32> {
        let mut children = self.children.borrow_mut();
        let child = children.iter_mut().find(|child| child.id() == pid)?;
        child.try_wait().ok().flatten().and_then(|status| status.code())
    }

    /// Calls the runtime, whatever comes.
    pub(crate) fn call(&self, args: &[&str]) -> Verdict<Done> {
        self.finish(self.command(args))
    }

    /// Calls the runtime, which must succeed.
    pub(crate) fn ok(&self, args: &[&str]) -> Verdict<Done> {
        let done = self.call(args)?;
        check(done.code == 0, || done.told())?;
        Ok(done)
    }

    /// Calls the runtime, which must fail and say why.
    pub(crate) fn refused(&self, why: &str, args: &[&str]) -> Verdict<Done> {
        let done = self.call(args)?;
        check(done.code != 0, || format!("`{}` succeeded, but {why}", done.line))?;
        check(!done.err.trim().is_empty(), || format!("`{}` failed without a message", done.line))?;
        Ok(done)
    }

    /// `create`s a container of the bundle, under the test's id.
    pub(crate) fn create(&self, bundle: &Bundle) -> Verdict<Done> {
        self.ok(&["create", "--bundle", &bundle.write()?, &self.id])
    }

    /// `create`s and `start`s it.
    pub(crate) fn start(&self, bundle: &Bundle) -> Verdict<Done> {
        let done = self.create(bundle)?;
        self.ok(&["start", &self.id])?;
        Ok(done)
    }

    /// Starts a container that idles, and waits until its program runs.
    pub(crate) fn idle(&self, bundle: &mut Bundle) -> Verdict {
        bundle.probe(&["wait"]);
        let marker = self.calls.get();
        self.start(bundle)?;
        let out = self.dir.join(format!("out-{marker}"));
        self.until("the program to run", || {
            fs::read_to_string(&out).is_ok_and(|text| text.contains("ready")).then_some(())
        })
    }

    /// Runs the probe as the container's program, to the end; what it reports.
    pub(crate) fn probe(&self, bundle: &mut Bundle, facts: &[&str]) -> Verdict<Value> {
        bundle.probe(facts);
        let done = self.ok(&["run", "--bundle", &bundle.write()?, &self.id])?;
        parse(&done)
    }

    /// A plain container runs: what is refused afterwards is refused for the test's reason, not for every reason.
    pub(crate) fn control(&self) -> Verdict {
        self.probe(&mut self.bundle_named("control")?, &[]).map(drop)
    }

    /// `create` must fail, and leave neither a container nor a cgroup.
    pub(crate) fn create_refused(&self, why: &str, bundle: &Bundle) -> Verdict<Done> {
        let done = self.refused(why, &["create", "--bundle", &bundle.write()?, &self.id])?;
        let state = self.call(&["state", &self.id])?;
        check(state.code != 0, || format!("create failed ({why}), but `state` knows the container"))?;
        Ok(done)
    }

    /// The container's state.
    pub(crate) fn state(&self) -> Verdict<Value> {
        parse(&self.ok(&["state", &self.id])?)
    }

    /// The container's `status`; `gone` when there is none.
    pub(crate) fn status(&self) -> Verdict<String> {
        let done = self.call(&["state", &self.id])?;
        if done.code != 0 {
            return Ok("gone".to_owned());
        }
        Ok(parse(&done)?["status"].as_str().unwrap_or_default().to_owned())
    }

    /// The container's init, as the host sees it.
    pub(crate) fn pid(&self) -> Verdict<u32> {
        let state = self.state()?;
        state["pid"]
            .as_u64()
            .and_then(|pid| u32::try_from(pid).ok())
            .map_or_else(|| fail(format!("no pid in {state}")), Ok)
    }

    /// Waits for a status.
    pub(crate) fn until_status(&self, want: &str) -> Verdict {
        self.until(&format!("status {want}"), || (self.status().ok()? == want).then_some(()))
    }

    /// Polls until there is an answer or the test's time is over.
    pub(crate) fn until<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> Verdict<T> {
        loop {
            if let Some(answer) = ask() {
                return Ok(answer);
            }
            if self.deadline.passed() {
                return fail(format!("timeout waiting for {what}"));
            }
            sleep(Duration::from_millis(5));
        }
    }

    /// After a passed test: deletes what still runs, then looks for what the runtime left.
    pub(crate) fn audit(&self) -> Verdict {
        for id in sweep::containers(&self.dir.join("state")) {
            self.ok(&["delete", "--force", &id])?;
        }
        let left = sweep::leftovers(&self.dir, &self.id);
        check(left.is_empty(), || format!("left behind after delete: {}", left.join(", ")))
    }
}

/// Reads a program's output as JSON.
pub(crate) fn parse(done: &Done) -> Verdict<Value> {
    serde_json::from_str(&done.out).map_err(|error| {
        Outcome::Fail(format!("output of `{}`: {error}: {:?} {}", done.line, done.out, done.err))
    })
}

impl Drop for Lab {
    fn drop(&mut self) {
        for id in sweep::containers(&self.dir.join("state")) {
            // A time of its own, also when the suite is interrupted: cleaning up is never cut short.
            self.deadline = Deadline::new(Duration::from_secs(10), &Arc::default());
            drop(self.call(&["delete", "--force", &id]));
        }
        for child in self.children.get_mut() {
            wait::kill_group(child);
        }
        sweep::sweep(&self.dir, &self.id);
    }
}
