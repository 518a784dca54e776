//! A back-office ticket on its way to a customer and back, across all services.

use std::time::Duration;

use proto::{
    bff::v1::{
        GetConversationRequest, MarkConversationReadRequest, StartConversationRequest,
        WatchMessengerRequest, watch_messenger_response::Frame,
    },
    conversations::v1::{ListPartsRequest, PartKind},
    settings::v1::Platform,
    tickets::v1::{
        ChangeTicketStateRequest, CreateTicketRequest, CreateTicketTypeRequest,
        ListTicketStatesRequest, ShareTicketRequest, StateCategory, TypeCategory,
        UnshareTicketRequest,
    },
};
use suite::{Messenger, signed};
use testing::eventually;

use crate::office::{Office, badges, detail, home, shows};

/// Moves a ticket to the state of a category.
async fn set_state(office: &Office, ticket: &str, category: StateCategory) {
    let grace = &office.grace;
    let states = grace
        .call(
            &grace.types,
            ListTicketStatesRequest {},
            |mut c, r| async move { c.list_ticket_states(r).await },
        )
        .await
        .unwrap()
        .states;
    let state = states.iter().find(|state| state.category() == category);
    let body = ChangeTicketStateRequest {
        ticket_id: ticket.into(),
        state_id: state.unwrap().state_id.clone(),
        ..Default::default()
    };
    grace
        .call(&grace.tickets, body, |mut c, r| async move {
            c.change_ticket_state(r).await
        })
        .await
        .unwrap();
}

async fn share(office: &Office, ticket: &str) {
    let body = ShareTicketRequest {
        ticket_id: ticket.into(),
        ..Default::default()
    };
    let grace = &office.grace;
    grace
        .call(&grace.tickets, body, |mut c, r| async move {
            c.share_ticket(r).await
        })
        .await
        .unwrap();
}

/// A conversation of the customer's, with a back-office ticket that is linked to it: the ids of both.
async fn reported(office: &Office, ada: &Messenger) -> (String, String) {
    let body = StartConversationRequest {
        body: "The export stops at 80 %".into(),
        ..Default::default()
    };
    let started = ada
        .call(
            body,
            |mut c, r| async move { c.start_conversation(r).await },
        )
        .await;
    let conversation = started.unwrap().conversation.unwrap().conversation_id;
    let grace = &office.grace;
    let body = CreateTicketTypeRequest {
        name: "Bug report".into(),
        category: TypeCategory::BackOffice.into(),
        shareable: true,
        ..Default::default()
    };
    let made = grace
        .call(&grace.types, body, |mut c, r| async move {
            c.create_ticket_type(r).await
        })
        .await;
    let type_id = made.unwrap().r#type.unwrap().type_id;
    let contact = home(ada).await.identity.unwrap().contact_id;
    let ticket = eventually("Tickets to know the conversation", || async {
        let body = CreateTicketRequest {
            requester_contact_id: contact.clone(),
            type_id: type_id.clone(),
            conversation_id: conversation.clone(),
            title: "Export stops".into(),
            ..Default::default()
        };
        let made = grace.call(&grace.tickets, body, |mut c, r| async move {
            c.create_ticket(r).await
        });
        Some(made.await.ok()?.ticket?.ticket_id)
    })
    .await;
    (conversation, ticket)
}

/// How many ticket events stand in a conversation, and the place of the newest part.
async fn stamps(office: &Office, conversation: &str) -> (usize, u64) {
    let grace = &office.grace;
    let body = ListPartsRequest {
        conversation_id: conversation.into(),
        page_size: 100,
        ..Default::default()
    };
    let parts = grace
        .call(&grace.conversations, body, |mut c, r| async move {
            c.list_parts(r).await
        })
        .await
        .unwrap()
        .parts;
    let events = parts
        .iter()
        .filter(|part| part.kind() == PartKind::TicketEvent);
    let newest = parts.iter().map(|part| part.seq).max();
    (events.count(), newest.unwrap_or_default())
}

/// How many ticket updates a customer finds in a thread.
async fn updates(of: &Messenger, conversation: &str) -> usize {
    let body = GetConversationRequest {
        conversation_id: conversation.into(),
        ..Default::default()
    };
    let thread = of
        .call(body, |mut c, r| async move { c.get_conversation(r).await })
        .await
        .unwrap();
    let updates = thread
        .parts
        .iter()
        .filter(|part| part.kind() == proto::bff::v1::PartKind::TicketEvent);
    updates.count()
}

/// A1, A3, B2, B3, V3, V4
#[tokio::test(flavor = "multi_thread")]
async fn a_shared_ticket_badges_until_its_conversation_is_read_and_taken_back_it_is_gone_live() {
    let office = Office::open().await;
    let ada = office.messenger("ada", Platform::Web);
    let (conversation, ticket) = reported(&office, &ada).await;
    let ticket = ticket.as_str();
    let body = WatchMessengerRequest {
        platform: Platform::Web.into(),
        resume_token: None,
    };
    let mut request = signed(&ada.token().await.unwrap(), body).unwrap();
    request.metadata_mut().remove("grpc-timeout");
    let channel = runtime::client::channel(&office.suite.endpoints().bff).unwrap();
    let mut client = proto::bff::v1::messenger_service_client::MessengerServiceClient::new(channel);
    let mut frames = client.watch_messenger(request).await.unwrap().into_inner();

    set_state(&office, ticket, StateCategory::InProgress).await;
    share(&office, ticket).await;
    shows(&ada, Some(1), Some(0)).await;
    // what came before it was shared left no trace in the thread
    let newest = eventually("the update to be stamped", || async {
        let (events, newest) = stamps(&office, &conversation).await;
        assert!(events <= 1, "{events}");
        (events == 1).then_some(newest)
    })
    .await;
    let body = MarkConversationReadRequest {
        conversation_id: conversation.clone(),
        up_to_seq: newest,
    };
    ada.call(
        body,
        |mut c, r| async move { c.mark_conversation_read(r).await },
    )
    .await
    .unwrap();
    shows(&ada, Some(0), Some(0)).await;
    assert_eq!(updates(&ada, &conversation).await, 1);

    let body = UnshareTicketRequest {
        ticket_id: ticket.into(),
        ..Default::default()
    };
    let grace = &office.grace;
    grace
        .call(&grace.tickets, body, |mut c, r| async move {
            c.unshare_ticket(r).await
        })
        .await
        .unwrap();
    // live: the space was there, and is gone with its only ticket
    let mut seen = false;
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(10), frames.message());
        let frame = frame.await.unwrap().unwrap().unwrap();
        let Some(Frame::Home(home)) = frame.frame else {
            continue;
        };
        let tickets = home.badges.unwrap_or_default().tickets;
        seen |= tickets.is_some();
        if seen && tickets.is_none() {
            break;
        }
    }
    assert_eq!(badges(&ada).await, (None, Some(0)));
    assert!(detail(&ada, ticket).await.is_err());
    // the conversation itself stays, and says nothing of the ticket any more
    assert_eq!(updates(&ada, &conversation).await, 0);

    set_state(&office, ticket, StateCategory::WaitingOnCustomer).await;
    share(&office, ticket).await;
    shows(&ada, Some(1), Some(0)).await;
    eventually(
        "the second sharing to be stamped, and nothing between",
        || async {
            let (events, _) = stamps(&office, &conversation).await;
            assert!(events <= 2, "{events}");
            (events == 2).then_some(())
        },
    )
    .await;
    assert_eq!(updates(&ada, &conversation).await, 2);
}
