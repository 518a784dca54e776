use super::*;

/// T2
#[test]
fn a_workspace_starts_with_four_states_and_one_type_that_has_them_all() {
    let workspace = WorkspaceId::generate();
    let catalog = Catalog::defaults(&workspace);
    assert_eq!(
        catalog,
        Catalog::defaults(&workspace),
        "asked twice, told the same"
    );
    let categories: Vec<_> = catalog.states.iter().map(|state| state.category).collect();
    assert_eq!(
        categories,
        [
            StateCategory::Submitted,
            StateCategory::InProgress,
            StateCategory::WaitingOnCustomer,
            StateCategory::Resolved
        ]
    );
    let [support] = catalog.types.as_slice() else {
        panic!("{:?}", catalog.types);
    };
    assert_eq!(support.name, "Support request");
    assert!(support.offered_to_contacts && support.category.shared());
    let all: Vec<_> = catalog
        .states
        .iter()
        .map(|state| state.id.clone())
        .collect();
    assert_eq!(support.states, all);
    let elsewhere = Catalog::defaults(&WorkspaceId::generate());
    assert_ne!(elsewhere.states[0].id, catalog.states[0].id);
}

/// T2, T11
#[test]
fn a_state_that_the_type_lacks_or_that_is_archived_is_refused() {
    let mut desk = Desk::new();
    let ticket = desk.ticket("Submitted");
    let shipped = desk.state("Being shipped").id.clone();
    desk.catalog.types[0].states.retain(|id| *id != shipped);
    for state in &mut desk.catalog.states {
        state.archived = state.internal_label == "With engineering";
    }
    for refused in [shipped, state_id("With engineering"), StateId::generate()] {
        assert_eq!(
            ticket.change_state(&desk.catalog, &refused, true, &grace(1)),
            Err(Refusal::StateNotAllowed)
        );
    }
    let resolved = desk.state("Resolved").id.clone();
    assert!(
        ticket
            .change_state(&desk.catalog, &resolved, true, &grace(1))
            .is_ok()
    );
}

/// T11: the first that is left is taken
#[test]
fn an_archived_type_is_not_used_for_new_tickets_and_a_contact_uses_offered_ones_only() {
    let mut desk = Desk::new();
    let mut internal = desk.catalog.types[0].clone();
    internal.id = TypeId::generate();
    internal.offered_to_contacts = false;
    let (support, hidden) = (desk.catalog.types[0].id.clone(), internal.id.clone());
    desk.catalog.types.insert(1, internal);
    let catalog = &mut desk.catalog;
    assert_eq!(catalog.choose_type(None, true).unwrap().id, support);
    assert_eq!(
        catalog.choose_type(Some(&hidden), false).unwrap().id,
        hidden
    );
    assert_eq!(
        catalog.choose_type(Some(&hidden), true),
        Err(Refusal::TypeNotAllowed)
    );
    catalog.types[0].archived = true;
    assert_eq!(catalog.choose_type(None, false).unwrap().id, hidden);
    assert_eq!(
        catalog.choose_type(Some(&support), false),
        Err(Refusal::TypeNotAllowed)
    );
    assert_eq!(
        catalog.choose_type(None, true),
        Err(Refusal::TypeNotAllowed)
    );
}

/// T9
#[test]
fn creation_is_one_update_and_badges_once() {
    let desk = Desk::new();
    let change = Aggregate::create(desk.new_ticket("Submitted"), &grace(0)).unwrap();
    let ticket = &change.after.ticket;
    assert_eq!(
        (ticket.revision, ticket.notify_revision, ticket.version),
        (1, 1, 1)
    );
    assert_eq!(ticket.stamp_revision, 1);
    assert_eq!(told(&change), [&desk.ada]);
    let entry = change.history.as_ref().unwrap();
    assert_eq!(
        (entry.kind, entry.version, entry.visible),
        (HistoryKind::Created, 1, true)
    );
    let ada = viewer(&change.after, &desk.ada);
    assert!(ada.visible && ada.requester);
    assert_eq!(
        (ada.version, ada.activity_at, ada.ticket_update_at),
        (1, minute(0), minute(0))
    );
}

