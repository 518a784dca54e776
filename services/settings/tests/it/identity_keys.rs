//! Keys that sign user tokens.

use jiff::SignedDuration;
use proto::settings::v1::*;
use sea_orm::{ConnectionTrait, TransactionTrait};
use tonic::{Code, Status};
use types::Clock;

use crate::world::{Key, Tenant, World, bytes, instant, refused};

async fn create(world: &World, tenant: &Tenant, platform: Platform) -> Result<(), Status> {
    let body = CreateIdentityKeyRequest {
        platform: platform.into(),
    };
    let made = world
        .workspaces()
        .create_identity_key(world.by(tenant, body))
        .await;
    made.map(|_| ())
}

async fn keys(world: &World, tenant: &Tenant) -> Vec<IdentityKey> {
    let listed = world
        .workspaces()
        .list_identity_keys(world.by(tenant, ListIdentityKeysRequest {}))
        .await;
    listed.unwrap().into_inner().keys
}

async fn revoke(world: &World, tenant: &Tenant, key: &Key) -> Result<u32, Status> {
    let body = RevokeIdentityKeyRequest {
        key_id: key.kid.clone(),
    };
    let done = world
        .workspaces()
        .revoke_identity_key(world.by(tenant, body))
        .await?;
    Ok(done.into_inner().sessions_revoked)
}

#[tokio::test]
async fn a_keys_secret_is_shown_once_and_listed_never() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let first = world.key(&tenant, Platform::Web).await;
    assert!(first.secret.starts_with("msgr_msk_"));
    world.clock.advance(SignedDuration::from_secs(1));
    let second = world.key(&tenant, Platform::Ios).await;
    assert_ne!(first.secret, second.secret);
    let listed = keys(&world, &tenant).await;
    let ids: Vec<&str> = listed.iter().map(|key| &*key.key_id).collect();
    assert_eq!(ids, [&*second.kid, &*first.kid], "newest first");
    assert_eq!(listed[0].platform(), Platform::Ios);
    assert_eq!(instant(listed[0].create_time), world.clock.now());
    let shown = format!("{listed:?}");
    assert!(!shown.contains(&first.secret) && !shown.contains(&second.secret));
}

#[tokio::test]
async fn a_platform_has_two_active_keys_at_most_and_revoking_one_makes_room() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let first = world.key(&tenant, Platform::Web).await;
    let second = world.key(&tenant, Platform::Web).await;
    let third = create(&world, &tenant, Platform::Web).await;
    refused(third, Code::FailedPrecondition, "TOO_MANY_KEYS");
    create(&world, &tenant, Platform::Ios).await.unwrap();
    // one place after the other, and the same place twice
    for key in [first, second] {
        revoke(&world, &tenant, &key).await.unwrap();
        let next = world.key(&tenant, Platform::Web).await;
        revoke(&world, &tenant, &next).await.unwrap();
        create(&world, &tenant, Platform::Web).await.unwrap();
        let full = create(&world, &tenant, Platform::Web).await;
        refused(full, Code::FailedPrecondition, "TOO_MANY_KEYS");
    }
    let other = world.tenant("Other").await;
    create(&world, &other, Platform::Web).await.unwrap();
}

#[tokio::test]
async fn keys_created_at_once_are_never_three() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    world.key(&tenant, Platform::Web).await;
    let creates = (0..8).map(|_| create(&world, &tenant, Platform::Web));
    let outcomes = futures::future::join_all(creates).await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1);
    for lost in outcomes.into_iter().filter(Result::is_err) {
        refused(lost, Code::FailedPrecondition, "TOO_MANY_KEYS");
    }
    assert_eq!(keys(&world, &tenant).await.len(), 2);
}

/// What the decision misses, the unique index does not.
#[tokio::test]
async fn the_database_itself_holds_no_third_active_key_in_a_place() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    world.key(&tenant, Platform::Web).await;
    let db = world.database().await;
    let copy = "insert into identity_key (workspace_id, id, platform, algorithm, secret, slot, \
                created_at, revoked_at) select workspace_id, id || 'x', platform, algorithm, secret, \
                slot, created_at, revoked_at from identity_key";
    let refused = db.execute_unprepared(copy).await.unwrap_err();
    assert!(
        matches!(
            refused.sql_err(),
            Some(sea_orm::SqlErr::UniqueConstraintViolation(_))
        ),
        "{refused}"
    );
}

