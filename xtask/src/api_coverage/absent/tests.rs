use super::super::operations::Shape;
use super::{Absent, Plan};

#[test]
fn sections_give_their_entries_a_plan_and_a_reason() {
    let text = "# why\n\nnever: nothing: to copy\n    * /sys/replication/**\nplanned: leases\n    POST /sys/renew\n";
    let absent = Absent::parse(text).unwrap();
    let read: Vec<_> = absent.entries.iter().map(|entry| (entry.line, entry.text.as_str(), entry.section)).collect();
    assert_eq!(read, [(4, "* /sys/replication/**", 0), (6, "POST /sys/renew", 1)]);
    let sections: Vec<_> = absent.sections.iter().map(|section| (section.plan, section.reason.as_str())).collect();
    assert_eq!(sections, [(Plan::Never, "nothing: to copy"), (Plan::Planned, "leases")]);
}

#[test]
fn what_cannot_be_read_is_an_error() {
    for text in [
        "    GET /a",
        "never:\n    GET /a",
        "perhaps: who knows\n",
        "never: x\n    /a\n",
        "never: x\n    GET a\n",
        "never: x\n    GET /a /b\n",
    ] {
        assert!(Absent::parse(text).is_err(), "{text}");
    }
}

fn check(entry: &str, method: &str, path: &str, expected: bool) {
    let absent = Absent::parse(&format!("never: x\n    {entry}\n")).unwrap();
    let operation = Shape { path: path.to_owned(), method: method.to_owned() };
    assert_eq!(absent.entries.first().unwrap().covers(&operation), expected, "{entry} {method} {path}");
}

#[test]
fn an_entry_covers_its_path_by_shape_and_method() {
    check("GET /a/{id}", "GET", "/a/{}", true);
    check("GET /a/{id}", "POST", "/a/{}", false);
    check("* /a/{id}", "POST", "/a/{}", true);
    check("GET /a", "GET", "/a/b", false);
    check("GET /a/b", "GET", "/a", false);
}

#[test]
fn a_subtree_is_the_path_and_all_below_but_no_namesake() {
    check("* /a/**", "GET", "/a", true);
    check("* /a/**", "LIST", "/a/b/{}", true);
    check("* /a/**", "GET", "/ab", false);
    check("* /a/{id}/**", "GET", "/a/{}/c", true);
}

#[test]
fn the_list_that_is_used_can_be_read() {
    let absent = Absent::parse(include_str!("../absent.txt")).unwrap();
    let used = |index| absent.entries.iter().any(|entry| entry.section == index);
    assert!(!absent.entries.is_empty() && (0..absent.sections.len()).all(used), "a section without an entry");
}
