//! What is measured, as data.

use std::ffi::OsString;
use std::io;

use crate::bundle::Bundle;
use crate::contender::Contender;

/// How a scenario is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// One command after another, interleaved between the contenders.
    Latency,
    /// Many commands, several at a time.
    Throughput {
        /// How many containers in all.
        starts: usize,
        /// How many side by side.
        at_a_time: usize,
    },
    /// What stays in memory beside the container's own process.
    Resident,
}

/// The command that a contender runs.
#[derive(Debug, Clone, Copy)]
enum Job {
    /// `run` of a prepared bundle.
    Run,
    /// `exec` into a running container.
    Exec,
    /// Ours: `barque run --rm` with a writable layer and limits. Theirs: `run` of a prepared bundle.
    EngineRun,
}

/// At most this times the median of a peer, or at least for throughput.
#[derive(Debug)]
pub(crate) struct Target {
    /// The peer.
    pub against: &'static str,
    /// The ratio.
    pub ratio: f64,
}

/// One thing to measure.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// For `--only`.
    pub name: &'static str,
    /// For the table.
    pub title: &'static str,
    /// How it is measured.
    pub kind: Kind,
    /// What our program has to reach.
    pub targets: &'static [Target],
    job: Job,
}

/// Every scenario, in the order of the report.
pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "oci-run",
        title: "`oci run` of /bin/true, runc's default spec",
        kind: Kind::Latency,
        targets: &[Target { against: "crun", ratio: 0.5 }, Target { against: "runc", ratio: 0.2 }],
        job: Job::Run,
    },
    Scenario {
        name: "run",
        title: "`barque run --rm` with overlay, limits and seccomp; peers: `run` of a prepared bundle",
        kind: Kind::Latency,
        targets: &[Target { against: "crun", ratio: 0.6 }],
        job: Job::EngineRun,
    },
    Scenario {
        name: "exec",
        title: "`exec` of /bin/true into a running container",
        kind: Kind::Latency,
        targets: &[Target { against: "crun", ratio: 0.6 }],
        job: Job::Exec,
    },
    Scenario {
        name: "throughput",
        title: "200 × `oci run` of /bin/true, eight at a time",
        kind: Kind::Throughput { starts: 200, at_a_time: 8 },
        targets: &[Target { against: "crun", ratio: 1.0 }],
        job: Job::Run,
    },
    Scenario {
        name: "resident",
        title: "what stays resident beside the container's process",
        kind: Kind::Resident,
        targets: &[],
        job: Job::Run,
    },
];

/// The command line of one contender in one scenario.
#[derive(Debug)]
pub(crate) struct Line {
    /// The contender's name.
    pub name: String,
    words: Vec<OsString>,
    /// The beginning of the name of a new container, when that is what ends the line.
    new_container: Option<String>,
}

impl Line {
    /// The words of the `index`th run.
    pub(crate) fn words(&self, index: usize) -> Vec<OsString> {
        let mut words = self.words.clone();
        words.extend(self.new_container.as_ref().map(|name| OsString::from(format!("{name}-{index}"))));
        words
    }
}

impl Scenario {
    /// Prepares the contenders and gives their command lines.
    pub(crate) fn lines(&self, contenders: &[Contender], bundle: &Bundle) -> io::Result<Vec<Line>> {
        if matches!(self.kind, Kind::Resident) {
            return Ok(Vec::new());
        }
        contenders.iter().map(|contender| self.line(contender, bundle)).collect()
    }

    fn line(&self, contender: &Contender, bundle: &Bundle) -> io::Result<Line> {
        let name = contender.name.clone();
        let mut words = contender.oci();
        let new_container = match self.job {
            Job::EngineRun if contender.is_ours() => {
                words = contender.engine();
                let limits = "run --rm --network none --memory 128m --cpus 0.5 --pids-limit 100";
                words.extend(limits.split(' ').map(OsString::from));
                let mut root = OsString::from("dir:");
                root.push(bundle.root());
                words.extend([root, OsString::from("/bin/true")]);
                None
            }
            Job::Run | Job::EngineRun => {
                words.extend([OsString::from("run"), OsString::from("--bundle"), bundle.once().into()]);
                Some(contender.container("run"))
            }
            Job::Exec => {
                let id = contender.container("exec");
                start_waiting(contender, bundle, &id)?;
                words.extend(["exec".to_owned(), id, "/bin/true".to_owned()].map(OsString::from));
                None
            }
        };
        Ok(Line { name, words, new_container })
    }

    /// Removes the containers that the scenario left running on purpose.
    pub(crate) fn clean_up(&self, contenders: &[Contender]) {
        if matches!(self.job, Job::Exec) {
            for contender in contenders {
                contender.delete(&contender.container("exec"));
            }
        }
    }
}

/// Starts a container that waits for a signal.
fn start_waiting(contender: &Contender, bundle: &Bundle, id: &str) -> io::Result<()> {
    for (verb, at) in [("create", Some(bundle.waiting())), ("start", None)] {
        // `create` hands its standard streams to the container, so none of them may be a pipe of ours.
        let line = contender.oci();
        let mut command = std::process::Command::new(&line[0]);
        command.args(&line[1..]).args([verb, id]).stdin(std::process::Stdio::null());
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        if let Some(dir) = at {
            command.current_dir(dir);
        }
        let status = command.status()?;
        if !status.success() {
            return Err(io::Error::other(format!("{} {verb} {id}: {status}", contender.name)));
        }
    }
    Ok(())
}
