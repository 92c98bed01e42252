//! Which tokens are valid here and now.

use serde_json::json;

use super::*;

const NOW: i64 = 1_000_000;

fn checked<'e>(claims: &Value, change: impl FnOnce(&mut Expected<'e>)) -> Result<(), String> {
    let mut expected = Expected { now_secs: NOW, ..Expected::default() };
    change(&mut expected);
    check(claims, Some(Algorithm::Rs256), &expected).map_err(|why| why.to_string())
}

fn refused(text: &str) -> Result<(), String> {
    Err(text.to_owned())
}

#[test]
fn issuer_subject_audience_and_algorithm_are_as_expected() {
    let claims = json!({ "iss": "https://a.test/", "sub": "s", "aud": ["x", "y"], "exp": NOW + 100 });
    let audiences = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let wrong_audience = "invalid audience (aud) claim: audience claim does not match any expected audience";
    assert_eq!(checked(&claims, |_| {}), Ok(()));
    assert_eq!(checked(&claims, |it| it.issuer = "https://a.test/"), Ok(()));
    assert_eq!(checked(&claims, |it| it.issuer = "https://a.test"), refused("invalid issuer (iss) claim"));
    assert_eq!(checked(&claims, |it| it.subject = "s"), Ok(()));
    assert_eq!(checked(&claims, |it| it.subject = "S"), refused("invalid subject (sub) claim"));
    let (fits, other) = (audiences(&["z", "y"]), audiences(&["z"]));
    assert_eq!(checked(&claims, |it| it.audiences = &fits), Ok(()));
    assert_eq!(checked(&claims, |it| it.audiences = &other), refused(wrong_audience));
    let one = json!({ "aud": "y", "exp": NOW });
    assert_eq!(checked(&one, |it| it.audiences = &fits), Ok(()));
    let none = json!({ "exp": NOW });
    assert_eq!(checked(&none, |it| it.audiences = &fits), refused(wrong_audience));
    assert_eq!(checked(&none, |it| it.issuer = "a"), refused("invalid issuer (iss) claim"));
    let algorithm = "invalid algorithm (alg) header parameter: token signed with unexpected algorithm";
    assert_eq!(checked(&none, |it| it.algorithms = &[Algorithm::Es256]), refused(algorithm));
    assert_eq!(checked(&none, |it| it.algorithms = &[Algorithm::Es256, Algorithm::Rs256]), Ok(()));
    assert_eq!(check(&none, None, &Expected::default()), Err(Invalid::Algorithm));
}

#[test]
fn a_claim_that_could_be_taken_for_a_registered_one_is_refused() {
    for name in ["Sub", "AUD", "i\u{17f}s", "\u{17f}ub", "eXp", "JTI"] {
        let claims = json!({ "exp": NOW, (name): "x" });
        let text = format!("claim name {name:?} differs from the registered one in upper and lower case alone");
        assert_eq!(checked(&claims, |_| {}), Err(text));
    }
    assert_eq!(checked(&json!({ "exp": NOW, "subject": 1, "su": 1, "AZP": "x" }), |_| {}), Ok(()));
}

#[test]
fn registered_claims_have_their_types() {
    for claims in [
        json!({ "exp": "soon" }),
        json!({ "exp": NOW, "nbf": [] }),
        json!({ "exp": NOW, "iat": true }),
        json!({ "exp": NOW, "aud": 1 }),
        json!({ "exp": NOW, "aud": ["a", 1] }),
    ] {
        let why = checked(&claims, |_| {}).expect_err("it is of another type");
        assert!(why.ends_with("is not of the type that is registered for it"), "{why}");
    }
    assert!(checked(&json!({ "exp": NOW, "iss": 1 }), |it| it.issuer = "a").is_err());
}

