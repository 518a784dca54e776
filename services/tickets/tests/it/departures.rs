//! Contacts who are no more: visitors who turned out to be users, and contacts who were erased.

use events::ERASED;
use proto::{
    events::v1::ContactStanding,
    tickets::v1::{
        self as pb, StateCategory, contact_data_service_client::ContactDataServiceClient,
    },
};
use sea_orm::{ConnectionTrait, Statement};
use testing::eventually;
use tonic::Code;
use types::ContactId;

use super::support::*;

const EXPORT: &[&str] = &["settings:write"];

async fn page(desk: &Desk, contact: &ContactId, page_token: &str) -> pb::ExportContactResponse {
    let request = pb::ExportContactRequest {
        contact_id: contact.to_string(),
        page_token: page_token.into(),
    };
    let officer = testing::teammate(&desk.workspace, EXPORT);
    let answer = ContactDataServiceClient::new(desk.channel())
        .export_contact(desk.as_actor(&officer, request))
        .await;
    answer.unwrap().into_inner()
}

/// All that is kept of a contact.
async fn export(desk: &Desk, contact: &ContactId) -> Vec<pb::ExportedTicket> {
    let (mut tickets, mut token) = (Vec::new(), String::new());
    loop {
        let mut page = page(desk, contact, &token).await;
        assert!(page.tickets.len() <= 20);
        tickets.append(&mut page.tickets);
        token = page.next_page_token;
        if token.is_empty() {
            return tickets;
        }
    }
}

pub async fn until(desk: &Desk, contact: &ContactId, standing: ContactStanding) {
    eventually("the departure is settled", || async {
        (page(desk, contact, "").await.standing() == standing).then_some(())
    })
    .await;
}

fn titles(tickets: &[pb::ContactTicket]) -> Vec<&str> {
    tickets.iter().map(|ticket| ticket.title.as_str()).collect()
}

#[tokio::test]
async fn a_visitors_tickets_are_the_users_after_a_merge_and_nobody_else_notices() {
    let (desk, _feed, departures) = Desk::with_both().await;
    let visitor = ContactId::generate();
    let first = desk.submit(&visitor, "first").await;
    desk.minutes(1);
    desk.submit(&desk.ada, "ada's own").await;
    desk.minutes(1);
    desk.submit(&visitor, "second").await;
    desk.set_state("#1", StateCategory::InProgress).await;
    desk.delete("#3").await.unwrap();
    desk.submit(&desk.bob, "bob's").await;
    let (bobs, before) = (
        desk.told(&desk.bob).await,
        desk.detail(&visitor, "#1").await.unwrap(),
    );
    desk.minutes(1);
    departures
        .merged(&desk.workspace, &visitor, &desk.ada, "Ada")
        .await;
    until(&desk, &visitor, ContactStanding::Merged).await;

    assert_eq!(titles(&desk.list(&desk.ada).await), ["first", "ada's own"]);
    assert!(desk.list(&visitor).await.is_empty());
    assert!(export(&desk, &visitor).await.is_empty());
    let after = desk.detail(&desk.ada, "#1").await.unwrap();
    assert_eq!(after, before, "what the visitor saw is what the user sees");
    let ticket = desk.get("#1").await.unwrap();
    assert_eq!(ticket.requester_contact_ids, [desk.ada.to_string()]);
    let created = desk.history("#1").await.remove(0);
    assert_eq!(created.actor_id, desk.ada.as_str());
    assert_eq!(
        page(&desk, &visitor, "").await.into_contact_id,
        desk.ada.as_str()
    );

    let told = desk.told(&visitor).await;
    for ticket in [&first.ticket_id, &told[1].1.ticket_id] {
        let of: Vec<_> = told
            .iter()
            .filter(|(_, t)| t.ticket_id == *ticket)
            .collect();
        let versions: Vec<u64> = of
            .iter()
            .map(|(event, _)| event.aggregate_version)
            .collect();
        assert_eq!(versions, (1..=of.len() as u64).collect::<Vec<_>>(), "dense");
        let last = &of.last().unwrap().1;
        assert!(!last.visible && !last.requester);
    }
    let told = desk.told(&desk.ada).await;
    let (_, newest) = told
        .iter()
        .rfind(|(_, t)| t.ticket_id == first.ticket_id)
        .unwrap();
    assert!(newest.visible && newest.requester);
    assert_eq!((newest.revision, newest.notify_revision), (2, 2));
    assert_eq!(desk.told(&desk.bob).await, bobs);

    // whoever changes the ticket later tells the user alone
    let told = desk.told(&visitor).await.len();
    desk.set_state("#1", StateCategory::Resolved).await;
    assert_eq!(desk.told(&visitor).await.len(), told);
}

