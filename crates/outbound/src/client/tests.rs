//! Servers that hang, send too much, redirect, reset, and are not who they should be.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

const SMALL: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

fn settings() -> Settings {
    Settings {
        trust: Trust::System,
        server_name: None,
        connect_timeout: Duration::from_secs(20),
        timeout: Duration::from_secs(20),
        body_bytes_max: 1_000,
        proxies: Proxies::none(),
    }
}

/// The head of a request and its body, as they arrive.
fn read(stream: &mut impl Read) -> Option<(Vec<String>, String)> {
    let mut reader = BufReader::with_capacity(1, stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        if line.trim_end().is_empty() {
            break;
        }
        head.push(line.trim_end().to_lowercase());
    }
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).expect("the tests send text")))
}

/// The address of a server whose connections go to `serve`, one after the other, for as long as the test runs.
fn server(serve: impl FnMut(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || listener.incoming().flatten().for_each(serve));
    address
}

/// What becomes of a `GET` of a server that sends these bytes and goes.
async fn answered(settings: &Settings, bytes: Vec<u8>) -> Result<Answer, Error> {
    let address = server(move |mut stream| {
        let _seen = read(&mut stream);
        // A client that has had enough leaves in the middle.
        let _sent = stream.write_all(&bytes);
    });
    get(settings, &format!("http://{address}/in?key=CANARY")).await
}

async fn get(settings: &Settings, url: &str) -> Result<Answer, Error> {
    Client::new(settings)?.ask(Request::get(parse_url(url)?)).await
}

/// What went wrong, which never shows what must not be shown.
fn why(result: Result<Answer, Error>) -> Error {
    let error = result.err().expect("it fails");
    let text = format!("{error} {error:?} {}", chain(&error));
    assert!(!text.contains("CANARY"), "{text}");
    error
}

#[tokio::test]
async fn an_answer_of_any_status_is_an_answer() {
    let answer = answered(&settings(), SMALL.to_vec()).await.expect("an answer");
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"{}".as_slice()));
    assert_eq!(answer.content_type.as_deref(), Some("application/json"));
    let refusal = b"HTTP/1.1 503 Down\r\ncontent-length: 4\r\n\r\ndown".to_vec();
    let answer = answered(&settings(), refusal).await.expect("an answer");
    assert_eq!((answer.status, answer.body.as_slice()), (503, b"down".as_slice()));
}

#[tokio::test]
async fn what_is_sent_is_what_was_said() {
    let (sender, seen) = mpsc::channel();
    let address = server(move |mut stream| {
        while let Some(request) = read(&mut stream) {
            sender.send(request).expect("the test is there");
            stream.write_all(SMALL).expect("it listens");
        }
    });
    let client = Client::new(&settings()).expect("a client");
    let url = || parse_url(&format!("http://{address}/token?x=1")).expect("a URL");
    let token = SecretString::new("abc".to_owned());
    for request in [
        Request::get(url()).bearer(&token).expect("a header"),
        Request::post(url(), "application/x-www-form-urlencoded", b"a=b".to_vec()).basic(&token).expect("a header"),
        Request::get(url()).accept("application/pkix-crl"),
    ] {
        client.ask(request).await.expect("an answer");
    }
    let seen: Vec<_> = seen.try_iter().collect();
    let has = |at: usize, line: &str| seen[at].0.iter().any(|it| it == line);
    assert!(
        has(0, "get /token?x=1 http/1.1") && has(0, "authorization: bearer abc") && has(0, "accept: application/json")
    );
    assert!(has(1, "post /token?x=1 http/1.1") && has(1, "authorization: basic abc"));
    assert!(has(1, "content-type: application/x-www-form-urlencoded") && seen[1].1 == "a=b");
    assert!(has(2, "accept: application/pkix-crl") && !seen[2].0.iter().any(|line| line.starts_with("authorization")));
    let broken = SecretString::new("CANARY\r\nx: y".to_owned());
    assert!(matches!(Request::get(url()).bearer(&broken), Err(Error::Credentials)));
}

