use super::*;

fn entry(name: &str, id: u128) -> RuleEntry {
    let id = format!("{id:032x}");
    let rate = Some(RateEntry { rate: 1.0, interval_secs: 1, block_secs: 0 });
    RuleEntry { v: 1, id, name: name.to_owned(), is_inheritable: false, rate, leases: Some(1) }
}

#[test]
fn the_most_specific_quota_holds_and_no_other() {
    let mut rules = Rules::new(None);
    let check = |rules: &Rules, path: &str, role: Option<&str>, expected: Option<u128>| {
        assert_eq!(rules.rates.choose(path, role).map(|rule| rule.id), expected, "{path} {role:?}");
        assert_eq!(rules.counts.choose(path, role).map(|rule| rule.id), expected, "{path} {role:?}");
    };
    check(&rules, "a", None, None);
    for kind in Kind::ALL {
        rules.set_above(kind, "root", &entry("above", 1));
    }
    check(&rules, "a", None, Some(1));
    let spots = [
        (Spot::Whole, 2),
        (Spot::Path("login/*"), 3),
        (Spot::Path("login/a*"), 4),
        (Spot::Path("login/a"), 5),
        (Spot::Path("*"), 6),
        (Spot::Role("boss"), 7),
    ];
    for (spot, id) in &spots[..1] {
        for kind in Kind::ALL {
            rules.add(kind, ("root", "mount"), *spot, &entry("", *id));
        }
    }
    check(&rules, "a", None, Some(2));
    for (spot, id) in &spots[1..] {
        for kind in Kind::ALL {
            rules.add(kind, ("root", "mount"), *spot, &entry("", *id));
        }
    }
    let cases = [
        ("", None, 6),
        ("a", None, 6),
        ("login", None, 6),
        ("login/b", None, 3),
        ("login/ab", None, 4),
        ("login/a", None, 5),
        ("login/a/", None, 5),
        ("login/a", Some("boss"), 7),
        ("a", Some("boss"), 7),
        ("login/a", Some("clerk"), 5),
    ];
    for (path, role, expected) in cases {
        check(&rules, path, role, Some(expected));
    }
}

#[test]
fn a_rate_is_a_whole_number_of_requests_and_never_none() {
    for (rate, expected) in [(0.01, 1), (0.5, 1), (1.4, 1), (1.5, 2), (7.0, 7), (1e9, 1_000_000_000), (1e12, u32::MAX)]
    {
        assert_eq!(limit(rate), expected, "{rate}");
    }
}
