use std::time::{Duration, Instant};

use proto::{
    bff::v1::{CreateSessionRequest, GetHomeRequest, RevokeSessionRequest},
    settings::v1::{ContactKind, Platform},
};
use runtime::ActorKind;
use testing::eventually;
use tonic::{Code, Request};
use types::ContactId;

use crate::{
    fakes::{Mode, USER_JWT},
    world::{Customer, World, inbox, is, refusal},
};

const ENDED: (Code, &str, &str) = (Code::Unauthenticated, "bff.messenger", "UNAUTHENTICATED");

fn ended() -> (Code, String, String) {
    is(ENDED.0, ENDED.1, ENDED.2)
}

#[tokio::test]
async fn a_user_token_opens_a_session_that_shows_home() {
    let world = World::new().await;
    let contact = ContactId::generate();
    let mut customer = world.customer();
    let request = CreateSessionRequest {
        app_id: world.app(),
        platform: Platform::Android.into(),
        user_jwt: format!("{USER_JWT}{contact}"),
        ..Default::default()
    };
    // needs no other credential
    let opened = customer.sessions.create_session(request).await.unwrap();
    let opened = opened.into_inner();
    assert!(opened.expire_time.is_some());
    assert_eq!((opened.visitor_secret.as_str(), opened.merged), ("", false));
    let identity = opened.identity.unwrap();
    assert_eq!(identity.contact_id, contact.as_str());
    assert_eq!(identity.kind(), ContactKind::User);
    customer.token = opened.access_token;
    let home = customer.home(Platform::Android).await.unwrap();
    assert_eq!(home.identity.unwrap().contact_id, contact.as_str());
}

#[tokio::test]
async fn a_user_token_that_is_not_good_opens_nothing_and_hears_no_hint() {
    let world = World::new().await;
    let mut sessions = world.customer().sessions;
    let mut messages = Vec::new();
    for (app_id, user_jwt) in [
        (world.app(), "forged".to_owned()),
        (
            "app_unknown".into(),
            format!("{USER_JWT}{}", ContactId::generate()),
        ),
    ] {
        let request = CreateSessionRequest {
            app_id,
            platform: Platform::Web.into(),
            user_jwt,
            ..Default::default()
        };
        let outcome = sessions.create_session(request).await;
        messages.push(outcome.as_ref().unwrap_err().message().to_owned());
        assert_eq!(refusal(outcome), ended());
    }
    assert_eq!(messages[0], messages[1]);
}

#[tokio::test]
async fn a_session_is_looked_up_once_and_every_call_behind_speaks_for_its_contact() {
    let world = World::new().await;
    let customer = world.customer();
    for _ in 0..3 {
        customer.home(Platform::Web).await.unwrap();
    }
    assert_eq!(world.settings.state.gate.count("LookUpSession"), 1);
    let first = world.notifications.state.gate.last("GetInbox");
    assert_eq!(first.actor.kind, ActorKind::Contact);
    assert_eq!(first.actor.id, customer.contact.as_str());
    assert_eq!(first.actor.workspace.as_ref(), Some(&world.workspace));
    assert!(first.actor.scopes.is_empty());
    customer.home(Platform::Web).await.unwrap();
    let second = world.notifications.state.gate.last("GetInbox");
    assert_eq!(first.authorization, second.authorization, "signed once");
    assert!(!first.authorization.contains(&customer.token));
    let lookup = world.settings.state.gate.last("LookUpSession").actor;
    assert_eq!(
        (lookup.kind, lookup.id.as_str()),
        (ActorKind::Service, "bff")
    );
}

/// Identity comes from the session alone
#[tokio::test]
async fn headers_from_outside_that_name_somebody_are_ignored() {
    let world = World::new().await;
    let customer = world.customer();
    let victim = world.customer();
    world.notifications.tell(&victim.contact, inbox(&[1]));
    let mut request = customer.with(GetHomeRequest {
        platform: Platform::Web.into(),
        consistency_token: String::new(),
    });
    for name in [
        "x-contact-id",
        "x-workspace-id",
        "x-actor",
        "x-forwarded-user",
        "sub",
    ] {
        let value = victim.contact.as_str().parse().unwrap();
        request.metadata_mut().insert(name, value);
    }
    let home = customer.messenger.clone().get_home(request).await.unwrap();
    let home = home.into_inner().home.unwrap();
    assert_eq!(home.identity.unwrap().contact_id, customer.contact.as_str());
    assert_eq!(home.recent_tickets, None);
    let heard = world.notifications.state.gate.last("GetInbox");
    assert_eq!(heard.actor.id, customer.contact.as_str());
    // of the outside nothing goes on but the name of the call
    let ours = ["authorization", "grpc-timeout", "x-request-id"];
    let grpc = ["content-type", "te", "user-agent"];
    for name in &heard.headers {
        assert!(
            ours.iter().chain(&grpc).any(|known| known == name),
            "{name} went on to a service"
        );
    }
}

