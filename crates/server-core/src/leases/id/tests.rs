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
