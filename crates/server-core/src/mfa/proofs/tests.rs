use serde_json::{Value, json};

use super::{PROOFS_MAX, Proofs};

fn shown(proofs: &Proofs) -> Vec<(&str, &str)> {
    proofs.0.iter().map(|(method, passcode)| (method.as_str(), passcode.expose().as_str())).collect()
}

fn payload(payload: Value) -> Result<Proofs, framework::Error> {
    let Value::Object(payload) = payload else { panic!("a payload is an object") };
    Proofs::from_payload(payload)
}

#[test]
fn a_header_names_a_method_and_may_bring_a_passcode() {
    let values = ["m-1:123456", "phone", "", "m-2:passcode=654321", "a:b:c"].map(str::to_owned);
    let proofs = Proofs::from_headers(&values).expect("few enough");
    assert_eq!(shown(&proofs), [("m-1", "123456"), ("phone", ""), ("m-2", "654321"), ("a", "b:c")]);
    assert!(Proofs::from_headers(&[]).expect("none").is_empty());
}

#[test]
fn a_payload_brings_a_passcode_or_a_list_to_each_method() {
    let proofs = payload(json!({
        "a": ["123456", "654321"], "b": " passcode=123456 ", "c": 123456, "d": [], "e": null, "f": [""],
    }));
    let expected = [("a", "123456"), ("b", "123456"), ("c", "123456"), ("d", ""), ("e", ""), ("f", "")];
    assert_eq!(shown(&proofs.expect("it makes sense")), expected);
    for odd in [json!({ "a": { "b": 1 } }), json!({ "a": true }), json!({ "a": [["1"]] })] {
        assert!(payload(odd.clone()).is_err(), "{odd}");
    }
}

#[test]
fn there_are_not_too_many() {
    let all = |count: usize| vec!["m:1".to_owned(); count];
    assert!(Proofs::from_headers(&all(PROOFS_MAX)).is_ok());
    assert!(Proofs::from_headers(&all(PROOFS_MAX + 1)).is_err());
}
