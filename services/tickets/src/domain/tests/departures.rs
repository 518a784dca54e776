use super::*;

fn user() -> ContactId {
    ContactId::derive(&["user"])
}

fn bob() -> ContactId {
    ContactId::derive(&["bob"])
}

/// A ticket of Ada's in whose conversation the user is too, since minute 5.
fn joined(desk: &Desk) -> Aggregate {
    let ticket = desk.ticket("Submitted");
    let news = |contact: ContactId| News {
        conversation: ticket.ticket.conversation.clone().unwrap(),
        version: 1,
        member: Member {
            contact,
            ..desk.member()
        },
        reply: None,
    };
    let heard = ticket.hear(&news(user()), false, &desk.catalog, &grace(5));
    heard.unwrap().expect("somebody new").after
}

#[test]
fn a_user_becomes_what_the_visitor_was() {
    let desk = Desk::new();
    let ticket = desk
        .moved(&desk.ticket("Submitted"), "In progress", 3)
        .after;
    let parting = ticket.hand_over(&desk.ada, &user(), minute(9)).unwrap();
    let (was, is) = (viewer(&ticket, &desk.ada), viewer(&parting.after, &user()));
    let expected = Viewer {
        contact: user(),
        version: 1,
        ..was.clone()
    };
    assert_eq!(*is, expected);
    assert_eq!(parting.after.viewers.len(), 1, "the visitor is no viewer");
    assert_eq!(parting.after.ticket.version, ticket.ticket.version + 1);
    let left = parting.left.as_ref().unwrap();
    assert_eq!((left.visible, left.requester), (false, false));
    assert_eq!(left.version, was.version + 1);
    assert_eq!(parting.after.ticket.revision, ticket.ticket.revision, "T9");
    assert!(
        parting
            .after
            .hand_over(&desk.ada, &user(), minute(9))
            .is_none()
    );
}

/// A6: whether Tickets or Conversations put the user in the visitor's place first.
#[test]
fn the_card_is_in_the_same_order_whichever_service_merges_first() {
    let desk = Desk::new();
    let before = desk.ticket("Submitted");
    let handed = before
        .hand_over(&desk.ada, &user(), minute(4))
        .unwrap()
        .after;
    let merged_after_joining = joined(&desk)
        .hand_over(&desk.ada, &user(), minute(4))
        .unwrap();
    let (one, other) = (
        viewer(&handed, &user()).ticket_update_at,
        viewer(&merged_after_joining.after, &user()).ticket_update_at,
    );
    assert_eq!((one, other), (minute(0), minute(0)));
    // who was there before the merge was shown it then
    let known_before = joined(&desk)
        .hand_over(&desk.ada, &user(), minute(6))
        .unwrap();
    assert_eq!(
        viewer(&known_before.after, &user()).ticket_update_at,
        minute(5)
    );
}

/// V1
#[test]
fn a_merge_shows_nobody_what_is_deleted() {
    let desk = Desk::new();
    let deleted = desk.ticket("Submitted").delete(&grace(1)).after;
    let parting = deleted.hand_over(&desk.ada, &user(), minute(2)).unwrap();
    assert!(!viewer(&parting.after, &user()).visible);
}

#[test]
fn a_ticket_of_an_erased_contact_is_deleted_with_its_words_and_others_are_told() {
    let desk = Desk::new();
    let ticket = joined(&desk);
    let parting = ticket.forget(&desk.ada).unwrap();
    let after = &parting.after.ticket;
    assert!(after.deleted && after.title.is_empty() && after.description.is_empty());
    assert_eq!(
        (after.number, after.revision),
        (1, ticket.ticket.revision + 1)
    );
    assert_eq!(parting.left, None, "nobody is told of them");
    let told: Vec<_> = parting.viewers().collect();
    assert_eq!(told.len(), 1);
    assert!(!told[0].visible && told[0].contact == user());
    assert!(parting.after.forget(&desk.ada).is_none());
}

#[test]
fn an_erased_contact_who_only_saw_a_ticket_leaves_it_as_it_is() {
    let desk = Desk::new();
    let ticket = joined(&desk);
    let parting = ticket.forget(&user()).unwrap();
    assert_eq!(parting.viewers().count(), 0);
    assert_eq!(parting.after.ticket.title, ticket.ticket.title);
    assert!(viewer(&parting.after, &desk.ada).visible);
    assert!(ticket.forget(&bob()).is_none());
}
