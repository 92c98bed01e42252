//! Ids and secrets that a stand-in draws: letters and digits.

const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// So many letters and digits, good enough to tell two secrets apart.
pub(crate) fn letters(length: usize) -> String {
    let mut bytes = vec![0; length];
    aws_lc_rs::rand::fill(&mut bytes).unwrap_or_default();
    bytes
        .iter()
        .map(|byte| char::from(ALPHABET.get(usize::from(*byte) % ALPHABET.len()).copied().unwrap_or(b'0')))
        .collect()
}
