//! A visitor who proves to be a user.

use prost::Message;
use proto::settings::v1::*;
use sea_orm::ConnectionTrait;
use tonic::{Code, Status};

use crate::world::{Key, Tenant, World, refused};

struct Scene {
    world: World,
    tenant: Tenant,
    key: Key,
}

async fn scene() -> Scene {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    Scene { world, tenant, key }
}

impl Scene {
    async fn visitor(&self) -> OpenSessionResponse {
        self.world.visit(&self.tenant, "").await.unwrap()
    }

    /// A user's token and a visitor's secret, together.
    async fn both(&self, user_id: &str, secret: &str) -> Result<OpenSessionResponse, Status> {
        let token = self.key.sign(&self.world.claims(&self.tenant, user_id));
        self.world
            .open_as(&self.tenant, Platform::Web, token, secret, "")
            .await
    }

    async fn merged_into(&self, contact_id: &str) -> String {
        let contact = self.world.contact(&self.tenant, contact_id).await;
        contact.unwrap().merged_into_contact_id
    }

    async fn merges_told(&self) -> Vec<ContactMerged> {
        let events = self.world.events("ContactMerged").await;
        let read = |event: &proto::events::v1::Envelope| {
            let told = ContactMerged::decode(&*event.payload).unwrap();
            let visitor = (&event.aggregate_id, &event.contact_id);
            assert_eq!(visitor, (&told.from_contact_id, &told.from_contact_id));
            assert_eq!(event.aggregate_version, 1);
            told
        };
        events.iter().map(read).collect()
    }

    async fn merge_lines(&self) -> Vec<(String, String, String, String)> {
        let audit = self.world.audit(&self.tenant).await;
        let merges = audit.into_iter().filter(|e| e.action == "contact.merged");
        merges
            .map(|e| (e.actor_id, e.subject, e.before, e.after))
            .collect()
    }
}

fn contact_of(opened: &OpenSessionResponse) -> String {
    opened.session.as_ref().unwrap().contact_id.clone()
}

#[tokio::test]
async fn a_visitor_with_both_proofs_is_the_user_from_then_on() {
    let scene = scene().await;
    let first = scene.visitor().await;
    let second = scene
        .world
        .visit(&scene.tenant, &first.visitor_secret)
        .await;
    let second = second.unwrap();
    let visitor = contact_of(&first);
    let user = scene.both("ada", &first.visitor_secret).await.unwrap();
    assert!(user.merged);
    assert_eq!(user.visitor_secret, "");
    let ada = contact_of(&user);
    assert_eq!(
        user.session.as_ref().unwrap().contact_kind(),
        ContactKind::User
    );
    assert_ne!(ada, visitor);
    assert_eq!(scene.merged_into(&visitor).await, ada);
    // nothing of the visitor's opens anything
    let again = scene
        .world
        .visit(&scene.tenant, &first.visitor_secret)
        .await;
    refused(again, Code::Unauthenticated, "UNAUTHENTICATED");
    for opened in [&first, &second] {
        let found = scene.world.look_up(&opened.access_token).await;
        refused(found, Code::Unauthenticated, "UNAUTHENTICATED");
    }
    scene.world.look_up(&user.access_token).await.unwrap();
    // each of it is told, the sessions before the merge
    let mut ended: Vec<String> = scene
        .world
        .events("SessionRevoked")
        .await
        .into_iter()
        .map(|event| event.aggregate_id)
        .collect();
    let mut expected = [&first, &second].map(|it| it.session.clone().unwrap().session_id);
    ended.sort();
    expected.sort();
    assert_eq!(ended, expected);
    let expected = ContactMerged {
        from_contact_id: visitor.clone(),
        into_contact_id: ada.clone(),
        into_contact_name: "Ada".into(),
    };
    assert_eq!(scene.merges_told().await, [expected]);
    let line = (ada.clone(), visitor, String::new(), ada);
    assert_eq!(scene.merge_lines().await, [line]);
}

/// What was theirs is the user's: to say that it is gone would be wrong.
#[tokio::test]
async fn who_asks_to_erase_a_merged_visitor_is_sent_to_the_user() {
    let scene = scene().await;
    let first = scene.visitor().await;
    let user = scene.both("ada", &first.visitor_secret).await.unwrap();
    let erased = scene.world.erase(&scene.tenant, &contact_of(&first)).await;
    let status = refused(erased, Code::FailedPrecondition, "CONTACT_MERGED");
    let ada = contact_of(&user);
    assert!(status.message().contains(&ada), "{status}");
    scene.world.erase(&scene.tenant, &ada).await.unwrap();
}