/// T12
#[test]
fn a_ticket_created_quietly_badges_nobody_ever() {
    let desk = Desk::new();
    let quiet = NewTicket {
        notify: false,
        ..desk.new_ticket("Submitted")
    };
    let ticket = Aggregate::create(quiet, &grace(0)).unwrap().after;
    assert_eq!(
        (ticket.ticket.revision, ticket.ticket.notify_revision),
        (1, 0)
    );
    assert!(viewer(&ticket, &desk.ada).visible);
}

/// T12, R2
#[test]
fn a_quiet_state_change_moves_the_ticket_but_not_what_badges() {
    let desk = Desk::new();
    let ticket = desk.ticket("Submitted");
    let to = desk.state("Resolved").id.clone();
    let change = ticket.change_state(&desk.catalog, &to, false, &grace(5));
    let change = change.unwrap().unwrap();
    let after = &change.after.ticket;
    assert_eq!(
        (after.revision, after.notify_revision, after.stamp_revision),
        (2, 1, 2)
    );
    assert_eq!(after.category, StateCategory::Resolved);
    let ada = viewer(&change.after, &desk.ada);
    assert_eq!(
        (ada.activity_at, ada.ticket_update_at),
        (minute(5), minute(5))
    );
    assert!(change.history.unwrap().visible);
}

/// T4
#[test]
fn a_change_to_the_state_it_has_is_nothing_at_all() {
    let desk = Desk::new();
    let ticket = desk.ticket("Submitted");
    let same = ticket.ticket.state.clone();
    assert_eq!(
        ticket.change_state(&desk.catalog, &same, true, &grace(1)),
        Ok(None)
    );
}

/// T5
#[test]
fn a_change_that_looks_the_same_to_the_customer_is_invisible_to_them() {
    let desk = Desk::new();
    let ticket = desk
        .moved(&desk.ticket("Submitted"), "In progress", 1)
        .after;
    let change = desk.moved(&ticket, "With engineering", 9);
    assert_eq!(told(&change), Vec::<&ContactId>::new());
    let (before, after) = (&ticket.ticket, &change.after.ticket);
    assert_eq!(after.revision, before.revision);
    assert_eq!(after.notify_revision, before.notify_revision);
    assert_eq!(after.version, before.version + 1);
    assert_eq!(after.updated_at, minute(9), "the inbox moves");
    assert_eq!(change.after.viewers, ticket.viewers);
    assert_eq!(after.state, state_id("With engineering"));
    assert_eq!(
        after.shown_state, before.shown_state,
        "not even the state's id changes"
    );
    let entry = change.history.as_ref().unwrap();
    assert_eq!(
        (entry.kind, entry.visible),
        (HistoryKind::StateChanged, false)
    );

    let back = desk.moved(&change.after, "In progress", 10);
    assert_eq!(
        told(&back),
        Vec::<&ContactId>::new(),
        "nor does the way back"
    );
    let on = desk.moved(&change.after, "Being shipped", 10);
    assert_eq!(
        told(&on),
        [&desk.ada],
        "another label of the same category is an update"
    );
    assert_eq!(on.after.ticket.shown_state, state_id("Being shipped"));
}

/// T6
#[test]
fn any_category_can_follow_any_other() {
    let desk = Desk::new();
    let labels = [
        "Submitted",
        "In progress",
        "Waiting on customer",
        "Resolved",
    ];
    for from in labels {
        for to in labels.into_iter().filter(|to| *to != from) {
            let change = desk.moved(&desk.ticket(from), to, 1);
            let ticket = &change.after.ticket;
            assert_eq!(ticket.state, desk.state(to).id, "{from} to {to}");
            assert_eq!(
                (ticket.revision, ticket.notify_revision),
                (2, 2),
                "{from} to {to}"
            );
            assert_eq!(told(&change), [&desk.ada], "{from} to {to}");
        }
    }
}

/// T3, B2
#[test]
fn closing_without_resolving_tells_the_customer_nothing() {
    let desk = Desk::new();
    let ticket = desk.ticket("Submitted");
    let close = Edit {
        open: Some(false),
        ..Edit::default()
    };
    let change = ticket.edit(&close, &grace(1)).unwrap();
    assert!(!change.after.ticket.open);
    assert_eq!(change.after.ticket.state, ticket.ticket.state);
    assert_eq!(change.after.ticket.revision, 1);
    assert_eq!(told(&change), Vec::<&ContactId>::new());
}

