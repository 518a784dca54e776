//! The customer's list (L1 to L4).

use std::collections::BTreeSet;

use super::support::*;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use proto::tickets::v1::{self as pb, StateCategory};
use tonic::Code;
use types::ContactId;

async fn page(desk: &Desk, page_size: u32, page_token: &str) -> pb::ListContactTicketsResponse {
    page_of(desk, &desk.ada, page_size, page_token).await
}

async fn page_of(
    desk: &Desk,
    contact: &ContactId,
    page_size: u32,
    page_token: &str,
) -> pb::ListContactTicketsResponse {
    let request = pb::ListContactTicketsRequest {
        page_size,
        page_token: page_token.into(),
    };
    answer(
        desk.tickets()
            .list_contact_tickets(desk.by(contact, request))
            .await,
    )
}

/// L1: `last_activity_at desc, created_at desc, id desc`
fn place(ticket: &pb::ContactTicket) -> (i64, i64, String) {
    let (activity, created) = (
        micros_of(&ticket.activity_time),
        micros_of(&ticket.create_time),
    );
    (activity, created, ticket.ticket_id.clone())
}

/// L1, L3: for any tickets, among them many of the same time, and for any size of pages
#[test]
fn paging_through_the_list_meets_every_ticket_once_and_in_order() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    let strategy = (
        proptest::collection::vec((0_i64..4, any::<bool>()), 0..30),
        1_u32..12,
    );
    // one service for all: starting it takes longer than a case
    let desk = runtime.block_on(Desk::new());
    TestRunner::new(config)
        .run(&strategy, |(tickets, size)| {
            runtime.block_on(pages_hold(&desk, tickets, size));
            Ok(())
        })
        .unwrap();
}

