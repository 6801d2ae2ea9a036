//! Ranges of 32-bit numbers with an answer each, and the search tree over them.

use super::assembler::{Assembler, Label, Test};

/// Starts of ranges, ascending from 0, with what holds from there to the next start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segments<T>(Vec<(u32, T)>);

impl<T: Copy + PartialEq> Segments<T> {
    /// One range of everything.
    pub(super) fn new(answer: T) -> Self {
        Self(vec![(0, answer)])
    }

    /// Says what holds from `start` on; starts come in ascending order, and a later word on one replaces it.
    pub(super) fn push(&mut self, start: u32, answer: T) {
        if self.0.last().is_some_and(|(last, _)| *last == start) {
            self.0.pop();
        }
        if self.0.last().is_none_or(|(_, last)| *last != answer) {
            self.0.push((start, answer));
        }
    }

    /// These ranges with other answers at some numbers, which ascend.
    pub(super) fn with_points<U: Copy + PartialEq + From<T>>(&self, points: &[(u32, U)]) -> Segments<U> {
        let mut merged = Segments(Vec::with_capacity(self.0.len() + points.len()));
        let mut points = points.iter().peekable();
        for (place, (start, answer)) in self.0.iter().enumerate() {
            let next_start = self.0.get(place + 1).map(|(next, _)| *next);
            merged.push(*start, (*answer).into());
            while let Some((number, point)) =
                points.next_if(|(number, _)| next_start.is_none_or(|next| *number < next))
            {
                merged.push(*number, *point);
                if let Some(after) = number.checked_add(1)
                    && next_start != Some(after)
                {
                    merged.push(after, (*answer).into());
                }
            }
        }
        merged
    }

    /// The tree that finds the range of the accumulator and goes to its leaf.
    pub(super) fn tree(
        &self,
        assembler: &mut Assembler,
        leaf: &mut dyn FnMut(&mut Assembler, T) -> Label,
    ) -> Label {
        subtree(&self.0, assembler, leaf)
    }
}

fn subtree<T: Copy + PartialEq>(
    segments: &[(u32, T)],
    assembler: &mut Assembler,
    leaf: &mut dyn FnMut(&mut Assembler, T) -> Label,
) -> Label {
    match segments {
        [(_, only)] => leaf(assembler, *only),
        // One number inside a range: a single test.
        [(_, around), (number, inside), (after, rest)] if around == rest && number + 1 == *after => {
            let otherwise = leaf(assembler, *around);
            let inside = leaf(assembler, *inside);
            assembler.jump(Test::Equal, *number, inside, otherwise)
        }
        _ => {
            let (low, high) = segments.split_at(segments.len() / 2);
            let start = high[0].0;
            let high = subtree(high, assembler, leaf);
            let low = subtree(low, assembler, leaf);
            assembler.jump(Test::GreaterOrEqual, start, high, low)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_split_ranges_and_equal_neighbours_join() {
        let mut zones = Segments::new(0_u8);
        zones.push(10, 9);
        type Points = &'static [(u32, u8)];
        let cases: [(Points, Points); 5] = [
            (&[], &[(0, 0), (10, 9)]),
            (&[(0, 1)], &[(0, 1), (1, 0), (10, 9)]),
            (&[(3, 1), (4, 1), (6, 2)], &[(0, 0), (3, 1), (5, 0), (6, 2), (7, 0), (10, 9)]),
            (&[(9, 9), (10, 0)], &[(0, 0), (9, 9), (10, 0), (11, 9)]),
            (&[(u32::MAX, 1)], &[(0, 0), (10, 9), (u32::MAX, 1)]),
        ];
        for (points, expected) in cases {
            assert_eq!(zones.with_points(points).0, expected, "{points:?}");
        }
    }
}
