//! `policy fmt`: lays the text of a policy out the usual way.
//!
//! Only white space changes: lines stay lines, indented by two spaces for each open brace or bracket, one space between
//! words, no more than one empty line in a row. What stands in quotes, comments and heredocs is not touched. The text
//! is parsed before and after, so that nothing that was no policy language is written back.

use super::Command;
use crate::session::Session;
use crate::{Failure, data};

pub(super) const COMMANDS: &[Command] = &[Command {
    words: "policy fmt",
    arguments: "FILE",
    arguments_min: 1,
    arguments_max: 1,
    summary: "Lay a policy file out the usual way",
    help: "The file is written in place. A - takes the text from standard input and prints the result.",
    flags: &[],
    run: format_file,
}];

const INDENT: &str = "  ";

fn format_file(session: &mut Session<'_>) -> Result<u8, Failure> {
    let file = session.args.argument(0).unwrap_or_default().to_owned();
    let text = data::read(session.terminal, &file)?;
    let formatted = checked(&text).map_err(|problem| Failure::usage(format!("Error formatting policy: {problem}")))?;
    if file == "-" {
        session.terminal.out(formatted.trim_end())?;
        return Ok(0);
    }
    if formatted != text {
        let written = std::fs::write(&file, formatted);
        written.map_err(|problem| Failure::usage(format!("Could not write {file}: {problem}")))?;
    }
    session.tell(&format!("Success! Formatted policy: {file}"))
}

/// The text laid out; JSON stays as it is.
fn checked(text: &str) -> Result<String, hcl::Error> {
    hcl::parse(text)?;
    if text.trim_start().starts_with('{') {
        return Ok(text.to_owned());
    }
    let formatted = layout(text);
    hcl::parse(&formatted)?;
    Ok(formatted)
}

/// One piece of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece<'t> {
    Newline,
    Open(&'t str),
    Close(&'t str),
    Comma,
    /// A name, a value, `=` or a comment. May hold newlines in a comment or a heredoc.
    Word(&'t str),
}

fn layout(text: &str) -> String {
    let mut out = String::new();
    let (mut depth, mut blank_lines) = (0_usize, 0);
    let pieces = pieces(text);
    for line in pieces.split(|piece| *piece == Piece::Newline) {
        if line.is_empty() {
            blank_lines += 1;
            continue;
        }
        if blank_lines > 0 && !out.is_empty() {
            out.push('\n');
        }
        blank_lines = 0;
        let leading = line.iter().take_while(|piece| matches!(piece, Piece::Close(_))).count();
        out.push_str(&INDENT.repeat(depth.saturating_sub(leading)));
        let mut before = None;
        for piece in line {
            if before.is_some_and(|before| is_apart(before, *piece)) {
                out.push(' ');
            }
            match piece {
                Piece::Newline => {}
                Piece::Open(text) => {
                    depth += 1;
                    out.push_str(text);
                }
                Piece::Close(text) => {
                    depth = depth.saturating_sub(1);
                    out.push_str(text);
                }
                Piece::Comma => out.push(','),
                Piece::Word(text) => out.push_str(text),
            }
            before = Some(*piece);
        }
        // A heredoc brings its last newline along.
        if !out.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

/// Whether a space stands between two pieces of a line.
fn is_apart(before: Piece<'_>, piece: Piece<'_>) -> bool {
    !matches!((before, piece), (_, Piece::Comma) | (Piece::Open("["), _) | (_, Piece::Close("]")))
        && !matches!((before, piece), (Piece::Open("{"), Piece::Close("}")))
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\n' => 1,
            '{' | '[' | '}' | ']' | ',' | '=' => 1,
            _ if first.is_whitespace() => {
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
                continue;
            }
            '"' => quoted(rest),
            '#' => line_length(rest),
            '/' if rest.starts_with("//") => line_length(rest),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '<' if rest.starts_with("<<") => heredoc(rest),
            _ => rest.find(|char: char| char.is_whitespace() || "{}[],=\"#".contains(char)).unwrap_or(rest.len()),
        };
        let (piece, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        pieces.push(match first {
            '\n' => Piece::Newline,
            '{' | '[' => Piece::Open(piece),
            '}' | ']' => Piece::Close(piece),
            ',' => Piece::Comma,
            '<' => Piece::Word(piece),
            _ => Piece::Word(piece.trim_end()),
        });
        if first == '<' && piece.ends_with('\n') {
            pieces.push(Piece::Newline);
        }
        rest = behind;
    }
    pieces
}

/// The bytes of a text in quotes.
fn quoted(text: &str) -> usize {
    let mut is_escaped = false;
    for (index, char) in text.char_indices().skip(1) {
        match char {
            '"' if !is_escaped => return index + 1,
            _ => is_escaped = char == '\\' && !is_escaped,
        }
    }
    text.len()
}

/// The bytes up to the end of the line.
fn line_length(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

/// The bytes of a heredoc, with the newline behind its last line.
fn heredoc(text: &str) -> usize {
    let mark = text.get(..line_length(text)).unwrap_or(text).trim_start_matches('<').trim_start_matches('-').trim();
    let mut length = 0;
    for line in text.split_inclusive('\n') {
        length += line.len();
        if line.trim() == mark {
            break;
        }
    }
    length
}

#[cfg(test)]
mod tests;