#[test]
fn a_token_is_valid_between_its_times_and_as_much_longer_as_clocks_may_differ() {
    let (no_times, not_yet, expired, future) = (
        "no issued at (iat), not before (nbf), or expiration time (exp) claims in token",
        "invalid not before (nbf) claim: token not yet valid",
        "invalid expiration time (exp) claim: token is expired",
        "invalid issued at (iat) claim: token issued in the future",
    );
    // The leeways are of exp, of nbf and of clocks.
    for (claims, leeways, expected) in [
        (json!({}), [0, 0, 0], refused(no_times)),
        (json!({ "exp": null }), [0, 0, 0], refused(no_times)),
        (json!({ "exp": 0 }), [0, 0, 0], refused(no_times)),
        (json!({ "exp": NOW + 1 }), [0, 0, 0], Ok(())),
        (json!({ "exp": NOW - 30 }), [0, 0, 0], Ok(())),
        (json!({ "exp": NOW - 60 }), [0, 0, 0], Ok(())),
        (json!({ "exp": NOW - 61 }), [0, 0, 0], refused(expired)),
        (json!({ "exp": NOW - 90 }), [0, 0, 0], refused(expired)),
        (json!({ "exp": NOW - 90 }), [500, 0, 0], refused(expired)),
        (json!({ "exp": NOW - 90 }), [0, 0, 100], Ok(())),
        (json!({ "exp": NOW - 1 }), [0, 0, -1], refused(expired)),
        (json!({ "exp": NOW }), [0, 0, -1], Ok(())),
        (json!({ "exp": NOW as f64 + 0.5 }), [0, 0, -1], Ok(())),
        (json!({ "exp": -5 }), [0, 0, 0], refused(expired)),
        // Without exp it is valid for a while after it was made.
        (json!({ "iat": NOW - 210 }), [0, 0, 0], Ok(())),
        (json!({ "iat": NOW - 211 }), [0, 0, 0], refused(expired)),
        (json!({ "iat": NOW - 211, "nbf": NOW - 100 }), [0, 0, 0], Ok(())),
        (json!({ "iat": NOW - 61 }), [-1, 0, 0], refused(expired)),
        (json!({ "iat": NOW - 60 }), [-1, 0, 0], Ok(())),
        (json!({ "iat": NOW - 900 }), [1_000, 0, 0], Ok(())),
        // Without nbf it is valid from when it was made, or a while before it ends.
        (json!({ "exp": NOW + 210 }), [0, 0, 0], Ok(())),
        (json!({ "exp": NOW + 211 }), [0, 0, 0], refused(not_yet)),
        (json!({ "exp": NOW + 1_000 }), [0, 1_000, 0], Ok(())),
        (json!({ "exp": NOW + 1 }), [0, -1, -1], refused(not_yet)),
        (json!({ "exp": NOW + 100_000, "iat": NOW }), [0, 0, 0], Ok(())),
        (json!({ "exp": NOW + 100_000, "nbf": NOW + 60 }), [0, 0, 0], Ok(())),
        (json!({ "exp": NOW + 100_000, "nbf": NOW + 61 }), [0, 0, 0], refused(not_yet)),
        (json!({ "exp": NOW + 100_000, "nbf": NOW + 61 }), [0, 900, 0], refused(not_yet)),
        (json!({ "exp": NOW + 100_000, "iat": NOW + 60 }), [0, 0, 0], Ok(())),
        (json!({ "exp": NOW + 100_000, "nbf": NOW, "iat": NOW + 61 }), [0, 0, 0], refused(future)),
        (json!({ "exp": 1e300, "nbf": -1e300 }), [0, 0, 0], Ok(())),
        (json!({ "iat": 9e18, "exp": 9e18 }), [i64::MAX, i64::MAX, i64::MAX], Ok(())),
    ] {
        let seen = checked(&claims, |it| {
            [it.expiration_leeway, it.not_before_leeway, it.clock_skew_leeway] = leeways;
        });
        assert_eq!(seen, expected, "{claims} {leeways:?}");
    }
}
