//! The published first values, and the bound.

use super::Chance;

#[test]
fn the_stream_is_the_published_one() {
    let mut chance = Chance::new(1_234_567);
    let first: Vec<u64> = (0..3).map(|_| chance.draw()).collect();
    assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
}

#[test]
fn numbers_stay_below_their_end() {
    let mut chance = Chance::new(1);
    assert!((0..1000).all(|_| chance.below(7) < 7));
    assert_eq!(chance.below(0), 0);
}
