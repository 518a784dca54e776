//! Teammates.

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use types::{TeammateId, WorkspaceId};

use super::{all, damaged, id, one, run, text};
use crate::domain::{Role, Teammate};

/// Teammates told of at the most.
const MAX_TEAMMATES: i32 = 500;

/// Adds a teammate.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    teammate: &Teammate,
    now: i64,
) -> Result<(), DbErr> {
    run(
        db,
        workspace,
        "insert into teammate (workspace_id, id, name, sort_name, email, created_at, role, active) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            teammate.id.as_str().into(),
            teammate.name.as_str().into(),
            teammate.name.to_lowercase().into(),
            teammate.email.as_str().into(),
            now.into(),
            teammate.role.as_str().into(),
            teammate.active.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Writes a teammate's name, role and activity. Call it under [`super::workspaces::lock`].
///
/// # Errors
/// When the database fails.
pub async fn update(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    teammate: &Teammate,
) -> Result<(), DbErr> {
    run(
        tx,
        workspace,
        "update teammate set name = $3, sort_name = $4, role = $5, active = $6 \
         where workspace_id = $1 and id = $2",
        [
            teammate.id.as_str().into(),
            teammate.name.as_str().into(),
            teammate.name.to_lowercase().into(),
            teammate.role.as_str().into(),
            teammate.active.into(),
        ],
    )
    .await?;
    Ok(())
}

/// The first teammates by name, capitals or not.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
) -> Result<Vec<Teammate>, DbErr> {
    let rows = all(
        db,
        workspace,
        "select id, name, email, role, active from teammate where workspace_id = $1 \
         order by sort_name, id limit $2",
        [MAX_TEAMMATES.into()],
    )
    .await?;
    rows.iter().map(teammate).collect()
}

/// One teammate, if they are of this workspace.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    teammate_id: &TeammateId,
) -> Result<Option<Teammate>, DbErr> {
    let row = one(
        db,
        workspace,
        "select id, name, email, role, active from teammate where workspace_id = $1 and id = $2",
        [teammate_id.as_str().into()],
    )
    .await?;
    row.as_ref().map(teammate).transpose()
}

/// Whether somebody but this teammate is an active admin. Call it under [`super::workspaces::lock`].
///
/// # Errors
/// When the database fails.
pub async fn has_another_admin(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    teammate_id: &TeammateId,
) -> Result<bool, DbErr> {
    let row = one(
        tx,
        workspace,
        "select id from teammate where workspace_id = $1 and id <> $2 and role = $3 and active limit 1",
        [teammate_id.as_str().into(), Role::Admin.as_str().into()],
    )
    .await?;
    Ok(row.is_some())
}

pub(super) fn role(row: &QueryResult) -> Result<Role, DbErr> {
    Role::from_name(&text(row, "role")?).ok_or_else(|| damaged("role"))
}

fn teammate(row: &QueryResult) -> Result<Teammate, DbErr> {
    Ok(Teammate {
        id: id(row, "id")?,
        name: text(row, "name")?,
        email: text(row, "email")?,
        role: role(row)?,
        active: row.try_get("", "active")?,
    })
}
