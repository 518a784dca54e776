use database::Database;
use sea_orm::{ConnectionTrait, Statement};
use testing::{Scratch, on_sqlite_for};
use types::{ContactId, WorkspaceId};

use super::{
    lists::{contact_conversations_query, conversations_query, timeline_query},
    migration::Migrator,
    views::{frontiers_sql, selection, views_sql},
    *,
};
use crate::domain::{
    Author, AuthorKind, Category, Command, Content, ConversationId, Decision, Key, PartId, Stamp,
    State, StateId, TicketId, UpTo,
};

fn key() -> Key {
    Key {
        workspace: WorkspaceId::derive(&["w"]),
        conversation: ConversationId::derive(&["c"]),
    }
}

fn contact() -> ContactId {
    ContactId::derive(&["ada"])
}

fn say(decision: &mut Decision) {
    let author = Author {
        kind: AuthorKind::Contact,
        id: contact().into(),
        name: "Ada".into(),
    };
    let command = Command::Say {
        body: "hello".into(),
        seen: None,
    };
    let now = jiff::Timestamp::UNIX_EPOCH;
    decision
        .carry_out(&command, &author, now, PartId::generate)
        .unwrap();
}

async fn plan(db: &impl ConnectionTrait, statement: Statement) -> String {
    let explain = Statement {
        sql: format!("explain query plan {}", statement.sql),
        ..statement
    };
    let rows = db.query_all_raw(explain).await.unwrap();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("", "detail").unwrap())
        .collect();
    lines.join("\n")
}

/// L3: however long a list is, a page costs as much as it has entries.
#[tokio::test]
async fn every_page_of_every_list_follows_an_index_and_sorts_nothing() {
    if !on_sqlite_for("plans, which Postgres makes from what tables hold") {
        return;
    }
    let scratch = Scratch::new();
    let db = scratch.database::<Migrator>("c").await;
    let db = db.read();
    let workspace = key().workspace;
    let place = Place {
        at: 17,
        conversation: key().conversation,
    };
    for after in [None, Some(&place)] {
        let before = after.map(|_| 9);
        let mut queries = vec![
            (
                contact_conversations_query(&workspace, &contact(), after, 21),
                "USING INDEX participant_activity (workspace_id=? AND contact_id=?",
            ),
            (
                timeline_query("contact_seq", &key(), before, 21),
                "USING INDEX part_contact_seq (workspace_id=? AND conversation_id=?",
            ),
            (
                timeline_query("seq", &key(), before, 21),
                "USING INDEX sqlite_autoindex_part_1 (workspace_id=? AND conversation_id=?",
            ),
        ];
        for state in [None, Some(State::Open)] {
            for contact in [None, Some(contact())] {
                let index = match (&contact, state) {
                    (Some(_), _) => {
                        "USING INDEX participant_updated (workspace_id=? AND contact_id=?"
                    }
                    (None, None) => "USING INDEX conversation_updated (workspace_id=?",
                    (None, Some(_)) => {
                        "USING INDEX conversation_state_updated (workspace_id=? AND state=?"
                    }
                };
                let inbox = Inbox { state, contact };
                queries.push((conversations_query(&workspace, &inbox, after, 21), index));
            }
        }
        for (query, index) in queries {
            let statement = query.statement(db);
            let sql = statement.sql.clone();
            let plan = plan(db, statement).await;
            assert!(plan.contains(index), "{sql}\n{plan}");
            assert!(!plan.contains("SCAN"), "{sql}\n{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
            let keyset = after.is_none() || plan.contains("<?") || plan.contains(")<(");
            assert!(keyset, "the page before is walked again: {sql}\n{plan}");
        }
    }
}

/// A3: frontiers are read from an index alone; copies, batches and stamps by whole keys, never by
/// walking a tenant's rows.
#[tokio::test]
async fn what_is_asked_for_by_id_is_found_by_its_whole_key() {
    if !on_sqlite_for("plans, which Postgres makes from what tables hold") {
        return;
    }
    let scratch = Scratch::new();
    let db = scratch.database::<Migrator>("c").await;
    let db = db.read();
    let (keys, contact) = ([key(), key()], contact());
    let mut statements = Vec::new();
    for whose in [
        Whose::All(&keys[..1]),
        Whose::All(&keys),
        Whose::Of(&keys[0], &contact),
        Whose::Page(Some(("wsp_", "con_", "cnv_")), 10),
    ] {
        let (copies, values) = selection(&whose);
        statements.push((views_sql(&copies), values.clone()));
        statements.push((frontiers_sql(&copies), values));
    }
    let ids = [keys[0].conversation.clone(), keys[1].conversation.clone()];
    let mut values = read::values(&keys[0].workspace, &ids);
    statements.push((read::batch_sql(2), values.clone()));
    statements.push((read::members_sql(2), values.clone()));
    values.push(contact.as_str().into());
    statements.push((read::among_contacts_sql(2), values));
    statements.push((read::of_keys_sql(2), read::key_values(&keys)));
    statements.push((read::newest_stamps_sql(2), read::key_values(&keys)));
    for (sql, values) in statements {
        let stamps = sql.contains("join part s on");
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
        let plan = plan(db, statement).await;
        for line in plan.lines().filter(|line| line.starts_with("SEARCH")) {
            let whole = line.contains("conversation_id=?") || line.contains("conversation_id)>(");
            assert!(whole, "{line} in\n{plan}");
        }
        for table in ["SCAN c", "SCAN s", "SCAN part"] {
            assert!(!plan.contains(table), "{plan}");
        }
        let covered = "SEARCH s USING COVERING INDEX part_frontier";
        assert!(!stamps || plan.contains(covered), "{plan}");
    }
}

/// Of two writers who read the same version one starts over; on a database with one writer at a time
/// the rule still holds.
#[tokio::test]
async fn a_decision_on_an_older_version_is_not_written() {
    let scratch = Scratch::new();
    let db = scratch.database::<Migrator>("c").await;
    let tx = db.begin().await.unwrap();
    let mut start = Decision::start(key(), contact(), jiff::Timestamp::UNIX_EPOCH);
    say(&mut start);
    save(&tx, &[&start]).await.unwrap();
    tx.commit().await.unwrap();
    refused(&db, &start).await;

    let tx = db.begin().await.unwrap();
    let conversation = find(&tx, &key(), For::Changing).await.unwrap().unwrap();
    assert_eq!(conversation, start.conversation);
    let mut one = Decision::on(conversation.clone());
    let mut other = Decision::on(conversation.clone());
    let mut delete = Decision::on(conversation);
    say(&mut one);
    say(&mut other);
    save(&tx, &[&one]).await.unwrap();
    tx.commit().await.unwrap();
    refused(&db, &other).await;
    // without a part of its own, the version alone stops it
    let (author, now) = (Author::system(), jiff::Timestamp::UNIX_EPOCH);
    delete
        .carry_out(&Command::Delete, &author, now, PartId::generate)
        .unwrap();
    refused(&db, &delete).await;
    let found = find(db.read(), &key(), For::Reading)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.version, found.contact_head_seq), (2, 2));
}

