//! Drawing passwords. Nothing here may favor a character or a password: no modulo of a random byte, and no repair of a
//! password that lacks something, which would make some passwords likelier than others.

use env::Env;
use secret::{SecretBytes, SecretString};

use crate::{CHARACTERS_MAX, PasswordPolicy, RULES_MAX, Unlikely};

/// How many passwords are drawn before it is given up.
pub(crate) const TRIES_MAX: u32 = 50_000;
/// How many random bytes are asked for at once.
const RANDOM_BYTES: usize = 256;
/// The longest encoding of a character, so that the text never grows and leaves a copy behind.
const CHARACTER_BYTES_MAX: usize = 4;

/// Random bytes, fetched in blocks and wiped in the end.
struct Dice<'e> {
    env: &'e Env,
    bytes: SecretBytes,
    used: usize,
}

impl Dice<'_> {
    fn byte(&mut self) -> u8 {
        if let Some(byte) = self.bytes.expose().get(self.used) {
            self.used += 1;
            return *byte;
        }
        self.env.fill(self.bytes.expose_mut());
        self.used = 1;
        // The buffer is not empty: `draw` makes it of RANDOM_BYTES.
        self.bytes.expose().first().copied().unwrap_or_default()
    }

    /// A number below `count`, which is 1 to [`CHARACTERS_MAX`], all equally likely: bytes behind the largest multiple
    /// of `count` are thrown away.
    fn below(&mut self, count: usize) -> usize {
        let fair = CHARACTERS_MAX - CHARACTERS_MAX % count;
        loop {
            let byte = usize::from(self.byte());
            if byte < fair {
                return byte % count;
            }
        }
    }
}

pub(crate) fn draw(policy: &PasswordPolicy, env: &Env, tries: u32) -> Result<SecretString, Unlikely> {
    let mut dice = Dice { env, bytes: SecretBytes::new(vec![0; RANDOM_BYTES]), used: RANDOM_BYTES };
    let mut password = SecretString::new(String::with_capacity(policy.length * CHARACTER_BYTES_MAX));
    for _ in 0..tries {
        password.expose_mut().clear();
        let mut counts = [0; RULES_MAX];
        for _ in 0..policy.length {
            // `below` stays below the count, and a policy has a character at least.
            let Some(drawn) = policy.characters.get(dice.below(policy.characters.len())) else { continue };
            password.expose_mut().push(drawn.text);
            for (bit, count) in counts.iter_mut().enumerate().take(policy.min_chars.len()) {
                *count += usize::from(drawn.rules >> bit & 1 == 1);
            }
        }
        if policy.min_chars.iter().zip(counts).all(|(wanted, count)| count >= *wanted) {
            return Ok(password);
        }
    }
    Err(Unlikely(tries))
}
