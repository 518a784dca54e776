//! The plans that Postgres makes when there is something to find: 20,000 tickets, half of them one customer's, in
//! one of two workspaces. A plan for the values at hand and one for any, since a statement that is asked again and
//! again gets the second.

use sea_orm::Value;
use testing::on_postgres_for;

use super::*;
use crate::{
    domain::{InboxFilter, InboxPlace, ListPlace, StateCategory},
    store::{conversations, inbox, lists},
};

const TICKETS: i64 = 20_000;
const WHAT: &str = "plans at the size at which Postgres chooses between them";

/// A shelf with many tickets, and whose half of them are.
async fn full_shelf() -> (Shelf, ContactId) {
    let mut shelf = Shelf::new().await;
    let ada = ContactId::generate();
    let here = shelf.workspace.clone();
    for workspace in [WorkspaceId::generate(), here] {
        shelf.workspace = workspace.clone();
        let id = shelf.saved_ticket(&ada).await.ticket.id;
        for sql in [
            "insert into ticket select (jsonb_populate_record(t, jsonb_build_object('ticket_id', 'tkt_' || md5(n::text), \
             'number', n + 1000, 'updated_at', n * 1000, 'created_at', n * 1000, 'category', 1 + n % 4, \
             'open', n % 3 > 0, 'shared', n % 50 > 0, 'state_id', t.state_id, 'conversation_id', 'cnv_' || md5(n::text), \
             'assignee_id', case when n % 40 = 0 then 'tea_' || md5((n % 7)::text) end))).* \
             from ticket t, generate_series(1, $3) n where workspace_id = $1 and ticket_id = $2",
            "insert into ticket_viewer select (jsonb_populate_record(v, jsonb_build_object('ticket_id', \
             'tkt_' || md5(n::text), 'activity_at', n * 1000, 'created_at', n * 1000, 'visible', n % 50 > 0, \
             'contact_id', case when n % 2 = 0 then contact_id else 'con_' || md5((n / 20)::text) end))).* \
             from ticket_viewer v, generate_series(1, $3) n where workspace_id = $1 and ticket_id = $2",
            "insert into ticket_history select (jsonb_populate_record(h, jsonb_build_object('ticket_id', \
             'tkt_' || md5(n::text)))).* from ticket_history h, generate_series(1, $3) n \
             where workspace_id = $1 and ticket_id = $2",
        ] {
            let values = [
                workspace.as_str().into(),
                id.as_str().into(),
                TICKETS.into(),
            ];
            let fill = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
            let tx = shelf.db.begin().await.unwrap();
            tx.execute_raw(fill).await.unwrap();
            tx.commit().await.unwrap();
        }
    }
    shelf.db.read().execute_unprepared("analyze").await.unwrap();
    (shelf, ada)
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Bool(_) => "boolean",
        Value::Int(_) => "integer",
        Value::BigInt(_) | Value::BigUnsigned(_) => "bigint",
        Value::Bytes(_) => "bytea",
        Value::Array(..) => "text[]",
        other => panic!("no type for {other:?}"),
    }
}

/// For these values, and for any.
async fn both_plans(shelf: &Shelf, statement: &Statement) -> [String; 2] {
    let tx = shelf.db.begin().await.unwrap();
    let values = statement
        .values
        .as_ref()
        .map_or(&[][..], |values| &values.0);
    let types: Vec<&str> = values.iter().map(type_of).collect();
    let nothing = vec!["null"; types.len()].join(", ");
    for sql in [
        "set local plan_cache_mode = force_generic_plan".to_owned(),
        format!("prepare asked ({}) as {}", types.join(", "), statement.sql),
    ] {
        tx.execute_unprepared(&sql).await.unwrap();
    }
    let mut plans = [const { String::new() }; 2];
    let any = format!("explain execute asked ({nothing})");
    for (plan, explain) in plans.iter_mut().zip([format!("explain {statement}"), any]) {
        let explain = Statement::from_string(DbBackend::Postgres, explain);
        for row in tx.query_all_raw(explain).await.unwrap() {
            *plan += &row.try_get::<String>("", "QUERY PLAN").unwrap();
            plan.push('\n');
        }
    }
    tx.execute_unprepared("deallocate asked").await.unwrap();
    plans
}

/// No table is read whole; nothing is sorted where it is read in an order.
async fn assert_found(shelf: &Shelf, statements: Vec<Statement>, what: &str) {
    assert!(!statements.is_empty());
    for statement in statements {
        for plan in both_plans(shelf, &statement).await {
            let about = || format!("{what}: {}\n{plan}", statement.sql);
            assert!(
                !plan.contains("Seq Scan"),
                "reads a table whole: {}",
                about()
            );
            assert!(!plan.contains("Sort"), "sorts: {}", about());
        }
    }
}

/// L1, L3
#[tokio::test]
async fn a_page_of_20_000_tickets_is_found_in_its_order_on_postgres() {
    if !on_postgres_for(WHAT) {
        return;
    }
    let (shelf, ada) = full_shelf().await;
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
        assert_found(&shelf, spy.statements(), "the customer's list").await;
    }
    // but for a text, which no index holds: all titles of the workspace are read for one that is rare, in any order
    let everything = InboxFilter::default;
    let place = InboxPlace {
        updated_at: minute(9),
        ticket: TicketId::generate(),
    };
    for filter in [
        everything(),
        InboxFilter {
            category: Some(StateCategory::Submitted),
            ..everything()
        },
        InboxFilter {
            assignee: Some(types::TeammateId::generate()),
            ..everything()
        },
        InboxFilter {
            open: Some(false),
            ..everything()
        },
        InboxFilter {
            category: Some(StateCategory::Submitted),
            open: Some(true),
            ..everything()
        },
        InboxFilter {
            shared: Some(true),
            ..everything()
        },
        InboxFilter {
            shared: Some(false),
            ..everything()
        },
    ] {
        for after in [None, Some(&place)] {
            let spy = Spy::on(shelf.db.read());
            inbox::page(&spy, &shelf.workspace, &filter, after, 21)
                .await
                .unwrap();
            assert_found(&shelf, spy.statements(), &format!("{filter:?}")).await;
        }
    }
}

#[tokio::test]
async fn one_of_20_000_tickets_is_found_by_a_key_on_postgres() {
    if !on_postgres_for(WHAT) {
        return;
    }
    let (shelf, ada) = full_shelf().await;
    let ticket = shelf.saved_ticket(&ada).await.ticket;
    let conversation = ticket.conversation.clone().unwrap();
    let (db, workspace, id) = (Spy::on(shelf.db.read()), &shelf.workspace, &ticket.id);
    for named in [
        &TicketRef::Id(id.clone()),
        &TicketRef::Number(ticket.number),
    ] {
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
    lists::history(&db, workspace, id, lists::End::Oldest(0), 21)
        .await
        .unwrap();
    lists::history(&db, workspace, id, lists::End::Newest(None), 21)
        .await
        .unwrap();
    lists::updates(&db, workspace, id, 200).await.unwrap();
    conversations::members(&db, workspace, &conversation)
        .await
        .unwrap();
    conversations::is_deleted(&db, workspace, &conversation)
        .await
        .unwrap();
    let after = (workspace.as_str(), id.as_str(), ada.as_str());
    lists::everything(&db, after, 256).await.unwrap();
    lists::batch(&db, workspace, &several).await.unwrap();
    assert_found(&shelf, db.statements(), "one ticket").await;
}
