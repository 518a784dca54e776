//! What Conversations told, as far as tickets need it: who is in a conversation, whether it was deleted,
//! when something was last said there.

use sea_orm::{ConnectionTrait, DbErr};
use types::{ContactId, WorkspaceId, micros, timestamp};

use super::{
    rows,
    rows::{number, text},
    statement,
};
use crate::domain::{ConversationId, Member, News};

/// Everybody who is or was in a conversation; empty when Conversations has not told of it, or only to
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
            "select contact_id, participant, deleted, last_message_at from conversation_member \
             where workspace_id = $1 and conversation_id = $2",
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

/// Keeps what was told of a contact in a conversation; false when something newer is kept.
///
/// # Errors
/// When the database fails.
pub async fn put(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    news: &News,
) -> Result<bool, DbErr> {
    let done = db
        .execute_raw(statement(
            db,
            "insert into conversation_member (workspace_id, conversation_id, contact_id, \
             member_version, participant, deleted, last_message_at) values ($1, $2, $3, $4, $5, $6, $7) \
             on conflict (workspace_id, conversation_id, contact_id) do update \
             set member_version = excluded.member_version, participant = excluded.participant, \
             deleted = excluded.deleted, last_message_at = excluded.last_message_at \
             where conversation_member.member_version < excluded.member_version",
            [
                text(workspace),
                text(&news.conversation),
                text(&news.member.contact),
                number(news.version),
                news.member.participant.into(),
                news.member.deleted.into(),
                news.member.last_message_at.map(micros).into(),
            ],
        ))
        .await?;
    Ok(done.rows_affected() > 0)
}

/// T7: takes in a contact's message, once: false when it, or a later one, was taken in before.
///
/// # Errors
/// When the database fails.
pub async fn take_reply(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    conversation: &ConversationId,
    seq: u64,
) -> Result<bool, DbErr> {
    let done = db
        .execute_raw(statement(
            db,
            "insert into conversation_reply (workspace_id, conversation_id, applied_seq) \
             values ($1, $2, $3) on conflict (workspace_id, conversation_id) do update \
             set applied_seq = excluded.applied_seq \
             where conversation_reply.applied_seq < excluded.applied_seq",
            [text(workspace), text(conversation), number(seq)],
        ))
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets the replica, before all of it is told again. What was taken in of contacts' messages stays:
/// hearing of them again must not move a ticket twice.
///
/// # Errors
/// When the database fails.
pub async fn forget(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    db.execute_raw(statement(db, "delete from conversation_member", []))
        .await?;
    Ok(())
}
