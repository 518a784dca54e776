//! `suite run`: all five services on loopback, in one process or in one each.

use std::{collections::BTreeMap, ffi::OsString, fs::File, path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};
use bff::{ConsoleArgs, Counted, LimitArgs};
use clap::Args;
use jetstream::{NatsArgs, StreamArgs};
use runtime::{
    Running, ServerArgs, StartError, StopSignals, config::DatabaseArgs, telemetry::TraceArgs,
};

use crate::{
    Access, Endpoints, Layout, demo_workspace,
    layout::{self, SERVICES, SIGNERS, make_keys},
    processes::{Processes, end_with_parent},
    shop::{self, Shop},
};

/// How `run` starts.
#[derive(Args)]
pub(crate) struct RunArgs {
    /// Directory for databases, keys and credentials; created if missing.
    #[arg(long, env = "DATA", default_value = layout::DEFAULT, value_name = "DIRECTORY")]
    data: PathBuf,

    /// First of five ports in a row on 127.0.0.1: BFF, Tickets, Conversations, Settings, Notifications.
    #[arg(long, env = "PORT", default_value_t = 7100, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..=65_530))]
    port: u16,

    /// Start over: remove the data of earlier runs in the directory.
    #[arg(long)]
    fresh: bool,

    /// Directory with the web Messenger's pages (`npm run build` in services/bff/web); the BFF then serves them, and
    /// the sixth port a shop with the Messenger on its page.
    #[arg(long, env = "WEB", value_name = "DIRECTORY")]
    web: Option<PathBuf>,

    /// Start each service as a process of its own, and again when it dies, up to five times a minute.
    #[arg(long)]
    separate: bool,

    #[command(flatten)]
    pub(crate) traces: TraceArgs,

    /// What the BFF counts to keep customers from asking too often; here everybody comes from one address.
    #[arg(long, env = "LIMITS", value_enum, default_value_t = Counted::Contacts, value_name = "WHAT")]
    limits: Counted,
}

/// Where `keys` writes.
#[derive(Args)]
pub(crate) struct KeysArgs {
    /// Directory for the keys; created if missing.
    #[arg(long, default_value = ".data/keys", value_name = "DIRECTORY")]
    dir: PathBuf,
}

/// One service as this process.
#[derive(Args)]
pub(crate) struct ServiceArgs {
    /// End when the program that started this one is gone: its end of the standard input closes then.
    #[arg(long, hide = true)]
    leashed: bool,

    /// Which.
    #[arg(value_parser = SERVICES)]
    name: String,

    /// Its own flags; `--help` shows them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    flags: Vec<OsString>,
}

/// Runs one service until it is told to stop, as its own binary would.
pub(crate) fn service(args: ServiceArgs) -> ExitCode {
    if args.leashed {
        end_with_parent();
    }
    let flags = std::iter::once(OsString::from(&args.name)).chain(args.flags);
    match args.name.as_str() {
        "tickets" => runtime::run_or(
            "tickets",
            tickets::ABOUT,
            flags,
            tickets::errands(),
            tickets::start,
        ),
        "conversations" => runtime::run_or(
            "conversations",
            conversations::ABOUT,
            flags,
            conversations::errands(),
            conversations::start,
        ),
        "settings" => runtime::run_or(
            "settings",
            settings::ABOUT,
            flags,
            settings::errands(),
            settings::start,
        ),
        "notifications" => runtime::run_or(
            "notifications",
            notifications::ABOUT,
            flags,
            notifications::errands(),
            notifications::start,
        ),
        _ => runtime::run_from("bff", bff::ABOUT, flags, bff::start),
    }
}

/// Makes the services' keys.
pub(crate) fn keys(args: &KeysArgs) -> Result<()> {
    make_keys(&args.dir)?;
    println!(
        "keys of {}, and what settings seals with, are in {}",
        SIGNERS.join(", "),
        args.dir.display()
    );
    Ok(())
}

/// Starts everything and runs until Ctrl-C or SIGTERM.
pub(crate) async fn run(args: RunArgs) -> Result<()> {
    let mut signals = StopSignals::listen()?;
    let layout = Layout::new(args.data.clone())
        .with_pages(args.web.clone())
        .with_limits(args.limits)
        .with_people(demo_workspace::people());
    let _lock = claim(&layout, args.port, args.fresh)?;
    let endpoints = Endpoints::from_port(args.port);
    let starting = async {
        Ok::<_, anyhow::Error>(if args.separate {
            Suite::Separate(Processes::start(&layout, args.port, &args.traces).await?)
        } else {
            Suite::Embedded(Embedded::start(&layout, args.port).await?)
        })
    };
    let mut suite = tokio::select! {
        suite = starting => suite?,
        () = signals.next() => bail!("stopped before everything was started"),
    };
    endpoints.save(&layout)?;
    let access = match Access::load(&layout)? {
        Some(access) => access,
        None => {
            println!("first start: creating the demo workspace …");
            let access = tokio::select! {
                access = demo_workspace::create(&layout, &endpoints) => access?,
                () = signals.next() => return suite.stop().await,
            };
            access.save(&layout)?;
            access
        }
    };
    let shop = match layout.pages() {
        Some(_) => Some(Shop::open(shop::address(args.port), &endpoints, &access).await?),
        None => None,
    };
    print!(
        "{}",
        crate::demo_workspace::welcome(
            &layout,
            &endpoints,
            &access,
            shop.as_ref().map(|_| shop::address(args.port))
        )
    );
    tokio::select! {
        () = signals.next() => println!("\nstopping: finishing open calls …"),
        error = suite.watch() => {
            suite.stop().await?;
            return Err(error);
        }
    }
    if let Some(shop) = shop {
        shop.close().await;
    }
    tokio::select! {
        stopped = suite.stop() => stopped?,
        () = signals.next() => bail!("stopped at once"),
    }
    println!(
        "stopped; everything is kept in {}",
        layout.directory().display()
    );
    Ok(())
}