async fn pages_hold(desk: &Desk, tickets: Vec<(i64, bool)>, size: u32) {
    let customer = ContactId::generate();
    let resolved = desk.state_id(StateCategory::Resolved).await;
    let start = types::micros(types::Clock::now(&desk.clock));
    let mut made = BTreeSet::new();
    for (second, touch) in tickets {
        let ticket = desk
            .create(pb::CreateTicketRequest {
                requester_contact_id: customer.to_string(),
                title: "Help".into(),
                create_time_micros: Some(start - second * 1_000_000),
                ..Default::default()
            })
            .await
            .unwrap();
        if touch {
            desk.move_to(&ticket.ticket_id, resolved.clone()).await;
        }
        made.insert(ticket.ticket_id);
    }
    let mut paged = Vec::new();
    let mut token = String::new();
    loop {
        let found = page_of(desk, &customer, size, &token).await;
        assert!(found.tickets.len() <= size as usize);
        assert_eq!(
            found.next_page_token.is_empty(),
            found.tickets.len() < size as usize || paged.len() + found.tickets.len() == made.len()
        );
        paged.extend(found.tickets);
        token = found.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let places: Vec<_> = paged.iter().map(place).collect();
    assert!(places.is_sorted_by(|a, b| a > b), "{places:?}");
    let met: BTreeSet<_> = paged.into_iter().map(|ticket| ticket.ticket_id).collect();
    assert_eq!(met, made);
}

/// L3
#[tokio::test]
async fn a_page_has_twenty_tickets_unless_asked_and_never_more_than_a_hundred() {
    let desk = Desk::new().await;
    let imports = (0..101).map(|number| tickets::import::Import {
        workspace: desk.workspace.clone(),
        requester: desk.ada.clone(),
        title: format!("Ticket {number}"),
        description: String::new(),
        category: tickets::import::StateCategory::Resolved,
        created_at: desk.now(),
        notify: true,
    });
    let (url, clock) = (desk.scratch.database_url("tickets"), desk.clock.clone());
    tickets::import::import(&url, std::sync::Arc::new(clock), imports.collect())
        .await
        .unwrap();
    assert_eq!(page(&desk, 0, "").await.tickets.len(), 20);
    assert_eq!(page(&desk, 100, "").await.tickets.len(), 100);
    assert_eq!(page(&desk, u32::MAX, "").await.tickets.len(), 100);
}

/// L3
#[tokio::test]
async fn a_page_token_is_good_for_its_own_list_only() {
    let desk = Desk::new().await;
    for title in ["One", "Two", "Three"] {
        desk.submit(&desk.ada, title).await;
    }
    let token = page(&desk, 1, "").await.next_page_token;
    let (code, reason) = (Code::InvalidArgument, "INVALID_PAGE_TOKEN");
    let request = |page_token: &str| pb::ListContactTicketsRequest {
        page_size: 1,
        page_token: page_token.into(),
    };
    let bobs = desk.by(&desk.bob, request(&token));
    refused(
        desk.tickets().list_contact_tickets(bobs).await,
        code,
        reason,
    );
    let elsewhere = testing::contact(&types::WorkspaceId::generate(), &desk.ada);
    let elsewhere = desk.as_actor(&elsewhere, request(&token));
    refused(
        desk.tickets().list_contact_tickets(elsewhere).await,
        code,
        reason,
    );
    for bad in ["x", "AAAA", &token[1..], &"A".repeat(5_000)] {
        let request = desk.by(&desk.ada, request(bad));
        refused(
            desk.tickets().list_contact_tickets(request).await,
            code,
            reason,
        );
    }
    let inbox = pb::ListTicketsRequest {
        page_token: token.clone(),
        ..Default::default()
    };
    refused(
        desk.tickets().list_tickets(desk.staff(inbox)).await,
        code,
        reason,
    );
    let history = pb::ListTicketHistoryRequest {
        ticket_id: "#1".into(),
        page_token: token,
        ..Default::default()
    };
    refused(
        desk.tickets()
            .list_ticket_history(desk.staff(history))
            .await,
        code,
        reason,
    );
}

/// L1, (h): a client merges by id
#[tokio::test]
async fn a_ticket_that_moves_up_between_two_pages_hides_no_other() {
    let desk = Desk::new().await;
    for title in ["One", "Two", "Three", "Four"] {
        desk.submit(&desk.ada, title).await;
        desk.minutes(1);
    }
    let first = page(&desk, 2, "").await;
    let oldest = desk.list(&desk.ada).await.pop().unwrap();
    desk.set_state(&oldest.ticket_id, StateCategory::InProgress)
        .await;
    let second = page(&desk, 2, &first.next_page_token).await;
    let rest: Vec<_> = second
        .tickets
        .iter()
        .map(|ticket| ticket.title.as_str())
        .collect();
    assert_eq!(rest, ["Two"]);
    assert_eq!(page(&desk, 1, "").await.tickets[0].title, "One");
}

/// L1
#[tokio::test]
async fn active_and_resolved_tickets_are_one_list() {
    let desk = Desk::new().await;
    for title in ["Open", "Done"] {
        desk.submit(&desk.ada, title).await;
        desk.minutes(1);
    }
    desk.set_state("#2", StateCategory::Resolved).await;
    let titles: Vec<_> = desk
        .list(&desk.ada)
        .await
        .into_iter()
        .map(|t| t.title)
        .collect();
    assert_eq!(titles, ["Done", "Open"]);
}

#[tokio::test]
async fn a_batch_finds_a_customers_tickets_by_id_and_by_conversation_and_each_once() {
    let desk = Desk::new().await;
    let one = desk.submit(&desk.ada, "One").await;
    let two = desk.submit(&desk.ada, "Two").await;
    let bobs = desk.submit(&desk.bob, "Bob's").await;
    let request = pb::BatchGetContactTicketsRequest {
        ticket_ids: vec![
            one.ticket_id.clone(),
            bobs.ticket_id.clone(),
            "tkt_00000000000000000000000000000000".into(),
        ],
        conversation_ids: vec![
            one.conversation_id.clone(),
            two.conversation_id.clone(),
            bobs.conversation_id.clone(),
        ],
    };
    let request = desk.by(&desk.ada, request);
    let found = answer(desk.tickets().batch_get_contact_tickets(request).await).tickets;
    assert_eq!(found, [one, two]);
}
