//! Certificates that are good, or wrong in one way.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, KeyPair};
use runtime::{TlsArgs, tls::PeerTlsArgs};

/// Who signs certificates, with its files in a directory.
pub struct Authority {
    directory: PathBuf,
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    /// A new one; its files are in `directory`, which is made, and no two may share one.
    pub fn new(directory: PathBuf) -> Self {
        fs::create_dir_all(&directory).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = directory.display().to_string();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap();
        fs::write(directory.join("ca.pem"), certificate.pem()).unwrap();
        Self {
            directory,
            certificate,
            key,
        }
    }

    /// The file that tells others whom to trust.
    pub fn ca(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// Certificate and key for these names (or addresses), in files called after `who`; over those that are there.
    pub fn issue(&self, who: &str, names: &[&str]) -> (PathBuf, PathBuf) {
        self.sign(who, Self::params(names))
    }

    /// The same, for a time that is over.
    pub fn issue_ended(&self, who: &str, names: &[&str]) -> (PathBuf, PathBuf) {
        let mut params = Self::params(names);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 2, 1);
        self.sign(who, params)
    }

    /// What a service shows and asks of its callers, and what it shows and asks of those it calls.
    pub fn mutual(&self, who: &str, names: &[&str]) -> TlsArgs {
        let (cert, key) = self.issue(who, names);
        TlsArgs {
            tls_cert: Some(cert),
            tls_key: Some(key),
            tls_client_ca: Some(self.ca()),
            peers: PeerTlsArgs {
                tls_ca: Some(self.ca()),
                ..PeerTlsArgs::default()
            },
        }
    }

    fn params(names: &[&str]) -> CertificateParams {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        CertificateParams::new(names).unwrap()
    }

    fn sign(&self, who: &str, params: CertificateParams) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let signed = params
            .signed_by(&key, &self.certificate, &self.key)
            .unwrap();
        let file = |kind: &str| self.directory.join(format!("{who}.{kind}"));
        replace(&file("crt"), &signed.pem());
        replace(&file("key"), &key.serialize_pem());
        (file("crt"), file("key"))
    }
}

/// As whoever rotates does it: what is read meanwhile is whole.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, file).unwrap();
}
