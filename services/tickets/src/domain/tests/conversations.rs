use super::*;

fn news(desk: &Desk, ticket: &Aggregate, reply: Option<(u64, u64)>) -> News {
    News {
        conversation: ticket.ticket.conversation.clone().unwrap(),
        version: 1,
        member: desk.member(),
        reply: reply.map(|(seq, saw)| Reply {
            seq,
            seen: vec![(ticket.ticket.id.clone(), saw), (TicketId::generate(), 99)],
        }),
    }
}

fn said_at(minutes: i64, news: News) -> News {
    let last_message_at = Some(minute(minutes));
    News {
        member: Member {
            last_message_at,
            ..news.member
        },
        ..news
    }
}

fn hear(desk: &Desk, ticket: &Aggregate, news: &News, minutes: i64) -> Option<Change> {
    ticket
        .hear(news, true, &desk.catalog, &grace(minutes))
        .unwrap()
}

/// T7
#[test]
fn the_customers_answer_moves_a_waiting_ticket_on_and_badges_like_any_update() {
    let desk = Desk::new();
    let ticket = desk
        .moved(&desk.ticket("Submitted"), "Waiting on customer", 1)
        .after;
    assert_eq!(ticket.ticket.waiting_revision, 2);
    let change = hear(&desk, &ticket, &news(&desk, &ticket, Some((4, 2))), 5).unwrap();
    let after = &change.after.ticket;
    assert_eq!(after.state, desk.state("In progress").id);
    assert_eq!(
        (
            after.revision,
            after.notify_revision,
            after.waiting_revision
        ),
        (3, 3, 0)
    );
    assert_eq!(told(&change), [&desk.ada]);
    assert_eq!(viewer(&change.after, &desk.ada).activity_at, minute(5));
    assert!(change.history.unwrap().visible);
}

/// T7
#[test]
fn a_message_written_before_the_ticket_began_to_wait_moves_nothing() {
    let desk = Desk::new();
    let ticket = desk
        .moved(&desk.ticket("Submitted"), "Waiting on customer", 1)
        .after;
    assert_eq!(
        hear(&desk, &ticket, &news(&desk, &ticket, Some((4, 1))), 5),
        None
    );
    assert_eq!(hear(&desk, &ticket, &news(&desk, &ticket, None), 5), None);
    let unstamped = News {
        reply: Some(Reply {
            seq: 4,
            seen: Vec::new(),
        }),
        ..news(&desk, &ticket, None)
    };
    assert_eq!(hear(&desk, &ticket, &unstamped, 5), None);
}

/// T7
#[test]
fn a_message_taken_in_before_does_not_count_again() {
    let desk = Desk::new();
    let ticket = desk.ticket("Waiting on customer");
    let reply = news(&desk, &ticket, Some((4, 1)));
    let again = ticket.hear(&reply, false, &desk.catalog, &grace(5));
    assert_eq!(again, Ok(None));
    assert!(
        hear(&desk, &ticket, &reply, 5).is_some(),
        "the first time it does"
    );
}

/// T7
#[test]
fn waiting_for_something_else_is_still_the_same_wait() {
    let desk = Desk::new();
    let ticket = desk
        .moved(&desk.ticket("Submitted"), "Waiting on customer", 1)
        .after;
    let ticket = desk.moved(&ticket, "Waiting for logs", 2).after;
    assert_eq!(
        (ticket.ticket.revision, ticket.ticket.waiting_revision),
        (3, 2)
    );
    assert!(hear(&desk, &ticket, &news(&desk, &ticket, Some((4, 2))), 5).is_some());
    let resolved = desk.moved(&ticket, "Resolved", 3).after;
    assert_eq!(resolved.ticket.waiting_revision, 0);
    let waiting = desk.moved(&resolved, "Waiting on customer", 4).after;
    assert_eq!(waiting.ticket.waiting_revision, 5);
    assert_eq!(
        hear(&desk, &waiting, &news(&desk, &waiting, Some((4, 4))), 5),
        None
    );
}

