//! The field against tables made another way, and splits against a reference that knows nothing of the code here.

use env::simulated;
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::{CombineError, SplitError, combine, distinct_points, invert, multiply, split};

/// Long multiplication of polynomials, then long division by 0x11b.
fn multiplied_naively(a: u8, b: u8) -> u8 {
    let mut product: u32 = 0;
    for bit in 0..8 {
        if b & (1 << bit) != 0 {
            product ^= u32::from(a) << bit;
        }
    }
    for bit in (8..16).rev() {
        if product & (1 << bit) != 0 {
            product ^= 0x11b << (bit - 8);
        }
    }
    u8::try_from(product).unwrap()
}

/// The only byte that fits: by trying all.
fn divided_naively(a: u8, b: u8) -> u8 {
    (0..=u8::MAX).find(|candidate| multiplied_naively(*candidate, b) == a).unwrap()
}

/// Newton's divided differences, which share no formula with the weights of Lagrange.
fn combined_naively(shares: &[Vec<u8>]) -> Vec<u8> {
    let points: Vec<u8> = shares.iter().map(|share| *share.last().unwrap()).collect();
    let one_byte = |at: usize| {
        let mut differences: Vec<u8> = shares.iter().map(|share| share[at]).collect();
        let mut value = differences[0];
        let mut basis = 1;
        for order in 1..shares.len() {
            for index in 0..shares.len() - order {
                let distance = points[index] ^ points[index + order];
                differences[index] = divided_naively(differences[index] ^ differences[index + 1], distance);
            }
            basis = multiplied_naively(basis, points[order - 1]);
            value ^= multiplied_naively(basis, differences[0]);
        }
        value
    };
    (0..shares[0].len() - 1).map(one_byte).collect()
}

#[test]
fn every_product_is_that_of_long_division() {
    for a in 0..=u8::MAX {
        for b in 0..=u8::MAX {
            assert_eq!(multiply(a, b), multiplied_naively(a, b), "{a} * {b}");
        }
    }
}

#[test]
fn every_number_but_zero_has_its_inverse() {
    assert_eq!(invert(0), 0);
    for a in 1..=u8::MAX {
        assert_eq!(multiply(a, invert(a)), 1, "{a}");
    }
    // FIPS 197 §4.2: {53} and {ca} are inverse in the field of AES.
    assert_eq!(invert(0x53), 0xca);
}

#[test]
fn shares_worked_out_by_hand_combine() {
    // f(x) = 0x2a + 0x01 x and g(x) = 0x00 + 0x80 x, at x = 0x02 and x = 0x53.
    let at = |x: u8| vec![0x2a ^ x, multiplied_naively(0x80, x), x];
    assert_eq!(at(2)[1], 0x1b, "0x80 * 2 leaves the field's polynomial");
    assert_eq!(combine(&[at(0x02), at(0x53)]).unwrap().expose(), &[0x2a, 0x00]);
    // In a field of another polynomial, as 0x11d, the second byte comes out differently.
    assert_eq!(combine(&[vec![0x28, 0x1d, 0x02], at(0x53)]).unwrap().expose()[0], 0x2a);
    assert_ne!(combine(&[vec![0x28, 0x1d, 0x02], at(0x53)]).unwrap().expose()[1], 0x00);
}

#[test]
fn points_are_distinct_and_any_byte_but_zero() {
    let (env, _) = simulated::env(7);
    let mut points = distinct_points(u8::MAX, &env);
    assert!(!points.is_sorted(), "they are shuffled");
    points.sort_unstable();
    assert_eq!(points, (1..=u8::MAX).collect::<Vec<_>>());
    let seen: std::collections::HashSet<_> = (0..2_000).flat_map(|_| distinct_points(3, &env)).collect();
    assert_eq!(seen.len(), 255, "few shares use the whole field");
}

#[test]
fn impossible_splits_are_refused() {
    let (env, _) = simulated::env(1);
    let refused = |secret: &[u8], shares, threshold| split(secret, shares, threshold, &env).err();
    assert_eq!(refused(b"s", 1, 1), Some(SplitError::ThresholdTooLow));
    assert_eq!(refused(b"s", 3, 0), Some(SplitError::ThresholdTooLow));
    assert_eq!(refused(b"s", 2, 3), Some(SplitError::TooFewShares));
    assert_eq!(refused(b"", 3, 2), Some(SplitError::Empty));
    assert_eq!(refused(b"s", 255, 255), None);
}

#[test]
fn shares_that_do_not_go_together_are_refused() {
    let refused = |shares: &[&[u8]]| combine(shares).err();
    assert_eq!(refused(&[]), Some(CombineError::TooFew));
    assert_eq!(refused(&[&[1, 2]]), Some(CombineError::TooFew));
    assert_eq!(refused(&[&[1, 2], &[1, 2, 3]]), Some(CombineError::Length));
    assert_eq!(refused(&[&[1], &[2]]), Some(CombineError::Length));
    assert_eq!(refused(&[&[], &[]]), Some(CombineError::Length));
    assert_eq!(refused(&[&[1, 2], &[3, 2]]), Some(CombineError::Point));
    assert_eq!(refused(&[&[1, 2], &[3, 0]]), Some(CombineError::Point));
}

/// A split, and which of its shares are put together, in any order.
fn splits() -> impl Strategy<Value = (Vec<u8>, u8, u8, u64, Vec<usize>)> {
    (2..12_u8).prop_flat_map(|shares| (Just(shares), 2..=shares)).prop_flat_map(|(shares, threshold)| {
        let all: Vec<usize> = (0..usize::from(shares)).collect();
        let chosen = subsequence(all, usize::from(threshold)..=usize::from(shares)).prop_shuffle();
        (proptest::collection::vec(any::<u8>(), 1..40), Just(shares), Just(threshold), any::<u64>(), chosen)
    })
}

proptest! {
    #[test]
    fn enough_shares_give_the_secret_back_in_both_implementations(
        (secret, shares, threshold, seed, chosen) in splits()
    ) {
        let (env, _) = simulated::env(seed);
        let all = split(&secret, shares, threshold, &env).unwrap();
        prop_assert!(all.iter().all(|share| share.expose().len() == secret.len() + 1));
        let some: Vec<Vec<u8>> = chosen.iter().map(|index| all[*index].expose().clone()).collect();
        let combined = combine(&some).unwrap();
        prop_assert_eq!(combined.expose(), &secret);
        prop_assert_eq!(combined_naively(&some), secret);
    }

    #[test]
    fn one_share_too_few_gives_something_else(seed in any::<u64>()) {
        let (env, _) = simulated::env(seed);
        let secret = [0x5a; 32];
        let all = split(&secret, 6, 4, &env).unwrap();
        let some: Vec<&[u8]> = all.iter().take(3).map(|share| share.expose().as_slice()).collect();
        let combined = combine(&some).unwrap();
        prop_assert_ne!(combined.expose().as_slice(), secret.as_slice());
    }

    #[test]
    fn arbitrary_shares_never_panic(shares in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 0..6)) {
        let longest = shares.iter().map(Vec::len).max().unwrap_or(0);
        prop_assert!(combine(&shares).is_ok_and(|secret| secret.expose().len() < longest) || combine(&shares).is_err());
    }
}
