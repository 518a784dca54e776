//! Who asks too often, over the wire.

use proto::{
    bff::v1::{
        CreateSessionRequest, SendMessageRequest, StartConversationRequest, SubmitTicketRequest,
        session_service_client::SessionServiceClient,
    },
    settings::v1::Platform,
};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use types::ContactId;

use crate::{
    fakes::{Mode, USER_JWT},
    web::Browser,
    world::{CNV_1, World, is, refusal},
};

/// The name of the limit that was met, after the rest of the refusal was checked.
#[track_caller]
fn limited<T: std::fmt::Debug>(outcome: Result<T, Status>) -> String {
    let status = outcome.expect_err("it is refused");
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    let info = status.get_details_error_info().unwrap();
    assert_eq!(
        (info.domain.as_str(), info.reason.as_str()),
        ("bff.messenger", "RATE_LIMITED")
    );
    let delay = status.get_details_retry_info().unwrap().retry_delay;
    assert!(delay.is_some_and(|delay| !delay.is_zero()));
    assert!(status.message().contains("try again in"));
    info.metadata["limit"].clone()
}

fn user(world: &World) -> CreateSessionRequest {
    CreateSessionRequest {
        app_id: world.app(),
        platform: Platform::Web.into(),
        user_jwt: format!("{USER_JWT}{}", ContactId::generate()),
        ..Default::default()
    }
}

async fn open(world: &World, request: CreateSessionRequest, from: &str) -> Result<(), Status> {
    let mut sessions = SessionServiceClient::new(world.channel.clone());
    let mut request = Request::new(request);
    let from = from.parse().unwrap();
    request.metadata_mut().insert("x-forwarded-for", from);
    sessions.create_session(request).await.map(drop)
}

/// A BFF behind a proxy on this machine.
async fn behind_a_proxy() -> World {
    World::configured(|config| bff::Config {
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..config
    })
    .await
}

#[tokio::test]
async fn an_address_opens_thirty_sessions_at_once_and_another_one_its_own() {
    let world = behind_a_proxy().await;
    for _ in 0..30 {
        open(&world, user(&world), "192.0.2.1").await.unwrap();
    }
    let refused = open(&world, user(&world), "198.51.100.1, 192.0.2.1").await;
    assert_eq!(limited(refused), "sessions");
    assert_eq!(world.settings.state.gate.count("OpenSession"), 30);
    open(&world, user(&world), "192.0.2.2").await.unwrap();
}

#[tokio::test]
async fn without_a_proxy_that_is_trusted_nobody_has_another_address() {
    let world = World::new().await;
    for host in 0..30 {
        let from = format!("192.0.2.{host}");
        open(&world, user(&world), &from).await.unwrap();
    }
    let refused = open(&world, user(&world), "192.0.2.99").await;
    assert_eq!(limited(refused), "sessions");
}

#[tokio::test]
async fn ten_new_visitors_come_from_an_address_and_users_still_may() {
    let world = behind_a_proxy().await;
    let visitor = || CreateSessionRequest {
        user_jwt: String::new(),
        ..user(&world)
    };
    for _ in 0..10 {
        open(&world, visitor(), "2001:db8:0:1::1").await.unwrap();
    }
    let refused = open(&world, visitor(), "2001:db8:0:1::2").await;
    assert_eq!(limited(refused), "visitors");
    let claims = CreateSessionRequest {
        user_id: "ada".into(),
        visitor_secret: "msgr_vis_any".into(),
        ..visitor()
    };
    let refused = open(&world, claims, "2001:db8:0:1::2").await;
    assert_eq!(limited(refused), "visitors");
    let from = "2001:db8:0:1::2";
    open(&world, user(&world), from).await.unwrap();
    open(&world, visitor(), "2001:db8:0:2::1").await.unwrap();
}

#[tokio::test]
async fn ten_people_who_only_say_who_they_are_come_from_an_address_as_new_visitors_do() {
    let world = behind_a_proxy().await;
    let claims = |name: usize| CreateSessionRequest {
        user_jwt: String::new(),
        user_id: format!("made up {name}"),
        ..user(&world)
    };
    for name in 0..10 {
        open(&world, claims(name), "192.0.2.1").await.unwrap();
    }
    let refused = open(&world, claims(10), "192.0.2.1").await;
    assert_eq!(limited(refused), "visitors");
    assert_eq!(world.settings.state.gate.count("OpenSession"), 10);
    open(&world, claims(10), "192.0.2.2").await.unwrap();
}

#[tokio::test]
async fn after_twenty_forged_tokens_an_address_is_heard_no_more() {
    let world = World::new().await;
    for _ in 0..20 {
        let forged = CreateSessionRequest {
            user_jwt: "forged".into(),
            ..user(&world)
        };
        let outcome = open(&world, forged, "").await;
        let refused = is(Code::Unauthenticated, "bff.messenger", "UNAUTHENTICATED");
        assert_eq!(refusal(outcome), refused);
    }
    assert_eq!(limited(open(&world, user(&world), "").await), "refusals");
    assert_eq!(world.settings.state.gate.count("OpenSession"), 20);
}

