//! The same API over HTTP/2, with prior knowledge on a plain socket.

use bytes::Bytes;
use framework::{Operation, Reply};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};

use super::rig::Rig;

pub(crate) type Sender = SendRequest<Full<Bytes>>;

pub(crate) async fn connect(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Sender {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async {
        // Ends when the listener closes, in whatever way.
        drop(connection.await);
    });
    sender
}

pub(crate) async fn ask(sender: &mut Sender, method: &str, path: &str, body: &'static str) -> Response<Incoming> {
    let uri = format!("http://test{path}");
    let request = Request::builder().method(method).uri(uri).body(Full::from(body)).unwrap();
    sender.ready().await.unwrap();
    sender.send_request(request).await.unwrap()
}

async fn json_of(response: Response<Incoming>) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn http2_speaks_the_same_api() {
    let rig = Rig::new(|request| match request.operation {
        Operation::List => Ok(Reply::list(vec!["a".into()])),
        Operation::Read => Ok(Reply::data(json!({"path": request.path}))),
        _ => Ok(Reply::empty()),
    })
    .await;
    let mut sender = connect(rig.connect().await).await;
    let response = ask(&mut sender, "GET", "/v1/secret/data/a%20b", "").await;
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(json_of(response).await["data"]["path"], "secret/data/a b");
    let response = ask(&mut sender, "LIST", "/v1/a", "").await;
    assert_eq!(json_of(response).await["data"]["keys"], json!(["a"]));
    let response = ask(&mut sender, "PUT", "/v1/a", r#"{"x":1}"#).await;
    assert_eq!(response.status(), 204);
    assert_eq!(rig.last().data["x"], json!(1));
    let response = ask(&mut sender, "GET", "/v1//a", "").await;
    assert_eq!(response.status(), 400);
    let response = ask(&mut sender, "HEAD", "/v1/a", "").await;
    assert_eq!(response.status(), 200);
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
}

#[tokio::test]
async fn streams_run_beside_one_another() {
    let rig = Rig::new(|_| Ok(Reply::data(json!({})))).await;
    let mut sender = connect(rig.connect().await).await;
    let mut other = sender.clone();
    let stuck = tokio::spawn(async move { ask(&mut other, "GET", "/v1/stuck/a", "").await.status() });
    rig.reached(1).await;
    assert_eq!(ask(&mut sender, "GET", "/v1/a", "").await.status(), 200);
    rig.open_gate();
    assert_eq!(stuck.await.unwrap(), 200);
}

#[tokio::test]
async fn an_idle_http2_connection_is_told_to_go() {
    let rig = Rig::new(|_| Ok(Reply::data(json!({})))).await;
    let mut sender = connect(rig.connect().await).await;
    assert_eq!(ask(&mut sender, "GET", "/v1/a", "").await.status(), 200);
    let closed = async {
        while !sender.is_closed() {
            tokio::task::yield_now().await;
        }
    };
    rig.turn_until(closed).await;
    // Well before it would be cut off.
    assert!((300..310).contains(&rig.clock_secs()), "{}", rig.clock_secs());
}

#[tokio::test]
async fn a_stop_lets_streams_finish() {
    let mut rig = Rig::new(|_| Ok(Reply::data(json!({})))).await;
    let mut sender = connect(rig.connect().await).await;
    let stuck = tokio::spawn(async move { ask(&mut sender, "GET", "/v1/stuck/a", "").await.status() });
    rig.reached(1).await;
    rig.stop();
    rig.open_gate();
    assert_eq!(stuck.await.unwrap(), 200);
    rig.ended().await;
}