#[tokio::test]
async fn more_tickets_than_a_step_takes_are_all_handed_over_and_exported_by_pages() {
    let (desk, _feed, departures) = Desk::with_both().await;
    let visitor = ContactId::generate();
    for n in 0..53 {
        desk.submit(&visitor, &format!("ticket {n}")).await;
    }
    assert_eq!(export(&desk, &visitor).await.len(), 53);
    departures
        .merged(&desk.workspace, &visitor, &desk.ada, "")
        .await;
    until(&desk, &visitor, ContactStanding::Merged).await;
    assert!(export(&desk, &visitor).await.is_empty());
    let exported = export(&desk, &desk.ada).await;
    assert_eq!(exported.len(), 53);
    assert!(
        exported
            .iter()
            .all(|one| one.requester && one.visible && one.history.len() == 1)
    );
}

/// V4: a ticket that begins without an event is guarded all the same
#[tokio::test]
async fn an_unshared_ticket_of_a_visitor_is_the_users_and_of_an_erased_contact_there_is_none() {
    let (desk, _feed, departures) = Desk::with_both().await;
    let (visitor, gone) = (ContactId::generate(), ContactId::generate());
    let before = desk.report(&visitor, "").await;
    let words = desk.report(&gone, "").await.ticket_id;
    departures
        .merged(&desk.workspace, &visitor, &desk.ada, "Ada")
        .await;
    departures.erased(&desk.workspace, &gone).await;
    until(&desk, &visitor, ContactStanding::Merged).await;
    until(&desk, &gone, ContactStanding::Erased).await;
    let late = desk.report(&visitor, "").await;
    for report in [&before, &late] {
        let found = desk.get(&report.ticket_id).await.unwrap();
        assert_eq!(found.requester_contact_ids, [desk.ada.to_string()]);
    }
    assert_eq!(desk.told(&visitor).await.len(), 0);
    assert_eq!(desk.told(&desk.ada).await.len(), 0);
    desk.share(&before.ticket_id).await.unwrap();
    assert_eq!(desk.list(&desk.ada).await.len(), 1);
    assert_eq!(
        export(&desk, &desk.ada).await.len(),
        2,
        "both are kept of her"
    );

    not_found(desk.get(&words).await);
    let request = pb::CreateTicketRequest {
        requester_contact_id: gone.to_string(),
        type_id: desk.bug_report().await,
        title: "late".into(),
        ..Default::default()
    };
    refused(desk.create(request).await, Code::NotFound, "CONTACT_GONE");
    assert_eq!(export(&desk, &gone).await.len(), 0);
}

/// A write of the visitor that is still under way when the merge is done.
#[tokio::test]
async fn what_a_visitor_still_writes_is_the_users() {
    let (desk, _feed, departures) = Desk::with_both().await;
    let visitor = ContactId::generate();
    let unlinked = desk.submit(&visitor, "old").await;
    desk.unlink("#1").await;
    departures
        .merged(&desk.workspace, &visitor, &desk.ada, "")
        .await;
    until(&desk, &visitor, ContactStanding::Merged).await;
    let submitted = desk.submit(&visitor, "under way").await;
    assert_eq!(submitted.title, "under way");
    let ensured = desk.ensure(&visitor, &unlinked.ticket_id).await.unwrap();
    assert!(!ensured.conversation_id.is_empty());
    let by_staff = pb::CreateTicketRequest {
        requester_contact_id: visitor.to_string(),
        title: "by a console that is late".into(),
        ..Default::default()
    };
    desk.create(by_staff).await.unwrap();
    assert_eq!(desk.list(&desk.ada).await.len(), 3);
    assert!(desk.list(&visitor).await.is_empty());
    let entry = desk.history("#2").await.remove(0);
    assert_eq!(entry.actor_id, desk.ada.as_str());
    // others' ids look as ever
    not_found(desk.ensure(&desk.bob, &unlinked.ticket_id).await);
}

