use proto::{
    bff::v1::{
        AuthorKind, ConversationState, GetConversationRequest, GetConversationResponse,
        ListConversationsRequest, ListConversationsResponse, MarkConversationReadRequest, PartKind,
        SendMessageRequest, SendMessageResponse, StartConversationRequest,
    },
    conversations::v1::{self as cv, ContactPart, MessagePreview, TicketStamp},
    tickets::v1::StateCategory,
};
use tonic::{Code, Status};

use crate::{
    fakes::Mode,
    world::{CNV_1, Customer, World, is, refusal},
};

async fn list(customer: &Customer) -> Result<ListConversationsResponse, Status> {
    let request = ListConversationsRequest {
        page_size: 10,
        page_token: "place".into(),
    };
    let mut messenger = customer.messenger.clone();
    let answer = messenger.list_conversations(customer.with(request)).await?;
    Ok(answer.into_inner())
}

async fn thread(customer: &Customer, id: &str) -> Result<GetConversationResponse, Status> {
    let request = GetConversationRequest {
        conversation_id: id.into(),
        page_size: 10,
        page_token: "place".into(),
    };
    let mut messenger = customer.messenger.clone();
    let answer = messenger.get_conversation(customer.with(request)).await?;
    Ok(answer.into_inner())
}

async fn send(customer: &Customer, id: &str) -> Result<SendMessageResponse, Status> {
    let request = SendMessageRequest {
        request_id: "once".into(),
        conversation_id: id.into(),
        body: "Hello".into(),
        seen_up_to_seq: 0,
    };
    let mut messenger = customer.messenger.clone();
    let answer = messenger.send_message(customer.with(request)).await?;
    Ok(answer.into_inner())
}

fn unknown() -> (Code, String, String) {
    is(
        Code::NotFound,
        "conversations.messenger",
        "CONVERSATION_NOT_FOUND",
    )
}

fn parts() -> Vec<ContactPart> {
    let part = |seq, kind: cv::PartKind| ContactPart {
        part_id: format!("prt_{seq}"),
        seq,
        kind: kind.into(),
        ..Default::default()
    };
    vec![
        ContactPart {
            state: cv::ConversationState::Closed.into(),
            ..part(3, cv::PartKind::StateEvent)
        },
        ContactPart {
            ticket: Some(TicketStamp {
                ticket_id: "tkt_00000000000000000000000000000001".into(),
                revision: 2,
                state_id: "tst_done".into(),
                category: StateCategory::Resolved.into(),
            }),
            ..part(2, cv::PartKind::TicketEvent)
        },
        ContactPart {
            author_kind: cv::AuthorKind::Teammate.into(),
            author_name: "Grace".into(),
            body: "On it.".into(),
            ..part(1, cv::PartKind::Message)
        },
    ]
}

/// S4, B1
#[tokio::test]
async fn the_list_of_messages_carries_each_conversations_ticket_and_what_is_unread() {
    let world = World::new().await;
    let customer = world.customer();
    world.conversations.add(&customer.contact, CNV_1);
    world
        .conversations
        .add(&customer.contact, "cnv_00000000000000000000000000000002");
    world.conversations.add(
        &world.customer().contact,
        "cnv_00000000000000000000000000000003",
    );
    world
        .tickets
        .add(&customer.contact, 1, "cnv_00000000000000000000000000000002");
    world.conversations.change(CNV_1, |entry| {
        entry.conversation.last_foreign_message_seq = 2;
        entry.conversation.head_seq = 3;
        entry.conversation.read_seq = 1;
        entry.conversation.preview = Some(MessagePreview {
            text: "On it.".into(),
            author_kind: cv::AuthorKind::Bot.into(),
            ..Default::default()
        });
    });
    let page = list(&customer).await.unwrap();
    assert_eq!(page.next_page_token, "place+10");
    assert!(!page.tickets_unavailable);
    let [first, second] = page.conversations.as_slice() else {
        panic!("two, not {}", page.conversations.len());
    };
    assert!(first.unread && !second.unread);
    assert_eq!(first.preview, "On it.");
    assert_eq!(first.author.as_ref().unwrap().kind(), AuthorKind::Bot);
    assert_eq!((first.head_seq, first.read_seq), (3, 1));
    assert_eq!(first.ticket, None);
    assert_eq!(second.ticket.as_ref().unwrap().number, 1);
}

