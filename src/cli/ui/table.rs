//! Columns as Go's text/tabwriter lays them out for Docker: cells end with a tab, a column is as wide as
//! its widest cell plus three blanks and at least ten, the last cell of a line is not padded.

use unicode_width::UnicodeWidthStr;

const MINIMUM: usize = 10;
const PADDING: usize = 3;

/// Lays out lines whose cells are separated by tabs.
///
/// As in tabwriter a column is a block of *consecutive* lines that have a tab-terminated cell there: a
/// line with fewer cells ends the columns to its right.
pub fn align(text: &str) -> String {
    align_with(text, MINIMUM, PADDING)
}

/// The same with a narrower minimum (`version`, `info`).
pub fn align_with(text: &str, minimum: usize, padding: usize) -> String {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|cells| vec![0; cells.len()]).collect();
    block(&lines, &mut widths, 0, lines.len(), 0, minimum, padding);
    let mut out = String::with_capacity(text.len() * 2);
    for (cells, widths) in lines.iter().zip(&widths) {
        for (n, cell) in cells.iter().enumerate() {
            out.push_str(cell);
            if n + 1 < cells.len() {
                out.push_str(&" ".repeat(widths[n].saturating_sub(cell.width())));
            }
        }
        out.push('\n');
    }
    out
}

fn block(
    lines: &[Vec<&str>],
    widths: &mut [Vec<usize>],
    from: usize,
    to: usize,
    column: usize,
    minimum: usize,
    padding: usize,
) {
    let mut line = from;
    while line < to {
        let has_cell = |at: usize| lines[at].len() > column + 1;
        if !has_cell(line) {
            line += 1;
            continue;
        }
        let start = line;
        while line < to && has_cell(line) {
            line += 1;
        }
        let cells = lines[start..line].iter().map(|cells| cells[column].width());
        let widest = cells.max().unwrap_or(0);
        let width = (widest + padding).max(minimum);
        for widths in &mut widths[start..line] {
            widths[column] = width;
        }
        block(lines, widths, start, line, column + 1, minimum, padding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_at_least_ten_wide_and_the_last_is_not_padded() {
        assert_eq!(align("A\tB\tC\nx\ty\tz\n"), "A         B         C\nx         y         z\n");
        assert_eq!(align("CONTAINER ID\tNAMES\nabc\tn\n"), "CONTAINER ID   NAMES\nabc            n\n");
    }

    #[test]
    fn a_short_line_ends_the_columns_to_its_right() {
        let text = align("aaaaaaaaaaaaaaaa\tb\tc\nshort\nx\ty\tz\n");
        assert_eq!(text, "aaaaaaaaaaaaaaaa   b         c\nshort\nx         y         z\n");
    }

    #[test]
    fn width_counts_columns_of_the_terminal_not_bytes() {
        assert_eq!(align("ÄÖÜ漢\tx\n"), "ÄÖÜ漢     x\n");
    }
}