/// T7
#[test]
fn a_message_on_a_resolved_ticket_does_not_change_it() {
    let desk = Desk::new();
    let ticket = desk
        .moved(&desk.ticket("Waiting on customer"), "Resolved", 1)
        .after;
    assert_eq!(
        hear(&desk, &ticket, &news(&desk, &ticket, Some((9, 2))), 5),
        None
    );
}

/// L2, (h)
#[test]
fn a_message_moves_the_ticket_up_for_who_sees_it_and_is_no_update() {
    let desk = Desk::new();
    let ticket = desk.ticket("Submitted");
    let change = hear(&desk, &ticket, &said_at(4, news(&desk, &ticket, None)), 5).unwrap();
    assert_eq!(told(&change), [&desk.ada]);
    let ada = viewer(&change.after, &desk.ada);
    assert_eq!(
        (ada.activity_at, ada.ticket_update_at),
        (minute(4), minute(0))
    );
    assert_eq!(
        change.after.ticket, ticket.ticket,
        "the ticket itself stays"
    );
    assert_eq!(change.history, None);
    let late = said_at(3, news(&desk, &ticket, None));
    assert_eq!(
        hear(&desk, &change.after, &late, 6),
        None,
        "nothing moves back"
    );
}

/// L2, (h)
#[test]
fn a_message_from_the_future_happened_now() {
    let desk = Desk::new();
    let ticket = desk.ticket("Submitted");
    let change = hear(&desk, &ticket, &said_at(999, news(&desk, &ticket, None)), 5).unwrap();
    assert_eq!(viewer(&change.after, &desk.ada).activity_at, minute(5));
}

/// L2
#[test]
fn a_message_in_a_conversation_that_is_not_linked_is_nothing() {
    let desk = Desk::new();
    let ticket = desk.ticket("Waiting on customer");
    let news = said_at(4, news(&desk, &ticket, Some((4, 1))));
    let unlinked = ticket.unlink(&grace(1)).unwrap().after;
    assert_eq!(hear(&desk, &unlinked, &news, 5), None);
}

/// V5
#[test]
fn a_participant_sees_the_ticket_for_as_long_as_they_are_one() {
    let desk = Desk::new();
    let ticket = desk
        .moved(&desk.ticket("Submitted"), "In progress", 1)
        .after;
    let bob = ContactId::derive(&["bob"]);
    let bobs = |participant, deleted| {
        let member = Member {
            contact: bob.clone(),
            participant,
            deleted,
            last_message_at: None,
        };
        News {
            member,
            ..news(&desk, &ticket, None)
        }
    };
    let joined = hear(&desk, &ticket, &bobs(true, false), 5).unwrap();
    assert_eq!(told(&joined), [&bob], "unread for them alone");
    let there = viewer(&joined.after, &bob);
    assert!(there.visible && !there.requester);
    assert_eq!(
        (there.ticket_update_at, there.activity_at),
        (minute(5), minute(5))
    );

    let moved = desk.moved(&joined.after, "Resolved", 6);
    assert_eq!(told(&moved), [&desk.ada, &bob]);
    for left in [bobs(false, false), bobs(true, true)] {
        let change = hear(&desk, &moved.after, &left, 7).unwrap();
        assert_eq!(told(&change), [&bob]);
        assert!(!viewer(&change.after, &bob).visible);
        assert!(change.after.seen_by(&desk.ada).is_some());
    }
    assert_eq!(
        hear(&desk, &ticket, &bobs(false, false), 5),
        None,
        "who never was in, is not told"
    );
}

/// V1
#[test]
fn a_requester_sees_their_ticket_whatever_becomes_of_the_conversation() {
    let desk = Desk::new();
    let ticket = desk.ticket("Submitted");
    let gone = Member {
        deleted: true,
        ..desk.member()
    };
    let gone = News {
        member: gone,
        ..news(&desk, &ticket, None)
    };
    assert_eq!(hear(&desk, &ticket, &gone, 5), None);
}