/// What services accept from each other is worth nothing here
#[tokio::test]
async fn an_assertion_of_a_service_or_contact_is_no_session() {
    let world = World::new().await;
    let customer = world.customer();
    let ring = world.scratch.ring("bff");
    let contact = testing::contact(&world.workspace, &customer.contact);
    for token in [
        ring.sign(&contact).unwrap().token,
        ring.sign_self(None, &["sessions:write"]).unwrap().token,
    ] {
        let forger = Customer {
            token,
            ..customer.clone()
        };
        assert_eq!(refusal(forger.home(Platform::Web).await), ended());
    }
}

#[tokio::test]
async fn without_a_good_access_token_nothing_is_answered() {
    let world = World::new().await;
    let customer = world.customer();
    for token in ["x", "token", &"t".repeat(4_000)] {
        let stranger = Customer {
            token: token.into(),
            ..customer.clone()
        };
        assert_eq!(refusal(stranger.home(Platform::Web).await), ended());
    }
    let mut messenger = customer.messenger.clone();
    let bare = messenger
        .get_home(Request::new(GetHomeRequest::default()))
        .await;
    assert_eq!(bare.unwrap_err().code(), Code::Unauthenticated);
    let mut basic = customer.with(GetHomeRequest::default());
    let value = "Basic YTpi".parse().unwrap();
    basic.metadata_mut().insert("authorization", value);
    let basic = messenger.get_home(basic).await;
    assert_eq!(basic.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(world.notifications.state.gate.count("*"), 0);
}

#[tokio::test]
async fn a_session_that_its_customer_ends_is_over_at_once() {
    let world = World::new().await;
    let customer = world.customer();
    let elsewhere = world.again(&customer);
    customer.home(Platform::Web).await.unwrap();
    elsewhere.home(Platform::Ios).await.unwrap();
    let mut sessions = customer.sessions.clone();
    let revoke = customer.with(RevokeSessionRequest {});
    sessions.revoke_session(revoke).await.unwrap();
    assert_eq!(refusal(customer.home(Platform::Web).await), ended());
    elsewhere.home(Platform::Ios).await.unwrap();
}

/// Revoked by somebody else: out within a second
#[tokio::test]
async fn a_session_that_somebody_revokes_is_over_within_a_second() {
    let world = World::new().await;
    let customer = world.customer();
    customer.home(Platform::Web).await.unwrap();
    let start = Instant::now();
    let session_id = &customer.session_id;
    world.settings.revoke(&world.workspace, session_id).await;
    eventually("the session is over", async || {
        customer.home(Platform::Web).await.err()
    })
    .await;
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(refusal(customer.home(Platform::Web).await), ended());
}

/// The answer says "open", the revocation overtakes it
#[tokio::test]
async fn a_session_revoked_while_it_is_looked_up_does_not_come_alive() {
    let world = World::new().await;
    let customer = world.customer();
    let gate = &world.settings.state.gate;
    gate.set("LookUpSession", Mode::Slow(Duration::from_millis(300)));
    let (home, ()) = tokio::join!(customer.home(Platform::Web), async {
        eventually("the session is looked up", async || {
            (gate.count("LookUpSession") > 0).then_some(())
        })
        .await;
        let session_id = &customer.session_id;
        world.settings.revoke(&world.workspace, session_id).await;
    });
    assert_eq!(refusal(home), ended());
    assert_eq!(refusal(customer.home(Platform::Web).await), ended());
}

#[tokio::test]
async fn a_session_ends_at_its_time() {
    let world = World::new().await;
    let customer = world.customer();
    customer.home(Platform::Web).await.unwrap();
    world.advance(15 * 60);
    assert_eq!(refusal(customer.home(Platform::Web).await), ended());
}

/// D3
#[tokio::test]
async fn with_settings_down_known_sessions_live_on_and_unknown_ones_wait() {
    let world = World::new().await;
    let known = world.customer();
    let short = world.customer_for(Duration::from_secs(60));
    let unknown = world.customer();
    known.home(Platform::Web).await.unwrap();
    short.home(Platform::Web).await.unwrap();
    world.settings.host.go_down().await;
    world.advance(59);
    known.home(Platform::Web).await.unwrap();
    short.home(Platform::Web).await.unwrap();
    let away = is(Code::Unavailable, "bff.messenger", "UNAVAILABLE");
    assert_eq!(refusal(unknown.home(Platform::Web).await), away);
    world.advance(2);
    assert_eq!(refusal(short.home(Platform::Web).await), ended());
    known.home(Platform::Web).await.unwrap();
    world.advance(241);
    assert_eq!(refusal(known.home(Platform::Web).await), away);
}

#[tokio::test]
async fn a_call_keeps_its_name_through_the_services() {
    let world = World::new().await;
    let customer = world.customer();
    let mut request = customer.with(GetHomeRequest {
        platform: Platform::Web.into(),
        consistency_token: String::new(),
    });
    let id = "a-name-for-the-logs".parse().unwrap();
    request.metadata_mut().insert("x-request-id", id);
    customer.messenger.clone().get_home(request).await.unwrap();
    let heard = world.notifications.state.gate.last("GetInbox").request_id;
    assert_eq!(heard, "a-name-for-the-logs");
}