/// A6: what Conversations tells of the visitor late brings them not back, in either order.
#[tokio::test]
async fn news_of_a_visitor_that_come_late_bring_them_not_back() {
    let (desk, feed, departures) = Desk::with_both().await;
    let visitor = ContactId::generate();
    let ticket = desk.submit(&visitor, "Help").await;
    feed.tell(&desk, member(&visitor, &ticket.conversation_id))
        .await;
    let (_, before) = desk.told(&visitor).await.pop().unwrap();
    desk.minutes(1);
    departures
        .merged(&desk.workspace, &visitor, &desk.ada, "")
        .await;
    until(&desk, &visitor, ContactStanding::Merged).await;
    let told = desk.told(&visitor).await.len();
    let mut late = member(&visitor, &ticket.conversation_id);
    late.last_message_time = Some(wire(desk.now()));
    feed.tell(&desk, late).await;
    assert_eq!(desk.told(&visitor).await.len(), told);
    feed.tell(&desk, member(&desk.ada, &ticket.conversation_id))
        .await;
    let seen = desk.list(&desk.ada).await;
    assert_eq!(titles(&seen), ["Help"]);
    let (_, user) = desk.told(&desk.ada).await.pop().unwrap();
    assert_eq!(
        user.ticket_update_time, before.ticket_update_time,
        "R2: to become somebody is no update"
    );
    // the ticket is linked anew: the visitor's old place there counts for nothing
    desk.unlink("#1").await;
    desk.link("#1", &ticket.conversation_id).await.unwrap();
    assert_eq!(desk.told(&visitor).await.len(), told);
}

#[tokio::test]
async fn an_erased_contacts_tickets_keep_their_numbers_and_nothing_else() {
    let (desk, feed, departures) = Desk::with_both().await;
    let gone = ContactId::generate();
    let theirs = pb::CreateContactTicketRequest {
        request_id: "once".into(),
        title: "canary title".into(),
        description: "canary description".into(),
        ..Default::default()
    };
    let created = desk
        .tickets()
        .create_contact_ticket(desk.by(&gone, theirs))
        .await;
    let theirs = created.unwrap().into_inner().ticket.unwrap();
    // bob is in their conversation, and they are in bob's
    feed.tell(&desk, member(&gone, &theirs.conversation_id))
        .await;
    feed.tell(&desk, member(&desk.bob, &theirs.conversation_id))
        .await;
    let bobs = desk.submit(&desk.bob, "bob's").await;
    feed.tell(&desk, member(&desk.bob, &bobs.conversation_id))
        .await;
    feed.tell(&desk, member(&gone, &bobs.conversation_id)).await;
    let answered = pb::UpdateTicketRequest {
        request_id: "kept".into(),
        ticket_id: "#1".into(),
        open: Some(false),
        ..Default::default()
    };
    desk.tickets()
        .update_ticket(desk.staff(answered))
        .await
        .unwrap();
    desk.submit(&desk.ada, "ada's").await;
    assert_eq!(export(&desk, &gone).await.len(), 2);
    departures.erased(&desk.workspace, &gone).await;
    until(&desk, &gone, ContactStanding::Erased).await;

    assert!(export(&desk, &gone).await.is_empty());
    not_found(desk.get("#1").await);
    assert_eq!(titles(&desk.list(&desk.bob).await), ["bob's"]);
    assert_eq!(titles(&desk.list(&desk.ada).await), ["ada's"]);
    let next = desk.submit(&desk.ada, "next").await;
    assert_eq!(next.number, 4, "the number stays taken");
    assert_nowhere(&desk, "canary").await;
    let db = desk.database().await;
    let left = "select count(*) as n from evlog where contact_id = $1 and type <> $2";
    let values = [gone.as_str().into(), ERASED.into()];
    let row = db
        .query_one_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            left,
            values,
        ))
        .await;
    let n: i64 = row.unwrap().unwrap().try_get("", "n").unwrap();
    assert_eq!(n, 0);
    // whoever follows the feed learns what is left of it for them, and the chain is whole
    let told = desk.events(&desk.bob).await;
    let newest = told
        .iter()
        .rfind(|event| event.aggregate_id.ends_with(&theirs.ticket_id));
    let newest = <pb::ContactTicketChanged as prost::Message>::decode(&*newest.unwrap().payload);
    let newest = newest.unwrap();
    assert!(newest.deleted && !newest.visible && newest.title.is_empty());

    // late news, late calls
    feed.tell(&desk, member(&gone, &bobs.conversation_id)).await;
    assert!(export(&desk, &gone).await.is_empty());
    let late = pb::CreateContactTicketRequest {
        title: "late".into(),
        ..Default::default()
    };
    let late = desk
        .tickets()
        .create_contact_ticket(desk.by(&gone, late))
        .await;
    refused(late, Code::NotFound, "CONTACT_GONE");
    departures
        .merged(&desk.workspace, &gone, &desk.ada, "Ada")
        .await;
    departures.erased(&desk.workspace, &gone).await;
    until(&desk, &gone, ContactStanding::Erased).await;
}

