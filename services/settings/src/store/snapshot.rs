//! What readers of the feed need who start from nothing: page by page, over all workspaces.

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use types::{ContactId, WorkspaceId};

use super::{Everywhere, all, id, one, sessions::ended, text, time};
use crate::domain::{EndedSession, Erasure, Merge};

/// What is changed as a whole and told of with its workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// The switches.
    Settings,
    /// Identity modes and allowed origins.
    Security,
}

/// Workspaces whose settings or security were ever changed, after a place, with the time of the last
/// change in microseconds since 1970.
///
/// # Errors
/// When the database fails.
pub async fn changed_workspaces(
    db: &impl ConnectionTrait,
    whole: Whole,
    after: &str,
    limit: i32,
) -> Result<Vec<(WorkspaceId, i64)>, DbErr> {
    let table = match whole {
        Whole::Settings => "messenger_settings",
        Whole::Security => "messenger_security",
    };
    let sql = format!(
        "select workspace_id, changed_at from {table} where workspace_id > $1 and version > 0 \
         order by workspace_id limit $2"
    );
    let values = [after.into(), limit.into()];
    let rows = all(db, Everywhere::Snapshot, &sql, values).await?;
    rows.iter()
        .map(|row| Ok((id(row, "workspace_id")?, row.try_get("", "changed_at")?)))
        .collect()
}

/// Visitors who were merged into a user, after a place.
///
/// # Errors
/// When the database fails.
pub async fn merges(
    db: &impl ConnectionTrait,
    (workspace, contact): (&str, &str),
    limit: i32,
) -> Result<Vec<Merge>, DbErr> {
    let rows = all(
        db,
        Everywhere::Snapshot,
        "select v.workspace_id, v.id, v.merged_into, v.merged_at, u.name from contact v \
         join contact u on u.workspace_id = v.workspace_id and u.id = v.merged_into \
         where v.merged_into is not null and (v.workspace_id, v.id) > ($1, $2) \
         order by v.workspace_id, v.id limit $3",
        [workspace.into(), contact.into(), limit.into()],
    )
    .await?;
    rows.iter().map(merge).collect()
}

/// The visitors who were merged into one user at or after a time, in microseconds since 1970, after a place.
///
/// # Errors
/// When the database fails.
pub async fn merges_into(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    user: &ContactId,
    since: i64,
    after: &str,
    limit: i32,
) -> Result<Vec<Merge>, DbErr> {
    let rows = all(
        db,
        workspace,
        "select v.workspace_id, v.id, v.merged_into, v.merged_at, u.name from contact v \
         join contact u on u.workspace_id = v.workspace_id and u.id = v.merged_into \
         where v.workspace_id = $1 and v.merged_into = $2 and v.merged_at >= $3 and v.id > $4 \
         order by v.id limit $5",
        [
            user.as_str().into(),
            since.into(),
            after.into(),
            limit.into(),
        ],
    )
    .await?;
    rows.iter().map(merge).collect()
}

/// What a visitor was merged into, if they were.
///
/// # Errors
/// When the database fails.
pub async fn merge_of(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    visitor: &ContactId,
) -> Result<Option<Merge>, DbErr> {
    let row = one(
        db,
        workspace,
        "select v.workspace_id, v.id, v.merged_into, v.merged_at, u.name from contact v \
         join contact u on u.workspace_id = v.workspace_id and u.id = v.merged_into \
         where v.workspace_id = $1 and v.id = $2",
        [visitor.as_str().into()],
    )
    .await?;
    row.as_ref().map(merge).transpose()
}

/// When a contact was erased, if they were.
///
/// # Errors
/// When the database fails.
pub async fn erasure_of(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
) -> Result<Option<Erasure>, DbErr> {
    let row = one(
        db,
        workspace,
        "select workspace_id, id, erased_at from contact \
         where workspace_id = $1 and id = $2 and erased_at is not null",
        [contact.as_str().into()],
    )
    .await?;
    row.as_ref().map(erasure).transpose()
}

/// Contacts who were erased, after a place.
///
/// # Errors
/// When the database fails.
pub async fn erasures(
    db: &impl ConnectionTrait,
    (workspace, contact): (&str, &str),
    limit: i32,
) -> Result<Vec<Erasure>, DbErr> {
    let rows = all(
        db,
        Everywhere::Snapshot,
        "select workspace_id, id, erased_at from contact \
         where erased_at is not null and (workspace_id, id) > ($1, $2) \
         order by workspace_id, id limit $3",
        [workspace.into(), contact.into(), limit.into()],
    )
    .await?;
    rows.iter().map(erasure).collect()
}

/// Sessions that were ended before their time, while that time has not come, after a place.
///
/// # Errors
/// When the database fails.
pub async fn ended_sessions(
    db: &impl ConnectionTrait,
    after: &str,
    now: i64,
    limit: i32,
) -> Result<Vec<EndedSession>, DbErr> {
    let rows = all(
        db,
        Everywhere::Snapshot,
        "select id, workspace_id, contact_id, revoked_at from session \
         where id > $1 and revoked_at is not null and expires_at > $2 \
         union all select id, workspace_id, contact_id, revoked_at from visitor_session \
         where id > $1 and revoked_at is not null and expires_at > $2 order by id limit $3",
        [after.into(), now.into(), limit.into()],
    )
    .await?;
    rows.iter().map(ended).collect()
}

fn merge(row: &QueryResult) -> Result<Merge, DbErr> {
    Ok(Merge {
        workspace: id(row, "workspace_id")?,
        from: id(row, "id")?,
        into: id(row, "merged_into")?,
        into_name: text(row, "name")?,
        at: time(row, "merged_at")?,
    })
}

fn erasure(row: &QueryResult) -> Result<Erasure, DbErr> {
    Ok(Erasure {
        workspace: id(row, "workspace_id")?,
        contact: id(row, "id")?,
        at: time(row, "erased_at")?,
    })
}