#[tokio::test]
async fn a_contact_sends_twenty_messages_at_once_however_many_sessions_it_has() {
    let world = World::new().await;
    let customer = world.customer();
    let phone = world.again(&customer);
    world.conversations.add(&customer.contact, CNV_1);
    let write = |request_id: String| SendMessageRequest {
        request_id,
        conversation_id: CNV_1.into(),
        body: "Hello".into(),
        ..Default::default()
    };
    let mut messenger = customer.messenger.clone();
    for turn in 0..10 {
        for who in [&customer, &phone] {
            let request = who.with(write(format!("{turn} {}", who.session_id)));
            messenger.send_message(request).await.unwrap();
        }
    }
    let refused = messenger.send_message(customer.with(write(String::new())));
    assert_eq!(limited(refused.await), "messages");
    let start = StartConversationRequest {
        request_id: "new".into(),
        body: "Hello".into(),
    };
    let refused = messenger.start_conversation(customer.with(start.clone()));
    assert_eq!(limited(refused.await), "messages");
    // what was sent is answered again, to whoever heard nothing
    let again = write(format!("3 {}", phone.session_id));
    messenger.send_message(phone.with(again)).await.unwrap();
    let other = world.customer();
    let started = messenger.start_conversation(other.with(start));
    started.await.unwrap();
}

/// T10: a submission that failed for a passing reason is not counted again
#[tokio::test]
async fn ten_tickets_are_submitted_within_an_hour_and_trying_again_is_free() {
    let world = World::new().await;
    let customer = world.customer();
    let submit = |request_id: String| SubmitTicketRequest {
        request_id,
        title: "Broken".into(),
        ..Default::default()
    };
    let mut messenger = customer.messenger.clone();
    let gate = &world.tickets.state.gate;
    gate.set("CreateContactTicket", Mode::Away);
    for _ in 0..5 {
        let away = messenger.submit_ticket(customer.with(submit("0".into())));
        assert_eq!(away.await.unwrap_err().code(), Code::Unavailable);
    }
    gate.set("CreateContactTicket", Mode::Up);
    for id in 0..10 {
        let request = customer.with(submit(id.to_string()));
        messenger.submit_ticket(request).await.unwrap();
    }
    let refused = messenger.submit_ticket(customer.with(submit("10".into())));
    assert_eq!(limited(refused.await), "tickets");
    let again = messenger.submit_ticket(customer.with(submit("9".into())));
    again.await.unwrap();
}

#[tokio::test]
async fn thirty_watches_are_opened_within_a_minute() {
    let world = World::new().await;
    let customer = world.customer();
    for _ in 0..30 {
        customer
            .watch(Platform::Web, None)
            .await
            .unwrap()
            .home()
            .await;
    }
    let refused = customer.watch(Platform::Web, None).await.map(|_| ());
    assert_eq!(limited(refused), "watches");
}

/// Noisy neighbours
#[tokio::test]
async fn a_busy_contact_and_a_busy_workspace_are_held_up_and_others_are_not() {
    let number = |count| std::num::NonZeroU32::new(count).unwrap();
    let world = World::configured(|config| bff::Config {
        limits: bff::LimitArgs {
            limit_calls: number(5),
            limit_workspace_calls: number(8),
            ..Default::default()
        },
        ..config
    })
    .await;
    let (busy, neighbour) = (world.customer(), world.customer());
    for _ in 0..5 {
        busy.home(Platform::Web).await.unwrap();
    }
    assert_eq!(limited(busy.home(Platform::Web).await), "calls");
    for _ in 0..3 {
        neighbour.home(Platform::Web).await.unwrap();
    }
    let outcome = neighbour.home(Platform::Web).await;
    assert_eq!(limited(outcome), "workspace_calls");
    let elsewhere = types::WorkspaceId::generate();
    let contact = ContactId::generate();
    let lasts = std::time::Duration::from_secs(60);
    let (token, id) = world.settings.open(&elsewhere, &contact, lasts);
    let other = world.holding(contact, token, id);
    other.home(Platform::Web).await.unwrap();
}

/// Guessing access tokens asks Settings no more than so often
#[tokio::test]
async fn access_tokens_that_nobody_has_are_looked_up_a_limited_number_of_times() {
    let number = std::num::NonZeroU32::new(5).unwrap();
    let world = World::configured(|config| bff::Config {
        limits: bff::LimitArgs {
            limit_misses: number,
            ..Default::default()
        },
        ..config
    })
    .await;
    let known = world.customer();
    known.home(Platform::Web).await.unwrap();
    world.forget_calls();
    let guess = |turn: usize| {
        let token = format!("guess-{turn}");
        world.holding(ContactId::generate(), token, String::new())
    };
    for turn in 0..5 {
        let outcome = guess(turn).home(Platform::Web).await;
        assert_eq!(outcome.unwrap_err().code(), Code::Unauthenticated);
    }
    assert_eq!(limited(guess(5).home(Platform::Web).await), "misses");
    assert_eq!(world.settings.state.gate.count("LookUpSession"), 5);
    known.home(Platform::Web).await.unwrap();
}

#[tokio::test]
async fn http_is_told_when_to_come_back() {
    let world = World::new().await;
    let body = format!(
        r#"{{"appId":"{}","platform":"PLATFORM_WEB","userJwt":"forged"}}"#,
        world.app()
    );
    let method = "POST /messenger.bff.v1.SessionService/CreateSession";
    let json = "content-type: application/json\r\n";
    for _ in 0..20 {
        let mut browser = Browser::send(&world, method, json, body.as_bytes()).await;
        let head = browser.head().await;
        assert!(head.starts_with("http/1.1 401"), "{head}");
    }
    let mut browser = Browser::send(&world, method, json, body.as_bytes()).await;
    let head = browser.head().await;
    assert!(head.starts_with("http/1.1 429"), "{head}");
    assert!(head.contains("\r\nretry-after: 3"), "{head}");
}
