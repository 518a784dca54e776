use proto::{
    bff::v1::{
        CreateSessionRequest, GetConversationRequest, GetTicketRequest, ListConversationsRequest,
        ListTicketFormsRequest, ListTicketsRequest, MarkConversationReadRequest,
        MarkTicketReadRequest, OpenTicketConversationRequest, PollMessengerRequest,
        RevokeSessionRequest, SendMessageRequest, StartConversationRequest, SubmitTicketRequest,
        WatchMessengerRequest,
    },
    settings::v1::Platform,
};
use runtime::{Failure, Violations};
use tonic::{Code, Request};

use crate::{
    fakes::Mode,
    world::{Customer, World, fields, is, refusal},
};

fn many(length: usize) -> String {
    "x".repeat(length)
}

/// Every field that is wrong is named at once, by its name in the request, and nobody behind is asked
#[tokio::test]
async fn every_wrong_field_of_every_request_is_named_at_once() {
    let world = World::new().await;
    let customer = world.customer();
    let Customer {
        mut messenger,
        mut sessions,
        ..
    } = customer.clone();
    customer.home(Platform::Web).await.unwrap();
    world.forget_calls();

    let request = CreateSessionRequest {
        app_id: String::new(),
        platform: 9,
        user_jwt: many(8 * 1024 + 1),
        visitor_secret: many(129),
        user_id: many(256),
    };
    let outcome = sessions.create_session(request).await;
    let wrong = [
        "platform",
        "app_id",
        "user_jwt",
        "visitor_secret",
        "user_id",
        "user_id",
    ];
    assert_eq!(fields(outcome), wrong);

    for platform in [0, 4] {
        let request = WatchMessengerRequest {
            platform,
            resume_token: None,
        };
        let outcome = messenger.watch_messenger(customer.with(request)).await;
        assert_eq!(fields(outcome.map(|_| ())), ["platform"]);
        let request = PollMessengerRequest {
            platform,
            resume_token: None,
            wait_ms: 25_001,
        };
        let outcome = messenger.poll_messenger(customer.with(request)).await;
        assert_eq!(fields(outcome), ["platform", "wait_ms"]);
    }

    for id in ["", "q", "tkt_\0", &many(65)] {
        let ticket_id = id.to_owned();
        let request = GetTicketRequest {
            ticket_id: ticket_id.clone(),
            consistency_token: String::new(),
        };
        let outcome = messenger.get_ticket(customer.with(request)).await;
        assert_eq!(fields(outcome), ["ticket_id"]);
        let request = OpenTicketConversationRequest {
            ticket_id: ticket_id.clone(),
        };
        let outcome = messenger
            .open_ticket_conversation(customer.with(request))
            .await;
        assert_eq!(fields(outcome), ["ticket_id"]);
        let request = MarkTicketReadRequest {
            ticket_id,
            up_to_revision: 0,
        };
        let outcome = messenger.mark_ticket_read(customer.with(request)).await;
        assert_eq!(fields(outcome), ["ticket_id", "up_to_revision"]);
        let request = GetConversationRequest {
            conversation_id: id.into(),
            ..Default::default()
        };
        let outcome = messenger.get_conversation(customer.with(request)).await;
        assert_eq!(fields(outcome), ["conversation_id"]);
        let request = MarkConversationReadRequest {
            conversation_id: id.into(),
            up_to_seq: 0,
        };
        let outcome = messenger
            .mark_conversation_read(customer.with(request))
            .await;
        assert_eq!(fields(outcome), ["conversation_id", "up_to_seq"]);
        let request = SendMessageRequest {
            request_id: many(65),
            conversation_id: id.into(),
            body: " \n".into(),
            seen_up_to_seq: 0,
        };
        let outcome = messenger.send_message(customer.with(request)).await;
        assert_eq!(fields(outcome), ["request_id", "conversation_id", "body"]);
    }

    let request = StartConversationRequest {
        request_id: many(65),
        body: many(10_001),
    };
    let outcome = messenger.start_conversation(customer.with(request)).await;
    assert_eq!(fields(outcome), ["request_id", "body"]);

    for title in [String::new(), "  ".into(), many(256), "a\u{202E}b".into()] {
        let request = SubmitTicketRequest {
            request_id: many(65),
            type_id: "tty_support".into(),
            title,
            description: many(10_001),
        };
        let outcome = messenger.submit_ticket(customer.with(request)).await;
        let wrong = ["request_id", "type_id", "title", "description"];
        assert_eq!(fields(outcome), wrong);
    }
    assert_eq!(world.calls(), 0);
}

/// Limits count characters, and what is at the limit is fine
#[tokio::test]
async fn the_longest_texts_in_any_script_are_accepted() {
    let world = World::new().await;
    let customer = world.customer();
    let request = SubmitTicketRequest {
        request_id: many(64),
        type_id: String::new(),
        title: "é".repeat(255),
        description: "𝔘".repeat(10_000),
    };
    let submitted = customer
        .messenger
        .clone()
        .submit_ticket(customer.with(request))
        .await;
    let detail = submitted.unwrap().into_inner().ticket.unwrap();
    assert_eq!(detail.description.chars().count(), 10_000);
}

