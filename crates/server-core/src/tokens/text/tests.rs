use super::namespace_of;

#[test]
fn the_namespace_is_behind_the_last_dot_that_is_not_the_prefix_s() {
    for (token, expected) in [
        ("hvs.abc", None),
        ("hvs.abc.x1Y2z", Some("x1Y2z")),
        ("hvb.abc.def.x1Y2z", Some("x1Y2z")),
        ("hvr.abc.x", Some("x")),
        ("hvs.abc.", Some("")),
        ("hvs.", None),
        ("mine", None),
        ("my.own", None),
        ("", None),
    ] {
        assert_eq!(namespace_of(token), expected, "{token}");
    }
}
