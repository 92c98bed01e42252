use super::*;

#[test]
fn every_type_can_be_made_and_is_described() {
    for builtin in builtin() {
        let engine = (builtin.make)(&Options::new()).unwrap();
        assert_eq!(engine.type_name(), builtin.type_name);
        assert_eq!(engine.kind(), builtin.kind);
        assert!(builtin.description.ends_with('.'), "{}", builtin.type_name);
    }
}

#[test]
fn other_names_stand_for_an_option() {
    let found = |type_name: &str, version: Option<&str>| {
        let mut options: Options = version.into_iter().map(|it| ("version".to_owned(), it.to_owned())).collect();
        let builtin = find(type_name, &mut options)?;
        Some((builtin.type_name, options.get("version").cloned().unwrap_or_default()))
    };
    assert_eq!(found("kv", None), Some(("kv", String::new())));
    assert_eq!(found("kv", Some("2")), Some(("kv", "2".to_owned())));
    assert_eq!(found("kv-v1", Some("2")), Some(("kv", "1".to_owned())));
    assert_eq!(found("kv-v2", None), Some(("kv", "2".to_owned())));
    assert_eq!(found("pki", None), None);
}

#[test]
fn kv_has_two_versions() {
    let rows = |version: &str| {
        let options = Options::from([("version".to_owned(), version.to_owned())]);
        kv::make(&options).map(|engine| engine.specs().len())
    };
    assert_eq!((rows("").ok(), rows("1").ok(), rows("2").ok()), (Some(1), Some(1), Some(8)));
    assert!(matches!(rows("3"), Err(Error::Invalid(_))));
}
