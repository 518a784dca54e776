//! How the database finds what it is asked for: by an index, in the order of the index, in a fixed
//! number of statements. So no answer takes longer because a workspace has more tickets.

use testing::on_sqlite_for;

use super::*;
use crate::{
    domain::{InboxFilter, InboxPlace, ListPlace, StateCategory},
    store::{conversations, inbox, lists},
};

/// The steps of each statement's plan.
async fn plans(shelf: &Shelf, statements: Vec<Statement>) -> Vec<String> {
    let mut plans = Vec::new();
    for statement in statements {
        let explain = Statement {
            sql: format!("explain query plan {}", statement.sql),
            ..statement
        };
        let rows = shelf.db.read().query_all_raw(explain).await.unwrap();
        let steps = rows
            .iter()
            .map(|row| row.try_get::<String>("", "detail").unwrap());
        plans.push(steps.collect::<Vec<_>>().join("; "));
    }
    plans
}

#[track_caller]
fn assert_found_in_order(plan: &str) {
    // what was asked for is walked, as it should be
    let tables = plan.replace("SCAN CONSTANT ROW; SCAN asked", "");
    assert!(!tables.contains("SCAN"), "reads a whole table: {plan}");
    assert!(!plan.contains("TEMP B-TREE"), "sorts: {plan}");
}

/// L1, L3
#[tokio::test]
async fn the_customers_list_is_read_in_its_order_from_its_index_by_one_statement() {
    if !on_sqlite_for("plans, which Postgres makes from what tables hold") {
        return;
    }
    let shelf = Shelf::new().await;
    let ada = ContactId::generate();
    let place = ListPlace {
        activity_at: minute(1),
        created_at: minute(1),
        ticket: TicketId::generate(),
    };
    for after in [None, Some(&place)] {
        let spy = Spy::on(shelf.db.read());
        lists::of_contact(&spy, &shelf.workspace, &ada, after, 21)
            .await
            .unwrap();
        let plans = plans(&shelf, spy.statements()).await;
        let [plan] = plans.as_slice() else {
            panic!("{plans:?}");
        };
        assert_found_in_order(plan);
        let by_place = "SEARCH v USING INDEX ticket_viewer_list (workspace_id=? AND contact_id=? \
                        AND visible=? AND (activity_at,created_at,ticket_id)<(?,?,?))";
        assert!(plan.starts_with(by_place), "{plan}");
    }
}

#[tokio::test]
async fn the_inbox_is_read_in_its_order_from_an_index_whatever_the_filter() {
    if !on_sqlite_for("plans, which Postgres makes from what tables hold") {
        return;
    }
    let shelf = Shelf::new().await;
    shelf.saved_ticket(&ContactId::generate()).await;
    let place = InboxPlace {
        updated_at: minute(9),
        ticket: TicketId::generate(),
    };
    let filters = [
        InboxFilter::default(),
        InboxFilter {
            category: Some(StateCategory::Submitted),
            ..InboxFilter::default()
        },
        InboxFilter {
            assignee: Some(types::TeammateId::generate()),
            ..InboxFilter::default()
        },
        InboxFilter {
            open: Some(false),
            ..InboxFilter::default()
        },
        InboxFilter {
            text: Some("printer".into()),
            ..InboxFilter::default()
        },
        InboxFilter {
            state: Some(shelf.catalog.states[0].id.clone()),
            category: Some(StateCategory::Submitted),
            open: Some(true),
            ..InboxFilter::default()
        },
        InboxFilter {
            shared: Some(true),
            ..InboxFilter::default()
        },
        InboxFilter {
            shared: Some(false),
            open: Some(true),
            ..InboxFilter::default()
        },
    ];
    for filter in &filters {
        let spy = Spy::on(shelf.db.read());
        inbox::page(&spy, &shelf.workspace, filter, Some(&place), 21)
            .await
            .unwrap();
        for plan in plans(&shelf, spy.statements()).await {
            assert_found_in_order(&plan);
            let from = "SEARCH t USING INDEX ticket_inbox";
            let viewers = "SEARCH v USING INDEX sqlite_autoindex_ticket_viewer";
            assert!(
                plan.starts_with(from) || plan.starts_with(viewers),
                "{filter:?}: {plan}"
            );
            assert!(plan.contains("workspace_id=?"), "{plan}");
        }
    }
}

#[tokio::test]
async fn tickets_that_are_not_shared_are_found_in_an_index_of_theirs() {
    if !on_sqlite_for("plans, which Postgres makes from what tables hold") {
        return;
    }
    let shelf = Shelf::new().await;
    let filter = InboxFilter {
        shared: Some(false),
        ..InboxFilter::default()
    };
    let spy = Spy::on(shelf.db.read());
    inbox::page(&spy, &shelf.workspace, &filter, None, 21)
        .await
        .unwrap();
    let plan = plans(&shelf, spy.statements()).await.remove(0);
    assert_found_in_order(&plan);
    assert!(plan.contains("ticket_inbox_unshared"), "{plan}");
}

