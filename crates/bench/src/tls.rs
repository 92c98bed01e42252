//! Load that `wrk` cannot make: handshakes, and connections that only stay open.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustls::client::Resumption;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::now;

/// How many handshakes are under way at once.
const HANDSHAKES_AT_ONCE: usize = 16;

/// A client that trusts one authority and resumes nothing.
#[derive(Clone)]
pub struct Client(TlsConnector);

impl Client {
    /// Trusts the authority in this file.
    ///
    /// # Errors
    /// When the file holds none.
    pub fn new(authority: &Path) -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority).context("reading the authority")?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    async fn repeat(self, address: SocketAddr, start: Instant, time: Duration) -> Result<usize> {
        let mut count = 0;
        while start.elapsed() < time {
            drop(self.connect(address).await?);
            count += 1;
        }
        Ok(count)
    }

    /// One connection with a whole handshake.
    ///
    /// # Errors
    /// When the server does not take it.
    pub async fn connect(&self, address: SocketAddr) -> Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost")?;
        Ok(self.0.connect(name, stream).await?)
    }

    /// Makes handshakes for this long and closes each connection at once; how many, and how many a
    /// second.
    ///
    /// # Errors
    /// When one fails.
    pub fn handshakes(&self, address: SocketAddr, time: Duration) -> Result<(f64, f64)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let start = now();
        let count: usize = runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..HANDSHAKES_AT_ONCE {
                tasks.spawn(self.clone().repeat(address, start, time));
            }
            let mut all = 0;
            while let Some(count) = tasks.join_next().await {
                all += count??;
            }
            anyhow::Ok(all)
        })?;
        let count = f64::from(u32::try_from(count)?);
        Ok((count, count / start.elapsed().as_secs_f64()))
    }
}
