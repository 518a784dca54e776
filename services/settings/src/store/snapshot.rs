//! What readers of the feed need who start from nothing: page by page, over all workspaces.

use sea_orm::{ConnectionTrait, DbErr};
use types::WorkspaceId;

use super::{all, id, sessions::ended};
use crate::domain::EndedSession;

/// Workspaces whose settings were ever changed, after a place, with the time of the last change in
/// microseconds since 1970.
///
/// # Errors
/// When the database fails.
pub async fn changed_workspaces(
    db: &impl ConnectionTrait,
    after: &str,
    limit: i32,
) -> Result<Vec<(WorkspaceId, i64)>, DbErr> {
    let rows = all(
        db,
        "select workspace_id, changed_at from messenger_settings where workspace_id > $1 and version > 0 \
         order by workspace_id limit $2",
        [after.into(), limit.into()],
    )
    .await?;
    rows.iter()
        .map(|row| Ok((id(row, "workspace_id")?, row.try_get("", "changed_at")?)))
        .collect()
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
        "select id, workspace_id, contact_id, revoked_at from session \
         where id > $1 and revoked_at is not null and expires_at > $2 order by id limit $3",
        [after.into(), now.into(), limit.into()],
    )
    .await?;
    rows.iter().map(ended).collect()
}