#[tokio::test]
async fn the_same_pair_again_answers_the_same_and_does_no_harm() {
    let scene = scene().await;
    let visitor = scene.visitor().await;
    let mut users = Vec::new();
    for _ in 0..3 {
        let opened = scene.both("ada", &visitor.visitor_secret).await.unwrap();
        assert!(opened.merged);
        scene.world.look_up(&opened.access_token).await.unwrap();
        users.push(contact_of(&opened));
    }
    users.dedup();
    assert_eq!(users.len(), 1);
    assert_eq!(scene.merges_told().await.len(), 1);
    assert_eq!(scene.merge_lines().await.len(), 1);
}

#[tokio::test]
async fn a_visitor_is_never_merged_twice_and_another_user_hears_nothing_of_it() {
    let scene = scene().await;
    let visitor = scene.visitor().await;
    let ada = scene.both("ada", &visitor.visitor_secret).await.unwrap();
    let ben = scene.both("ben", &visitor.visitor_secret).await.unwrap();
    let unknown = scene.both("ben", "msgr_vis_nobody").await.unwrap();
    for opened in [&ben, &unknown] {
        assert!(!opened.merged);
        assert_eq!(opened.visitor_secret, "");
    }
    assert_eq!(contact_of(&ben), contact_of(&unknown));
    assert_ne!(contact_of(&ben), contact_of(&ada));
    let into = scene.merged_into(&contact_of(&visitor)).await;
    assert_eq!(into, contact_of(&ada));
    assert_eq!(scene.merge_lines().await.len(), 1);
}

#[tokio::test]
async fn one_proof_without_the_other_merges_nobody() {
    let scene = scene().await;
    let visitor = scene.visitor().await;
    let secret = &visitor.visitor_secret;
    let other = scene.world.tenant("Other").await;
    let foreign = scene.world.key(&other, Platform::Web).await;
    let claims = scene.world.claims(&scene.tenant, "ada");
    let expired = serde_json::json!({
        "user_id": "ada", "aud": scene.tenant.app_id, "iat": 1_000, "exp": 1_300
    });
    for token in [
        "x.y.z".to_owned(),
        foreign.sign(&claims),
        scene.key.sign(&expired),
    ] {
        let opened = scene
            .world
            .open_as(&scene.tenant, Platform::Web, token, secret, "")
            .await;
        refused(opened, Code::Unauthenticated, "UNAUTHENTICATED");
    }
    let visitor_of_other = scene.world.visit(&other, "").await.unwrap();
    let mut changed = secret.clone();
    changed.truncate(secret.len() - 1);
    for wrong in [&visitor_of_other.visitor_secret, &changed, "x"] {
        assert!(!scene.both("ada", wrong).await.unwrap().merged);
    }
    assert_eq!(scene.merges_told().await, []);
    // the visitor is still who they were
    let again = scene.world.visit(&scene.tenant, secret).await.unwrap();
    assert_eq!(contact_of(&again), contact_of(&visitor));
}

#[tokio::test]
async fn a_secret_that_is_over_merges_nobody_and_keeps_nobody_out() {
    let scene = scene().await;
    let visitor = scene.visitor().await;
    let nine_months = jiff::SignedDuration::from_hours(274 * 24);
    scene.world.clock.advance(nine_months);
    let opened = scene.both("ada", &visitor.visitor_secret).await.unwrap();
    assert!(!opened.merged);
    assert_eq!(scene.merged_into(&contact_of(&visitor)).await, "");
}

#[tokio::test]
async fn of_two_users_who_bring_one_visitors_secret_at_once_one_is_the_visitor() {
    let scene = scene().await;
    for round in 0..4 {
        let visitor = scene.visitor().await;
        let users = ["a", "b", "c", "d"].map(|user| format!("{user}{round}"));
        let opens = users
            .iter()
            .map(|user| scene.both(user, &visitor.visitor_secret));
        let opened = futures::future::join_all(opens).await;
        let opened: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
        let merged: Vec<_> = opened.iter().filter(|opened| opened.merged).collect();
        assert_eq!(merged.len(), 1, "round {round}");
        let into = scene.merged_into(&contact_of(&visitor)).await;
        assert_eq!(into, contact_of(merged[0]));
    }
    assert_eq!(scene.merges_told().await.len(), 4);
    assert_eq!(scene.merge_lines().await.len(), 4);
}

