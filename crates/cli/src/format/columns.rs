//! Text in columns, by the rules of Go's `text/tabwriter` with Docker's settings.

use std::fmt::Write as _;

/// No column is narrower than this.
const NARROWEST: usize = 10;
/// Spaces between a column's widest text and the next column.
const GAP: usize = 3;

/// Tabs become spaces: what stands above one another in consecutive lines is one column. The last cell of a line belongs
/// to no column.
pub fn aligned(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let mut out = String::with_capacity(text.len() * 2);
    block(&lines, &mut Vec::new(), &mut out);
    out
}

/// Lines whose first columns have these widths.
fn block(lines: &[Vec<&str>], widths: &mut Vec<usize>, out: &mut String) {
    let column = widths.len();
    let in_column = |line: &Vec<&str>| column + 1 < line.len();
    let mut rest = lines;
    while !rest.is_empty() {
        let before = rest.iter().position(in_column).unwrap_or(rest.len());
        let (plain, after) = rest.split_at(before);
        plain.iter().for_each(|line| write(line, widths, out));
        let end = after.iter().position(|line| !in_column(line)).unwrap_or(after.len());
        let (run, after) = after.split_at(end);
        rest = after;
        if let Some(widest) = run.iter().map(|line| line[column].chars().count()).max() {
            widths.push((widest + GAP).max(NARROWEST));
            block(run, widths, out);
            widths.pop();
        }
    }
}

fn write(line: &[&str], widths: &[usize], out: &mut String) {
    for (index, cell) in line.iter().enumerate() {
        let _ = match widths.get(index) {
            Some(width) => write!(out, "{cell:width$}"),
            None => write!(out, "{cell}"),
        };
    }
    out.push('\n');
}
