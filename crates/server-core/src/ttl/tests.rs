use super::*;

const HOUR: u64 = 3600;

/// Hours: asked, usual, period, explicit max, age. The default is 10, the cap 100.
fn check(wish: [u64; 5], ttl_hours: Option<u64>, warnings: &[&str]) {
    let [asked, usual, period, explicit_max, age] = wish.map(|hours| Duration::from_secs(hours * HOUR));
    let (default_ttl, max_ttl) = (Duration::from_secs(10 * HOUR), Duration::from_secs(100 * HOUR));
    let granted = grant(Wish { asked, usual, period, explicit_max, age, default_ttl, max_ttl });
    let expected = ttl_hours.map(|hours| Granted {
        ttl: Duration::from_secs(hours * HOUR),
        warnings: warnings.iter().map(|text| (*text).to_owned()).collect(),
    });
    assert_eq!(granted, expected, "{wish:?}");
}

#[test]
fn what_is_asked_comes_before_what_is_usual_and_that_before_the_default() {
    check([5, 7, 0, 0, 0], Some(5), &[]);
    check([0, 7, 0, 0, 0], Some(7), &[]);
    check([0, 0, 0, 0, 0], Some(10), &[]);
}

#[test]
fn caps_shorten_it_and_say_so_to_whoever_asked_for_either() {
    let text = "TTL of \"200h\" exceeded the effective max_ttl of \"100h\"; TTL value is capped accordingly";
    check([200, 0, 0, 0, 0], Some(100), &[text]);
    check([0, 200, 0, 0, 0], Some(100), &[]);
    let text = "TTL of \"20h\" exceeded the effective max_ttl of \"8h\"; TTL value is capped accordingly";
    check([20, 0, 0, 8, 0], Some(8), &[text]);
    let text = "TTL of \"10h\" exceeded the effective max_ttl of \"8h\"; TTL value is capped accordingly";
    check([0, 0, 0, 8, 0], Some(8), &[text]);
    check([0, 0, 0, 8, 1], Some(7), &[]);
    check([0, 0, 0, 500, 0], Some(10), &[]);
}

#[test]
fn age_counts_against_the_caps() {
    check([0, 0, 0, 0, 95], Some(5), &[]);
    check([0, 0, 0, 20, 15], Some(5), &[]);
    check([0, 0, 0, 0, 100], None, &[]);
    check([0, 0, 0, 20, 21], None, &[]);
}

#[test]
fn a_period_has_no_end_but_an_explicit_one() {
    check([50, 0, 24, 0, 0], Some(24), &[]);
    check([0, 0, 24, 0, 100_000], Some(24), &[]);
    check([0, 0, 24, 30, 20], Some(10), &[]);
    check([0, 0, 24, 30, 30], None, &[]);
    let text = "period of \"300h\" exceeded the effective max_ttl of \"100h\"; period value is capped accordingly";
    check([0, 0, 300, 0, 0], Some(100), &[text]);
}

#[test]
fn what_is_left_is_told_in_whole_seconds() {
    let wish = Wish {
        asked: Duration::from_secs(60),
        age: Duration::from_millis(1500),
        max_ttl: Duration::from_secs(30),
        ..Wish::default()
    };
    let granted = grant(wish).expect("there is time left");
    assert_eq!(granted.ttl, Duration::from_secs(28));
    assert_eq!(
        granted.warnings,
        ["TTL of \"1m\" exceeded the effective max_ttl of \"28s\"; TTL value is capped accordingly"]
    );
    assert_eq!(grant(Wish { age: Duration::from_millis(29_500), ..wish }), None);
}
