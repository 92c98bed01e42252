use super::*;

fn hashes(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// An account after versions with these values, all of a commit of revision 7.
fn account(versions: &[&[&str]]) -> Marks {
    let mut marks = Marks(Vec::new());
    for (index, values) in versions.iter().enumerate() {
        marks.add(&hashes(values), index as u64 + 1);
    }
    let mut account = Account::from(marks.text());
    account.was_read_at(Revision(7));
    let written = serde_json::to_string(&account).expect("a text");
    let account: Account = serde_json::from_str(&written).expect("what was written");
    Marks::parse(&account.filled()).expect("it is what was written")
}

#[test]
fn an_account_says_which_versions_hold_a_value() {
    let marks = account(&[&["a", "b"], &["a"], &["c"], &["a"]]);
    assert_eq!(marks.text(), "a:7:1-2,4-4;b:7:1-1;c:7:3-3");
    assert_eq!(Marks::parse("").unwrap(), Marks(Vec::new()));
    for damaged in ["a", "a:7", "a:7:", "a:x:1-2", "a:7:1", "a:7:1-2;b"] {
        assert!(Marks::parse(damaged).is_err(), "{damaged}");
    }
}

#[test]
fn what_goes_is_taken_off_and_splits_what_is_left() {
    let mut marks = account(&[&["a"], &["a"], &["a"], &["a", "b"], &["b"]]);
    marks.remove(&[2, 4]);
    assert_eq!(marks.text(), "a:7:1-1,3-3;b:7:5-5");
    marks.keep_from(3);
    assert_eq!(marks.text(), "a:7:3-3;b:7:5-5");
    marks.keep_from(4);
    assert_eq!(marks.text(), "a:7:;b:7:5-5", "nobody holds it any more: its line goes, and then it is left out");
}

#[test]
fn an_account_is_bounded_and_the_newest_values_stay() {
    let mut marks = Marks(Vec::new());
    for number in 1..=200_u64 {
        marks.add(&[format!("v{number}"), "always".to_owned()], number);
        marks.0.retain(|mark| !mark.runs.is_empty());
        assert!(marks.0.len() <= LINES_MAX);
    }
    let text = marks.text();
    assert!(text.contains("always::1-200") && text.contains("v200") && !text.contains("v100:"), "{text}");
    // What has gone in the same commit takes no room of what is there.
    marks.keep_from(200);
    marks.add(&(0..20).map(|number| format!("w{number}")).collect::<Vec<_>>(), 201);
    assert_eq!(marks.0.iter().filter(|mark| !mark.runs.is_empty()).count(), 22);
    let mut marks = Marks(Vec::new());
    for number in (1..=100_u64).step_by(2) {
        marks.add(&hashes(&["now and then"]), number);
    }
    assert_eq!(marks.0[0].runs.len(), RUNS_MAX);
    assert_eq!(marks.0[0].newest(), 99);
}
