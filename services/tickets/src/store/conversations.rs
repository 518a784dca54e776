//! What Conversations told, as far as tickets need it: who is in a conversation, whether it was deleted,
//! when something was last said there.

use std::collections::{BTreeMap, BTreeSet};

use database::{Turn, chunks, number_of, tuples};
use sea_orm::{ConnectionTrait, DbErr};
use types::{ContactId, WorkspaceId, micros, timestamp};

use super::{
    rows,
    rows::{number, text},
    statement,
};
use crate::domain::{ConversationId, Member, News};

/// A conversation of a workspace.
pub type Place = (WorkspaceId, ConversationId);
/// A contact's place in one.
pub type Seat = (WorkspaceId, ConversationId, ContactId);

/// Whose place some news are about.
pub fn seat(workspace: &WorkspaceId, news: &News) -> Seat {
    (
        workspace.clone(),
        news.conversation.clone(),
        news.member.contact.clone(),
    )
}

/// The kind of turn that a conversation is; replicas of all versions have to agree on it.
const CONVERSATION: i32 = 7002;
/// The kind of turn that all conversations at once are: who needs one of them shares it, who forgets all has it
/// alone. A turn for each would be more than the server has room for.
const CONVERSATIONS: i32 = 7006;

/// Waits for the turn of these conversations, before it is read who is in them. Who links a ticket and who
/// hears of a new participant look at each other's rows: without turns neither sees the other's.
///
/// # Errors
/// When the database fails.
pub async fn take_turns(tx: &impl ConnectionTrait, of: &BTreeSet<Place>) -> Result<(), DbErr> {
    let numbers: Vec<i32> = of
        .iter()
        .map(|(workspace, conversation)| number_of(&[workspace.as_str(), conversation.as_str()]))
        .collect();
    if numbers.is_empty() {
        return Ok(());
    }
    database::take_turns(tx, CONVERSATIONS, Turn::Shared, [0]).await?;
    database::take_turns(tx, CONVERSATION, Turn::Alone, numbers).await
}

/// Everybody who is or was in a conversation, without those who are no more; empty when Conversations has not told of it, or only to
/// another workspace.
///
/// # Errors
/// When the database fails.
pub async fn members(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    conversation: &ConversationId,
) -> Result<Vec<Member>, DbErr> {
    let rows = db
        .query_all_raw(statement(
            db,
            "select contact_id, participant, deleted, last_message_at from conversation_member m \
             where workspace_id = $1 and conversation_id = $2 and not exists \
             (select 1 from departed_contact d where d.workspace_id = m.workspace_id \
             and d.contact_id = m.contact_id)",
            [text(workspace), text(conversation)],
        ))
        .await?;
    rows.iter()
        .map(|row| {
            let last: Option<i64> = row.try_get("", "last_message_at")?;
            Ok(Member {
                contact: rows::id(row, "contact_id", ContactId::parse)?,
                participant: row.try_get("", "participant")?,
                deleted: row.try_get("", "deleted")?,
                last_message_at: last.map(timestamp),
            })
        })
        .collect()
}

/// Whether Conversations told that a conversation was deleted.
///
/// # Errors
/// When the database fails.
pub async fn is_deleted(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    conversation: &ConversationId,
) -> Result<bool, DbErr> {
    let row = db
        .query_one_raw(statement(
            db,
            "select 1 as one from conversation_member \
             where workspace_id = $1 and conversation_id = $2 and deleted limit 1",
            [text(workspace), text(conversation)],
        ))
        .await?;
    Ok(row.is_some())
}

