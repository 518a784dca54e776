//! The first thing a customer does.

use super::support::*;
use proto::tickets::v1::{self as pb, StateCategory};
use sea_orm::{ConnectionTrait, Statement};
use tonic::Code;

/// F1, S7: a workspace that nobody has set anything up in, and Conversations away.
#[tokio::test]
async fn a_customer_submits_their_first_ticket_and_gets_it_as_they_see_it() {
    let desk = Desk::new().await;
    let request = pb::CreateContactTicketRequest {
        title: "  The printer is on fire ".into(),
        description: "It started at noon.\n\nPlease hurry.".into(),
        ..Default::default()
    };
    let made = answer(
        desk.tickets()
            .create_contact_ticket(desk.by(&desk.ada, request))
            .await,
    );
    let ticket = made.ticket.unwrap();
    assert_eq!(ticket.title, "The printer is on fire");
    assert_eq!(ticket.description, "It started at noon.\n\nPlease hurry.");
    assert_eq!(ticket.type_name, "Support request");
    assert_eq!(
        (ticket.category(), ticket.state_label.as_str()),
        (StateCategory::Submitted, "Submitted")
    );
    assert_eq!(
        (ticket.number, ticket.revision, ticket.notify_revision),
        (1, 1, 1)
    );
    assert_eq!(ticket.create_time, Some(wire(desk.now())));
    assert_eq!(ticket.activity_time, Some(wire(desk.now())));
    assert_eq!(made.positions.len(), 1);
    assert_eq!(desk.list(&desk.ada).await, [ticket]);
}

/// C2
#[tokio::test]
async fn every_ticket_has_its_conversation_from_the_start_and_its_id_follows_from_the_ticket() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let derived = ConversationId::derive(&[&ticket.ticket_id, "1"]);
    assert_eq!(ticket.conversation_id, derived.as_str());
}

/// L5
#[tokio::test]
async fn the_detail_shows_every_update_with_the_customers_labels() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await.ticket_id;
    desk.minutes(5);
    desk.set_state(&ticket, StateCategory::WaitingOnCustomer)
        .await;
    let close = pb::UpdateTicketRequest {
        ticket_id: ticket.clone(),
        open: Some(false),
        ..Default::default()
    };
    answer(desk.tickets().update_ticket(desk.staff(close)).await);
    desk.minutes(5);
    desk.set_state(&ticket, StateCategory::Resolved).await;
    let detail = desk.detail(&desk.ada, &ticket).await.unwrap();
    let updates: Vec<_> = detail
        .updates
        .iter()
        .map(|update| {
            (
                update.revision,
                update.category(),
                update.state_label.as_str(),
            )
        })
        .collect();
    assert_eq!(
        updates,
        [
            (1, StateCategory::Submitted, "Submitted"),
            (2, StateCategory::WaitingOnCustomer, "Waiting on you"),
            (3, StateCategory::Resolved, "Resolved")
        ]
    );
    assert_eq!(detail.updates[2].time, Some(wire(desk.now())));
    let shown = detail.ticket.unwrap();
    assert_eq!(
        (
            shown.revision,
            shown.notify_revision,
            shown.state_label.as_str()
        ),
        (3, 3, "Resolved")
    );
}

/// T8
#[tokio::test]
async fn numbers_grow_by_one_in_each_workspace_and_name_the_ticket_as_well_as_its_id() {
    let desk = Desk::new().await;
    let first = desk.submit(&desk.ada, "One").await;
    let second = desk.submit(&desk.bob, "Two").await;
    assert_eq!((first.number, second.number), (1, 2));
    for name in [first.ticket_id.as_str(), "1", "#1"] {
        let seen = desk.detail(&desk.ada, name).await.unwrap().ticket.unwrap();
        assert_eq!(seen, first, "{name}");
        assert_eq!(
            desk.get(name).await.unwrap().ticket_id,
            first.ticket_id,
            "{name}"
        );
        let linked = desk.ensure(&desk.ada, name).await.unwrap();
        assert_eq!(linked.conversation_id, first.conversation_id, "{name}");
    }
    let elsewhere = Desk::new().await;
    assert_eq!(
        elsewhere.submit(&elsewhere.ada, "Elsewhere").await.number,
        1
    );
}

