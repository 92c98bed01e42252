use crate::filter::Filter;
use crate::message::{Dereference, Scope};
use crate::standin::{ended, message};
use crate::testing::{LIMITS, Say, connected, directory, entry, tls};

use super::*;

const BOUND: u8 = 0x61;
const DONE: u8 = 0x65;
const EXTENDED: u8 = 0x78;

fn say(answer: impl Fn(i32) -> Vec<u8> + Send + 'static) -> Say {
    Box::new(answer)
}

fn password() -> Secret<String> {
    Secret::new("p".to_owned())
}

async fn search(connection: &mut Connection, page: Option<u32>) -> Result<Vec<Entry>, Error> {
    let filter = Filter::equal("cn", "a");
    let search = Search {
        base: "dc=a",
        scope: Scope::Subtree,
        dereference: Dereference::Never,
        entries_max: 0,
        filter: &filter,
        attributes: &["cn"],
        page,
    };
    connection.search(&search).await
}

#[tokio::test]
async fn one_question_after_the_other_is_answered() {
    let mut connection = connected(vec![
        say(|id| ended(id, BOUND, 0)),
        say(|id| [entry(id, "cn=a", &["a"]), entry(id, "cn=b", &["b"]), ended(id, DONE, 0)].concat()),
        say(|id| ended(id, BOUND, 49)),
        say(|id| ended(id, BOUND, 0)),
    ])
    .await;
    connection.bind("cn=a", &password()).await.expect("it is taken");
    let found = search(&mut connection, None).await.expect("it is answered");
    assert_eq!(found.iter().map(|entry| entry.dn.as_str()).collect::<Vec<_>>(), ["cn=a", "cn=b"]);
    let refused = connection.bind("cn=a", &password()).await.expect_err("it is refused");
    assert!(refused.is_about_credentials(), "{refused}");
    assert_eq!(refused.to_string(), "the directory refused to bind with the result 49: because");
    connection.bind_anonymously().await.expect("a refusal leaves the connection whole");
    assert!(connection.is_whole());
}

#[tokio::test]
async fn nobody_binds_without_a_name_or_a_password() {
    let mut connection = connected(vec![say(|id| ended(id, BOUND, 0))]).await;
    for (dn, password) in [("cn=a", ""), ("", "p"), ("", "")] {
        let refused = connection.bind(dn, &Secret::new(password.to_owned())).await;
        assert!(matches!(refused, Err(Error::Refused { .. })), "{dn:?}");
    }
    connection.bind_anonymously().await.expect("nothing was sent before");
}

#[tokio::test]
async fn pages_are_asked_for_until_the_last_one() {
    let page = |id: i32, cookie: &'static [u8]| {
        message(id, |it| {
            it.nest(DONE, |it| {
                it.int(ber::ENUMERATED, 0);
                it.put(ber::OCTETS, b"");
                it.put(ber::OCTETS, b"");
            });
            it.nest(0xa0, |it| {
                it.nest(ber::SEQUENCE, |it| {
                    it.put(ber::OCTETS, b"1.2.840.113556.1.4.319");
                    let value = [
                        &[
                            0x30,
                            5 + u8::try_from(cookie.len()).unwrap(),
                            2,
                            1,
                            0,
                            4,
                            u8::try_from(cookie.len()).unwrap(),
                        ],
                        cookie,
                    ]
                    .concat();
                    it.put(ber::OCTETS, &value);
                });
            });
        })
    };
    let mut connection = connected(vec![
        say(move |id| [entry(id, "cn=a", &[]), page(id, b"more")].concat()),
        say(move |id| [entry(id, "cn=b", &[]), page(id, b"")].concat()),
    ])
    .await;
    let found = search(&mut connection, Some(1)).await.expect("both are answered");
    assert_eq!(found.len(), 2);
}

#[tokio::test]
async fn what_is_no_answer_ends_the_connection() {
    type Fits = fn(&Error) -> bool;
    let cases: Vec<(Vec<u8>, Fits)> = vec![
        (b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), |it| matches!(it, Error::Understand(_) | Error::Closed)),
        (ended(99, DONE, 0), |it| matches!(it, Error::Understand(UnderstandError::Unexpected))),
        (ended(1, BOUND, 0), |it| matches!(it, Error::Understand(UnderstandError::Unexpected))),
        (ended(0, EXTENDED, 52), |it| matches!(it, Error::Closed)),
        (vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02], |it| matches!(it, Error::TooMuch(_))),
        (vec![0x30, 0x80, 0x00, 0x00], |it| matches!(it, Error::Understand(UnderstandError::Malformed))),
        (vec![0x30], |it| matches!(it, Error::Closed)),
        (Vec::new(), |it| matches!(it, Error::Closed)),
    ];
    for (answer, fits) in cases {
        let said = answer.clone();
        let mut connection = connected(vec![say(move |_| said.clone())]).await;
        let error = search(&mut connection, None).await.expect_err("it is no answer");
        assert!(fits(&error), "{answer:02x?}: {error}");
        assert!(!connection.is_whole(), "{answer:02x?}");
        assert!(matches!(search(&mut connection, None).await, Err(Error::Closed)), "{answer:02x?}");
    }
}

#[tokio::test]
async fn more_entries_than_anybody_wants_are_not_kept() {
    let flood = say(|id| entry(id, "cn=a", &[]).repeat(ENTRIES_MAX + 1));
    let mut connection = connected(vec![flood]).await;
    assert!(matches!(search(&mut connection, None).await, Err(Error::TooMuch("10000 entries"))));
    let long = "a".repeat(1024 * 1024);
    let flood = say(move |id| entry(id, "cn=a", &[&long]).repeat(17));
    let mut connection = connected(vec![flood]).await;
    assert!(matches!(search(&mut connection, None).await, Err(Error::TooMuch("16 MiB of entries"))));
}

#[tokio::test]
async fn what_came_before_tls_does_not_count_as_said_under_it() {
    for (answer, text) in [
        (
            Box::new(|id| [ended(id, EXTENDED, 0), ended(2, BOUND, 0)].concat()) as Say,
            "could not understand the directory",
        ),
        (Box::new(|id| ended(id, EXTENDED, 2)), "the directory refused to start TLS with the result 2: because"),
        (Box::new(|id| ended(id, BOUND, 0)), "could not understand the directory"),
    ] {
        let url = directory(vec![answer]).await;
        let opened = Connection::open(&Env::real(), &url, &tls(), true, LIMITS).await;
        assert_eq!(opened.err().map(|error| error.to_string()).as_deref(), Some(text));
    }
}

#[tokio::test]
async fn a_directory_that_hangs_is_given_up_on() {
    let (env, clock) = env::simulated::env(1);
    let url = directory(vec![say(|_| vec![0x30]), say(|_| Vec::new())]).await;
    let mut connection = Connection::open(&env, &url, &tls(), false, LIMITS).await.expect("it listens");
    let ticking = async {
        loop {
            clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    };
    let answer = tokio::select! {
        answer = search(&mut connection, None) => answer,
        () = ticking => unreachable!("it ticks for ever"),
    };
    let error = answer.expect_err("nothing whole comes");
    assert_eq!(error.to_string(), "the directory did not answer the search within 30 seconds");
    assert!(!connection.is_whole());
}
