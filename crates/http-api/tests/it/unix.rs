//! Sockets in the file system: who may connect, what is left behind, and what is never removed.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use framework::Reply;
use http_api::{Error, ListenerConfig, UnixEndpoint};
use serde_json::json;
use tokio::net::UnixStream;

use super::rig::{Rig, converse};

const REQUEST: &str = "GET /v1/a HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

async fn rig(endpoint: UnixEndpoint) -> Rig {
    Rig::with(ListenerConfig::new(endpoint), |_| Ok(Reply::data(json!({"a": 1})))).await
}

/// Why nobody can listen there.
async fn refusal(endpoint: UnixEndpoint) -> String {
    let service = std::sync::Arc::new(Nobody);
    let (env, _) = env::simulated::env(1);
    let admission = http_api::Admission::new(http_api::AdmissionLimits::default(), &env, std::sync::Arc::default());
    let bound = http_api::Listener::bind(&ListenerConfig::new(endpoint), service, admission, env).await;
    match bound.map(drop) {
        Err(Error::Bind { source, .. }) => source.to_string(),
        Err(error) => error.to_string(),
        Ok(()) => panic!("it listens"),
    }
}

struct Nobody;

#[async_trait::async_trait]
impl framework::Service for Nobody {
    async fn answer(&self, request: framework::Request) -> framework::Answer {
        framework::Answer {
            request_id: request.id,
            mount_type: String::new(),
            result: Ok(Reply::empty()),
            index: None,
            headers: Vec::new(),
        }
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn requests_come_through_the_file_system() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let rig = rig(UnixEndpoint::new(&path)).await;
    for _ in 0..2 {
        let answered = converse(UnixStream::connect(&path).await.unwrap(), REQUEST).await;
        assert_eq!((answered.status, &answered.json()["data"]), (200, &json!({"a": 1})));
    }
    let connection = rig.last().connection;
    assert!(connection.remote.is_none() && !connection.is_tls);
    assert_eq!(mode(&path), 0o600, "nobody else may connect unless asked");
}

#[tokio::test]
async fn the_file_has_the_mode_and_the_owner_that_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let own = fs::metadata(folder.path()).unwrap();
    // Only root may give a file away; everybody else gives it to himself.
    let (user, group) = if own.uid() == 0 { (4242, 4343) } else { (own.uid(), own.gid()) };
    let endpoint = UnixEndpoint {
        mode: 0o660,
        user: Some(user.to_string()),
        group: Some(group.to_string()),
        ..UnixEndpoint::new(&path)
    };
    let _rig = rig(endpoint).await;
    let made = fs::symlink_metadata(&path).unwrap();
    assert_eq!((made.uid(), made.gid(), mode(&path)), (user, group, 0o660));
    assert_eq!(converse(UnixStream::connect(&path).await.unwrap(), REQUEST).await.status, 200);
}

#[tokio::test]
async fn the_file_goes_away_with_the_listener() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let mut rig = rig(UnixEndpoint::new(&path)).await;
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
    rig.stop();
    rig.ended().await;
    assert!(fs::symlink_metadata(&path).is_err());
}

#[tokio::test]
async fn what_somebody_else_put_there_since_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let mut rig = rig(UnixEndpoint::new(&path)).await;
    fs::rename(&path, folder.path().join("moved")).unwrap();
    fs::write(&path, "precious").unwrap();
    rig.stop();
    rig.ended().await;
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn a_socket_that_a_dead_server_left_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    // Dropping it closes it and leaves the file, as a kill does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let _rig = rig(UnixEndpoint::new(&path)).await;
    assert_eq!(converse(UnixStream::connect(&path).await.unwrap(), REQUEST).await.status, 200);
}

#[tokio::test]
async fn a_socket_on_which_somebody_listens_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let _first = rig(UnixEndpoint::new(&path)).await;
    assert_eq!(refusal(UnixEndpoint::new(&path)).await, "another process listens there");
    assert_eq!(converse(UnixStream::connect(&path).await.unwrap(), REQUEST).await.status, 200);
}

#[tokio::test]
async fn nothing_but_a_socket_is_ever_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, "precious").unwrap();
    let socket = folder.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    std::os::unix::fs::symlink(&socket, &link).unwrap();
    for path in [&file, &link, &folder.path().to_owned()] {
        assert_eq!(refusal(UnixEndpoint::new(path)).await, "something that is not a socket is there");
    }
    assert!(link.exists() && fs::read_to_string(&file).unwrap() == "precious");
}

#[tokio::test]
async fn a_file_that_cannot_be_made_or_given_away_is_an_error_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let stranger = UnixEndpoint { user: Some("no-such-user".into()), ..UnixEndpoint::new(&path) };
    assert_eq!(refusal(stranger).await, "\"no-such-user\" is neither a number nor a name in /etc/passwd");
    refusal(UnixEndpoint::new(folder.path().join("no/such/folder"))).await;
    refusal(UnixEndpoint::new(folder.path().join("x".repeat(200)))).await;
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
