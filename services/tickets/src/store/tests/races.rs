//! Who wins when two are at it.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    domain::{InboxFilter, News, Ticket},
    store::{
        conversations::{self, Place},
        inbox, lists,
    },
};

#[tokio::test]
async fn what_is_saved_is_what_is_loaded() {
    let shelf = Shelf::new().await;
    let ada = ContactId::generate();
    let ticket = shelf.saved_ticket(&ada).await;
    assert_eq!(shelf.load(&ticket.ticket.id).await, Some(ticket.clone()));
    let moved = shelf.moved(&ticket, 2);
    assert_eq!(shelf.save(&moved).await, Saved::Done);
    assert_eq!(
        shelf.load(&ticket.ticket.id).await,
        Some(moved.after.clone())
    );
    let unlinked = moved.after.unlink(&by(2_000)).unwrap();
    assert_eq!(shelf.save(&unlinked).await, Saved::Done);
    assert_eq!(
        shelf.load(&ticket.ticket.id).await,
        Some(unlinked.after.clone())
    );
    let history = lists::history(
        shelf.db.read(),
        &shelf.workspace,
        &ticket.ticket.id,
        lists::End::Oldest(0),
        9,
    );
    let told: Vec<_> = [moved.history, unlinked.history]
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(history.await.unwrap()[1..], told);
}

/// T9
#[tokio::test]
async fn of_two_decisions_on_one_version_the_second_is_outrun_and_leaves_no_trace() {
    let shelf = Shelf::new().await;
    let ticket = shelf.saved_ticket(&ContactId::generate()).await;
    let (first, second) = (shelf.moved(&ticket, 1), shelf.moved(&ticket, 3));
    assert_eq!(shelf.save(&first).await, Saved::Done);
    assert_eq!(shelf.save(&second).await, Saved::Outrun);
    assert_eq!(shelf.load(&ticket.ticket.id).await, Some(first.after));
}

#[tokio::test]
async fn tickets_of_two_workspaces_with_one_id_are_told_apart() {
    let shelf = Shelf::new().await;
    let (ada, conversation) = (ContactId::generate(), ConversationId::generate());
    let here = shelf.new_ticket(&ada, Some(&conversation)).await;
    let mut there = here.clone();
    there.after.ticket.workspace = WorkspaceId::generate();
    for change in [&here, &there] {
        assert_eq!(shelf.save(change).await, Saved::Done);
    }
    let places = [&here, &there].map(|change| {
        let workspace = change.after.ticket.workspace.clone();
        (workspace, conversation.clone())
    });
    let linked = tickets::linked_to(shelf.db.read(), &BTreeSet::from(places)).await;
    let found: BTreeSet<_> = linked
        .unwrap()
        .into_iter()
        .map(|ticket| (ticket.ticket.workspace, ticket.viewers.len()))
        .collect();
    let expected = [here, there].map(|change| (change.after.ticket.workspace, 1));
    assert_eq!(found, BTreeSet::from(expected));
}

/// A6: versions stay dense even when the ticket's own row does not change
#[tokio::test]
async fn a_viewer_that_somebody_else_moved_is_not_moved_again_from_the_old_version() {
    let shelf = Shelf::new().await;
    let ada = ContactId::generate();
    let ticket = shelf.saved_ticket(&ada).await;
    let said = |minutes| {
        let news = News {
            conversation: ticket.ticket.conversation.clone().unwrap(),
            version: 1,
            member: Member {
                contact: ada.clone(),
                participant: true,
                deleted: false,
                last_message_at: Some(minute(minutes)),
            },
            reply: None,
        };
        let change = ticket.hear(&news, true, &shelf.catalog, &by(900));
        change.unwrap().unwrap()
    };
    assert_eq!(shelf.save(&said(100)).await, Saved::Done);
    assert_eq!(shelf.save(&said(200)).await, Saved::Outrun);
    assert_eq!(shelf.save(&shelf.moved(&ticket, 1)).await, Saved::Outrun);
    let viewer = &shelf.load(&ticket.ticket.id).await.unwrap().viewers[0];
    assert_eq!((viewer.version, viewer.activity_at), (2, minute(100)));
}

/// O1, O2
#[tokio::test]
async fn a_conversation_has_one_live_shared_ticket_and_deleting_or_unlinking_it_frees_the_place() {
    let shelf = Shelf::new().await;
    let ada = ContactId::generate();
    let on = ConversationId::generate();
    let first = shelf.new_ticket(&ada, Some(&on)).await;
    assert_eq!(shelf.save(&first).await, Saved::Done);
    let second = shelf.new_ticket(&ada, Some(&on)).await;
    assert_eq!(shelf.save(&second).await, Saved::SharedTicketExists);
    assert_eq!(shelf.load(&second.after.ticket.id).await, None);

    assert_eq!(shelf.save(&first.after.delete(&by(50))).await, Saved::Done);
    assert_eq!(
        shelf.load(&first.after.ticket.id).await,
        None,
        "deleted tickets are not found"
    );
    assert_eq!(shelf.save(&second).await, Saved::Done);

    let third = shelf.saved_ticket(&ada).await.unlink(&by(51)).unwrap();
    assert_eq!(shelf.save(&third).await, Saved::Done);
    let member = Member {
        contact: ada,
        participant: true,
        deleted: false,
        last_message_at: None,
    };
    let link = third.after.link(&on, &[member], &by(52)).unwrap().unwrap();
    assert_eq!(shelf.save(&link).await, Saved::SharedTicketExists);
    let unlinked = second.after.unlink(&by(53)).unwrap();
    assert_eq!(shelf.save(&unlinked).await, Saved::Done);
    assert_eq!(shelf.save(&link).await, Saved::Done);
}

