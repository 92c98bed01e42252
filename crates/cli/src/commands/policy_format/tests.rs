use super::*;

fn check(text: &str, expected: &str) {
    let formatted = checked(text).expect("a policy");
    assert_eq!(formatted, expected);
    assert_eq!(checked(&formatted).expect("a policy"), expected, "a second time changes nothing");
}

#[test]
fn white_space_is_laid_out_and_nothing_else() {
    check("", "");
    check("\n\n# only a comment", "# only a comment\n");
    check(
        "path \"a\"   {\ncapabilities=[\"read\",\"list\"]\n}",
        "path \"a\" {\n  capabilities = [\"read\", \"list\"]\n}\n",
    );
    check(
        "path \"a b  c\" {capabilities = [ \"read\" ]}\r\n\n\n\npath \"\\\"{\" { }\n",
        "path \"a b  c\" { capabilities = [\"read\"] }\n\npath \"\\\"{\" {}\n",
    );
    check(
        "path \"a\" {\n\tcapabilities = [\n\"read\", # why = {\n\t\t\"list\",\n]\n  /* a\n b */\n}\n",
        "path \"a\" {\n  capabilities = [\n    \"read\", # why = {\n    \"list\",\n  ]\n  /* a\n b */\n}\n",
    );
    check(
        "path \"a\" {\nallowed_parameters={\n\"x\"=[]\n}\n}\n",
        "path \"a\" {\n  allowed_parameters = {\n    \"x\" = []\n  }\n}\n",
    );
}

#[test]
fn heredocs_stay_as_they_are() {
    check("a=<<E\n  x  {\nE\nb  =  1\n", "a = <<E\n  x  {\nE\nb = 1\n");
}

#[test]
fn json_stays_as_it_is() {
    check("{\"path\":{}}", "{\"path\":{}}");
}

#[test]
fn what_is_no_policy_language_is_refused() {
    for text in ["path \"a\" {", "path \"a", "}", "a ="] {
        assert!(checked(text).is_err(), "{text}");
    }
}
