//! Classic BPF, assembled from the end to the start.
//!
//! Jumps of classic BPF only lead forwards, so a program is written backwards: every target is there before
//! the jump to it, and how far it is away is known.

use barque_sys::seccomp::Instruction;

const LD_W_ABS: u16 = 0x20;
const AND_K: u16 = 0x54;
const JA: u16 = 0x05;
const RET_K: u16 = 0x06;

/// What a conditional jump asks of the accumulator.
#[derive(Debug, Clone, Copy)]
#[repr(u16)]
pub(super) enum Test {
    Equal = 0x15,
    Greater = 0x25,
    GreaterOrEqual = 0x35,
}

/// A place in the program: how many instructions there are from it to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label(usize);

/// A program that grows at its front.
#[derive(Default)]
pub(super) struct Assembler {
    /// Last instruction first.
    reversed: Vec<Instruction>,
    /// The nearest `ret` of each value.
    returns: Vec<(u32, Label)>,
}

impl Assembler {
    /// Room for a profile of the usual size.
    pub(super) fn new() -> Self {
        Self { reversed: Vec::with_capacity(512), returns: Vec::with_capacity(8) }
    }

    /// `return value`: one that is there already, if a short jump reaches it.
    pub(super) fn ret(&mut self, value: u32) -> Label {
        if let Some((_, label)) = self.returns.iter().find(|(known, _)| *known == value)
            && self.distance(*label) < usize::from(u8::MAX)
        {
            return *label;
        }
        let label = self.push(RET_K, 0, 0, value);
        match self.returns.iter_mut().find(|(known, _)| *known == value) {
            Some(nearest) => nearest.1 = label,
            None => self.returns.push((value, label)),
        }
        label
    }

    /// `accumulator = data[offset]`, going on to what was assembled last.
    pub(super) fn load(&mut self, offset: u32) -> Label {
        self.push(LD_W_ABS, 0, 0, offset)
    }

    /// `accumulator &= mask`, going on to what was assembled last.
    pub(super) fn and(&mut self, mask: u32) -> Label {
        self.push(AND_K, 0, 0, mask)
    }

    /// `if accumulator test value goto on_true else goto on_false`.
    pub(super) fn jump(&mut self, test: Test, value: u32, on_true: Label, on_false: Label) -> Label {
        let (mut on_true, mut on_false) = (on_true, on_false);
        loop {
            match (self.near(on_true), self.near(on_false)) {
                (Some(true_distance), Some(false_distance)) => {
                    return self.push(test as u16, true_distance, false_distance, value);
                }
                // A stepping stone for one target puts the other one further away: look again.
                (None, _) => on_true = self.stepping_stone(on_true),
                (_, None) => on_false = self.stepping_stone(on_false),
            }
        }
    }

    /// Puts `target`, or a way to it, at the front, for a `load` to go on to.
    pub(super) fn goto(&mut self, target: Label) -> Label {
        let there = self.reversed[target.0 - 1];
        match self.distance(target) {
            0 => target,
            _ if there.code == RET_K => self.push(RET_K, 0, 0, there.value),
            distance => self.jump_over(distance),
        }
    }

    /// The program, first instruction first.
    pub(super) fn finish(mut self) -> Vec<Instruction> {
        self.reversed.reverse();
        self.reversed
    }

    /// A place near enough for a conditional jump that leads on to `target`.
    fn stepping_stone(&mut self, target: Label) -> Label {
        let there = self.reversed[target.0 - 1];
        if there.code == RET_K {
            // As short as a jump to it, and one instruction less to run.
            return self.ret(there.value);
        }
        self.jump_over(self.distance(target))
    }

    /// A jump of any length.
    fn jump_over(&mut self, distance: usize) -> Label {
        // A program so long that this would not fit is refused for its length before anything runs it.
        self.push(JA, 0, 0, u32::try_from(distance).unwrap_or(u32::MAX))
    }

    fn near(&self, target: Label) -> Option<u8> {
        u8::try_from(self.distance(target)).ok()
    }

    /// How many instructions a new one at the front would skip to get to `target`.
    fn distance(&self, target: Label) -> usize {
        self.reversed.len() - target.0
    }

    fn push(&mut self, code: u16, on_true: u8, on_false: u8, value: u32) -> Label {
        self.reversed.push(Instruction { code, on_true, on_false, value });
        Label(self.reversed.len())
    }
}
