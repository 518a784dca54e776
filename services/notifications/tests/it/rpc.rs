//! The calls: what they answer, what they refuse, and to whom.

use std::time::{Duration, Instant};

use proto::{
    conversations::v1::{AuthorKind, ConversationState},
    events::v1::LogPosition,
    notifications::v1::{
        BatchGetTicketReadsRequest, GetInboxRequest, Inbox, InboxVersion, MarkTicketReadRequest,
        RebuildProjectionRequest, WatchInboxRequest,
    },
    tickets::v1::StateCategory,
};
use runtime::{Actor, error::reason_of};
use testing::teammate;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::{
    center::{Center, Customer},
    story::{Conversation, Ticket, at},
};

fn fields(status: &Status) -> Vec<String> {
    let details = status.get_details_bad_request();
    let violations = details
        .into_iter()
        .flat_map(|details| details.field_violations);
    violations.map(|violation| violation.field).collect()
}

#[tokio::test]
async fn whoever_was_never_heard_of_has_an_empty_inbox() {
    let (center, ada) = (Center::start().await, Customer::new());
    let version = InboxVersion {
        epoch: 1,
        ..Default::default()
    };
    let empty = Inbox {
        version: Some(version),
        ..Default::default()
    };
    assert_eq!(center.inbox(&ada).await, empty);
    let ticket = Ticket::draft(&center, &ada, "Printer");
    assert!(center.reads(&ada, &[ticket.id()]).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_inbox_shows_the_latest_conversation_with_its_ticket() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut printer = Ticket::create(&center, &ada, "Printer", 1).await;
    let mut first = Conversation::start(&center, &ada).await;
    let mut second = Conversation::start(&center, &ada).await;
    assert_eq!(
        center.inbox(&ada).await.latest_conversation,
        None,
        "no message yet"
    );
    first.customer_says("Hello", 2).await;
    second.teammate_says("Good morning", 3).await;
    printer.link(Some(&second)).await;
    second.close().await;
    let latest = center.inbox(&ada).await.latest_conversation.unwrap();
    assert_eq!(latest.conversation_id, second.state.conversation_id);
    assert_eq!(latest.state(), ConversationState::Closed);
    assert!(latest.unread);
    let preview = latest.preview.unwrap();
    assert_eq!(preview.text, "Good morning");
    assert_eq!(preview.author_kind(), AuthorKind::Teammate);
    assert_eq!((preview.mine, preview.time), (false, at(3)));
    let ticket = latest.ticket.unwrap();
    assert_eq!(
        (ticket.ticket_id.as_str(), ticket.title.as_str()),
        (printer.id(), "Printer")
    );
    assert_eq!(ticket.category(), StateCategory::Submitted);
    assert_eq!(ticket.state_id, printer.state.state_id);
    assert_eq!(ticket.conversation_id, second.state.conversation_id);
    assert_eq!(
        (ticket.number, ticket.revision, ticket.unread),
        (1, 2, true)
    );
    assert_eq!(ticket.ticket_update_time, at(1));
    printer.share(false, 4).await;
    let latest = center.inbox(&ada).await.latest_conversation.unwrap();
    assert_eq!(
        latest.ticket, None,
        "a ticket that is not seen is not shown here either"
    );
    first.customer_says("Anybody?", 5).await;
    let latest = center.inbox(&ada).await.latest_conversation.unwrap();
    assert_eq!(latest.conversation_id, first.state.conversation_id);
    assert!(latest.preview.unwrap().mine && !latest.unread);
    first.delete().await;
    let latest = center.inbox(&ada).await.latest_conversation.unwrap();
    assert_eq!(latest.conversation_id, second.state.conversation_id);
}

/// Whoever writes and passes the place on reads what they wrote, while others keep the inbox in memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_says_what_they_wrote_reads_it() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    let busy = async {
        loop {
            center.inbox_after(&ada, Vec::new()).await.unwrap();
        }
    };
    let writer = async {
        for round in 1..=60 {
            let title = format!("Printer {round}");
            printer.rename(&title).await;
            assert_eq!(center.card(&ada).await, [title]);
            let inbox = center
                .show(&ada, printer.id(), printer.state.revision)
                .await
                .unwrap();
            assert_eq!(inbox.unread_tickets, 0);
            printer.move_to(StateCategory::InProgress, round).await;
            assert_eq!(center.badges(&ada).await, (1, 0));
        }
    };
    tokio::select! {
        () = busy => {}
        () = writer => {}
    }
}