/// O3, O4
#[test]
fn a_ticket_is_linked_to_one_conversation_until_it_is_unlinked() {
    let desk = Desk::new();
    let ticket = desk.ticket("Submitted");
    let (first, other) = (
        ticket.ticket.conversation.clone().unwrap(),
        ConversationId::generate(),
    );
    let members = [desk.member()];
    assert_eq!(
        ticket.link(&first, &members, &grace(1)),
        Ok(None),
        "the same again is fine"
    );
    assert_eq!(
        ticket.link(&other, &members, &grace(1)),
        Err(Refusal::AlreadyLinked)
    );

    let unlinked = ticket.unlink(&grace(1)).unwrap();
    assert_eq!(
        told(&unlinked),
        [&desk.ada],
        "the call to action is another"
    );
    assert!(unlinked.after.seen_by(&desk.ada).is_some());
    let after = &unlinked.after.ticket;
    assert_eq!(
        (after.revision, after.notify_revision, after.stamp_revision),
        (2, 1, 1)
    );
    assert_eq!(
        unlinked.after.unlink(&grace(2)),
        None,
        "unlinked already is fine"
    );

    let linked = unlinked
        .after
        .link(&other, &members, &grace(2))
        .unwrap()
        .unwrap();
    let after = &linked.after.ticket;
    assert_eq!(after.conversation, Some(other));
    assert_eq!(
        (after.revision, after.notify_revision),
        (3, 1),
        "a link badges nobody"
    );
    assert_eq!(
        after.stamp_revision, 3,
        "reading the new conversation reads the ticket"
    );
    assert_eq!(
        viewer(&linked.after, &desk.ada).activity_at,
        minute(0),
        "nor moves it"
    );
}

/// O3, (c)
#[test]
fn only_a_conversation_that_its_requester_reads_can_be_linked() {
    let desk = Desk::new();
    let ticket = desk.ticket("Submitted").unlink(&grace(1)).unwrap().after;
    let to = ConversationId::generate();
    let link = |members: &[Member]| ticket.link(&to, members, &grace(2)).map(|_| ());
    let left = Member {
        participant: false,
        ..desk.member()
    };
    let deleted = Member {
        deleted: true,
        ..desk.member()
    };
    let other = Member {
        contact: ContactId::derive(&["bob"]),
        ..desk.member()
    };
    assert_eq!(link(&[]), Err(Refusal::ConversationNotKnownYet));
    for refused in [left, deleted, other.clone()] {
        assert_eq!(link(&[refused]), Err(Refusal::ConversationNotLinkable));
    }
    assert_eq!(link(&[desk.member(), other]), Ok(()));
}

/// (c): Conversations may not have told of it yet
#[test]
fn a_conversation_made_for_the_ticket_needs_not_be_known() {
    let desk = Desk::new();
    let ticket = desk.ticket("Submitted");
    let own = ticket.ticket.conversation.clone().unwrap();
    let unlinked = ticket.unlink(&grace(1)).unwrap().after;
    assert!(unlinked.link(&own, &[], &grace(2)).unwrap().is_some());
    let deleted = Member {
        deleted: true,
        ..desk.member()
    };
    assert_eq!(
        unlinked.link(&own, &[deleted], &grace(2)),
        Err(Refusal::ConversationNotLinkable)
    );
}

/// C2
#[test]
fn each_new_conversation_of_a_ticket_has_an_id_that_follows_from_its_turn() {
    let desk = Desk::new();
    let ticket = desk.ticket("Submitted");
    let id = &ticket.ticket.id;
    assert_eq!(
        ticket.ticket.conversation,
        Some(Ticket::conversation_of(id, 1))
    );
    assert_eq!(
        ticket.ensure_conversation(&desk.ada, None, &grace(1)),
        Ok(None)
    );

    let unlinked = ticket.unlink(&grace(1)).unwrap().after;
    let tap = |minutes| unlinked.ensure_conversation(&desk.ada, None, &grace(minutes));
    let (one, two) = (tap(2).unwrap().unwrap(), tap(3).unwrap().unwrap());
    assert_eq!(
        one.after.ticket.conversation,
        Some(Ticket::conversation_of(id, 2))
    );
    assert_eq!(one.after.ticket.conversation, two.after.ticket.conversation);

    let linked = one.after;
    let dead = linked.ticket.conversation.clone();
    let next = linked.ensure_conversation(&desk.ada, dead.as_ref(), &grace(4));
    assert_eq!(
        next.unwrap().unwrap().after.ticket.conversation,
        Some(Ticket::conversation_of(id, 3)),
        "a deleted conversation counts as none"
    );
    let stale = Ticket::conversation_of(id, 1);
    assert_eq!(
        linked.ensure_conversation(&desk.ada, Some(&stale), &grace(4)),
        Ok(None)
    );
}

