//! A listener on a free port with a scripted service, and clients that say exactly what a test wants them to say.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use env::simulated::{self, SimulatedClock};
use framework::{Answer, BrowserSettings, Error, Header, Load, Operation, Reply, Request, Service};
use http_api::{Admission, AdmissionLimits, Handle, Listener, ListenerConfig};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

type Script = Box<dyn Fn(&Request) -> Result<Reply, Error> + Send + Sync>;

/// Answers by script. A request below `stuck/` is never answered, unless its gate opens; the answer to one below
/// `counted/` has a header of its own, whatever the script says.
pub(crate) struct Scripted {
    script: Script,
    seen: Mutex<Vec<Request>>,
    gate: tokio::sync::Semaphore,
    settings: Mutex<Result<BrowserSettings, &'static str>>,
    settings_asked: AtomicUsize,
}

#[async_trait]
impl Service for Scripted {
    async fn answer(&self, request: Request) -> Answer {
        let (id, is_stuck) = (request.id.clone(), request.path.starts_with("stuck/"));
        self.seen.lock().unwrap().push(request.clone());
        if is_stuck {
            self.gate.acquire().await.unwrap().forget();
        }
        let counted = request.path.starts_with("counted/");
        let headers = counted.then(|| Header { name: "X-Ratelimit-Limit".into(), value: "5".to_owned() });
        let headers = headers.into_iter().collect();
        let index = request.operation.has_body().then(|| "aW5kZXg=".to_owned());
        Answer { request_id: id, mount_type: "kv".into(), result: (self.script)(&request), index, headers }
    }

    fn is_urgent(&self, _: Operation, path: &str) -> bool {
        path == "urgent"
    }

    fn reads_body(&self, operation: Operation, path: &str) -> bool {
        operation.has_body() || path == "attempt"
    }

    async fn browser_settings(&self) -> Result<Arc<BrowserSettings>, Error> {
        self.settings_asked.fetch_add(1, Ordering::Relaxed);
        let settings = self.settings.lock().unwrap().clone();
        settings.map(Arc::new).map_err(|why| Error::world("reading core/cors", why))
    }
}

pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) handle: Handle,
    pub(crate) load: Arc<Load>,
    service: Arc<Scripted>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

/// Port 0 of the loopback.
pub(crate) fn config() -> ListenerConfig {
    ListenerConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)))
}

impl Rig {
    pub(crate) async fn new(script: impl Fn(&Request) -> Result<Reply, Error> + Send + Sync + 'static) -> Self {
        Self::with(config(), script).await
    }

    pub(crate) async fn with(
        config: ListenerConfig,
        script: impl Fn(&Request) -> Result<Reply, Error> + Send + Sync + 'static,
    ) -> Self {
        Self::bounded(config, AdmissionLimits::default(), script).await
    }

    pub(crate) async fn bounded(
        config: ListenerConfig,
        bounds: AdmissionLimits,
        script: impl Fn(&Request) -> Result<Reply, Error> + Send + Sync + 'static,
    ) -> Self {
        let (env, clock) = simulated::env(7);
        let gate = tokio::sync::Semaphore::new(0);
        let service = Arc::new(Scripted {
            script: Box::new(script),
            seen: Mutex::default(),
            gate,
            settings: Mutex::new(Ok(BrowserSettings::default())),
            settings_asked: AtomicUsize::new(0),
        });
        let load = Arc::new(Load::default());
        let admission = Admission::new(bounds, &env, Arc::clone(&load));
        let dyn_service = Arc::clone(&service) as Arc<dyn Service>;
        let listener = Listener::bind(&config, dyn_service, admission, env).await.unwrap();
        // A Unix socket has no address; whoever makes one knows its path.
        let address = listener.local_addr().unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let handle = listener.handle();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(listener.serve(async {
            drop(stopped.await);
        }));
        Self { address, clock, handle, load, service, stop: Some(stop), serving }
    }

    /// Tells the listener to stop.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until the listener has ended.
    pub(crate) async fn ended(self) {
        self.serving.await.unwrap();
    }

    /// What the service says about browsers from now on.
    pub(crate) fn set_browser_settings(&self, settings: Result<BrowserSettings, &'static str>) {
        *self.service.settings.lock().unwrap() = settings;
    }

    /// How often the service was asked about browsers.
    pub(crate) fn settings_asked(&self) -> usize {
        self.service.settings_asked.load(Ordering::Relaxed)
    }

    /// The paths of all requests that reached the service, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.service.seen.lock().unwrap().iter().map(|request| request.path.clone()).collect()
    }

    /// Lets this many stuck requests go on.
    pub(crate) fn let_go(&self, count: usize) {
        self.service.gate.add_permits(count);
    }

    /// Lets every stuck request go on.
    pub(crate) fn open_gate(&self) {
        self.service.gate.add_permits(1000);
    }

    /// The latest request that reached the service.
    pub(crate) fn last(&self) -> Request {
        self.service.seen.lock().unwrap().last().cloned().expect("a request has reached the service")
    }

    pub(crate) fn count(&self) -> usize {
        self.service.seen.lock().unwrap().len()
    }

    /// Waits until this many requests have reached the service.
    pub(crate) async fn reached(&self, count: usize) {
        while self.count() < count {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// One request on a connection of its own: method, target, header lines, body.
    pub(crate) async fn ask(&self, method: &str, target: &str, headers: &[&str], body: &str) -> Answered {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        if !body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        self.say(&format!("{head}\r\n{body}")).await
    }

    pub(crate) async fn get(&self, target: &str) -> Answered {
        self.ask("GET", target, &[], "").await
    }

    /// These bytes, and what comes back until the other side closes.
    pub(crate) async fn say(&self, text: &str) -> Answered {
        converse(self.connect().await, text).await
    }

    /// Sends the first request of all and waits until it is stuck in the service, with its body.
    pub(crate) async fn send_stuck(&self, text: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        self.reached(1).await;
        stream
    }

    /// How far the clock has been turned.
    pub(crate) fn clock_secs(&self) -> u64 {
        env::Clock::monotonic(self.clock.as_ref()).as_secs()
    }

    /// Turns the clock second by second until the future completes.
    pub(crate) async fn turn_until<T>(&self, future: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            output = future => output,
            never = async {
                loop {
                    // The other tasks and the sockets get their turns before the clock moves on.
                    for _ in 0..200 {
                        tokio::task::yield_now().await;
                    }
                    self.clock.advance(Duration::from_secs(1));
                }
            } => never,
        }
    }
}

/// Says something and listens until the other side closes.
pub(crate) async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &str) -> Answered {
    // Who is refused early may find the connection closed before all is said; the answer is there all the same.
    drop(stream.write_all(text.as_bytes()).await);
    read(stream).await
}

/// Listens until the other side closes.
pub(crate) async fn read(mut stream: impl AsyncRead + Unpin) -> Answered {
    let mut bytes = Vec::new();
    // A reset after the answer is as good as a close.
    drop(stream.read_to_end(&mut bytes).await);
    Answered::parse(&String::from_utf8(bytes).unwrap())
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answered {
    /// 0 when there was no answer at all.
    pub(crate) status: u16,
    /// Lower-case lines.
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

impl Answered {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let headers = lines.map(str::to_owned).collect();
        Self { status: status.unwrap_or(0), headers, body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// Asserts a status and the texts under `errors`.
    pub(crate) fn assert_errors(&self, status: u16, errors: &[&str]) {
        assert_eq!((self.status, self.json()), (status, serde_json::json!({ "errors": errors })));
    }
}
