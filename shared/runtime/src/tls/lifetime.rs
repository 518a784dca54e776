//! From when until when certificates are good, as numbers to be warned by.

use rustls::pki_types::{CertificateDer, pem::PemObject};
use x509_cert::{
    certificate::{CertificateInner, Rfc5280},
    der::Decode,
    time::Validity,
};

use super::files::Pem;

/// What a file of TLS holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// The certificate that is shown, and those between it and an authority.
    Own,
    /// Its private key.
    Key,
    /// Certificates of authorities that are believed.
    Authorities,
}

impl Holds {
    /// The value of the label `which`; none for what has no end.
    fn label(self) -> Option<&'static str> {
        match self {
            Self::Own => Some("own"),
            Self::Authorities => Some("authority"),
            Self::Key => None,
        }
    }
}

/// Sets the numbers of `side` to what these files hold: of several certificates the one that ends first, since
/// whoever needs that one is locked out then. One whose dates cannot be read changes nothing: whether it can be
/// used is not for numbers to say.
pub(super) fn tell(side: &'static str, files: &[(Holds, Pem)]) {
    for (holds, pem) in files {
        let Some(which) = holds.label() else { continue };
        let Some((begin, end)) = first_to_end(&pem.bytes) else {
            continue;
        };
        metrics::gauge!("tls_certificate_begin_time_seconds", "side" => side, "which" => which)
            .set(begin as f64);
        metrics::gauge!("tls_certificate_end_time_seconds", "side" => side, "which" => which)
            .set(end as f64);
    }
}

/// Unix times in seconds between which it is good.
fn first_to_end(pem: &[u8]) -> Option<(u64, u64)> {
    CertificateDer::pem_slice_iter(pem)
        .flatten()
        .filter_map(|certificate| validity(&certificate))
        .map(|validity| {
            let seconds = |time: x509_cert::time::Time| time.to_unix_duration().as_secs();
            (seconds(validity.not_before), seconds(validity.not_after))
        })
        .min_by_key(|(_, end)| *end)
}

fn validity(certificate: &[u8]) -> Option<Validity> {
    let certificate = CertificateInner::<Rfc5280>::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate.validity)
}