/// C2, V2
#[test]
fn nobody_makes_a_conversation_for_a_ticket_they_do_not_see() {
    let desk = Desk::new();
    let ticket = desk.ticket("Submitted").unlink(&grace(1)).unwrap().after;
    let bob = ContactId::derive(&["bob"]);
    assert_eq!(
        ticket.ensure_conversation(&bob, None, &grace(2)),
        Err(Refusal::TicketNotFound)
    );
}

/// C2
#[test]
fn a_teammate_who_writes_makes_the_same_conversation_as_the_customer_who_taps() {
    let desk = Desk::new();
    let ticket = desk.ticket("Submitted");
    let here = [desk.member()];
    assert_eq!(
        ticket.ensure_conversation_for_team(&here, &grace(1)),
        Ok(None)
    );
    assert_eq!(
        ticket.ensure_conversation_for_team(&[], &grace(1)),
        Ok(None),
        "one that Conversations has not told of yet"
    );
    let unlinked = ticket.unlink(&grace(1)).unwrap().after;
    let taps = unlinked.ensure_conversation(&desk.ada, None, &grace(2));
    let writes = unlinked.ensure_conversation_for_team(&[], &grace(2));
    assert_eq!(taps, writes);
    let dead = Member {
        deleted: true,
        ..desk.member()
    };
    let next = ticket.ensure_conversation_for_team(std::slice::from_ref(&dead), &grace(2));
    assert_eq!(
        next.unwrap().unwrap().after.ticket.conversation,
        Some(Ticket::conversation_of(&ticket.ticket.id, 2)),
        "a deleted conversation counts as none"
    );
}

/// V4: what customers do not see gets no conversation by a word to them
#[test]
fn a_ticket_that_is_not_shared_gets_no_conversation_by_writing_to_it() {
    let desk = Desk::new();
    let ticket = desk.back_office("Bug report", "Submitted");
    assert_eq!(
        ticket.ensure_conversation_for_team(&[], &grace(1)),
        Err(Refusal::NoConversation)
    );
}

/// C2, V5
#[test]
fn a_ticket_created_on_a_conversation_is_seen_by_everybody_in_it() {
    let desk = Desk::new();
    let bob = Member {
        contact: ContactId::derive(&["bob"]),
        ..desk.member()
    };
    let on = ConversationId::generate();
    let members = vec![desk.member(), bob.clone()];
    let new = NewTicket {
        conversation: Some((on.clone(), members)),
        ..desk.new_ticket("Submitted")
    };
    let change = Aggregate::create(new, &grace(0)).unwrap();
    assert_eq!(change.after.ticket.conversation, Some(on));
    assert_eq!(told(&change), [&desk.ada, &bob.contact]);
    let unlinked = change.after.unlink(&grace(1)).unwrap().after;
    assert!(unlinked.seen_by(&bob.contact).is_none());
    assert!(unlinked.seen_by(&desk.ada).is_some());
}

/// L3, L2
#[test]
fn an_imported_ticket_stands_at_its_own_time_or_at_its_conversations_last_message() {
    let desk = Desk::new();
    let import = |said_at: Option<i64>| {
        let member = Member {
            last_message_at: said_at.map(minute),
            ..desk.member()
        };
        let new = NewTicket {
            conversation: Some((ConversationId::generate(), vec![member])),
            ..desk.new_ticket("Resolved")
        };
        let change = Aggregate::create(new, &grace(60)).unwrap();
        assert_eq!(change.after.ticket.updated_at, minute(60));
        viewer(&change.after, &desk.ada).activity_at
    };
    assert_eq!(import(None), minute(0));
    assert_eq!(import(Some(30)), minute(30));
    assert_eq!(
        import(Some(90)),
        minute(60),
        "a foreign clock's future is now"
    );
}