/// T2
#[tokio::test]
async fn a_contact_chooses_among_the_types_that_are_offered_and_knows_all_labels() {
    let desk = Desk::new().await;
    let forms = desk.by(&desk.ada, pb::ListContactTicketFormsRequest {});
    let forms = answer(desk.types().list_contact_ticket_forms(forms).await);
    let [support] = forms.types.as_slice() else {
        panic!("{forms:?}");
    };
    assert_eq!(support.name, "Support request");
    let labels: Vec<_> = forms
        .states
        .iter()
        .map(|state| state.label.as_str())
        .collect();
    assert_eq!(
        labels,
        ["Submitted", "In progress", "Waiting on you", "Resolved"]
    );
    let request = |type_id: &str| pb::CreateContactTicketRequest {
        type_id: type_id.into(),
        title: "Help".into(),
        ..Default::default()
    };
    let offered = desk.by(&desk.ada, request(&support.type_id));
    answer(desk.tickets().create_contact_ticket(offered).await);
    let unknown = desk.by(&desk.ada, request("tty_00000000000000000000000000000000"));
    refused(
        desk.tickets().create_contact_ticket(unknown).await,
        Code::FailedPrecondition,
        "TICKET_TYPE_NOT_ALLOWED",
    );
}

/// T2: the same before and after anything is stored
#[tokio::test]
async fn a_new_workspace_has_its_types_and_states_before_anybody_writes() {
    let desk = Desk::new().await;
    let types = || async {
        answer(
            desk.types()
                .list_ticket_types(desk.staff(pb::ListTicketTypesRequest {}))
                .await,
        )
        .types
    };
    let states = || async {
        answer(
            desk.types()
                .list_ticket_states(desk.staff(pb::ListTicketStatesRequest {}))
                .await,
        )
        .states
    };
    let (before_types, before_states) = (types().await, states().await);
    assert_eq!((before_types.len(), before_states.len()), (1, 4));
    assert_eq!(before_types[0].state_ids.len(), 4);
    assert_eq!(before_types[0].category(), pb::TypeCategory::Customer);
    assert_eq!(stored_states(&desk).await, 0, "reading stores nothing (L4)");
    desk.submit(&desk.ada, "Help").await;
    assert_eq!(stored_states(&desk).await, 4);
    assert_eq!(
        (types().await, states().await),
        (before_types, before_states)
    );
}

async fn stored_states(desk: &Desk) -> i64 {
    let db = desk.database().await;
    let sql = "select count(*) as n from ticket_state";
    let count = Statement::from_string(db.get_database_backend(), sql);
    db.query_one_raw(count)
        .await
        .unwrap()
        .unwrap()
        .try_get("", "n")
        .unwrap()
}

/// T12, L3: what only teammates may say of a new ticket
#[tokio::test]
async fn a_teammate_brings_in_an_old_ticket_without_a_word_to_anybody() {
    let desk = Desk::new().await;
    let newer = desk.submit(&desk.ada, "Newer").await;
    let yesterday = micros_of(&newer.create_time) - 24 * 3_600 * 1_000_000;
    let resolved = desk.state_id(StateCategory::Resolved).await;
    let imported = desk
        .create(pb::CreateTicketRequest {
            requester_contact_id: desk.ada.to_string(),
            title: "Older".into(),
            state_id: resolved.clone(),
            skip_notifications: true,
            assignee_teammate_id: "tea_00000000000000000000000000000001".into(),
            create_time_micros: Some(yesterday),
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!((imported.revision, imported.notify_revision), (1, 0));
    assert_eq!(imported.state.unwrap().state_id, resolved);
    assert_eq!(imported.requester_contact_ids, [desk.ada.to_string()]);
    assert_eq!(micros_of(&imported.create_time), yesterday);
    assert_eq!(imported.update_time, Some(wire(desk.now())));
    let list = desk.list(&desk.ada).await;
    let titles: Vec<_> = list.iter().map(|ticket| ticket.title.as_str()).collect();
    assert_eq!(titles, ["Newer", "Older"]);
    assert_eq!(micros_of(&list[1].activity_time), yesterday);
    let told = desk.told(&desk.ada).await;
    let (_, quiet) = told.last().unwrap();
    assert!(quiet.visible && quiet.notify_revision == 0 && quiet.revision == 1);
}

/// L4
#[tokio::test]
async fn reading_changes_nothing() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let before = (
        desk.get(&ticket.ticket_id).await.unwrap(),
        desk.told(&desk.ada).await,
    );
    desk.minutes(60);
    for _ in 0..2 {
        desk.list(&desk.ada).await;
        desk.detail(&desk.ada, "#1").await.unwrap();
        desk.ensure(&desk.ada, "#1").await.unwrap();
        desk.history("#1").await;
        desk.snapshot().await;
    }
    let after = (
        desk.get(&ticket.ticket_id).await.unwrap(),
        desk.told(&desk.ada).await,
    );
    assert_eq!(after, before);
}
