//! Rules that look at one argument only: which ranges of its values get which answer.
//!
//! A search over ranges asks less than one comparison after another, where a profile lists many values: the
//! default one lists thirty socket families.

use super::action::Action;
use super::arch::Width;
use super::assembler::{Assembler, Label};
use super::checks::{Check, Half};
use super::condition::{Condition, Operator};
use super::segments::Segments;

/// The answer to every value of an argument.
pub(super) struct Intervals {
    argument: u8,
    width: Width,
    /// Starts of ranges, ascending from 0.
    starts: Vec<(u64, Action)>,
}

/// What holds for an upper half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upper {
    Answer(Action),
    /// It depends on the lower half: a place in a list of those.
    Lower(usize),
}

/// A check as intervals; `None` where it looks at several arguments or at single bits.
pub(super) fn of(check: &Check) -> Option<Intervals> {
    let first = check.alternatives.first()?.conditions.first()?;
    let mut intervals =
        Intervals { argument: first.index, width: check.width, starts: vec![(0, check.otherwise)] };
    let most = match check.width {
        Width::Bits32 => u64::from(u32::MAX),
        Width::Bits64 => u64::MAX,
    };
    // The first rule that holds answers, so it is painted last.
    for alternative in check.alternatives.iter().rev() {
        let [condition] = alternative.conditions[..] else { return None };
        if condition.index != first.index {
            return None;
        }
        for (start, end) in ranges(condition, most)?.into_iter().flatten() {
            intervals.paint(start, end, alternative.action);
        }
    }
    Some(intervals)
}

/// The values for which a condition holds, at most two ranges of them.
fn ranges(condition: Condition, most: u64) -> Option<[Option<(u64, u64)>; 2]> {
    let value = condition.value;
    let below = value.checked_sub(1).map(|end| (0, end));
    let above = if value < most { Some((value + 1, most)) } else { None };
    Some(match condition.operator {
        Operator::Equal => [Some((value, value)), None],
        Operator::NotEqual => [below, above],
        Operator::Less => [below, None],
        Operator::LessOrEqual => [Some((0, value)), None],
        Operator::Greater => [above, None],
        Operator::GreaterOrEqual => [Some((value, most)), None],
        Operator::MaskedEqual(_) => return None,
    })
}

impl Intervals {
    /// Gives the values from `start` to `end` an answer.
    fn paint(&mut self, start: u64, end: u64, action: Action) {
        let first = self.starts.partition_point(|(at, _)| *at < start);
        let mut last = first;
        let mut after = None;
        // What held behind the range goes on there.
        let holding =
            |starts: &[(u64, Action)], place: usize| place.checked_sub(1).map(|before| starts[before].1);
        let behind = end.checked_add(1);
        while let Some((at, _)) = self.starts.get(last) {
            if behind.is_some_and(|behind| *at >= behind) {
                break;
            }
            last += 1;
        }
        if let Some(behind) = behind
            && self.starts.get(last).is_none_or(|(at, _)| *at != behind)
        {
            after = holding(&self.starts, last).map(|action| (behind, action));
        }
        self.starts.splice(first..last, std::iter::once((start, action)).chain(after));
        self.starts.dedup_by(|later, earlier| later.1 == earlier.1);
    }

    /// The code, at the front of the program.
    pub(super) fn assemble(&self, assembler: &mut Assembler) -> Label {
        let (uppers, lowers) = self.by_half();
        let argument = self.argument;
        let lower = |assembler: &mut Assembler, segments: &Segments<Action>| {
            let root = segments.tree(assembler, &mut |assembler, action| assembler.ret(action.0));
            assembler.goto(root);
            assembler.load(Half::Lower.offset(argument))
        };
        if self.width == Width::Bits32 {
            return match lowers.first() {
                Some(segments) => lower(assembler, segments),
                None => assembler.ret(self.starts[0].1.0),
            };
        }
        let root = uppers.tree(assembler, &mut |assembler, upper| match upper {
            Upper::Answer(action) => assembler.ret(action.0),
            Upper::Lower(place) => lower(assembler, &lowers[place]),
        });
        if self.starts.len() == 1 {
            return root;
        }
        assembler.goto(root);
        assembler.load(Half::Upper.offset(argument))
    }

    /// The ranges of upper halves, and of the lower halves where they matter.
    fn by_half(&self) -> (Segments<Upper>, Vec<Segments<Action>>) {
        let mut before = self.starts[0].1;
        let mut uppers = Segments::new(Upper::Answer(before));
        let mut lowers: Vec<Segments<Action>> = Vec::new();
        let mut open = None;
        for (start, action) in &self.starts[1..] {
            let (high, low) = (Half::Upper.of(*start), Half::Lower.of(*start));
            if open != Some(high) {
                if let Some(closed) = open {
                    uppers.push(closed + 1, Upper::Answer(before));
                }
                open = None;
            }
            if low == 0 {
                uppers.push(high, Upper::Answer(*action));
            } else {
                if open.is_none() {
                    lowers.push(Segments::new(before));
                    uppers.push(high, Upper::Lower(lowers.len() - 1));
                    open = Some(high);
                }
                if let Some(segments) = lowers.last_mut() {
                    segments.push(low, *action);
                }
            }
            before = *action;
        }
        if let Some(after) = open.and_then(|closed| closed.checked_add(1)) {
            uppers.push(after, Upper::Answer(before));
        }
        (uppers, lowers)
    }
}
