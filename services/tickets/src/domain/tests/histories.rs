//! What holds after any history of commands and news, whatever their order.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Move {
        to: usize,
        notify: bool,
    },
    Rename(u8),
    Close(bool),
    Link,
    Unlink,
    Share {
        notify: bool,
    },
    Unshare,
    Ensure,
    Hear {
        who: u8,
        participant: bool,
        deleted: bool,
        said: i64,
        saw: u64,
    },
    Delete,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..7, any::<bool>()).prop_map(|(to, notify)| Step::Move { to, notify }),
        1 => (0_u8..3).prop_map(Step::Rename),
        1 => any::<bool>().prop_map(Step::Close),
        1 => Just(Step::Link),
        2 => Just(Step::Unlink),
        2 => any::<bool>().prop_map(|notify| Step::Share { notify }),
        1 => Just(Step::Unshare),
        2 => Just(Step::Ensure),
        4 => (0_u8..3, any::<bool>(), any::<bool>(), 0_i64..90, 0_u64..8).prop_map(
            |(who, participant, deleted, said, saw)| Step::Hear { who, participant, deleted, said, saw }
        ),
        1 => Just(Step::Delete),
    ]
}

fn contact(who: u8) -> ContactId {
    match who {
        0 => ContactId::derive(&["ada"]),
        other => ContactId::derive(&["contact", &other.to_string()]),
    }
}

fn take(desk: &Desk, before: &Aggregate, step: &Step, by: &By<'_>) -> Option<Change> {
    match step {
        Step::Move { to, notify } => {
            let to = &desk.catalog.states[*to].id;
            before.change_state(&desk.catalog, to, *notify, by).unwrap()
        }
        Step::Rename(to) => before.edit(
            &Edit {
                title: Some(format!("Title {to}")),
                ..Edit::default()
            },
            by,
        ),
        Step::Close(open) => before.edit(
            &Edit {
                open: Some(*open),
                ..Edit::default()
            },
            by,
        ),
        Step::Link => {
            let to = ConversationId::derive(&["other"]);
            before.link(&to, &[desk.member()], by).ok().flatten()
        }
        Step::Unlink => before.unlink(by),
        Step::Share { notify } => {
            let members: Vec<Member> = match &before.ticket.conversation {
                Some(_) => vec![desk.member()],
                None => Vec::new(),
            };
            before
                .share(&desk.catalog, &members, *notify, by)
                .ok()
                .flatten()
        }
        Step::Unshare => before.unshare(&desk.catalog, by).ok().flatten(),
        Step::Ensure => before
            .ensure_conversation(&desk.ada, None, by)
            .ok()
            .flatten(),
        Step::Hear {
            who,
            participant,
            deleted,
            said,
            saw,
        } => {
            let conversation = before.ticket.conversation.clone()?;
            let news = News {
                conversation,
                version: 1,
                member: Member {
                    contact: contact(*who),
                    participant: *participant,
                    deleted: *deleted,
                    last_message_at: Some(minute(*said)),
                },
                reply: Some(Reply {
                    seq: 1,
                    seen: vec![(before.ticket.id.clone(), *saw)],
                }),
            };
            before.hear(&news, true, &desk.catalog, by).unwrap()
        }
        Step::Delete => Some(before.delete(by)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// A6, T1, T9, L2, V1, V3, V4: each contact's versions are dense, one for each event, and there is an event
    /// exactly when what the contact sees changed; revisions, activity and versions never go back; a
    /// badge never names a revision that is not there; who sees a live ticket follows from the rule; and
    /// nobody is told, and nothing is counted, of what happens to a ticket that is not shared.
    #[test]
    fn whatever_happens_everybody_is_told_of_what_changed_for_them_and_of_nothing_else(
        of in 0_usize..3,
        steps in proptest::collection::vec((step(), -3_i64..6), 1..40)
    ) {
        let desk = Desk::new();
        let mut now = 0;
        let new = NewTicket { of: &desk.catalog.types[of], ..desk.new_ticket("Submitted") };
        let mut ticket = Aggregate::create(new, &grace(0)).unwrap().after;
        for (step, minutes) in steps {
            now += minutes;
            let Some(change) = take(&desk, &ticket, &step, &grace(now)) else { continue };
            let after = &change.after;
            prop_assert_eq!(change.before, ticket.ticket.version);
            let sees = |of: &Aggregate| -> Vec<ContactId> {
                let seen = of.viewers.iter().filter(|viewer| viewer.visible);
                seen.map(|viewer| viewer.contact.clone()).collect()
            };
            let grew = u64::from(change.history.is_some() || sees(after) != sees(&ticket));
            prop_assert_eq!(after.ticket.version, ticket.ticket.version + grew);
            prop_assert!(after.ticket.revision >= ticket.ticket.revision);
            prop_assert!(after.ticket.revision <= ticket.ticket.revision + 1);
            prop_assert!(after.ticket.notify_revision <= after.ticket.revision);
            prop_assert!(after.ticket.stamp_revision <= after.ticket.revision);
            let waits = after.ticket.category == StateCategory::WaitingOnCustomer;
            prop_assert_eq!(after.ticket.waiting_revision > 0, waits && after.ticket.shared);
            let hidden = !ticket.ticket.shared && !after.ticket.shared;
            if hidden {
                prop_assert_eq!(after.ticket.revision, ticket.ticket.revision);
                prop_assert!(!change.history.as_ref().is_some_and(|entry| entry.visible));
                let heard = change.viewers().count();
                prop_assert!(heard == 0 || after.ticket.deleted, "told of the end at the most");
            }
            let told: Vec<_> = change.viewers().map(|viewer| viewer.contact.clone()).collect();
            for viewer in &after.viewers {
                let before = ticket.viewers.iter().find(|known| known.contact == viewer.contact);
                let now = View::new(&after.ticket, viewer);
                let known = before.map_or(0, |known| known.version);
                let unheard = known == 0 && now.seen.is_none();
                let changed = before.map(|known| View::new(&ticket.ticket, known)) != Some(now);
                let changed = changed && !unheard;
                prop_assert_eq!(told.contains(&viewer.contact), changed);
                prop_assert_eq!(viewer.version, known + u64::from(changed));
                prop_assert!(before.is_none_or(|known| viewer.activity_at >= known.activity_at));
                prop_assert!(viewer.activity_at >= viewer.ticket_update_at);
                if viewer.requester {
                    prop_assert_eq!(viewer.visible, after.ticket.shared && !after.ticket.deleted);
                } else if after.ticket.conversation.is_none() || after.ticket.deleted || !after.ticket.shared {
                    prop_assert!(!viewer.visible);
                }
            }
            if after.ticket.deleted {
                break;
            }
            ticket = change.after;
        }
    }
}
