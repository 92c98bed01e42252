//! SHAKE128 (FIPS 202) as the vectors need it: plain, slow, checked by the stream's published start.

/// The bytes that one permutation takes or gives.
const RATE: usize = 168;

/// An endless stream of bytes that depends on a message.
pub(super) struct Shake128 {
    state: [u64; 25],
    read: usize,
}

impl Shake128 {
    /// The stream of a whole message.
    pub(super) fn of(message: &[u8]) -> Self {
        let mut padded = [message, &[0x1f]].concat();
        padded.resize(padded.len().next_multiple_of(RATE), 0);
        *padded.last_mut().unwrap() |= 0x80;
        let mut state = [0; 25];
        for block in padded.chunks_exact(RATE) {
            for (lane, bytes) in state.iter_mut().zip(block.chunks_exact(8)) {
                *lane ^= u64::from_le_bytes(bytes.try_into().unwrap());
            }
            permute(&mut state);
        }
        Self { state, read: 0 }
    }

    /// The next bytes.
    pub(super) fn read(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> u8 {
        if self.read == RATE {
            permute(&mut self.state);
            self.read = 0;
        }
        let byte = self.state[self.read / 8].to_le_bytes()[self.read % 8];
        self.read += 1;
        byte
    }
}

/// Keccak-f[1600], step by step as FIPS 202 §3.2 names them.
fn permute(a: &mut [u64; 25]) {
    let mut lfsr: u8 = 1;
    for _ in 0..24 {
        // Theta.
        let column = |a: &[u64; 25], x: usize| (0..5).fold(0, |sum, y| sum ^ a[x % 5 + 5 * y]);
        let columns: [u64; 5] = std::array::from_fn(|x| column(a, x));
        for (index, lane) in a.iter_mut().enumerate() {
            let x = index % 5;
            *lane ^= columns[(x + 4) % 5] ^ columns[(x + 1) % 5].rotate_left(1);
        }
        // Rho and pi: along one walk through all lanes but the first.
        let (mut x, mut y) = (1, 0);
        let mut carried = a[1];
        for step in 0..24_u32 {
            (x, y) = (y, (2 * x + 3 * y) % 5);
            let turned = carried.rotate_left((step + 1) * (step + 2) / 2 % 64);
            carried = std::mem::replace(&mut a[x + 5 * y], turned);
        }
        // Chi.
        for row in a.chunks_exact_mut(5) {
            let old: [u64; 5] = (&*row).try_into().unwrap();
            for x in 0..5 {
                row[x] = old[x] ^ (!old[(x + 1) % 5] & old[(x + 2) % 5]);
            }
        }
        // Iota: the round constant's bits come from a shift register (FIPS 202 §3.2.5).
        for bit in 0..7 {
            if lfsr & 1 == 1 {
                a[0] ^= 1 << ((1_u32 << bit) - 1);
            }
            lfsr = (lfsr << 1) ^ ((lfsr >> 7) * 0x71);
        }
    }
}