/// In a transaction of its own: on Postgres nothing goes on in one that met a unique index.
async fn refused(db: &Database, decision: &Decision) {
    let tx = db.begin().await.unwrap();
    let outcome = save(&tx, &[decision]).await;
    assert!(matches!(outcome, Err(Error::Conflict)), "{outcome:?}");
    tx.rollback().await.unwrap();
}

/// A2
#[tokio::test]
async fn a_receipt_never_goes_back() {
    let scratch = Scratch::new();
    let db = scratch.database::<Migrator>("c").await;
    let tx = db.begin().await.unwrap();
    let mut start = Decision::start(key(), contact(), jiff::Timestamp::UNIX_EPOCH);
    for _ in 0..5 {
        say(&mut start);
    }
    save(&tx, &[&start]).await.unwrap();
    for (seq, moves) in [(3, true), (2, false), (3, false), (5, true)] {
        let moved = receipt(&tx, &key(), &contact(), seq).await.unwrap();
        assert_eq!(moved, moves, "{seq}");
    }
    let view = find_for_contact(&tx, &key(), &contact(), For::Changing)
        .await
        .unwrap();
    let view = view.unwrap();
    assert_eq!(
        (view.participant.read_seq, view.participant.version),
        (5, 3)
    );
    assert_eq!(view.conversation.place(UpTo::Head), Ok(5));
    let stranger = ContactId::derive(&["eve"]);
    assert!(!receipt(&tx, &key(), &stranger, 5).await.unwrap());
}

/// What is left of a deleted conversation: the stamps, for frontiers, and no word that anybody wrote.
#[tokio::test]
async fn a_tombstone_keeps_the_stamps_and_nothing_that_people_wrote() {
    let scratch = Scratch::new();
    let db = scratch.database::<Migrator>("c").await;
    let tx = db.begin().await.unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let mut start = Decision::start(key(), contact(), now);
    say(&mut start);
    let stamp = Stamp {
        ticket: TicketId::derive(&["t"]),
        revision: 4,
        state: StateId::derive(&["s"]),
        category: Category::Resolved,
    };
    start.stamp(stamp.clone(), now, PartId::generate);
    say(&mut start);
    save(&tx, &[&start]).await.unwrap();
    assert!(receipt(&tx, &key(), &contact(), 3).await.unwrap());

    let mut delete = Decision::on(start.conversation);
    let author = Author::system();
    delete
        .carry_out(&Command::Delete, &author, now, PartId::generate)
        .unwrap();
    save(&tx, &[&delete]).await.unwrap();
    let left = parts(&tx, &key(), None, 9).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].content, Content::Stamp(stamp.clone()));
    let told = views(&tx, Whose::All(&[key()])).await.unwrap();
    assert_eq!(told[0].view.conversation.last_message, None);
    assert_eq!(told[0].frontier, [(stamp.ticket, 4)]);
    assert!(!receipt(&tx, &key(), &contact(), 3).await.unwrap());
}
