//! Sessions: what is kept of them, how long they last, how they end.

use jiff::SignedDuration;
use prost::Message;
use proto::settings::v1::*;
use sha2::{Digest, Sha256};
use tonic::{Code, Status};
use types::Clock;

use crate::world::{Key, Tenant, World, instant, refused};

async fn tenant(world: &World) -> (Tenant, Key) {
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    (tenant, key)
}

async fn revoke(world: &World, session: &Session) -> Result<(), Status> {
    let body = RevokeSessionRequest {
        session_id: session.session_id.clone(),
    };
    let done = world.sessions().revoke_session(world.by_bff(body)).await;
    done.map(|_| ())
}

#[tokio::test]
async fn a_session_is_found_by_the_hash_of_its_access_token() {
    let world = World::start().await;
    let (tenant, key) = tenant(&world).await;
    let opened = world.session(&tenant, &key, "ada").await;
    let found = world.look_up(&opened.access_token).await.unwrap();
    assert_eq!(Some(&found), opened.session.as_ref());
    assert_eq!(
        instant(found.expire_time),
        world.clock.now() + SignedDuration::from_mins(15)
    );
    let another = world.session(&tenant, &key, "ada").await;
    assert_ne!(another.access_token, opened.access_token);
    let unknown = world.look_up("msgr_ses_nobody").await;
    refused(unknown, Code::Unauthenticated, "UNAUTHENTICATED");
}

#[tokio::test]
async fn only_the_hash_of_an_access_token_is_kept() {
    let world = World::start().await;
    let (tenant, key) = tenant(&world).await;
    let token = world.session(&tenant, &key, "ada").await.access_token;
    let secret = token.strip_prefix("msgr_ses_").unwrap();
    assert_eq!(secret.len(), 43, "256 bits");
    let rows = world.rows("select token_hash from session").await;
    let kept: Vec<u8> = rows[0].try_get("", "token_hash").unwrap();
    assert_eq!(kept, Sha256::digest(&token).to_vec());
    if !testing::on_sqlite_for("what the file of the database holds") {
        return;
    }
    for file in ["settings.db", "settings.db-wal"] {
        let bytes = std::fs::read(world.scratch.path(file)).unwrap();
        let found = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "the token is in {file}");
    }
}

#[tokio::test]
async fn a_session_lasts_fifteen_minutes() {
    let world = World::start().await;
    let (tenant, key) = tenant(&world).await;
    let opened = world.session(&tenant, &key, "ada").await;
    world
        .clock
        .advance(SignedDuration::from_mins(15) - SignedDuration::from_micros(1));
    world.look_up(&opened.access_token).await.unwrap();
    world.clock.advance(SignedDuration::from_micros(1));
    let found = world.look_up(&opened.access_token).await;
    refused(found, Code::Unauthenticated, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_revoked_session_is_gone_and_told_of_once() {
    let world = World::start().await;
    let (tenant, key) = tenant(&world).await;
    let opened = world.session(&tenant, &key, "ada").await;
    let kept = world.session(&tenant, &key, "ada").await;
    let session = opened.session.unwrap();
    for _ in 0..2 {
        revoke(&world, &session).await.unwrap();
        let found = world.look_up(&opened.access_token).await;
        refused(found, Code::Unauthenticated, "UNAUTHENTICATED");
    }
    world.look_up(&kept.access_token).await.unwrap();
    let events = world.events("SessionRevoked").await;
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(event.aggregate_id, session.session_id);
    assert_eq!(event.aggregate_version, 1);
    assert_eq!(event.contact_id, session.contact_id);
    assert_eq!(event.workspace_id, tenant.id.as_str());
    let payload = SessionRevoked::decode(&*event.payload).unwrap();
    assert_eq!(payload.session_id, session.session_id);
}

#[tokio::test]
async fn a_session_that_is_over_or_was_never_there_is_revoked_without_a_word() {
    let world = World::start().await;
    let (tenant, key) = tenant(&world).await;
    let session = world.session(&tenant, &key, "ada").await.session.unwrap();
    world.clock.advance(SignedDuration::from_mins(15));
    revoke(&world, &session).await.unwrap();
    let never = Session {
        session_id: "ses_00000000000000000000000000000000".into(),
        ..session
    };
    revoke(&world, &never).await.unwrap();
    assert_eq!(world.events("SessionRevoked").await, []);
}

#[tokio::test]
async fn sessions_that_a_new_user_opens_at_once_are_of_one_contact() {
    let world = World::start().await;
    let (tenant, key) = tenant(&world).await;
    for user in ["ada", "ben", "chen"] {
        let opens = (0..6).map(|_| world.session(&tenant, &key, user));
        let opened = futures::future::join_all(opens).await;
        let mut contacts: Vec<String> = opened
            .into_iter()
            .map(|opened| opened.session.unwrap().contact_id)
            .collect();
        contacts.dedup();
        assert_eq!(contacts.len(), 1, "{user}");
    }
    assert_eq!(world.count("contact").await, 3);
    assert_eq!(world.count("session").await, 18);
}

#[tokio::test]
async fn a_session_shows_the_name_its_contact_has_now() {
    let world = World::start().await;
    let (tenant, key) = tenant(&world).await;
    let opened = world.session(&tenant, &key, "ada").await;
    let body = IdentifyContactRequest {
        user_id: "ada".into(),
        name: "Ada Lovelace".into(),
        ..Default::default()
    };
    world
        .contacts()
        .identify_contact(world.by(&tenant, body))
        .await
        .unwrap();
    let found = world.look_up(&opened.access_token).await.unwrap();
    assert_eq!(found.contact_name, "Ada Lovelace");
}

#[tokio::test]
async fn sessions_long_over_are_removed() {
    let world = World::start().await;
    let (tenant, key) = tenant(&world).await;
    world.session(&tenant, &key, "ada").await;
    world.clock.advance(SignedDuration::from_mins(76));
    let young = world.session(&tenant, &key, "ada").await.session.unwrap();
    let world = world.restart().await;
    testing::eventually("the old session is removed", || async {
        (world.count("session").await == 1).then_some(())
    })
    .await;
    let rows = world.rows("select id from session").await;
    assert_eq!(
        rows[0].try_get::<String>("", "id").unwrap(),
        young.session_id
    );
}
