//! Patterns of the shell in variables: `*` for anything, `?` for one character, the escape for the next as it is.

/// One piece of a pattern.
enum Piece {
    Any,
    One,
    Character(char),
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut chars = pattern.chars();
    let mut pieces = Vec::new();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '*' => Piece::Any,
            '?' => Piece::One,
            '\\' => Piece::Character(chars.next().unwrap_or('\\')),
            c => Piece::Character(c),
        });
    }
    pieces
}

/// The lengths in bytes of all beginnings of a text that a pattern matches, from the shortest.
///
/// All places in the pattern are followed at once, so that no pattern takes longer than its length times the text's.
fn lengths(text: &str, pieces: &[Piece]) -> Vec<usize> {
    let mut states = vec![false; pieces.len() + 1];
    reach(&mut states, pieces, 0);
    let mut lengths = Vec::new();
    let mut length = 0;
    let mut chars = text.chars();
    loop {
        if states[pieces.len()] {
            lengths.push(length);
        }
        let Some(c) = chars.next() else { return lengths };
        length += c.len_utf8();
        let mut next = vec![false; states.len()];
        for (at, piece) in pieces.iter().enumerate().filter(|(at, _)| states[*at]) {
            match piece {
                Piece::Any => reach(&mut next, pieces, at),
                Piece::One => reach(&mut next, pieces, at + 1),
                Piece::Character(wanted) if *wanted == c => reach(&mut next, pieces, at + 1),
                Piece::Character(_) => {}
            }
        }
        if next.iter().all(|state| !state) {
            return lengths;
        }
        states = next;
    }
}

/// Marks a place, and those behind it that need no character.
fn reach(states: &mut [bool], pieces: &[Piece], mut at: usize) {
    loop {
        states[at] = true;
        match pieces.get(at) {
            Some(Piece::Any) => at += 1,
            _ => return,
        }
    }
}

/// The text without the beginning that the pattern matches.
pub(super) fn without_prefix<'t>(text: &'t str, pattern: &str, greedy: bool) -> &'t str {
    let lengths = lengths(text, &pieces(pattern));
    let length = if greedy { lengths.last() } else { lengths.first() };
    &text[length.copied().unwrap_or(0)..]
}

/// The text without the end that the pattern matches.
pub(super) fn without_suffix<'t>(text: &'t str, pattern: &str, greedy: bool) -> &'t str {
    let pieces = pieces(pattern);
    let ends = |start: usize| lengths(&text[start..], &pieces).last() == Some(&(text.len() - start));
    let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let start = if greedy { starts.find(|at| ends(*at)) } else { starts.rev().find(|at| ends(*at)) };
    &text[..start.unwrap_or(text.len())]
}

/// The text with the longest match of the pattern replaced, the first or all.
pub(super) fn replace(text: &str, pattern: &str, with: &str, all: bool) -> String {
    let pieces = pieces(pattern);
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match lengths(rest, &pieces).last() {
            Some(&length) if length > 0 => {
                output.push_str(with);
                rest = &rest[length..];
                if !all {
                    break;
                }
            }
            _ => {
                output.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    output.push_str(rest);
    output
}
