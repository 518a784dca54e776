use super::*;

fn bob(desk: &Desk) -> Member {
    Member {
        contact: ContactId::derive(&["bob"]),
        ..desk.member()
    }
}

/// T1, V4, C2
#[test]
fn a_back_office_ticket_begins_unshared_and_no_customer_hears_of_it() {
    let desk = Desk::new();
    let new = NewTicket {
        of: desk.type_named("Bug report"),
        ..desk.new_ticket("Waiting on customer")
    };
    let change = Aggregate::create(new, &grace(0)).unwrap();
    let ticket = &change.after.ticket;
    assert!(!ticket.shared);
    assert_eq!(ticket.conversation, None, "it has none of its own before");
    assert_eq!(
        (
            ticket.revision,
            ticket.notify_revision,
            ticket.stamp_revision
        ),
        (0, 0, 0)
    );
    assert_eq!((ticket.waiting_revision, ticket.version), (0, 1));
    assert_eq!(told(&change), [&desk.ada; 0]);
    assert!(!change.history.as_ref().unwrap().visible);
    let kept: Vec<_> = change.kept().collect();
    assert_eq!(kept.len(), 1, "who asked for it is known");
    assert!(kept[0].requester && !kept[0].visible);
    assert_eq!(change.after.seen_by(&desk.ada), None);
}

/// V4
#[test]
fn no_customer_hears_of_what_happens_to_an_unshared_ticket_and_none_of_it_counts() {
    let desk = Desk::new();
    let ticket = desk.back_office("Bug report", "Submitted");
    let rename = Edit {
        title: Some("Crash in the export".into()),
        ..Edit::default()
    };
    let to = ConversationId::generate();
    let members = [desk.member(), bob(&desk)];
    let moved = desk.moved(&ticket, "In progress", 1);
    let renamed = moved.after.edit(&rename, &grace(2)).unwrap();
    let linked = renamed
        .after
        .link(&to, &members, &grace(3))
        .unwrap()
        .unwrap();
    let unlinked = linked.after.unlink(&grace(4)).unwrap();
    let deleted = unlinked.after.delete(&grace(5));
    for change in [&moved, &renamed, &linked, &unlinked, &deleted] {
        assert_eq!(told(change), [&desk.ada; 0]);
        let after = &change.after.ticket;
        assert_eq!((after.revision, after.stamp_revision), (0, 0));
        assert_eq!(after.version, change.before + 1);
        assert!(!change.history.as_ref().unwrap().visible);
        assert_eq!(
            change.after.viewers.len(),
            1,
            "who is in the conversation is not kept"
        );
    }
    assert_eq!(linked.after.ticket.conversation, Some(to));
}

/// B2, L2, R2, T9
#[test]
fn sharing_is_one_ticket_update_for_the_requester_and_everybody_in_the_conversation() {
    let desk = Desk::new();
    let ticket = desk.back_office("Bug report", "Submitted");
    let to = ConversationId::generate();
    let members = [desk.member(), bob(&desk)];
    let linked = ticket
        .link(&to, &members, &grace(1))
        .unwrap()
        .unwrap()
        .after;
    let moved = desk.moved(&linked, "In progress", 2).after;
    let change = desk.shared(&moved, &members, 3);
    let after = &change.after.ticket;
    assert!(after.shared);
    assert_eq!(after.conversation, Some(to), "the one that it is linked to");
    assert_eq!(
        (after.revision, after.notify_revision, after.stamp_revision),
        (1, 1, 1),
        "nothing before it shows in the numbers"
    );
    assert_eq!(after.shown_state, desk.state("In progress").id);
    assert_eq!(told(&change), [&desk.ada, &members[1].contact]);
    for contact in [&desk.ada, &members[1].contact] {
        let seen = change.after.seen_by(contact).expect("they see it");
        assert_eq!(
            (seen.ticket_update_at, seen.activity_at),
            (minute(3), minute(3))
        );
    }
    let entry = change.history.as_ref().unwrap();
    assert_eq!((entry.kind, entry.visible), (HistoryKind::Shared, true));
}

