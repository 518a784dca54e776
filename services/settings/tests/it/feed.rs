//! The feed: live, and for readers who start from nothing.

use std::time::Duration;

use events::{Delivery, EventSource, GrpcSource, source::SnapshotPiece};
use futures::StreamExt;
use jiff::SignedDuration;
use proto::{events::v1::Envelope, settings::v1::*};
use sea_orm::{ConnectionTrait, TransactionTrait};

use crate::world::{World, bytes};

async fn source(world: &World) -> impl EventSource {
    let address = format!("http://{}", world.running.address());
    let channel =
        runtime::client::service_channel(&address, world.bff.clone(), &["events:read"]).unwrap();
    GrpcSource::new(channel)
}

fn named(events: &[Envelope]) -> Vec<(&str, u64)> {
    events
        .iter()
        .map(|event| (&*event.aggregate_id, event.aggregate_version))
        .collect()
}

async fn snapshot(world: &World) -> Vec<Envelope> {
    let source = source(world).await;
    let mut pieces = source.snapshot(None).await.unwrap();
    let mut events = Vec::new();
    while let Some(piece) = pieces.next().await {
        match piece.unwrap() {
            SnapshotPiece::State(page) => events.extend(page),
            SnapshotPiece::Cursors(cursors) => assert_eq!(cursors.len(), 16),
        }
    }
    events
}

/// S6
#[tokio::test]
async fn a_toggle_reaches_an_open_subscription_at_once() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let source = source(&world).await;
    let mut feed = source
        .subscribe(source.heads().await.unwrap())
        .await
        .unwrap();
    world.turn(&tenant, Platform::Web, false, 0).await.unwrap();
    let event = tokio::time::timeout(Duration::from_secs(2), async {
        loop {
            if let Delivery::Batch(mut events) = feed.next().await.unwrap().unwrap() {
                break events.remove(0);
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(
        event.r#type,
        "messenger.settings.v1.MessengerSettingsChanged"
    );
    assert_eq!(event.aggregate_id, tenant.id.as_str());
}

#[tokio::test]
async fn a_snapshot_tells_changed_settings_and_revoked_sessions_that_still_matter() {
    let world = World::start().await;
    let (changed, untouched) = (
        world.tenant("Changed").await,
        world.tenant("Untouched").await,
    );
    let key = world.key(&untouched, Platform::Web).await;
    for (version, on) in [(0, false), (1, true), (2, false)] {
        world
            .turn(&changed, Platform::Web, on, version)
            .await
            .unwrap();
    }
    let over = world
        .session(&untouched, &key, "ada")
        .await
        .session
        .unwrap();
    let end = async |session: &Session| {
        let body = RevokeSessionRequest {
            session_id: session.session_id.clone(),
        };
        world
            .sessions()
            .revoke_session(world.by_bff(body))
            .await
            .unwrap();
    };
    end(&over).await;
    world.clock.advance(SignedDuration::from_mins(15));
    world.session(&untouched, &key, "ada").await;
    let ended = world
        .session(&untouched, &key, "ada")
        .await
        .session
        .unwrap();
    end(&ended).await;
    let told = snapshot(&world).await;
    assert_eq!(
        named(&told),
        [(changed.id.as_str(), 3), (&*ended.session_id, 1)]
    );
    let lived = world
        .events("MessengerSettingsChanged")
        .await
        .pop()
        .unwrap();
    assert_eq!(told[0].payload, lived.payload);
    assert_eq!(told[0].occurred_time, lived.occurred_time);
}

#[tokio::test]
async fn a_snapshot_of_many_pages_tells_each_aggregate_once() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    world.session(&tenant, &key, "ada").await;
    let db = world.database().await;
    let tx = db.begin().await.unwrap();
    for n in 0..450 {
        let workspace = format!("wsp_{n:032x}");
        for sql in [
            format!("insert into workspace values ('{workspace}', 'n', 'app_{n:032x}', 0)"),
            format!("insert into messenger_settings values ('{workspace}', 1, 0)"),
            format!("insert into space_switch values ('{workspace}', 'WEB', 'TICKETS', false, 1)"),
            format!(
                "insert into session select workspace_id, 'ses_{n:032x}', contact_id, key_id, platform, \
                 {}, created_at, expires_at, created_at from session where revoked_at is null",
                bytes(n)
            ),
        ] {
            tx.execute_unprepared(&sql).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
    let told = snapshot(&world).await;
    let mut ids: Vec<_> = named(&told);
    assert_eq!(ids.len(), 900);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 900);
}
