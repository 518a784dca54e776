//! From where somebody asks, when proxies stand in front.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{Extensions, HeaderMap};
use ipnet::IpNet;
use runtime::crowd::Whence;
use tonic::transport::server::TcpConnectInfo;

/// Where each proxy adds whom it was called by.
const FORWARDED: &str = "x-forwarded-for";
/// Of a network of IPv6 a customer has at least this much to themselves.
const NETWORK: u32 = 64;
/// Proxies in a row at the most; whoever stands behind more is not told apart.
const HOPS: usize = 16;

/// Who is counted as one: an address, or of IPv6 a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Address(IpAddr);

impl Address {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(six) => {
                let network = u128::MAX << (128 - NETWORK);
                IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & network))
            }
            four => four,
        })
    }
}

/// The networks whose proxies are believed.
pub(crate) struct Proxies(Vec<IpNet>);

impl Proxies {
    pub(crate) fn new(trusted: Vec<IpNet>) -> Self {
        Self(trusted)
    }

    /// Who sent a request: its connection's other end or, as far as proxies that are trusted say so, whom the
    /// outermost of them was called by. What stands further left in the header anybody may have written.
    pub(crate) fn client(&self, headers: &HeaderMap, extensions: &Extensions) -> Address {
        let peer = extensions
            .get::<TcpConnectInfo>()
            .and_then(TcpConnectInfo::remote_addr)
            .map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
        self.of(peer, headers)
    }

    fn behind(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        // what the client wrote on the left may be anything, and takes nothing from what stands to its right
        let lines = headers.get_all(FORWARDED).iter().rev();
        let lines: Vec<_> = lines
            .map(|line| String::from_utf8_lossy(line.as_bytes()))
            .collect();
        let hops = lines.iter().flat_map(|line| line.rsplit(','));
        for hop in hops.take(HOPS) {
            // a proxy that writes something else hides who it was called by
            let Some(hop) = address(hop.trim()) else {
                break;
            };
            client = hop;
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    /// As [`Self::client`], of a connection whose other end is known.
    fn of(&self, peer: IpAddr, headers: &HeaderMap) -> Address {
        Address::of(self.behind(peer, headers))
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl Whence for Proxies {
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.of(peer, headers).0
    }

    fn is_proxy(&self, peer: IpAddr) -> bool {
        self.trusts(peer.to_canonical())
    }
}

/// An address as proxies write it: some add the port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let parsed = bare.parse().ok().or_else(|| {
        text.parse()
            .ok()
            .map(|socket: std::net::SocketAddr| socket.ip())
    });
    parsed.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let proxies = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let mut headers = HeaderMap::new();
        for line in forwarded {
            let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            headers.append(FORWARDED, line);
        }
        let mut extensions = Extensions::new();
        extensions.insert(TcpConnectInfo {
            local_addr: None,
            remote_addr: Some(format!("{peer}:4711").parse().unwrap()),
        });
        let Address(address) = Proxies::new(proxies.to_vec()).client(&headers, &extensions);
        address.to_string()
    }

    #[test]
    fn nobody_names_their_own_address() {
        assert_eq!(client("192.0.2.1", &[]), "192.0.2.1");
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(
            client("10.0.0.1", &["198.51.100.7, 192.0.2.1"]),
            "192.0.2.1"
        );
        assert_eq!(
            client("10.0.0.1", &["198.51.100.7", "192.0.2.1"]),
            "192.0.2.1"
        );
    }

    #[test]
    fn behind_proxies_that_are_trusted_it_is_whom_the_outermost_was_called_by() {
        assert_eq!(client("10.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(
            client("10.0.0.1", &["198.51.100.7, 192.0.2.1, 10.0.0.9, 10.1.1.1"]),
            "192.0.2.1"
        );
        assert_eq!(client("10.0.0.1", &["192.0.2.1:1234"]), "192.0.2.1");
        assert_eq!(client("[::ffff:10.0.0.1]", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(client("[fd00::1]", &["[2001:db8::1]:443"]), "2001:db8::");
    }

    #[test]
    fn a_header_that_is_missing_or_nonsense_leaves_the_proxy_itself() {
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["192.0.2.1, _hidden"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["10.0.0.2, 10.0.0.3"]), "10.0.0.2");
        assert_eq!(client("10.0.0.1", &["Zoë, 192.0.2.1"]), "192.0.2.1");
        let endless = vec!["10.0.0.5"; 1_000].join(",");
        assert_eq!(
            client("10.0.0.1", &[&format!("192.0.2.1,{endless}")]),
            "10.0.0.5"
        );
    }

    #[test]
    fn a_network_of_ipv6_is_one_customer() {
        assert_eq!(client("[2001:db8:1:2:3:4:5:6]", &[]), "2001:db8:1:2::");
        assert_eq!(client("[::ffff:192.0.2.1]", &[]), "192.0.2.1");
    }
}
