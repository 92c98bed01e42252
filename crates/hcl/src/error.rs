//! What can be wrong with a document, and where. Every sentence says what would be right.

use crate::{DEPTH_MAX, DOCUMENT_BYTES_MAX, Position, VALUES_MAX};

/// A document that is not in the language, or not of the expected shape.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{position}: {problem}")]
pub struct Error {
    /// Where it was noticed.
    pub position: Position,
    /// What it is.
    pub problem: Problem,
}

impl Error {
    /// An error about the document as a whole.
    pub(crate) fn at_start(problem: Problem) -> Self {
        Self { position: Position { line: 1, column: 1 }, problem }
    }
}

/// The kinds of [`Error`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// More bytes than [`DOCUMENT_BYTES_MAX`].
    #[error("the document is longer than {DOCUMENT_BYTES_MAX} bytes")]
    TooLong,
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("objects and lists are nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// More keys and values than [`VALUES_MAX`].
    #[error("the document holds more than {VALUES_MAX} keys and values")]
    TooManyValues,
    /// Bytes that are not text.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// A character that starts nothing in the language.
    #[error("unexpected character {0:?}; strings are written in double quotes")]
    UnexpectedCharacter(char),
    /// `+` or `-` where a value or a key was expected.
    #[error("expressions such as \"1 + 2\" are not part of HCL 1")]
    Expression,
    /// A string without its closing quote.
    #[error("the string that starts here has no closing quote on its line; longer text goes into a heredoc")]
    StringNotClosed,
    /// A backslash with something behind it that is no escape.
    #[error("unknown or incomplete escape; a backslash itself is written twice")]
    BadEscape,
    /// Escaped bytes that do not add up to text.
    #[error("the escapes in this string do not make valid UTF-8")]
    EscapesNotUtf8,
    /// `/*` without `*/`.
    #[error("the comment that starts here has no end")]
    CommentNotClosed,
    /// A number with nothing or something strange behind it.
    #[error("{0:?} is not a number; durations and sizes are written in double quotes")]
    BadNumber(String),
    /// `<<` without a word behind it.
    #[error("a heredoc starts with << or <<-, a word, and a new line")]
    HeredocAnchor,
    /// A heredoc that runs to the end of the document.
    #[error("the heredoc that starts here has no line with {0} alone, followed by a new line")]
    HeredocNotClosed(String),
    /// A word without quotes where a value was expected.
    #[error("{0} is not a value; text is written in double quotes")]
    BareWord(String),
    /// A key with nothing behind it.
    #[error("key {0:?} needs a value: \"=\" and a value, or a block in braces")]
    KeyWithoutValue(String),
    /// `a "b" = 1`.
    #[error("only a block in braces may have more than one key in front of it")]
    AssignedBlock,
    /// Anything else that is not where it belongs.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What the grammar allows here.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A named item that should be a block and is not.
    #[error("{0:?} should be a block in braces")]
    NotABlock(String),
    /// A block with the wrong number of labels.
    #[error("block {name:?} takes {wanted} quoted label(s), found {found}")]
    Labels {
        /// The block's type.
        name: String,
        /// How many labels it has by definition.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
}
