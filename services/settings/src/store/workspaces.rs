//! Workspaces and teammates.

use sea_orm::{
    ConnectionTrait, DbErr, QueryResult,
    sea_query::{Expr, ExprTrait, Query},
};
use types::{TeammateId, WorkspaceId, micros};

use super::{all, id, one, run, text, time};
use crate::domain::{Teammate, Workspace};

/// Teammates told of at the most.
const MAX_TEAMMATES: i32 = 500;

/// Adds a workspace.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &impl ConnectionTrait, workspace: &Workspace) -> Result<(), DbErr> {
    run(
        db,
        "insert into workspace (id, name, app_id, created_at) values ($1, $2, $3, $4)",
        [
            workspace.id.as_str().into(),
            workspace.name.as_str().into(),
            workspace.app_id.as_str().into(),
            micros(workspace.created_at).into(),
        ],
    )
    .await?;
    Ok(())
}

/// The workspace, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
) -> Result<Option<Workspace>, DbErr> {
    let row = one(
        db,
        "select id, name, app_id, created_at from workspace where id = $1",
        [workspace.as_str().into()],
    )
    .await?;
    row.map(|row| {
        Ok(Workspace {
            id: id(&row, "id")?,
            name: text(&row, "name")?,
            app_id: id(&row, "app_id")?,
            created_at: time(&row, "created_at")?,
        })
    })
    .transpose()
}

/// Makes other changes of the workspace's configuration wait until this transaction has ended; false
/// when there is no such workspace. (On SQLite every writing transaction waits anyway.)
///
/// # Errors
/// When the database fails.
pub async fn lock(tx: &impl ConnectionTrait, workspace: &WorkspaceId) -> Result<bool, DbErr> {
    let row = Query::select()
        .column("id")
        .from("workspace")
        .and_where(Expr::col("id").eq(workspace.as_str()))
        .lock_exclusive()
        .to_owned();
    Ok(tx.query_one(&row).await?.is_some())
}

/// There is such a workspace.
///
/// # Errors
/// When the database fails.
pub async fn exists(db: &impl ConnectionTrait, workspace: &WorkspaceId) -> Result<bool, DbErr> {
    let row = one(
        db,
        "select id from workspace where id = $1",
        [workspace.as_str().into()],
    )
    .await?;
    Ok(row.is_some())
}

/// Adds a teammate.
///
/// # Errors
/// When the database fails.
pub async fn insert_teammate(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    teammate: &Teammate,
    now: i64,
) -> Result<(), DbErr> {
    run(
        db,
        "insert into teammate (workspace_id, id, name, sort_name, email, created_at) \
         values ($1, $2, $3, $4, $5, $6)",
        [
            workspace.as_str().into(),
            teammate.id.as_str().into(),
            teammate.name.as_str().into(),
            teammate.name.to_lowercase().into(),
            teammate.email.as_str().into(),
            now.into(),
        ],
    )
    .await?;
    Ok(())
}

/// The first teammates by name, capitals or not.
///
/// # Errors
/// When the database fails.
pub async fn teammates(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
) -> Result<Vec<Teammate>, DbErr> {
    let rows = all(
        db,
        "select id, name, email from teammate where workspace_id = $1 order by sort_name, id limit $2",
        [workspace.as_str().into(), MAX_TEAMMATES.into()],
    )
    .await?;
    rows.iter().map(teammate).collect()
}

/// One teammate, if they are of this workspace.
///
/// # Errors
/// When the database fails.
pub async fn find_teammate(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    teammate_id: &TeammateId,
) -> Result<Option<Teammate>, DbErr> {
    let row = one(
        db,
        "select id, name, email from teammate where workspace_id = $1 and id = $2",
        [workspace.as_str().into(), teammate_id.as_str().into()],
    )
    .await?;
    row.as_ref().map(teammate).transpose()
}

fn teammate(row: &QueryResult) -> Result<Teammate, DbErr> {
    Ok(Teammate {
        id: id(row, "id")?,
        name: text(row, "name")?,
        email: text(row, "email")?,
    })
}
