//! Very many open watches on one BFF, and one change that all of them see.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use proto::{
    bff::v1::{
        CreateSessionRequest, Home, WatchMessengerRequest,
        messenger_service_client::MessengerServiceClient,
        session_service_client::SessionServiceClient, watch_messenger_response::Frame,
    },
    settings::v1::{
        GetMessengerSettingsRequest, IdentifyContactRequest, Platform, Space, UpdateSpaceRequest,
    },
};
use tokio::{
    process::Command,
    sync::Notify,
    task::JoinSet,
    time::{Instant, timeout},
};
use tonic::{Request, transport::Channel};
use types::{ContactId, WorkspaceId};

use crate::{
    Access, Endpoints, Staff,
    bench::bare,
    client::{explain, signed},
};

/// Connections that the watches share.
const CONNECTIONS: usize = 40;
/// Watches of each contact; the BFF keeps five.
const EACH: usize = 4;
/// Calls at once while everything is set up.
const AT_ONCE: usize = 32;
/// Longest wait for all of them.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was measured.
pub(super) struct Watched {
    /// Watches that were open.
    pub count: usize,
    /// KiB of the BFF's memory that each took.
    pub kib_each: f64,
    /// Seconds from the call that turned the space to the last frame that showed it.
    pub told: Vec<f64>,
}

/// How many see the Tickets space.
#[derive(Default)]
struct Sight {
    seeing: AtomicUsize,
    changed: Notify,
}

impl Sight {
    /// Waits until so many see it.
    async fn is(&self, count: usize) -> Result<()> {
        let reached = async {
            loop {
                let changed = self.changed.notified();
                if self.seeing.load(Ordering::Relaxed) == count {
                    return;
                }
                changed.await;
            }
        };
        let seeing = || self.seeing.load(Ordering::Relaxed);
        timeout(PATIENCE, reached)
            .await
            .ok()
            .with_context(|| format!("{} see the Tickets space, not {count}", seeing()))
    }
}

/// Opens them on the first replica's BFF, whose process this is, and turns the Tickets space so often.
///
/// # Errors
/// When a watch is refused or ends.
pub(super) async fn measure(
    access: &Access,
    endpoints: &Endpoints,
    tickets: &str,
    bff: u32,
    count: usize,
    turns: u32,
) -> Result<Watched> {
    let staff = Staff::new(endpoints, &access.teammates["grace"])?;
    let channels: Vec<Channel> = (0..CONNECTIONS)
        .map(|_| runtime::client::channel(&endpoints.bff))
        .collect::<Result<_, _>>()?;
    let tokens = sessions(access, &staff, &channels, tickets, count / EACH).await?;
    let before = resident(bff).await?;
    let sight = Arc::new(Sight::default());
    let mut watchers = JoinSet::new();
    let opened = stream::iter(0..count)
        .map(|turn| open(&channels[turn % CONNECTIONS], &tokens[turn % tokens.len()]))
        .buffer_unordered(AT_ONCE);
    let mut opened = std::pin::pin!(opened);
    while let Some(frames) = opened.try_next().await? {
        watchers.spawn(follow(frames, sight.clone()));
    }
    sight.is(count).await?;
    let kib_each = (resident(bff).await? - before) / count as f64;
    let mut told = Vec::new();
    for turn in 0..turns {
        let seen = turn % 2 == 1;
        let start = Instant::now();
        show(&staff, seen).await?;
        sight.is(if seen { count } else { 0 }).await?;
        told.push(start.elapsed().as_secs_f64());
    }
    ensure!(watchers.try_join_next().is_none(), "a watch ended");
    watchers.shutdown().await;
    Ok(Watched {
        count,
        kib_each,
        told,
    })
}

/// A session for each of so many contacts, who have a ticket each: else they would not see the space.
async fn sessions(
    access: &Access,
    staff: &Staff,
    channels: &[Channel],
    tickets: &str,
    contacts: usize,
) -> Result<Vec<String>> {
    let opened = stream::iter(0..contacts)
        .map(|index| async move {
            let user_id = format!("watcher-{index}");
            let body = IdentifyContactRequest {
                user_id: user_id.clone(),
                ..Default::default()
            };
            let found = staff
                .call(&staff.contacts, body, |mut c, r| async move {
                    c.identify_contact(r).await
                })
                .await;
            let contact = explain("identifying a contact", found)?.contact;
            let contact = contact.context("no contact in the answer")?.contact_id;
            let body = CreateSessionRequest {
                app_id: access.app_id.clone(),
                platform: Platform::Web.into(),
                user_jwt: access.user_token(&user_id, Platform::Web)?,
                ..Default::default()
            };
            let mut client = SessionServiceClient::new(channels[index % channels.len()].clone());
            let session = client.create_session(body).await?.into_inner();
            anyhow::Ok((ContactId::parse(&contact)?, session.access_token))
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    let (owners, tokens): (Vec<_>, Vec<_>) = opened.into_iter().unzip();
    let workspace = WorkspaceId::parse(&access.workspace_id)?;
    bare::seed(tickets, &workspace, &owners, 1).await?;
    Ok(tokens)
}

type Frames = tonic::Streaming<proto::bff::v1::WatchMessengerResponse>;

async fn open(channel: &Channel, token: &str) -> Result<Frames> {
    let mut request = Request::new(WatchMessengerRequest {
        platform: Platform::Web.into(),
        ..Default::default()
    });
    let bearer = runtime::client::bearer(token)?;
    request.metadata_mut().insert("authorization", bearer);
    let mut client = MessengerServiceClient::new(channel.clone());
    Ok(client.watch_messenger(request).await?.into_inner())
}

async fn follow(mut frames: Frames, sight: Arc<Sight>) {
    let mut sees = false;
    while let Ok(Some(frame)) = frames.message().await {
        let Some(Frame::Home(home)) = frame.frame else {
            continue;
        };
        let now = has_tickets(&home);
        if now != sees {
            sees = now;
            match sees {
                true => sight.seeing.fetch_add(1, Ordering::Relaxed),
                false => sight.seeing.fetch_sub(1, Ordering::Relaxed),
            };
            sight.changed.notify_one();
        }
    }
}

fn has_tickets(home: &Home) -> bool {
    let mut spaces = home.spaces.iter();
    spaces.any(|space| space.space() == Space::Tickets && space.visible)
}

/// Turns the Tickets space on the web.
async fn show(staff: &Staff, enabled: bool) -> Result<()> {
    let token = staff.token().await?;
    let mut settings = staff.settings.clone();
    let is = settings
        .get_messenger_settings(signed(&token, GetMessengerSettingsRequest {})?)
        .await?
        .into_inner();
    let body = UpdateSpaceRequest {
        platform: Platform::Web.into(),
        space: Space::Tickets.into(),
        enabled,
        expected_version: is.settings.context("no settings")?.version,
    };
    settings.update_space(signed(&token, body)?).await?;
    Ok(())
}

/// KiB of memory that a process holds.
async fn resident(process: u32) -> Result<f64> {
    let id = process.to_string();
    let said = Command::new("ps")
        .args(["-o", "rss=", "-p", &id])
        .output()
        .await?;
    let text = String::from_utf8_lossy(&said.stdout);
    text.trim().parse().context("the BFF's memory is unknown")
}