/// C2
#[test]
fn a_ticket_without_a_living_conversation_gets_one_of_its_own_when_it_is_shared() {
    let desk = Desk::new();
    let ticket = desk.back_office("Bug report", "Submitted");
    let id = &ticket.ticket.id;
    let shared = desk.shared(&ticket, &[], 1).after;
    assert_eq!(
        shared.ticket.conversation,
        Some(Ticket::conversation_of(id, 1))
    );
    let to = ConversationId::generate();
    let linked = ticket
        .link(&to, &[desk.member()], &grace(1))
        .unwrap()
        .unwrap()
        .after;
    let gone = Member {
        deleted: true,
        ..desk.member()
    };
    let change = desk.shared(&linked, &[gone], 2);
    assert_eq!(
        change.after.ticket.conversation,
        Some(Ticket::conversation_of(id, 1)),
        "a deleted conversation counts as none"
    );
    assert_eq!(told(&change), [&desk.ada]);
}

/// T1
#[test]
fn a_customer_ticket_is_always_shared_and_some_back_office_tickets_never_are() {
    let desk = Desk::new();
    let customer = desk.ticket("Submitted");
    let refused = Err(Refusal::NotShareable);
    let by = grace(1);
    assert_eq!(customer.unshare(&desk.catalog, &by), refused);
    assert_eq!(
        customer.share(&desk.catalog, &[], true, &by),
        Ok(None),
        "shared already is fine"
    );
    let chore = desk.back_office("Chore", "Submitted");
    assert_eq!(chore.share(&desk.catalog, &[], true, &by), refused);
    assert_eq!(
        chore.unshare(&desk.catalog, &by),
        Ok(None),
        "unshared already is fine"
    );
}

#[test]
fn shared_twice_or_taken_back_twice_is_done_once() {
    let desk = Desk::new();
    let ticket = desk.back_office("Bug report", "Submitted");
    let shared = desk.shared(&ticket, &[], 1).after;
    let again = shared.share(&desk.catalog, &[], true, &grace(2));
    assert_eq!(again, Ok(None));
    let unshared = desk.unshared(&shared, 3).after;
    assert_eq!(unshared.unshare(&desk.catalog, &grace(4)), Ok(None));
}

/// V3, O1, L2: back where it was, and an update
#[test]
fn what_is_taken_back_is_gone_for_everybody_and_shared_again_it_is_a_new_update() {
    let desk = Desk::new();
    let members = [desk.member(), bob(&desk)];
    let ticket = desk.back_office("Bug report", "Submitted");
    let to = ConversationId::generate();
    let linked = ticket
        .link(&to, &members, &grace(1))
        .unwrap()
        .unwrap()
        .after;
    let shared = desk.shared(&linked, &members, 2).after;
    let back = desk.unshared(&shared, 3);
    assert_eq!(told(&back), [&desk.ada, &members[1].contact]);
    assert!(
        back.views()
            .all(|(view, _)| view.seen.is_none() && !view.deleted)
    );
    let ticket = &back.after.ticket;
    assert_eq!((ticket.revision, ticket.notify_revision), (2, 1));
    assert_eq!(ticket.conversation, Some(to), "the team's link stays");
    let entry = back.history.as_ref().unwrap();
    assert_eq!((entry.kind, entry.visible), (HistoryKind::Unshared, false));

    let moved = desk.moved(&back.after, "Resolved", 4);
    assert_eq!(told(&moved), [&desk.ada; 0]);
    let again = desk.shared(&moved.after, &members, 5);
    let ticket = &again.after.ticket;
    assert_eq!(
        (
            ticket.revision,
            ticket.notify_revision,
            ticket.stamp_revision
        ),
        (3, 3, 3)
    );
    assert_eq!(told(&again), [&desk.ada, &members[1].contact]);
    let ada = viewer(&again.after, &desk.ada);
    assert_eq!(
        (ada.ticket_update_at, ada.activity_at),
        (minute(5), minute(5))
    );
    assert_eq!(ada.version, 3, "shared, taken back, shared");
}

