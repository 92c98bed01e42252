use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::path::{Access, Param};

fn spec(template: &'static str) -> PathSpec {
    let names = template.split('/').filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'));
    let params = names.map(|name| Param {
        name,
        segment: if name.starts_with("rest") { Segment::Rest } else { Segment::Name },
        description: "A parameter.",
        is_folded: false,
    });
    PathSpec {
        template,
        description: "A path.",
        params: params.collect(),
        operations: BTreeMap::new(),
        access: Access::default(),
        knows_existence: false,
        has_harmless_reads: false,
        knows_role: false,
        knows_user: false,
    }
}

fn specs(templates: &[&'static str]) -> Vec<PathSpec> {
    templates.iter().map(|template| spec(template)).collect()
}

fn find_in(templates: &[&'static str], path: &str, is_list: bool) -> Option<(&'static str, Vec<String>)> {
    let specs = specs(templates);
    let found = Router::new(&specs).unwrap().find(path, is_list)?;
    Some((specs[found.index].template, found.captures))
}

#[track_caller]
fn check(path: &str, expected: Option<(&'static str, &[&str])>) {
    let table = [
        "keys",
        "keys/{name}",
        "keys/{name}/rotate",
        "keys/import",
        "data/{rest}",
        "mounts/{rest}/tune",
        "mounts/{rest}",
    ];
    let expected =
        expected.map(|(template, captures)| (template, captures.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()));
    assert_eq!(find_in(&table, path, false), expected, "{path}");
}

#[test]
fn the_most_literal_template_wins() {
    check("keys", Some(("keys", &[])));
    check("keys/import", Some(("keys/import", &[])));
    check("keys/import/rotate", Some(("keys/{name}/rotate", &["import"])));
    check("keys/a", Some(("keys/{name}", &["a"])));
    check("keys/a/b", None);
    check("keys//rotate", None);
    check("data/a/b/c", Some(("data/{rest}", &["a/b/c"])));
    check("data", None);
    check("data/", None);
    check("mounts/a/b/tune", Some(("mounts/{rest}/tune", &["a/b"])));
    check("mounts/tune", Some(("mounts/{rest}", &["tune"])));
    check("mounts/a/tune/b", Some(("mounts/{rest}", &["a/tune/b"])));
    check("", None);
}

#[test]
fn a_slash_at_the_end_leads_to_no_row_without_it() {
    for path in ["keys/", "keys/import/", "keys/a/", "keys/a/rotate/", "/", "keys//"] {
        check(path, None);
    }
    // The rest of a path holds it, so that whoever takes the rest can tell the two apart.
    check("data/a/", Some(("data/{rest}", &["a/"])));
    check("mounts/a/tune/", Some(("mounts/{rest}", &["a/tune/"])));
}

#[test]
fn a_list_may_ask_for_the_top() {
    assert_eq!(find_in(&["data/{rest}"], "data/", true), Some(("data/{rest}", vec![String::new()])));
    assert_eq!(find_in(&["data/{rest}"], "data", true), Some(("data/{rest}", vec![String::new()])));
    assert_eq!(find_in(&["data/{rest}"], "data/a/", true), Some(("data/{rest}", vec!["a".to_owned()])));
    assert_eq!(find_in(&["{rest}"], "", true), Some(("{rest}", vec![String::new()])));
    assert_eq!(find_in(&["{rest}"], "", false), None);
}

#[test]
fn tables_that_cannot_be_routed_are_refused() {
    let refusal = |templates: &[&'static str]| Router::new(&specs(templates)).err();
    let ambiguous = |a: &str, b: &str| Some(TableError::Ambiguous(a.to_owned(), b.to_owned()));
    assert_eq!(refusal(&["keys/{name}", "keys/{other}"]), ambiguous("keys/{name}", "keys/{other}"));
    assert_eq!(refusal(&["{rest}", "{rest2}"]), ambiguous("{rest}", "{rest2}"));
    assert_eq!(refusal(&["{rest}/tune", "{rest2}/tune"]), ambiguous("{rest}/tune", "{rest2}/tune"));
    assert_eq!(refusal(&["a/b", "a/b"]), ambiguous("a/b", "a/b"));
    assert_eq!(refusal(&["{rest}/a/b"]), Some(TableError::BehindRest("{rest}/a/b".to_owned())));
    assert_eq!(refusal(&["{rest}/{name}"]), Some(TableError::BehindRest("{rest}/{name}".to_owned())));
    assert_eq!(refusal(&["a//b"]), Some(TableError::Segments("a//b".to_owned())));
    let long = "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a";
    assert_eq!(refusal(&[long]), Some(TableError::Segments(long.to_owned())));
    assert_eq!(refusal(&["a", "a/{name}", "a/{rest}", "a/{rest}/b"]), None);
}

#[test]
fn templates_and_parameters_must_agree() {
    let mut undescribed = spec("keys/{name}");
    undescribed.params.clear();
    assert!(matches!(Router::new([&undescribed]), Err(TableError::Parameter { name, .. }) if name == "name"));
    let mut surplus = spec("keys");
    surplus.params = spec("{other}").params;
    assert!(matches!(Router::new([&surplus]), Err(TableError::Parameter { name, .. }) if name == "other"));
}

/// Matches one template after the other, and says how literal the match is: less is better.
fn find_slowly(templates: &[&str], path: &str, is_list: bool) -> Option<(usize, Vec<String>)> {
    let path = if is_list { path.strip_suffix('/').unwrap_or(path) } else { path };
    let matches = templates.iter().enumerate().filter_map(|(index, template)| {
        let segments: Vec<_> = template.split('/').collect();
        let (mut ranks, mut captures) = (Vec::new(), Vec::new());
        let path = (!path.is_empty()).then_some(path);
        matches(&segments, path, is_list, &mut ranks, &mut captures).then_some((ranks, index, captures))
    });
    matches.min().map(|(_, index, captures)| (index, captures))
}

/// `path` is `None` where it has ended, and empty where only a slash is left of it.
fn matches(
    template: &[&str],
    path: Option<&str>,
    is_list: bool,
    ranks: &mut Vec<u8>,
    captures: &mut Vec<String>,
) -> bool {
    let Some((first, behind)) = template.split_first() else { return path.is_none() };
    if first.starts_with("{rest") {
        let (rest, rank) = match (behind.first(), path) {
            (None, None) => (is_list.then_some(""), 3),
            (None, path) => (path.filter(|path| !path.is_empty()), 3),
            (Some(tail), path) => {
                let rest = path.and_then(|path| path.strip_suffix(&format!("/{tail}")));
                (rest.filter(|rest| !rest.is_empty()), 2)
            }
        };
        ranks.push(rank);
        captures.push(rest.unwrap_or_default().to_owned());
        return rest.is_some();
    }
    let Some(path) = path else { return false };
    let (segment, path) = path.split_once('/').map_or((path, None), |(segment, path)| (segment, Some(path)));
    let is_param = first.starts_with('{');
    ranks.push(u8::from(is_param));
    if is_param {
        captures.push(segment.to_owned());
    }
    !segment.is_empty() && (is_param || *first == segment) && matches(behind, path, is_list, ranks, captures)
}

const TEMPLATES: [&str; 16] = [
    "a",
    "b",
    "{x}",
    "a/b",
    "a/{x}",
    "{x}/b",
    "{x}/{y}",
    "a/{x}/b",
    "a/b/{x}",
    "{x}/{y}/a",
    "{rest}",
    "a/{rest}",
    "{x}/{rest}",
    "{rest}/b",
    "a/{rest}/b",
    "a/b/{rest}/a",
];

proptest! {
    #[test]
    fn the_tree_finds_what_trying_every_template_finds(
        chosen in proptest::sample::subsequence(TEMPLATES.to_vec(), 1..=TEMPLATES.len()),
        segments in vec(proptest::sample::select(vec!["a", "b", "c", ""]), 0..6),
        is_list: bool,
    ) {
        let path = segments.join("/");
        let specs = specs(&chosen);
        let router = Router::new(&specs).unwrap();
        let found = router.find(&path, is_list).map(|found| (found.index, found.captures));
        prop_assert_eq!(found, find_slowly(&chosen, &path, is_list), "{:?} in {:?}", path, chosen);
    }
}
