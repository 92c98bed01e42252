use super::*;

fn parsed(ns: &str, text: &str) -> Option<(String, String)> {
    LeaseId::parse(ns, text).map(|id| (id.path, id.tail))
}

#[test]
fn an_id_names_its_path_and_its_namespace() {
    let both = |path: &str, tail: &str| Some((path.to_owned(), tail.to_owned()));
    assert_eq!(parsed("root", "db/creds/app/abc"), both("db/creds/app", "abc"));
    assert_eq!(parsed("root", "/db/creds/app/abc/"), both("db/creds/app", "abc"), "slashes around it mean nothing");
    assert_eq!(parsed("x1y2z3", "db/creds/a.b/abc.x1y2z3"), both("db/creds/a.b", "abc.x1y2z3"));
    for (ns, foreign) in [("root", "db/abc.x1y2z3"), ("x1y2z3", "db/abc"), ("x1y2z3", "db/abc.other1")] {
        assert_eq!(parsed(ns, foreign), None, "{foreign} in {ns}");
    }
    for none in ["", "/", "abc", "/abc", "abc/"] {
        assert_eq!(parsed("root", none), None, "{none}");
    }
}

#[test]
fn what_is_minted_is_read_back() {
    let (env, _) = env::simulated::env(1);
    for ns in ["root", "x1y2z3"] {
        let id = LeaseId::mint(&env, ns, "db/creds/app");
        assert_eq!(id.tail.split('.').next().map(str::len), Some(RANDOM_CHARACTERS));
        assert_eq!(LeaseId::parse(ns, &id.text()), Some(id));
    }
}

#[test]
fn what_is_made_later_sorts_behind() {
    let (env, clock) = env::simulated::env(1);
    let mut before = LeaseId::mint(&env, "root", "db/creds/app");
    for seconds in [1, 60, 61, 3_600, 86_400 * 365] {
        clock.advance(std::time::Duration::from_secs(seconds));
        let next = LeaseId::mint(&env, "root", "db/creds/app");
        assert!(before.moment() < next.moment(), "{before:?} {next:?}");
        before = next;
    }
}

#[test]
fn two_of_one_moment_differ() {
    let (env, _) = env::simulated::env(1);
    let two = [LeaseId::mint(&env, "root", "db"), LeaseId::mint(&env, "root", "db")];
    assert_eq!(two[0].moment(), two[1].moment());
    assert_ne!(two[0], two[1]);
}

#[test]
fn what_cannot_have_been_made_has_no_moment() {
    for tail in ["", "abc", "ab/def", "abcde.x1y2z3", "ab\u{e9}defgh"] {
        assert_eq!(LeaseId { path: "db".to_owned(), tail: tail.to_owned() }.moment(), None, "{tail}");
    }
}
