//! TLS towards the services that are called.

use std::{io, sync::Arc, time::Instant};

use http::Uri;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::{
    ClientConfig,
    client::Resumption,
    pki_types::{IpAddr, ServerName},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint};

use super::{Holds, LOOK, Pem, Reloaded, chain, key, provider, roots};

/// Whom a process trusts to be the services it calls, and what it shows them.
#[derive(Clone)]
pub struct PeerTls {
    shared: Arc<Shared>,
}

struct Shared {
    config: Reloaded<ClientConfig>,
    looked: Mutex<Instant>,
}

impl PeerTls {
    pub(super) fn new(config: Reloaded<ClientConfig>) -> Self {
        let looked = Mutex::new(Instant::now());
        Self {
            shared: Arc::new(Shared { config, looked }),
        }
    }

    /// A channel to `place`, HOST:PORT, where the host named in `origin` must be at home. Each connection is made
    /// with what the files hold then.
    pub(crate) fn channel(&self, endpoint: Endpoint, origin: Uri, place: String) -> Channel {
        let shared = self.shared.clone();
        let connector = tower::service_fn(move |_: Uri| {
            let shared = shared.clone();
            let place = place.clone();
            let host = origin.host().unwrap_or_default().to_owned();
            async move {
                shared
                    .connect(&place, &host)
                    .await
                    .map(TokioIo::new)
                    .inspect_err(|why| tracing::warn!(host, %place, %why, "no TLS connection"))
            }
        });
        endpoint.connect_with_connector_lazy(connector)
    }
}

impl Shared {
    async fn connect(&self, place: &str, host: &str) -> io::Result<TlsStream<TcpStream>> {
        if self.is_due() {
            self.config.refresh();
        }
        let name = server_name(host)?;
        let stream = TcpStream::connect(place).await?;
        stream.set_nodelay(true)?;
        TlsConnector::from(self.config.current())
            .connect(name, stream)
            .await
    }

    fn is_due(&self) -> bool {
        let mut looked = self.looked.lock();
        let due = looked.elapsed() >= LOOK;
        if due {
            *looked = Instant::now();
        }
        due
    }
}

/// An address counts as one: a certificate may be for it.
fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    let host = host.trim_matches(['[', ']']);
    if let Ok(address) = host.parse::<std::net::IpAddr>() {
        return Ok(ServerName::IpAddress(IpAddr::from(address)));
    }
    ServerName::try_from(host.to_owned()).map_err(io::Error::other)
}

/// From the CAs of the services and, where one is shown, the certificate chain and its key.
pub(super) fn config(files: &[(Holds, Pem)]) -> Result<ClientConfig, String> {
    let [(_, ca), own @ ..] = files else {
        return Err("a CA is needed".into());
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|why| why.to_string())?
        .with_root_certificates(roots(ca)?);
    let mut config = match own {
        [(_, cert), (_, secret)] => builder
            .with_client_auth_cert(chain(cert)?, key(secret)?)
            .map_err(|why| cert.problem(why))?,
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    // each connection is verified anew, with the CAs of now
    config.resumption = Resumption::disabled();
    Ok(config)
}