#[tokio::test]
async fn a_malformed_consistency_token_is_refused_wherever_one_is_taken() {
    let world = World::new().await;
    let customer = world.customer();
    let mut messenger = customer.messenger.clone();
    let refused = is(
        Code::InvalidArgument,
        "bff.messenger",
        "INVALID_CONSISTENCY_TOKEN",
    );
    let request = ListTicketsRequest {
        consistency_token: "?".into(),
        ..Default::default()
    };
    let outcome = messenger.list_tickets(customer.with(request)).await;
    assert_eq!(refusal(outcome), refused);
    let request = GetTicketRequest {
        ticket_id: "tkt_00000000000000000000000000000001".into(),
        consistency_token: "?".into(),
    };
    let outcome = messenger.get_ticket(customer.with(request)).await;
    assert_eq!(refusal(outcome), refused);
    assert_eq!(world.tickets.state.gate.count("*"), 0);
}

/// A place that Notifications knows not to exist
#[tokio::test]
async fn a_consistency_token_for_a_place_that_cannot_be_is_refused() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(&customer.contact, 1, "");
    let mut wrong = Violations::new();
    wrong.add("at_least", "names no place");
    let refused = Failure::invalid("notifications.messenger", wrong.finish().unwrap_err());
    world.notifications.state.gate.all(Mode::Refusing(refused));
    // tickets, partition 1, position 9
    let token = "AQEAAAAAAAAACQ";
    let expected = is(
        Code::InvalidArgument,
        "bff.messenger",
        "INVALID_CONSISTENCY_TOKEN",
    );
    let outcome = customer.home_after(Platform::Web, token).await;
    assert_eq!(refusal(outcome), expected);
    let request = ListTicketsRequest {
        consistency_token: token.into(),
        ..Default::default()
    };
    let outcome = customer
        .messenger
        .clone()
        .list_tickets(customer.with(request))
        .await;
    assert_eq!(refusal(outcome), expected);
}

/// What a service says of a field comes through under the field's name here
#[tokio::test]
async fn a_page_token_that_its_owner_refuses_is_named() {
    let world = World::new().await;
    let customer = world.customer();
    let mut wrong = Violations::new();
    wrong.add("page_token", "is malformed or belongs to another list");
    let wrong = wrong.finish().unwrap_err();
    let refused = |domain| Mode::Refusing(Failure::invalid(domain, wrong.clone()));
    world.tickets.state.gate.all(refused("tickets.messenger"));
    world
        .conversations
        .state
        .gate
        .all(refused("conversations.messenger"));
    let mut messenger = customer.messenger.clone();
    let request = ListTicketsRequest::default();
    let outcome = messenger.list_tickets(customer.with(request)).await;
    assert_eq!(fields(outcome), ["page_token"]);
    let request = ListConversationsRequest::default();
    let outcome = messenger.list_conversations(customer.with(request)).await;
    assert_eq!(fields(outcome), ["page_token"]);
}

#[tokio::test]
async fn a_message_too_large_to_be_ours_is_refused_and_the_next_is_answered() {
    let world = World::new().await;
    let customer = world.customer();
    let request = StartConversationRequest {
        request_id: String::new(),
        body: many(70_000),
    };
    let mut messenger = customer.messenger.clone();
    let outcome = messenger.start_conversation(customer.with(request)).await;
    assert_eq!(outcome.unwrap_err().code(), Code::InvalidArgument);
    customer.home(Platform::Web).await.unwrap();
}

/// Every method but CreateSession
#[tokio::test]
async fn nothing_is_answered_without_a_session() {
    let world = World::new().await;
    let Customer {
        mut messenger,
        mut sessions,
        ..
    } = world.customer();
    macro_rules! refused {
        ($($client:ident.$method:ident($request:ident)),* $(,)?) => { $(
            let outcome = $client.$method(Request::new($request::default())).await;
            let code = outcome.map(|_| ()).unwrap_err().code();
            assert_eq!(code, Code::Unauthenticated, stringify!($method));
        )* };
    }
    use proto::bff::v1::GetHomeRequest;
    refused!(
        sessions.revoke_session(RevokeSessionRequest),
        messenger.get_home(GetHomeRequest),
        messenger.list_tickets(ListTicketsRequest),
        messenger.get_ticket(GetTicketRequest),
        messenger.list_ticket_forms(ListTicketFormsRequest),
        messenger.submit_ticket(SubmitTicketRequest),
        messenger.open_ticket_conversation(OpenTicketConversationRequest),
        messenger.list_conversations(ListConversationsRequest),
        messenger.get_conversation(GetConversationRequest),
        messenger.start_conversation(StartConversationRequest),
        messenger.send_message(SendMessageRequest),
        messenger.mark_conversation_read(MarkConversationReadRequest),
        messenger.mark_ticket_read(MarkTicketReadRequest),
        messenger.watch_messenger(WatchMessengerRequest),
        messenger.poll_messenger(PollMessengerRequest),
    );
    assert_eq!(world.calls(), 0);
}
