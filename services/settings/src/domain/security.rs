//! Who may open a workspace's Messenger, and where it may be embedded.

use super::{Platform, StaleVersion};

/// Origins at the most.
pub const MAX_ORIGINS: usize = 100;
/// Characters of an origin at the most.
const MAX_ORIGIN: usize = 255;

/// Whether a platform asks for a signed user token before it believes who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdentityMode {
    /// It does.
    #[default]
    Enforced,
    /// A user id without a token becomes an unverified contact of its own.
    Optional,
}

impl IdentityMode {
    /// Its name, as stored and audited.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforced => "ENFORCED",
            Self::Optional => "OPTIONAL",
        }
    }

    /// The mode of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Enforced, Self::Optional]
            .into_iter()
            .find(|one| one.as_str() == name)
    }
}

/// Where a Messenger may be embedded: one origin, or those of all hosts one label below another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(String);

/// A text that is no origin to embed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be https://HOST, https://*.HOST or http://localhost, with a port or without, and no path; a host \
     with other letters than a to z is written as its browsers' address (xn--…)"
)]
pub struct InvalidOrigin;

impl Origin {
    /// Reads one. What it lets pass can stand in a header as it is.
    ///
    /// # Errors
    /// When it is not `https` (but for this machine), has a path, a user or a wildcard elsewhere than as
    /// its first label.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let text = text.to_ascii_lowercase();
        if text.len() > MAX_ORIGIN {
            return Err(InvalidOrigin);
        }
        let (scheme, rest) = text.split_once("://").ok_or(InvalidOrigin)?;
        let (host, port) = match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        };
        let own_machine = matches!(host, "localhost" | "127.0.0.1");
        let fits = match scheme {
            "https" => own_machine || is_host(host),
            "http" => own_machine,
            _ => false,
        };
        if !fits || !port.is_none_or(is_port) {
            return Err(InvalidOrigin);
        }
        let usual = match scheme {
            "https" => "443",
            _ => "80",
        };
        Ok(Self(match port.filter(|port| *port != usual) {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }))
    }

    /// As browsers write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name of at least two labels, of which the first may be a wildcard if two come after it.
fn is_host(host: &str) -> bool {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let labels: Vec<&str> = name.split('.').collect();
    let top = labels.last().copied().unwrap_or_default();
    // a top label of digits is an address, below which there are no hosts
    let is_address = top.bytes().all(|byte| byte.is_ascii_digit());
    labels.len() >= 2 && labels.iter().all(|label| is_label(label)) && !(is_address && name != host)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_port(port: &str) -> bool {
    !port.starts_with('0')
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok()
}

/// The modes and origins of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessengerSecurity {
    optional: Vec<Platform>,
    origins: Vec<Origin>,
    version: u64,
}

impl MessengerSecurity {
    /// As stored: the platforms that do not enforce, the origins, and the version.
    pub fn new(optional: Vec<Platform>, origins: Vec<Origin>, version: u64) -> Self {
        Self {
            optional,
            origins,
            version,
        }
    }

    /// What a platform asks for.
    pub fn mode(&self, platform: Platform) -> IdentityMode {
        match self.optional.contains(&platform) {
            true => IdentityMode::Optional,
            false => IdentityMode::Enforced,
        }
    }

    /// Where the Messenger may be embedded, each once, in order.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// Grows by 1 with every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// With a platform's mode; `None` when it is so already, whatever version the caller has read.
    ///
    /// # Errors
    /// When it would be a change, decided on another version.
    pub fn with_mode(
        &self,
        platform: Platform,
        mode: IdentityMode,
        expected_version: u64,
    ) -> Result<Option<Self>, StaleVersion> {
        let mut next = self.clone();
        next.optional.retain(|one| *one != platform);
        if mode == IdentityMode::Optional {
            next.optional.push(platform);
            next.optional.sort_unstable();
        }
        self.moved_to(next, expected_version)
    }

