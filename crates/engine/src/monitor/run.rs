//! A monitor's life: runs of its container, one after the other.

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use barque_network::NameServer;
use barque_runtime::container::{self, Created, Creation};
use barque_runtime::execute::Trace;
use barque_runtime::spec::Spec;
use barque_sys::process::{self, Exit};

use super::checks::Checks;
use super::clients::{Client, Clients, Ear};
use super::message::{FromMonitor, Started, ToMonitor};
use super::place::Place;
use super::stdio::Stdio;
use super::watch::Watch;
use super::{Launch, Streams, facts, message};
use crate::definition::NetworkRequest;
use crate::files::kept;
use crate::health::{HealthStatus, OnFailure};
use crate::log::{Stream, Subject, Timestamp, Writer};
use crate::oom::KernelLog;
use crate::start::{Leaving, Purpose, Start};
use crate::state::{Asked, End, Known, Request};
use crate::{Container, Error, ErrorKind, RestartPolicy, Result, State, Time, events, life, policy};

/// A monitor.
pub(super) struct Monitor<'a> {
    container: &'a Container,
    spec: &'a Spec<'a>,
    config: &'a [u8],
    streams: Streams,
    traced: bool,
    place: Place,
    /// Held for as long as it lives.
    _lock: OwnedFd,
    listener: Option<OwnedFd>,
    clients: Clients,
    stdio: Stdio,
    buffer: Vec<u8>,
    log: Writer,
    state: State,
    /// How healthy the run that goes on is.
    checks: Option<Checks<'a>>,
    /// When the container is killed because it did not heed a signal.
    kill_at: Option<Instant>,
    /// When its time is over.
    timeout_at: Option<Instant>,
    /// Whether what it writes is in memory and to be kept; none before the first start.
    keeps: Option<bool>,
    /// The name server of the run that goes on.
    names: Option<NameServer>,
    /// Its networks, as they were when the last run ended.
    request: Option<NetworkRequest>,
}

/// How long after SIGKILL it is sent again: a `pause` that comes between the signal and the end freezes what should die.
const AGAIN: Duration = Duration::from_millis(100);

/// A run that goes on.
struct Run<'a> {
    start: Start<'a>,
    created: Created,
    began: Instant,
    kernel_log: Option<KernelLog>,
}

fn log_of(launch: &Launch<'_>) -> Result<Writer> {
    let definition = &launch.container.definition;
    let labels: Vec<_> = definition.labels.iter().map(|(key, value)| (&key[..], &value[..])).collect();
    let env =
        launch.spec.process.as_ref().map(|process| process.env.iter().map(|text| text.as_str()).collect());
    let env: Vec<&str> = env.unwrap_or_default();
    let subject = Subject {
        id: &definition.id,
        name: &definition.name,
        image: &definition.image,
        image_id: definition.image_id.as_deref().unwrap_or_default(),
        labels: &labels,
        env: &env,
    };
    Writer::new(&definition.log, &launch.container.directory(), &subject)
}

impl<'a> Monitor<'a> {
    pub(super) fn new(launch: &Launch<'a>, client: Client) -> Result<Self> {
        let container = launch.container;
        let place = Place::new(container.places(), container.id());
        let mut clients = Clients::default();
        clients.add(client);
        let (lock, log) = match place.take().and_then(|lock| Ok((lock, log_of(launch)?))) {
            Ok(both) => both,
            Err(error) => {
                if container.definition.auto_remove {
                    drop(life::remove::take_away(container, true));
                }
                clients.tell_all(&FromMonitor::Failed((&error).into()));
                return Err(error);
            }
        };
        Ok(Self {
            container,
            spec: launch.spec,
            config: launch.config,
            streams: launch.streams,
            traced: launch.traced,
            _lock: lock,
            place,
            listener: None,
            clients,
            stdio: Stdio::default(),
            buffer: Vec::new(),
            log,
            state: State { version: crate::state::VERSION, ..State::default() },
            checks: None,
            kill_at: None,
            timeout_at: None,
            keeps: None,
            names: None,
            request: container.definition.network.request.clone(),
        })
    }

