//! A run's health checks: when to ask, and what an answer means.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use barque_runtime::spec::{Spec, Status};

use crate::health::{Check, Health, HealthStatus, Probed, Probing};
use crate::{Container, Result, Time};

/// The checks of one run.
#[derive(Debug)]
pub(super) struct Checks<'a> {
    container: &'a Container,
    spec: &'a Spec<'a>,
    pub(super) check: &'a Check,
    pub(super) health: Health,
    began: Instant,
    /// When the next question is due.
    next: Instant,
    probing: Option<Probing>,
}

/// What an answer has brought.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) probed: Probed,
    /// The new status, when it is another one.
    pub(super) change: Option<HealthStatus>,
}

impl<'a> Checks<'a> {
    /// The checks of a run that has just begun; none when the container has no check.
    pub(super) fn begin(container: &'a Container, spec: &'a Spec<'a>) -> Option<Self> {
        let check = container.definition.health.as_ref()?;
        let (health, began) = (Health::default(), Instant::now());
        let next = began + check.pause(&health, began.elapsed());
        let checks = Self { container, spec, check, health, began, next, probing: None };
        checks.write();
        Some(checks)
    }

    /// What to wait for.
    pub(super) fn descriptors(&self) -> [Option<BorrowedFd<'_>>; 2] {
        self.probing.as_ref().map_or([None, None], Probing::descriptors)
    }

    /// When to be called although nothing has happened.
    pub(super) fn deadline(&self) -> Instant {
        self.probing.as_ref().map_or(self.next, |probing| probing.deadline)
    }

    /// Asks as soon as possible; the answer to a question that is being asked will do.
    pub(super) fn hurry(&mut self) {
        self.next = Instant::now();
    }

    /// Asks when it is time to, and takes an answer that is there.
    pub(super) fn advance(&mut self) -> Option<Answer> {
        let now = Instant::now();
        let Some(probing) = &mut self.probing else {
            return if self.next <= now { self.ask() } else { None };
        };
        let ended = probing.advance();
        if !ended && probing.deadline > now {
            return None;
        }
        if !ended {
            probing.kill();
        }
        let answer = self.probing.take()?.answer();
        self.schedule();
        // What is frozen cannot answer: that says nothing.
        if answer.exit_code != 0 && self.is_paused() {
            return None;
        }
        Some(self.take(answer))
    }

    /// The run is over: so is what is being asked.
    pub(super) fn end(self) {
        if let Some(probing) = self.probing {
            probing.kill();
            drop(probing.answer());
        }
    }

    fn ask(&mut self) -> Option<Answer> {
        if self.is_paused() {
            self.schedule();
            return None;
        }
        match Probing::start(self.container, self.spec, self.check) {
            Ok(probing) => {
                self.probing = Some(probing);
                None
            }
            Err(error) => {
                self.schedule();
                let now = Time::now();
                Some(self.take(Probed { start: now, end: now, exit_code: 1, output: error.to_string() }))
            }
        }
    }

    fn take(&mut self, probed: Probed) -> Answer {
        let change = self.health.take(self.check, self.began.elapsed(), probed.clone());
        self.write();
        Answer { probed, change }
    }

    fn schedule(&mut self) {
        self.next = Instant::now() + self.check.pause(&self.health, self.began.elapsed());
    }

    fn is_paused(&self) -> bool {
        let runtime = || -> Result<_> { self.container.places().runtime().open(self.container.id()) };
        runtime().is_ok_and(|runtime| runtime.status() == Status::Paused)
    }

    fn write(&self) {
        // A full disk must not end the monitor: what is not written is still told to who asks the monitor, and acted upon.
        drop(self.health.write(&self.container.directory()));
    }
}