    /// With these origins, each once; `None` when they are so already, whatever version the caller has
    /// read.
    ///
    /// # Errors
    /// When it would be a change, decided on another version.
    pub fn with_origins(
        &self,
        mut origins: Vec<Origin>,
        expected_version: u64,
    ) -> Result<Option<Self>, StaleVersion> {
        origins.sort_unstable();
        origins.dedup();
        let next = Self {
            origins,
            ..self.clone()
        };
        self.moved_to(next, expected_version)
    }

    fn moved_to(&self, next: Self, expected_version: u64) -> Result<Option<Self>, StaleVersion> {
        if next == *self {
            return Ok(None);
        }
        if expected_version != self.version {
            return Err(StaleVersion {
                current: self.version,
            });
        }
        Ok(Some(Self {
            version: self.version + 1,
            ..next
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_exact_or_has_a_wildcard_as_its_first_label() {
        for (text, told) in [
            ("https://example.com", "https://example.com"),
            ("HTTPS://Shop.Example.com:443", "https://shop.example.com"),
            ("https://example.com:8443", "https://example.com:8443"),
            ("https://*.example.com", "https://*.example.com"),
            (
                "https://xn--bcher-kva.example",
                "https://xn--bcher-kva.example",
            ),
            ("https://192.0.2.1", "https://192.0.2.1"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
        ] {
            assert_eq!(Origin::parse(text).map(|o| o.0), Ok(told.to_owned()));
        }
        for bad in [
            "",
            "*",
            "https://*",
            "https://*.com",
            "https://a.*.com",
            "https://*.*.example.com",
            "https://*a.example.com",
            "https://*.0.2.1",
            "http://example.com",
            "ftp://example.com",
            "example.com",
            "//example.com",
            "https://example.com/",
            "https://example.com/a",
            "https://example.com?a",
            "https://user@example.com",
            "https://example.com:",
            "https://example.com:0",
            "https://example.com:65536",
            "https://example.com:+80",
            "https://example.com:1:2",
            "https://example.com; script-src *",
            "https://a;b.com",
            "https://a,b.com",
            "https://exa mple.com",
            "https://example.com ",
            "https://-a.com",
            "https://a..com",
            "https://bücher.example",
            "https://example",
            "http://localhost.evil.com",
            &format!("https://{}.com", "a.".repeat(126)),
        ] {
            assert_eq!(Origin::parse(bad), Err(InvalidOrigin), "{bad}");
        }
    }

    fn origins(texts: &[&str]) -> Vec<Origin> {
        texts.iter().map(|t| Origin::parse(t).unwrap()).collect()
    }

    #[test]
    fn a_platform_enforces_until_it_is_told_not_to_and_each_for_itself() {
        let before = MessengerSecurity::default();
        let optional = before.with_mode(Platform::Ios, IdentityMode::Optional, 0);
        let optional = optional.unwrap().unwrap();
        let modes = |security: &MessengerSecurity| Platform::ALL.map(|on| security.mode(on));
        use IdentityMode::{Enforced, Optional};
        assert_eq!(modes(&before), [Enforced; 3]);
        assert_eq!(modes(&optional), [Enforced, Optional, Enforced]);
        assert_eq!(optional.version(), 1);
        let back = optional.with_mode(Platform::Ios, Enforced, 1);
        assert_eq!(modes(&back.unwrap().unwrap()), [Enforced; 3]);
    }

    #[test]
    fn a_change_is_decided_on_the_newest_version_and_none_is_none() {
        let one = MessengerSecurity::default()
            .with_origins(
                origins(&["https://b.com", "https://a.com", "https://b.com"]),
                0,
            )
            .unwrap()
            .unwrap();
        assert_eq!(one.origins(), origins(&["https://a.com", "https://b.com"]));
        let again = origins(&["https://b.com", "https://a.com"]);
        assert_eq!(one.with_origins(again, 0), Ok(None));
        assert_eq!(
            one.with_mode(Platform::Web, IdentityMode::Enforced, 7),
            Ok(None)
        );
        let stale = StaleVersion { current: 1 };
        assert_eq!(one.with_origins(Vec::new(), 0), Err(stale));
        assert_eq!(
            one.with_mode(Platform::Web, IdentityMode::Optional, 2),
            Err(stale)
        );
    }
}
