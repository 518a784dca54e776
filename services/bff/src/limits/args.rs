//! The numbers, as flags say them.

use std::num::NonZeroU32;

use runtime::crowd::Share;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Counted {
    /// Addresses, contacts and workspaces.
    All,
    /// Contacts and workspaces: for a machine where everybody comes from one address.
    Contacts,
    /// Nothing: for what measures and what makes load.
    Off,
}

/// How often somebody may ask. Each number may come at once, and is back in full after its time.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args, serde::Serialize)]
pub struct LimitArgs {
    /// What is counted; each replica counts for itself.
    #[arg(long, env = "LIMITS", value_enum, default_value_t = Counted::All, value_name = "WHAT")]
    pub limits: Counted,

    /// Sessions that are asked for from an address (of IPv6: a /64 network) within a minute.
    #[arg(long, env = "LIMIT_SESSIONS", default_value_t = SESSIONS, value_name = "COUNT")]
    pub limit_sessions: NonZeroU32,

    /// New visitors from an address within an hour.
    #[arg(long, env = "LIMIT_VISITORS", default_value_t = VISITORS, value_name = "COUNT")]
    pub limit_visitors: NonZeroU32,

    /// User tokens and visitor secrets from an address that are refused within a minute.
    #[arg(long, env = "LIMIT_REFUSALS", default_value_t = REFUSALS, value_name = "COUNT")]
    pub limit_refusals: NonZeroU32,

    /// Access tokens and app ids from an address that are not there, within a minute.
    #[arg(long, env = "LIMIT_MISSES", default_value_t = MISSES, value_name = "COUNT")]
    pub limit_misses: NonZeroU32,

    /// Connections of an address at once; those of trusted proxies are not counted.
    #[arg(long, env = "LIMIT_CONNECTIONS", default_value_t = CONNECTIONS, value_name = "COUNT")]
    pub limit_connections: NonZeroU32,

    /// Requests of an address that are under way at once, open streams among them.
    #[arg(long, env = "LIMIT_REQUESTS", default_value_t = REQUESTS, value_name = "COUNT")]
    pub limit_requests: NonZeroU32,

    /// Requests of an address at once whose body has not arrived in full.
    #[arg(long, env = "LIMIT_ARRIVING", default_value_t = ARRIVING, value_name = "COUNT")]
    pub limit_arriving: NonZeroU32,

    /// Messages of a contact within a minute.
    #[arg(long, env = "LIMIT_MESSAGES", default_value_t = MESSAGES, value_name = "COUNT")]
    pub limit_messages: NonZeroU32,

    /// Messages of a contact within a day.
    #[arg(long, env = "LIMIT_MESSAGES_DAILY", default_value_t = MESSAGES_DAILY, value_name = "COUNT")]
    pub limit_messages_daily: NonZeroU32,

    /// Tickets that a contact submits within an hour.
    #[arg(long, env = "LIMIT_TICKETS", default_value_t = TICKETS, value_name = "COUNT")]
    pub limit_tickets: NonZeroU32,

    /// Watches that a contact opens within a minute.
    #[arg(long, env = "LIMIT_WATCHES", default_value_t = WATCHES, value_name = "COUNT")]
    pub limit_watches: NonZeroU32,

    /// Calls of a contact within a minute, of every kind.
    #[arg(long, env = "LIMIT_CALLS", default_value_t = CALLS, value_name = "COUNT")]
    pub limit_calls: NonZeroU32,

    /// Calls of all contacts of a workspace within a minute.
    #[arg(long, env = "LIMIT_WORKSPACE_CALLS", default_value_t = WORKSPACE_CALLS, value_name = "COUNT")]
    pub limit_workspace_calls: NonZeroU32,

    /// Calls of a teammate's console within a minute.
    #[arg(long, env = "LIMIT_CONSOLE_CALLS", default_value_t = CONSOLE_CALLS, value_name = "COUNT")]
    pub limit_console_calls: NonZeroU32,
}

const SESSIONS: NonZeroU32 = count(30);
const VISITORS: NonZeroU32 = count(10);
const REFUSALS: NonZeroU32 = count(20);
const MISSES: NonZeroU32 = count(300);
const CONNECTIONS: NonZeroU32 = count(2_000);
const REQUESTS: NonZeroU32 = count(1_000);
const ARRIVING: NonZeroU32 = count(128);
const MESSAGES: NonZeroU32 = count(20);
const MESSAGES_DAILY: NonZeroU32 = count(300);
const TICKETS: NonZeroU32 = count(10);
const WATCHES: NonZeroU32 = count(30);
const CALLS: NonZeroU32 = count(600);
const WORKSPACE_CALLS: NonZeroU32 = count(30_000);
const CONSOLE_CALLS: NonZeroU32 = count(600);

const fn count(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

impl LimitArgs {
    /// The usual numbers, for what is counted.
    pub fn counting(limits: Counted) -> Self {
        Self {
            limits,
            limit_sessions: SESSIONS,
            limit_visitors: VISITORS,
            limit_refusals: REFUSALS,
            limit_misses: MISSES,
            limit_connections: CONNECTIONS,
            limit_requests: REQUESTS,
            limit_arriving: ARRIVING,
            limit_messages: MESSAGES,
            limit_messages_daily: MESSAGES_DAILY,
            limit_tickets: TICKETS,
            limit_watches: WATCHES,
            limit_calls: CALLS,
            limit_workspace_calls: WORKSPACE_CALLS,
            limit_console_calls: CONSOLE_CALLS,
        }
    }

    /// What an address may hold at once; `None` where addresses are not counted.
    pub(crate) fn share(&self) -> Option<Share> {
        (self.limits == Counted::All).then(|| Share {
            connections: self.limit_connections.get(),
            requests: self.limit_requests.get(),
            arriving: self.limit_arriving.get(),
        })
    }
}

impl Default for LimitArgs {
    fn default() -> Self {
        Self::counting(Counted::All)
    }
}

impl Counted {
    /// As the flag says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Contacts => "contacts",
            Self::Off => "off",
        }
    }
}
