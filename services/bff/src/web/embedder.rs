//! Who may show the Messenger on its pages, as a flag says it.

use std::str::FromStr;

/// An origin such as `https://shop.example.com`; a star for one label on the left, `https://*.example.com`; and
/// on a machine's own addresses one for the port, `http://127.0.0.1:*`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Embedder(String);

impl Embedder {
    /// As a policy for browsers says it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Embedder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not an origin; it is like https://shop.example.com, without a path"
            )
        };
        let (scheme, authority) = text.split_once("://").ok_or_else(wrong)?;
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
        let own = ["127.0.0.1", "localhost"].contains(&host);
        let port_is_right = match port {
            "" => !authority.ends_with(':'),
            "*" => own,
            port => port.parse::<u16>().is_ok(),
        };
        let name = host.strip_prefix("*.").unwrap_or(host);
        // a star over a whole top level is everybody
        let dots = if name == host { 0 } else { 1 };
        let host_is_right = name.split('.').count() > dots
            && name.split('.').all(|label| {
                !label.is_empty()
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            });
        // what travels in the clear can be changed on its way; a machine's own does not travel
        let scheme_is_right = scheme == "https" || (scheme == "http" && own);
        if scheme_is_right && host_is_right && port_is_right {
            Ok(Self(text.to_owned()))
        } else {
            Err(wrong())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_may_embed_is_named_exactly_or_by_one_label() {
        for right in [
            "https://shop.example.com",
            "https://*.example.com",
            "https://shop.example.com:8443",
            "http://localhost:*",
            "http://127.0.0.1:7105",
        ] {
            assert_eq!(right.parse::<Embedder>().unwrap().as_str(), right);
        }
        for wrong in [
            "",
            "*",
            "https://*",
            "https://*.com",
            "https://*.*.example.com",
            "https://shop.example.com/",
            "https://shop.example.com:",
            "https://shop.example.com:*",
            "http://shop.example.com",
            "https://shop.example.com; script-src *",
            "https://Shop.example.com",
            "javascript://shop",
        ] {
            assert!(wrong.parse::<Embedder>().is_err(), "{wrong}");
        }
    }
}
