use secret::Secret;
use serde_json::json;

use super::*;
use crate::field::{Change, FieldKind};
use crate::testing::object;

crate::fields! {
    /// Everything that the macro can say.
    struct Everything {
        /// First line,
        /// second line.
        name: String,
        /// A secret.
        key: Option<Secret<String>> => secret,
        /// A number with a default.
        period: u32 = 30,
        /// A default and a secret.
        pin: String = "0000".to_owned() => secret,
        /// A word of Rust's.
        r#type: Option<String>,
        /// Null is not absent.
        note: Change<String>,
    }
}

crate::fields! {
    /// Takes all.
    struct Free {
        /// Location.
        path: String,
        ..rest
    }
}

fn decode<T: FieldSet>(params: &[(&'static str, &str)], values: Value) -> Result<T, Error> {
    let params = params.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    T::decode(&mut Input::new(params, object(values)))
}

fn complaint<T: FieldSet>(values: Value) -> String {
    decode::<T>(&[], values).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn the_macro_describes_every_field() {
    let shown: Vec<_> = Everything::fields()
        .into_iter()
        .map(|field| (field.name, field.kind, field.is_required, field.is_secret))
        .collect();
    let expected = [
        ("name", FieldKind::String, true, false),
        ("key", FieldKind::String, false, true),
        ("period", FieldKind::Integer, false, false),
        ("pin", FieldKind::String, false, true),
        ("type", FieldKind::String, false, false),
        ("note", FieldKind::String, false, false),
    ];
    assert_eq!(shown, expected);
    assert_eq!(Everything::fields()[0].description, "First line, second line.");
    assert_eq!((Everything::IS_FREE_FORM, Free::IS_FREE_FORM), (false, true));
}

#[test]
fn absent_fields_take_their_defaults() {
    let input: Everything = decode(&[("name", "a")], json!({ "key": null, "period": null })).unwrap();
    assert_eq!((input.name.as_str(), input.period, input.pin.as_str()), ("a", 30, "0000"));
    assert!(input.key.is_none() && input.r#type.is_none());
    assert_eq!(input.note, Change::Keep);
}

#[test]
fn given_fields_are_coerced() {
    let values = json!({ "name": "b", "key": "k", "period": "60", "pin": 1234, "type": "x", "note": null });
    let input: Everything = decode(&[], values).unwrap();
    assert_eq!((input.name.as_str(), input.period, input.pin.as_str()), ("b", 60, "1234"));
    assert_eq!(input.key.map(|key| key.expose().clone()), Some("k".to_owned()));
    assert_eq!(input.r#type.as_deref(), Some("x"));
    assert_eq!(input.note, Change::Reset);
}

#[test]
fn complaints_name_the_field() {
    assert_eq!(complaint::<Everything>(json!({})), "missing required field \"name\"");
    assert_eq!(complaint::<Everything>(json!({ "name": null })), "missing required field \"name\"");
    let text = complaint::<Everything>(json!({ "name": "a", "period": "often" }));
    assert!(text.starts_with("error converting input for field \"period\": expected a whole number"), "{text}");
}

#[test]
fn a_path_parameter_hides_a_value_of_its_name() {
    let input: Free = decode(&[("path", "from/path")], json!({ "path": "from body", "other": 1 })).unwrap();
    assert_eq!(input.path, "from/path");
    assert_eq!(Value::Object(input.rest), json!({ "path": "from body", "other": 1 }));
}

#[test]
fn debug_shows_names_and_no_values() {
    let input =
        Input::new(BTreeMap::from([("path", "secret/location".to_owned())]), object(json!({ "key": "hunter2" })));
    assert_eq!(format!("{input:?}"), r#"{"path", "key"}"#);
}