/// O1: the place is one of a workspace
#[tokio::test]
async fn two_workspaces_may_use_the_same_id_of_a_conversation() {
    let shelf = Shelf::new().await;
    let ada = ContactId::generate();
    let on = ConversationId::generate();
    let here = shelf.new_ticket(&ada, Some(&on)).await;
    assert_eq!(shelf.save(&here).await, Saved::Done);
    let mut there = here.clone();
    there.after.ticket = Ticket {
        workspace: WorkspaceId::generate(),
        id: TicketId::generate(),
        ..there.after.ticket
    };
    assert_eq!(shelf.save(&there).await, Saved::Done);
}

/// T7
#[tokio::test]
async fn a_message_is_taken_in_once_and_an_older_one_never_again() {
    let shelf = Shelf::new().await;
    let (db, workspace) = (shelf.db.read(), &shelf.workspace);
    let on = (workspace.clone(), ConversationId::generate());
    let mut taken = Vec::new();
    for seq in [3, 3, 2, 5, 4, 6] {
        let told = BTreeMap::from([(on.clone(), seq)]);
        conversations::take_replies(db, &told).await.unwrap();
        taken.push(known(db, &on).await);
    }
    assert_eq!(taken, [3, 3, 3, 5, 5, 6].map(Some));
    conversations::forget(db).await.unwrap();
    assert_eq!(known(db, &on).await, Some(6));
    let other = (workspace.clone(), ConversationId::generate());
    assert_eq!(known(db, &other).await, None);
}

async fn known(db: &impl ConnectionTrait, of: &Place) -> Option<u64> {
    let asked = BTreeSet::from([of.clone()]);
    let known = conversations::replies(db, &asked).await.unwrap();
    known.get(of).copied()
}

/// A6
#[tokio::test]
async fn the_newest_told_of_a_member_is_kept_in_whatever_order_it_comes() {
    let shelf = Shelf::new().await;
    let (db, workspace) = (shelf.db.read(), &shelf.workspace);
    let on = ConversationId::generate();
    let ada = ContactId::generate();
    let news = |version, deleted| {
        let member = Member {
            contact: ada.clone(),
            participant: true,
            deleted,
            last_message_at: None,
        };
        let news = News {
            conversation: on.clone(),
            version,
            member,
            reply: None,
        };
        (workspace.clone(), news)
    };
    let put = async |news: &[(WorkspaceId, News)]| {
        let newer = conversations::put(db, news).await.unwrap();
        assert!(newer.iter().all(|seat| seat.2 == ada));
        newer.len()
    };
    let deleted = async || conversations::is_deleted(db, workspace, &on).await.unwrap();
    assert_eq!(put(&[news(2, true), news(1, false)]).await, 1);
    assert!(deleted().await);
    assert_eq!(put(&[news(1, false)]).await, 0);
    assert_eq!(put(&[news(2, false)]).await, 0);
    assert!(deleted().await);
    assert_eq!(put(&[news(2, true), news(3, false)]).await, 1);
    assert!(!deleted().await);
    let elsewhere = WorkspaceId::generate();
    let there = conversations::members(db, &elsewhere, &on).await.unwrap();
    assert_eq!(there, [], "another workspace does not know of it");
}

#[tokio::test]
async fn a_search_finds_a_ticket_by_its_number_and_no_other_that_begins_so() {
    let shelf = Shelf::new().await;
    for number in [7, 70] {
        let mut change = shelf.new_ticket(&ContactId::generate(), None).await;
        change.after.ticket.number = number;
        assert_eq!(shelf.save(&change).await, Saved::Done);
    }
    for (text, expected) in [
        ("7", vec![7]),
        ("#70", vec![70]),
        ("#", vec![]),
        ("0", vec![]),
    ] {
        let filter = InboxFilter {
            text: Some(text.into()),
            ..InboxFilter::default()
        };
        let found = inbox::page(shelf.db.read(), &shelf.workspace, &filter, None, 9);
        let found = found.await.unwrap();
        let numbers: Vec<_> = found.iter().map(|one| one.ticket.number).collect();
        assert_eq!(numbers, expected, "{text}");
    }
}

#[tokio::test]
async fn a_search_finds_what_it_says_and_takes_no_sign_for_a_pattern() {
    let shelf = Shelf::new().await;
    for title in [
        "100% sure",
        "100 percent",
        "under_score",
        "underXscore",
        "back\\slash",
    ] {
        let mut change = shelf.new_ticket(&ContactId::generate(), None).await;
        change.after.ticket.title = title.into();
        assert_eq!(shelf.save(&change).await, Saved::Done);
    }
    for (text, expected) in [
        ("0%", vec!["100% sure"]),
        ("R_S", vec!["under_score"]),
        ("k\\s", vec!["back\\slash"]),
        ("UNDER", vec!["underXscore", "under_score"]),
        ("%", vec!["100% sure"]),
    ] {
        let filter = InboxFilter {
            text: Some(text.into()),
            ..InboxFilter::default()
        };
        let found = inbox::page(shelf.db.read(), &shelf.workspace, &filter, None, 9);
        let found = found.await.unwrap();
        let titles: Vec<_> = found.iter().map(|one| one.ticket.title.as_str()).collect();
        assert_eq!(titles, expected, "{text}");
    }
}
