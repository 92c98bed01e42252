//! A directory that says what a test has it say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use env::Env;
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::ber::{INTEGER, Reader, SEQUENCE};
use crate::connection::{Connection, Limits};
use crate::tls::{Tls, TlsVersion};
use crate::url::Url;

/// What a directory answers to one question, whose id is given.
pub(crate) type Say = Box<dyn Fn(i32) -> Vec<u8> + Send>;

pub(crate) const LIMITS: Limits = Limits { connect: Duration::from_secs(30), request: Duration::from_secs(30) };

/// A directory that answers the first questions of one connection, and hangs up behind the last one.
pub(crate) async fn directory(answers: Vec<Say>) -> Url {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port of our own");
    let url = format!("ldap://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("somebody comes");
        let mut question = vec![0; 4096];
        for say in answers {
            let length = stream.read(&mut question).await.expect("a question");
            let mut message = Reader::new(&question[..length]).nested(SEQUENCE).expect("a message");
            let id = message.int(INTEGER).expect("an id");
            if stream.write_all(&say(id)).await.is_err() {
                // Whoever asked has heard enough.
                return;
            }
        }
    });
    url.parse().expect("an address")
}

pub(crate) fn tls() -> Arc<ClientConfig> {
    let tls =
        Tls { authorities: "", is_insecure: true, identity: None, lowest: TlsVersion::V12, highest: TlsVersion::V13 };
    tls.config().expect("sound settings")
}

pub(crate) async fn connected(answers: Vec<Say>) -> Connection {
    let url = directory(answers).await;
    Connection::open(&Env::real(), &url, &tls(), false, LIMITS).await.expect("it listens")
}

/// An entry with one attribute.
pub(crate) fn entry(id: i32, dn: &str, values: &[&str]) -> Vec<u8> {
    let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
    crate::standin::entry(id, dn, &BTreeMap::from([("cn".to_owned(), values)]))
}