/// V5: whoever left meanwhile stays out
#[test]
fn shared_again_a_ticket_is_seen_by_who_is_in_its_conversation_now() {
    let desk = Desk::new();
    let members = [desk.member(), bob(&desk)];
    let ticket = desk.back_office("Bug report", "Submitted");
    let to = ConversationId::generate();
    let linked = ticket
        .link(&to, &members, &grace(1))
        .unwrap()
        .unwrap()
        .after;
    let back = desk
        .unshared(&desk.shared(&linked, &members, 2).after, 3)
        .after;
    let left = Member {
        participant: false,
        ..bob(&desk)
    };
    let again = desk.shared(&back, &[desk.member(), left.clone()], 4);
    assert_eq!(told(&again), [&desk.ada]);
    assert_eq!(again.after.seen_by(&left.contact), None);
}

/// T12
#[test]
fn shared_quietly_it_is_there_and_badges_nobody() {
    let desk = Desk::new();
    let ticket = desk.back_office("Bug report", "Submitted");
    let quiet = ticket.share(&desk.catalog, &[], false, &grace(1));
    let after = quiet.unwrap().unwrap().after;
    assert_eq!(
        (after.ticket.revision, after.ticket.notify_revision),
        (1, 0)
    );
    assert_eq!(viewer(&after, &desk.ada).activity_at, minute(1));
}

/// T7
#[test]
fn an_answer_moves_a_waiting_ticket_only_if_it_was_written_after_it_was_shared() {
    let desk = Desk::new();
    let ticket = desk.back_office("Bug report", "Waiting on customer");
    let shared = desk.shared(&ticket, &[], 1).after;
    assert_eq!(shared.ticket.waiting_revision, 1);
    let said = |saw, of: &Aggregate| News {
        conversation: of.ticket.conversation.clone().unwrap(),
        version: 1,
        member: desk.member(),
        reply: Some(Reply {
            seq: 2,
            seen: vec![(of.ticket.id.clone(), saw)],
        }),
    };
    let hear = |of: &Aggregate, saw| {
        of.hear(&said(saw, of), true, &desk.catalog, &grace(9))
            .unwrap()
    };
    assert_eq!(hear(&shared, 0), None);
    assert!(hear(&shared, 1).is_some());
    let back = desk.unshared(&shared, 2).after;
    assert_eq!(back.ticket.waiting_revision, 0);
    assert_eq!(hear(&back, 1), None, "it waits for nobody");
    let again = desk.shared(&back, &[], 3).after;
    assert_eq!(hear(&again, 1), None, "what was said before");
    assert!(hear(&again, 3).is_some());
}

/// V4: of a merge, too, nobody hears who never saw the ticket
#[test]
fn a_merge_hands_an_unshared_ticket_over_without_a_word() {
    let desk = Desk::new();
    let ticket = desk.back_office("Bug report", "Submitted");
    let user = ContactId::derive(&["user"]);
    let parting = ticket.hand_over(&desk.ada, &user, minute(1)).unwrap();
    assert_eq!(parting.left, None);
    assert_eq!(parting.viewers().count(), 0);
    let kept: Vec<_> = parting.kept(Some(&user)).collect();
    assert!(kept.len() == 1 && kept[0].requester && kept[0].contact == user);
    let shared = desk.shared(&parting.after, &[], 2);
    assert_eq!(told(&shared), [&user]);

    let forgotten = ticket.forget(&desk.ada).unwrap();
    assert_eq!(forgotten.viewers().count(), 0);
    assert!(forgotten.after.ticket.deleted && forgotten.after.ticket.title.is_empty());
    assert_eq!(forgotten.after.ticket.revision, 0);
}

