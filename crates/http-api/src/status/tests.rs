use std::fmt::Write as _;

use framework::{Error, Operation, Reply, Status, WrapInfo};
use http::StatusCode;
use serde_json::json;
use serde_json::value::RawValue;

use super::{Outcome, Refusal, Verdict, of_error, of_refusal, of_reply};
use crate::{golden, response};

const ID: &str = "00000000-0000-4000-8000-000000000000";

fn body(verdict: Verdict) -> String {
    use http_body_util::BodyExt as _;
    let status = verdict.status;
    let body = response::of_verdict(verdict).into_body().collect();
    // A full body is there at once.
    let bytes = {
        let mut body = std::pin::pin!(body);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match body.as_mut().poll(&mut context) {
            std::task::Poll::Ready(collected) => collected.unwrap().to_bytes(),
            std::task::Poll::Pending => panic!("a full body waits for nothing"),
        }
    };
    format!("{} {}", status.as_u16(), std::str::from_utf8(&bytes).unwrap())
}

#[test]
fn every_refusal_and_error_has_its_status_and_body() {
    let refusals = [
        ("no such place", Refusal::NoSuchPlace),
        ("method", Refusal::Method),
        ("list flags", Refusal::ListFlags),
        ("malformed", Refusal::Malformed("error parsing <query>".into())),
        ("write to folder", Refusal::WriteToFolder),
        ("merge patch", Refusal::MergePatch),
        ("uri too long", Refusal::UriTooLong(16)),
        ("token too long", Refusal::TokenTooLong(16)),
        ("body too long", Refusal::BodyTooLong(16)),
        ("anonymous body too long", Refusal::AnonymousBodyTooLong(16)),
        ("body cut", Refusal::BodyCut),
        ("body too slow", Refusal::BodyTooSlow),
        ("bodies full", Refusal::BodiesFull),
        ("overloaded", Refusal::Overloaded { retry_secs: 2 }),
        ("too slow", Refusal::TooSlow),
        ("internal", Refusal::Internal { request_id: ID.into() }),
        ("origin", Refusal::Origin),
    ];
    let cause = || Box::new(std::io::Error::other("disk at /secret/place is full"));
    let errors = [
        ("invalid", Error::invalid("missing data fields"), true),
        ("denied with a token", Error::Denied, true),
        ("denied without a token", Error::Denied, false),
        ("denied because", Error::DeniedBecause("bad token".into()), true),
        ("not found", Error::NotFound, true),
        ("unrouted", Error::Unrouted("unsupported path".into()), true),
        ("unsupported operation", Error::UnsupportedOperation, true),
        ("unsupported media", Error::UnsupportedMedia("wrong type".into()), true),
        ("too large", Error::TooLarge("too large".into()), true),
        ("too many", Error::TooMany("rate limit quota exceeded".into()), true),
        ("bad credentials", Error::BadCredentials("invalid username or password".into()), false),
        ("sealed", Error::Sealed, true),
        ("uninitialized", Error::Uninitialized, true),
        ("not yet seen", Error::NotYetSeen, true),
        ("busy", Error::Busy("try again".into()), true),
        ("world", Error::World { action: "writing to /secret/place".into(), source: cause() }, true),
        ("world shown", Error::WorldShown { shown: "disk is full".into(), source: cause() }, true),
    ];
    let mut text = String::new();
    for (name, refusal) in refusals {
        write!(text, "refusal: {name}: {}", body(of_refusal(refusal))).unwrap();
    }
    for (name, error, has_token) in errors {
        write!(text, "error: {name}: {}", body(of_error(&error, ID, has_token))).unwrap();
    }
    assert!(!text.contains("/secret/"), "the world's causes are not for clients");
    golden::check("errors.txt", &text);
}

fn check(operation: Operation, reply: &Reply, expected: &Outcome) {
    assert_eq!(of_reply(operation, reply), *expected, "{operation} {reply:?}");
}

fn nothing() -> Outcome {
    Outcome::Nothing(Verdict { status: StatusCode::NOT_FOUND, errors: Vec::new(), retry_secs: None })
}

