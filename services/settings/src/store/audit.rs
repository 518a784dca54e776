//! The audit: written in the transaction of the change, never changed.

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use types::{ContactId, WorkspaceId, micros};

use super::{all, id, run, text, time};
use crate::domain::{AuditPlace, Entry};

/// Adds a line.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    entry: &Entry,
) -> Result<(), DbErr> {
    run(
        tx,
        workspace,
        "insert into audit_entry (workspace_id, id, action, actor_id, subject, value_before, \
         value_after, happened_at) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            entry.id.as_str().into(),
            entry.action.as_str().into(),
            entry.actor.as_str().into(),
            entry.subject.as_str().into(),
            entry.before.as_str().into(),
            entry.after.as_str().into(),
            micros(entry.at).into(),
        ],
    )
    .await?;
    Ok(())
}

/// Up to `limit` entries from a place, newest first; those of one action, if it is named.
///
/// # Errors
/// When the database fails.
pub async fn page(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    action: &str,
    after: &AuditPlace,
    limit: usize,
) -> Result<Vec<Entry>, DbErr> {
    // each follows an index of its own
    let sql = |done_so: &str| {
        format!(
            "select id, action, actor_id, subject, value_before, value_after, happened_at \
             from audit_entry where workspace_id = $1 {done_so} and (happened_at, id) < ($2, $3) \
             order by happened_at desc, id desc limit $4"
        )
    };
    let (at, id, limit) = (
        after.at.into(),
        after.id.as_str().into(),
        (limit as i64).into(),
    );
    let rows = match action {
        "" => all(db, workspace, &sql(""), [at, id, limit]).await?,
        action => {
            let values = [at, id, limit, action.into()];
            all(db, workspace, &sql("and action = $5"), values).await?
        }
    };
    rows.iter().map(entry).collect()
}

/// The newest lines about a contact, or about visitors who were merged into it, newest first.
///
/// # Errors
/// When the database fails.
pub async fn about_contact(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
    limit: i32,
) -> Result<Vec<Entry>, DbErr> {
    let rows = all(
        db,
        workspace,
        "select id, action, actor_id, subject, value_before, value_after, happened_at from audit_entry \
         where workspace_id = $1 and (subject = $2 or subject in \
         (select id from contact where workspace_id = $1 and merged_into = $2)) \
         order by happened_at desc, id desc limit $3",
        [contact.as_str().into(), limit.into()],
    )
    .await?;
    rows.iter().map(entry).collect()
}

fn entry(row: &QueryResult) -> Result<Entry, DbErr> {
    Ok(Entry {
        id: id(row, "id")?,
        action: text(row, "action")?,
        actor: text(row, "actor_id")?,
        subject: text(row, "subject")?,
        before: text(row, "value_before")?,
        after: text(row, "value_after")?,
        at: time(row, "happened_at")?,
    })
}
