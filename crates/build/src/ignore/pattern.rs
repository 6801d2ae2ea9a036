//! One pattern: `*`, `?`, `**`, `[a-z]`, `\`.

/// A pattern, read.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Character(char),
    /// `?`: one character but a slash.
    One,
    /// `*`: any number of them.
    Star,
    /// `**` at the end: everything.
    Everything,
    /// `**/`: nothing, or anything up to a slash.
    Directories,
    /// `[…]`: one of these ranges, or none of them.
    Class {
        ranges: Vec<(char, char)>,
        negated: bool,
    },
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut pieces = Vec::new();
        let mut at = 0;
        while let Some(&c) = chars.get(at) {
            at += 1;
            match c {
                '*' if chars.get(at) == Some(&'*') => {
                    at += 1;
                    at += usize::from(chars.get(at) == Some(&'/'));
                    pieces.push(if at == chars.len() { Piece::Everything } else { Piece::Directories });
                }
                '*' => pieces.push(Piece::Star),
                '?' => pieces.push(Piece::One),
                '\\' => {
                    pieces.push(Piece::Character(chars.get(at).copied().unwrap_or('\\')));
                    at += 1;
                }
                '[' => match class(&chars[at..]) {
                    Some((class, length)) => {
                        pieces.push(class);
                        at += length;
                    }
                    // It has no end: a character like others.
                    None => pieces.push(Piece::Character('[')),
                },
                c => pieces.push(Piece::Character(c)),
            }
        }
        Self { pieces }
    }

    /// Whether it matches all of a path. All places in the pattern are followed at once: no pattern takes longer than its
    /// length times the path's.
    pub(crate) fn matches(&self, path: &str) -> bool {
        // A place is before a piece, or (odd) inside of `**/`, behind its first character.
        let mut places = vec![false; 2 * self.pieces.len() + 1];
        self.reach(&mut places, 0);
        for c in path.chars() {
            let mut next = vec![false; places.len()];
            for (place, _) in places.iter().enumerate().filter(|(_, reached)| **reached) {
                self.step(&mut next, place / 2, c);
            }
            places = next;
        }
        places[2 * self.pieces.len()]
    }

    fn step(&self, next: &mut [bool], at: usize, c: char) {
        let goes_on = match self.pieces.get(at) {
            None => false,
            Some(Piece::Character(wanted)) => c == *wanted,
            Some(Piece::One) => c != '/',
            Some(Piece::Class { ranges, negated }) => {
                c != '/' && ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated
            }
            Some(Piece::Star) => {
                if c != '/' {
                    self.reach(next, at);
                }
                false
            }
            Some(Piece::Everything) => {
                self.reach(next, at);
                false
            }
            Some(Piece::Directories) => {
                next[2 * at + 1] = true;
                c == '/'
            }
        };
        if goes_on {
            self.reach(next, at + 1);
        }
    }

    /// Marks the place before a piece, and those behind it that need no character.
    fn reach(&self, places: &mut [bool], mut at: usize) {
        loop {
            places[2 * at] = true;
            match self.pieces.get(at) {
                Some(Piece::Star | Piece::Everything | Piece::Directories) => at += 1,
                _ => return,
            }
        }
    }
}

/// Reads a class behind its bracket; also gives its length.
fn class(chars: &[char]) -> Option<(Piece, usize)> {
    let negated = chars.first() == Some(&'^');
    let mut at = usize::from(negated);
    let mut ranges = Vec::new();
    loop {
        let from = match *chars.get(at)? {
            ']' if !ranges.is_empty() => return Some((Piece::Class { ranges, negated }, at + 1)),
            '\\' => {
                at += 1;
                *chars.get(at)?
            }
            c => c,
        };
        at += 1;
        let mut to = from;
        if chars.get(at) == Some(&'-') && chars.get(at + 1).is_some_and(|c| *c != ']') {
            to = *chars.get(at + 1)?;
            at += 2;
        }
        ranges.push((from, to));
    }
}