/// Nothing is touched unless the ports are free: whoever has them may be using what lies there.
fn claim(layout: &Layout, port: u16, fresh: bool) -> Result<File> {
    let lock = layout.claim()?;
    // the shop's is behind the services'
    let ports = SERVICES.len() as u16 + u16::from(layout.pages().is_some());
    for offset in 0..ports {
        let address = Endpoints::address(port, offset);
        if let Err(why) = std::net::TcpListener::bind(address) {
            bail!(
                "cannot listen on {address}: {why}; is another instance running? Choose other ports \
                 with --port"
            );
        }
    }
    if fresh {
        layout.wipe()?;
    }
    make_keys(&layout.keys())?;
    Ok(lock)
}

enum Suite {
    Embedded(Embedded),
    Separate(Processes),
}

impl Suite {
    /// Waits until it is no use going on, and says why.
    async fn watch(&mut self) -> anyhow::Error {
        match self {
            Self::Embedded(_) => std::future::pending().await,
            Self::Separate(processes) => processes.watch().await,
        }
    }

    async fn stop(&mut self) -> Result<()> {
        match self {
            Self::Embedded(embedded) => {
                embedded.drain().await;
                Ok(())
            }
            Self::Separate(processes) => processes.stop().await,
        }
    }
}

/// All five services in this process.
pub struct Embedded {
    layout: Layout,
    port: u16,
    endpoints: Endpoints,
    running: BTreeMap<&'static str, Running>,
}

impl Embedded {
    /// Starts them on five ports in a row, on the layout's databases and keys, which must exist.
    ///
    /// # Errors
    /// When a port is taken or a database cannot be used; those that started are drained.
    pub async fn start(layout: &Layout, port: u16) -> Result<Self> {
        let endpoints = Endpoints::from_port(port);
        let mut embedded = Self {
            layout: layout.clone(),
            port,
            endpoints,
            running: BTreeMap::new(),
        };
        // each after those whose feeds it waits for
        for service in [
            "settings",
            "tickets",
            "conversations",
            "notifications",
            "bff",
        ] {
            if let Err(error) = embedded.start_service(service).await {
                embedded.drain().await;
                return Err(error);
            }
        }
        Ok(embedded)
    }

    /// Starts one of them, after [`Embedded::stop_service`].
    ///
    /// # Errors
    /// When its port is taken or its database cannot be used.
    pub async fn start_service(&mut self, service: &'static str) -> Result<()> {
        let running = self.launch(service).await.map_err(|error| {
            let advice = match error {
                StartError::Database(_) => {
                    format!(
                        "; {} starts over with empty data",
                        self.layout.make("run --fresh")
                    )
                }
                _ => String::new(),
            };
            anyhow::anyhow!("{service} cannot start: {error}{advice}")
        })?;
        self.running.insert(service, running);
        Ok(())
    }

    /// Drains one of them, as if it were restarted or away.
    pub async fn stop_service(&mut self, service: &str) {
        if let Some(running) = self.running.remove(service) {
            running.drain().await;
        }
    }

    async fn launch(&self, service: &'static str) -> Result<Running, StartError> {
        let offset = SERVICES
            .iter()
            .position(|name| *name == service)
            .unwrap_or_default();
        let listen = Endpoints::address(self.port, offset as u16);
        let server = ServerArgs {
            listen,
            ..ServerArgs::loopback(self.layout.keys())
        };
        let database = DatabaseArgs::at(self.layout.database_url(service));
        // in one process there is nothing to carry
        let (nats, streams) = (NatsArgs::default(), StreamArgs::default());
        let Endpoints {
            tickets,
            conversations,
            settings,
            notifications,
            ..
        } = self.endpoints.clone();
        match service {
            "tickets" => {
                tickets::start(tickets::Config {
                    server,
                    database,
                    nats,
                    streams,
                    conversations,
                    settings,
                })
                .await
            }
            "conversations" => {
                conversations::start(conversations::Config {
                    server,
                    database,
                    nats,
                    streams,
                    tickets,
                    settings,
                })
                .await
            }
            "settings" => {
                settings::start(settings::Config {
                    server,
                    database,
                    sealing_keys: None,
                    nats,
                    streams,
                })
                .await
            }
            "notifications" => {
                notifications::start(notifications::Config {
                    server,
                    database,
                    nats,
                    tickets,
                    conversations,
                    settings,
                    scrub_per_second: notifications::SCRUB_PER_SECOND,
                })
                .await
            }
            _ => {
                let pages = self.layout.pages();
                bff::start(bff::Config {
                    server,
                    nats,
                    tickets,
                    conversations,
                    settings,
                    notifications,
                    web: pages.map(Into::into),
                    embedders: pages.map_or_else(Vec::new, |_| shop::embedders()),
                    cors_origins: Vec::new(),
                    trusted_proxies: Vec::new(),
                    limits: LimitArgs::counting(self.layout.limits()),
                    console: ConsoleArgs {
                        dev_auth: self.layout.people().to_vec(),
                        ..ConsoleArgs::default()
                    },
                })
                .await
            }
        }
    }

    /// Where they listen.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Drains the BFF first, so that its calls still find the services, then the others.
    pub async fn drain(&mut self) {
        for service in SERVICES {
            self.stop_service(service).await;
        }
    }
}
