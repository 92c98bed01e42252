use std::time::Duration;

use crate::{Env, simulated};

#[test]
fn base62_has_the_asked_length_and_alphabet() {
    for length in [0, 1, 24, 31, 32, 33, 100] {
        let text = Env::real().base62(length);
        assert_eq!(text.len(), length);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
    }
}

#[test]
fn uuid_has_the_version_and_variant_of_rfc_9562() {
    let text = Env::real().uuid();
    assert_eq!(text.len(), 36);
    assert_eq!(text.as_bytes()[14], b'4');
    assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{text}");
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    assert_eq!(simulated::env(7).0.random::<40>(), simulated::env(7).0.random::<40>());
    assert_ne!(simulated::env(7).0.random::<40>(), simulated::env(8).0.random::<40>());
}

#[tokio::test]
async fn a_simulated_sleep_ends_when_the_clock_is_turned() {
    let (env, clock) = simulated::env(1);
    let sleeper = tokio::spawn(env.sleep(Duration::from_secs(60)));
    clock.advance(Duration::from_secs(59));
    tokio::task::yield_now().await;
    assert!(!sleeper.is_finished());
    clock.advance(Duration::from_secs(1));
    sleeper.await.unwrap();
}

#[test]
fn the_wall_clock_jumps_alone() {
    let (env, clock) = simulated::env(1);
    let (wall, monotonic) = (env.now(), env.monotonic());
    clock.jump_wall(-5_000_000_000);
    assert_eq!(wall.duration_since(env.now()).unwrap(), Duration::from_secs(5));
    assert_eq!(monotonic, env.monotonic());
}