#[test]
fn nothing_read_is_404_and_nothing_to_say_is_204() {
    check(Operation::Read, &Reply::empty(), &nothing());
    check(Operation::Help, &Reply::empty(), &nothing());
    for operation in [Operation::Update, Operation::Create, Operation::Patch, Operation::Delete] {
        check(operation, &Reply::empty(), &Outcome::Silence(StatusCode::NO_CONTENT));
    }
    check(Operation::Read, &Reply::data(json!({})), &Outcome::Body(StatusCode::OK));
    check(Operation::Delete, &Reply::empty().warn("gone already"), &Outcome::Body(StatusCode::OK));
}

#[test]
fn a_list_without_names_is_404_unless_it_has_a_warning() {
    let raw = |text: &str| Reply::raw(RawValue::from_string(text.to_owned()).unwrap());
    for operation in [Operation::List, Operation::Scan] {
        check(operation, &Reply::empty(), &nothing());
        check(operation, &Reply::list(Vec::new()), &nothing());
        check(operation, &Reply::data(json!({})), &nothing());
        check(operation, &Reply::data(json!({"keys": null})), &nothing());
        check(operation, &raw(r#"{"keys":[]}"#), &nothing());
        check(operation, &raw("{}"), &nothing());
        check(operation, &raw(r#"{"keys":["a",{"b":1}]}"#), &Outcome::Body(StatusCode::OK));
        check(operation, &Reply::list(vec!["a".into()]), &Outcome::Body(StatusCode::OK));
        check(operation, &Reply::list(Vec::new()).warn("look elsewhere"), &Outcome::Body(StatusCode::OK));
        check(operation, &Reply::data(json!({"a": 1})).bare(), &Outcome::Body(StatusCode::OK));
    }
    let wrap = WrapInfo {
        token: "t".to_owned().into(),
        accessor: String::new(),
        ttl: std::time::Duration::ZERO,
        creation_time: api::Timestamp::UNIX_EPOCH,
        creation_path: String::new(),
        wrapped_accessor: None,
    };
    let wrapped = Reply { wrap_info: Some(wrap), ..Reply::default() };
    check(Operation::List, &wrapped, &Outcome::Body(StatusCode::OK));
}

#[test]
fn a_raw_body_is_sent_whatever_is_in_it() {
    let body = |bytes: &'static str| Reply::body("text/plain", bytes);
    for operation in [Operation::Read, Operation::List, Operation::Update, Operation::Help] {
        check(operation, &body("x"), &Outcome::Body(StatusCode::OK));
        check(operation, &body(""), &Outcome::Body(StatusCode::OK));
        check(operation, &body("").with_status(Status::Code(201)), &Outcome::Body(StatusCode::CREATED));
        check(operation, &body("x").with_status(Status::Code(204)), &Outcome::Silence(StatusCode::NO_CONTENT));
    }
}

#[test]
fn a_status_that_the_handler_asks_for_is_kept() {
    let full = |status| Reply::data(json!({"a": 1})).with_status(status);
    let empty = |status| Reply::empty().with_status(status);
    check(Operation::Read, &full(Status::Gone), &Outcome::Body(StatusCode::NOT_FOUND));
    check(Operation::Read, &empty(Status::Gone), &nothing());
    check(Operation::Update, &full(Status::Accepted), &Outcome::Body(StatusCode::ACCEPTED));
    check(Operation::Update, &empty(Status::Accepted), &Outcome::Silence(StatusCode::ACCEPTED));
    for code in [200, 299, 429, 472, 473, 501, 503, 530] {
        let status = StatusCode::from_u16(code).unwrap();
        check(Operation::Read, &full(Status::Code(code)), &Outcome::Body(status));
    }
    check(Operation::Read, &full(Status::Code(204)), &Outcome::Silence(StatusCode::NO_CONTENT));
    for code in [0, 42, 101, 199, 600, 999, u16::MAX] {
        check(Operation::Read, &full(Status::Code(code)), &Outcome::Body(StatusCode::INTERNAL_SERVER_ERROR));
    }
}
