//! Customers who do not say who they are, and what becomes of them when they do.

use proto::{
    bff::v1::{
        CreateSessionRequest, CreateSessionResponse, GoAwayReason, SendMessageRequest,
        session_service_client::SessionServiceClient,
    },
    settings::v1::{ContactKind, Platform},
};
use testing::eventually;
use tonic::{Code, Status};
use types::ContactId;

use crate::{
    fakes::USER_JWT,
    world::{CNV_1, Customer, World, fields, inbox, is, refusal},
};

fn request(world: &World) -> CreateSessionRequest {
    CreateSessionRequest {
        app_id: world.app(),
        platform: Platform::Web.into(),
        ..Default::default()
    }
}

async fn open(
    world: &World,
    request: CreateSessionRequest,
) -> Result<CreateSessionResponse, Status> {
    let mut sessions = SessionServiceClient::new(world.channel.clone());
    let opened = sessions.create_session(request).await?;
    Ok(opened.into_inner())
}

/// Whose session it is, holding it.
fn holder(world: &World, opened: &CreateSessionResponse) -> Customer {
    let identity = opened.identity.as_ref().unwrap();
    let contact = ContactId::parse(&identity.contact_id).unwrap();
    world.holding(contact, opened.access_token.clone(), String::new())
}

#[tokio::test]
async fn a_visitor_is_given_a_secret_once_and_is_known_by_it_again() {
    let world = World::new().await;
    let first = open(&world, request(&world)).await.unwrap();
    assert!(!first.visitor_secret.is_empty() && !first.merged);
    let identity = first.identity.clone().unwrap();
    assert_eq!(identity.kind(), ContactKind::Visitor);
    let again = CreateSessionRequest {
        visitor_secret: first.visitor_secret.clone(),
        ..request(&world)
    };
    let again = open(&world, again).await.unwrap();
    assert_eq!(again.identity.as_ref(), Some(&identity));
    assert_eq!(again.visitor_secret, "", "told once");
    let home = holder(&world, &again).home(Platform::Web).await.unwrap();
    assert_eq!(home.identity, Some(identity));
    let stranger = open(&world, request(&world)).await.unwrap();
    assert_ne!(stranger.identity, first.identity);
}

#[tokio::test]
async fn who_only_says_who_they_are_is_unverified() {
    let world = World::new().await;
    let claimed = CreateSessionRequest {
        user_id: "ada".into(),
        ..request(&world)
    };
    let opened = open(&world, claimed).await.unwrap();
    let identity = opened.identity.clone().unwrap();
    assert_eq!(identity.kind(), ContactKind::Unverified);
    let home = holder(&world, &opened).home(Platform::Web).await.unwrap();
    assert_eq!(home.identity.unwrap().kind(), ContactKind::Unverified);
    let both = CreateSessionRequest {
        user_jwt: format!("{USER_JWT}{}", ContactId::generate()),
        user_id: "ada".into(),
        ..request(&world)
    };
    assert_eq!(fields(open(&world, both).await), ["user_id"]);
}

#[tokio::test]
async fn a_secret_that_nobody_was_given_opens_nothing() {
    let world = World::new().await;
    let guessed = CreateSessionRequest {
        visitor_secret: "msgr_vis_guessed".into(),
        ..request(&world)
    };
    let refused = is(Code::Unauthenticated, "bff.messenger", "UNAUTHENTICATED");
    assert_eq!(refusal(open(&world, guessed).await), refused);
}

#[tokio::test]
async fn a_visitor_who_proves_to_be_a_user_has_no_session_of_the_visitors_left() {
    let world = World::new().await;
    let opened = open(&world, request(&world)).await.unwrap();
    let visitor = holder(&world, &opened);
    let mut frames = visitor.watch(Platform::Web, None).await.unwrap();
    frames.home().await;
    let user = ContactId::generate();
    let proven = CreateSessionRequest {
        user_jwt: format!("{USER_JWT}{user}"),
        visitor_secret: opened.visitor_secret,
        ..request(&world)
    };
    let merged = open(&world, proven.clone()).await.unwrap();
    assert!(merged.merged);
    assert_eq!(merged.identity.as_ref().unwrap().contact_id, user.as_str());
    let from = &visitor.contact;
    world.settings.merge(&world.workspace, from, &user).await;
    assert_eq!(frames.end().await, GoAwayReason::SessionChanged);
    world.forget_calls();
    let write = SendMessageRequest {
        conversation_id: CNV_1.into(),
        body: "still here".into(),
        ..Default::default()
    };
    let mut messenger = visitor.messenger.clone();
    let sent = messenger.send_message(visitor.with(write)).await;
    assert_eq!(sent.unwrap_err().code(), Code::Unauthenticated);
    assert!(visitor.watch(Platform::Web, None).await.is_err());
    assert_eq!(world.conversations.state.gate.count("*"), 0);
    // the user's goes on, and the same proof again changes nothing
    let user = holder(&world, &merged);
    user.home(Platform::Web).await.unwrap();
    assert!(!open(&world, proven).await.unwrap().merged);
    user.home(Platform::Web).await.unwrap();
}

#[tokio::test]
async fn every_session_of_a_merged_visitor_ends_whether_it_was_used_here_or_not() {
    let world = World::new().await;
    let visitor = world.customer();
    let elsewhere = world.again(&visitor);
    let other = world.customer();
    for customer in [&visitor, &elsewhere, &other] {
        customer.home(Platform::Web).await.unwrap();
    }
    let user = ContactId::generate();
    let from = &visitor.contact;
    world.settings.merge(&world.workspace, from, &user).await;
    for customer in [&visitor, &elsewhere] {
        eventually("the session is over", async || {
            customer.home(Platform::Web).await.err()
        })
        .await;
    }
    // one that was never used here does not come alive
    let late = world.again(&visitor);
    assert!(late.home(Platform::Web).await.is_err());
    world.notifications.tell(&other.contact, inbox(&[1]));
    other.home(Platform::Web).await.unwrap();
}
