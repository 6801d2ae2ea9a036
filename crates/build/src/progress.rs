//! What a build tells while it works.

use std::time::Duration;

/// A step of a build, as it is told.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Its number among all that is told, from 1.
    pub number: usize,
    /// The stage's name.
    pub stage: &'a str,
    /// Its number in its stage, from 1; the FROM is the first.
    pub index: usize,
    /// How many its stage has.
    pub count: usize,
    /// The instruction.
    pub text: &'a str,
}

/// Hears how a build goes.
pub trait Progress {
    /// A step begins.
    fn begin(&mut self, step: &Shown<'_>);
    /// A step's result was there already.
    fn cached(&mut self, step: &Shown<'_>);
    /// A step's command has written something.
    fn output(&mut self, step: &Shown<'_>, bytes: &[u8]);
    /// A step has ended well.
    fn done(&mut self, step: &Shown<'_>, time: Duration);
    /// A step has failed.
    fn failed(&mut self, step: &Shown<'_>, why: &str);
}
