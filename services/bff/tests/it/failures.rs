//! Services behind that fail in other ways than by being away.

use std::time::Duration;

use proto::{
    bff::v1::{
        CreateSessionRequest, GetConversationRequest, GetTicketRequest, MarkTicketReadRequest,
        SendMessageRequest, StartConversationRequest, SubmitTicketRequest,
    },
    settings::v1::Platform,
};
use runtime::Kind;
use tonic::Code;
use tonic_types::StatusExt;

use crate::{
    fakes::{Mode, ours},
    world::{World, inbox, is, refusal},
};

fn ticket() -> GetTicketRequest {
    GetTicketRequest {
        ticket_id: "tkt_00000000000000000000000000000001".into(),
        consistency_token: String::new(),
    }
}

/// Our credential is our affair
#[tokio::test]
async fn a_service_that_refuses_our_credential_is_our_fault() {
    let world = World::new().await;
    let customer = world.customer();
    for kind in [Kind::Unauthenticated, Kind::Forbidden, Kind::Internal] {
        let refused = ours(kind, "tickets.messenger", "SECRET_REASON");
        world.tickets.state.gate.all(Mode::Refusing(refused));
        let outcome = customer
            .messenger
            .clone()
            .get_ticket(customer.with(ticket()))
            .await;
        let status = outcome.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        let info = status.get_details_error_info().unwrap();
        assert_eq!(
            (info.domain.as_str(), info.reason.as_str()),
            ("bff.messenger", "INTERNAL")
        );
        assert!(!status.message().contains("SECRET_REASON"));
        assert!(info.metadata.contains_key("request_id"));
    }
}

#[tokio::test]
async fn a_service_that_says_when_to_come_back_is_heard() {
    let world = World::new().await;
    let customer = world.customer();
    let busy = Kind::Exhausted(Duration::from_secs(7));
    let refused = ours(busy, "auth.messenger", "OVERLOADED");
    world.tickets.state.gate.all(Mode::Refusing(refused));
    let outcome = customer
        .messenger
        .clone()
        .get_ticket(customer.with(ticket()))
        .await;
    let status = outcome.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let retry = status.get_details_retry_info().unwrap();
    assert_eq!(retry.retry_delay, Some(Duration::from_secs(7)));
}

/// An answer that lacks what the contract promises is not shown as if there were nothing
#[tokio::test]
async fn an_answer_without_its_content_is_our_fault_and_no_empty_screen() {
    let world = World::new().await;
    let customer = world.customer();
    world
        .tickets
        .add(&customer.contact, 1, "cnv_00000000000000000000000000000001");
    customer.home(Platform::Web).await.unwrap();
    world.tickets.state.gate.all(Mode::Empty);
    world.conversations.state.gate.all(Mode::Empty);
    let garbage = is(Code::Internal, "bff.messenger", "INTERNAL");
    let mut messenger = customer.messenger.clone();
    let outcome = messenger.get_ticket(customer.with(ticket())).await;
    assert_eq!(refusal(outcome), garbage);
    let request = MarkTicketReadRequest {
        ticket_id: "tkt_00000000000000000000000000000001".into(),
        up_to_revision: 1,
    };
    let outcome = messenger.mark_ticket_read(customer.with(request)).await;
    assert_eq!(refusal(outcome), garbage);
    let request = SubmitTicketRequest {
        title: "Printer".into(),
        ..Default::default()
    };
    let outcome = messenger.submit_ticket(customer.with(request)).await;
    assert_eq!(refusal(outcome), garbage);
    let request = GetConversationRequest {
        conversation_id: "cnv_00000000000000000000000000000001".into(),
        ..Default::default()
    };
    let outcome = messenger.get_conversation(customer.with(request)).await;
    assert_eq!(refusal(outcome), garbage);
    let request = StartConversationRequest {
        body: "Hello".into(),
        ..Default::default()
    };
    let outcome = messenger.start_conversation(customer.with(request)).await;
    assert_eq!(refusal(outcome), garbage);
    let request = SendMessageRequest {
        conversation_id: "cnv_00000000000000000000000000000001".into(),
        body: "Hello".into(),
        ..Default::default()
    };
    let outcome = messenger.send_message(customer.with(request)).await;
    assert_eq!(refusal(outcome), garbage);
}

/// D4: an inbox that is not there is not an empty one
#[tokio::test]
async fn an_inbox_without_its_content_is_unavailable_not_empty() {
    let world = World::new().await;
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1]));
    world.notifications.state.gate.all(Mode::Empty);
    let home = customer.home(Platform::Web).await.unwrap();
    assert!(home.inbox_unavailable);
    assert_eq!(home.badges.unwrap().messages, None);
}

#[tokio::test]
async fn a_session_without_its_content_lets_nobody_in() {
    let world = World::new().await;
    let customer = world.customer();
    world.settings.state.gate.all(Mode::Empty);
    let garbage = is(Code::Internal, "bff.messenger", "INTERNAL");
    assert_eq!(refusal(customer.home(Platform::Web).await), garbage);
    let request = CreateSessionRequest {
        app_id: "app_1".into(),
        platform: Platform::Web.into(),
        user_jwt: "x".into(),
        ..Default::default()
    };
    let outcome = customer.sessions.clone().create_session(request).await;
    assert_eq!(refusal(outcome), garbage);
    world.settings.state.gate.all(Mode::Up);
    customer.home(Platform::Web).await.unwrap();
}

#[tokio::test]
async fn a_read_is_tried_again_when_a_service_is_away_for_a_moment() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(&customer.contact, 1, "");
    world.tickets.state.gate.all(Mode::AwayFor(2));
    let mut messenger = customer.messenger.clone();
    messenger.get_ticket(customer.with(ticket())).await.unwrap();
    assert_eq!(world.tickets.state.gate.count("GetContactTicket"), 3);
}

/// The caller's deadline goes down with the call
#[tokio::test]
async fn a_call_ends_at_its_callers_deadline() {
    let world = World::new().await;
    let customer = world.customer();
    customer.home(Platform::Web).await.unwrap();
    let slow = Mode::Slow(Duration::from_secs(8));
    world.tickets.state.gate.all(slow);
    let mut request = customer.with(ticket());
    request.set_timeout(Duration::from_millis(200));
    let start = std::time::Instant::now();
    let outcome = customer.messenger.clone().get_ticket(request).await;
    assert!(start.elapsed() < Duration::from_secs(1));
    let code = outcome.unwrap_err().code();
    assert!(
        matches!(
            code,
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled
        ),
        "{code:?}"
    );
}
