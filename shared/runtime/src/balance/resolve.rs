//! Which replicas there are.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;
use http::{Uri, uri::PathAndQuery};
use tokio::{net::lookup_host, task::JoinSet, time::timeout};
use tonic::transport::Endpoint;

use super::{Backend, Known};
use crate::{PeerTls, StartError, client};

/// How often names are looked up again.
const REFRESH: Duration = Duration::from_secs(5);
/// How often while none of the replicas known is there.
const REFRESH_WHEN_LOST: Duration = Duration::from_secs(1);
/// A look-up that takes longer has failed.
const LOOK_UP: Duration = Duration::from_secs(3);
/// Addresses of one service at the most.
const REPLICAS: usize = 256;

/// Where to look for a service.
pub(super) struct Places(Vec<Place>);

struct Place {
    uri: Uri,
    host: String,
    port: u16,
}

impl Places {
    pub(super) fn parse(addresses: &str) -> Result<Self, StartError> {
        let places = addresses.split(',').map(|address| {
            let address = address.trim();
            place(address).ok_or_else(|| {
                StartError::Config(format!(
                    "{address:?} is not an address such as http://127.0.0.1:7101"
                ))
            })
        });
        Ok(Self(places.collect::<Result<_, _>>()?))
    }

    /// Says at the start, and not with the first call, that TLS is missing.
    pub(super) fn are_reachable(&self, tls: Option<&PeerTls>) -> Result<(), StartError> {
        for place in &self.0 {
            client::needed(&place.uri, tls)?;
        }
        Ok(())
    }

    /// One address for certain: a name may have several.
    pub(super) fn is_one(&self) -> bool {
        matches!(&self.0[..], [place] if place.host.parse::<IpAddr>().is_ok())
    }
}

fn place(address: &str) -> Option<Place> {
    let uri: Uri = address.parse().ok()?;
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    if !matches!(uri.scheme_str(), Some("http" | "https")) || path != "/" {
        return None;
    }
    let host = uri.host()?.trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(client::default_port(&uri));
    Some(Place { uri, host, port })
}

/// Keeps the list of replicas up to date. What DNS told last of a name stands while it fails or says that there
/// is none: replicas that are gone do not serve anyway.
pub(super) async fn resolve(places: Places, tls: Option<PeerTls>, known: Arc<Known>) {
    let mut watches = JoinSet::new();
    let mut told = vec![Vec::new(); places.0.len()];
    loop {
        look_up(&places, &mut told).await;
        let found = at_once(&places, &told);
        if !found.is_empty() {
            replace(&known, tls.as_ref(), found, &mut watches);
        }
        let lost = known.backends.lock().iter().all(|b| !b.is_serving());
        tokio::time::sleep(if lost { REFRESH_WHEN_LOST } else { REFRESH }).await;
    }
}

/// Asks for all names at once: one that is answered late holds no other up.
async fn look_up(places: &Places, told: &mut [Vec<SocketAddr>]) {
    let asked = places.0.iter().map(|place| async move {
        let name = (place.host.as_str(), place.port);
        match timeout(LOOK_UP, lookup_host(name)).await {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(why)) => {
                tracing::debug!(host = place.host, %why, "no address");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    });
    for (told, found) in told.iter_mut().zip(join_all(asked).await) {
        if !found.is_empty() {
            *told = found;
        }
    }
}

fn at_once(places: &Places, told: &[Vec<SocketAddr>]) -> Vec<(SocketAddr, Uri)> {
    let of = |(place, told): (&Place, &Vec<SocketAddr>)| {
        let uri = place.uri.clone();
        told.clone()
            .into_iter()
            .map(move |address| (address, uri.clone()))
    };
    let found = places.0.iter().zip(told).flat_map(of);
    found.take(REPLICAS).collect()
}

fn replace(
    known: &Arc<Known>,
    tls: Option<&PeerTls>,
    found: Vec<(SocketAddr, Uri)>,
    watches: &mut JoinSet<()>,
) {
    // those of replicas that are gone have ended by themselves
    while watches.try_join_next().is_some() {}
    let mut backends = known.backends.lock();
    let addresses: BTreeSet<SocketAddr> = found.iter().map(|(address, _)| *address).collect();
    // calls under way at one that is gone keep their connection to the end
    backends.retain(|backend| addresses.contains(&backend.address));
    for (address, uri) in found {
        if backends.iter().any(|backend| backend.address == address) {
            continue;
        }
        let Ok(endpoint) = Endpoint::from_shared(format!("http://{address}")) else {
            continue;
        };
        let Ok(channel) = client::dial(endpoint, uri, address.to_string(), tls) else {
            continue;
        };
        let backend = Arc::new(Backend::new(address, channel));
        let watch = Backend::watch(Arc::downgrade(&backend), Arc::downgrade(known));
        watches.spawn(watch);
        backends.push(backend);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_replica_and_a_name_or_a_list_may_be_several() {
        let one = |addresses: &str| Places::parse(addresses).ok().map(|places| places.is_one());
        assert_eq!(one("http://127.0.0.1:7101"), Some(true));
        assert_eq!(one("http://[::1]:7101/"), Some(true));
        assert_eq!(one("https://127.0.0.1:7101"), Some(true));
        assert_eq!(one("http://elsewhere:7101"), Some(false));
        assert_eq!(
            one("http://127.0.0.1:7101, http://127.0.0.1:7201"),
            Some(false)
        );
        for wrong in [
            "",
            "127.0.0.1:7101",
            "http://",
            "ftp://127.0.0.1:7101",
            "http://127.0.0.1:7101/path",
            "http://127.0.0.1:7101,",
        ] {
            assert_eq!(one(wrong), None, "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn a_name_that_is_not_known_takes_no_address_of_the_others_away() {
        let places = Places::parse("http://127.0.0.1:7101,http://unknown.invalid:7101").unwrap();
        let before: SocketAddr = "127.0.0.9:7101".parse().unwrap();
        let here: SocketAddr = "127.0.0.1:7101".parse().unwrap();
        let mut told = vec![Vec::new(), vec![before]];
        look_up(&places, &mut told).await;
        let found = at_once(&places, &told);
        let found: Vec<_> = found.into_iter().map(|(address, _)| address).collect();
        assert_eq!(found, [here, before]);
    }
}