#[test]
fn the_history_says_what_a_teammate_did() {
    let desk = Desk::new();
    let ticket = desk.ticket("Submitted");
    let kind = |of: &Aggregate, edit: Edit| {
        let change = of.edit(&edit, &grace(1)).unwrap();
        (change.history.unwrap().kind, change.after)
    };
    let open = |open| Edit {
        open: Some(open),
        ..Edit::default()
    };
    let (closed, after) = kind(&ticket, open(false));
    let (reopened, after) = kind(&after, open(true));
    let to = Some(types::TeammateId::generate());
    let assign = Edit {
        assignee: Some(to.clone()),
        ..Edit::default()
    };
    let (assigned, _) = kind(&after, assign);
    let rename = Edit {
        title: Some("Smoke".into()),
        assignee: Some(to),
        ..Edit::default()
    };
    let (edited, _) = kind(&after, rename);
    use HistoryKind::{Assigned, Closed, Edited, Reopened};
    assert_eq!(
        [closed, reopened, assigned, edited],
        [Closed, Reopened, Assigned, Edited]
    );
}

/// T9, L2
#[test]
fn a_new_title_is_a_revision_without_badge_or_activity() {
    let desk = Desk::new();
    let ticket = desk.ticket("Submitted");
    let rename = Edit {
        title: Some("The printer was on fire".into()),
        ..Edit::default()
    };
    let change = ticket.edit(&rename, &grace(7)).unwrap();
    let after = &change.after.ticket;
    assert_eq!(
        (after.revision, after.notify_revision, after.stamp_revision),
        (2, 1, 1)
    );
    assert_eq!(told(&change), [&desk.ada]);
    let ada = viewer(&change.after, &desk.ada);
    assert_eq!(
        (ada.activity_at, ada.ticket_update_at),
        (minute(0), minute(0))
    );
    assert!(!change.history.unwrap().visible);
    assert_eq!(
        change.after.edit(&rename, &grace(8)),
        None,
        "the same again is nothing"
    );
}

/// V4
#[test]
fn an_assignment_is_nobody_elses_business() {
    let desk = Desk::new();
    let assign = Edit {
        assignee: Some(Some(types::TeammateId::generate())),
        ..Edit::default()
    };
    let change = desk.ticket("Submitted").edit(&assign, &grace(1)).unwrap();
    assert_eq!(told(&change), Vec::<&ContactId>::new());
    assert_eq!(
        (change.after.ticket.revision, change.after.ticket.version),
        (1, 2)
    );
}

/// V3
#[test]
fn a_deleted_ticket_is_gone_for_everybody() {
    let desk = Desk::new();
    let change = desk.ticket("Resolved").delete(&grace(1));
    assert_eq!(told(&change), [&desk.ada]);
    let (view, version) = change.views().next().unwrap();
    assert!(view.deleted && view.seen.is_none());
    assert_eq!(version, 2);
}

#[test]
fn a_version_that_was_overtaken_is_stale_and_none_is_not_checked() {
    let desk = Desk::new();
    let ticket = desk.moved(&desk.ticket("Submitted"), "Resolved", 1).after;
    assert_eq!(ticket.expect(2), Ok(()));
    assert_eq!(ticket.expect(0), Ok(()));
    assert_eq!(ticket.expect(1), Err(Refusal::StaleVersion));
    assert_eq!(ticket.expect(3), Err(Refusal::StaleVersion));
}

/// L2
#[test]
fn a_clock_that_was_set_back_moves_nothing_back() {
    let desk = Desk::new();
    let ticket = desk
        .moved(&desk.ticket("Submitted"), "In progress", 9)
        .after;
    let change = desk.moved(&ticket, "Resolved", 3);
    let ada = viewer(&change.after, &desk.ada);
    assert_eq!(
        (ada.activity_at, ada.ticket_update_at),
        (minute(9), minute(9))
    );
    assert_eq!(change.after.ticket.updated_at, minute(9));
}