#[tokio::test]
async fn a_place_that_is_not_reached_in_time_is_no_reason_to_wait_for_ever() {
    let (center, ada) = (Center::start().await, Customer::new());
    Ticket::create(&center, &ada, "Printer", 0).await;
    let mut ahead = center.written();
    ahead[0].position += 1;
    let start = Instant::now();
    let refused = center.inbox_after(&ada, ahead).await.unwrap_err();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        (refused.code(), reason_of(&refused).as_str()),
        (Code::Unavailable, "NOT_CAUGHT_UP")
    );
    assert!(refused.get_details_retry_info().is_some());
    let elsewhere = LogPosition {
        source: "settings".into(),
        partition: 3,
        position: 1_000,
    };
    center.inbox_after(&ada, vec![elsewhere]).await.unwrap();
}

#[tokio::test]
async fn everything_malformed_is_named_at_once() {
    let (center, ada) = (Center::start().await, Customer::new());
    let position = |partition| LogPosition {
        source: "tickets".into(),
        partition,
        position: 0,
    };
    let refused = center
        .inbox_after(&ada, vec![position(0), position(16)])
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(reason_of(&refused), "INVALID_FIELDS");
    assert_eq!(fields(&refused), ["at_least[1].partition"]);
    let refused = center
        .inbox_after(&ada, vec![position(0); 65])
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["at_least"]);
    center
        .inbox_after(&ada, vec![position(0); 64])
        .await
        .unwrap();

    let good = Ticket::draft(&center, &ada, "").id().to_owned();
    let body = BatchGetTicketReadsRequest {
        ticket_ids: vec![good.clone(), "tkt_1".into(), ada.contact.to_string()],
        at_least: vec![position(99)],
    };
    let request = center.signed(&ada.actor(), body);
    let refused = center
        .client()
        .batch_get_ticket_reads(request)
        .await
        .unwrap_err();
    assert_eq!(
        fields(&refused),
        ["ticket_ids[1]", "ticket_ids[2]", "at_least[0].partition"]
    );
    for count in [0, 101] {
        let ids = vec![good.as_str(); count];
        let refused = center.reads(&ada, &ids).await.unwrap_err();
        assert_eq!(fields(&refused), ["ticket_ids"], "{count}");
    }
    center.reads(&ada, &vec![good.as_str(); 100]).await.unwrap();

    for (id, revision, wrong) in [
        ("", 0, &["ticket_id", "up_to_revision"][..]),
        (&good, 0, &["up_to_revision"]),
        (&good, u64::MAX, &["up_to_revision"]),
        ("#12", 1, &["ticket_id"]),
    ] {
        let refused = center.show(&ada, id, revision).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(fields(&refused), wrong, "{id} {revision}");
    }
}

/// B3: the same again is the same.
#[tokio::test]
async fn a_read_that_comes_twice_changes_nothing_the_second_time() {
    let (center, ada) = (Center::start().await, Customer::new());
    let printer = Ticket::create(&center, &ada, "Printer", 0).await;
    let before = center.inbox(&ada).await.version.unwrap();
    let first = center.show(&ada, printer.id(), 1).await.unwrap();
    let version = first.version.unwrap();
    assert_eq!(version.version, before.version + 1);
    assert_eq!(version.tickets_version, version.version);
    assert_eq!(version.conversations_version, before.conversations_version);
    assert_eq!(center.show(&ada, printer.id(), 1).await.unwrap(), first);
}

