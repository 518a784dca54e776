//! TLS of a server's port.

use std::sync::Arc;

use rustls::{
    ServerConfig,
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};

use super::{Holds, Pem, chain, key, provider, roots};

/// From the certificate chain, its key and, where callers must show one, the CAs of theirs.
pub(super) fn config(files: &[(Holds, Pem)]) -> Result<ServerConfig, String> {
    let [(_, cert), (_, secret), callers @ ..] = files else {
        return Err("a certificate and a key are needed".into());
    };
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|why| why.to_string())?;
    let builder = match callers {
        [] => builder.with_no_client_auth(),
        [(_, ca), ..] => {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots(ca)?), provider())
                    .build()
                    .map_err(|why| ca.problem(why))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain(cert)?, key(secret)?)
        .map_err(|why| cert.problem(why))?;
    // browsers and curl may want the second
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if !callers.is_empty() {
        // a session that is taken up again shows no certificate: it would outlive the one it was opened with
        config.session_storage = Arc::new(NoServerSessionStorage {});
    }
    Ok(config)
}