/// No table says it, in any column.
async fn assert_nowhere(desk: &Desk, said: &str) {
    let db = desk.database().await;
    for (table, columns) in [
        ("ticket", "title || description"),
        ("answered_request", "answer"),
        ("evlog", "payload"),
        ("consumer_quarantine", "envelope"),
    ] {
        let sql = format!("select {columns} as said from {table}");
        let rows = db
            .query_all_raw(Statement::from_string(db.get_database_backend(), sql))
            .await
            .unwrap();
        for row in rows {
            let text: Vec<u8> = row
                .try_get::<Vec<u8>>("", "said")
                .or_else(|_| row.try_get::<String>("", "said").map(String::into_bytes))
                .unwrap();
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(!text.contains(said), "{table}: {text}");
        }
    }
}

/// Writes of everybody, the visitor's own among them, while the merge is heard and settled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_written_during_a_merge_ends_at_the_user() {
    let (desk, feed, departures) = Desk::with_both().await;
    let visitor = ContactId::generate();
    let first = desk.submit(&visitor, "first").await;
    feed.tell(&desk, member(&visitor, &first.conversation_id))
        .await;
    let submitting = async {
        for n in 0..24 {
            desk.submit(&visitor, &format!("under way {n}")).await;
        }
    };
    let moving = async {
        for n in 0..24 {
            let to = [StateCategory::InProgress, StateCategory::WaitingOnCustomer];
            desk.set_state("#1", to[n % 2]).await;
        }
    };
    let talking = async {
        for n in 1..12 {
            let mut told = member(&visitor, &first.conversation_id);
            told.last_message_time = Some(wire(desk.now()));
            told.head_seq = n;
            feed.tell(&desk, told).await;
        }
    };
    let merging = async {
        // between two of the writes, whichever they are
        eventually("some were submitted", || async {
            (desk.told(&visitor).await.len() > 6).then_some(())
        })
        .await;
        departures
            .merged(&desk.workspace, &visitor, &desk.ada, "Ada")
            .await;
        until(&desk, &visitor, ContactStanding::Merged).await;
    };
    futures::join!(submitting, moving, talking, merging);
    assert!(export(&desk, &visitor).await.is_empty());
    assert_eq!(desk.list(&desk.ada).await.len(), 25);
    for of in [&visitor, &desk.ada] {
        let mut versions = std::collections::BTreeMap::<String, Vec<u64>>::new();
        let mut seen = std::collections::BTreeMap::<String, bool>::new();
        for (event, told) in desk.told(of).await {
            let known = versions.entry(event.aggregate_id.clone()).or_default();
            known.push(event.aggregate_version);
            seen.insert(event.aggregate_id, told.visible);
        }
        for versions in versions.values() {
            let dense: Vec<u64> = (1..=versions.len() as u64).collect();
            assert_eq!(*versions, dense);
        }
        assert!(seen.values().all(|visible| *visible == (of == &desk.ada)));
    }
    let moved = desk.get("#1").await.unwrap();
    let (_, newest) = desk
        .told(&desk.ada)
        .await
        .into_iter()
        .rfind(|(_, told)| told.ticket_id == first.ticket_id)
        .unwrap();
    assert_eq!(newest.revision, moved.revision, "the newest is told");
}