/// D4: pills are the garnish of Messages
#[tokio::test]
async fn with_tickets_down_messages_come_without_pills_and_say_so() {
    let world = World::new().await;
    let customer = world.customer();
    world.conversations.add(&customer.contact, CNV_1);
    world.tickets.add(&customer.contact, 1, CNV_1);
    world
        .conversations
        .change(CNV_1, |entry| entry.parts = parts());
    world.tickets.host.go_down().await;
    let page = list(&customer).await.unwrap();
    assert!(page.tickets_unavailable);
    assert_eq!(page.conversations[0].ticket, None);
    let thread = thread(&customer, CNV_1).await.unwrap();
    assert!(thread.ticket_unavailable);
    // V3: whether the ticket was taken back before cannot be known, so nothing is said of it
    let kinds: Vec<_> = thread.parts.iter().map(|part| part.kind()).collect();
    assert_eq!(kinds, [PartKind::StateEvent, PartKind::Message]);
}

/// V3, V1: the update was stamped while it was theirs to see
#[tokio::test]
async fn a_thread_says_nothing_of_a_ticket_that_the_customer_does_not_see_any_more() {
    let world = World::new().await;
    let customer = world.customer();
    world.conversations.add(&customer.contact, CNV_1);
    world
        .conversations
        .change(CNV_1, |entry| entry.parts = parts());
    let hidden = thread(&customer, CNV_1).await.unwrap();
    assert!(!hidden.ticket_unavailable);
    assert!(
        hidden
            .parts
            .iter()
            .all(|part| part.kind() != PartKind::TicketEvent && part.ticket_id.is_empty())
    );
    // linked to no conversation any more, and still theirs
    world.tickets.add(&customer.contact, 1, "");
    let seen = thread(&customer, CNV_1).await.unwrap();
    assert_eq!(seen.parts.len(), hidden.parts.len() + 1);
}

/// D4: the list is the main dish
#[tokio::test]
async fn with_conversations_down_there_are_no_messages() {
    let world = World::new().await;
    let customer = world.customer();
    world.conversations.host.go_down().await;
    let away = is(Code::Unavailable, "bff.messenger", "UNAVAILABLE");
    assert_eq!(refusal(list(&customer).await), away);
    assert_eq!(refusal(thread(&customer, CNV_1).await), away);
    assert_eq!(refusal(send(&customer, CNV_1).await), away);
}

/// S4
#[tokio::test]
async fn a_thread_shows_its_entries_and_its_ticket() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.label("tst_done", "All done");
    world.conversations.add(&customer.contact, CNV_1);
    world.tickets.add(&customer.contact, 1, CNV_1);
    world
        .conversations
        .change(CNV_1, |entry| entry.parts = parts());
    let thread = thread(&customer, CNV_1).await.unwrap();
    assert_eq!(thread.next_page_token, "place+10");
    assert!(!thread.ticket_unavailable);
    assert_eq!(thread.conversation.unwrap().ticket.unwrap().number, 1);
    let [closed, update, message] = thread.parts.as_slice() else {
        panic!("three, not {}", thread.parts.len());
    };
    assert_eq!(closed.kind(), PartKind::StateEvent);
    assert_eq!(closed.state(), ConversationState::Closed);
    assert_eq!(update.kind(), PartKind::TicketEvent);
    assert_eq!(update.ticket_state.as_ref().unwrap().label, "All done");
    assert_eq!(message.kind(), PartKind::Message);
    assert_eq!((message.seq, message.body.as_str()), (1, "On it."));
    assert_eq!(message.author.as_ref().unwrap().name, "Grace");
}

/// V2, L4
#[tokio::test]
async fn somebody_elses_thread_looks_like_none() {
    let world = World::new().await;
    let customer = world.customer();
    world.conversations.add(&world.customer().contact, CNV_1);
    assert_eq!(refusal(thread(&customer, CNV_1).await), unknown());
}

#[tokio::test]
async fn a_conversation_starts_with_its_first_message() {
    let world = World::new().await;
    let customer = world.customer();
    let request = StartConversationRequest {
        request_id: "once".into(),
        body: "Hello".into(),
    };
    let mut messenger = customer.messenger.clone();
    let started = messenger.start_conversation(customer.with(request)).await;
    let started = started.unwrap().into_inner();
    let conversation = started.conversation.unwrap();
    assert_eq!(conversation.preview, "Hello");
    assert!(conversation.author.unwrap().me);
    assert!(!conversation.unread, "one's own message");
    assert!(!started.consistency_token.is_empty());
}