#[tokio::test]
async fn the_inbox_is_counted_by_one_statement_from_indexes_of_its_categories() {
    if !on_sqlite_for("plans, which Postgres makes from what tables hold") {
        return;
    }
    let shelf = Shelf::new().await;
    let open = InboxFilter {
        open: Some(true),
        ..InboxFilter::default()
    };
    let category = "ticket_inbox_category_open (workspace_id=? AND category=?";
    for (filter, index) in [
        (InboxFilter::default(), category.to_owned()),
        (open, format!("{category} AND open=?)")),
    ] {
        let spy = Spy::on(shelf.db.read());
        inbox::counts(&spy, &shelf.workspace, &filter, 1_000)
            .await
            .unwrap();
        let plans = plans(&shelf, spy.statements()).await;
        let [plan] = plans.as_slice() else {
            panic!("{plans:?}");
        };
        assert_eq!(plan.matches(&index).count(), 4, "{plan}");
        assert_eq!(plan.matches("SEARCH t").count(), 4, "{plan}");
    }
}

/// One customer's tickets are found first and then sorted: they are few.
#[tokio::test]
async fn the_inbox_of_one_requester_starts_from_that_requester() {
    if !on_sqlite_for("plans, which Postgres makes from what tables hold") {
        return;
    }
    let shelf = Shelf::new().await;
    let filter = InboxFilter {
        requester: Some(ContactId::generate()),
        ..InboxFilter::default()
    };
    let spy = Spy::on(shelf.db.read());
    inbox::page(&spy, &shelf.workspace, &filter, None, 21)
        .await
        .unwrap();
    let plan = plans(&shelf, spy.statements()).await.remove(0);
    assert!(!plan.contains("SCAN"), "{plan}");
    let first = "SEARCH v USING INDEX ticket_viewer_list (workspace_id=? AND contact_id=?)";
    assert!(plan.starts_with(first), "{plan}");
}

#[tokio::test]
async fn everything_else_is_found_by_a_key_that_begins_with_the_workspace() {
    if !on_sqlite_for("plans, which Postgres makes from what tables hold") {
        return;
    }
    let shelf = Shelf::new().await;
    let ada = ContactId::generate();
    let ticket = shelf.saved_ticket(&ada).await.ticket;
    let conversation = ticket.conversation.clone().unwrap();
    let (db, workspace, id) = (Spy::on(shelf.db.read()), &shelf.workspace, &ticket.id);
    let by_number = TicketRef::Number(ticket.number);
    let by_id = TicketRef::Id(id.clone());
    for named in [&by_id, &by_number] {
        tickets::load(&db, workspace, named).await.unwrap();
        lists::seen_one(&db, workspace, &ada, named).await.unwrap();
    }
    let places = [(workspace.clone(), conversation.clone())].into();
    tickets::linked_to(&db, &places).await.unwrap();
    let conversations = [conversation.clone(), ConversationId::generate()];
    lists::seen_by_conversation(&db, workspace, &ada, &conversations)
        .await
        .unwrap();
    let several = [id.clone(), TicketId::generate()];
    lists::seen_by_id(&db, workspace, &ada, &several)
        .await
        .unwrap();
    for place in [lists::End::Oldest(0), lists::End::Newest(None)] {
        lists::history(&db, workspace, id, place, 21).await.unwrap();
    }
    lists::updates(&db, workspace, id, 200).await.unwrap();
    conversations::members(&db, workspace, &conversation)
        .await
        .unwrap();
    conversations::is_deleted(&db, workspace, &conversation)
        .await
        .unwrap();
    let after = (workspace.as_str(), id.as_str(), ada.as_str());
    lists::everything(&db, after, 256).await.unwrap();
    let statements = db.statements();
    assert_eq!(statements.len(), 13);
    let one_by_one = plans(&shelf, statements).await;
    for plan in one_by_one {
        assert_found_in_order(&plan);
        assert!(plan.contains("workspace_id"), "{plan}");
    }
    let batch = Spy::on(shelf.db.read());
    lists::batch(&batch, workspace, &several).await.unwrap();
    for plan in plans(&shelf, batch.statements()).await {
        assert_found_in_order(&plan);
    }
}

#[tokio::test]
async fn a_change_of_state_is_three_statements_and_its_load_is_one() {
    let shelf = Shelf::new().await;
    let ticket = shelf.saved_ticket(&ContactId::generate()).await;
    let spy = Spy::on(shelf.db.read());
    let named = TicketRef::Id(ticket.ticket.id.clone());
    tickets::load(&spy, &shelf.workspace, &named).await.unwrap();
    assert_eq!(spy.statements().len(), 1);

    let tx = shelf.db.begin().await.unwrap();
    let spy = Spy::on(&tx);
    let saved = tickets::save(&spy, &shelf.moved(&ticket, 3)).await.unwrap();
    assert_eq!(saved, Saved::Done);
    assert_eq!(
        spy.statements().len(),
        3,
        "the ticket, its history, its viewers"
    );
}
