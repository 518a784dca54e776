//! Who wins when tickets are shared, taken back and counted.

use std::collections::BTreeSet;

use super::*;
use crate::{
    domain::{InboxFilter, News, StateCategory},
    store::{catalog, inbox, lists},
};

fn shared(shelf: &Shelf, ticket: &Aggregate, members: &[Member]) -> Change {
    let change = ticket.share(&shelf.catalog, members, true, &by(500));
    change.unwrap().unwrap()
}

/// O1, O2: the index decides, for both were decided upon before either was saved
#[tokio::test]
async fn of_two_shares_to_one_conversation_at_once_exactly_one_wins() {
    let shelf = Shelf::new().await;
    let ada = ContactId::generate();
    let on = ConversationId::generate();
    let one = shelf.unshared_ticket(&ada, Some(&on)).await;
    let two = shelf.unshared_ticket(&ada, Some(&on)).await;
    let members = [member(&ada)];
    let (first, second) = (
        shared(&shelf, &one, &members),
        shared(&shelf, &two, &members),
    );
    assert_eq!(shelf.save(&first).await, Saved::Done);
    assert_eq!(shelf.save(&second).await, Saved::SharedTicketExists);
    assert_eq!(
        shelf.load(&two.ticket.id).await,
        Some(two),
        "it leaves no trace"
    );

    let back = first.after.unshare(&shelf.catalog, &by(501));
    let back = back.unwrap().unwrap();
    assert_eq!(shelf.save(&back).await, Saved::Done);
    assert_eq!(
        shelf.save(&second).await,
        Saved::Done,
        "the place is free once it is taken back"
    );
    let again = shared(&shelf, &back.after, &members);
    assert_eq!(shelf.save(&again).await, Saved::SharedTicketExists);
}

/// O1
#[tokio::test]
async fn any_number_of_unshared_tickets_may_be_linked_beside_the_shared_one() {
    let shelf = Shelf::new().await;
    let ada = ContactId::generate();
    let on = ConversationId::generate();
    let customers = shelf.new_ticket(&ada, Some(&on)).await;
    assert_eq!(shelf.save(&customers).await, Saved::Done);
    for _ in 0..3 {
        shelf.unshared_ticket(&ada, Some(&on)).await;
    }
    let place = BTreeSet::from([(shelf.workspace.clone(), on)]);
    let linked = tickets::linked_to(shelf.db.read(), &place).await.unwrap();
    assert_eq!(
        linked,
        [customers.after],
        "only the shared one is told of news"
    );
}

/// V4
#[tokio::test]
async fn an_unshared_ticket_is_kept_with_who_asked_for_it_and_seen_by_nobody() {
    let shelf = Shelf::new().await;
    let (ada, db) = (ContactId::generate(), shelf.db.read());
    let ticket = shelf.unshared_ticket(&ada, None).await;
    let id = &ticket.ticket.id;
    assert_eq!(shelf.load(id).await, Some(ticket.clone()));
    let list = lists::of_contact(db, &shelf.workspace, &ada, None, 9).await;
    assert_eq!(list.unwrap(), []);
    let asked_for = InboxFilter {
        requester: Some(ada.clone()),
        ..InboxFilter::default()
    };
    let found = inbox::page(db, &shelf.workspace, &asked_for, None, 9).await;
    assert_eq!(found.unwrap(), std::slice::from_ref(&ticket));

    let change = shared(&shelf, &ticket, &[]);
    assert_eq!(shelf.save(&change).await, Saved::Done);
    let list = lists::of_contact(db, &shelf.workspace, &ada, None, 9).await;
    assert_eq!(list.unwrap().len(), 1);
    let back = change.after.unshare(&shelf.catalog, &by(501));
    assert_eq!(shelf.save(&back.unwrap().unwrap()).await, Saved::Done);
    let list = lists::of_contact(db, &shelf.workspace, &ada, None, 9).await;
    assert_eq!(list.unwrap(), []);
    let history = lists::history(db, &shelf.workspace, id, lists::End::Oldest(0), 9)
        .await
        .unwrap();
    let visible: Vec<_> = history.iter().map(|entry| entry.visible).collect();
    assert_eq!(visible, [false, true, false]);
}