/// Keeps the newest that was told of each contact in each conversation, and returns those told
/// something newer than was kept.
///
/// # Errors
/// When the database fails.
pub async fn put(
    db: &impl ConnectionTrait,
    told: &[(WorkspaceId, News)],
) -> Result<BTreeSet<Seat>, DbErr> {
    let mut newest: BTreeMap<Seat, &News> = BTreeMap::new();
    for (workspace, news) in told {
        let kept = newest.entry(seat(workspace, news)).or_insert(news);
        if kept.version < news.version {
            *kept = news;
        }
    }
    let rows: Vec<_> = newest
        .into_iter()
        .map(|((workspace, conversation, contact), news)| {
            [
                text(&workspace),
                text(&conversation),
                text(&contact),
                number(news.version),
                news.member.participant.into(),
                news.member.deleted.into(),
                news.member.last_message_at.map(micros).into(),
            ]
        })
        .collect();
    let mut newer = BTreeSet::new();
    for rows in chunks(&rows) {
        let sql = format!(
            "insert into conversation_member (workspace_id, conversation_id, contact_id, \
             member_version, participant, deleted, last_message_at) values {} \
             on conflict (workspace_id, conversation_id, contact_id) do update \
             set member_version = excluded.member_version, participant = excluded.participant, \
             deleted = excluded.deleted, last_message_at = excluded.last_message_at \
             where conversation_member.member_version < excluded.member_version \
             returning workspace_id, conversation_id, contact_id",
            tuples(rows.len(), 7)
        );
        let values = rows.iter().flatten().cloned();
        for row in db.query_all_raw(statement(db, sql, values)).await? {
            newer.insert((
                rows::id(&row, "workspace_id", WorkspaceId::parse)?,
                rows::id(&row, "conversation_id", ConversationId::parse)?,
                rows::id(&row, "contact_id", ContactId::parse)?,
            ));
        }
    }
    Ok(newer)
}

/// T7: the newest message by a contact that was taken in, of each conversation that has one.
///
/// # Errors
/// When the database fails.
pub async fn replies(
    db: &impl ConnectionTrait,
    of: &BTreeSet<Place>,
) -> Result<BTreeMap<Place, u64>, DbErr> {
    let places: Vec<_> = of.iter().collect();
    let mut taken = BTreeMap::new();
    for places in chunks(&places) {
        let sql = format!(
            "with asked (workspace_id, conversation_id) as (values {}) \
             select r.workspace_id, r.conversation_id, r.applied_seq from asked \
             join conversation_reply r on r.workspace_id = asked.workspace_id \
             and r.conversation_id = asked.conversation_id",
            tuples(places.len(), 2)
        );
        let values = places
            .iter()
            .flat_map(|(workspace, conversation)| [text(workspace), text(conversation)]);
        for row in db.query_all_raw(statement(db, sql, values)).await? {
            let place = (
                rows::id(&row, "workspace_id", WorkspaceId::parse)?,
                rows::id(&row, "conversation_id", ConversationId::parse)?,
            );
            taken.insert(place, rows::count(&row, "applied_seq")?);
        }
    }
    Ok(taken)
}

/// T7: takes in contacts' messages. Call it in the transaction that read [`replies`].
///
/// # Errors
/// When the database fails.
pub async fn take_replies(
    db: &impl ConnectionTrait,
    taken: &BTreeMap<Place, u64>,
) -> Result<(), DbErr> {
    let rows: Vec<_> = taken
        .iter()
        .map(|((workspace, conversation), seq)| [text(workspace), text(conversation), number(*seq)])
        .collect();
    for rows in chunks(&rows) {
        let sql = format!(
            "insert into conversation_reply (workspace_id, conversation_id, applied_seq) values {} \
             on conflict (workspace_id, conversation_id) do update \
             set applied_seq = excluded.applied_seq \
             where conversation_reply.applied_seq < excluded.applied_seq",
            tuples(rows.len(), 3)
        );
        let values = rows.iter().flatten().cloned();
        db.execute_raw(statement(db, sql, values)).await?;
    }
    Ok(())
}

/// Forgets the replica, before all of it is told again. What was taken in of contacts' messages stays:
/// hearing of them again must not move a ticket twice. All conversations are this transaction's turn from
/// here on: it needs no other.
///
/// # Errors
/// When the database fails.
pub async fn forget(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    database::take_turns(db, CONVERSATIONS, Turn::Alone, [0]).await?;
    db.execute_raw(statement(db, "delete from conversation_member", []))
        .await?;
    Ok(())
}
