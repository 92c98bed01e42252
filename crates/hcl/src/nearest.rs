//! The known word that a misspelled one was probably meant to be.

/// Words longer than this, in characters, are not compared: bounds the work for one mistake.
const WORD_CHARS_MAX: usize = 64;

/// The word of `known` with the fewest changed letters, if so few changed that a slip is likely.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(WORD_CHARS_MAX + 1).collect();
    if word.len() > WORD_CHARS_MAX {
        return None;
    }
    let changes_max = (word.len() / 3).max(1);
    let candidates = known.into_iter().map(|known| (distance(&word, known), known));
    candidates
        .filter(|(changes, _)| *changes <= changes_max)
        .min_by_key(|(changes, _)| *changes)
        .map(|(_, known)| known)
}

/// The Levenshtein distance, row by row.
fn distance(word: &[char], known: &str) -> usize {
    let mut row: Vec<usize> = (0..=word.len()).collect();
    for (line, letter) in known.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (cell, own) in row.iter_mut().zip(std::iter::once(None).chain(word.iter().map(Some))) {
            let above = *cell;
            let value = match own {
                None => line + 1,
                Some(own) => (diagonal + usize::from(*own != letter)).min(above + 1).min(left + 1),
            };
            diagonal = above;
            left = value;
            *cell = value;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_find_their_word_and_strangers_find_none() {
        for (word, expected) in [
            ("capabilitys", Some("capabilities")),
            ("Read", Some("read")),
            ("raed", None),
            ("lst", Some("list")),
            ("", None),
            ("something", None),
        ] {
            assert_eq!(nearest(word, ["capabilities", "list", "read"]), expected, "for {word:?}");
        }
        assert_eq!(nearest(&"a".repeat(1_000_000), ["a"]), None);
    }
}