/// V3: neither sees what the other has not saved yet
#[tokio::test]
async fn who_joins_while_a_ticket_is_taken_back_deleted_or_unlinked_is_not_left_seeing_it() {
    let shelf = Shelf::new().await;
    let (ada, bob) = (ContactId::generate(), ContactId::generate());
    for taken in 0..3 {
        let on = ConversationId::generate();
        let ticket = shelf.unshared_ticket(&ada, Some(&on)).await;
        let change = shared(&shelf, &ticket, &[member(&ada)]);
        assert_eq!(shelf.save(&change).await, Saved::Done);
        let ticket = change.after;
        let take = |ticket: &Aggregate| match taken {
            0 => ticket.unshare(&shelf.catalog, &by(600)).unwrap().unwrap(),
            1 => ticket.delete(&by(600)),
            _ => ticket.unlink(&by(600)).unwrap(),
        };
        let join = |ticket: &Aggregate| {
            let news = News {
                conversation: on.clone(),
                version: 1,
                member: member(&bob),
                reply: None,
            };
            let change = ticket.hear(&news, false, &shelf.catalog, &by(600));
            change.unwrap().unwrap()
        };
        let (taken_first, joined) = (take(&ticket), join(&ticket));
        assert_eq!(shelf.save(&joined).await, Saved::Done);
        assert_eq!(shelf.save(&taken_first).await, Saved::Outrun);
        let taken_then = take(&joined.after);
        assert_eq!(shelf.save(&taken_then).await, Saved::Done);
        assert_eq!(shelf.save(&joined).await, Saved::Outrun);
        let list = lists::of_contact(shelf.db.read(), &shelf.workspace, &bob, None, 9).await;
        assert_eq!(list.unwrap(), []);
    }
}

#[tokio::test]
async fn tickets_are_counted_by_category_and_filter_up_to_the_limit() {
    let shelf = Shelf::new().await;
    let (db, workspace) = (shelf.db.read(), &shelf.workspace);
    let (ada, bob) = (ContactId::generate(), ContactId::generate());
    for _ in 0..4 {
        shelf.saved_ticket(&ada).await;
    }
    shelf.unshared_ticket(&ada, None).await;
    let bobs = shelf.saved_ticket(&bob).await;
    assert_eq!(shelf.save(&shelf.moved(&bobs, 3)).await, Saved::Done);
    let gone = shelf.saved_ticket(&bob).await.delete(&by(900));
    assert_eq!(shelf.save(&gone).await, Saved::Done);
    let counted = async |filter: InboxFilter, limit| {
        let counts = inbox::counts(db, workspace, &filter, limit).await.unwrap();
        let categories: Vec<_> = counts.iter().map(|(category, _)| *category).collect();
        assert_eq!(categories, StateCategory::ALL);
        counts
            .into_iter()
            .map(|(_, count)| count)
            .collect::<Vec<_>>()
    };
    let all = InboxFilter::default;
    assert_eq!(counted(all(), 1_000).await, [5, 0, 0, 1]);
    assert_eq!(counted(all(), 3).await, [3, 0, 0, 1], "up to the limit");
    let filter = |filter: InboxFilter| counted(filter, 1_000);
    let of_bob = InboxFilter {
        requester: Some(bob),
        ..all()
    };
    assert_eq!(filter(of_bob).await, [0, 0, 0, 1]);
    for (shared, expected) in [(true, [4, 0, 0, 1]), (false, [1, 0, 0, 0])] {
        let shared = InboxFilter {
            shared: Some(shared),
            ..all()
        };
        assert_eq!(filter(shared).await, expected);
    }
    let closed = InboxFilter {
        open: Some(false),
        ..all()
    };
    assert_eq!(filter(closed).await, [0, 0, 0, 0]);
    let titled = InboxFilter {
        text: Some("ticket 1".into()),
        ..all()
    };
    assert_eq!(filter(titled).await, [1, 0, 0, 0]);
    let elsewhere = inbox::counts(db, &WorkspaceId::generate(), &all(), 9).await;
    assert!(elsewhere.unwrap().iter().all(|(_, count)| *count == 0));
}

#[tokio::test]
async fn a_type_that_is_added_is_read_as_it_was_made_after_those_before_it() {
    let shelf = Shelf::new().await;
    let (db, workspace) = (&shelf.db, &shelf.workspace);
    let before = Catalog::defaults(workspace);
    let tx = db.begin().await.unwrap();
    catalog::take_turn(&tx, workspace).await.unwrap();
    catalog::store(&tx, workspace, &before).await.unwrap();
    let added = shelf.catalog.types[1].clone();
    catalog::add(&tx, workspace, &before, added).await.unwrap();
    tx.commit().await.unwrap();
    let found = catalog::load(db.read(), workspace).await.unwrap();
    assert_eq!(found, Some(shelf.catalog.clone()));
}
