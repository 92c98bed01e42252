use http::{HeaderValue, Method, StatusCode};
use hyper::body::Body as _;

use super::{ExtraHeaders, of_bytes};
use crate::config::{CustomHeader, Statuses};

fn custom(statuses: Statuses, name: &str, value: &str) -> CustomHeader {
    CustomHeader { statuses, name: name.into(), value: value.into() }
}

#[test]
fn custom_headers_follow_the_status_and_the_later_one_wins() {
    let headers = ExtraHeaders::new(&[
        custom(Statuses::All, "X-Frame-Options", "deny"),
        custom(Statuses::Class(4), "x-kind", "refused"),
        custom(Statuses::One(404), "x-kind", "absent"),
        custom(Statuses::All, "Strict-Transport-Security", "max-age=1"),
    ])
    .unwrap();
    let kind = |status: StatusCode| {
        let response = headers.complete(of_bytes(status, "text/plain", ""), &Method::GET, None);
        assert_eq!(response.headers()["x-frame-options"], "deny");
        assert_eq!(response.headers()["strict-transport-security"], "max-age=1");
        response.headers().get("x-kind").cloned()
    };
    assert_eq!(kind(StatusCode::OK), None);
    assert_eq!(kind(StatusCode::FORBIDDEN), Some(HeaderValue::from_static("refused")));
    assert_eq!(kind(StatusCode::NOT_FOUND), Some(HeaderValue::from_static("absent")));
}

#[test]
fn headers_that_belong_to_the_api_or_cannot_be_sent_are_refused() {
    for name in ["Content-Type", "content-length", "Cache-Control", "X-Vault-Namespace", "", "two words"] {
        assert!(ExtraHeaders::new(&[custom(Statuses::All, name, "value")]).is_err(), "{name:?}");
    }
    for value in ["line\nbreak", "nul\0"] {
        assert!(ExtraHeaders::new(&[custom(Statuses::All, "x-a", value)]).is_err(), "{value:?}");
    }
}

#[test]
fn head_has_the_length_of_the_body_and_no_body() {
    let headers = ExtraHeaders::new(&[]).unwrap();
    let response = headers.complete(of_bytes(StatusCode::OK, "text/plain", "four"), &Method::HEAD, None);
    assert_eq!(response.headers()["content-length"], "4");
    assert!(response.body().is_end_stream());
}