/// What a customer cannot see does not even move the version of their inbox (V4).
#[tokio::test]
async fn a_version_grows_only_with_what_the_customer_sees() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    let mut chat = Conversation::start(&center, &ada).await;
    let version = async |of: &Customer| center.inbox(of).await.version.unwrap();
    let before = version(&ada).await;
    printer.tell().await;
    chat.tell().await;
    assert_eq!(version(&ada).await, before, "told again");
    printer.share(false, 1).await;
    let hidden = version(&ada).await;
    assert!(hidden.version > before.version);
    printer.rename("Printer on fire").await;
    printer.move_to(StateCategory::Resolved, 2).await;
    assert_eq!(version(&ada).await, hidden, "while it is hidden");
    chat.teammate_says("Hello", 3).await;
    let after = version(&ada).await;
    assert_eq!(after.tickets_version, hidden.tickets_version);
    assert_eq!(after.conversations_version, after.version);
    let other = ada.colleague();
    let strangers = version(&other).await;
    assert_eq!((strangers.version, strangers.epoch), (0, after.epoch));
}

/// The isolation of customers, workspaces and credentials, for every call.
#[tokio::test]
async fn every_call_answers_its_own_customer_and_refuses_everybody_else() {
    let (center, ada) = (Center::start().await, Customer::new());
    let printer = Ticket::create(&center, &ada, "Printer", 0).await;
    let mut chat = Conversation::start(&center, &ada).await;
    chat.teammate_says("Secret", 1).await;
    center.show(&ada, printer.id(), 1).await.unwrap();
    let before = center.inbox(&ada).await;
    // the same contact id in another workspace is somebody else
    let elsewhere = Customer {
        workspace: Customer::new().workspace,
        contact: ada.contact.clone(),
    };
    for stranger in [ada.colleague(), elsewhere, Customer::new()] {
        let inbox = center.inbox(&stranger).await;
        let version = inbox.version.unwrap();
        assert_eq!(version.version, 0);
        assert_eq!(
            inbox,
            Inbox {
                version: inbox.version,
                ..Default::default()
            }
        );
        assert!(
            center
                .reads(&stranger, &[printer.id()])
                .await
                .unwrap()
                .is_empty()
        );
        center.show(&stranger, printer.id(), 9).await.unwrap();
        let mut watch = center.watch(&stranger, None).await.unwrap();
        assert_eq!(watch.inbox().await.unread_conversations, 0);
    }
    assert_eq!(center.inbox(&ada).await, before);

    let staff = teammate(
        &ada.workspace,
        &["tickets:read", "tickets:write", "events:read"],
    );
    for (actor, code) in [
        (Some(staff), Code::PermissionDenied),
        (None, Code::Unauthenticated),
    ] {
        for status in call_everything(&center, actor.as_ref(), printer.id()).await {
            assert_eq!(status.unwrap_err().code(), code);
        }
    }
    let rebuild = center.signed(&ada.actor(), RebuildProjectionRequest {});
    let refused = center
        .client()
        .rebuild_projection(rebuild)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(center.inbox(&ada).await, before);
}

async fn call_everything(
    center: &Center,
    actor: Option<&Actor>,
    ticket_id: &str,
) -> Vec<Result<(), Status>> {
    fn sign<T>(center: &Center, actor: Option<&Actor>, body: T) -> Request<T> {
        match actor {
            Some(actor) => center.signed(actor, body),
            None => Request::new(body),
        }
    }
    let (mut client, ticket_id) = (center.client(), ticket_id.to_owned());
    let inbox = sign(center, actor, GetInboxRequest::default());
    let ticket_ids = vec![ticket_id.clone()];
    let reads = BatchGetTicketReadsRequest {
        ticket_ids,
        ..Default::default()
    };
    let reads = sign(center, actor, reads);
    let read = MarkTicketReadRequest {
        ticket_id,
        up_to_revision: 1,
    };
    let read = sign(center, actor, read);
    let watch = sign(center, actor, WatchInboxRequest::default());
    let rebuild = sign(center, actor, RebuildProjectionRequest {});
    vec![
        client.get_inbox(inbox).await.map(drop),
        client.batch_get_ticket_reads(reads).await.map(drop),
        client.mark_ticket_read(read).await.map(drop),
        client.watch_inbox(watch).await.map(drop),
        client.rebuild_projection(rebuild).await.map(drop),
    ]
}