#[tokio::test]
async fn no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        let answer = format!("HTTP/1.1 {status} There\r\nlocation: /CANARY\r\ncontent-length: 0\r\n\r\n");
        let error = why(answered(&settings(), answer.into_bytes()).await);
        assert!(matches!(error, Error::Redirected(seen) if seen == status), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_read_to_its_end_announced_or_not() {
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n".to_vec();
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'x'; 1 << 20]].concat();
    let chunk = [b"3e8\r\n".as_slice(), &[b'x'; 1_000], b"\r\n"].concat();
    let chunked = [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".as_slice(), &chunk, &chunk].concat();
    for bytes in [announced, endless, chunked] {
        let error = why(answered(&settings(), bytes).await);
        assert!(matches!(error, Error::TooLong(1_000)), "{error:?}");
    }
    let full = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'x'; 1_000]].concat();
    assert_eq!(answered(&settings(), full).await.map(|answer| answer.body.len()).ok(), Some(1_000));
    let headers = [b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: yyyyyyyyyyyyyyyy\r\n".repeat(1 << 20)].concat();
    assert!(matches!(why(answered(&settings(), headers).await), Error::Broken(_)));
}

#[tokio::test]
async fn a_server_that_hangs_anywhere_costs_no_more_than_the_time_out() {
    let settings = Settings { timeout: Duration::from_millis(100), ..settings() };
    let unanswered = TcpListener::bind("127.0.0.1:0").expect("a port");
    let error = why(get(&settings, &format!("http://{}/", unanswered.local_addr().expect("bound"))).await);
    assert!(matches!(error, Error::TimedOut(_)), "{error:?}");
    for part in
        [b"HTTP/1.1 200 ".as_slice(), b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", &SMALL[..SMALL.len() - 1]]
    {
        let mut kept = Vec::new();
        let part = part.to_vec();
        let address = server(move |mut stream| {
            let _seen = read(&mut stream);
            stream.write_all(&part).expect("it listens");
            kept.push(stream);
        });
        let error = why(get(&settings, &format!("http://{address}/?CANARY")).await);
        assert!(matches!(error, Error::TimedOut(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_goes_away_or_talks_nonsense_is_told_of_as_such() {
    for bytes in [b"".as_slice(), b"220 mail.example ESMTP\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"] {
        let error = why(answered(&settings(), bytes.to_vec()).await);
        assert!(matches!(error, Error::Broken(_)), "{error:?}");
    }
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = gone.local_addr().expect("bound");
    drop(gone);
    let error = why(get(&settings(), &format!("http://{address}/?CANARY")).await);
    assert!(matches!(error, Error::Connect(_)) && chain(&error).contains("refused"), "{error:?}");
}

#[tokio::test]
async fn a_certificate_has_to_be_of_the_authorities_that_are_named_and_for_the_name() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let config = builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).expect("they fit");
    let config = Arc::new(config);
    let address = server(move |stream| {
        let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
        let mut stream = StreamOwned::new(session, stream);
        while read(&mut stream).is_some() {
            stream.write_all(SMALL).expect("it listens");
        }
    });
    let port = address.rsplit_once(':').expect("a port").1;
    let own = Trust::from_pem(&made.cert.pem()).expect("an authority");
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let other = Trust::from_pem(&other.cert.pem()).expect("an authority");
    for (trust, host, server_name, is_trusted) in [
        (own.clone(), "localhost", None, true),
        (own.clone(), "127.0.0.1", None, false),
        (own.clone(), "127.0.0.1", Some("localhost"), true),
        (own, "localhost", Some("other.test"), false),
        (other, "localhost", None, false),
        (Trust::System, "localhost", None, false),
    ] {
        let settings = Settings { trust, server_name: server_name.map(str::to_owned), ..settings() };
        let result = get(&settings, &format!("https://{host}:{port}/?CANARY")).await;
        if is_trusted {
            assert_eq!(result.map(|answer| answer.status).ok(), Some(200), "{host} {server_name:?}");
        } else {
            let error = why(result);
            let text = chain(&error);
            assert!(matches!(error, Error::Connect(_)) && text.contains("certificate"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_proxy_is_asked_for_others_and_never_for_this_machine() {
    let (sender, seen) = mpsc::channel();
    let proxy = server(move |mut stream| {
        let request = read(&mut stream).expect("a request");
        sender.send(request.0).expect("the test is there");
        stream.write_all(SMALL).expect("it listens");
    });
    let proxies = Proxies::from_variables(|name| match name {
        "http_proxy" => Some(format!("http://user:CANARY@{proxy}")),
        "NO_PROXY" => Some("direct.invalid".to_owned()),
        _ => None,
    });
    let settings = Settings { proxies, ..settings() };
    let direct = server(|mut stream| {
        let _seen = read(&mut stream);
        stream.write_all(SMALL).expect("it listens");
    });
    assert_eq!(get(&settings, &format!("http://{direct}/")).await.map(|answer| answer.status).ok(), Some(200));
    assert!(seen.try_recv().is_err(), "this machine is asked itself");
    // No such host can be: whoever asks for it fails, and the proxy knows better.
    assert!(matches!(why(get(&settings, "http://direct.invalid/").await), Error::Connect(_)));
    assert_eq!(get(&settings, "http://provider.invalid/keys").await.map(|answer| answer.status).ok(), Some(200));
    let head = seen.try_recv().expect("the proxy was asked");
    assert_eq!(head[0], "get http://provider.invalid/keys http/1.1");
    assert!(head.iter().any(|line| line.starts_with("proxy-authorization: basic ")), "{head:?}");
}

#[test]
fn forms_are_encoded() {
    assert_eq!(form(&[("a", "b c&d"), ("e", "ü+/=")]), "a=b+c%26d&e=%C3%BC%2B%2F%3D");
    assert_eq!(form(&[]), "");
}

#[test]
fn urls_of_the_web_are_asked_and_others_not() {
    for text in ["http://a.test/", "https://a.test:8443/x?y=z", "http://[::1]:1/", "https://127.0.0.1/"] {
        assert!(parse_url(text).is_ok(), "{text}");
    }
    let long = format!("https://a.test/{}", "x".repeat(URL_BYTES_MAX));
    for text in ["", "a.test", "/x", "file:///etc/passwd", "ftp://a.test/", "https://u:p@a.test/", "unix:/x", &long] {
        assert!(parse_url(text).is_err(), "{text}");
    }
    let url = parse_url("https://a.test/x?secret#part").expect("a URL");
    assert_eq!(shown(&url).to_string(), "https://a.test/x");
}

#[tokio::test]
async fn each_method_is_sent_as_it_is_called() {
    let (seen, asked) = mpsc::channel();
    let address = server(move |mut stream| {
        let (head, body) = read(&mut stream).expect("a request");
        seen.send((head[0].clone(), body)).expect("the test listens");
        let _sent = stream.write_all(b"HTTP/1.1 204 -\r\nX-RateLimit-Reset: 0.25\r\nconnection: close\r\n\r\n");
    });
    let url = || parse_url(&format!("http://{address}/a")).expect("a URL");
    let client = Client::new(&settings()).expect("a client");
    for (request, line, body) in [
        (Request::get(url()), "get /a http/1.1", ""),
        (Request::post(url(), "application/json", b"{}".to_vec()), "post /a http/1.1", "{}"),
        (Request::put(url(), "application/json", b"[]".to_vec()), "put /a http/1.1", "[]"),
        (Request::delete(url()), "delete /a http/1.1", ""),
    ] {
        let answer = client.ask(request).await.expect("an answer");
        assert_eq!(
            (answer.status, answer.header("x-ratelimit-reset"), answer.header("retry-after")),
            (204, Some("0.25"), None)
        );
        assert_eq!(asked.recv().expect("it was asked"), (line.to_owned(), body.to_owned()));
    }
}
