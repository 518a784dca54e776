//! TLS between services: who gets in, whom a caller believes, and certificates that change meanwhile.

use std::{fs, path::PathBuf, sync::Arc};

use proto::events::v1::event_feed_service_client::EventFeedServiceClient;
use runtime::{
    KeyRing, Running, ServerArgs, TlsArgs,
    client::{ServiceChannel, call, service_channel},
    tls::PeerTlsArgs,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use testing::{Authority, Scratch, conformance::reader::soon, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::{Code, Status};

use crate::sample::{ECHO, Sample, read};

/// A sample on a port with TLS, and what its callers need.
struct Site {
    scratch: Scratch,
    authority: Authority,
    sample: Sample,
    running: Running,
}

impl Site {
    async fn open() -> Self {
        let scratch = Scratch::new();
        let authority = Authority::new(scratch.path("tls"));
        let tls = authority.mutual("sample", &["localhost", "127.0.0.1"]);
        Self::with(scratch, authority, tls).await
    }

    async fn with(scratch: Scratch, authority: Authority, tls: TlsArgs) -> Self {
        let sample = Sample::default();
        let args = ServerArgs {
            tls,
            ..ServerArgs::loopback(scratch.keys(&["sample", "caller"]))
        };
        let running = sample.start(&scratch, &args).await.unwrap();
        Self {
            scratch,
            authority,
            sample,
            running,
        }
    }

    fn at(&self, host: &str) -> String {
        format!("{host}:{}", self.running.address().port())
    }

    /// A caller that trusts the authority and shows these files.
    fn showing(&self, own: Option<(PathBuf, PathBuf)>) -> Arc<KeyRing> {
        self.ring(self.authority.ca(), own)
    }

    fn ring(&self, trusting: PathBuf, own: Option<(PathBuf, PathBuf)>) -> Arc<KeyRing> {
        let (tls_client_cert, tls_client_key) = own.unzip();
        let tls = TlsArgs {
            peers: PeerTlsArgs {
                tls_ca: Some(trusting),
                tls_client_cert,
                tls_client_key,
            },
            ..TlsArgs::default()
        };
        let args = ServerArgs {
            tls,
            ..ServerArgs::loopback(self.scratch.path("keys"))
        };
        args.credentials("caller").unwrap()
    }
}

fn client(address: &str, ring: Arc<KeyRing>) -> EventFeedServiceClient<ServiceChannel> {
    EventFeedServiceClient::new(service_channel(address, ring, &["sample:read"]).unwrap())
}

async fn ask(client: &EventFeedServiceClient<ServiceChannel>) -> Result<(), Status> {
    call(false, std::time::Duration::from_secs(5), |_| {
        let mut client = client.clone();
        async move { client.read(read(ECHO)).await }
    })
    .await
    .map(|_| ())
}

async fn is_refused(client: &EventFeedServiceClient<ServiceChannel>, what: &str) {
    let status = ask(client).await.expect_err(what);
    assert_eq!(status.code(), Code::Unavailable, "{what}: {status}");
}

#[tokio::test]
async fn a_service_lets_in_who_shows_a_certificate_of_its_ca_and_nobody_else() {
    let site = Site::open().await;
    let good = site.authority.issue("caller", &["caller"]);
    let address = format!("https://{}", site.at("127.0.0.1"));
    ask(&client(&address, site.showing(Some(good))))
        .await
        .unwrap();
    assert_eq!(site.sample.handled(), 1);

    let ended = site.authority.issue_ended("late", &["caller"]);
    let other = Authority::new(site.scratch.path("other"));
    let foreign = other.issue("caller", &["caller"]);
    for (what, own) in [
        ("no certificate", None),
        ("one that has ended", Some(ended)),
        ("one of another CA", Some(foreign)),
    ] {
        is_refused(&client(&address, site.showing(own)), what).await;
    }
    let clear = format!("http://{}", site.at("127.0.0.1"));
    is_refused(&client(&clear, site.scratch.ring("caller")), "in clear").await;
    assert_eq!(site.sample.handled(), 1, "none of them reached a handler");
}

#[tokio::test]
async fn a_caller_believes_only_the_service_whose_name_and_ca_it_knows() {
    let site = Site::open().await;
    let own = || Some(site.authority.issue("caller", &["caller"]));
    let address = format!("https://{}", site.at("127.0.0.1"));
    let other = Authority::new(site.scratch.path("other"));
    let suspicious = site.ring(other.ca(), own());
    is_refused(&client(&address, suspicious), "a service of another CA").await;

    let elsewhere = site.authority.mutual("sample", &["elsewhere.example"]);
    let moved = Site::with(Scratch::new(), site.authority, elsewhere).await;
    let address = format!("https://{}", moved.at("127.0.0.1"));
    let own = Some(moved.authority.issue("caller", &["caller"]));
    is_refused(&client(&address, moved.showing(own)), "another name").await;
    assert_eq!(moved.sample.handled(), 0);
}

/// The balancer's health watch goes the same way as the calls.
#[tokio::test]
async fn replicas_behind_a_name_are_found_and_watched_over_tls() {
    let site = Site::open().await;
    let own = site.authority.issue("caller", &["caller"]);
    let address = format!("https://{}", site.at("localhost"));
    let client = client(&address, site.showing(Some(own)));
    ask(&client).await.unwrap();
    ask(&client).await.unwrap();
    assert_eq!(site.sample.handled(), 2);
}

/// A caller of no library of ours, which shows this certificate, and takes up a session again where it may.
fn plain(site: &Site, own: &(PathBuf, PathBuf)) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(site.authority.ca()).unwrap())
        .unwrap();
    let chain = vec![CertificateDer::from_pem_file(&own.0).unwrap()];
    let key = rustls::pki_types::PrivateKeyDer::from_pem_file(&own.1).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key);
    Arc::new(config.unwrap())
}

