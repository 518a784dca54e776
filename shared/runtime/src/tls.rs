//! TLS on a server's port and towards the services it calls: optional, 1.3 only, and with files that are read
//! again when they change, so that nothing is restarted for a new certificate.

mod files;
mod lifetime;
mod peers;
mod port;
mod stream;

use std::path::PathBuf;

use clap::Args;
use rustls::{
    RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde::Serialize;

pub(crate) use files::{LOOK, Reloaded};
pub use peers::PeerTls;
pub(crate) use stream::Stream;

use crate::StartError;
use files::Pem;
use lifetime::Holds;

/// Certificates of a process, all PEM. Without any of them nothing is encrypted.
#[derive(Debug, Clone, Default, Args, Serialize)]
pub struct TlsArgs {
    /// Serve TLS 1.3 with the certificate chain in this file, its own certificate first; in clear when not given.
    /// This file and the others of TLS are read again within seconds when they change.
    #[arg(long, env = "TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of --tls-cert.
    #[arg(long, env = "TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Let nobody in who shows no certificate of a CA in this file; whoever connects when not given.
    #[arg(long, env = "TLS_CLIENT_CA", value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,

    /// What is shown to, and asked of, the services called.
    #[command(flatten)]
    #[serde(flatten)]
    pub peers: PeerTlsArgs,
}

/// What a caller of services needs where their addresses begin with `https://`.
#[derive(Debug, Clone, Default, Args, Serialize)]
pub struct PeerTlsArgs {
    /// Services at https:// addresses must show a certificate of a CA in this file, for the name they are called by.
    #[arg(long, env = "TLS_CA", value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,

    /// Certificate chain shown to services at https:// addresses; that of --tls-cert, if there is one, when not given.
    #[arg(long, env = "TLS_CLIENT_CERT", value_name = "FILE")]
    pub tls_client_cert: Option<PathBuf>,

    /// Private key of --tls-client-cert.
    #[arg(long, env = "TLS_CLIENT_KEY", value_name = "FILE")]
    pub tls_client_key: Option<PathBuf>,
}

impl TlsArgs {
    /// What a port speaks TLS with; none in clear.
    pub(crate) fn port(&self) -> Result<Option<Reloaded<rustls::ServerConfig>>, StartError> {
        let pair = pair(("--tls-cert", &self.tls_cert), ("--tls-key", &self.tls_key))?;
        let Some((cert, key)) = pair else {
            return match self.tls_client_ca {
                Some(_) => Err(half("--tls-client-ca", "--tls-cert and --tls-key")),
                None => Ok(None),
            };
        };
        let callers = self
            .tls_client_ca
            .clone()
            .map(|ca| (Holds::Authorities, ca));
        let files = own(cert, key).into_iter().chain(callers);
        Reloaded::load("server", files.collect(), port::config).map(Some)
    }

    /// What the services called are called with; none where no CA is given.
    pub(crate) fn peers(&self) -> Result<Option<PeerTls>, StartError> {
        let mut peers = self.peers.clone();
        let shows_its_own = peers.tls_client_cert.is_some() || peers.tls_client_key.is_some();
        if peers.tls_ca.is_some() && !shows_its_own {
            peers.tls_client_cert.clone_from(&self.tls_cert);
            peers.tls_client_key.clone_from(&self.tls_key);
        }
        peers.open()
    }
}

impl PeerTlsArgs {
    /// What services are called with; none where no CA is given.
    ///
    /// # Errors
    /// When one of a certificate and its key is missing, or a file cannot be used.
    pub fn open(&self) -> Result<Option<PeerTls>, StartError> {
        let shown = pair(
            ("--tls-client-cert", &self.tls_client_cert),
            ("--tls-client-key", &self.tls_client_key),
        )?;
        let Some(ca) = &self.tls_ca else {
            return match shown {
                Some(_) => Err(half("--tls-client-cert", "--tls-ca")),
                None => Ok(None),
            };
        };
        let shown = shown.into_iter().flat_map(|(cert, key)| own(cert, key));
        let believed = std::iter::once((Holds::Authorities, ca.clone()));
        let files = believed.chain(shown).collect();
        Reloaded::load("client", files, peers::config).map(|config| Some(PeerTls::new(config)))
    }
}

/// What is shown, in the order in which configurations are made of it.
fn own(cert: PathBuf, key: PathBuf) -> [(Holds, PathBuf); 2] {
    [(Holds::Own, cert), (Holds::Key, key)]
}

/// Both or none.
fn pair(
    (cert, cert_file): (&str, &Option<PathBuf>),
    (key, key_file): (&str, &Option<PathBuf>),
) -> Result<Option<(PathBuf, PathBuf)>, StartError> {
    match (cert_file, key_file) {
        (Some(cert), Some(key)) => Ok(Some((cert.clone(), key.clone()))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(half(cert, key)),
        (None, Some(_)) => Err(half(key, cert)),
    }
}

fn half(given: &str, missing: &str) -> StartError {
    StartError::Config(format!(
        "TLS is configured by half: {given} needs {missing} beside it; give both, or neither"
    ))
}

/// Named, not installed: a library that picks one for the whole process would have to be the only one to do so.
fn provider() -> std::sync::Arc<CryptoProvider> {
    std::sync::Arc::new(rustls::crypto::ring::default_provider())
}

fn chain(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_slice_iter(&pem.bytes).collect::<Result<Vec<_>, _>>();
    match read {
        Ok(chain) if chain.is_empty() => Err(pem.problem("it has no certificate in PEM")),
        Ok(chain) => Ok(chain),
        Err(why) => Err(pem.problem(&why)),
    }
}

fn key(pem: &Pem) -> Result<PrivateKeyDer<'static>, String> {
    // what exactly is wrong with a private key is for nobody's log
    PrivateKeyDer::from_pem_slice(&pem.bytes)
        .map_err(|_| pem.problem("it has no private key in PEM"))
}

fn roots(pem: &Pem) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(pem)? {
        roots.add(certificate).map_err(|why| pem.problem(&why))?;
    }
    Ok(roots)
}
