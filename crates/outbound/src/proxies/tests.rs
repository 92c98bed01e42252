//! What of an environment counts.

use super::*;

fn proxies(variables: &[(&str, &str)]) -> Proxies {
    Proxies::from_variables(|name| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned()))
}

#[test]
fn variables_count_in_either_case_and_empty_ones_not() {
    let some = |text: &str| Some(text.to_owned());
    for (variables, http, https) in [
        (vec![], None, None),
        (vec![("HTTP_PROXY", "http://p:1")], some("http://p:1"), None),
        (vec![("http_proxy", "p:1"), ("https_proxy", "q:2")], some("p:1"), some("q:2")),
        (vec![("HTTPS_PROXY", ""), ("https_proxy", "q:2")], None, some("q:2")),
        (vec![("HTTP_PROXY", "http://p:1"), ("REQUEST_METHOD", "GET")], None, None),
    ] {
        let found = proxies(&variables);
        assert_eq!((&found.http, &found.https), (&http, &https), "{variables:?}");
        assert_eq!(found.rules().map(|rules| rules.len()).ok(), Some(http.iter().chain(&https).count()));
    }
    assert!(Proxies::none() == proxies(&[]));
}

#[test]
fn a_proxy_that_is_no_url_is_an_error_that_does_not_show_it() {
    let error = proxies(&[("HTTPS_PROXY", "http://user:CANARY@[")]).rules().expect_err("it is none");
    assert!(!crate::chain(&error).contains("CANARY"), "{error}");
}
