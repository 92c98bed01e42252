use super::{named_from, namespace_of, parse_name};

#[test]
fn the_namespace_is_behind_the_last_dot_that_is_not_the_prefix_s() {
    for (token, expected) in [
        ("hvs.abc", Some("root")),
        ("hvs.abc.x1Y2z3", Some("x1Y2z3")),
        ("hvb.abc.def.x1Y2z3", Some("x1Y2z3")),
        ("hvr.abc.x", None),
        ("hvs.abc.", None),
        ("hvs.abc.a/../b", None),
        ("hvs.", Some("root")),
        ("mine", Some("root")),
        ("mine.x1Y2z3", Some("x1Y2z3")),
        ("my.own", None),
        ("", Some("root")),
    ] {
        assert_eq!(namespace_of(token), expected, "{token}");
    }
}

#[test]
fn a_name_says_its_namespace_only_to_others() {
    for (here, there) in [("root", "root"), ("root", "x1Y2z3"), ("x1Y2z3", "root"), ("x1Y2z3", "x1Y2z3")] {
        let name = named_from(here, there, "hash");
        assert_eq!(name.contains('.'), here != there);
        assert_eq!(parse_name(here, &name), (there, "hash"));
    }
}