    /// Starts the container, and again as its policy says, until it is not to run any more.
    pub(super) fn live(mut self, executable: Option<OwnedFd>) -> Result<()> {
        let mut executable = executable;
        loop {
            let began = Instant::now();
            let first = self.state.started.is_none();
            match self.start(executable.take()) {
                Ok(run) => {
                    let exit = self.watch(&run)?;
                    self.end(run, exit)?;
                }
                Err(error) => {
                    self.failed(&error);
                    if first {
                        break;
                    }
                }
            }
            if !self.again(began) || !self.wait_for_next()? {
                break;
            }
        }
        self.place.close();
        if self.container.definition.auto_remove {
            kept::let_go(self.container);
            life::remove::take_away(self.container, true)?;
        }
        Ok(())
    }

    fn start(&mut self, executable: Option<OwnedFd>) -> Result<Run<'a>> {
        let definition = &self.container.definition;
        let places = self.container.places();
        if self.keeps.is_none() {
            self.keeps = Some(kept::begin(self.container, self.spec)?);
        }
        if self.state.started.is_some() {
            self.read_again()?;
        }
        let mut start =
            Start::prepare(places, definition, self.spec, self.config, self.request.as_ref(), Purpose::Run)?;
        let kernel_log = facts::kernel_log(self.spec);
        let made = self.make(&start, executable);
        if !super::passes_through(self.container) {
            process::detach_stdio();
        }
        let mut created = match made {
            Ok(created) => created,
            Err(error) => {
                start.leave().iter().for_each(Leaving::finish);
                return Err(error);
            }
        };
        if let Err(error) = start.unpacked().and_then(|()| self.take_console(&mut created)) {
            drop(places.runtime().open(self.container.id()).and_then(|it| it.delete(true)));
            drop(created);
            start.leave().iter().for_each(Leaving::finish);
            return Err(error);
        }
        self.names = start.name_server();
        let began = Instant::now();
        self.timeout_at = definition.timeout.map(|seconds| began + Duration::from_secs(seconds));
        // Before anybody hears of the start: who then asks finds all of it.
        let complaints = self.announce(&created);
        self.tell_started(&start, &created, complaints);
        Ok(Run { start, created, began, kernel_log })
    }

    /// `update` may have changed the limits since the last start.
    fn read_again(&mut self) -> Result<()> {
        let text = self.container.config()?;
        if text.as_bytes() != self.config {
            // A monitor has few such starts and ends with its container: what is borrowed from here on may as well stay.
            let text: &'static str = Box::leak(text.into_boxed_str());
            self.spec = Box::leak(Box::new(self.container.spec(text)?));
            self.config = text.as_bytes();
        }
        Ok(())
    }

    fn take_console(&mut self, created: &mut Created) -> Result<()> {
        if let Some(console) = created.console.take() {
            self.stdio = Stdio::console(console)?;
        }
        Ok(())
    }

    /// Writes the start down and listens for clients. The container runs: what fails here (a full disk) is only said.
    fn announce(&mut self, created: &Created) -> Vec<String> {
        let mut complaints = Vec::new();
        self.state.started = Some(Time::now());
        self.state.pid = Some(created.child.pid.as_raw_nonzero().get());
        (self.state.end, self.state.next_start) = (None, None);
        self.state.boot = container::boot_id().unwrap_or_default();
        if let Err(error) = self.state.write(&self.container.directory()) {
            complaints.push(format!("that it runs could not be written down: {error}"));
        }
        events::of_container(self.container, "start", &[]);
        self.checks = Checks::begin(self.container, self.spec);
        if self.listener.is_none() {
            match self.place.listen() {
                Ok(listener) => self.listener = Some(listener),
                Err(error) => complaints.push(format!("other commands cannot attach to it: {error}")),
            }
        }
        complaints
    }

    /// Writes down what became of it. Where that fails (a full disk) the run has to come to its end all the same; who
    /// asks finds the start without an end.
    fn note(&self) {
        drop(self.state.write(&self.container.directory()));
    }

    /// Makes the container with our standard streams in the place of its own.
    fn make(&mut self, start: &Start<'_>, executable: Option<OwnedFd>) -> Result<Created> {
        let definition = &self.container.definition;
        if super::passes_through(self.container) {
            self.stdio = Stdio::passed(definition.interactive)?;
        } else if !definition.tty {
            self.stdio = Stdio::pipes(definition.interactive)?;
        }
        let trace = if self.traced { Trace::start() } else { Trace::default() };
        let creation = Creation { executable, ..start.creation(trace) };
        container::create(&self.container.places().runtime(), creation)
    }

    fn tell_started(&mut self, start: &Start<'_>, created: &Created, complaints: Vec<String>) {
        let warnings = start.warnings().chain(&created.warnings).cloned().chain(complaints).collect();
        let total = u64::try_from(created.trace.total().as_micros()).unwrap_or_default();
        let started = Started { warnings, trace: created.trace.steps().to_vec(), total };
        if let Some(client) = self.clients.get(0) {
            let input = self.stdio.input_for(self.streams);
            client.tell(&FromMonitor::Started(started), input);
        }
        if self.streams.input && !self.stdio.terminal {
            // The client's copy is the only one: when it is closed, the container's input has ended.
            self.stdio.input = None;
        }
        // Who starts it in the background only waits for this.
        self.traced = false;
    }

    /// Waits until the container's first process has ended, and serves everybody meanwhile.
    fn watch(&mut self, run: &Run<'_>) -> Result<Exit> {
        loop {
            // What the log has gathered is written as soon as there is nothing else to do.
            let flush_at = self.log.pending().then(Instant::now);
            let look_at = self.checks.as_ref().map(Checks::deadline);
            let deadlines = [self.kill_at, self.timeout_at, flush_at, look_at];
            let happened = Watch {
                process: Some(run.created.child.pidfd.as_fd()),
                probe: self.checks.as_ref().map_or([None, None], Checks::descriptors),
                listener: self.listener.as_ref(),
                stdio: &mut self.stdio,
                clients: &mut self.clients,
                names: self.names.as_mut(),
                deadline: deadlines.into_iter().flatten().min(),
            }
            .wait()?;
            if happened.readable.is_empty() {
                self.log.flush(Timestamp::now());
            }
            for number in happened.readable {
                self.copy(number);
            }
            for index in happened.messages.into_iter().rev() {
                self.hear(index, true);
            }
            self.clients.sweep();
            if happened.late {
                self.out_of_time();
            }
            if happened.ended {
                break;
            }
            if happened.late || happened.probed {
                self.look();
            }
        }
        if let Some(checks) = self.checks.take() {
            checks.end();
        }
        // What it wrote before it ended is still in the pipes. More is not waited for: another process may hold their
        // other ends open for as long as it likes.
        for number in self.stdio.open() {
            while self.copy(number) {}
        }
        // Before anybody hears of the end: who then reads the log finds all of it.
        self.log.finish(Timestamp::now());
        self.stdio = Stdio::default();
        self.buffer = Vec::new();
        Ok(process::wait(&run.created.child.pidfd)?)
    }

    /// Copies what there is of a stream; false when there is nothing now.
    fn copy(&mut self, number: u8) -> bool {
        let (clients, log) = (&mut self.clients, &mut self.log);
        let stream = if number == 1 { Stream::Stdout } else { Stream::Stderr };
        self.stdio.read(number, &mut self.buffer, &mut |bytes| {
            log.write(stream, bytes, Timestamp::now());
            clients.put(number, bytes);
        })
    }

    /// Does what a client says.
    fn hear(&mut self, index: usize, running: bool) {
        let Some(client) = self.clients.get(index) else { return };
        match message::receive(&client.channel) {
            Ok(Some((ToMonitor::Stream(number), Some(fd)))) => client.add_stream(number, fd),
            Ok(Some((ToMonitor::Attach(streams), _))) => {
                let input = self.stdio.input_for(streams);
                client.tell(&FromMonitor::Attached { terminal: self.stdio.terminal }, input);
            }
            Ok(Some((ToMonitor::Signal(signal), _))) => {
                self.asked_for(Request::Kill, signal);
                // It may have ended meanwhile: that is no failure.
                drop(self.signal(signal));
            }
            Ok(Some((ToMonitor::Health, _))) => self.listens(index, Ear::Changes),
            Ok(Some((ToMonitor::Probe, _))) => self.listens(index, Ear::Answer),
            Ok(Some((ToMonitor::Ask { what, signal, patience }, _))) => {
                self.asked(what, signal, patience, running, index);
            }
            _ => client.leave(),
        }
    }

    fn asked(&mut self, what: Request, signal: i32, patience: Option<u64>, running: bool, index: usize) {
        self.asked_for(what, signal);
        if running {
            let answer = match self.signal(signal) {
                Ok(()) => FromMonitor::Done,
                // It has ended meanwhile, as was wanted: that is told next.
                Err(error) if error.kind() == ErrorKind::Conflict && what.rests() => FromMonitor::Done,
                Err(error) => FromMonitor::Refused((&error).into()),
            };
            if let Some(client) = self.clients.get(index) {
                client.tell(&answer, None);
            }
            let patience = if signal == 9 { Some(AGAIN) } else { patience.map(Duration::from_millis) };
            if let Some(patience) = patience {
                let at = Instant::now() + patience;
                self.kill_at = Some(self.kill_at.map_or(at, |earlier| earlier.min(at)));
            }
        } else if let (Some(end), Some(client)) = (self.state.end.clone(), self.clients.get(index)) {
            client.tell(&FromMonitor::Ended(end), None);
        }
    }

    /// Signals the first process; one that is frozen as well.
    fn signal(&self, signal: i32) -> Result<()> {
        self.container.places().runtime().open(self.container.id())?.kill(signal)
    }

    /// Remembers who wants the container to end, or to hear something.
    fn asked_for(&mut self, what: Request, signal: i32) {
        self.state.asked = Some(Asked { what, signal, time: Time::now(), overdue: false });
    }

    fn out_of_time(&mut self) {
        let now = Instant::now();
        if self.timeout_at.is_some_and(|at| at <= now) {
            self.timeout_at = None;
            self.asked_for(Request::Timeout, self.container.definition.stop_signal);
            let seconds = u64::try_from(self.container.definition.stop_timeout).unwrap_or_default();
            self.kill_at = Some(now + Duration::from_secs(seconds));
            // It may have ended meanwhile.
            drop(self.signal(self.container.definition.stop_signal));
        } else if self.kill_at.is_some_and(|at| at <= now) {
            self.kill_at = Some(now + AGAIN);
            if let Some(asked) = &mut self.state.asked {
                (asked.signal, asked.overdue) = (9, true);
            }
            drop(self.signal(9));
        }
    }

    /// Somebody wants to hear how healthy the container is.
    fn listens(&mut self, index: usize, ear: Ear) {
        let Some(client) = self.clients.get(index) else { return };
        match &mut self.checks {
            Some(checks) => {
                client.ear = ear;
                match ear {
                    Ear::Answer => checks.hurry(),
                    _ => client.tell(&FromMonitor::Health(checks.health.status), None),
                }
            }
            None => {
                let why = match self.container.definition.health {
                    Some(_) => "is not running",
                    None => "has no health check",
                };
                let error =
                    Error::new(ErrorKind::Conflict, format!("container {} {why}", self.container.name()));
                client.tell(&FromMonitor::Refused((&error).into()), None);
            }
        }
    }

    /// Goes on with the health checks.
    fn look(&mut self) {
        let Some(checks) = &mut self.checks else { return };
        let Some(answer) = checks.advance() else { return };
        let action = checks.check.on_failure;
        self.clients.tell_ears(Ear::Answer, &FromMonitor::Probed(answer.probed));
        if let Some(status) = answer.change {
            self.clients.tell_ears(Ear::Changes, &FromMonitor::Health(status));
            if status == HealthStatus::Unhealthy {
                self.unhealthy(action);
            }
        }
    }

    /// It has become unhealthy: does what is to be done then, unless somebody is ending it anyhow.
    fn unhealthy(&mut self, action: OnFailure) {
        if self.kill_at.is_some() || action == OnFailure::None {
            return;
        }
        let definition = &self.container.definition;
        let signal = if action == OnFailure::Kill { 9 } else { definition.stop_signal };
        self.asked_for(Request::Unhealthy, signal);
        // A negative time to stop is any time.
        let patience = u64::try_from(definition.stop_timeout).ok().map(Duration::from_secs);
        self.kill_at = patience.map(|patience| Instant::now() + patience);
        // It may have ended meanwhile.
        drop(self.signal(signal));
    }

    /// The first process has ended: says so, and takes away what the run has made.
    fn end(&mut self, mut run: Run<'a>, exit: Exit) -> Result<()> {
        (self.kill_at, self.timeout_at, self.names) = (None, None, None);
        let auto_remove = self.container.definition.auto_remove;
        let mut end = facts::end(self.container, exit, run.kernel_log.as_ref());
        self.state.end = Some(end.clone());
        if run.began.elapsed() >= policy::SETTLED {
            self.state.failures = 0;
        }
        events::ended(self.container, &end);
        let leaving = run.start.leave();
        if auto_remove {
            // The name and the image are free when the command returns.
            drop(life::remove::let_go(self.container));
        } else {
            self.note();
        }
        let keeps = self.keeps == Some(true);
        let slow = keeps || self.clients.has_pending();
        if !slow {
            self.clients.tell_all(&FromMonitor::Ended(end.clone()));
        }
        drop(self.container.places().runtime().open(self.container.id()).and_then(|it| it.delete(true)));
        // Whoever lets go of the mount namespace last waits for the unmount.
        drop(run);
        leaving.iter().for_each(Leaving::finish);
        if keeps && let Err(error) = kept::save(self.container) {
            end.error = format!("what it has changed is not kept: {error}");
            self.state.end = Some(end.clone());
            self.note();
        }
        if slow {
            self.flush()?;
            self.clients.tell_all(&FromMonitor::Ended(end));
        }
        Ok(())
    }

    /// Waits for clients that have not read everything yet.
    fn flush(&mut self) -> Result<()> {
        while self.clients.has_pending() {
            let happened = self.idle(None)?;
            for index in happened.messages.into_iter().rev() {
                self.hear(index, false);
            }
            self.clients.sweep();
        }
        Ok(())
    }

    fn idle(&mut self, deadline: Option<Instant>) -> Result<super::watch::Happened> {
        let listener = self.listener.as_ref();
        let (stdio, clients) = (&mut self.stdio, &mut self.clients);
        Watch { process: None, probe: [None, None], listener, stdio, clients, names: None, deadline }.wait()
    }

    /// It could not be started.
    fn failed(&mut self, error: &Error) {
        let code = match error.kind() {
            ErrorKind::ProgramNotFound => 127,
            ErrorKind::ProgramNotExecutable => 126,
            _ => 125,
        };
        let (text, known) = (error.to_string(), Known::NotStarted);
        let end = End { time: Time::now(), code, error: text, known, ..End::default() };
        self.state.end = Some(end);
        if self.container.definition.auto_remove {
            drop(life::remove::let_go(self.container));
        } else {
            self.note();
        }
        self.clients.tell_all(&FromMonitor::Failed(error.into()));
    }

    /// Whether the policy wants it started again, and when that is.
    fn again(&mut self, began: Instant) -> bool {
        // `update` and `rename` may have changed it.
        let definition = match Container::open(self.container.places(), self.container.id()) {
            Ok(container) => container.definition,
            Err(_) => return false,
        };
        self.request.clone_from(&definition.network.request);
        let code = self.state.end.as_ref().map_or(0, |end| end.code);
        let asked = self.state.asked.as_ref().map(|asked| asked.what);
        let on_failure = definition.health.as_ref().map(|check| check.on_failure);
        let restarts = match (asked, on_failure) {
            (Some(Request::Unhealthy), Some(OnFailure::Restart)) => true,
            (Some(Request::Unhealthy), Some(OnFailure::Stop)) => false,
            (Some(asked), _) if asked.rests() => false,
            _ => definition.restart.restarts(code, self.state.restarts),
        };
        if !restarts {
            return false;
        }
        self.state.keep_end();
        self.state.restarts += 1;
        self.state.failures = if began.elapsed() >= policy::SETTLED { 1 } else { self.state.failures + 1 };
        let pause = RestartPolicy::pause(self.state.failures);
        let Time(seconds, nanoseconds) = Time::now();
        let next = Duration::new(seconds, nanoseconds) + pause;
        self.state.next_start = Some(Time(next.as_secs(), next.subsec_nanos()));
        self.note();
        true
    }

    /// Waits for the time of the next start; false when somebody wants it to rest.
    fn wait_for_next(&mut self) -> Result<bool> {
        let at = Instant::now() + RestartPolicy::pause(self.state.failures);
        loop {
            let happened = self.idle(Some(at))?;
            for index in happened.messages.into_iter().rev() {
                self.hear(index, false);
            }
            self.clients.sweep();
            if self.state.asked.as_ref().is_some_and(|asked| asked.what.rests()) {
                self.state.next_start = None;
                self.note();
                return Ok(false);
            }
            if happened.late {
                self.state.asked = None;
                return Ok(true);
            }
        }
    }
}