/// The first certificate that the server shows on a new connection.
async fn shown(site: &Site, own: &(PathBuf, PathBuf)) -> Vec<u8> {
    let stream = TcpStream::connect(site.running.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = tokio_rustls::TlsConnector::from(plain(site, own))
        .connect(name, stream)
        .await
        .unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

/// A session that is taken up again shows no certificate: it would go on after that has ended.
#[tokio::test]
async fn every_connection_shows_its_certificate_anew() {
    let site = Site::open().await;
    let own = site.authority.issue("caller", &["caller"]);
    let config = plain(&site, &own);
    for turn in 0..2 {
        let stream = TcpStream::connect(site.running.address()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = tokio_rustls::TlsConnector::from(config.clone());
        let mut stream = connector.connect(name, stream).await.unwrap();
        // with the first answer comes what a later session could be taken up with
        let asked = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(asked).await.unwrap();
        let mut answer = Vec::new();
        let _ = soon("the answer", stream.read_to_end(&mut answer)).await;
        assert!(answer.starts_with(b"HTTP/1.1 404"), "{answer:?}");
        let kind = stream.get_ref().1.handshake_kind();
        assert_eq!(kind, Some(rustls::HandshakeKind::Full), "{turn}");
    }
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart_and_open_connections_go_on() {
    let site = Site::open().await;
    let own = site.authority.issue("caller", &["caller"]);
    let before = shown(&site, &own).await;
    let address = format!("https://{}", site.at("127.0.0.1"));
    let open = client(&address, site.showing(Some(own.clone())));
    ask(&open).await.unwrap();

    site.authority.issue("sample", &["localhost", "127.0.0.1"]);
    eventually("the new certificate", || async {
        (shown(&site, &own).await != before).then_some(())
    })
    .await;
    ask(&open).await.unwrap();
}

/// Half of a pair, or rubbish: whoever rotates by hand does it at some time.
#[tokio::test]
async fn a_broken_certificate_is_told_and_the_one_before_stays() {
    runtime::metrics::start();
    let site = Site::open().await;
    let own = site.authority.issue("caller", &["caller"]);
    let before = shown(&site, &own).await;
    let broken = |side| {
        let line = format!("tls_certificates_broken{{side=\"server\"}} {side}");
        runtime::metrics::page().contains(&line)
    };
    assert!(broken(0));
    fs::write(site.scratch.path("tls/sample.crt"), "no certificate").unwrap();
    eventually("the number", || async { broken(1).then_some(()) }).await;
    assert_eq!(shown(&site, &own).await, before);
    // the key of another certificate is as bad
    let other = Authority::new(site.scratch.path("other"));
    let (cert, _) = other.issue("sample", &["localhost"]);
    fs::copy(cert, site.scratch.path("tls/sample.crt")).unwrap();
    assert_eq!(shown(&site, &own).await, before);
    site.authority.issue("sample", &["localhost"]);
    eventually("the good one", || async {
        (shown(&site, &own).await != before && broken(0)).then_some(())
    })
    .await;
}

/// Whoever watches is warned by these numbers; of several certificates in a file the one that ends first counts.
#[tokio::test]
async fn until_when_a_certificate_and_its_authority_are_good_is_told_and_told_anew() {
    runtime::metrics::start();
    let site = Site::open().await;
    let told = |what: &str, which: &str, time: i64| {
        let name = format!("tls_certificate_{what}_time_seconds");
        let line = format!("{name}{{side=\"server\",which=\"{which}\"}} {time}\n");
        runtime::metrics::page().contains(&line)
    };
    // 1975 to 4096, as the tests' certificates are unless they say otherwise
    for which in ["own", "authority"] {
        assert!(told("begin", which, 157_766_400), "{which}");
        assert!(told("end", which, 67_090_118_400), "{which}");
    }
    let (good, key) = site.authority.issue("good", &["localhost"]);
    let (ended, _) = site.authority.issue_ended("ended", &["localhost"]);
    let chain = fs::read_to_string(good).unwrap() + &fs::read_to_string(ended).unwrap();
    fs::copy(key, site.scratch.path("tls/sample.key")).unwrap();
    fs::write(site.scratch.path("tls/sample.crt"), chain).unwrap();
    eventually("January 2020", || async {
        let both = told("begin", "own", 1_577_836_800) && told("end", "own", 1_580_515_200);
        both.then_some(())
    })
    .await;
    assert!(told("end", "authority", 67_090_118_400));
    site.authority.issue("sample", &["localhost", "127.0.0.1"]);
    eventually("the new end", || async {
        told("end", "own", 67_090_118_400).then_some(())
    })
    .await;
}

#[tokio::test]
async fn callers_of_a_ca_that_is_trusted_no_more_do_not_get_in_again() {
    let site = Site::open().await;
    let own = site.authority.issue("caller", &["caller"]);
    let address = format!("https://{}", site.at("127.0.0.1"));
    ask(&client(&address, site.showing(Some(own.clone()))))
        .await
        .unwrap();
    let keep = site.scratch.path("old-ca.pem");
    fs::copy(site.authority.ca(), &keep).unwrap();
    let other = Authority::new(site.scratch.path("other"));
    fs::copy(other.ca(), site.authority.ca()).unwrap();
    eventually("a refusal", || async {
        ask(&client(
            &address,
            site.ring(keep.clone(), Some(own.clone())),
        ))
        .await
        .err()
    })
    .await;
    let new = other.issue("caller", &["caller"]);
    ask(&client(&address, site.ring(keep, Some(new))))
        .await
        .unwrap();
}

/// The caller's own certificate is read again as well.
#[tokio::test]
async fn a_caller_shows_its_new_certificate_on_its_next_connection() {
    let site = Site::open().await;
    let other = Authority::new(site.scratch.path("other"));
    let (cert, key) = other.issue("caller", &["caller"]);
    let address = format!("https://{}", site.at("127.0.0.1"));
    let client = client(&address, site.showing(Some((cert.clone(), key.clone()))));
    is_refused(&client, "one of another CA").await;
    let (good, its_key) = site.authority.issue("caller", &["caller"]);
    fs::copy(good, cert).unwrap();
    fs::copy(its_key, key).unwrap();
    eventually("it gets in", || async { ask(&client).await.ok() }).await;
}

/// A public port shows a certificate and asks for none; browsers and curl may speak HTTP/1.1.
#[tokio::test]
async fn a_public_port_speaks_http_1_and_2_over_tls_without_a_client_certificate() {
    let scratch = Scratch::new();
    let authority = Authority::new(scratch.path("tls"));
    let tls = TlsArgs {
        tls_client_ca: None,
        ..authority.mutual("sample", &["localhost", "127.0.0.1"])
    };
    let site = Site::with(scratch, authority, tls).await;
    let address = format!("https://{}", site.at("127.0.0.1"));
    ask(&client(&address, site.showing(None))).await.unwrap();

    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(site.authority.ca()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(site.running.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    let body = "{}";
    let request = format!(
        "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // the end may come without TLS's own goodbye
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("SERVING"), "{answer}");
}

/// A handshake that never begins must not hold a drain up.
#[tokio::test]
async fn a_socket_that_never_shakes_hands_does_not_hold_the_drain_up() {
    let site = Site::open().await;
    let mut silent = TcpStream::connect(site.running.address()).await.unwrap();
    // a record that promises more than it brings
    silent
        .write_all(&[0x16, 0x03, 0x01, 0x02, 0x00])
        .await
        .unwrap();
    let own = site.authority.issue("caller", &["caller"]);
    shown(&site, &own).await;
    let start = std::time::Instant::now();
    soon("the drain", site.running.drain()).await;
    assert!(start.elapsed() < std::time::Duration::from_millis(2_500));
}

#[tokio::test]
async fn tls_that_is_configured_by_half_is_refused_in_one_sentence() {
    let scratch = Scratch::new();
    let authority = Authority::new(scratch.path("tls"));
    let whole = authority.mutual("sample", &["localhost"]);
    let keys = scratch.keys(&["caller"]);
    let refused = |tls: TlsArgs| {
        let args = ServerArgs {
            tls,
            ..ServerArgs::loopback(keys.clone())
        };
        args.credentials("caller")
            .and_then(|ring| service_channel("https://127.0.0.1:1", ring, &[]))
            .err()
            .map(|why| why.to_string())
    };
    assert_eq!(refused(whole.clone()), None);
    let own = whole.tls_cert.clone();
    let peers = |tls_ca, tls_client_cert, tls_client_key| TlsArgs {
        peers: PeerTlsArgs {
            tls_ca,
            tls_client_cert,
            tls_client_key,
        },
        ..TlsArgs::default()
    };
    for (tls, said) in [
        (
            TlsArgs::default(),
            "https://127.0.0.1:1/ is to be called over TLS, but --tls-ca does not say",
        ),
        (
            peers(None, own.clone(), whole.tls_key.clone()),
            "--tls-client-cert needs --tls-ca beside it",
        ),
        (
            peers(Some(authority.ca()), own.clone(), None),
            "--tls-client-cert needs --tls-client-key beside it",
        ),
        (
            peers(Some(authority.ca()), None, whole.tls_key.clone()),
            "--tls-client-key needs --tls-client-cert beside it",
        ),
        (
            peers(Some(scratch.path("nowhere.pem")), None, None),
            "nowhere.pem cannot be used",
        ),
    ] {
        let why = refused(tls).unwrap();
        assert!(why.contains(said) && !why.contains('\n'), "{why}");
    }
}

#[tokio::test]
async fn a_port_whose_tls_is_configured_by_half_does_not_open() {
    let scratch = Scratch::new();
    let authority = Authority::new(scratch.path("tls"));
    let whole = authority.mutual("sample", &["localhost"]);
    let (_, other_key) = authority.issue("other", &["localhost"]);
    let keys = scratch.keys(&["sample"]);
    for (tls, said) in [
        (
            TlsArgs {
                tls_key: None,
                ..whole.clone()
            },
            "--tls-cert needs --tls-key beside it",
        ),
        (
            TlsArgs {
                tls_cert: None,
                ..whole.clone()
            },
            "--tls-key needs --tls-cert beside it",
        ),
        (
            TlsArgs {
                tls_cert: None,
                tls_key: None,
                ..whole.clone()
            },
            "--tls-client-ca needs --tls-cert and --tls-key beside it",
        ),
        (
            TlsArgs {
                tls_key: Some(other_key),
                ..whole.clone()
            },
            "sample.crt cannot be used",
        ),
        (
            TlsArgs {
                tls_key: whole.tls_cert.clone(),
                ..whole.clone()
            },
            "it has no private key in PEM",
        ),
    ] {
        let args = ServerArgs {
            tls,
            ..ServerArgs::loopback(keys.clone())
        };
        let refused = Sample::default().start(&scratch, &args).await;
        let why = refused.err().unwrap().to_string();
        assert!(why.contains(said) && !why.contains('\n'), "{why}");
    }
}
