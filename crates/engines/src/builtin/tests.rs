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
fn kv_has_two_versions() {
    let rows = |version: &str| {
        let options = Options::from([("version".to_owned(), version.to_owned())]);
        kv::make(&options).map(|engine| engine.specs().len())
    };
    assert_eq!((rows("").ok(), rows("1").ok(), rows("2").ok()), (Some(1), Some(1), Some(9)));
    assert!(matches!(rows("3"), Err(Error::Invalid(_))));
}