#[tokio::test]
async fn revoking_a_key_ends_the_sessions_it_opened_and_tells_of_each() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let old = world.key(&tenant, Platform::Web).await;
    let new = world.key(&tenant, Platform::Web).await;
    let mut ended = Vec::new();
    for user in ["ada", "ben", "ada"] {
        ended.push(world.session(&tenant, &old, user).await);
    }
    let kept = world.session(&tenant, &new, "ada").await;
    assert_eq!(revoke(&world, &tenant, &old).await.unwrap(), 3);
    for session in &ended {
        let found = world.look_up(&session.access_token).await;
        refused(found, Code::Unauthenticated, "UNAUTHENTICATED");
    }
    world.look_up(&kept.access_token).await.unwrap();
    let mut told: Vec<_> = world
        .events("SessionRevoked")
        .await
        .into_iter()
        .map(|event| (event.aggregate_id, event.contact_id))
        .collect();
    let mut expected: Vec<_> = ended
        .into_iter()
        .map(|opened| opened.session.unwrap())
        .map(|session| (session.session_id, session.contact_id))
        .collect();
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn revoking_a_key_again_is_ok_and_changes_nothing() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    world.session(&tenant, &key, "ada").await;
    let at = world.clock.now();
    assert_eq!(revoke(&world, &tenant, &key).await.unwrap(), 1);
    world.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(revoke(&world, &tenant, &key).await.unwrap(), 0);
    assert_eq!(instant(keys(&world, &tenant).await[0].revoke_time), at);
    assert_eq!(world.events("SessionRevoked").await.len(), 1);
    let audit = world.audit(&tenant).await;
    let actions: Vec<_> = audit
        .iter()
        .map(|e| (&*e.action, &*e.subject, &*e.before, &*e.after))
        .collect();
    assert_eq!(
        actions[1..],
        [
            ("identity_key.created", &*key.kid, "", "active on WEB"),
            (
                "identity_key.revoked",
                &*key.kid,
                "active on WEB",
                "revoked on WEB"
            ),
        ]
    );
}

/// Makes this many more sessions of the one there is.
async fn copy_session(world: &World, copies: usize) {
    let db = world.database().await;
    let tx = db.begin().await.unwrap();
    for n in 0..copies {
        let copy = format!(
            "insert into session select workspace_id, 'ses_{n:032x}', contact_id, key_id, platform, \
             {}, created_at, expires_at, revoked_at from session order by id desc limit 1",
            bytes(n)
        );
        tx.execute_unprepared(&copy).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_key_with_thousands_of_sessions_is_revoked_too() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    world.session(&tenant, &key, "ada").await;
    copy_session(&world, 1_200).await;
    assert_eq!(revoke(&world, &tenant, &key).await.unwrap(), 1_201);
    assert_eq!(world.events("SessionRevoked").await.len(), 1_201);
}

#[tokio::test]
async fn a_caller_who_gives_up_does_not_stop_a_revocation() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    world.session(&tenant, &key, "ada").await;
    copy_session(&world, 3_000).await;
    tokio::select! {
        biased;
        () = async {
            testing::eventually("the key is revoked", || async {
                keys(&world, &tenant).await[0].revoke_time
            })
            .await;
        } => {}
        // on a machine so fast there is nothing left to give up on
        ended = revoke(&world, &tenant, &key) => assert_eq!(ended.unwrap(), 3_001),
    }
    testing::eventually("every session is told of", || async {
        (world.events("SessionRevoked").await.len() == 3_001).then_some(())
    })
    .await;
}

/// A process that was stopped between the key and its sessions.
#[tokio::test]
async fn a_revocation_cut_short_already_holds_and_the_next_start_finishes_it() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let session = world.session(&tenant, &key, "ada").await;
    let now = types::micros(world.clock.now());
    world
        .database()
        .await
        .execute_unprepared(&format!("update identity_key set revoked_at = {now}"))
        .await
        .unwrap();
    let found = world.look_up(&session.access_token).await;
    refused(found, Code::Unauthenticated, "UNAUTHENTICATED");
    assert_eq!(world.events("SessionRevoked").await, []);
    let world = world.restart().await;
    let told = testing::eventually("the session is told of", || async {
        world.events("SessionRevoked").await.pop()
    })
    .await;
    assert_eq!(told.aggregate_id, session.session.unwrap().session_id);
}