/// C3: Conversations reopens it; A7: a message may carry what was seen
#[tokio::test]
async fn a_message_in_a_closed_conversation_reopens_it_and_says_what_was_seen() {
    let world = World::new().await;
    let customer = world.customer();
    world.conversations.add(&customer.contact, CNV_1);
    world.conversations.change(CNV_1, |entry| {
        entry.conversation.state = cv::ConversationState::Closed.into();
        entry.conversation.head_seq = 7;
    });
    let request = SendMessageRequest {
        request_id: "once".into(),
        conversation_id: CNV_1.into(),
        body: "Not fixed".into(),
        seen_up_to_seq: 6,
    };
    let mut messenger = customer.messenger.clone();
    let sent = messenger
        .send_message(customer.with(request))
        .await
        .unwrap();
    let part = sent.into_inner().part.unwrap();
    assert_eq!((part.seq, part.body.as_str()), (8, "Not fixed"));
    assert!(part.author.unwrap().me);
    let heard = world.conversations.state.sent.lock().clone().unwrap();
    assert_eq!(
        (heard.request_id.as_str(), heard.seen_up_to_seq),
        ("once", 6)
    );
    let page = list(&customer).await.unwrap();
    assert_eq!(page.conversations[0].state(), ConversationState::Open);
}

/// Flow a
#[tokio::test]
async fn a_message_to_a_tickets_conversation_that_is_not_known_yet_arrives() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(&customer.contact, 1, CNV_1);
    assert!(!world.conversations.knows(CNV_1));
    let sent = send(&customer, CNV_1).await.unwrap();
    assert_eq!(sent.part.unwrap().body, "Hello");
    assert!(!sent.consistency_token.is_empty());
    let gate = &world.conversations.state.gate;
    assert_eq!(gate.count("EnsureConversation"), 1);
    assert_eq!(gate.count("SendContactMessage"), 2);
    send(&customer, CNV_1).await.unwrap();
    assert_eq!(gate.count("EnsureConversation"), 1, "known by now");
}

/// C2: whoever submits a ticket may open its conversation at once
#[tokio::test]
async fn a_tickets_conversation_that_is_not_known_yet_opens_empty_and_is_not_made_by_looking() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(&customer.contact, 1, CNV_1);
    let opened = thread(&customer, CNV_1).await.unwrap();
    let conversation = opened.conversation.unwrap();
    assert_eq!(conversation.conversation_id, CNV_1);
    assert_eq!(conversation.state(), ConversationState::Open);
    assert_eq!(conversation.ticket.unwrap().number, 1);
    assert!(opened.parts.is_empty());
    assert!(!world.conversations.knows(CNV_1), "L4");
    let stranger = world.customer();
    assert_eq!(refusal(thread(&stranger, CNV_1).await), unknown());
    world.conversations.add(&customer.contact, CNV_1);
    world
        .conversations
        .change(CNV_1, |entry| entry.deleted = true);
    assert_eq!(refusal(thread(&customer, CNV_1).await), unknown(), "V2");
}

/// V2: nothing is made for somebody who only guesses an id
#[tokio::test]
async fn a_message_to_a_conversation_without_a_ticket_of_the_contact_is_refused() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(&world.customer().contact, 1, CNV_1);
    assert_eq!(refusal(send(&customer, CNV_1).await), unknown());
    assert_eq!(
        refusal(send(&customer, "cnv_000000000000000000000000000000a2").await),
        unknown()
    );
    assert_eq!(
        world.conversations.state.gate.count("EnsureConversation"),
        0
    );
    assert!(!world.conversations.knows(CNV_1));
}

/// V2: deleted looks like never there, also where a ticket is still linked to it
#[tokio::test]
async fn a_message_to_a_deleted_conversation_is_refused_like_one_to_none() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(&customer.contact, 1, CNV_1);
    world.conversations.add(&customer.contact, CNV_1);
    world
        .conversations
        .change(CNV_1, |entry| entry.deleted = true);
    assert_eq!(refusal(send(&customer, CNV_1).await), unknown());
}

#[tokio::test]
async fn with_tickets_down_a_message_to_an_unknown_conversation_is_to_be_tried_again() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.state.gate.all(Mode::Away);
    let away = is(Code::Unavailable, "bff.messenger", "UNAVAILABLE");
    assert_eq!(refusal(send(&customer, CNV_1).await), away);
}

/// B3, A2
#[tokio::test]
async fn a_receipt_names_a_place_that_was_shown_and_none_above_the_newest() {
    let world = World::new().await;
    let customer = world.customer();
    world.conversations.add(&customer.contact, CNV_1);
    world
        .conversations
        .change(CNV_1, |entry| entry.conversation.head_seq = 4);
    let mark = async |up_to_seq| {
        let request = MarkConversationReadRequest {
            conversation_id: CNV_1.into(),
            up_to_seq,
        };
        let mut messenger = customer.messenger.clone();
        messenger
            .mark_conversation_read(customer.with(request))
            .await
    };
    let read = mark(4).await.unwrap().into_inner();
    assert_eq!(read.read_seq, 4);
    assert!(!read.consistency_token.is_empty());
    let above = is(
        Code::InvalidArgument,
        "conversations.messenger",
        "SEQ_ABOVE_HEAD",
    );
    assert_eq!(refusal(mark(5).await), above);
}
