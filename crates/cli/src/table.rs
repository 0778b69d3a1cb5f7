//! Results as aligned tables for a terminal.

use unicode_width::UnicodeWidthStr;

/// Widest cell shown; longer ones end in `…`.
const MAX_WIDTH: usize = 80;

/// One column: its name, whether it is aligned to the right, and its cells.
pub struct Column {
    pub name: String,
    pub right: bool,
    pub cells: Vec<String>,
}

fn clip(text: &str) -> String {
    let one_line = text.replace('\n', "⏎").replace('\t', " ");
    if one_line.width() <= MAX_WIDTH {
        return one_line;
    }
    let mut out = String::new();
    for c in one_line.chars() {
        if out.width() >= MAX_WIDTH - 1 {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// The table's lines.
pub fn render(columns: &[Column]) -> Vec<String> {
    let cells: Vec<Vec<String>> = columns.iter().map(|c| c.cells.iter().map(|t| clip(t)).collect()).collect();
    let widths: Vec<usize> = columns
        .iter()
        .zip(&cells)
        .map(|(c, cells)| cells.iter().map(|t| t.width()).chain([clip(&c.name).width()]).max().unwrap_or(0))
        .collect();
    let pad = |text: &str, width: usize, right: bool| {
        let space = " ".repeat(width.saturating_sub(text.width()));
        if right { format!("{space}{text}") } else { format!("{text}{space}") }
    };
    let line = |left: &str, middle: &str, right: &str| {
        let parts: Vec<_> = widths.iter().map(|w| "─".repeat(w + 2)).collect();
        format!("{left}{}{right}", parts.join(middle))
    };
    let row = |texts: Vec<String>| format!("│ {} │", texts.join(" │ "));
    let mut out = vec![line("┌", "┬", "┐")];
    out.push(row(columns.iter().zip(&widths).map(|(c, w)| pad(&clip(&c.name), *w, c.right)).collect()));
    out.push(line("├", "┼", "┤"));
    let rows = cells.first().map_or(0, Vec::len);
    for r in 0..rows {
        let texts = columns
            .iter()
            .zip(&cells)
            .zip(&widths)
            .map(|((c, cells), w)| pad(cells.get(r).map(String::as_str).unwrap_or_default(), *w, c.right));
        out.push(row(texts.collect()));
    }
    out.push(line("└", "┴", "┘"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_wide_letters_count_twice() {
        let columns = [
            Column { name: "n".into(), right: true, cells: vec!["1".into(), "100".into()] },
            Column { name: "s".into(), right: false, cells: vec!["日本".into(), "a".into()] },
        ];
        let lines = render(&columns);
        assert_eq!(lines[3], "│   1 │ 日本 │");
        assert_eq!(lines[4], "│ 100 │ a    │");
    }
}
