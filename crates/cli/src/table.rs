//! Columns of text as the usual command line prints them: left-justified, four spaces apart, `n/a` for nothing.

/// What stands between two columns.
const GLUE: &str = "    ";
/// What stands for an empty cell.
const EMPTY: &str = "n/a";

/// Rows under a header that is underlined with dashes.
pub(crate) fn with_header(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let underline = header.iter().map(|title| "-".repeat(title.chars().count())).collect();
    let header = header.iter().map(|title| (*title).to_owned()).collect();
    columns([vec![header, underline], rows].concat())
}

/// Rows alone. The last column is not padded.
pub(crate) fn columns(rows: Vec<Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect();
    let mut widths = Vec::new();
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(column) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    lines.join("\n")
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
        if index + 1 == row.len() {
            line.push_str(cell);
        } else {
            line.push_str(&format!("{cell:width$}{GLUE}"));
        }
    }
    line
}

fn cell(text: String) -> String {
    match text.trim() {
        "" => EMPTY.to_owned(),
        trimmed if trimmed.len() == text.len() => text,
        trimmed => trimmed.to_owned(),
    }
}

/// A title between equal signs, about as wide as what stands below it: `======= Metadata =======`.
pub(crate) fn title(text: &str, width: usize) -> String {
    let signs = match width.saturating_sub(text.chars().count() + 2) {
        0 => 4,
        signs => signs.next_multiple_of(2),
    };
    let side = "=".repeat(signs / 2);
    format!("{side} {text} {side}")
}

#[cfg(test)]
mod tests;