#[tokio::test]
async fn one_pair_of_proofs_brought_many_times_at_once_is_one_merge() {
    let scene = scene().await;
    let visitor = scene.visitor().await;
    let opens = (0..6).map(|_| scene.both("ada", &visitor.visitor_secret));
    for opened in futures::future::join_all(opens).await {
        assert!(opened.unwrap().merged);
    }
    assert_eq!(scene.merges_told().await.len(), 1);
    assert_eq!(scene.merge_lines().await.len(), 1);
}

/// Either comes first; what is left is never half of each.
#[tokio::test]
async fn a_merge_and_the_erasure_of_the_visitor_at_once_leave_one_of_two_histories() {
    let scene = scene().await;
    for round in 0..6 {
        let visitor = scene.visitor().await;
        let id = contact_of(&visitor);
        let user = format!("user{round}");
        let (opened, erased) = futures::future::join(
            scene.both(&user, &visitor.visitor_secret),
            scene.world.erase(&scene.tenant, &id),
        )
        .await;
        let merged = opened.unwrap().merged;
        if merged {
            refused(erased, Code::FailedPrecondition, "CONTACT_MERGED");
        } else {
            erased.unwrap();
        }
        let left = scene.world.contact(&scene.tenant, &id).await.unwrap();
        assert_eq!(left.erase_time.is_some(), !merged);
        assert_eq!(!left.merged_into_contact_id.is_empty(), merged);
        // the same pair answers the same; of an erased visitor the secret is gone, too
        let again = scene.both(&user, &visitor.visitor_secret).await.unwrap();
        assert_eq!(again.merged, merged);
    }
}

#[tokio::test]
async fn a_merge_and_the_revocation_of_the_users_key_at_once_end_every_session() {
    let scene = scene().await;
    let visitor = scene.visitor().await;
    let token = scene.key.sign(&scene.world.claims(&scene.tenant, "ada"));
    let body = RevokeIdentityKeyRequest {
        key_id: scene.key.kid.clone(),
    };
    let mut workspaces = scene.world.workspaces();
    let secret = &visitor.visitor_secret;
    let (opened, revoked) = futures::future::join(
        scene
            .world
            .open_as(&scene.tenant, Platform::Web, token, secret, ""),
        workspaces.revoke_identity_key(scene.world.by(&scene.tenant, body)),
    )
    .await;
    revoked.unwrap();
    let into = scene.merged_into(&contact_of(&visitor)).await;
    match opened {
        // before the revocation: the session ends with the key
        Ok(opened) => {
            assert!(opened.merged);
            assert_eq!(into, contact_of(&opened));
            let found = scene.world.look_up(&opened.access_token).await;
            refused(found, Code::Unauthenticated, "UNAUTHENTICATED");
        }
        // after it: nothing happened
        Err(status) => {
            refused(
                Err::<(), _>(status),
                Code::Unauthenticated,
                "UNAUTHENTICATED",
            );
            assert_eq!(into, "");
            scene.world.look_up(&visitor.access_token).await.unwrap();
        }
    }
}

/// A process that was stopped between a merge and the visitor's last sessions.
#[tokio::test]
async fn a_visitors_session_is_over_with_the_merge_and_the_next_start_tells_of_it() {
    let scene = scene().await;
    let visitor = scene.visitor().await;
    let user = scene.both("ada", "").await.unwrap();
    let cut_short = format!(
        "update contact set merged_into = '{}', merged_at = 1 where id = '{}'",
        contact_of(&user),
        contact_of(&visitor)
    );
    let database = scene.world.database().await;
    database.execute_unprepared(&cut_short).await.unwrap();
    let found = scene.world.look_up(&visitor.access_token).await;
    refused(found, Code::Unauthenticated, "UNAUTHENTICATED");
    assert_eq!(scene.world.events("SessionRevoked").await, []);
    let world = scene.world.restart().await;
    let told = testing::eventually("the session is told of", || async {
        world.events("SessionRevoked").await.pop()
    })
    .await;
    assert_eq!(told.aggregate_id, visitor.session.unwrap().session_id);
}