/// T9, V3: whoever decides on who saw it before is outrun
#[test]
fn a_participant_who_joins_or_leaves_is_a_write_of_the_ticket_and_a_message_is_none() {
    let desk = Desk::new();
    let ticket = desk.ticket("Submitted");
    let news = |member| News {
        conversation: ticket.ticket.conversation.clone().unwrap(),
        version: 1,
        member,
        reply: None,
    };
    let hear = |of: &Aggregate, member| {
        let change = of.hear(&news(member), false, &desk.catalog, &grace(5));
        change.unwrap().unwrap()
    };
    let joined = hear(&ticket, bob(&desk));
    assert_eq!((joined.before, joined.after.ticket.version), (1, 2));
    assert_eq!(joined.history, None);
    let said = Member {
        last_message_at: Some(minute(4)),
        ..desk.member()
    };
    assert_eq!(hear(&joined.after, said).after.ticket.version, 2);
    let left = Member {
        participant: false,
        ..bob(&desk)
    };
    assert_eq!(hear(&joined.after, left).after.ticket.version, 3);
}

/// T2
#[test]
fn a_new_type_has_states_of_every_category_and_all_of_them_unless_told_otherwise() {
    let desk = Desk::new();
    let mut catalog = desk.catalog.clone();
    let new = |states: &[&StateId]| NewType {
        name: "Refund".into(),
        category: TypeCategory::Customer,
        states: states.iter().map(|id| (*id).clone()).collect(),
        offered_to_contacts: true,
    };
    let design = |catalog: &Catalog, new: &NewType| catalog.design(TypeId::generate(), new);
    catalog.states[6].archived = true;
    let all: Vec<_> = catalog.states[..6]
        .iter()
        .map(|state| state.id.clone())
        .collect();
    assert_eq!(design(&catalog, &new(&[])).unwrap().states, all);

    let some = [3, 5, 2, 0].map(|place: usize| &catalog.states[place].id);
    assert_eq!(
        design(&catalog, &new(&some)).unwrap().states,
        some.map(Clone::clone),
        "in the order given"
    );
    assert_eq!(
        design(&catalog, &new(&some[1..])),
        Err(Refusal::CategoryWithoutState)
    );
    let unknown = StateId::generate();
    for refused in [&unknown, &catalog.states[6].id] {
        assert_eq!(
            design(
                &catalog,
                &new(&[some[0], some[1], some[2], some[3], refused])
            ),
            Err(Refusal::StateNotAllowed)
        );
    }
}

#[test]
fn a_workspace_has_a_hundred_types_at_the_most() {
    let desk = Desk::new();
    let mut catalog = desk.catalog.clone();
    let new = NewType {
        name: "One more".into(),
        category: TypeCategory::BackOffice { shareable: true },
        states: Vec::new(),
        offered_to_contacts: false,
    };
    while catalog.types.len() < 100 {
        let made = catalog.design(TypeId::generate(), &new).unwrap();
        catalog.types.push(made);
    }
    assert_eq!(
        catalog.design(TypeId::generate(), &new),
        Err(Refusal::TooManyTypes)
    );
}

/// T12, A4
#[test]
fn a_ticket_that_is_shared_again_in_silence_does_not_light_what_was_unread_before() {
    let desk = Desk::new();
    let ticket = desk.back_office("Bug report", "Submitted");
    let shared = desk.shared(&ticket, &[], 1).after;
    assert_eq!(shared.ticket.notify_revision, 1);
    let back = desk.unshared(&shared, 2).after;
    let again = back.share(&desk.catalog, &[], false, &grace(3));
    let again = again.unwrap().unwrap().after;
    assert_eq!(
        again.ticket.notify_revision, 0,
        "never unread, to whomever it is shown"
    );
    let moved = desk.moved(&again, "In progress", 4).after;
    assert_eq!(
        moved.ticket.notify_revision, moved.ticket.revision,
        "what happens from now on is told"
    );
}
