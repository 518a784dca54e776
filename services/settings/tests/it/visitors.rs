//! Anonymous visitors: known again by their secret, and by nothing else.

use jiff::SignedDuration;
use proto::settings::v1::*;
use sea_orm::ConnectionTrait;
use sha2::{Digest, Sha256};
use tonic::Code;
use types::Clock;

use crate::world::{Tenant, World, instant, refused, told};

const NINE_MONTHS: SignedDuration = SignedDuration::from_hours(274 * 24);

fn contact_of(opened: &OpenSessionResponse) -> String {
    opened.session.as_ref().unwrap().contact_id.clone()
}

#[tokio::test]
async fn who_brings_nothing_becomes_a_visitor_and_with_the_secret_is_the_same_one_again() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let first = world.visit(&tenant, "").await.unwrap();
    assert!(first.visitor_secret.starts_with("msgr_vis_"));
    assert_eq!(first.visitor_secret.len(), 9 + 43, "256 bits");
    let session = first.session.clone().unwrap();
    assert_eq!(session.contact_kind(), ContactKind::Visitor);
    assert_eq!(world.look_up(&first.access_token).await.unwrap(), session);
    assert_eq!(
        instant(session.expire_time),
        world.clock.now() + SignedDuration::from_mins(15)
    );
    let again = world.visit(&tenant, &first.visitor_secret).await.unwrap();
    assert_eq!(contact_of(&again), session.contact_id);
    assert_ne!(again.access_token, first.access_token);
    assert_eq!(again.visitor_secret, "", "told once");
    let other = world.visit(&tenant, "").await.unwrap();
    assert_ne!(contact_of(&other), session.contact_id);
    let contact = world.contact(&tenant, &session.contact_id).await.unwrap();
    assert_eq!(contact.kind(), ContactKind::Visitor);
    assert_eq!((&*contact.user_id, &*contact.name), ("", ""));
}

#[tokio::test]
async fn only_the_hash_of_a_visitors_secret_is_kept() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let secret = world.visit(&tenant, "").await.unwrap().visitor_secret;
    let rows = world.rows("select hash from visitor_secret").await;
    let kept: Vec<u8> = rows[0].try_get("", "hash").unwrap();
    assert_eq!(kept, Sha256::digest(&secret).to_vec());
    if !testing::on_sqlite_for("what the file of the database holds") {
        return;
    }
    for file in ["settings.db", "settings.db-wal"] {
        let bytes = std::fs::read(world.scratch.path(file)).unwrap();
        let secret = &secret.as_bytes()[9..];
        let found = bytes.windows(secret.len()).any(|part| part == secret);
        assert!(!found, "the secret is in {file}");
    }
}

#[tokio::test]
async fn a_secret_lasts_nine_months_after_its_last_use() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let opened = world.visit(&tenant, "").await.unwrap();
    let secret = &opened.visitor_secret;
    let moment = SignedDuration::from_micros(1);
    for _ in 0..2 {
        world.clock.advance(NINE_MONTHS - moment);
        let again = world.visit(&tenant, secret).await.unwrap();
        assert_eq!(contact_of(&again), contact_of(&opened));
    }
    world.clock.advance(NINE_MONTHS);
    let late = world.visit(&tenant, secret).await;
    refused(late, Code::Unauthenticated, "UNAUTHENTICATED");
    let world = world.restart().await;
    testing::eventually("the secret is removed", || async {
        (world.count("visitor_secret").await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_bad_secret_gets_the_same_refusal_and_makes_nobody_new() {
    let world = World::start().await;
    let (tenant, other) = (world.tenant("Acme").await, world.tenant("Other").await);
    let good = world.visit(&tenant, "").await.unwrap().visitor_secret;
    let foreign = world.visit(&other, "").await.unwrap().visitor_secret;
    let revoked = world.visit(&tenant, "").await.unwrap();
    let revoke = format!(
        "update visitor_secret set revoked_at = 1 where contact_id = '{}'",
        contact_of(&revoked)
    );
    world
        .database()
        .await
        .execute_unprepared(&revoke)
        .await
        .unwrap();
    let erased = world.visit(&tenant, "").await.unwrap();
    world.erase(&tenant, &contact_of(&erased)).await.unwrap();
    let contacts = world.count("contact").await;
    let last = if good.ends_with('A') { "B" } else { "A" };
    let changed = format!("{}{last}", &good[..good.len() - 1]);
    let bad = [
        ("anything", "x".to_owned()),
        ("very long", "x".repeat(50_000)),
        ("changed", changed),
        ("with a space", format!("{good} ")),
        ("another workspace's", foreign),
        ("revoked", revoked.visitor_secret),
        ("an erased visitor's", erased.visitor_secret),
        ("an access token", revoked.access_token),
    ];
    let same = (
        Code::Unauthenticated,
        "UNAUTHENTICATED".to_owned(),
        "the token is missing, malformed, expired, revoked or not ours; get a new one".to_owned(),
    );
    let mut let_in = Vec::new();
    for (wrong, secret) in bad {
        match world.visit(&tenant, &secret).await {
            Ok(_) => let_in.push(wrong),
            Err(status) => assert_eq!(told(&status), same, "{wrong}"),
        }
    }
    assert_eq!(let_in, Vec::<&str>::new());
    assert_eq!(world.count("contact").await, contacts);
    let nowhere = Tenant {
        app_id: "app_00000000000000000000000000000000".into(),
        ..tenant
    };
    let unknown = world.visit(&nowhere, "").await;
    assert_eq!(told(&unknown.unwrap_err()), same);
}

#[tokio::test]
async fn a_visitors_session_is_revoked_like_any_other() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let opened = world.visit(&tenant, "").await.unwrap();
    let session = opened.session.unwrap();
    let body = RevokeSessionRequest {
        session_id: session.session_id.clone(),
    };
    for _ in 0..2 {
        let mut sessions = world.sessions();
        let done = sessions.revoke_session(world.by_bff(body.clone())).await;
        done.unwrap();
    }
    let found = world.look_up(&opened.access_token).await;
    refused(found, Code::Unauthenticated, "UNAUTHENTICATED");
    let events = world.events("SessionRevoked").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].contact_id, session.contact_id);
    world.clock.advance(SignedDuration::from_mins(76));
    let world = world.restart().await;
    testing::eventually("the session is removed", || async {
        (world.count("visitor_session").await == 0).then_some(())
    })
    .await;
}

/// Whoever could guess what stands for a visitor's user id would still not be the visitor.
#[tokio::test]
async fn a_user_called_as_a_visitor_is_kept_is_nobody() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    world.visit(&tenant, "").await.unwrap();
    let rows = world.rows("select user_id from contact").await;
    let stand_in: String = rows[0].try_get("", "user_id").unwrap();
    let token = key.sign(&world.claims(&tenant, &stand_in));
    let opened = world.open(&tenant, Platform::Web, token).await;
    refused(opened, Code::Internal, "INTERNAL");
    let body = IdentifyContactRequest {
        user_id: stand_in,
        ..Default::default()
    };
    let mut contacts = world.contacts();
    let met = contacts.identify_contact(world.by(&tenant, body)).await;
    refused(met, Code::Internal, "INTERNAL");
}
