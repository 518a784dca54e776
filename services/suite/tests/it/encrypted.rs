//! All services with TLS between them: customers notice nothing, and nobody else on the network gets a word.

use std::net::SocketAddr;

use bff::{ConsoleArgs, Counted, LimitArgs};
use proto::{settings::v1::Platform, tickets::v1::ticket_service_client::TicketServiceClient};
use runtime::{Running, ServerArgs, TlsArgs, config::DatabaseArgs};
use suite::{Embedded, Endpoints, Messenger};
use testing::Authority;

use crate::{
    office::{detail, id, shows, submit},
    support::{Site, stderr, stdout, suite},
};

/// The services in the order of their ports, the BFF's in clear for whoever ends TLS in front of it.
const SERVICES: [&str; 5] = [
    "bff",
    "tickets",
    "conversations",
    "settings",
    "notifications",
];

struct Encrypted {
    site: Site,
    authority: Authority,
    at: Endpoints,
}

impl Encrypted {
    fn address(&self, service: &str) -> SocketAddr {
        let offset = SERVICES.iter().position(|name| *name == service).unwrap();
        SocketAddr::from(([127, 0, 0, 1], self.site.port + offset as u16))
    }

    async fn start(&self, service: &str) -> Running {
        let layout = self.site.layout();
        let tls = self.authority.mutual(service, &["127.0.0.1"]);
        let tls = match service {
            "bff" => TlsArgs {
                tls_cert: None,
                tls_key: None,
                tls_client_ca: None,
                peers: runtime::tls::PeerTlsArgs {
                    tls_client_cert: tls.tls_cert,
                    tls_client_key: tls.tls_key,
                    ..tls.peers
                },
            },
            _ => tls,
        };
        let server = ServerArgs {
            listen: self.address(service),
            tls,
            ..ServerArgs::loopback(layout.keys())
        };
        let database = DatabaseArgs::at(layout.database_url(service));
        let (nats, streams) = (Default::default(), Default::default());
        let at = self.at.clone();
        let started = match service {
            "tickets" => {
                tickets::start(tickets::Config {
                    server,
                    database,
                    nats,
                    streams,
                    conversations: at.conversations,
                    settings: at.settings,
                })
                .await
            }
            "conversations" => {
                conversations::start(conversations::Config {
                    server,
                    database,
                    nats,
                    streams,
                    tickets: at.tickets,
                    settings: at.settings,
                })
                .await
            }
            "settings" => {
                settings::start(settings::Config {
                    server,
                    database,
                    nats,
                    streams,
                    sealing_keys: None,
                })
                .await
            }
            "notifications" => {
                notifications::start(notifications::Config {
                    server,
                    database,
                    nats,
                    tickets: at.tickets,
                    conversations: at.conversations,
                    settings: at.settings,
                    scrub_per_second: 0,
                })
                .await
            }
            _ => {
                bff::start(bff::Config {
                    server,
                    nats,
                    tickets: at.tickets,
                    conversations: at.conversations,
                    settings: at.settings,
                    notifications: at.notifications,
                    web: None,
                    embedders: Vec::new(),
                    cors_origins: Vec::new(),
                    trusted_proxies: Vec::new(),
                    limits: LimitArgs::counting(Counted::Contacts),
                    console: ConsoleArgs::default(),
                })
                .await
            }
        };
        started.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tls_between_the_services_a_customer_notices_nothing_and_strangers_get_nothing() {
    let site = Site::new();
    std::fs::create_dir_all(site.data()).unwrap();
    let layout = site.layout();
    let names = [&SERVICES[..], &["operator"]].concat();
    runtime::auth::generate_keys(&layout.keys(), &names).unwrap();
    settings::generate_sealing_keys(&layout.keys()).unwrap();
    // the workspace was there before TLS was turned on
    let mut clear = Embedded::start(&layout, site.port).await.unwrap();
    let access = suite::workspace(&layout, clear.endpoints(), "Acme", &[], &[]);
    let access = access.await.unwrap();
    let encrypted = |address: &str| address.replace("http://", "https://");
    let at = clear.endpoints().clone();
    let at = Endpoints {
        tickets: encrypted(&at.tickets),
        conversations: encrypted(&at.conversations),
        settings: encrypted(&at.settings),
        notifications: encrypted(&at.notifications),
        bff: at.bff,
    };
    clear.drain().await;
    let all = Encrypted {
        authority: Authority::new(site.dump("tls")),
        at,
        site,
    };
    let mut running = Vec::new();
    for service in [
        "settings",
        "tickets",
        "conversations",
        "notifications",
        "bff",
    ] {
        running.push((service, all.start(service).await));
    }
    let ada = Messenger::new(&all.at, &access, "ada", Platform::Web).unwrap();
    let ticket = submit(&ada, "Encrypted").await;
    shows(&ada, Some(1), Some(0)).await;

    // in clear, or without a certificate, there is nobody
    let plain = format!("http://{}", all.address("tickets"));
    let mut stranger = TicketServiceClient::new(runtime::client::channel(&plain).unwrap());
    stranger
        .list_contact_tickets(proto::tickets::v1::ListContactTicketsRequest::default())
        .await
        .unwrap_err();
    let ca = all.authority.ca().display().to_string();
    let (cert, key) = all.authority.issue("operator", &["operator"]);
    let (cert, key) = (cert.display().to_string(), key.display().to_string());
    let known = ["--tls-ca", &ca];
    let own = ["--tls-client-cert", &cert, "--tls-client-key", &key];
    let ask = ["service", "tickets", "healthcheck", &all.at.tickets];
    let asked = suite(&[&ask[..], &known, &own].concat()).await;
    assert!(asked.status.success(), "{}", stderr(&asked));
    assert!(stdout(&asked).ends_with("serves\n"), "{}", stdout(&asked));
    let asked = suite(&[&ask[..], &known, &["--within-seconds", "1"]].concat()).await;
    assert!(!asked.status.success() && stderr(&asked).contains("does not serve"));
    let asked = suite(&ask).await;
    assert!(!asked.status.success() && stderr(&asked).contains("--tls-ca"));

    // everybody's certificate is another one now, and a service comes back
    for (service, _) in &running {
        all.authority.issue(service, &["127.0.0.1"]);
    }
    let index = running.iter().position(|(name, _)| *name == "tickets");
    let (_, tickets) = running.remove(index.unwrap());
    tickets.drain().await;
    running.push(("tickets", all.start("tickets").await));
    detail(&ada, &id(&ticket)).await.unwrap();
    submit(&ada, "After the rotation").await;
    shows(&ada, Some(2), Some(0)).await;
    for (_, one) in running.into_iter().rev() {
        one.drain().await;
    }
}
