use serde_json::{Value, json};

use super::{OlderFields, OlderNames, TokenFields, TokenTerms};
use crate::error::Error;
use crate::input::{FieldSet, Input};

fn applied(values: Value) -> Result<TokenTerms, Error> {
    let Value::Object(values) = values else { panic!("an object") };
    let mut terms = TokenTerms::default();
    terms.apply(&TokenFields::decode(&mut Input::new(Default::default(), values))?)?;
    Ok(terms)
}

#[test]
fn what_is_given_is_shown_and_the_rest_stays() {
    let mut terms = applied(json!({
        "token_bound_cidrs": "10.0.0.0/8, 127.0.0.1", "token_policies": [" B", "a", "b"], "token_ttl": "1h",
        "token_max_ttl": 7200, "token_period": "0", "token_num_uses": "3", "token_type": "service",
    }))
    .unwrap();
    let expected = json!({
        "token_bound_cidrs": ["10.0.0.0/8", "127.0.0.1"], "token_explicit_max_ttl": 0, "token_max_ttl": 7200,
        "token_no_default_policy": false, "token_num_uses": 3, "token_period": 0, "token_policies": ["a", "b"],
        "token_ttl": 3600, "token_type": "service",
    });
    assert_eq!(Value::Object(terms.show()), expected);
    terms.apply(&TokenFields::none()).unwrap();
    assert_eq!(Value::Object(terms.show()), expected);
    let stored = serde_json::to_string(&terms).unwrap();
    assert_eq!(serde_json::from_str::<TokenTerms>(&stored).unwrap(), terms);
}

#[test]
fn what_makes_no_sense_is_refused_without_repeating_it() {
    for (values, text) in [
        (json!({ "token_ttl": 2, "token_max_ttl": 1 }), "'token_ttl' cannot be greater"),
        (json!({ "token_type": "paper" }), "invalid 'token_type' value"),
        (json!({ "token_type": "batch", "token_period": 9 }), "periodic tokens"),
        (json!({ "token_type": "default-batch", "token_num_uses": 9 }), "limited use count"),
        (json!({ "token_bound_cidrs": ["10.0.0.0/8", "secret"] }), "'token_bound_cidrs' must hold"),
        (json!({ "token_policies": vec!["x".repeat(513)] }), "at most 256 policies"),
        (json!({ "token_policies": (0..257).map(|n| n.to_string()).collect::<Vec<_>>() }), "at most 256 policies"),
    ] {
        let refused = applied(values).unwrap_err().to_string();
        assert!(refused.contains(text) && !refused.contains("secret") && !refused.contains("paper"), "{refused}");
    }
}

#[test]
fn the_default_policy_does_not_count_at_a_renewal() {
    let terms = applied(json!({ "token_policies": ["a"] })).unwrap();
    for (policies, gives) in [(vec!["a"], true), (vec!["a", "default"], true), (vec!["a", "b"], false), (vec![], false)]
    {
        let policies: Vec<String> = policies.into_iter().map(str::to_owned).collect();
        assert_eq!(terms.still_gives(&policies), gives, "{policies:?}");
    }
}

#[test]
fn a_time_below_a_second_does_not_become_the_zero_that_means_no_limit() {
    for (given, kept) in [("1ms", 1), ("999ms", 1), ("1500ms", 2), ("2s", 2), ("0", 0)] {
        for field in ["token_ttl", "token_max_ttl", "token_explicit_max_ttl", "token_period"] {
            let shown = applied(json!({ field: given })).unwrap().show();
            assert_eq!(shown[field], json!(kept), "{field} {given}");
        }
    }
}

#[test]
fn what_was_last_written_by_its_older_name_is_shown_by_both() {
    let mut names = OlderNames::default();
    let mut write = |newer: Value, older: OlderFields| {
        let Value::Object(newer) = newer else { panic!("an object") };
        let mut fields = TokenFields::decode(&mut Input::new(Default::default(), newer)).unwrap();
        names.apply(&fields.take_older(older));
        let mut terms = TokenTerms::default();
        terms.apply(&fields).unwrap();
        let mut shown = terms.show();
        names.show(&mut shown);
        (shown.get("num_uses").cloned(), shown.get("policies").cloned(), shown["token_num_uses"].clone())
    };
    let older = OlderFields { num_uses: Some(3), policies: Some(vec!["a".to_owned()]), ..OlderFields::default() };
    assert_eq!(write(json!({}), older), (Some(json!(3)), Some(json!(["a"])), json!(3)));
    // Who gives both means the newer one; what is not written stays as it was written.
    let both = OlderFields { num_uses: Some(3), ..OlderFields::default() };
    assert_eq!(write(json!({ "token_num_uses": 5 }), both), (None, Some(json!([])), json!(5)));
    let stored: OlderNames = serde_json::from_str(r#"{"policies":true,"period":false}"#).unwrap();
    assert_eq!(stored, OlderNames { policies: true, ..OlderNames::default() }, "as it was stored with fewer names");
}
