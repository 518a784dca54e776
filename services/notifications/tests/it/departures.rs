//! Contacts who are no more: visitors who turned out to be users, and contacts who were erased.

use proto::{
    events::v1::ContactStanding,
    notifications::v1::{self as pb, contact_data_service_client::ContactDataServiceClient},
    tickets::v1::StateCategory::{InProgress, Resolved},
};
use testing::eventually;
use tonic::Code;

use crate::{
    center::{Center, Customer},
    story::{Conversation, Ticket},
};

async fn export(center: &Center, of: &Customer) -> pb::ExportContactResponse {
    let request = pb::ExportContactRequest {
        contact_id: of.contact.to_string(),
        page_token: String::new(),
    };
    let officer = testing::teammate(&of.workspace, &["settings:write"]);
    let answer = ContactDataServiceClient::new(center.channel())
        .export_contact(center.signed(&officer, request))
        .await;
    answer.unwrap().into_inner()
}

async fn until(center: &Center, of: &Customer, standing: ContactStanding) {
    eventually("the departure is settled", async || {
        (export(center, of).await.standing() == standing).then_some(())
    })
    .await;
}

pub async fn merge(center: &Center, visitor: &Customer, user: &Customer) {
    let departures = &center.departures;
    departures
        .merged(&visitor.workspace, &visitor.contact, &user.contact, "Ada")
        .await;
    until(center, visitor, ContactStanding::Merged).await;
}

/// A4: by maximum, whoever read more.
#[tokio::test]
async fn what_a_visitor_marked_as_read_is_read_by_the_user_and_nothing_else_is() {
    let (center, ada) = (Center::start().await, Customer::new());
    let visitor = ada.colleague();
    let mut tickets = Vec::new();
    for title in ["visitor read", "ada read", "nobody read"] {
        let mut ticket = Ticket::create(&center, &visitor, title, 0).await;
        ticket.move_to(InProgress, 1).await;
        ticket.move_to(Resolved, 2).await;
        tickets.push(ticket);
    }
    center.show(&visitor, tickets[0].id(), 3).await.unwrap();
    center.show(&ada, tickets[0].id(), 1).await.unwrap();
    center.show(&visitor, tickets[1].id(), 2).await.unwrap();
    center.show(&ada, tickets[1].id(), 3).await.unwrap();
    center.show(&visitor, tickets[2].id(), 2).await.unwrap();
    // Tickets is first
    for ticket in &mut tickets {
        ticket.hand_over(&visitor, &ada).await;
    }
    assert_eq!(
        center.badges(&ada).await,
        (2, 0),
        "A5: rather a false unread"
    );
    let mut watch = center.watch(&ada, None).await.unwrap();
    watch.until(|inbox| inbox.unread_tickets == 2).await;
    merge(&center, &visitor, &ada).await;
    watch.until(|inbox| inbox.unread_tickets == 1).await;
    assert_eq!(center.badges(&ada).await, (1, 0));
    assert_eq!(center.badges(&visitor).await, (0, 0));
    let ids: Vec<&str> = tickets.iter().map(Ticket::id).collect();
    let reads = center.reads(&ada, &ids).await.unwrap();
    let reads: Vec<u64> = ids.iter().map(|id| reads[*id]).collect();
    assert_eq!(reads, [3, 3, 2]);
    assert!(export(&center, &visitor).await.reads.is_empty());
    assert_eq!(export(&center, &ada).await.reads.len(), 3);
    let rebuilt = center.rebuild().await.unwrap();
    assert_eq!(rebuilt.differed, 0, "a rebuild finds nothing else");
    assert_eq!(center.badges(&ada).await, (1, 0));
}

/// In either order: Tickets may tell the visitor farewell before the merge is known here, or long after.
#[tokio::test]
async fn nothing_of_a_visitor_is_left_here_once_they_are_a_user() {
    let (center, ada) = (Center::start().await, Customer::new());
    let visitor = ada.colleague();
    let mut early = Ticket::create(&center, &visitor, "early", 0).await;
    let mut late = Ticket::create(&center, &visitor, "late", 1).await;
    let mut chat = Conversation::start(&center, &visitor).await;
    chat.customer_says("hello", 2).await;
    assert_eq!(center.badges(&visitor).await, (2, 0));
    early.hand_over(&visitor, &ada).await;
    merge(&center, &visitor, &ada).await;
    late.hand_over(&visitor, &ada).await;
    assert_eq!(center.badges(&ada).await, (2, 0));
    let left = export(&center, &visitor).await;
    assert_eq!((left.mirrored_tickets, left.mirrored_conversations), (0, 0));
    assert_eq!(center.badges(&visitor).await, (0, 0));
}

#[tokio::test]
async fn what_a_visitor_still_marks_as_read_is_the_users() {
    let (center, ada) = (Center::start().await, Customer::new());
    let visitor = ada.colleague();
    merge(&center, &visitor, &ada).await;
    let ticket = Ticket::create(&center, &ada, "Printer", 0).await;
    assert_eq!(center.badges(&ada).await, (1, 0));
    let inbox = center.show(&visitor, ticket.id(), 1).await.unwrap();
    assert_eq!(inbox.unread_tickets, 0);
    assert_eq!(center.badges(&ada).await, (0, 0));
    assert!(export(&center, &visitor).await.reads.is_empty());
}

#[tokio::test]
async fn nothing_of_an_erased_contact_is_kept_or_comes_back() {
    let (center, ada) = (Center::start().await, Customer::new());
    let bob = ada.colleague();
    let mut printer = Ticket::create(&center, &ada, "canary", 0).await;
    let mut chat = Conversation::start(&center, &ada).await;
    chat.customer_says("canary", 1).await;
    let kept = Ticket::create(&center, &bob, "bob's", 0).await;
    center.show(&ada, printer.id(), 1).await.unwrap();
    center.show(&bob, kept.id(), 1).await.unwrap();
    assert_eq!(center.card(&ada).await, ["canary"]);
    let kept_of_ada = export(&center, &ada).await;
    assert_eq!(kept_of_ada.mirrored_tickets, 1);
    assert_eq!(kept_of_ada.mirrored_conversations, 1);
    center.departures.erased(&ada.workspace, &ada.contact).await;
    until(&center, &ada, ContactStanding::Erased).await;
    let nothing = pb::ExportContactResponse {
        standing: ContactStanding::Erased.into(),
        ..Default::default()
    };
    assert_eq!(export(&center, &ada).await, nothing);
    assert_eq!(center.badges(&ada).await, (0, 0));
    assert!(center.card(&ada).await.is_empty());

    // its owners have not erased it yet, or are asked again
    printer.move_to(InProgress, 2).await;
    chat.teammate_says("Still there?", 3).await;
    assert_eq!(center.badges(&ada).await, (0, 0));
    assert_eq!(export(&center, &ada).await, nothing);
    let rebuilt = center.rebuild().await.unwrap();
    assert_eq!(rebuilt.differed, 0);
    assert_eq!(export(&center, &ada).await, nothing);
    let late = center.show(&ada, printer.id(), 2).await.unwrap_err();
    assert_eq!(late.code(), Code::NotFound);
    assert_eq!(runtime::error::reason_of(&late), "CONTACT_GONE");
    assert_eq!(center.card(&bob).await, ["bob's"]);
    assert_eq!(export(&center, &bob).await.reads.len(), 1);
}
