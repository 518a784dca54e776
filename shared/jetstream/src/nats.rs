//! One connection to NATS, which comes back by itself.

use std::time::Duration;

use async_nats::{
    Client, ConnectOptions, Event,
    connection::State,
    jetstream::{Context, context::ContextBuilder},
};
use tokio::sync::watch;

use crate::Error;

/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(3);
/// Messages that wait for a reader at the most; a reader asks for far fewer at once.
const WAITING: usize = 8_192;
/// Longest wait between two attempts to connect.
const RECONNECT: Duration = Duration::from_secs(1);

/// How the connection is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Link {
    /// Connected now.
    pub up: bool,
    /// How often it broke: what was sent then may not have arrived.
    pub breaks: u64,
}

/// A connection. Cheap to clone.
#[derive(Clone)]
pub struct Nats {
    client: Client,
    jetstream: Context,
    link: watch::Receiver<Link>,
}

impl Nats {
    /// Connects to a server, or to one of several separated by commas; `name` says who, in the server's
    /// monitoring. Comes back at once though no server is there yet: it is tried for ever.
    ///
    /// # Errors
    /// When the address makes no sense.
    pub async fn connect(url: &str, name: &str) -> Result<Self, Error> {
        let (said, link) = watch::channel(Link::default());
        let addresses: Vec<&str> = url.split(',').collect();
        let client = ConnectOptions::new()
            .name(name)
            .retry_on_initial_connect()
            .subscription_capacity(WAITING)
            .request_timeout(Some(ANSWER))
            .connection_timeout(ANSWER)
            .ping_interval(Duration::from_secs(5))
            .reconnect_delay_callback(|attempts| {
                let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
                (Duration::from_millis(20) * attempts.min(1_000)).min(RECONNECT)
            })
            .event_callback(move |event| {
                said.send_modify(|link| match event {
                    Event::Connected => link.up = true,
                    Event::Disconnected | Event::Closed => {
                        *link = Link {
                            up: false,
                            breaks: link.breaks + 1,
                        }
                    }
                    _ => {}
                });
                async {}
            })
            .connect(addresses)
            .await
            .map_err(|e| Error::new("cannot connect to NATS", e))?;
        let jetstream = ContextBuilder::new()
            .timeout(ANSWER)
            .ack_timeout(ANSWER)
            .build(client.clone());
        Ok(Self {
            client,
            jetstream,
            link,
        })
    }

    /// How the connection is, and how it changes.
    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// Connected, as far as anybody can know.
    pub fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn jetstream(&self) -> &Context {
        &self.jetstream
    }
}
